"""A generator and its real pictures, and what several metrics take of both."""

import dataclasses
import sys
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tfgan import figures
from tfgan.arithmetic import ARITHMETIC
from tfgan.data.opening import open_source
from tfgan.data.sources import DataError, Source, list_names
from tfgan.evaluate import generators
from tfgan.evaluate.digests import make_key, model_key
from tfgan.evaluate.features import Networks, RealFeatures, features_of, real_features
from tfgan.evaluate.generators import Generator
from tfgan.evaluate.kinds import Request
from tfgan.evaluate.real_pictures import (
    TwoDraws,
    disk_array,
    note_other_pictures,
    read_two_draws,
)
from tfgan.metrics.stored_rows import Rows
from tfgan.terminal import Progress

# What generated pictures and other real ones are called in results.
SETS = ("generated", "other_real")


def draw_rows(total: int, count: int, seed: int) -> np.ndarray:
    """So many of all rows in rising order, int [n]: all of them, or those that the seed draws."""
    if count >= total:
        return np.arange(total)
    return np.sort(np.random.default_rng(seed).permutation(total)[:count])


class Reals:
    """Real pictures, and what several metrics take of them, whatever the generator is.

    Args:
        request: How generators are measured.
        source: The pictures that they may have learned from.
        names: Of the classes; none where there are none.
    """

    def __init__(self, request: Request, source: Source, names: tuple[str, ...]):
        self.request = request
        self.networks = Networks(request)
        self.source = source
        self.names = names
        self._features: dict[str, RealFeatures] = {}

    def about(self) -> list[str]:
        """What they are, in lines."""
        return [f"Data        {self.source.name}: {len(self.source):,} pictures"]

    @cached_property
    def labels(self) -> np.ndarray | None:
        """Classes of all pictures that have one; None without classes."""
        labels = self.source.labels() if self.names else None
        return None if labels is None else labels[labels >= 0]

    @cached_property
    def held_back(self) -> TwoDraws:
        """Real pictures that are held back from training, and as many others."""
        request, count = self.request, self.request.counts["swd"]
        found = read_two_draws(self.source, request.config, len(self.names), count, request.seed)
        if len(found.images) < count:
            there = f"{found.where} has {len(found.images):,} pictures: as many of each set"
            Progress.write(f"Note        {there} are compared, not {count:,}", sys.stderr)
        return found

    def features(self, option: str) -> RealFeatures:
        """Features of real pictures, all that may be learned from unless said.

        Args:
            option: The network, one of `NETWORKS`.
        """
        if option not in self._features:
            request, network, total = self.request, getattr(self.networks, option), len(self.source)
            places = draw_rows(total, request.real_count or total, request.seed)
            words = f"{option.capitalize()}, real"
            self._features[option] = real_features(request, network, self.source, places, words)
        return self._features[option]


def open_reals(model: Any, request: Request) -> Reals:
    """See `Kind`.

    Raises:
        DataError: If there are no such pictures or classes.
    """
    request.config.check_single()
    names = tuple(model.class_names)
    config = dataclasses.replace(request.config, conditional=bool(names))
    source = open_source(config)
    if names and source.class_names != names:
        raise DataError(
            f"--data {source.name} must have the classes of the model: {list_names(names)}. "
            f"Received: {list_names(source.class_names)}. Name the data that it was trained on, "
            "and their --label-key."
        )
    note_other_pictures(request.fingerprint, source.fingerprint())
    return Reals(dataclasses.replace(request, config=config), source, names)


class Subject:
    """A generator, and what several metrics take of its pictures.

    Args:
        model: A generator, as `Generator` takes it.
        reals: The pictures that it is compared with.
        made: Folder that keeps what was made of generated pictures.
    """

    def __init__(self, model: Any, reals: Reals, made: Path):
        self.model = model
        self.reals = reals
        self.made = made
        self.request = reals.request
        self._features: dict[tuple[str, int], np.ndarray] = {}
        told = (self.request.psi, self.request.seed, self.request.noise)
        self.generator = Generator(model, reals.labels, *told)
        # Whatever changes the pictures that are drawn.
        code = (sys.modules[type(model).__module__], generators, figures)
        labels = None if reals.labels is None else reals.labels.tolist()
        self.key = make_key(model_key(model), *told, labels, *code, ARITHMETIC)

    def facts(self, count: int) -> dict[str, Any]:
        """What results say of so many generated pictures."""
        return {**self.generator.facts(count), "arithmetic": self.request.arithmetic}

    @cached_property
    def pictures(self) -> np.ndarray:
        """As many generated pictures as are held back, uint8 [N, R, R, 3]."""
        run = self.request.replicas.over_rows(self.generator.pictures)
        made = disk_array(self.reals.held_back.images.shape, np.uint8)
        with Progress(total=len(made), desc="Generating", unit="img") as bar:
            for start in range(0, len(made), run.batch_size):
                stop = min(start + run.batch_size, len(made))
                made[start:stop] = run(*self.generator.inputs(start, stop))
                bar.update(stop - start)
        return made

    @cached_property
    def avatar_features(self) -> dict[str, np.ndarray]:
        """Features of the held-back pictures, "real", and of both sets beside them."""
        reals = self.reals
        sets = (reals.held_back.images, self.pictures, reals.held_back.others)
        return {
            name: features_of(self.request, reals.networks.avatar, images)
            for name, images in zip(("real", *SETS), sets, strict=True)
        }

    def features(self, option: str, name: str) -> np.ndarray:
        """Features of generated pictures, float32 [N, C], on disk.

        Args:
            option: The network, one of `NETWORKS`.
            name: The metric, whose count they have.
        """
        network, count = getattr(self.reals.networks, option), self.request.counts[name]
        if (option, count) not in self._features:
            self._features[option, count] = self.rows(
                option,
                network.key,
                network.width,
                self.generator.then(network.features),
                count,
                f"{option.capitalize()}, generated",
            )
        return self._features[option, count]

    def rows(
        self,
        name: str,
        key: str,
        width: int,
        function: Callable[..., Any],
        count: int,
        words: str,
        inputs: Callable[[int, int], Sequence[np.ndarray]] | None = None,
    ) -> np.ndarray:
        """What a function makes of each generated picture, kept on disk.

        Args:
            name: Of what is made.
            key: Changes with the function.
            width: Numbers C of each row.
            function: Runs on replicas: the inputs -> float32 [B, C].
            count: Number N of rows.
            words: Before the progress bar.
            inputs: What it takes of rows from a first to before a last one; None: what
                `Generator.pictures` takes.

        Returns:
            float32 [N, C], on disk.
        """
        inputs = inputs or self.generator.inputs
        key = make_key(name, key, self.key)
        run = self.request.replicas.over_rows(function)
        rows = Rows(self.made / f"{name}-{key}.rows", width, key)
        rows.fill(
            count,
            lambda start, stop: run(*inputs(start, stop)),
            run.batch_size,
            words,
        )
        return rows.read(count)
