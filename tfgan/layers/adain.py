"""Adaptive instance normalisation: a style sets the statistics of feature maps."""

import keras
import tensorflow as tf

from tfgan.layers.arguments import StoresArguments
from tfgan.layers.equalized import EqualizedDense
from tfgan.layers.he import he_normal
from tfgan.layers.instance_norm import instance_normalize


@keras.saving.register_keras_serializable("tfgan")
class AdaIN(StoresArguments, keras.layers.Layer):
    """Normalizes each feature map, then scales and shifts it by a style.

    y = (1 + gamma(s)) * (x - mean(x)) / sqrt(var(x) + epsilon) + beta(s), with mean and variance
    over H and W of each example and channel, and [gamma, beta] one dense layer of the style.

    Args:
        epsilon: Added to the variance.
        kernel_gain: Gain of StyleGAN's dense layer with an equalised learning rate; see
            `EqualizedDense`. None: the He-initialised dense layer of StarGAN v2.

    Call arguments:
        x: Feature maps, [B, H, W, C].
        style: Style codes s, [B, S], float32.

    Returns:
        [B, H, W, C] in the dtype of `x`.

    Reference:
        Huang and Belongie 2017, arXiv:1703.06868; Karras et al. 2018, arXiv:1812.04948,
        section 2; Choi et al. 2020, arXiv:1912.01865, section 2.
    """

    def __init__(self, epsilon: float = 1e-5, kernel_gain: float | None = None, **kwargs):
        # Statistics and styles stay float32 whatever the compute dtype, so nothing is autocast.
        super().__init__(autocast=False, **kwargs)
        self.store(locals())

    def build(self, x_shape, style_shape):
        width = 2 * x_shape[-1]
        if self.kernel_gain is None:
            self.fc = keras.layers.Dense(
                width, kernel_initializer=he_normal(), dtype="float32", name="fc"
            )
        else:
            self.fc = EqualizedDense(
                width, kernel_gain=self.kernel_gain, dtype="float32", name="fc"
            )
        self.fc.build(style_shape)

    def call(self, x, style):
        gamma, beta = tf.split(self.fc(style)[:, None, None, :], 2, axis=-1)
        return instance_normalize(x, 1.0 + gamma, beta, self.epsilon)
