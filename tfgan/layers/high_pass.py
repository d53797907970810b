"""High-pass filter of StarGAN v2's skip connections."""

import keras
import numpy as np
import tensorflow as tf

from tfgan.layers.arguments import StoresArguments


@keras.saving.register_keras_serializable("tfgan")
class HighPass(StoresArguments, keras.layers.Layer):
    """Keeps the edges of feature maps where a mask is set.

    y = (mask * x) * k, a convolution of each channel with k = [-1 x 8 around 8] / w_hpf and zeros
    beyond the borders. A larger `w_hpf` passes less.

    Args:
        w_hpf: Divides the filter; above 0.

    Call arguments:
        x: Feature maps, [B, H, W, C] with static H, W and C.
        mask: [B, H', W', 1], resized bilinearly to H x W.

    Returns:
        [B, H, W, C] in the dtype of `x`.

    Raises:
        ValueError: If `w_hpf` is not above 0.

    Reference:
        Choi et al. 2020, arXiv:1912.01865, appendix; clovaai/stargan-v2, core/model.py, HighPass.
    """

    def __init__(self, w_hpf: float = 1.0, **kwargs):
        super().__init__(autocast=False, **kwargs)
        if w_hpf <= 0:
            raise ValueError(f"w_hpf must be above 0. Received: {w_hpf}.")
        self.store(locals())

    def call(self, x, mask):
        kernel = np.full((3, 3, x.shape[-1], 1), -1.0 / self.w_hpf)
        kernel[1, 1] *= -8.0
        mask = tf.cast(tf.image.resize(mask, x.shape[1:3], "bilinear"), x.dtype)
        kernel = tf.constant(kernel, x.dtype)
        return tf.nn.depthwise_conv2d(x * mask, kernel, [1, 1, 1, 1], "SAME")
