"""Frechet distance of two sets, as normal distributions: features -> moments -> number."""

import contextlib
import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from tfgan.metrics import MetricError, check_features
from tfgan.metrics.intervals import GROUPS, Interval, jackknife
from tfgan.terminal import Progress

WIDTH = 256  # most features for which the jackknife is cheap


@dataclass(frozen=True)
class Moments:
    """Count, mean and covariance of a set of features.

    Attributes:
        count: N.
        mean: float64 [C].
        covariance: Unbiased (divided by N - 1), float64 [C, C].
    """

    count: int
    mean: np.ndarray
    covariance: np.ndarray


def merge(a: Moments, b: Moments) -> Moments:
    """Moments of the union of two sets, from the moments of each.

    Reference:
        Chan et al. 1983, The American Statistician 37, 242-247.
    """
    count = a.count + b.count
    apart = b.mean - a.mean
    mean = a.mean + apart * (b.count / count)
    spread = (a.count - 1) * a.covariance + (b.count - 1) * b.covariance
    spread += np.outer(apart, apart * (a.count * b.count / count))
    return Moments(count, mean, spread / (count - 1))


def block_moments(features: np.ndarray) -> Moments:
    """Moments of features in memory, [N, C], N >= 1; the covariance of one picture is 0."""
    x = np.asarray(features, np.float64)
    mean = x.mean(axis=0)
    x = x - mean
    return Moments(len(x), mean, x.T @ x / max(1, len(x) - 1))


def moments(blocks: Iterable[np.ndarray]) -> Moments:
    """Moments of features that come in blocks, of which only one is in memory at a time.

    Args:
        blocks: Features, [n, C] with n >= 1; at least two rows in all.

    Raises:
        MetricError: If there are fewer than two rows.
    """
    parts = (block_moments(block) for block in blocks)
    empty = Moments(0, np.zeros(0), np.zeros(0))
    first = next(parts, empty)
    total = functools.reduce(merge, parts, first)
    if total.count < 2:
        raise MetricError(
            f"a covariance needs two pictures or more. Received: {total.count}. Use more pictures."
        )
    return total


def root_factor(covariance: np.ndarray) -> np.ndarray:
    """F with F F^T = covariance, [C, K], K at most C.

    Cholesky's factor. Where it does not exist (fewer pictures than features, or constant ones), the
    pivoted factor, which stops at the rank K.

    Reference:
        Higham 2002, "Accuracy and Stability of Numerical Algorithms", section 10.3.
    """
    with contextlib.suppress(np.linalg.LinAlgError):
        return np.linalg.cholesky(covariance)
    left = np.diag(covariance).copy()
    limit = len(left) * np.finfo(np.float64).eps * left.max()
    factor = np.zeros(covariance.shape, order="F")
    for k in range(len(left)):
        pivot = np.argmax(left)
        if left[pivot] <= limit:
            return factor[:, :k]
        column = covariance[:, pivot] - factor[:, :k] @ factor[pivot, :k]
        factor[:, k] = column / np.sqrt(left[pivot])
        left -= factor[:, k] ** 2
        left[pivot] = 0.0
    return factor


def frechet_distance(a: Moments, b: Moments) -> float:
    """|m1 - m2|^2 + Tr(S1 + S2 - 2 (S1 S2)^1/2).

    Tr (S1 S2)^1/2 is the sum of the singular values of F1^T F2 for any factors S = F F^T: they are
    the roots of the eigenvalues of S1 S2. Unlike a square root of the product, which is
    not symmetric, it is real for any number of pictures, and 0 for equal moments up to rounding.

    Args:
        a: Moments of one set.
        b: Moments of the other set, with the same features.

    Raises:
        MetricError: If the widths differ, or a moment is not finite.

    Reference:
        Dowson and Landau 1982, Journal of Multivariate Analysis 12, 450-455. For pictures: Heusel
        et al. 2017, arXiv:1706.08500.
    """
    if a.mean.shape != b.mean.shape:
        raise MetricError(
            "both sets must have features of one network. "
            f"Received: {len(a.mean)} and {len(b.mean)} features."
        )
    if not all(np.all(np.isfinite(part)) for part in (a.mean, a.covariance, b.mean, b.covariance)):
        raise MetricError("features must be finite. Received: NaN or infinity among them.")
    roots = np.linalg.svd(
        root_factor(a.covariance).T @ root_factor(b.covariance), compute_uv=False
    ).sum()
    spread = np.trace(a.covariance) + np.trace(b.covariance) - 2 * roots
    return float(np.sum((a.mean - b.mean) ** 2) + max(0.0, spread))


def frechet_interval(features: np.ndarray, others: np.ndarray) -> Interval | None:
    """The distance with a jackknife interval: a part of each set is left out in turn.

    The parts are rows g, g + G, ... of each set; G is 10, or fewer so that two rows remain.

    Args:
        features: float [N, C], N >= 4, in random order.
        others: float [M, C], M >= 4, likewise.

    Returns:
        The interval, with the size of the smaller set as count; None for more than 256 features,
        where the distances without each part take too long.

    Raises:
        MetricError: If a set is too small, or the widths differ.
    """
    check_features(features, others, 4)
    if features.shape[1] > WIDTH:
        return None
    count = min(len(features), len(others))
    groups = min(GROUPS, count // 2)
    parts = [[block_moments(x[g::groups]) for g in range(groups)] for x in (features, others)]

    def distance(kept: list[int]) -> float:
        a, b = (functools.reduce(merge, [part[g] for g in kept]) for part in parts)
        return frechet_distance(a, b)

    everything = list(range(groups))
    leaving_out = [distance([g for g in everything if g != out]) for out in everything]
    return jackknife(distance(everything), np.array(leaving_out), count)


def feature_distance(features: np.ndarray, others: np.ndarray) -> float:
    """The distance of two sets of any size: float [N, C], [M, C], which may be on a disk."""
    with Progress(total=3, desc="Frechet distance") as bar:
        moments_of = []
        for rows in (features, others):
            moments_of.append(moments(row_blocks(rows)))
            bar.update()
        return frechet_distance(*moments_of)


def row_blocks(rows: np.ndarray, size: int = 2048) -> Iterator[np.ndarray]:
    """Rows in blocks that fit in memory: [N, C] -> [n, C] each."""
    for start in range(0, len(rows), size):
        yield np.asarray(rows[start : start + size])
