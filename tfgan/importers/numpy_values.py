"""Arrays and numbers of NumPy in pickles, rebuilt from their bytes; number types only."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tfgan.importers import CheckpointError
from tfgan.importers.pickles import Allowance, Stateful

_DTYPES = {"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"}


class _Type(Stateful):
    """A numpy.dtype of numbers; its state gives the byte order."""

    def __init__(self, name: Any, *_: Any):
        if name not in _DTYPES:
            raise CheckpointError(f"it has arrays of {ascii(name)[:40]}, which are no numbers.")
        self.dtype = np.dtype(name)

    def set_state(self, state: Any) -> Any:
        if state[1] == ">":
            self.dtype = self.dtype.newbyteorder(">")
        return self


def _array(data: Any, dtype: Any, shape: Any) -> np.ndarray:
    """A read-only view of bytes, in C order."""
    if not isinstance(dtype, _Type) or not isinstance(data, bytes | bytearray | memoryview):
        raise CheckpointError("its pickle is damaged: an array has no values.")
    values = np.frombuffer(data, dtype.dtype)
    if not isinstance(shape, tuple) or math.prod(shape) != len(values):
        raise CheckpointError("its pickle is damaged: an array has another shape than its values.")
    values.flags.writeable = False
    return values.reshape(shape)


class _Array(Stateful):
    """A numpy.ndarray before it gets its state, the values."""

    def __init__(self, *_: Any):
        pass

    def set_state(self, state: Any) -> Any:
        _, shape, dtype, turned, data = state
        array = _array(data, dtype, shape[::-1] if turned else shape)
        return array.T if turned else array


def _from_buffer(data: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
    return _array(data, dtype, shape) if order == "C" else _array(data, dtype, shape[::-1]).T


def names(size: int) -> dict[str, Callable | str]:
    """Functions for NumPy's names in a pickle; arrays become read-only arrays.

    Args:
        size: Bytes of the file, an upper bound for arrays that are kept as text.
    """
    allowance = Allowance(size)

    def encode(text: Any, coding: Any) -> bytes:
        # Python 2's protocol keeps bytes this way.
        if coding != "latin1" or not isinstance(text, str):
            raise CheckpointError(f"it has bytes in the coding {ascii(coding)[:40]}.")
        allowance.take(len(text))
        return text.encode("latin1")

    functions: dict[str, Callable | str] = {
        "numpy.dtype": _Type,
        "numpy.ndarray": "numpy.ndarray",
        "_codecs.encode": encode,
    }
    for core in ("numpy.core", "numpy._core"):  # the older name is that of NumPy before 2
        functions[f"{core}.multiarray._reconstruct"] = _Array
        functions[f"{core}.multiarray.scalar"] = lambda dtype, data: _array(data, dtype, ())
        functions[f"{core}.numeric._frombuffer"] = _from_buffer
    return functions
