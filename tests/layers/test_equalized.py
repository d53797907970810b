"""Equalised dense and convolution layers."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.layers import plain
from tests.layers.layer_check import check_layer
from tfgan.layers.equalized import ACTIVATION_GAIN, EqualizedConv2D, EqualizedDense


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


DENSE = [
    {},
    {"activation": "leaky_relu", "bias_init": 1.0, "lr_multiplier": 0.1},
    {"activation": "leaky_relu", "kernel_gain": 1.3, "lr_multiplier": 0.1},
]
CONVOLUTIONS = [
    ({"kernel_size": 3}, (4, 6)),
    ({"kernel_size": 3, "resample": "down", "activation": "leaky_relu", "gain": 0.5}, (2, 3)),
    ({"kernel_size": 1, "resample": "down", "use_bias": False}, (2, 3)),
    ({"kernel_size": 1, "resample": "up", "use_bias": False, "gain": 0.5}, (8, 12)),
    ({"kernel_size": 1, "activation": "leaky_relu", "clamp": 0.9, "gain": 0.5}, (4, 6)),
    ({"kernel_size": 3, "resample": "nearest_up", "use_bias": False, "kernel_gain": 1.3}, (8, 12)),
    (
        {
            "kernel_size": 3,
            "resample": "mean_down",
            "activation": "leaky_relu",
            "kernel_gain": 1.3,
            "gain": 0.5,
        },
        (2, 3),
    ),
]


def output_gain(arguments):
    """Of leaky ReLU: on the output, unless the kernel has one."""
    return 1.0 if "kernel_gain" in arguments else np.sqrt(2)


@pytest.mark.parametrize("arguments", DENSE)
def test_dense_passes_the_shared_check(arguments, tmp_path):
    check_layer(
        lambda dtype: EqualizedDense(7, **arguments, dtype=dtype),
        [normal(3, 5)],
        (3, 7),
        {"kernel": ((5, 7), True), "bias": ((7,), True)},
        tmp_path,
    )


@pytest.mark.parametrize(("arguments", "size"), CONVOLUTIONS)
def test_convolution_passes_the_shared_check(arguments, size, tmp_path):
    k = arguments["kernel_size"]
    variables = {"kernel": ((k, k, 3, 5), True)}
    if arguments.get("use_bias", True):
        variables["bias"] = ((5,), True)
    check_layer(
        lambda dtype: EqualizedConv2D(5, **arguments, dtype=dtype),
        [normal(2, 4, 6, 3)],
        (2, *size, 5),
        variables,
        tmp_path,
    )


@pytest.mark.parametrize("arguments", DENSE)
def test_dense_agrees_with_loops(arguments):
    x, bias = normal(3, 5), normal(7, seed=1)
    layer = EqualizedDense(7, **arguments)
    layer(x)
    layer.bias.assign(bias)
    m = arguments.get("lr_multiplier", 1.0)
    kernel = np.float64(layer.kernel.numpy())
    expected = np.zeros((3, 7))
    for b in range(3):
        for o in range(7):
            total = bias[o] * m
            for i in range(5):
                total += x[b, i] * kernel[i, o] * arguments.get("kernel_gain", 1.0) * m / np.sqrt(5)
            expected[b, o] = total
    if arguments.get("activation") == "leaky_relu":
        expected = output_gain(arguments) * plain.leaky_relu(expected)
    np.testing.assert_allclose(layer(x), expected, rtol=1e-5, atol=1e-5)  # float32 sums of 6


@pytest.mark.parametrize(("arguments", "size"), CONVOLUTIONS)
def test_convolution_agrees_with_loops(arguments, size):
    x, bias = normal(2, 4, 6, 3), normal(5, seed=1)
    layer = EqualizedConv2D(5, **arguments)
    layer(x)
    k = arguments["kernel_size"]
    kernel = (
        np.float64(layer.kernel.numpy()) * arguments.get("kernel_gain", 1.0) / np.sqrt(k * k * 3)
    )
    convolve = {
        None: lambda x, kernel: plain.convolve(x, kernel, (k // 2, k // 2)),
        "down": plain.convolve_down,
        "up": lambda x, kernel: plain.upsample(plain.convolve(x, kernel)),
        "nearest_up": plain.convolve_nearest_up,
        "mean_down": plain.convolve_mean_down,
    }
    y = convolve[arguments.get("resample")](x, kernel)
    if arguments.get("use_bias", True):
        layer.bias.assign(bias)
        y = y + bias
    if arguments.get("activation") == "leaky_relu":
        y = output_gain(arguments) * plain.leaky_relu(y)
    if "clamp" in arguments:
        assert np.max(np.abs(y)) > arguments["clamp"]
        y = np.clip(y, -arguments["clamp"], arguments["clamp"])
    y = y * arguments.get("gain", 1.0)
    assert y.shape == (2, *size, 5)
    np.testing.assert_allclose(layer(x), y, rtol=1e-5, atol=1e-5)  # float32 sums of 27


def test_gain_on_the_kernel_is_he_initialisation():
    keras.utils.set_random_seed(0)
    y = EqualizedDense(256, kernel_gain=math.sqrt(2.0))(normal(512, 64)).numpy()
    # 16384 weights: one deviation is 1 per cent.
    assert np.mean(y**2) == pytest.approx(2.0, rel=0.1)


@pytest.mark.parametrize("fan_in", [16, 256])
@pytest.mark.parametrize("activation", list(ACTIVATION_GAIN))
def test_run_time_scale_gives_unit_variance_whatever_the_fan_in(fan_in, activation):
    keras.utils.set_random_seed(0)
    x = normal(512, fan_in)
    y = EqualizedDense(256, activation)(x).numpy()
    # sqrt(2) * leaky_relu of a unit normal has mean square 1 + 0.2^2. The weights are 4096 draws
    # or more: one deviation is 2 per cent.
    expected = 1.0 if activation == "linear" else 1.04
    assert np.mean(y**2) == pytest.approx(expected, rel=0.1)


def test_convolution_has_unit_variance_away_from_the_borders():
    keras.utils.set_random_seed(0)
    y = EqualizedConv2D(64, 3)(normal(2, 12, 16, 32)).numpy()[:, 1:-1, 1:-1]
    # 18432 weights and 280 positions: one deviation is 2 per cent.
    assert np.mean(y**2) == pytest.approx(1.0, rel=0.1)


def test_lr_multiplier_scales_the_gradient_and_leaves_the_output():
    x = normal(4, 6)
    outputs, gradients = [], []
    kernel, bias = normal(6, 3, seed=1), normal(3, seed=2)
    for m in (1.0, 0.01):
        layer = EqualizedDense(3, "leaky_relu", lr_multiplier=m)
        layer.build(x.shape)
        layer.kernel.assign(kernel / m)
        layer.bias.assign(bias / m)
        with tf.GradientTape() as tape:
            y = layer(x)
        outputs.append(y)
        gradients.append(tape.gradient(y, [layer.kernel.value, layer.bias.value]))
    np.testing.assert_allclose(outputs[1], outputs[0], rtol=1e-5, atol=1e-6)  # float32 rounding
    for full, small in zip(*gradients, strict=True):
        np.testing.assert_allclose(small, 0.01 * full, rtol=1e-5)


@pytest.mark.parametrize(
    ("resample", "size"), [("up", 3), ("nearest_up", 1), ("mean_down", 1), ("left", 3), (None, 5)]
)
def test_resampling_that_a_kernel_cannot_have_is_refused(resample, size):
    with pytest.raises(ValueError, match=f"Received: {resample!r} with kernel_size {size}"):
        EqualizedConv2D(4, size, resample)


def test_initial_weights_are_divided_by_the_lr_multiplier():
    keras.utils.set_random_seed(0)
    layer = EqualizedDense(64, lr_multiplier=0.01, bias_init=0.5)
    layer.build((None, 64))
    # 4096 draws: one deviation is 1.1 per cent.
    assert np.std(layer.kernel.numpy()) == pytest.approx(100.0, rel=0.06)
    # The bias acts at the value that was asked for.
    np.testing.assert_allclose(layer(np.zeros((1, 64), np.float32)), np.full((1, 64), 0.5))


def test_unknown_arguments_are_refused_with_what_was_given():
    with pytest.raises(ValueError, match=r"activation must be one of.*Received: 'relu'"):
        EqualizedDense(3, "relu")
    with pytest.raises(ValueError, match=r"activation must be one of.*Received: 'tanh'"):
        EqualizedConv2D(3, 3, activation="tanh")
