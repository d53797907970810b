"""Dense and convolution layers with an equalised learning rate."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfgan.layers import resample
from tfgan.layers.arguments import StoresArguments

LEAKY_SLOPE = 0.2
# The gain of each activation keeps unit variance.
ACTIVATION_GAIN = {"linear": 1.0, "leaky_relu": math.sqrt(2.0)}


def activate(x, activation: str, gain: float = 1.0, clamp: float | None = None):
    """Applies an activation, multiplies by `gain`, then clamps to [-clamp, clamp]."""
    if activation == "leaky_relu":
        x = tf.nn.leaky_relu(x, LEAKY_SLOPE)
    if gain != 1.0:
        x = x * gain
    return x if clamp is None else tf.clip_by_value(x, -clamp, clamp)


def check_activation(activation: str) -> None:
    """Raises ValueError unless `activation` is known."""
    if activation not in ACTIVATION_GAIN:
        raise ValueError(
            f"activation must be one of {list(ACTIVATION_GAIN)}. Received: {activation!r}."
        )


class _Gains(NamedTuple):
    kernel: float
    output: float


def _gains(activation: str, kernel_gain: float | None) -> _Gains:
    """Gains of kernel and output; the activation's acts on the output unless the kernel has one."""
    if kernel_gain is None:
        return _Gains(1.0, ACTIVATION_GAIN[activation])
    return _Gains(kernel_gain, 1.0)


# Convolutions with resampling, by name; "up" is for 1x1 kernels, which may precede the FIR filter.
CONVOLUTIONS: dict[str | None, Callable[..., Any]] = {
    None: resample.convolve,
    "down": resample.convolve_down,
    "up": lambda x, kernel: resample.upsample(resample.convolve(x, kernel)),
    "nearest_up": resample.convolve_nearest_up,
    "mean_down": resample.convolve_mean_down,
}


@keras.saving.register_keras_serializable("tfgan")
class EqualizedDense(StoresArguments, keras.layers.Layer):
    """A dense layer whose weights are stored at unit scale and scaled at run time.

    y = gain * activation(x @ (kernel * k * m / sqrt(fan_in)) + bias * m), with m the lr multiplier.

    Args:
        units: Output width.
        activation: "linear" or "leaky_relu" (slope 0.2, gain sqrt 2).
        bias_init: Initial value of the bias as it acts, before the lr multiplier.
        lr_multiplier: Scales the learning rate of this layer's weights.
        kernel_gain: The gain k, on the kernel alone as in StyleGAN, which makes `gain` 1. None: k
            is 1, and `gain` that of the activation, as in StyleGAN2.

    Call arguments:
        x: [B, fan_in].

    Returns:
        [B, units] in the layer's compute dtype.

    Raises:
        ValueError: If `activation` is unknown.

    Reference:
        Karras et al. 2017, arXiv:1710.10196, section 4.1; lr multiplier: arXiv:1812.04948,
        appendix C.
    """

    def __init__(
        self,
        units: int,
        activation: str = "linear",
        bias_init: float = 0.0,
        lr_multiplier: float = 1.0,
        kernel_gain: float | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_activation(activation)
        self.store(locals())

    def build(self, input_shape):
        self.kernel = self.add_weight(
            name="kernel",
            shape=(input_shape[-1], self.units),
            initializer=keras.initializers.RandomNormal(stddev=1.0 / self.lr_multiplier),
        )
        self.bias = self.add_weight(
            name="bias",
            shape=(self.units,),
            initializer=keras.initializers.Constant(self.bias_init / self.lr_multiplier),
        )

    def call(self, x):
        gains = _gains(self.activation, self.kernel_gain)
        kernel = self.kernel * (gains.kernel * self.lr_multiplier / math.sqrt(x.shape[-1]))
        x = tf.matmul(x, kernel) + self.bias * self.lr_multiplier
        return activate(x, self.activation, gains.output)


@keras.saving.register_keras_serializable("tfgan")
class EqualizedConv2D(StoresArguments, keras.layers.Layer):
    """A convolution with an equalised learning rate and optional resampling by two.

    y = clamp(gain * activation(conv(x, kernel * k / sqrt(fan_in)) + bias)).

    Args:
        filters: Output channels.
        kernel_size: 1 or 3.
        resample: None; of StyleGAN2 "down" (FIR, then stride 2) or "up" (1x1 only: convolve, then
            FIR); of StyleGAN "nearest_up" or "mean_down" (3x3 only).
        activation: "linear" or "leaky_relu" (slope 0.2, gain sqrt 2).
        use_bias: Whether a bias is added.
        gain: Factor on the output; 1/sqrt(2) in residual blocks.
        clamp: Bound on the output before `gain` (None: no bound). Keeps float16 finite.
        kernel_gain: The gain k, on the kernel alone as in StyleGAN, in place of the activation's on
            the output. None: k is 1, as in StyleGAN2.

    Call arguments:
        x: Feature maps, [B, H, W, C].

    Returns:
        [B, H', W', filters] in the layer's compute dtype; H' is H, H/2 or 2H.

    Raises:
        ValueError: If `activation`, `resample` or their combination with `kernel_size` is unknown.

    Reference:
        Karras et al. 2020, arXiv:1912.04958, figure 7 and appendix B; NVlabs/stylegan2-ada-pytorch,
        training/networks.py, Conv2dLayer.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        resample: str | None = None,
        activation: str = "linear",
        use_bias: bool = True,
        gain: float = 1.0,
        clamp: float | None = None,
        kernel_gain: float | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_activation(activation)
        sizes = {"up": (1,), "nearest_up": (3,), "mean_down": (3,)}.get(resample or "", (1, 3))
        if resample not in CONVOLUTIONS or kernel_size not in sizes:
            raise ValueError(
                'resample must be None or "down", "up" with kernel_size 1, or "nearest_up" or '
                f'"mean_down" with kernel_size 3. Received: {resample!r} with kernel_size '
                f"{kernel_size}."
            )
        self.store(locals())

    def build(self, input_shape):
        k = self.kernel_size
        self.kernel = self.add_weight(
            name="kernel",
            shape=(k, k, input_shape[-1], self.filters),
            initializer=keras.initializers.RandomNormal(stddev=1.0),
        )
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")

    def call(self, x):
        fan_in = self.kernel_size**2 * x.shape[-1]
        gains = _gains(self.activation, self.kernel_gain)
        kernel = self.kernel * (gains.kernel / math.sqrt(fan_in))
        x = CONVOLUTIONS[self.resample](x, kernel)
        if self.use_bias:
            x = tf.nn.bias_add(x, self.bias)
        clamp = None if self.clamp is None else self.clamp * self.gain
        return activate(x, self.activation, gains.output * self.gain, clamp)
