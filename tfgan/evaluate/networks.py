"""Networks whose features are compared, and features of real pictures, kept for the next time.

Those of published numbers are read from files that the user brings. The avatar network, a small
classifier of the built-in avatars, is trained here and needs no file: a number of quality that can
always be had. It has seen drawn faces alone, so of other pictures it says less; its distances have
names of their own, for they cannot be compared with those of Inception features.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfgan.arithmetic import ARITHMETIC, in_float32
from tfgan.data import decoding, pipeline
from tfgan.data.avatars import ATTRIBUTES
from tfgan.data.labelled import open_labelled
from tfgan.data.pipeline import PipelineOptions
from tfgan.data.sources import DataError, DataOptions, Source
from tfgan.digests import content_digest, file_digest, make_key
from tfgan.evaluate import classifier
from tfgan.evaluate.metric import NETWORKS, EvaluationError, Metric, Request
from tfgan.evaluate.real_pictures import read_picture
from tfgan.importers.feature_networks import load_inception, load_lpips, load_vgg16
from tfgan.inference import to_float
from tfgan.loading import class_of, load_model, weights_digest
from tfgan.metrics.stored_rows import Rows
from tfgan.models import inception, lpips, vgg

FEATURES = 2048  # of Inception-v3
SMALLEST = 32  # pixels along a side of what LPIPS takes
PICTURES = 6000  # that are drawn for the avatar network, the built-in set as it comes
LARGEST = 64  # pixels along a side of what it sees; larger pictures are reduced by means
THREADS = 8  # that decode pictures


class FeatureNetwork(NamedTuple):
    """A network as metrics use it.

    Attributes:
        name: As results call it, with what tells its weights from others.
        key: Changes with its weights and its code.
        width: Number C of features.
        features: Pictures, uint8 tensor [B, H, W, 3] -> float32 [B, C].
        model: The Keras model.
    """

    name: str
    key: str
    width: int
    features: Callable[[Any], Any]
    model: Any


def open_inception(request: Request) -> FeatureNetwork:
    """The Inception network of a request, on its replicas.

    Raises:
        UserError: If its files hold something else.
    """
    with request.replicas.strategy.scope():
        model = load_inception(request.networks["inception"])
    name, key = _identify(model, inception, f"Inception-v3, {model.form}")
    return FeatureNetwork(name, key, FEATURES, model, model)


def open_vgg16(request: Request) -> FeatureNetwork:
    """The VGG16 of a request, on its replicas.

    Raises:
        UserError: If its files hold something else.
    """
    with request.replicas.strategy.scope():
        model = load_vgg16(request.networks["vgg16"])
    name, key = _identify(model, vgg, f"{NETWORKS['vgg16'].name}, fc7")
    return FeatureNetwork(name, key, model.width, model, model)


def open_lpips(request: Request, option: str) -> FeatureNetwork:
    """A network of LPIPS, `option` of `NETWORKS`; its features are lists of maps.

    Raises:
        EvaluationError: If pictures are too small for it.
        UserError: If its files hold something else.
    """
    if request.data.resolution < SMALLEST:
        raise EvaluationError(
            f"{NETWORKS[option].name} needs pictures of {SMALLEST} pixels or more. Received: a "
            f"model of {request.data.resolution}. Leave the metric out."
        )
    with request.replicas.strategy.scope():
        model = load_lpips(option.removeprefix("lpips_"), request.networks[option])
    name, key = _identify(model, lpips, NETWORKS[option].name)
    return FeatureNetwork(name, key, 0, model.features, model)


def _identify(model: Any, module: ModuleType, name: str) -> tuple[str, str]:
    """Name and key of a network: its weights and its code."""
    digest = weights_digest(model)
    return f"{name} (weights {digest})", make_key(digest, module)


def open_attributes(resolution: int, data_dir: str | None, count: int, split: str) -> Source:
    """A split of so many built-in avatars, with all their attributes."""
    (source,), _ = open_labelled(
        DataOptions(
            ("avatars:attributes",),
            resolution=resolution,
            attributes=ATTRIBUTES,
            exclusive=((),),
            split=split,
            data_dir=data_dir,
            avatars_count=count,
        )
    )
    return source


def reduce_to(images, resolution: int):
    """Pictures uint8 [B, R, R, 3], as float32 [B, r, r, 3] in [-1, 1], by means of R/r x R/r."""
    x = to_float(images)
    factor = images.shape[1] // resolution
    return tf.nn.avg_pool2d(x, factor, factor, "VALID") if factor > 1 else x


def open_avatar_network(request: Request) -> FeatureNetwork:
    """Opens the network for the resolution of a model, or trains it and keeps it.

    Raises:
        OutputError: If the cache cannot be written to.
    """
    data = request.data
    resolution = min(data.resolution, LARGEST)
    source = open_attributes(resolution, data.data_dir, PICTURES, "train")
    _, path = classifier.kept_classifier(
        source,
        PipelineOptions(resolution, classifier.RECIPE.batch_size),
        request.cache,
        classifier.RECIPE,
        exclusive=False,
    )
    with request.replicas.strategy.scope():
        model = load_model(path)

    def features(images: Any) -> Any:
        return model.features(reduce_to(images, resolution))

    width = model.logits.kernel.shape[0]
    name = (
        f"avatar network: {width} features of a classifier of {len(source.class_names)} attributes "
        f"of drawn faces at {resolution} pixels ({path.stem})"
    )
    return FeatureNetwork(name, path.stem, width, features, model)


def open_attribute_classifier(request: Request, networks: "Networks") -> FeatureNetwork:
    """The classifier of attributes that a request names, or one that is trained.

    Its features are logits. Without both, pictures are avatars: see `systems.check_faces`.

    Raises:
        EvaluationError: If a file holds no classifier, or one of larger pictures.
    """
    path, data = request.classifier, request.data
    if path is not None:
        if class_of(path) != "Classifier":
            raise EvaluationError(
                f"--classifier must hold a Classifier. Received: {path}, which holds a "
                f"{class_of(path)}. Give one of the cache of an evaluation, or leave it out."
            )
    elif request.labelled is not None:
        resolution = min(data.resolution, LARGEST)
        (source,), (label_set,) = open_labelled(
            DataOptions(
                (request.labelled,),
                resolution=resolution,
                attribute_table=request.labelled_table,
                data_dir=data.data_dir,
                avatars_count=data.avatars_count,
            )
        )
        options = dataclasses.replace(data.pipeline_options(), resolution=resolution)
        exclusive = label_set.kind == "classes"
        _, path = classifier.kept_classifier(
            source, options, request.cache, classifier.RECIPE, exclusive
        )
    if path is None:
        avatar = networks.open("avatar")
        model, key = avatar.model, avatar.key
    else:
        with request.replicas.strategy.scope():
            model = in_float32(load_model(path))
        if data.resolution % model.resolution:
            raise EvaluationError(
                f"--classifier must take pictures of {data.resolution} pixels or smaller "
                f"ones. Received: {path}, which takes {model.resolution}."
            )
        key = file_digest(path)
    count = len(model.class_names)

    def logits(images: Any) -> Any:
        return model(reduce_to(images, model.resolution))

    name = f"{count} attributes at {model.resolution} pixels ({key[:16]})"
    return FeatureNetwork(name, key, count, logits, model)


class RealFeatures(NamedTuple):
    """Features of real pictures.

    Attributes:
        values: float32 [N, C], on disk where they are many.
        broken: Number of pictures that could not be read.
    """

    values: np.ndarray
    broken: int


# By option of the command line, but for the avatar network.
OPENERS: dict[str, Callable[[Request], FeatureNetwork]] = {
    "avatar": open_avatar_network,
    "inception": open_inception,
    "lpips_alex": functools.partial(open_lpips, option="lpips_alex"),
    "lpips_vgg": functools.partial(open_lpips, option="lpips_vgg"),
    "vgg16": open_vgg16,
}


class Networks:
    """The networks of a request, each opened once it is asked for."""

    def __init__(self, request: Request):
        self.request = request
        self.opened: dict[str, FeatureNetwork] = {}

    def open(self, option: str) -> FeatureNetwork:
        """One of `OPENERS`.

        Raises:
            UserError: If a file holds something else, or pictures are too small.
        """
        if option not in self.opened:
            self.opened[option] = OPENERS[option](self.request)
        return self.opened[option]

    @functools.cached_property
    def attributes(self) -> FeatureNetwork:
        """See `open_attribute_classifier`."""
        return open_attribute_classifier(self.request, self)

    def open_all(self, metrics: Mapping[str, Metric], chosen: Sequence[str]) -> None:
        """Opens what metrics need, so that a mistake shows before anything is measured."""
        for name in chosen:
            option = metrics[name].network
            if option is not None:
                self.open(option)

    def real_features(
        self, option: str, source: Source, places: np.ndarray, words: str
    ) -> RealFeatures:
        """Features of some pictures of a source, from the cache as far as they are there.

        Their key changes with the contents of all pictures of the source and their labels, what is
        made of them, the network and its code: nothing else can change them.

        Args:
            option: The network, one of `OPENERS`.
            source: Where the pictures are.
            places: Which of them, int [N].
            words: What they are, for the progress bar.

        Raises:
            DataError: If fewer than two can be read.
        """
        data, network, replicas = self.request.data, self.open(option), self.request.replicas
        size = (data.resolution, data.resize)
        settings = (places.tolist(), size, network.key, decoding, pipeline, ARITHMETIC)
        key = make_key("real", content_digest(source), *settings)
        run = replicas.over_rows(network.features)

        def read(place: np.integer) -> np.ndarray | None:
            return read_picture(source, int(place), data)

        def make(start: int, stop: int) -> np.ndarray:
            images = list(decoders.map(read, places[start:stop]))
            readable = np.array([image is not None for image in images])
            rows = np.zeros((stop - start, network.width + 1), np.float32)
            rows[:, -1] = readable
            if readable.any():
                rows[readable, :-1] = run(
                    np.stack([image for image in images if image is not None])
                )
            return rows

        with ThreadPoolExecutor(THREADS) as decoders:
            rows = Rows(self.request.cache / f"real-{key}.rows", network.width + 1, key)
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
        return RealFeatures(
            values if count == len(values) else values[readable], len(values) - count
        )

    def features_of(self, option: str, images: np.ndarray) -> np.ndarray:
        """Features of pictures: uint8 [N, R, R, 3] -> float32 [N, C]."""
        run = self.request.replicas.over_rows(self.open(option).features)
        size = run.batch_size
        return np.concatenate(
            [run(images[start : start + size]) for start in range(0, len(images), size)]
        )
