"""Reads whole networks that were pickled, without their code: NVIDIA's `.pkl` files.

StyleGAN2-ADA and StyleGAN3 pickle PyTorch modules together with the source code of their classes;
StyleGAN and StyleGAN2 pickle TensorFlow 1 networks, again with source code. All that is taken of
both are attributes: names, numbers and arrays.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np

from tfgan.importers import CheckpointError, pickles, torch_file
from tfgan.importers.pickles import Allowance, Record, Stateful

_PROTOCOLS = range(2, 6)
_KINDS = {"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"}


class _Type(Stateful):
    """A numpy.dtype of numbers; its state says the order of the bytes."""

    def __init__(self, kind: Any, *_: Any):
        if kind not in _KINDS:
            raise CheckpointError(f"it has arrays of {ascii(kind)[:40]}, which are no numbers.")
        self.dtype = np.dtype(kind)

    def set_state(self, state: Any) -> None:
        if state[1] == ">":
            self.dtype = self.dtype.newbyteorder(">")


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
    """A numpy.ndarray that gets its values as its state."""

    def __init__(self, *_: Any):
        self.array = np.empty(0, np.float32)

    def set_state(self, state: Any) -> None:
        _, shape, kind, turned, data = state
        array = _array(data, kind, shape[::-1] if turned else shape)
        self.array = array.T if turned else array


def _from_buffer(data: Any, kind: Any, shape: Any, order: Any) -> np.ndarray:
    return _array(data, kind, shape) if order == "C" else _array(data, kind, shape[::-1]).T


def _module(description: Any) -> Record:
    """A module of PyTorch, of {"class_name", "state", "module_src"}."""
    return Record(str(description["class_name"]), description["state"])


def _allowed(size: int) -> dict[str, Any]:
    """What names in a pickle of some size stand for."""
    allowance = Allowance(size)

    def load_storage(data: Any) -> np.ndarray:
        allowance.take(len(data))
        return torch_file.read_storage(data)

    def encode(text: Any, coding: Any) -> bytes:
        # How the protocol of Python 2 keeps bytes.
        if coding != "latin1" or not isinstance(text, str):
            raise CheckpointError(f"it has bytes in the coding {ascii(coding)[:40]}.")
        allowance.take(len(text))
        return text.encode("latin1")

    allowed = {
        **torch_file.rebuild(size),
        "torch.storage._load_from_bytes": load_storage,
        "torch_utils.persistence._reconstruct_persistent_obj": _module,
        "dnnlib.tflib.network.Network": lambda *_: Record("Network"),
        "dnnlib.util.EasyDict": lambda *_: {},  # its items follow
        "numpy.dtype": _Type,
        "numpy.ndarray": "numpy.ndarray",
        "_codecs.encode": encode,
    }
    for core in ("numpy.core", "numpy._core"):  # the older name is that of NumPy before 2
        allowed[f"{core}.multiarray._reconstruct"] = _Array
        allowed[f"{core}.multiarray.scalar"] = lambda kind, data: _array(data, kind, ())
        allowed[f"{core}.numeric._frombuffer"] = _from_buffer
    return allowed


def matches(head: bytes) -> bool:
    """Whether a file that begins so may be a pickle."""
    return len(head) > 1 and head[0] == 0x80 and head[1] in _PROTOCOLS


def _letters() -> Allowance:
    """Bounds the names of a network: those of nested modules repeat the ones around them."""
    return Allowance(2**20, "it has longer names than any model.")


def _refuse(identity: Any) -> None:
    raise CheckpointError("its pickle asks for values of another file.")


def read(path: str | Path) -> Any:
    """Reads a file of pickled networks.

    Args:
        path: A pickle.

    Returns:
        What was pickled: dictionaries, lists (also for sets), tuples, numbers and strings, with a
        read-only array for each array, tensor or parameter, and a `pickles.Record` for each network
        or module.

    Raises:
        CheckpointError: If the file is damaged, or asks for anything but harmless types.
        OSError: If it cannot be read.
    """
    path = Path(path)
    with path.open("rb") as file:
        return pickles.load(file, _allowed(path.stat().st_size), _refuse)


def modules(outermost: Record) -> list[tuple[str, Record]]:
    """A module of PyTorch and those inside it, each with its dotted name.

    Raises:
        CheckpointError: If a module is damaged.
    """
    found = []
    seen = set()
    letters = _letters()
    waiting: list[tuple[str, Any]] = [("", outermost)]
    while waiting:
        name, record = waiting.pop()
        if not isinstance(record, Record) or id(record) in seen:
            raise CheckpointError(f"its module {name[:60]!r} is none, or stands in itself.")
        seen.add(id(record))
        for group in ("_parameters", "_buffers", "_modules"):
            if not isinstance(record.state.get(group), dict):
                raise CheckpointError(f"its module {name[:60]!r} has no {group[1:]}.")
        found.append((name, record))
        for key, part in record.state["_modules"].items():
            letters.take(len(name) + len(str(key)))
            waiting.append((f"{name}.{key}".removeprefix("."), part))
    return found


def parameters(outermost: Record) -> dict[str, Any]:
    """The parameters and buffers of a module of PyTorch and of those inside it, by dotted name.

    Raises:
        CheckpointError: If a module is damaged.
    """
    found = {}
    letters = _letters()
    for name, record in modules(outermost):
        for group in ("_parameters", "_buffers"):
            for key, value in record.state[group].items():
                letters.take(len(name) + len(str(key)))
                if value is not None:
                    found[f"{name}.{key}".removeprefix(".")] = value
    return found


def variables(network: Record) -> dict[str, Any]:
    """The variables of a network of TensorFlow 1 and of its components, by name with slashes.

    Raises:
        CheckpointError: If the network is damaged.
    """
    components = network.state.get("components", {})
    if not isinstance(components, dict):
        raise CheckpointError("its network has components of no kind.")
    found: dict[str, Any] = {}
    letters = _letters()
    for prefix, part in {"": network, **{f"{name}/": c for name, c in components.items()}}.items():
        listed = part.state.get("variables") if isinstance(part, Record) else None
        if not isinstance(listed, list):
            raise CheckpointError(f"its network {prefix[:60]!r} has no list of variables.")
        for item in listed:
            if not isinstance(item, tuple) or len(item) != 2:
                raise CheckpointError(f"its network {prefix[:60]!r} has a variable without a name.")
            name, value = item
            letters.take(len(prefix) + len(str(name)))
            found[f"{prefix}{name}"] = value.array if isinstance(value, _Array) else value
    return found


def arguments(network: Record) -> dict[Any, Any]:
    """What a network of TensorFlow 1 was made with, by name.

    Raises:
        CheckpointError: If the network is damaged.
    """
    told = network.state.get("static_kwargs")
    if not isinstance(told, dict):
        raise CheckpointError("its network has no list of arguments (static_kwargs).")
    return told
