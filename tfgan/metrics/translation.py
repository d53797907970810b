"""How much translations change pictures: pictures -> numbers."""

import numpy as np

from tfgan.metrics.intervals import Interval, resample


def differences(
    images: np.ndarray, others: np.ndarray, masks: np.ndarray | None = None
) -> np.ndarray:
    """Sum of |image - other| over the selected pixels of each picture, and their number.

    Args:
        images: uint8 [N, H, W, C].
        others: uint8 [N, H, W, C].
        masks: The selected pixels, bool [N, H, W]; None: all.

    Returns:
        float64 [N, 2]. The difference of a pixel is the mean over its channels, for values in
        [-1, 1]: 0 for equal pixels, 2 for black and white.
    """
    each = np.abs(images.astype(np.int16) - others).mean(axis=-1) / 127.5
    if masks is None:
        masks = np.ones(each.shape, bool)
    return np.stack([(each * masks).sum(axis=(1, 2)), masks.sum(axis=(1, 2))], axis=1)


def mean_difference(parts: np.ndarray, seed: int = 0) -> Interval | None:
    """Mean difference of a pixel, with an interval by resampling the pictures.

    It is over all selected pixels of all pictures, so a picture weighs as much as it has such
    pixels.

    Args:
        parts: Results of `differences`, of any number of calls, [N, 2].
        seed: For the resampling.

    Returns:
        The mean, in the unit of `differences`; None if no pixel is selected.
    """
    parts = parts[parts[:, 1] > 0]
    if not len(parts):
        return None

    def difference(rows: np.ndarray) -> float:
        total, pixels = parts[rows].sum(axis=0)
        return total / pixels

    return resample(difference, len(parts), seed)
