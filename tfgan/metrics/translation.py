"""How well translations arrive, and what they leave alone: pictures and decisions -> numbers."""

import math
from dataclasses import dataclass

import numpy as np

Z95 = 1.959963984540054  # quantile 0.975 of the standard normal distribution
RESAMPLES = 1000


@dataclass(frozen=True)
class Interval:
    """A number, its 95 % confidence interval, and how many pictures it is from."""

    value: float
    low: float
    high: float
    count: int


def share(hits: np.ndarray) -> Interval:
    """The share of true values, with Wilson's interval.

    (p + z^2 / 2N +- z sqrt(p (1 - p) / N + z^2 / 4N^2)) / (1 + z^2 / N), with z = 1.96. Unlike
    p +- z sqrt(p (1 - p) / N) it is never empty, nor outside of [0, 1].

    Args:
        hits: bool [N].

    Raises:
        ValueError: If there is none.

    Reference:
        Wilson 1927, Journal of the American Statistical Association 22, 209-212.
    """
    count = len(hits)
    if not count:
        raise ValueError("a share needs at least one value. Received: none.")
    p = float(np.mean(hits))
    middle = p + Z95**2 / (2 * count)
    reach = Z95 * math.sqrt(p * (1 - p) / count + Z95**2 / (4 * count**2))
    scale = 1 + Z95**2 / count
    low, high = (middle - reach) / scale, (middle + reach) / scale
    # Rounding leaves the bounds of 0 and 1 off by 1e-16.
    return Interval(p, max(0.0, min(low, p)), min(1.0, max(high, p)), count)


def mean_share(hits: np.ndarray, asked: np.ndarray, seed: int = 0) -> Interval:
    """The mean over labels of each one's share, with an interval by resampling of the pictures.

    Labels weigh alike, however many pictures were asked for each. Whole pictures are drawn, for
    what is asked of one picture tends to succeed or to fail together; else as in
    `mean_difference`.

    Args:
        hits: Whether what was asked of a picture succeeded, bool [N, L].
        asked: Whether it was asked at all, bool [N, L]; each label of at least one picture.
        seed: Of the draws.

    Raises:
        ValueError: If there is a label that was never asked for.
    """
    if not len(asked) or not np.all(np.any(asked, axis=0)):
        raise ValueError("each label must be asked of one picture or more. Received: none.")
    parts = np.stack([hits & asked, asked]).astype(np.float64)

    def mean(rows: np.ndarray) -> float:
        right, count = parts[:, rows].sum(axis=1)
        # A draw may leave out the only pictures of a label.
        return float(np.mean(right[count > 0] / count[count > 0]))

    count = len(asked)
    random = np.random.default_rng(seed)
    drawn = [mean(random.integers(count, size=count)) for _ in range(RESAMPLES)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Interval(mean(np.arange(count)), float(low), float(high), count)


def differences(
    images: np.ndarray, others: np.ndarray, masks: np.ndarray | None = None
) -> np.ndarray:
    """Sum of |image - other| over the pixels of each picture that count, and their number.

    Args:
        images: uint8 [N, H, W, C].
        others: uint8 [N, H, W, C].
        masks: The pixels that count, bool [N, H, W]; None: all.

    Returns:
        float64 [N, 2]. The difference of a pixel is the mean over its channels, for values in
        [-1, 1]: 0 for equal pixels, 2 for black and white.
    """
    each = np.abs(images.astype(np.int16) - others).mean(axis=-1) / 127.5
    if masks is None:
        masks = np.ones(each.shape, bool)
    return np.stack([(each * masks).sum(axis=(1, 2)), masks.sum(axis=(1, 2))], axis=1)


def mean_difference(parts: np.ndarray, seed: int = 0) -> Interval | None:
    """Mean difference of a pixel, with an interval by resampling of the pictures.

    It is over all the pixels of all pictures, so a picture weighs as much as it has pixels that
    count. The interval lies between the quantiles 0.025 and 0.975 of that number over 1000 draws of
    N pictures with replacement (percentile bootstrap).

    Args:
        parts: What `differences` gave, of any number of calls, [N, 2].
        seed: Of the draws.

    Returns:
        The mean, in the unit of `differences`; None where no pixel counts.

    Reference:
        Efron 1979, The Annals of Statistics 7, 1-26.
    """
    parts = parts[parts[:, 1] > 0]
    count = len(parts)
    if not count:
        return None
    random = np.random.default_rng(seed)
    totals = np.stack(
        [parts[random.integers(count, size=count)].sum(axis=0) for _ in range(RESAMPLES)]
    )
    low, high = np.quantile(totals[:, 0] / totals[:, 1], [0.025, 0.975])
    total, pixels = parts.sum(axis=0)
    return Interval(float(total / pixels), float(low), float(high), count)
