"""Per-layer noise of StyleGAN2: one scalar strength, one map for all channels."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("tfgan")
class Noise(keras.layers.Layer):
    """Adds a noise map, scaled by one learned strength, to every channel.

    y = x + strength * noise, with strength initially 0.

    Call arguments:
        x: Feature maps, [B, H, W, C].
        noise: [B, H, W, 1] or None for the layer's own fixed map.

    Returns:
        [B, H, W, C] in the dtype of `x`.

    Reference:
        Karras et al. 2020, arXiv:1912.04958, section 2; the fixed map is `noise_const` of
        NVlabs/stylegan2-ada-pytorch.
    """

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)

    def build(self, input_shape):
        self.strength = self.add_weight(
            name="strength", shape=(), initializer="zeros", autocast=False
        )
        self.fixed = self.add_weight(
            name="fixed",
            shape=(*input_shape[1:3], 1),
            initializer=keras.initializers.RandomNormal(stddev=1.0),
            trainable=False,
            autocast=False,
        )

    def call(self, x, noise=None):
        noise = tf.convert_to_tensor(self.fixed)[None] if noise is None else noise
        return x + tf.cast(noise * self.strength, x.dtype)
