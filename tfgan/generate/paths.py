"""Closed paths through points, for videos."""

import numpy as np


def spline(points: np.ndarray, steps: int) -> np.ndarray:
    """Closed cubic spline through `points` [K, Z], sampled at `steps` even times: [steps, Z].

    With second derivatives M, M[i-1] + 4 M[i] + M[i+1] = 6 (p[i-1] - 2 p[i] + p[i+1]), indices
    modulo K, so that the motion is smooth at every point and from the end to the start.
    """
    count = len(points)
    eye = np.eye(count)
    around = np.roll(eye, 1, axis=0) + np.roll(eye, -1, axis=0)
    second = np.linalg.solve(4 * eye + around, 6 * (around - 2 * eye) @ points)
    i, after, u = _segments(count, steps)
    v = 1 - u
    bend = (v**3 - v) * second[i] + (u**3 - u) * second[after]
    return (v * points[i] + u * points[after] + bend / 6).astype(np.float32)


def slerp(points: np.ndarray, steps: int) -> np.ndarray:
    """Closed path of great arcs through `points` [K, Z], sampled at `steps` times: [steps, Z].

    sin((1 - u) a) / sin(a) * p + sin(u a) / sin(a) * q, with a the angle between p and q.
    """
    i, after, u = _segments(len(points), steps)
    p, q = points[i], points[after]
    norms = np.linalg.norm(p, axis=1) * np.linalg.norm(q, axis=1)
    angle = np.arccos(np.clip(np.sum(p * q, axis=1) / norms, -1, 1))[:, None]
    # A point that follows itself, as a single seed does, has no arc.
    sine = np.where(np.sin(angle) < 1e-6, 1.0, np.sin(angle))
    arc = (np.sin((1 - u) * angle) * p + np.sin(u * angle) * q) / sine
    return np.where(np.sin(angle) < 1e-6, p, arc).astype(np.float32)


def linear(points: np.ndarray, steps: int) -> np.ndarray:
    """Closed path of straight lines through `points` [K, Z], sampled at `steps` times: [steps, Z].

    (1 - u) p + u q.
    """
    i, after, u = _segments(len(points), steps)
    return ((1 - u) * points[i] + u * points[after]).astype(np.float32)


def _segments(count: int, steps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Index of the point before and after each time [steps], and the way between [steps, 1]."""
    times = np.arange(steps) * count / steps
    i = times.astype(int) % count
    return i, (i + 1) % count, (times - np.floor(times))[:, None]
