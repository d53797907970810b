"""The Frechet distance and its moments."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfgan.metrics import MetricError
from tfgan.metrics.frechet import (
    Moments,
    frechet_distance,
    frechet_interval,
    merge,
    moments,
    root_factor,
)


def draw(seed, count, width=6, offset=0.0):
    random = np.random.default_rng(seed)
    return (random.standard_normal((count, width)) @ random.random((width, width)) + offset).astype(
        np.float32
    )


def spread(random, width):
    """A covariance."""
    factor = random.standard_normal((width, width))
    return factor @ factor.T


def test_moments_are_those_of_loops():
    x = draw(0, 7, 3).astype(np.float64)
    result = moments([x])
    mean = [sum(row[c] for row in x) / 7 for c in range(3)]
    for i, j in np.ndindex(3, 3):
        wanted = sum((row[i] - mean[i]) * (row[j] - mean[j]) for row in x) / 6
        np.testing.assert_allclose(result.covariance[i, j], wanted, rtol=1e-12)
    np.testing.assert_allclose(result.mean, mean, rtol=1e-12)
    assert result.count == 7


@given(st.lists(st.integers(1, 59), max_size=5), st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_neither_order_nor_blocks_change_moments(cuts, shuffler):
    # Far from 0, where sums of squares would lose nine digits.
    x = draw(1, 60, offset=3e4)
    order = list(range(60))
    shuffler.shuffle(order)
    whole, parts = moments([x]), moments(np.split(x[order], sorted(set(cuts))))
    np.testing.assert_allclose(parts.mean, whole.mean, rtol=1e-10)
    scale = np.abs(whole.covariance).max()
    np.testing.assert_allclose(parts.covariance, whole.covariance, rtol=0, atol=1e-10 * scale)


@pytest.mark.parametrize(("count", "width"), [(10, 40), (200, 40), (2, 3)])
def test_a_set_is_at_no_distance_from_itself(count, width):
    x = 10 * draw(2, count, width)
    assert abs(frechet_distance(moments([x]), moments([x[::-1]]))) < 1e-6
    assert frechet_distance(moments([x]), moments([0 * x])) > 1


@pytest.mark.parametrize(("count", "rank"), [(60, 40), (12, 11)])
def test_a_root_has_no_more_columns_than_its_covariance_has_directions(count, rank):
    covariance = moments([draw(12, count, 40)]).covariance
    root = root_factor(covariance)
    assert root.shape == (40, rank)
    scale = np.abs(covariance).max()
    np.testing.assert_allclose(root @ root.T, covariance, rtol=0, atol=1e-14 * 40 * scale)


def test_a_feature_that_is_always_the_same_adds_nothing():
    a, b = draw(10, 50), draw(11, 40)
    same = [np.column_stack([x, np.full(len(x), 7.0)]) for x in (a, b)]
    np.testing.assert_allclose(
        frechet_distance(*(moments([x]) for x in same)),
        frechet_distance(moments([a]), moments([b])),
        rtol=1e-9,
    )


def test_the_distance_of_independent_features_is_the_closed_form():
    random = np.random.default_rng(3)
    means, variances = random.standard_normal((2, 5)), random.random((2, 5))
    a, b = (Moments(9, m, np.diag(v)) for m, v in zip(means, variances, strict=True))
    deviations = np.sqrt(variances)
    wanted = np.sum((means[0] - means[1]) ** 2) + np.sum((deviations[0] - deviations[1]) ** 2)
    np.testing.assert_allclose(frechet_distance(a, b), wanted, rtol=1e-10)


def test_the_distance_of_two_normal_distributions_is_that_of_the_transport_between_them():
    # y = m + A x with A symmetric and positive moves the one into the other at the least cost,
    # which is E |y - x|^2 = |m|^2 + Tr (A - 1) S (A - 1).
    random = np.random.default_rng(4)
    covariance, transport, mean = spread(random, 6), spread(random, 6), random.random(6)
    a = Moments(9, np.zeros(6), covariance)
    b = Moments(9, mean, transport @ covariance @ transport)
    away = transport - np.eye(6)
    wanted = mean @ mean + np.trace(away @ covariance @ away)
    np.testing.assert_allclose(frechet_distance(a, b), wanted, rtol=1e-9)


def test_a_distance_is_the_same_from_both_sides():
    a, b = moments([draw(5, 30)]), moments([draw(6, 4)])
    np.testing.assert_allclose(frechet_distance(a, b), frechet_distance(b, a), rtol=1e-10)


def test_merged_moments_are_those_of_both_sets():
    x = draw(7, 20)
    both = merge(moments([x[:12]]), moments([x[12:]]))
    np.testing.assert_allclose(both.covariance, np.cov(x.T), rtol=1e-5)
    assert both.count == 20


def test_the_interval_holds_the_distance_of_many_pictures():
    random = np.random.default_rng(8)
    x, y = random.standard_normal((2, 4000, 3))
    result = frechet_interval(x, 2 * y)
    # |0|^2 + 3 (2 - 1)^2; the deviation of 4000 pictures is about 0.08.
    assert result.low < 3.0 < result.high
    assert result.value == pytest.approx(frechet_distance(moments([x]), moments([2 * y])))
    assert 0.05 < result.high - result.low < 1.0
    assert result.count == 4000


def test_wide_features_have_no_interval():
    assert frechet_interval(np.zeros([5, 257]), np.zeros([5, 257])) is None


def test_what_has_no_distance_is_an_error():
    with pytest.raises(MetricError, match=r"two pictures or more\. Received: 1"):
        moments([np.zeros([1, 3])])
    with pytest.raises(MetricError, match="Received: 0"):
        moments([])
    good = moments([draw(9, 9)])
    with pytest.raises(MetricError, match="Received: 6 and 2 features"):
        frechet_distance(good, moments([draw(9, 9, 2)]))
    with pytest.raises(MetricError, match="NaN or infinity"):
        frechet_distance(good, moments([np.full([3, 6], np.nan)]))
    with pytest.raises(MetricError, match="4 pictures or more"):
        frechet_interval(draw(9, 3), draw(9, 9))
