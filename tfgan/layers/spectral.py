"""Convolution with spectral normalisation."""

import keras
import tensorflow as tf

from tfgan.layers.arguments import StoresArguments
from tfgan.layers.equalized import LEAKY_SLOPE


@keras.saving.register_keras_serializable("tfgan")
class SpectralConv2D(StoresArguments, keras.layers.Layer):
    """A convolution whose kernel, as a matrix [k k C, filters], has the largest singular value 1.

    One step of power iteration a call keeps the singular vector close while training goes on.

    Args:
        filters: Output channels.
        kernel_size: Height and width of the kernel.
        stride: 1 keeps H and W, 2 halves them.
        activation: "linear" or "leaky_relu" (slope 0.2).

    Call arguments:
        x: [B, H, W, C].
        training: Whether the singular vector moves.

    Returns:
        [B, H / stride, W / stride, filters].

    Reference:
        Miyato et al. 2018, arXiv:1802.05957, algorithm 1.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        stride: int = 1,
        activation: str = "leaky_relu",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.store(locals())

    def build(self, input_shape):
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.kernel_size, self.kernel_size, input_shape[-1], self.filters),
            initializer=keras.initializers.HeNormal(),
        )
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")
        self.right = self.add_weight(
            name="right",
            shape=(self.filters, 1),
            initializer=keras.initializers.RandomNormal(stddev=1.0),
            trainable=False,
            aggregation="only_first_replica",  # it follows from the kernel, which all share
        )

    def call(self, x, training=False):
        kernel = tf.convert_to_tensor(self.kernel)
        matrix = tf.reshape(kernel, [-1, self.filters])
        fixed = tf.stop_gradient(matrix)
        left = tf.math.l2_normalize(tf.matmul(fixed, self.right))
        right = tf.math.l2_normalize(tf.matmul(fixed, left, transpose_a=True))
        if training:
            self.right.assign(right)
        largest = tf.reduce_sum(left * tf.matmul(matrix, right))
        x = tf.nn.conv2d(x, kernel / largest, self.stride, "SAME") + self.bias
        return tf.nn.leaky_relu(x, LEAKY_SLOPE) if self.activation == "leaky_relu" else x
