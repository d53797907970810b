"""Which picture each position of training shows: random numbers that depend on nothing else."""

import numpy as np

_GOLDEN = 0x9E3779B97F4A7C15
_UINT64 = 0xFFFFFFFFFFFFFFFF
_ORDER_STREAM = 1


def random_bits(seed: int, stream: int, counters: np.ndarray) -> np.ndarray:
    """SplitMix64 of (seed, stream, counter): 64 random bits that depend on nothing else.

    Written out here because a resumed run must draw the same numbers under any release of NumPy
    or TensorFlow, and neither promises that of its generators' permutations.
    """
    start = (seed * _GOLDEN + stream) & _UINT64
    start = int(_mix(np.array([start], np.uint64))[0])
    steps = counters.astype(np.uint64) * np.uint64(_GOLDEN)
    return _mix(steps + np.uint64(start))


def _mix(bits: np.ndarray) -> np.ndarray:
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def epoch_order(seed: int, epoch: int, count: int) -> np.ndarray:
    """The order in which one epoch visits `count` pictures: a permutation, int32 or int64."""
    keys = random_bits(seed, _ORDER_STREAM + 2 * epoch, np.arange(count))
    order = np.argsort(keys, kind="stable")
    order = order.astype(np.int32 if count < 2**31 else np.int64)
    order.setflags(write=False)
    return order
