"""Residual blocks of StarGAN v2, with and without styles.

Reference:
    Choi et al. 2020, arXiv:1912.01865, appendix, "Network architecture".
"""

import math
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from tfgan.layers.adain import AdaIN
from tfgan.layers.arguments import StoresArguments
from tfgan.layers.he import he_normal
from tfgan.layers.instance_norm import InstanceNorm
from tfgan.layers.resample import (
    add_nearest_up,
    convolve_mean_down,
    convolve_nearest_up,
    mean_down,
)

LEAKY_SLOPE = 0.2
SQRT_HALF = math.sqrt(0.5)


def conv(filters: int, kernel_size: int, **kwargs) -> keras.layers.Conv2D:
    """A convolution that keeps H and W, with He initialisation."""
    return keras.layers.Conv2D(
        filters, kernel_size, padding="same", kernel_initializer=he_normal(), **kwargs
    )


def activate(x):
    """Leaky ReLU of slope 0.2."""
    return tf.nn.leaky_relu(x, LEAKY_SLOPE)


def convolve(layer: keras.layers.Conv2D, x, operation: Callable[..., Any]):
    """Applies `layer` to `x`, with convolution and resampling in one operation.

    Args:
        layer: A 3x3 convolution with a bias.
        x: [B, H, W, C] in the layer's compute dtype.
        operation: A function of `resample` that takes `x` and the kernel.

    Returns:
        [B, H', W', filters] in the dtype of `x`.
    """
    x = operation(x, tf.cast(layer.kernel, x.dtype))
    return tf.nn.bias_add(x, tf.cast(layer.bias, x.dtype))


@keras.saving.register_keras_serializable("tfgan")
class ResidualBlock(StoresArguments, keras.layers.Layer):
    """Pre-activation residual block that may halve H and W.

    y = (shortcut(x) + conv2(act(norm2(half(conv1(act(norm1(x)))))))) / sqrt(2), with leaky ReLU.

    Args:
        filters: Output channels.
        downsample: Whether H and W halve, by averaging.
        normalize: Whether there are instance norms, as in the generator's encoder.

    Call arguments:
        x: [B, H, W, C].

    Returns:
        [B, H', W', filters] in the dtype of `x`.

    Reference:
        Choi et al. 2020, arXiv:1912.01865, appendix, "Network architecture".
    """

    def __init__(self, filters: int, downsample: bool = False, normalize: bool = False, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.store(locals())

    def build(self, input_shape):
        policy, width = self.dtype_policy, input_shape[-1]
        self.norm1 = InstanceNorm(dtype=policy, name="norm1") if self.normalize else None
        self.norm2 = InstanceNorm(dtype=policy, name="norm2") if self.normalize else None
        self.conv1 = conv(width, 3, dtype=policy, name="conv1")
        self.conv2 = conv(self.filters, 3, dtype=policy, name="conv2")
        self.conv1x1 = (
            conv(self.filters, 1, use_bias=False, dtype=policy, name="conv1x1")
            if width != self.filters
            else None
        )
        for layer in (self.norm1, self.norm2, self.conv1, self.conv2, self.conv1x1):
            if layer is not None:
                layer.build((None, None, None, width))

    def call(self, x):
        y = x if self.norm1 is None else self.norm1(x)
        y = activate(y)
        if self.downsample:
            # The published shortcut convolves first: the same numbers for four times the work.
            x, y = mean_down(x), convolve(self.conv1, y, convolve_mean_down)
        else:
            y = self.conv1(y)
        y = y if self.norm2 is None else self.norm2(y)
        y = self.conv2(activate(y))
        x = x if self.conv1x1 is None else self.conv1x1(x)
        return (x + y) * SQRT_HALF


@keras.saving.register_keras_serializable("tfgan")
class AdaINBlock(StoresArguments, keras.layers.Layer):
    """Pre-activation block of the decoder, whose style acts by AdaIN; it may double H and W.

    y = (shortcut(x) + conv2(act(adain2(conv1(double(act(adain1(x)))))))) / sqrt(2), with leaky
    ReLU. Without shortcut there is no division either.

    Args:
        filters: Output channels.
        upsample: Whether H and W double, by repeating pixels.
        shortcut: Whether there is a shortcut. Networks with high-pass skips have none.

    Call arguments:
        x: [B, H, W, C].
        style: [B, S], float32.

    Returns:
        [B, H', W', filters] in the dtype of `x`.

    Reference:
        Choi et al. 2020, arXiv:1912.01865, appendix, "Network architecture". The published code
        keeps weights of the missing shortcut, and never uses them.
    """

    def __init__(self, filters: int, upsample: bool = False, shortcut: bool = True, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.store(locals())

    def build(self, x_shape, style_shape):
        policy, width = self.dtype_policy, x_shape[-1]
        maps_in, maps_out = (None, None, None, width), (None, None, None, self.filters)
        self.norm1 = AdaIN(dtype=policy, name="norm1")
        self.norm2 = AdaIN(dtype=policy, name="norm2")
        self.conv1 = conv(self.filters, 3, dtype=policy, name="conv1")
        self.conv2 = conv(self.filters, 3, dtype=policy, name="conv2")
        self.norm1.build(maps_in, style_shape)
        self.norm2.build(maps_out, style_shape)
        self.conv1.build(maps_in)
        self.conv2.build(maps_out)
        self.conv1x1 = None
        if self.shortcut and width != self.filters:
            self.conv1x1 = conv(self.filters, 1, use_bias=False, dtype=policy, name="conv1x1")
            self.conv1x1.build(maps_in)

    def call(self, x, style):
        y = activate(self.norm1(x, style))
        y = convolve(self.conv1, y, convolve_nearest_up) if self.upsample else self.conv1(y)
        y = self.conv2(activate(self.norm2(y, style)))
        if not self.shortcut:
            return y
        # The published shortcut convolves last: the same numbers for four times the work.
        x = x if self.conv1x1 is None else self.conv1x1(x)
        return (add_nearest_up(y, x) if self.upsample else y + x) * SQRT_HALF
