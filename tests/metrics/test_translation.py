"""Shares, differences and their intervals."""

import numpy as np
import pytest

from tfgan.metrics.translation import Interval, differences, mean_difference, mean_share, share

Z = 1.959963984540054


@pytest.mark.parametrize(("hits", "count"), [(0, 10), (3, 10), (10, 10), (867, 1000), (1, 1)])
def test_a_share_lies_one_and_96_hundredths_of_a_deviation_from_its_bounds(hits, count):
    found = share(np.arange(count) < hits)
    assert (found.value, found.count) == (hits / count, count)
    # The bounds are those true shares that the one seen is Z of their own deviations away from.
    for bound in (found.low, found.high):
        assert 0 <= bound <= 1
        variance = bound * (1 - bound) / count
        np.testing.assert_allclose((found.value - bound) ** 2, Z**2 * variance, atol=1e-12)
    assert found.low <= found.value <= found.high
    assert found.low < found.high


def test_the_interval_of_a_share_is_the_published_one():
    # 81 of 263: Newcombe 1998, Statistics in Medicine 17, table I, method 3, to four decimals.
    found = share(np.arange(263) < 81)
    np.testing.assert_allclose([found.low, found.high], [0.2553, 0.3662], atol=5e-5)


def test_a_share_of_nothing_is_an_error():
    with pytest.raises(ValueError, match="at least one value"):
        share(np.zeros(0, bool))


def test_labels_weigh_alike_in_a_mean_share():
    asked = np.array([[1, 1, 0], [1, 0, 1], [1, 0, 0], [1, 0, 1]], bool)
    hits = np.array([[1, 1, 1], [0, 1, 0], [0, 1, 1], [0, 1, 1]], bool)
    found = mean_share(hits, asked)
    # What was not asked for counts for nothing: 1 of 4, 1 of 1, 1 of 2.
    np.testing.assert_allclose(found.value, (0.25 + 1.0 + 0.5) / 3)
    assert found.count == 4
    assert found.low <= found.value <= found.high


def test_the_interval_of_a_mean_share_takes_whole_pictures():
    random = np.random.default_rng(0)
    asked = np.ones((400, 5), bool)
    apart = random.random((400, 5)) < 0.7
    together = np.repeat(apart[:, :1], 5, axis=1)
    # Labels that fail together say as much as one label, and five apart as much as five.
    for hits, deviation in (
        (apart, np.sqrt(0.21 / 2000)),
        (together, np.sqrt(0.21 / 400)),
    ):
        found = mean_share(hits, asked, seed=1)
        # A quantile of a thousand draws is off by 0.08 deviations, and the deviation by 4 %.
        np.testing.assert_allclose(found.high - found.low, 2 * Z * deviation, rtol=0.15)
    assert mean_share(apart, asked, 1) == mean_share(apart, asked, 1)
    assert mean_share(apart, asked, 1) != mean_share(apart, asked, 2)


def test_a_mean_share_with_a_label_that_was_never_asked_for_is_an_error():
    asked = np.array([[1, 0], [1, 0]], bool)
    for none in (asked, asked[:0]):
        with pytest.raises(ValueError, match="each label"):
            mean_share(none, none)


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
    found = differences(images, others, masks)
    np.testing.assert_allclose(found, np.stack([sums, pixels], axis=1), rtol=1e-12)
    whole = differences(images, others)
    np.testing.assert_array_equal(whole[:, 1], 20)
    np.testing.assert_array_equal(whole, differences(others, images, np.ones_like(masks)))


def test_black_and_white_differ_by_two():
    black = np.zeros([1, 2, 2, 3], np.uint8)
    assert mean_difference(differences(black, ~black)) == Interval(2.0, 2.0, 2.0, 1)


def test_a_picture_weighs_as_much_as_it_has_pixels():
    found = mean_difference(np.array([[1.0, 1.0], [0.0, 3.0], [0.0, 0.0]]))
    assert (found.value, found.count) == (0.25, 2)
    assert (found.low, found.high) == (0.0, 1.0)


def test_the_interval_of_a_mean_is_that_of_the_normal_approximation():
    values = np.random.default_rng(0).random(400)
    found = mean_difference(np.stack([7 * values, np.full(400, 7.0)], axis=1), seed=3)
    deviation = values.std() / np.sqrt(400)
    np.testing.assert_allclose(found.value, values.mean())
    # A quantile of a thousand draws is off by 0.08 deviations: sqrt(0.025 * 0.975 / 1000) / 0.058.
    np.testing.assert_allclose(
        [found.low, found.high],
        [values.mean() - Z * deviation, values.mean() + Z * deviation],
        atol=0.3 * deviation,
    )


def test_the_same_seed_draws_the_same_interval():
    parts = np.random.default_rng(0).random((50, 2))
    assert mean_difference(parts, seed=1) == mean_difference(parts, seed=1)
    assert mean_difference(parts, seed=1) != mean_difference(parts, seed=2)


def test_a_mean_over_no_pixel_is_none():
    assert mean_difference(np.zeros([3, 2])) is None
