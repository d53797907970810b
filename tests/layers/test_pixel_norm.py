"""Normalisation of latents."""

import numpy as np

from tfgan.layers.pixel_norm import pixel_norm


def normal(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def test_result_agrees_with_loops():
    x = normal(3, 5)
    expected = np.zeros(x.shape)
    for b in range(3):
        square = sum(float(x[b, i]) ** 2 for i in range(5)) / 5
        for i in range(5):
            expected[b, i] = x[b, i] / np.sqrt(square + 1e-8)
    np.testing.assert_allclose(pixel_norm(x), expected, rtol=1e-5)  # float32


def test_result_has_unit_mean_square_over_the_last_axis_alone():
    y = pixel_norm(normal(2, 3, 4, 7) * 50.0).numpy()
    np.testing.assert_allclose(np.mean(y**2, axis=-1), np.ones((2, 3, 4)), rtol=1e-5)  # float32


def test_scale_of_a_latent_does_not_matter():
    x = normal(3, 16)
    np.testing.assert_allclose(pixel_norm(9.0 * x), pixel_norm(x), rtol=1e-5)  # float32


def test_zeros_stay_zero_and_finite():
    np.testing.assert_array_equal(pixel_norm(np.zeros((2, 4), np.float32)), np.zeros((2, 4)))
