"""Shared by the imports of StyleGAN and StyleGAN2."""

from collections.abc import Callable, Container
from typing import Any

import numpy as np

from tfgan.importers.parts import DISCRIMINATOR, RAW, Part
from tfgan.importers.weights import by_path

Make = Callable[[], tuple[Any, list[str]]]

WHOLE_BATCH = 2**16  # group size of the minibatch standard deviation, larger than any batch
_PATCH = 16  # pixels
_LATENTS = 10_000  # for the average style: its error is a hundredth of the styles' spread


def set_absent(generator: Any, loaded: Container[str]) -> None:
    """Sets fixed noise and the average style of a generator, if its file does not hold them.

    Both are the same for every import of a file.

    Args:
        generator: A `StyleGANGenerator` or `StyleGAN2Generator`, built.
        loaded: Paths of the variables that were in the file.
    """
    import tensorflow as tf

    for i, (path, variable) in enumerate(by_path(generator).items()):
        if path.endswith("noise/fixed") and path not in loaded:
            variable.assign(tf.random.stateless_normal(variable.shape, [0, i]))
    if "mapping/average" not in loaded:
        latents = tf.random.stateless_normal([_LATENTS, generator.latent_dim], [0, 0])
        generator.mapping.average.assign(tf.reduce_mean(generator.mapping(latents), axis=0))


def _crop(maps: Any) -> Any:
    """The first _PATCH rows and columns of maps [B, H, W, C], or None."""
    return None if maps is None else maps[:, :_PATCH, :_PATCH]


def _labels(count: int) -> Any:
    """The first class, if there are classes."""
    return np.array([0]) if count else None


def _styles(generator: Any) -> Any:
    """The styles of a fixed latent, [1, L, W]."""
    latents = np.random.default_rng(0).standard_normal((1, generator.latent_dim), np.float32)
    return generator.truncate(generator.mapping(latents, _labels(len(generator.class_names))))


def draw_stylegan(generator: Any) -> Any:
    """A corner of the picture of a fixed latent, [1, h, w, 3], by a `StyleGANGenerator`.

    All layers process only a corner of their maps: a whole picture of 1024 pixels takes more memory
    than the rest of an import.
    """
    styles, noise, x = _styles(generator), generator.synthesis.fixed_noise(), None
    for i, block in enumerate(generator.synthesis.blocks):
        layers = slice(2 * i, 2 * i + 2)
        x = block(
            _crop(x), styles[:, layers], [n[:, : 2 * _PATCH, : 2 * _PATCH] for n in noise[layers]]
        )
    return block.torgb(x)


def draw_stylegan2(generator: Any) -> Any:
    """The same by a `StyleGAN2Generator`."""
    styles, noise, x, image = _styles(generator), generator.synthesis.fixed_noise(), None, None
    first = 0
    for block in generator.synthesis.blocks:
        last = first + block.num_convs
        maps = [n[:, : 2 * _PATCH, : 2 * _PATCH] for n in noise[first:last]]
        x, image = block(_crop(x), _crop(image), styles[:, first : last + 1], maps)
        first = last
    return image


def style_parts(
    about: str, generator: Make, raw: Make | None, discriminator: Make | None, run: Any
) -> list[Part]:
    """The parts of a file of StyleGAN or StyleGAN2.

    Args:
        about: Description of the averaged generator.
        generator: Makes the averaged generator, see `Part.make`.
        raw: Makes the generator before averaging; None if the file has none.
        discriminator: Makes the discriminator; None if the file has none.
        run: Tries a generator, see `Part.run`.
    """
    parts = [
        Part("", about, generator, run),
        raw and Part(RAW, "its generator before averaging", raw, run),
        discriminator and Part(DISCRIMINATOR, "its discriminator", discriminator, None),
    ]
    return [part for part in parts if part]
