"""Modulated convolution against one explicit convolution per example."""

import numpy as np
import pytest
import tensorflow as tf

from tests.layers import plain
from tests.layers.derivatives import check_derivatives
from tests.layers.layer_check import check_layer
from tfgan.layers.modulated_conv import ModulatedConv2D

ARGUMENTS = [
    {"kernel_size": 3},
    {"kernel_size": 3, "upsample": True},
    {"kernel_size": 3, "demodulate": False},
    {"kernel_size": 1, "demodulate": False},
    {"kernel_size": 1},
]


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def make_inputs(batch=2, channels=4):
    return normal(batch, 5, 6, channels), 1.0 + normal(batch, channels, seed=1)


def make_plain(size, upsample=False, demodulate=True):
    def operator(x, styles, kernel):
        return plain.modulated_convolution(x, styles, kernel, upsample, demodulate)

    return operator


def split(arguments):
    arguments = dict(arguments)
    return arguments.pop("kernel_size"), arguments


@pytest.mark.parametrize("arguments", ARGUMENTS)
def test_layer_passes_the_shared_check(arguments, tmp_path):
    size = (10, 12) if arguments.get("upsample") else (5, 6)
    check_layer(
        lambda dtype: ModulatedConv2D(3, **arguments, dtype=dtype),
        make_inputs(),
        (2, *size, 3),
        {"kernel": ((arguments["kernel_size"], arguments["kernel_size"], 4, 3), True)},
        tmp_path,
    )


@pytest.mark.parametrize("arguments", ARGUMENTS)
def test_result_is_a_convolution_per_example_with_explicit_weights(arguments):
    x, styles = make_inputs(batch=3)
    layer = ModulatedConv2D(3, **arguments)
    y = layer(x, styles)
    size, rest = split(arguments)
    expected = make_plain(size, **rest)(x, styles, layer.kernel.numpy())
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)  # float32 sums of 36 products


@pytest.mark.parametrize("arguments", [ARGUMENTS[0], ARGUMENTS[1], ARGUMENTS[3]])
def test_derivatives_agree_with_the_plain_form_to_the_second(arguments):
    size, rest = split(arguments)
    x, styles = np.float64(normal(2, 2, 3, 2)), np.float64(1.0 + 0.5 * normal(2, 2, seed=1))
    layer = ModulatedConv2D(2, **arguments, dtype="float64")
    layer.build(x.shape)

    def fast(x, styles, kernel):
        layer.kernel = kernel
        return layer.call(x, styles)

    layer._tracker.unlock()  # The kernel becomes an input, to be differentiated twice.
    kernel = np.float64(normal(size, size, 2, 2, seed=2))
    check_derivatives(fast, make_plain(size, **rest), [x, styles, kernel])


def impulse_responses(layer, style):
    """Responses to one impulse per input channel under one style: the weights that act."""
    channels = len(style)
    x = np.zeros((channels, 7, 9, channels), np.float32)
    for c in range(channels):
        x[c, 3, 4, c] = 1.0
    return layer(x, np.tile(style, [channels, 1])).numpy()


def test_demodulation_gives_unit_variance():
    layer = ModulatedConv2D(5, 3)
    responses = impulse_responses(layer, np.array([0.1, -3.0, 20.0, 1.0], np.float32))
    # White noise through the weights has the variance of their sum of squares.
    np.testing.assert_allclose(np.sum(responses**2, axis=(0, 1, 2)), np.ones(5), rtol=1e-5)


def test_weights_without_demodulation_have_the_variance_of_the_style():
    layer = ModulatedConv2D(5, 3, demodulate=False)
    style = np.array([0.1, -3.0, 20.0, 1.0], np.float32)
    power = np.sum(impulse_responses(layer, style) ** 2, axis=(0, 1, 2))
    kernel = layer.kernel.numpy()
    expected = np.einsum("c,uvco->o", style**2, kernel**2) / (9 * 4)
    np.testing.assert_allclose(power, expected, rtol=1e-5)  # float32


@pytest.mark.parametrize("upsample", [False, True])
def test_scale_of_a_style_does_not_matter_under_demodulation(upsample):
    layer = ModulatedConv2D(3, 3, upsample)
    x, styles = make_inputs()
    scaled = layer(x, styles * np.float32([[7.0], [0.125]]))
    np.testing.assert_allclose(scaled, layer(x, styles), rtol=1e-4, atol=1e-5)  # float32


def test_output_is_proportional_to_the_style_without_demodulation():
    layer = ModulatedConv2D(3, 1, demodulate=False)
    x, styles = make_inputs()
    np.testing.assert_allclose(layer(x, 4.0 * styles), 4.0 * layer(x, styles), rtol=1e-6)


def test_each_example_sees_only_its_own_style():
    layer = ModulatedConv2D(3, 3)
    x, styles = make_inputs()
    changed = styles.copy()
    changed[1] = changed[1, ::-1]
    before, after = layer(x, styles).numpy(), layer(x, changed).numpy()
    np.testing.assert_array_equal(after[0], before[0])
    assert np.max(np.abs(after[1] - before[1])) > 0.1


def test_large_weights_and_styles_stay_finite_in_float16():
    x, styles = make_inputs()
    exact, half = ModulatedConv2D(3, 3), ModulatedConv2D(3, 3, dtype="mixed_float16")
    expected = exact(x, styles * 1000.0)
    half(x, styles)
    exact.kernel.assign(exact.kernel * 1000.0)
    half.kernel.assign(exact.kernel)
    actual = tf.cast(half(x, styles * 1000.0), tf.float32)
    # 8 units in the last place of float16, at the size of the largest output.
    np.testing.assert_allclose(actual, expected, atol=8 * 2.0**-11 * np.max(np.abs(expected)))


def test_batch_size_may_be_unknown_in_a_graph():
    layer = ModulatedConv2D(3, 3, upsample=True)
    x, styles = make_inputs()
    expected = layer(x, styles)
    signature = [tf.TensorSpec([None, *x.shape[1:]]), tf.TensorSpec([None, 4])]
    graph = tf.function(lambda x, s: layer(x, s), input_signature=signature)
    np.testing.assert_allclose(graph(x, styles), expected, rtol=1e-5, atol=1e-5)  # float32


def test_upsampling_with_another_kernel_size_is_refused():
    with pytest.raises(ValueError, match=r"kernel_size 3.*Received: 1"):
        ModulatedConv2D(3, 1, upsample=True)
