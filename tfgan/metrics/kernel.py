"""Kernel distance of two sets (KID): features -> mean kernels -> number."""

import numpy as np

from tfgan.metrics import check_features
from tfgan.metrics.intervals import T95, Interval
from tfgan.terminal import Progress

SUBSETS = 100
SUBSET = 1000  # pictures from each set
BLOCK = 2048  # rows at a time


def kernel_sum(x: np.ndarray, y: np.ndarray) -> float:
    """Sum of (x_i . y_j / C + 1)^3 over all pairs, of [N, C] and [M, C], in float64."""
    values = np.asarray(x, np.float64) @ np.asarray(y, np.float64).T
    values /= x.shape[1]
    values += 1.0
    return float(np.einsum("ij,ij,ij->", values, values, values))


def own_sum(x: np.ndarray) -> float:
    """The same sum over all pairs of two different rows of one set, in both orders."""
    x = np.asarray(x, np.float64)
    diagonal = np.einsum("ij,ij->i", x, x) / x.shape[1] + 1.0
    return kernel_sum(x, x) - float(np.sum(diagonal**3))


def unbiased_mmd(features: np.ndarray, others: np.ndarray) -> float:
    """Squared maximum mean discrepancy of whole sets: time grows with (N + M)^2 C.

    mean k(x, x') + mean k(y, y') - 2 mean k(x, y), with k(x, y) = (x . y / C + 1)^3, and the first
    two means over pairs of different pictures. Its expectation does not depend on the counts, so it
    can be negative.

    Args:
        features: float [N, C], N >= 2.
        others: float [M, C], M >= 2.

    Raises:
        MetricError: If a set is too small, or the widths differ.

    Reference:
        Binkowski et al. 2018, arXiv:1801.01401, section 4.
    """
    check_features(features, others, 2)
    x, y = (np.array_split(rows, -(-len(rows) // BLOCK)) for rows in (features, others))

    def mean_own(parts: list[np.ndarray], count: int) -> float:
        total = sum(own_sum(part) for part in parts)
        total += 2 * sum(kernel_sum(a, b) for i, a in enumerate(parts) for b in parts[:i])
        return total / (count * (count - 1))

    cross = sum(kernel_sum(a, b) for a in x for b in y) / (len(features) * len(others))
    return mean_own(x, len(features)) + mean_own(y, len(others)) - 2 * cross


def kernel_distance(
    features: np.ndarray, others: np.ndarray, seed: int = 0, progress: str | None = None
) -> Interval:
    """KID as published: mean of `unbiased_mmd` over 100 random subsets of 1000 pictures of each.

    With fewer than 2000 pictures a subset has half of the smaller set, so that subsets differ.

    The interval takes their variance s^2. Subsets of N / p pictures overlap, and vary less than
    independent sets would: the estimate from all pictures has the variance s^2 / (p - 1), as in a
    jackknife with p parts, and drawing only 100 subsets adds s^2 / 100. So there are as many
    independent values as disjoint subsets, p, however many are drawn, and Student's t has p - 1
    degrees of freedom (at most 9, which is 15 % too wide for large p).

    Args:
        features: float [N, C], N >= 4.
        others: float [M, C], M >= 4.
        seed: For the subsets.
        progress: Words before a progress bar, which shows after two seconds; None: no bar.

    Returns:
        The distance, not multiplied by 1000; `count` is the size of the smaller set.

    Raises:
        MetricError: If a set is too small, or the widths differ.

    Reference:
        Binkowski et al. 2018, arXiv:1801.01401, section 4.
    """
    check_features(features, others, 4)
    count = min(len(features), len(others))
    size = min(SUBSET, count // 2)
    random = np.random.default_rng(seed)
    values = []
    for _ in Progress(range(SUBSETS), progress, disable=progress is None):
        # Sorted, because files are read in order.
        drawn = [x[np.sort(random.permutation(len(x))[:size])] for x in (features, others)]
        values.append(unbiased_mmd(*drawn))
    parts = count // size
    value, variance = float(np.mean(values)), float(np.var(values, ddof=1))
    reach = T95[min(parts - 1, len(T95)) - 1] * (variance * (1 / (parts - 1) + 1 / SUBSETS)) ** 0.5
    return Interval(value, value - reach, value + reach, count)
