"""Diversity of translations: distances between outputs of one source -> number."""

import numpy as np

from tfgan.metrics import MetricError
from tfgan.metrics.intervals import Interval, mean


def output_pairs(outputs: int) -> np.ndarray:
    """All pairs of different outputs: int [P, 2], P = outputs (outputs - 1) / 2; 45 for 10.

    Raises:
        MetricError: If there are fewer than two outputs.
    """
    if outputs < 2:
        raise MetricError(
            f"diversity needs two outputs or more of each source. Received: {outputs}."
        )
    return np.stack(np.triu_indices(outputs, 1), axis=1)


def diversity(distances: np.ndarray, seed: int = 0) -> Interval:
    """Mean distance of two outputs of one source, with an interval by resampling of the sources.

    Whole sources are drawn, because the pairs of a source have outputs in common.

    Args:
        distances: Perceptual distances of the pairs of each source's outputs (see `output_pairs`),
            float [N, P].
        seed: For the resampling.

    Returns:
        The mean; `count` is the number of sources.

    Raises:
        MetricError: If there is no source or no pair.

    Reference:
        Choi et al. 2020, arXiv:1912.01865, appendix A.
    """
    if distances.ndim != 2 or not distances.size:
        raise MetricError(
            "diversity needs distances of one source or more, [N, P]. "
            f"Received: {list(distances.shape)}."
        )
    return mean(distances.mean(axis=1, dtype=np.float64), seed)
