"""Modulated convolution: a style scales the input channels of a convolution's weights."""

import math

import keras
import tensorflow as tf

from tfgan.layers import resample
from tfgan.layers.arguments import StoresArguments


@keras.saving.register_keras_serializable("tfgan")
class ModulatedConv2D(StoresArguments, keras.layers.Layer):
    """Convolves with weights that each example's style scales and, optionally, demodulates.

    w'_ijk = s_i * w_ijk;  w''_ijk = w'_ijk / sqrt(sum_ik w'_ijk^2 + epsilon)

    computed as  conv(x * s, w) * d  with  d_j = 1 / sqrt(sum_i s_i^2 sum_k w_ijk^2 + epsilon):
    exact, with constant weights, so that it runs as one plain convolution everywhere and has second
    derivatives.

    Args:
        filters: Output channels.
        kernel_size: 1 or 3.
        upsample: Whether to double H and W (transposed convolution, then FIR).
        demodulate: Whether to normalise each output channel to unit expected variance. Without it
            the weights are scaled by 1 / sqrt(fan_in).
        epsilon: Added under the root. Defaults to 1e-8.

    Call arguments:
        x: Feature maps, [B, H, W, C].
        styles: Scales of the input channels, [B, C], float32.

    Returns:
        [B, H', W', filters] in the layer's compute dtype.

    Raises:
        ValueError: If `upsample` is given with a kernel other than 3x3.

    Reference:
        Karras et al. 2020, arXiv:1912.04958, section 2.2; float16 pre-normalisation:
        arXiv:2006.06676, appendix D.1.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        upsample: bool = False,
        demodulate: bool = True,
        epsilon: float = 1e-8,
        **kwargs,
    ):
        # Styles and demodulation stay float32 whatever the compute dtype, so nothing is autocast.
        super().__init__(autocast=False, **kwargs)
        if upsample and kernel_size != 3:
            raise ValueError(f"upsample needs kernel_size 3. Received: {kernel_size}.")
        self.store(locals())

    def build(self, x_shape, styles_shape=None):
        k = self.kernel_size
        self.kernel = self.add_weight(
            name="kernel",
            shape=(k, k, x_shape[-1], self.filters),
            initializer=keras.initializers.RandomNormal(stddev=1.0),
            autocast=False,
        )

    def call(self, x, styles):
        dtype = self.compute_dtype
        kernel = tf.convert_to_tensor(self.kernel)
        fan_in = self.kernel_size**2 * x.shape[-1]
        if self.demodulate:
            if dtype == "float16":
                # Demodulation undoes any scale; dividing by the largest avoids overflow.
                largest = tf.reduce_max(tf.abs(kernel), axis=[0, 1, 2], keepdims=True)
                kernel = kernel / (largest * math.sqrt(fan_in))
                styles = styles / tf.reduce_max(tf.abs(styles), axis=1, keepdims=True)
            power = tf.reduce_sum(tf.square(kernel), axis=[0, 1])
            variance = tf.matmul(tf.square(styles), power)
            demodulation = tf.math.rsqrt(variance + self.epsilon)
        else:
            styles = styles * (1.0 / math.sqrt(fan_in))
        x = tf.cast(x, dtype) * tf.cast(styles, dtype)[:, None, None, :]
        kernel = tf.cast(kernel, dtype)
        convolve = resample.convolve_up if self.upsample else resample.convolve
        x = convolve(x, kernel)
        if self.demodulate:
            x = x * tf.cast(demodulation, dtype)[:, None, None, :]
        return x
