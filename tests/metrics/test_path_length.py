"""Perceptual path length."""

import math

import numpy as np
import pytest

from tfgan.metrics import MetricError
from tfgan.metrics.path_length import (
    draw_paths,
    mean_without_outliers,
    path_length,
    slerp,
)


def test_slerp_goes_along_the_sphere_at_one_speed():
    start, end, _ = draw_paths(np.arange(5), 7, "full")
    t = np.linspace(0, 1, 5)
    result = slerp(start, 4 * end, t)
    for a, b, place, x in zip(start.astype(float), end.astype(float), t, result, strict=True):
        a, b = a / math.sqrt(a @ a), b / math.sqrt(b @ b)
        angle = math.acos(a @ b)
        # Shoemake's formula.
        wanted = (math.sin((1 - place) * angle) * a + math.sin(place * angle) * b) / math.sin(angle)
        np.testing.assert_allclose(x, wanted, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(result, axis=1), 1.0)


def test_slerp_between_equal_latents_stays_there():
    x = np.array([[3.0, 4.0]])
    np.testing.assert_allclose(slerp(x, x, np.array([0.3])), [[0.6, 0.8]])


def test_a_path_depends_on_its_number_alone():
    whole = draw_paths(np.arange(10), 6, "full", seed=1)
    part = draw_paths(np.arange(4, 7), 6, "full", seed=1)
    for array, other in zip(whole, part, strict=True):
        np.testing.assert_array_equal(array[4:7], other)
    assert not np.array_equal(whole.start, draw_paths(np.arange(10), 6, "full", seed=2).start)
    assert len(np.unique(whole.t)) == 10
    assert not np.array_equal(whole.start, whole.end)


def test_the_end_is_where_paths_start():
    full, end = (draw_paths(np.arange(5), 3, sampling) for sampling in ("full", "end"))
    np.testing.assert_array_equal(end.t, 0.0)
    np.testing.assert_array_equal(end.start, full.start)
    with pytest.raises(MetricError, match=r"full or end\. Received: start"):
        draw_paths(np.arange(5), 3, "start")


def test_places_are_spread_over_the_whole_path():
    t = draw_paths(np.arange(2000), 1, "full").t
    # The deviation of a share of 2000 is at most 0.011.
    for fraction in (0.1, 0.5, 0.9):
        assert abs(np.mean(t < fraction) - fraction) < 0.045


@pytest.mark.parametrize("count", [1, 2, 99, 100, 101, 1234])
def test_outliers_are_those_beyond_the_published_percentiles(count):
    values = np.random.default_rng(0).lognormal(size=count).round(1)  # with ties
    low = np.percentile(values, 1, method="lower")
    high = np.percentile(values, 99, method="higher")
    wanted = values[(low <= values) & (values <= high)].mean()
    np.testing.assert_allclose(mean_without_outliers(values), wanted, rtol=1e-12)


def test_a_path_length_is_per_squared_step():
    distances = np.array([1.0] + [3e-8] * 300 + [5e-8] * 100)
    result = path_length(distances)
    # The largest of 401 is beyond the 99th percentile, the least of equal ones is not.
    np.testing.assert_allclose(result.value, 3.5, rtol=1e-12)
    assert 3.3 < result.low < 3.5 < result.high < 3.7
    assert result.count == 401
    assert result == path_length(distances) != path_length(distances, seed=1)
    np.testing.assert_allclose(path_length(distances, 1e-3).value, 0.035, rtol=1e-12)


def test_a_length_of_no_path_is_an_error():
    with pytest.raises(MetricError, match="one path or more"):
        path_length(np.zeros(0))
