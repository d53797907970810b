"""Perceptual path length: how fast pictures change along paths between latents.

At a random place (or the start) of the path between two latents, a small step changes the picture;
the length is the perceptual distance of both pictures, divided by the square of the step. Callers
run the networks.
"""

from typing import NamedTuple

import numpy as np

from tfgan.metrics import MetricError
from tfgan.metrics.intervals import Interval, resample

EPSILON = 1e-4  # published length of a step, as a fraction of the path


class Paths(NamedTuple):
    """Paths between two latents, and a place on each.

    Attributes:
        start: float32 [B, Z].
        end: float32 [B, Z].
        t: float64 [B], from 0 to 1.
    """

    start: np.ndarray
    end: np.ndarray
    t: np.ndarray


def draw_paths(indices: np.ndarray, width: int, sampling: str, seed: int = 0) -> Paths:
    """Draws paths, each from its number alone, so that batches do not matter.

    Args:
        indices: Numbers of the paths, int [B].
        width: Z.
        sampling: "full": t is uniform in [0, 1]; "end": it is 0.
        seed: Shared by all paths.

    Raises:
        MetricError: If `sampling` is unknown.
    """
    if sampling not in ("full", "end"):
        raise MetricError(f"sampling must be full or end. Received: {sampling}.")
    ends, t = np.empty((2, len(indices), width), np.float32), np.empty(len(indices))
    for row, index in enumerate(indices):
        random = np.random.default_rng([seed, int(index)])
        ends[:, row] = random.standard_normal((2, width))
        t[row] = random.random() * (sampling == "full")
    return Paths(ends[0], ends[1], t)


def normalize(x: np.ndarray) -> np.ndarray:
    """Divides by the length along the last axis."""
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def slerp(a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
    """The point at t of the shorter arc of the unit sphere from a to b, for Z: [B, Z] of length 1.

    Reference:
        Shoemake 1985, Computer Graphics 19, 245-254. Normalization of a, b and the
        point: Karras et al. 2018, arXiv:1812.04948, section 4.1, and its code.
    """
    a, b = (normalize(np.asarray(x, np.float64)) for x in (a, b))
    cosine = np.clip(np.sum(a * b, axis=-1, keepdims=True), -1.0, 1.0)
    across = b - cosine * a
    # For equal ends this is 0, and the point stays where it is.
    length = np.linalg.norm(across, axis=-1, keepdims=True)
    across = across / np.where(length > 0, length, 1.0)
    angle = np.asarray(t)[:, None] * np.arccos(cosine)
    return normalize(a * np.cos(angle) + across * np.sin(angle))


def mean_without_outliers(values: np.ndarray) -> float:
    """Mean of the values from the 1st to the 99th percentile, both inclusive."""
    low = (len(values) - 1) // 100
    high = len(values) - 1 - low
    low_value, high_value = np.partition(values, (low, high))[[low, high]]
    return float(values[(values >= low_value) & (values <= high_value)].mean())


def path_length(distances: np.ndarray, epsilon: float = EPSILON, seed: int = 0) -> Interval:
    """Perceptual path length, with an interval by resampling of the paths.

    Distances below the 1st or above the 99th percentile are left out, separately in each draw,
    because the percentiles are uncertain too.

    Args:
        distances: Perceptual distance of the two pictures of each path, float [N], N >= 1.
        epsilon: Length of the step between them, as a fraction of the path.
        seed: For the resampling.

    Raises:
        MetricError: If there are no paths.

    Reference:
        Karras et al. 2018, arXiv:1812.04948, section 4.1.
    """
    if not len(distances):
        raise MetricError("a path length needs one path or more. Received: none.")
    values = np.asarray(distances, np.float64) / epsilon**2
    return resample(lambda rows: mean_without_outliers(values[rows]), len(values), seed)
