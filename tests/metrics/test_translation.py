"""What translations leave alone."""

import numpy as np

from tfgan.metrics.intervals import Interval
from tfgan.metrics.translation import differences, mean_difference

Z = 1.959963984540054


def test_differences_are_those_of_a_loop():
    random = np.random.default_rng(0)
    images, others = random.integers(0, 256, (2, 3, 4, 5, 3)).astype(np.uint8)
    masks = random.random((3, 4, 5)) < 0.5
    sums, pixels = np.zeros(3), np.zeros(3)
    for n, y, x in np.ndindex(3, 4, 5):
        if masks[n, y, x]:
            pixels[n] += 1
            for c in range(3):
                difference = float(images[n, y, x, c]) - float(others[n, y, x, c])
                sums[n] += abs(difference) / 127.5 / 3
    result = differences(images, others, masks)
    np.testing.assert_allclose(result, np.stack([sums, pixels], axis=1), rtol=1e-12)
    whole = differences(images, others)
    np.testing.assert_array_equal(whole[:, 1], 20)
    np.testing.assert_array_equal(whole, differences(others, images, np.ones_like(masks)))


def test_black_and_white_differ_by_two():
    black = np.zeros([1, 2, 2, 3], np.uint8)
    assert mean_difference(differences(black, ~black)) == Interval(2.0, 2.0, 2.0, 1)


def test_a_picture_weighs_as_much_as_it_has_pixels():
    result = mean_difference(np.array([[1.0, 1.0], [0.0, 3.0], [0.0, 0.0]]))
    assert (result.value, result.count) == (0.25, 2)
    assert (result.low, result.high) == (0.0, 1.0)


def test_the_interval_of_a_mean_is_that_of_the_normal_approximation():
    values = np.random.default_rng(0).random(400)
    result = mean_difference(np.stack([7 * values, np.full(400, 7.0)], axis=1), seed=3)
    deviation = values.std() / np.sqrt(400)
    np.testing.assert_allclose(result.value, values.mean())
    # A quantile of a thousand draws is off by 0.08 deviations: sqrt(0.025 * 0.975 / 1000) / 0.058.
    np.testing.assert_allclose(
        [result.low, result.high],
        [values.mean() - Z * deviation, values.mean() + Z * deviation],
        atol=0.3 * deviation,
    )


def test_the_same_seed_draws_the_same_interval():
    parts = np.random.default_rng(0).random((50, 2))
    assert mean_difference(parts, seed=1) == mean_difference(parts, seed=1)
    assert mean_difference(parts, seed=1) != mean_difference(parts, seed=2)


def test_a_mean_over_no_pixel_is_none():
    assert mean_difference(np.zeros([3, 2])) is None
