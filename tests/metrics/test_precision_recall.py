"""Precision and recall."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfgan.metrics import MetricError
from tfgan.metrics import precision_recall as metric
from tfgan.metrics.precision_recall import find_bounds, precision_recall, round_sets

DTYPES = [tf.float32, tf.bfloat16]


@pytest.fixture(params=DTYPES, ids=["float32", "bfloat16"])
def dtype(request, monkeypatch):
    """Both types, whichever is the faster one here."""
    monkeypatch.setattr(metric, "fastest_type", lambda: request.param)
    return request.param


def plain(x, y):
    """Precision and recall by float64 distances of all pairs."""
    x, y = x.astype(np.float64), y.astype(np.float64)

    def distances(a, b):
        return np.array([np.sum((b - p) ** 2, axis=1) for p in a])

    def radii(a):
        # The first of each row is its own distance, or that of an equal one.
        return np.sort(distances(a, a), axis=1)[:, 3]

    apart = distances(x, y)
    inside_real = np.any(apart <= radii(x)[:, None], axis=0)
    inside_fake = np.any(apart <= radii(y)[None, :], axis=1)
    return inside_real.mean(), inside_fake.mean()


def values(x, y):
    result = precision_recall(x, y)
    assert (result.precision.count, result.recall.count) == (len(y), len(x))
    return result.precision.value, result.recall.value


def draw(seed, count, width, scale=1.0):
    random = np.random.default_rng(seed)
    return (scale * random.standard_normal((count, width))).astype(np.float32)


@pytest.mark.parametrize(("real", "fake"), [(4, 4), (5, 70), (130, 65), (200, 200)])
@pytest.mark.parametrize("width", [1, 3, 50])
def test_shares_are_those_of_all_distances(dtype, real, fake, width):
    x, y = draw(0, real, width), draw(1, fake, width, 0.9)
    assert values(x, y) == plain(x, y)


def test_features_far_from_nothing_are_told_apart(dtype):
    # Rounded to bfloat16, all of them would be equal.
    x, y = 1000 + draw(0, 100, 5), 1000.5 + draw(1, 90, 5)
    assert values(x, y) == plain(x, y)
    assert 0 < values(x, y)[0] < 1


def test_collapsed_fakes_are_told_apart(dtype):
    x, y = draw(0, 100, 5), 3 + draw(1, 90, 5, 1e-4)
    assert values(x, y) == plain(x, y)


def test_equal_pictures_count_as_neighbours(dtype):
    x = draw(0, 20, 4)
    # Each is there five times: all balls have the radius 0, which holds the equals alone.
    y = np.repeat(x[:3], 5, axis=0)
    assert values(np.repeat(x, 5, axis=0), y) == (1.0, 15 / 100)
    assert values(y, 1 + y) == (0.0, 0.0)


def test_the_surface_of_a_ball_counts(dtype):
    # On a line at 0, 1, 2, 3 the radius of the first is 3, of the second 2. The fakes stand on
    # surfaces of reals, or just outside of all.
    x = np.array([0.0, 1.0, 2.0, 3.0], np.float32)[:, None]
    y = np.array([-3.0, 6.0, 6.001, -3.001], np.float32)[:, None]
    assert values(x, y) == plain(x, y)
    assert values(x, y)[0] == 0.5


@given(st.integers(4, 30), st.integers(4, 30), st.integers(0, 99), st.integers(1, 4))
@settings(max_examples=20, deadline=None)
def test_ties_are_settled_as_by_all_distances(real, fake, seed, width):
    random = np.random.default_rng(seed)
    # Whole numbers: distances in float64 are exact, and many are equal.
    x = random.integers(0, 4, (real, width)).astype(np.float32)
    y = random.integers(0, 5, (fake, width)).astype(np.float32)
    assert values(x, y) == plain(x, y)


def test_neither_blocks_nor_order_change_a_number(dtype, monkeypatch):
    x, y = draw(0, 150, 8), draw(1, 170, 8, 1.1)
    whole = values(x, y)
    assert values(x[::-1], y[::-1]) == whole
    assert values(y, x) == whole[::-1]
    for name, size in (("PAIRS", 1500), ("ROWS", 11), ("CHUNK", 7)):
        monkeypatch.setattr(metric, name, size)
    assert values(x, y) == whole


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", [2, 100, 2048])
def test_bounds_are_below_the_distances_and_not_far(dtype, width):
    x, y = draw(0, 60, width) + 2, draw(1, 90, width, 3.0)
    y[:30] = np.maximum(y[:30], 0)
    y[40:45] = x[:5]
    a, b = round_sets([x, y], dtype)
    (bounds,) = find_bounds(a, b)
    result = bounds.values.view(dtype.as_numpy_dtype)[:, :90].astype(np.float64)
    halves = np.sum((x.astype(np.float64)[:, None] - y) ** 2, axis=2) / 2
    # The bound itself is rounded, and so are limits before they are compared with it.
    rounding = np.abs(result) * (2.0**-8 if dtype == tf.bfloat16 else 2.0**-24)
    lengths = a.squares[:, None] + b.squares[None, :]
    assert np.all(result - rounding <= halves)
    assert np.all(result + rounding + a.slack * lengths >= halves)
    # Rows of bfloat16 lose 2^-8 of their length at most.
    assert a.slack < (9e-3 if dtype == tf.bfloat16 else 3e-4)


def test_few_distances_are_computed(monkeypatch):
    counted = []
    plain_distances = metric.squared_distances

    def count(a, b, rows, columns):
        counted.append(len(rows))
        return plain_distances(a, b, rows, columns)

    monkeypatch.setattr(metric, "squared_distances", count)
    precision_recall(draw(0, 1000, 256), draw(1, 1000, 256))
    # Of three million pairs.
    assert sum(counted) < 60_000


def test_too_few_pictures_are_an_error():
    with pytest.raises(MetricError, match=r"4 pictures or more\. Received: 3 and 9"):
        precision_recall(draw(0, 3, 2), draw(0, 9, 2))
    with pytest.raises(MetricError, match="NaN or infinity"):
        precision_recall(draw(0, 9, 2), np.full([9, 2], np.nan, np.float32))
