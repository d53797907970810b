"""What the app draws from a seed, computed apart from it (mobile_demo/src/random.ts)."""

import math

import numpy as np

MASK = 2**32 - 1


def random_bits(seed: int, k: int) -> int:
    """Number k of a seed: SplitMix32."""
    x = (seed + (k + 1) * 0x9E3779B9) & MASK
    x = (x ^ (x >> 16)) * 0x21F0AAAD & MASK
    x = (x ^ (x >> 15)) * 0x735A2D97 & MASK
    return x ^ (x >> 15)


def latents(seed: int, count: int) -> np.ndarray:
    """Standard normal numbers by the Box-Muller transform, float32 [1, count]."""
    values = []
    for k in range(0, count, 2):
        u, v = ((random_bits(seed, k + i) + 0.5) / 2**32 for i in (0, 1))
        radius, angle = math.sqrt(-2 * math.log(u)), 2 * math.pi * v
        values += [radius * math.cos(angle), radius * math.sin(angle)]
    return np.array([values[:count]], np.float32)


def slerp(start: np.ndarray, end: np.ndarray, at: float) -> np.ndarray:
    """The point on the arc between two latents."""
    cosine = np.sum(start * end) / np.linalg.norm(start) / np.linalg.norm(end)
    angle = np.arccos(np.float64(cosine))
    mixed = np.sin((1 - at) * angle) * start + np.sin(at * angle) * end
    return (mixed / np.sin(angle)).astype(np.float32)
