"""What imports of StyleGAN and of StyleGAN2 share."""

from collections.abc import Container
from typing import Any

from tfgan.importers.weights import by_path

_LATENTS = 10_000  # for an average style: its error is a hundredth of the styles' spread


def set_absent(generator: Any, given: Container[str]) -> None:
    """Gives a generator what its file did not hold: fixed noise, and the average style.

    Both are the same for every import of a file.

    Args:
        generator: A `StyleGANGenerator` or `StyleGAN2Generator`, built.
        given: Paths of the variables that were in the file.
    """
    import tensorflow as tf

    for i, (path, variable) in enumerate(by_path(generator).items()):
        if path.endswith("noise/fixed") and path not in given:
            variable.assign(tf.random.stateless_normal(variable.shape, [0, i]))
    if "mapping/average" not in given:
        latents = tf.random.stateless_normal([_LATENTS, generator.latent_dim], [0, 0])
        generator.mapping.average.assign(tf.reduce_mean(generator.mapping(latents), axis=0))


def draw(generator: Any) -> Any:
    """The picture of a fixed latent, [1, H, W, 3], of the first class where there are any."""
    import tensorflow as tf

    labels = tf.constant([0]) if generator.class_names else None
    return generator(tf.random.stateless_normal([1, generator.latent_dim], [0, 0]), labels)


def judge(discriminator: Any) -> Any:
    """The logit of noise, [1, 1], of the first class where there are any."""
    import tensorflow as tf

    size = discriminator.resolution
    labels = tf.constant([0]) if discriminator.num_classes else None
    return discriminator(tf.random.stateless_uniform([1, size, size, 3], [0, 0], -1, 1), labels)
