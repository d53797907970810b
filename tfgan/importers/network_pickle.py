"""Reads whole networks that were pickled, without their code: NVIDIA's `.pkl` files.

StyleGAN2-ADA and StyleGAN3 pickle PyTorch modules together with the source code of their classes;
StyleGAN and StyleGAN2 pickle TensorFlow 1 networks, again with source code. All that is taken of
both are attributes: names, numbers and arrays.
"""

from pathlib import Path
from typing import Any

import numpy as np

from tfgan.importers import CheckpointError, numpy_values, pickles, torch_file
from tfgan.importers.pickles import Allowance, Record

_PROTOCOLS = range(2, 6)


def _module(description: Any) -> Record:
    """A module of PyTorch, of {"class_name", "state", "module_src"}."""
    return Record(str(description["class_name"]), description["state"])


def _allowed(size: int) -> dict[str, Any]:
    """What names in a pickle of some size stand for."""
    allowance = Allowance(size)

    def load_storage(data: Any) -> np.ndarray:
        allowance.take(len(data))
        return torch_file.read_storage(data)

    return {
        **torch_file.rebuild(size),
        **numpy_values.names(size),
        "torch.storage._load_from_bytes": load_storage,
        "torch_utils.persistence._reconstruct_persistent_obj": _module,
        "dnnlib.tflib.network.Network": lambda *_: Record("Network"),
        "dnnlib.util.EasyDict": lambda *_: {},  # its items follow
    }


def matches(head: bytes) -> bool:
    """Whether a file may be a pickle, by its first bytes."""
    return len(head) > 1 and head[0] == 0x80 and head[1] in _PROTOCOLS


def _letters() -> Allowance:
    """Bounds the names of a network: names of nested modules repeat those of outer modules."""
    return Allowance(2**20, "it has longer names than any model.")


def _refuse(identity: Any) -> None:
    raise CheckpointError("its pickle asks for values of another file.")


def read(path: str | Path) -> Any:
    """Reads a file of pickled networks.

    Args:
        path: A pickle.

    Returns:
        The pickled data: dictionaries, lists (also for sets), tuples, numbers and strings, with a
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
    """A module of PyTorch and the modules inside it, each with its dotted name.

    Raises:
        CheckpointError: If a module is damaged.
    """
    records = []
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
        records.append((name, record))
        for key, part in record.state["_modules"].items():
            letters.take(len(name) + len(str(key)))
            waiting.append((f"{name}.{key}".removeprefix("."), part))
    return records


def parameters(outermost: Record) -> dict[str, Any]:
    """Parameters and buffers of a module of PyTorch and of the modules inside it, by dotted name.

    Raises:
        CheckpointError: If a module is damaged.
    """
    arrays = {}
    letters = _letters()
    for name, record in modules(outermost):
        for group in ("_parameters", "_buffers"):
            for key, value in record.state[group].items():
                letters.take(len(name) + len(str(key)))
                if value is not None:
                    arrays[f"{name}.{key}".removeprefix(".")] = value
    return arrays


def variables(network: Record) -> dict[str, Any]:
    """The variables of a network of TensorFlow 1 and of its components, by name with slashes.

    Raises:
        CheckpointError: If the network is damaged.
    """
    components = network.state.get("components", {})
    if not isinstance(components, dict):
        raise CheckpointError("its network has components of no kind.")
    arrays: dict[str, Any] = {}
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
            arrays[f"{prefix}{name}"] = value
    return arrays


def arguments(network: Record) -> dict[Any, Any]:
    """Constructor arguments of a network of TensorFlow 1, by name.

    Raises:
        CheckpointError: If the network is damaged.
    """
    told = network.state.get("static_kwargs")
    if not isinstance(told, dict):
        raise CheckpointError("its network has no list of arguments (static_kwargs).")
    return told
