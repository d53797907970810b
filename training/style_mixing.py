"""Mixing regularisation of StyleGAN and StyleGAN2."""

import tensorflow as tf

from tfgan.draws import Draws


def mixed_styles(
    generator, draws: Draws, labels, probability: float, layers: int, together: int = 1
):
    """Styles of new latents; moves their running average; a batch may switch to second latents.

    Args:
        generator: With `mapping`, `latent_dim` and `class_names`.
        draws: Random numbers. All shards switch at the same layer.
        labels: Classes of the batch; not used by a generator without classes.
        probability: That the batch switches, at a layer in equal shares.
        layers: Number L of style layers in use.
        together: Layers in a row that always share a style.

    Returns:
        [b, L, W].

    Reference:
        Karras et al. 2018, arXiv:1812.04948, section 3.1.
    """
    labels = labels if generator.class_names else None
    first = generator.mapping(draws.normal([generator.latent_dim]), labels)
    generator.mapping.update_average(first)
    styles = tf.repeat(first[:, None], layers, axis=1)
    places = layers // together - 1
    if not probability or not places:
        return styles
    second = generator.mapping(draws.normal([generator.latent_dim]), labels)
    cutoff = together * (1 + tf.cast(draws.shared_uniform() * places, tf.int32))
    cutoff = tf.where(draws.shared_uniform() < probability, cutoff, layers)
    from_first = (tf.range(layers) < cutoff)[None, :, None]
    return tf.where(from_first, styles, second[:, None])
