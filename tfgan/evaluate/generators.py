"""Generators as they are measured: picture i depends on the seed and on i alone."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfgan import figures


class Generator:
    """Draws pictures from random latents, whatever the batches are.

    Args:
        model: With `latent_dim`, `mapping`, `truncate`, `truncation_cutoff` and `synthesis`.
        labels: Classes that are drawn from, as often as they are in it; None without classes.
        psi: Truncation.
        seed: Of latents, classes and noise.
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

    def latents(self, start: int, stop: int) -> np.ndarray:
        """Latents of pictures `start` to `stop`, float32 [n, Z]."""
        width = self.model.latent_dim
        streams = [np.random.default_rng([self.seed, i, 2]) for i in range(start, stop)]
        return np.stack([stream.standard_normal(width, np.float32) for stream in streams])

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
        seeds = [(self.seed, i) for i in range(start, stop)]
        return figures.noise_maps(self.model.synthesis.noise_sizes, seeds)

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


def to_uint8(images):
    """`tfgan.figures.to_uint8` of a tensor."""
    return tf.cast(tf.clip_by_value(tf.round((images + 1.0) * 127.5), 0.0, 255.0), tf.uint8)
