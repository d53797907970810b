"""The Inception score."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfgan.metrics import MetricError
from tfgan.metrics.inception_score import inception_score


def draw(count, classes=4):
    values = np.random.default_rng(0).exponential(size=(count, classes)) ** 2
    return values / values.sum(axis=1, keepdims=True)


def test_the_score_is_that_of_loops():
    p = draw(43)
    p[5] = [0, 1, 0, 0]
    scores = []
    for split in range(10):
        rows = p[split * 43 // 10 : (split + 1) * 43 // 10]
        marginal = rows.mean(axis=0)
        divergence = 0.0
        for row in rows:
            divergence += sum(
                a * math.log(a / b) for a, b in zip(row, marginal, strict=True) if a > 0
            )
        scores.append(math.exp(divergence / len(rows)))
    score = inception_score([p], 43)
    np.testing.assert_allclose(score.mean.value, np.mean(scores), rtol=1e-12)
    np.testing.assert_allclose(score.deviation, np.std(scores), rtol=1e-9)
    # 2.2622 is the quantile 0.975 of Student's t with 9 degrees of freedom.
    reach = 2.2622 * np.std(scores, ddof=1) / np.sqrt(10)
    np.testing.assert_allclose(score.mean.high - score.mean.value, reach, rtol=1e-9)
    assert score.mean.count == 43


def test_the_score_is_the_number_of_classes_where_each_is_sure_and_as_frequent():
    score = inception_score([np.tile(np.eye(5), (20, 1))], 100)
    np.testing.assert_allclose(score.mean.value, 5.0, rtol=1e-12)


def test_the_score_is_one_where_all_pictures_look_alike():
    score = inception_score([np.tile([[0.7, 0.3, 0.0]], (30, 1))], 30)
    np.testing.assert_allclose(score.mean.value, 1.0, rtol=1e-12)
    assert score.mean.low >= 1.0


@given(st.lists(st.integers(1, 59), max_size=6))
@settings(max_examples=20, deadline=None)
def test_blocks_do_not_change_the_score(cuts):
    p = draw(60)
    parts = np.split(p, sorted(set(cuts)))
    whole = inception_score([p], 60)
    score = inception_score(parts, 60)
    np.testing.assert_allclose(score.mean.value, whole.mean.value, rtol=1e-12)
    np.testing.assert_allclose(score.deviation, whole.deviation, rtol=1e-9)


def test_too_few_pictures_are_an_error():
    with pytest.raises(MetricError, match=r"10 pictures or more\. Received: 9"):
        inception_score([draw(9)], 9)
    with pytest.raises(ValueError, match=r"20 rows together\. Received: 30"):
        inception_score([draw(30)], 20)
