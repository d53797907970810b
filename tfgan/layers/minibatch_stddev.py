"""Minibatch standard deviation: lets a discriminator see how varied a group of images is."""

import keras
import tensorflow as tf

from tfgan.layers.arguments import StoresArguments


@keras.saving.register_keras_serializable("tfgan")
class MinibatchStddev(StoresArguments, keras.layers.Layer):
    """Appends one map per feature with the mean standard deviation over a group of examples.

    The batch is split into M groups of G examples; example i belongs to group i mod M. G is the
    largest divisor of the batch that is at most `group_size`. The batch is that of one replica:
    as long as `group_size` divides it, groups are the same as on one device.

    Args:
        group_size: Upper bound on G. Defaults to 4.
        features: Number of appended maps; channels are averaged in that many groups.

    Call arguments:
        x: Feature maps, [B, H, W, C] with a static B and C divisible by `features`.

    Returns:
        [B, H, W, C + features] in the dtype of `x`.

    Raises:
        ValueError: If B is unknown when the group size is above 1, or C does not divide.

    Reference:
        Karras et al. 2017, arXiv:1710.10196, section 3; grouping as in
        NVlabs/stylegan2-ada-pytorch, training/networks.py, MinibatchStdLayer.
    """

    def __init__(self, group_size: int = 4, features: int = 1, **kwargs):
        super().__init__(**kwargs)
        self.store(locals())

    def call(self, x):
        batch, height, width, channels = x.shape
        if channels % self.features:
            raise ValueError(
                f"channels must be divisible by features={self.features}. Received: {channels}."
            )
        if batch is None:
            raise ValueError(
                "MinibatchStddev needs a static batch size, because groups are formed from it. "
                "Received: None."
            )
        group = next(g for g in range(min(self.group_size, batch), 0, -1) if batch % g == 0)
        shape = [group, -1, height, width, self.features, channels // self.features]
        # Sums of squares leave the range of float16.
        y = tf.reshape(tf.cast(x, tf.float32), shape)
        y = y - tf.reduce_mean(y, axis=0, keepdims=True)
        y = tf.sqrt(
            tf.reduce_mean(tf.square(y), axis=0) + 1e-8
        )  # [M, H, W, features, C / features]
        y = tf.reduce_mean(y, axis=[1, 2, 4])  # [M, features]
        y = tf.tile(y[:, None, None, :], [group, height, width, 1])
        return tf.concat([x, tf.cast(y, x.dtype)], axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] + self.features)
