"""Noise of StyleGAN2."""

import numpy as np

from tests.layers.layer_check import check_layer
from tfgan.layers.noise import Noise


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_layer_passes_the_shared_check_with_given_noise(tmp_path):
    variables = {"strength": ((), True), "fixed": ((4, 6, 1), False)}
    check_layer(
        lambda dtype: Noise(dtype=dtype),
        [normal(2, 4, 6, 3), normal(2, 4, 6, 1, seed=1)],
        (2, 4, 6, 3),
        variables,
        tmp_path,
    )


def test_layer_passes_the_shared_check_with_its_fixed_map(tmp_path):
    variables = {"strength": ((), True), "fixed": ((4, 6, 1), False)}
    check_layer(
        lambda dtype: Noise(dtype=dtype), [normal(2, 4, 6, 3)], (2, 4, 6, 3), variables, tmp_path
    )


def test_result_agrees_with_loops():
    x, noise = normal(2, 4, 6, 3), normal(2, 4, 6, 1, seed=1)
    layer = Noise()
    layer.build(x.shape)
    layer.strength.assign(0.7)
    expected = np.float64(x)
    for b, i, j, c in np.ndindex(x.shape):
        expected[b, i, j, c] += 0.7 * noise[b, i, j, 0]
    np.testing.assert_allclose(layer(x, noise), expected, rtol=1e-5, atol=1e-6)  # float32


def test_initial_strength_is_zero_and_changes_nothing():
    x = normal(2, 4, 6, 3)
    layer = Noise()
    np.testing.assert_array_equal(layer(x, 100.0 * normal(2, 4, 6, 1)), x)
    np.testing.assert_array_equal(layer(x), x)


def test_fixed_map_is_one_map_for_all_examples_and_channels():
    layer = Noise()
    layer.build((None, 4, 6, 3))
    layer.strength.assign(1.0)
    y = layer(np.zeros((2, 4, 6, 3), np.float32)).numpy()
    np.testing.assert_array_equal(y, np.broadcast_to(layer.fixed.numpy(), y.shape))
    assert np.std(y) > 0.5
