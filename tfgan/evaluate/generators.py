"""How to draw from StyleGAN and StyleGAN2: picture i depends on the seed and on i alone."""

import dataclasses
import sys
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tfgan import inference
from tfgan.arithmetic import ARITHMETIC
from tfgan.data.opening import open_source
from tfgan.data.sources import DataError, Source, list_names
from tfgan.digests import make_key, model_key
from tfgan.evaluate.comparisons import SETS, draw_rows
from tfgan.evaluate.metric import Request
from tfgan.evaluate.networks import Networks, RealFeatures
from tfgan.evaluate.real_pictures import (
    TwoDraws,
    disk_array,
    note_other_pictures,
    read_two_draws,
)
from tfgan.inference import draw_latents, noise_maps, to_uint8
from tfgan.metrics.stored_rows import Rows
from tfgan.terminal import Progress

# Between the seeds of the first pictures of --seed 0 and --seed 1, or both would measure the same.
SPACING = 1_000_000


class Generator:
    """Draws pictures from random latents, whatever the batches are.

    Args:
        model: With `latent_dim`, `mapping`, `truncate`, `truncation_cutoff` and `synthesis`.
        labels: Classes that are drawn from, as often as they are in it; None without classes.
        psi: Truncation.
        seed: Of latents, classes and noise. Picture i is what other commands draw of the seed
            `SPACING * seed + i`.
        noise: "random", of each picture its own, or "fixed": the maps that the model keeps.
    """

    def __init__(
        self,
        model: Any,
        labels: np.ndarray | None,
        psi: float,
        seed: int,
        noise: str = "random",
    ):
        self.model = model
        self.labels = labels
        self.psi = psi
        self.seed = seed
        self.noise_mode = noise

    def seeds(self, start: int, stop: int) -> range:
        """Seeds of pictures `start` to `stop`, as `tfgan.generate` takes them."""
        return range(self.seed * SPACING + start, self.seed * SPACING + stop)

    def latents(self, start: int, stop: int) -> np.ndarray:
        """Latents of pictures `start` to `stop`, float32 [n, Z]."""
        return draw_latents(self.seeds(start, stop), self.model.latent_dim)

    def classes(self, start: int, stop: int) -> np.ndarray:
        """Their classes, int32 [n]; 0 where the model has none."""
        if self.labels is None:
            return np.zeros(stop - start, np.int32)
        streams = [np.random.default_rng([self.seed, i, 3]) for i in range(start, stop)]
        drawn = [stream.integers(len(self.labels)) for stream in streams]
        return self.labels[drawn].astype(np.int32)

    def noise(self, start: int, stop: int) -> list[np.ndarray]:
        """Their noise, one map [n, H, W, 1] per convolution; none where it is fixed."""
        if self.noise_mode == "fixed":
            return []
        seeds = [(seed, 0) for seed in self.seeds(start, stop)]
        return noise_maps(self.model.synthesis.noise_sizes, seeds)

    def inputs(self, start: int, stop: int) -> list[np.ndarray]:
        """What `pictures` takes of pictures `start` to `stop`."""
        return [self.latents(start, stop), self.classes(start, stop), *self.noise(start, stop)]

    def mapped(self, latents, classes):
        """Points of W: [B, Z], [B] -> [B, W]."""
        return self.model.mapping(latents, None if self.labels is None else classes)

    def styles(self, latents, classes):
        """Truncated styles: [B, Z], [B] -> [B, L, W]."""
        mapped = self.mapped(latents, classes)
        return self.model.truncate(mapped, self.psi, self.model.truncation_cutoff)

    def images(self, styles, noise):
        """Pictures in [-1, 1], float32 [B, R, R, 3]."""
        return self.model.synthesis(styles, list(noise) or None)

    def pictures(self, latents, classes, *noise):
        """Pictures as they are written to files, uint8 [B, R, R, 3]."""
        return to_uint8(self.images(self.styles(latents, classes), noise))

    def then(self, function: Callable[[Any], Any]) -> Callable[..., Any]:
        """What takes what `pictures` takes, and gives what `function` makes of them."""
        return lambda *inputs: function(self.pictures(*inputs))

    def facts(self, count: int) -> dict[str, Any]:
        """What results say of so many pictures."""
        return {
            "count": count,
            "seed": self.seed,
            "truncation_psi": self.psi,
            "noise": self.noise_mode,
        }


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
        draws = read_two_draws(self.source, request.data, len(self.names), count, request.seed)
        if len(draws.images) < count:
            most = f"{draws.where} has {len(draws.images):,} pictures: as many of each set"
            Progress.write(f"Note        {most} are compared, not {count:,}", sys.stderr)
        return draws

    def features(self, option: str) -> RealFeatures:
        """Features of real pictures, all that may be learned from unless said.

        Args:
            option: The network, one of `NETWORKS`.
        """
        if option not in self._features:
            request, total = self.request, len(self.source)
            places = draw_rows(total, request.real_count or total, request.seed)
            words = f"{option.capitalize()}, real"
            self._features[option] = self.networks.real_features(option, self.source, places, words)
        return self._features[option]


def open_reals(model: Any, request: Request) -> Reals:
    """Opens the real pictures that a generator, and others like it, are measured on.

    Raises:
        DataError: If there are no such pictures or classes.
    """
    request.data.check_single()
    names = tuple(model.class_names)
    data = dataclasses.replace(request.data, conditional=bool(names))
    source = open_source(data)
    if names and source.class_names != names:
        raise DataError(
            f"--data {source.name} must have the classes of the model: {list_names(names)}. "
            f"Received: {list_names(source.class_names)}. Name the data that it was trained on, "
            "and their --label-key."
        )
    note_other_pictures(request.fingerprint, source.fingerprint())
    return Reals(dataclasses.replace(request, data=data), source, names)


class Subject:
    """A generator, and what several metrics take of its pictures.

    Args:
        model: A generator, as `Generator` takes it.
        reals: The pictures that it is compared with.
        folder: Keeps features of generated pictures.
    """

    def __init__(self, model: Any, reals: Reals, folder: Path):
        self.model = model
        self.reals = reals
        self.folder = folder
        self.request = reals.request
        self._features: dict[tuple[str, int], np.ndarray] = {}
        settings = (self.request.psi, self.request.seed, self.request.noise)
        self.generator = Generator(model, reals.labels, *settings)
        # Whatever changes the pictures that are drawn.
        code = (sys.modules[type(model).__module__], sys.modules[__name__], inference)
        labels = None if reals.labels is None else reals.labels.tolist()
        self.key = make_key(model_key(model), *settings, labels, *code, ARITHMETIC)

    def facts(self, count: int) -> dict[str, Any]:
        """What results say of so many generated pictures."""
        return {**self.generator.facts(count), "arithmetic": self.request.arithmetic}

    @cached_property
    def pictures(self) -> np.ndarray:
        """As many generated pictures as are held back, uint8 [N, R, R, 3]."""
        run = self.request.replicas.over_rows(self.generator.pictures)
        pictures = disk_array(self.reals.held_back.images.shape, np.uint8)
        with Progress(total=len(pictures), desc="Generating", unit="img") as bar:
            for start in range(0, len(pictures), run.batch_size):
                stop = min(start + run.batch_size, len(pictures))
                pictures[start:stop] = run(*self.generator.inputs(start, stop))
                bar.update(stop - start)
        return pictures

    @cached_property
    def avatar_features(self) -> dict[str, np.ndarray]:
        """Features of the held-back pictures, "real", and of both sets beside them."""
        reals = self.reals
        sets = (reals.held_back.images, self.pictures, reals.held_back.others)
        return {
            name: reals.networks.features_of("avatar", images)
            for name, images in zip(("real", *SETS), sets, strict=True)
        }

    def features(self, option: str, count: int) -> np.ndarray:
        """Features of generated pictures, float32 [N, C], on disk.

        Args:
            option: The network, one of `NETWORKS`.
            count: Number N of them.
        """
        network = self.reals.networks.open(option)
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
        rows = Rows(self.folder / f"{name}-{key}.rows", width, key)
        rows.fill(
            count,
            lambda start, stop: run(*inputs(start, stop)),
            run.batch_size,
            words,
        )
        return rows.read(count)
