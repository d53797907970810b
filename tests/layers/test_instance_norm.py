"""Instance normalisation."""

import numpy as np
import pytest
import tensorflow as tf

from tests.layers.layer_check import check_layer
from tfgan.layers.instance_norm import InstanceNorm


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_layer_passes_the_shared_check(tmp_path):
    check_layer(
        lambda dtype: InstanceNorm(dtype=dtype),
        [normal(2, 4, 6, 3)],
        (2, 4, 6, 3),
        {"gamma": ((3,), True), "beta": ((3,), True)},
        tmp_path,
    )


@pytest.mark.parametrize("epsilon", [1e-5, 0.3])
def test_result_agrees_with_loops(epsilon):
    x, gamma, beta = 2 + normal(2, 4, 6, 3), normal(3, seed=1), normal(3, seed=2)
    layer = InstanceNorm(epsilon)
    layer.build(x.shape)
    layer.gamma.assign(gamma)
    layer.beta.assign(beta)
    expected = np.zeros(x.shape)
    for b in range(2):
        for c in range(3):
            pixels = np.float64(x[b, :, :, c])
            mean = pixels.sum() / 24
            variance = np.square(pixels - mean).sum() / 24
            expected[b, :, :, c] = gamma[c] * (pixels - mean) / np.sqrt(variance + epsilon)
            expected[b, :, :, c] += beta[c]
    np.testing.assert_allclose(layer(x), expected, rtol=1e-5, atol=1e-5)  # float32 sums of 24


def test_scale_and_shift_of_a_channel_change_nothing():
    x = normal(2, 8, 6, 3)
    moved = x * np.float32([0.5, 2.0, 30.0]) + np.float32([-1.0, 0.0, 5.0])
    layer = InstanceNorm(epsilon=1e-9)
    np.testing.assert_allclose(layer(moved), layer(x), atol=1e-5)  # float32, values up to 3


def test_initial_layer_gives_each_map_zero_mean_and_unit_variance():
    y = InstanceNorm()(5.0 * normal(2, 8, 6, 3) + 1.0).numpy()
    np.testing.assert_allclose(y.mean(axis=(1, 2)), 0.0, atol=1e-6)
    np.testing.assert_allclose(y.var(axis=(1, 2)), 1.0, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_statistics_of_half_precision_maps_are_float32(dtype):
    # 64 x 64 values near 16 add up to 65536, beyond float16 and the digits of bfloat16.
    x = tf.cast(16.0 + normal(1, 64, 64, 2), dtype)
    layer = InstanceNorm(dtype=f"mixed_{dtype}")
    y = layer(x)
    assert y.dtype == dtype
    expected = InstanceNorm()(tf.cast(x, tf.float32))
    np.testing.assert_allclose(tf.cast(y, tf.float32), expected, rtol=2.0**-8, atol=1e-6)


def test_means_of_large_maps_keep_their_digits():
    # A bright picture with little contrast: one running sum of 65536 pixels is off by 2e-4
    # of the deviation.
    x = 5.0 + 0.1 * normal(1, 256, 256, 2)
    exact = (np.float64(x) - np.mean(x, (1, 2), np.float64)) / np.std(x, (1, 2), np.float64)
    np.testing.assert_allclose(InstanceNorm(epsilon=0.0)(x), exact, atol=2e-5)  # 5 / 0.1 * 2^-23
