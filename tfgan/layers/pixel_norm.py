"""Normalisation of latents to unit mean square."""

import tensorflow as tf


def pixel_norm(x, epsilon: float = 1e-8):
    """Returns x / sqrt(mean(x^2 over the last axis) + epsilon), in the shape and dtype of `x`.

    Reference:
        Karras et al. 2017, arXiv:1710.10196, section 4.2; applied to latents by StyleGAN.
    """
    return x * tf.math.rsqrt(tf.reduce_mean(tf.square(x), axis=-1, keepdims=True) + epsilon)
