"""Numbers with 95 % confidence intervals: Wilson's for proportions, bootstrap, jackknife."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Z95 = 1.959963984540054  # quantile 0.975 of the standard normal distribution
RESAMPLES = 1000
GROUPS = 10  # most groups that a jackknife leaves out in turn
# Quantiles 0.975 of Student's t, by degrees of freedom from 1 to GROUPS - 1.
T95 = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622)


@dataclass(frozen=True)
class Interval:
    """A number, its 95 % confidence interval, and the number of pictures behind it."""

    value: float
    low: float
    high: float
    count: int


def share(hits: np.ndarray) -> Interval:
    """The proportion of true values, with Wilson's interval.

    (p + z^2 / 2N +- z sqrt(p (1 - p) / N + z^2 / 4N^2)) / (1 + z^2 / N), with z = 1.96. Unlike
    p +- z sqrt(p (1 - p) / N) it is never empty, and stays within [0, 1].

    Args:
        hits: bool [N].

    Raises:
        ValueError: If there are no values.

    Reference:
        Wilson 1927, Journal of the American Statistical Association 22, 209-212.
    """
    count = len(hits)
    if not count:
        raise ValueError("a proportion needs at least one value. Received: none.")
    p = float(np.mean(hits))
    middle = p + Z95**2 / (2 * count)
    reach = Z95 * math.sqrt(p * (1 - p) / count + Z95**2 / (4 * count**2))
    scale = 1 + Z95**2 / count
    low, high = (middle - reach) / scale, (middle + reach) / scale
    # Rounding shifts bounds of 0 and 1 by 1e-16.
    return Interval(p, max(0.0, min(low, p)), min(1.0, max(high, p)), count)


def mean_share(hits: np.ndarray, requested: np.ndarray, seed: int = 0) -> Interval:
    """Mean over labels of the proportion of hits, with an interval by resampling pictures.

    All labels have the same weight, however many pictures were tested for each. Whole pictures are
    drawn, because the labels of a picture tend to succeed or fail together; else as in `resample`.

    Args:
        hits: Whether a picture has a requested label, bool [N, L].
        requested: Whether the label was requested at all, bool [N, L]; each at least once.
        seed: For the resampling.

    Raises:
        ValueError: If a label was never requested.
    """
    if not len(requested) or not np.all(np.any(requested, axis=0)):
        raise ValueError("each label must be requested of at least one picture. Received: none.")
    parts = np.stack([hits & requested, requested]).astype(np.float64)

    def mean(rows: np.ndarray) -> float:
        right, count = parts[:, rows].sum(axis=1)
        # A draw may leave out the only pictures of a label.
        return float(np.mean(right[count > 0] / count[count > 0]))

    return resample(mean, len(requested), seed)


def resample(statistic: Callable[[np.ndarray], float], count: int, seed: int = 0) -> Interval:
    """A statistic of rows of data, with an interval by resampling.

    The interval lies between the quantiles 0.025 and 0.975 of the statistic over 1000 draws of N
    rows with replacement (percentile bootstrap).

    Args:
        statistic: Indices of rows, int [N] -> number.
        count: N >= 1.
        seed: For the resampling.

    Reference:
        Efron 1979, The Annals of Statistics 7, 1-26.
    """
    random = np.random.default_rng(seed)
    drawn = [statistic(random.integers(count, size=count)) for _ in range(RESAMPLES)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Interval(float(statistic(np.arange(count))), float(low), float(high), count)


def mean(values: np.ndarray, seed: int = 0) -> Interval:
    """The mean of values, with an interval by resampling (see `resample`).

    Args:
        values: float [N], N >= 1.
        seed: For the resampling.
    """
    return resample(lambda rows: values[rows].mean(), len(values), seed)


def jackknife(value: float, leaving_out: np.ndarray, count: int) -> Interval:
    """Jackknife interval of a number that cannot be below 0.

    It reaches t sqrt((G - 1) var), with the variance of the numbers without each of G parts of the
    data, and Student's t of G - 1 degrees of freedom.

    Args:
        value: The number.
        leaving_out: The number without each of 2 to `GROUPS` parts of one size, float [G].
        count: Number of examples.

    Reference:
        Efron and Stein 1981, The Annals of Statistics 9, 586-596.
    """
    groups = len(leaving_out)
    reach = T95[groups - 2] * np.sqrt((groups - 1) * leaving_out.var())
    return Interval(float(value), float(max(0.0, value - reach)), float(value + reach), count)
