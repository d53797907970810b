"""Branches of a network, one per domain."""

import keras
import tensorflow as tf

from tfgan.layers.arguments import StoresArguments
from tfgan.layers.he import he_normal


@keras.saving.register_keras_serializable("tfgan")
class DomainDense(StoresArguments, keras.layers.Layer):
    """D dense layers side by side; each example uses the layer of its domain.

    y = x @ kernel[:, d] + bias[d] with d the example's domain, [fan_in, D, units] and [D, units]
    stored flat. All branches are one matrix product, of which each example keeps its domain's
    part. So the weights are constants of an exported file, as quantisers and accelerators expect.

    Args:
        units: Output width of each branch.
        num_domains: Number of branches D.

    Call arguments:
        x: [B, fan_in].
        labels: Domain indices, int [B], each from 0 to D - 1.

    Returns:
        [B, units] in the layer's compute dtype.

    Reference:
        Choi et al. 2020, arXiv:1912.01865, section 2.1: multiple output branches.
    """

    def __init__(self, units: int, num_domains: int, **kwargs):
        super().__init__(**kwargs)
        self.store(locals())

    def build(self, x_shape, labels_shape=None):
        width = self.num_domains * self.units
        self.kernel = self.add_weight(
            name="kernel", shape=(x_shape[-1], width), initializer=he_normal()
        )
        self.bias = self.add_weight(name="bias", shape=(width,), initializer="zeros")

    def call(self, x, labels):
        y = tf.matmul(x, self.kernel) + self.bias
        y = tf.reshape(y, [-1, self.num_domains, self.units])
        return tf.gather(y, labels, axis=1, batch_dims=1)
