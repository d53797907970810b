"""Diversity of translations."""

import numpy as np
import pytest

from tfgan.metrics import MetricError
from tfgan.metrics.diversity import diversity, output_pairs


def test_each_pair_of_outputs_counts_once():
    pairs = output_pairs(10)
    assert len(pairs) == 45
    assert {tuple(pair) for pair in pairs} == {(i, j) for j in range(10) for i in range(j)}


def test_sources_weigh_alike_and_are_drawn_whole():
    random = np.random.default_rng(0)
    by_source = random.random(400)
    distances = by_source[:, None] + 0.01 * random.random((400, 45))
    interval = diversity(distances)
    np.testing.assert_allclose(interval.value, np.mean([row.mean() for row in distances]))
    # The pairs of a source say no more than one: an interval of 400 values, not of 18,000. A
    # quantile of a thousand draws is off by 0.08 deviations, and the deviation by 4 %.
    wanted = 2 * 1.96 * by_source.std() / 20
    np.testing.assert_allclose(interval.high - interval.low, wanted, rtol=0.15)
    assert interval.count == 400


def test_outputs_without_a_pair_are_an_error():
    with pytest.raises(MetricError, match=r"two outputs or more of each source\. Received: 1"):
        output_pairs(1)
    with pytest.raises(MetricError, match=r"Received: \[0, 45\]"):
        diversity(np.zeros([0, 45]))
