"""Features of pictures: of real ones, kept for the next time, and of those in memory."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import NamedTuple

import numpy as np

from tfgan.arithmetic import ARITHMETIC
from tfgan.data import decoding, pipeline
from tfgan.data.sources import DataError, Source
from tfgan.evaluate.avatar_network import open_avatar_network
from tfgan.evaluate.digests import content_digest, make_key
from tfgan.evaluate.feature_networks import (
    FeatureNetwork,
    open_inception,
    open_lpips,
    open_vgg16,
)
from tfgan.evaluate.kinds import Metric, Request
from tfgan.evaluate.real_pictures import read_picture
from tfgan.metrics.frechet import frechet_distance, moments
from tfgan.metrics.stored_rows import Rows
from tfgan.terminal import Progress

THREADS = 8  # that decode pictures
BLOCK = 2048  # rows


class Networks:
    """The networks of a request, each opened once it is asked for."""

    def __init__(self, request: Request):
        self.request = request

    @cached_property
    def avatar(self) -> FeatureNetwork:
        return open_avatar_network(self.request)

    @cached_property
    def inception(self) -> FeatureNetwork:
        return open_inception(self.request)

    @cached_property
    def lpips_alex(self) -> FeatureNetwork:
        return open_lpips(self.request, "lpips_alex")

    @cached_property
    def lpips_vgg(self) -> FeatureNetwork:
        return open_lpips(self.request, "lpips_vgg")

    @cached_property
    def vgg16(self) -> FeatureNetwork:
        return open_vgg16(self.request)


def open_networks(networks: Networks, metrics: Mapping[str, Metric], chosen: Sequence[str]) -> None:
    """Opens what metrics need, so that a mistake is found before anything is measured.

    Raises:
        UserError: If a file holds something else, or pictures are too small.
    """
    for name in chosen:
        option = metrics[name].network
        if option is not None:
            getattr(networks, option)


class RealFeatures(NamedTuple):
    """Features of real pictures.

    Attributes:
        values: float32 [N, C], on disk where they are many.
        broken: Number of pictures that could not be read.
    """

    values: np.ndarray
    broken: int


def real_features(
    request: Request, network: FeatureNetwork, source: Source, places: np.ndarray, words: str
) -> RealFeatures:
    """Features of some pictures of a source, from the cache as far as they are there.

    What is kept is found again by the contents of all pictures of the source and their labels, what
    is made of them, the network and its code: nothing else can change it.

    Args:
        request: How pictures are made, and where features are kept.
        network: Whose features.
        source: Where the pictures are.
        places: Which of them, int [N].
        words: What they are, for the progress bar.

    Raises:
        DataError: If less than two can be read.
    """
    config = request.config
    made = (config.resolution, config.resize)
    told = (places.tolist(), made, network.key, decoding, pipeline, ARITHMETIC)
    key = make_key("real", content_digest(source), *told)
    run = request.replicas.over_rows(network.features)

    def read(place: np.integer) -> np.ndarray | None:
        return read_picture(source, int(place), config)

    def make(start: int, stop: int) -> np.ndarray:
        images = list(decoders.map(read, places[start:stop]))
        readable = np.array([image is not None for image in images])
        rows = np.zeros((stop - start, network.width + 1), np.float32)
        rows[:, -1] = readable
        if readable.any():
            rows[readable, :-1] = run(np.stack([image for image in images if image is not None]))
        return rows

    with ThreadPoolExecutor(THREADS) as decoders:
        rows = Rows(request.cache / f"real-{key}.rows", network.width + 1, key)
        rows.fill(len(places), make, run.batch_size, words)
    values = rows.read(len(places))
    readable = values[:, -1] > 0
    count = int(readable.sum())
    if count < 2:
        raise DataError(
            f"--data {source.name} must have two readable pictures or more to compare with. "
            f"Received: {count}. Add pictures."
        )
    values = values[:, :-1]
    return RealFeatures(values if count == len(values) else values[readable], len(values) - count)


def features_of(request: Request, network: FeatureNetwork, images: np.ndarray) -> np.ndarray:
    """Features of pictures: uint8 [N, R, R, 3] -> float32 [N, C]."""
    run = request.replicas.over_rows(network.features)
    size = run.batch_size
    return np.concatenate(
        [run(images[start : start + size]) for start in range(0, len(images), size)]
    )


def frechet_of(real: np.ndarray, made: np.ndarray) -> float:
    """The Frechet distance of two sets of features of any size, [N, C] and [M, C]."""
    with Progress(total=3, desc="Frechet distance") as bar:
        sides = []
        for values in (real, made):
            sides.append(moments(blocks_of(values)))
            bar.update()
        return frechet_distance(*sides)


def blocks_of(values: np.ndarray) -> Iterator[np.ndarray]:
    """Rows in blocks that fit in memory: [N, C] -> [n, C] each."""
    for start in range(0, len(values), BLOCK):
        yield np.asarray(values[start : start + BLOCK])
