"""Instance normalisation."""

import keras
import tensorflow as tf

from tfgan.layers.arguments import StoresArguments


def spatial_mean(x):
    """Mean over H and W: [B, H, W, C] -> [B, 1, 1, C]."""
    # One reduction over both sums all pixels in a row, on CPUs and phones: at 256 pixels that loses
    # three digits of float32.
    return tf.reduce_mean(tf.reduce_mean(x, axis=2, keepdims=True), axis=1, keepdims=True)


def instance_normalize(x, scale, shift, epsilon: float):
    """Returns scale * (x - mean(x)) / sqrt(var(x) + epsilon) + shift in the dtype of `x`.

    Mean and (biased) variance are over H and W of each example and channel, in float32.

    Args:
        x: Feature maps, [B, H, W, C].
        scale: [C] or [B, 1, 1, C], float32.
        shift: Like `scale`.
        epsilon: Added to the variance.
    """
    centered = tf.cast(x, tf.float32)
    centered = centered - spatial_mean(centered)
    variance = spatial_mean(tf.square(centered))
    return tf.cast(centered * (scale * tf.math.rsqrt(variance + epsilon)) + shift, x.dtype)


@keras.saving.register_keras_serializable("tfgan")
class InstanceNorm(StoresArguments, keras.layers.Layer):
    """Normalizes each feature map of each example, then scales and shifts each channel.

    y = gamma * (x - mean(x)) / sqrt(var(x) + epsilon) + beta, with mean and variance over H and W.
    It keeps no running statistics: training and inference are the same.

    Args:
        epsilon: Added to the variance.

    Call arguments:
        x: Feature maps, [B, H, W, C].

    Returns:
        [B, H, W, C] in the dtype of `x`.

    Reference:
        Ulyanov et al. 2016, arXiv:1607.08022.
    """

    def __init__(self, epsilon: float = 1e-5, **kwargs):
        # Statistics stay float32 whatever the compute dtype, so nothing is autocast.
        super().__init__(autocast=False, **kwargs)
        self.store(locals())

    def build(self, input_shape):
        shape = (input_shape[-1],)
        self.gamma = self.add_weight(name="gamma", shape=shape, initializer="ones", autocast=False)
        self.beta = self.add_weight(name="beta", shape=shape, initializer="zeros", autocast=False)

    def call(self, x):
        return instance_normalize(x, self.gamma, self.beta, self.epsilon)
