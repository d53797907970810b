"""The kernel distance (KID)."""

import numpy as np
import pytest

from tfgan.metrics import MetricError, kernel
from tfgan.metrics.kernel import kernel_distance, unbiased_mmd


def draw(seed, count, offset=0.0, width=5):
    return np.random.default_rng(seed).standard_normal((count, width)).astype(np.float32) + offset


def plain(x, y):
    """The mean kernels by loops."""

    def k(a, b):
        return (sum(float(p) * float(q) for p, q in zip(a, b, strict=True)) / len(a) + 1) ** 3

    def within(z):
        values = [k(z[i], z[j]) for i in range(len(z)) for j in range(len(z)) if i != j]
        return np.mean(values)

    return within(x) + within(y) - 2 * np.mean([k(a, b) for a in x for b in y])


def test_the_discrepancy_is_that_of_loops():
    x, y = draw(0, 7), draw(1, 4, 0.5)
    np.testing.assert_allclose(unbiased_mmd(x, y), plain(x, y), rtol=1e-10)


def test_blocks_do_not_change_the_discrepancy(monkeypatch):
    x, y = draw(0, 50), draw(1, 33, 0.5)
    whole = unbiased_mmd(x, y)
    monkeypatch.setattr(kernel, "BLOCK", 7)
    np.testing.assert_allclose(unbiased_mmd(x, y), whole, rtol=1e-10)
    np.testing.assert_allclose(unbiased_mmd(x[::-1], y), whole, rtol=1e-10)


def test_sets_of_one_distribution_are_on_both_sides_of_nothing():
    result = [unbiased_mmd(draw(2 * n, 20), draw(2 * n + 1, 30)) for n in range(200)]
    assert min(result) < 0 < max(result)
    # Unbiased: the mean of 200 is within three of its deviations.
    assert abs(np.mean(result)) < 3 * np.std(result) / np.sqrt(200)


def test_the_distance_is_the_mean_over_drawn_subsets(monkeypatch):
    monkeypatch.setattr(kernel, "SUBSET", 3)
    x, y = draw(3, 8), draw(4, 9, 1.0)
    random = np.random.default_rng(5)
    values = []
    for _ in range(100):
        a = x[random.permutation(8)[:3]]
        values.append(plain(a, y[random.permutation(9)[:3]]))
    result = kernel_distance(x, y, seed=5)
    np.testing.assert_allclose(result.value, np.mean(values), rtol=1e-9)
    # Two disjoint subsets: one degree of freedom, whose quantile is 12.7062.
    reach = 12.7062 * np.sqrt(np.var(values, ddof=1) * (1 + 0.01))
    np.testing.assert_allclose(
        [result.low, result.high], [result.value - reach, result.value + reach]
    )
    assert result.count == 8


def test_the_interval_holds_the_whole_distance_as_often_as_it_says(monkeypatch):
    monkeypatch.setattr(kernel, "SUBSET", 20)
    # 4000 pictures give it four times as exactly as 200.
    truth = unbiased_mmd(draw(98, 4000, width=2), draw(99, 4000, 1.0, width=2))
    held = 0
    for n in range(60):
        result = kernel_distance(draw(2 * n, 200, width=2), draw(2 * n + 1, 200, 1.0, width=2), n)
        held += result.low <= truth <= result.high
    # Of 60, 57 are to be expected; 51 or fewer come once in a hundred times.
    assert held > 51


def test_the_seed_draws_the_subsets():
    x, y = draw(6, 30), draw(7, 30)
    assert kernel_distance(x, y, 1) == kernel_distance(x, y, 1) != kernel_distance(x, y, 2)


def test_sets_that_cannot_be_compared_are_an_error():
    with pytest.raises(MetricError, match=r"4 pictures or more\. Received: 3 and 9"):
        kernel_distance(draw(0, 3), draw(0, 9))
    with pytest.raises(MetricError, match="of one network"):
        unbiased_mmd(draw(0, 9), draw(0, 9, width=4))
