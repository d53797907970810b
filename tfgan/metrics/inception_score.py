"""Inception score: class probabilities -> entropies -> number."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from tfgan.metrics import MetricError
from tfgan.metrics.intervals import T95, Interval

SPLITS = 10


class Score(NamedTuple):
    """Inception score of a set.

    Attributes:
        mean: Mean over the splits.
        deviation: Standard deviation over the splits, the number after +- in papers.
    """

    mean: Interval
    deviation: float


def plogp(p: np.ndarray) -> np.ndarray:
    """p log p, which is 0 for p = 0."""
    return p * np.log(np.where(p > 0, p, 1.0))


def inception_score(blocks: Iterable[np.ndarray], count: int) -> Score:
    """exp(mean KL(p(y|x) || p(y))), for each tenth of the pictures, and their mean.

    It is between 1 and the number of classes. Split i holds pictures i N / 10 to (i + 1) N / 10, as
    published, and p(y) is the mean over a split. Mean KL = H(p(y)) - mean H(p(y|x)), so sums are
    enough, and only one block is in memory at a time.

    Args:
        blocks: Class probabilities of pictures in random order, float [n, K], each row summing
            to 1.
        count: N, rows of all blocks together, >= 10.

    Returns:
        `Score`; the interval is Student's t over the splits.

    Raises:
        MetricError: If there are too few pictures.

    Reference:
        Salimans et al. 2016, arXiv:1606.03498, section 4.
    """
    if count < SPLITS:
        raise MetricError(
            f"an inception score needs {SPLITS} pictures or more. Received: {count}. "
            "Use more pictures."
        )
    ends = (np.arange(1, SPLITS + 1) * count) // SPLITS
    sums: list[np.ndarray] = [np.zeros(1)] * SPLITS
    negative_entropies = np.zeros(SPLITS)
    seen = 0
    for block in blocks:
        p = np.asarray(block, np.float64)
        split_of = np.searchsorted(ends, np.arange(seen, seen + len(p)), side="right")
        seen += len(p)
        for split in np.unique(split_of[split_of < SPLITS]):
            rows = p[split_of == split]
            sums[split] = sums[split] + rows.sum(axis=0)
            negative_entropies[split] += plogp(rows).sum()
    if seen != count:
        raise ValueError(f"blocks must have {count} rows together. Received: {seen}.")
    sizes = np.diff(ends, prepend=0)
    divergences = [
        entropy / size - plogp(total / size).sum()
        for total, entropy, size in zip(sums, negative_entropies, sizes, strict=True)
    ]
    scores = np.exp(divergences)
    reach = T95[SPLITS - 2] * scores.std(ddof=1) / np.sqrt(SPLITS)
    value = float(scores.mean())
    interval = Interval(value, float(max(1.0, value - reach)), float(value + reach), count)
    return Score(interval, float(scores.std()))
