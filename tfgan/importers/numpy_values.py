"""Arrays and numbers of NumPy in pickles: made of their bytes, of the types that hold numbers."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tfgan.importers import CheckpointError
from tfgan.importers.pickles import Allowance, Stateful

_KINDS = {"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"}


class _Type(Stateful):
    """A numpy.dtype of numbers; its state says the order of the bytes."""

    def __init__(self, kind: Any, *_: Any):
        if kind not in _KINDS:
            raise CheckpointError(f"it has arrays of {ascii(kind)[:40]}, which are no numbers.")
        self.dtype = np.dtype(kind)

    def set_state(self, state: Any) -> Any:
        if state[1] == ">":
            self.dtype = self.dtype.newbyteorder(">")
        return self


def _array(data: Any, kind: Any, shape: Any) -> np.ndarray:
    """A read-only view of bytes, in the order of C."""
    if not isinstance(kind, _Type) or not isinstance(data, bytes | bytearray | memoryview):
        raise CheckpointError("its pickle is damaged: an array has no values.")
    values = np.frombuffer(data, kind.dtype)
    if not isinstance(shape, tuple) or math.prod(shape) != len(values):
        raise CheckpointError("its pickle is damaged: an array has another shape than its values.")
    values.flags.writeable = False
    return values.reshape(shape)


class _Array(Stateful):
    """A numpy.ndarray before it gets its values, which are its state."""

    def __init__(self, *_: Any):
        pass

    def set_state(self, state: Any) -> Any:
        _, shape, kind, turned, data = state
        array = _array(data, kind, shape[::-1] if turned else shape)
        return array.T if turned else array


def _from_buffer(data: Any, kind: Any, shape: Any, order: Any) -> np.ndarray:
    return _array(data, kind, shape) if order == "C" else _array(data, kind, shape[::-1]).T


def names(size: int) -> dict[str, Callable | str]:
    """What NumPy's names in a pickle stand for; values of arrays become read-only arrays.

    Args:
        size: Bytes of the file, which bound those of arrays that are kept as text.
    """
    allowance = Allowance(size)

    def encode(text: Any, coding: Any) -> bytes:
        # How the protocol of Python 2 keeps bytes.
        if coding != "latin1" or not isinstance(text, str):
            raise CheckpointError(f"it has bytes in the coding {ascii(coding)[:40]}.")
        allowance.take(len(text))
        return text.encode("latin1")

    found: dict[str, Callable | str] = {
        "numpy.dtype": _Type,
        "numpy.ndarray": "numpy.ndarray",
        "_codecs.encode": encode,
    }
    for core in ("numpy.core", "numpy._core"):  # the older name is that of NumPy before 2
        found[f"{core}.multiarray._reconstruct"] = _Array
        found[f"{core}.multiarray.scalar"] = lambda kind, data: _array(data, kind, ())
        found[f"{core}.numeric._frombuffer"] = _from_buffer
    return found
