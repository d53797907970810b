"""Shares and means with their intervals."""

import numpy as np
import pytest

from tfgan.metrics.intervals import jackknife, mean, mean_share, share

Z = 1.959963984540054


@pytest.mark.parametrize(("hits", "count"), [(0, 10), (3, 10), (10, 10), (867, 1000), (1, 1)])
def test_a_share_lies_one_and_96_hundredths_of_a_deviation_from_its_bounds(hits, count):
    interval = share(np.arange(count) < hits)
    assert (interval.value, interval.count) == (hits / count, count)
    # The bounds are those true shares that the one seen is Z of their own deviations away from.
    for bound in (interval.low, interval.high):
        assert 0 <= bound <= 1
        variance = bound * (1 - bound) / count
        np.testing.assert_allclose((interval.value - bound) ** 2, Z**2 * variance, atol=1e-12)
    assert interval.low <= interval.value <= interval.high
    assert interval.low < interval.high


def test_the_interval_of_a_share_is_the_published_one():
    # 81 of 263: Newcombe 1998, Statistics in Medicine 17, table I, method 3, to four decimals.
    interval = share(np.arange(263) < 81)
    np.testing.assert_allclose([interval.low, interval.high], [0.2553, 0.3662], atol=5e-5)


def test_a_share_of_nothing_is_an_error():
    with pytest.raises(ValueError, match="at least one value"):
        share(np.zeros(0, bool))


def test_labels_weigh_alike_in_a_mean_share():
    requested = np.array([[1, 1, 0], [1, 0, 1], [1, 0, 0], [1, 0, 1]], bool)
    hits = np.array([[1, 1, 1], [0, 1, 0], [0, 1, 1], [0, 1, 1]], bool)
    interval = mean_share(hits, requested)
    # What was not asked for counts for nothing: 1 of 4, 1 of 1, 1 of 2.
    np.testing.assert_allclose(interval.value, (0.25 + 1.0 + 0.5) / 3)
    assert interval.count == 4
    assert interval.low <= interval.value <= interval.high


def test_the_interval_of_a_mean_share_takes_whole_pictures():
    random = np.random.default_rng(0)
    requested = np.ones((400, 5), bool)
    apart = random.random((400, 5)) < 0.7
    together = np.repeat(apart[:, :1], 5, axis=1)
    # Labels that fail together say as much as one label, and five apart as much as five.
    for hits, deviation in (
        (apart, np.sqrt(0.21 / 2000)),
        (together, np.sqrt(0.21 / 400)),
    ):
        interval = mean_share(hits, requested, seed=1)
        # A quantile of a thousand draws is off by 0.08 deviations, and the deviation by 4 %.
        np.testing.assert_allclose(interval.high - interval.low, 2 * Z * deviation, rtol=0.15)
    assert mean_share(apart, requested, 1) == mean_share(apart, requested, 1)
    assert mean_share(apart, requested, 1) != mean_share(apart, requested, 2)


def test_a_mean_share_with_a_label_that_was_never_asked_for_is_an_error():
    requested = np.array([[1, 0], [1, 0]], bool)
    for none in (requested, requested[:0]):
        with pytest.raises(ValueError, match="each label"):
            mean_share(none, none)


def test_the_interval_of_resampled_means_is_that_of_the_normal_approximation():
    values = np.random.default_rng(0).exponential(size=2000)
    interval = mean(values, seed=3)
    assert (interval.value, interval.count) == (values.mean(), 2000)
    reach = 2 * Z * values.std() / np.sqrt(2000)
    # As above.
    np.testing.assert_allclose(interval.high - interval.low, reach, rtol=0.15)
    assert interval == mean(values, seed=3) != mean(values, seed=4)


def test_a_jackknife_of_a_mean_is_students_interval_of_the_groups():
    groups = np.random.default_rng(1).normal(5.0, 1.0, 10)
    leaving_out = (groups.sum() - groups) / 9
    interval = jackknife(groups.mean(), leaving_out, 10)
    # 2.2622 is the quantile 0.975 of Student's t with 9 degrees of freedom.
    reach = 2.2622 * groups.std(ddof=1) / np.sqrt(10)
    middle = groups.mean()
    np.testing.assert_allclose([interval.low, interval.high], [middle - reach, middle + reach])


def test_a_jackknife_never_reaches_below_nothing():
    assert jackknife(0.1, np.array([0.0, 1.0, 2.0]), 3).low == 0.0
