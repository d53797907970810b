"""Adaptive instance normalisation."""

import keras
import numpy as np
import pytest

from tests.layers.layer_check import check_layer
from tfgan.layers.adain import AdaIN


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_layer_passes_the_shared_check(tmp_path):
    check_layer(
        lambda dtype: AdaIN(dtype=dtype),
        [normal(2, 4, 6, 3), normal(2, 5, seed=1)],
        (2, 4, 6, 3),
        {"fc/kernel": ((5, 6), True), "fc/bias": ((6,), True)},
        tmp_path,
    )


@pytest.mark.parametrize("epsilon", [1e-5, 0.3])
def test_result_agrees_with_loops(epsilon):
    x, style, bias = 2 + normal(2, 4, 6, 3), normal(2, 5, seed=1), normal(6, seed=2)
    layer = AdaIN(epsilon)
    layer(x, style)
    layer.fc.bias.assign(bias)
    kernel = layer.fc.kernel.numpy()
    expected = np.zeros(x.shape)
    for b in range(2):
        numbers = np.float64(style[b]) @ kernel + bias
        for c in range(3):
            pixels = np.float64(x[b, :, :, c])
            mean = pixels.sum() / 24
            variance = np.square(pixels - mean).sum() / 24
            normalized = (pixels - mean) / np.sqrt(variance + epsilon)
            expected[b, :, :, c] = (1 + numbers[c]) * normalized + numbers[3 + c]
    np.testing.assert_allclose(layer(x, style), expected, rtol=1e-5, atol=1e-5)  # float32 sums


def test_constant_added_to_a_channel_is_ignored():
    x, style = normal(2, 8, 6, 3), normal(2, 5, seed=1)
    layer = AdaIN()
    y = layer(x, style)
    # Float32: adding 7 costs three binary digits of x.
    np.testing.assert_allclose(layer(x + np.float32([7, 0, -3]), style), y, atol=2e-5)


def test_style_sets_mean_and_deviation_of_each_map():
    x, style = normal(2, 8, 6, 3), normal(2, 5, seed=1)
    layer = AdaIN(epsilon=0.0)
    y = layer(x, style).numpy()
    gamma, beta = np.split(layer.fc(style).numpy(), 2, axis=1)
    np.testing.assert_allclose(y.mean(axis=(1, 2)), beta, atol=1e-5)
    np.testing.assert_allclose(y.std(axis=(1, 2)), np.abs(1 + gamma), rtol=1e-5)


def test_initial_biases_are_zero_so_that_a_zero_style_only_normalizes():
    y = AdaIN()(3 + normal(2, 8, 6, 3), np.zeros((2, 5), np.float32)).numpy()
    np.testing.assert_allclose(y.mean(axis=(1, 2)), 0.0, atol=1e-5)
    np.testing.assert_allclose(y.std(axis=(1, 2)), 1.0, rtol=1e-4)  # epsilon is 1e-5


def test_initial_weights_have_variance_two_over_the_style_width():
    keras.utils.set_random_seed(0)
    layer = AdaIN()
    layer.build((None, 4, 4, 128), (None, 64))
    # 16384 draws: one deviation is 1.1 per cent.
    assert np.var(layer.fc.kernel.numpy()) == pytest.approx(2 / 64, rel=0.06)


def test_layer_with_an_equalised_learning_rate_passes_the_shared_check(tmp_path):
    check_layer(
        lambda dtype: AdaIN(1e-8, kernel_gain=1.0, dtype=dtype),
        [normal(2, 4, 6, 3), normal(2, 5, seed=1)],
        (2, 4, 6, 3),
        {"fc/kernel": ((5, 6), True), "fc/bias": ((6,), True)},
        tmp_path,
    )


def test_equalised_style_is_scaled_by_its_gain_and_width():
    x, style = normal(2, 8, 6, 3), normal(2, 5, seed=1)
    layer = AdaIN(epsilon=0.0, kernel_gain=0.7)
    y = layer(x, style).numpy()
    gamma, beta = np.split(style @ layer.fc.kernel.numpy() * 0.7 / np.sqrt(5), 2, axis=1)
    np.testing.assert_allclose(y.mean(axis=(1, 2)), beta, atol=1e-5)
    np.testing.assert_allclose(y.std(axis=(1, 2)), np.abs(1 + gamma), rtol=1e-5)
