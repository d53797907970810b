"""Pickles as NVIDIA's programs write them, made without PyTorch and TensorFlow 1.

Modules with the names that the pickles ask for stand in for the real ones while they are written.
"""

import collections
import contextlib
import pickle
import sys
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests.importers import saved

STAND_INS = {
    "torch_utils.persistence": ["_reconstruct_persistent_obj"],
    "torch._utils": ["_rebuild_tensor_v2", "_rebuild_parameter"],
    "torch.storage": ["_load_from_bytes"],
    "dnnlib.util": ["EasyDict"],
    "dnnlib.tflib.network": ["Network"],
}


def _stand_in(module: str, name: str) -> Any:
    kinds = {"EasyDict": (dict,), "Network": ()}
    if name in kinds:
        return type(name, kinds[name], {"__module__": module})

    def function(*_):
        raise AssertionError(f"{module}.{name} was called")

    function.__module__, function.__qualname__ = module, name
    return function


@contextlib.contextmanager
def stand_ins() -> Iterator[dict[str, Any]]:
    """Name -> function or class of a module that is not there."""
    by_name, before = {}, dict(sys.modules)
    try:
        for module, names in STAND_INS.items():
            parts = module.split(".")
            for end in range(1, len(parts) + 1):
                dotted = ".".join(parts[:end])
                if dotted not in sys.modules or dotted == module:
                    sys.modules[dotted] = types.ModuleType(dotted)
            for name in names:
                by_name[name] = _stand_in(module, name)
                setattr(sys.modules[module], name, by_name[name])
        yield by_name
    finally:
        for dotted in set(sys.modules) - set(before):
            del sys.modules[dotted]
        sys.modules.update(before)


class Reduced:
    """Pickles to a call of a function."""

    def __init__(self, function: Any, *arguments: Any):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def tensor(names: Mapping[str, Any], value: np.ndarray) -> Reduced:
    """A tensor within a plain pickle, whose storage is a stream of torch.save."""
    type_name = saved.TYPE_NAMES[value.dtype.str]
    stored = saved.storage("0", type_name, value.size, pickle.NONE)
    data = saved.stream(stored, {"0": value})
    strides = tuple(stride // value.itemsize for stride in value.strides)
    hooks: dict = collections.OrderedDict()
    storage = Reduced(names["_load_from_bytes"], data)
    return Reduced(names["_rebuild_tensor_v2"], storage, 0, value.shape, strides, False, hooks)


def module(
    names: Mapping[str, Any], class_name: str, weights: Mapping[str, Any], **state: Any
) -> Any:
    """A persistent object of weights by dotted name; the attributes are of the outermost module."""
    inner: dict[str, dict[str, Any]] = {}
    parameters = {}
    for name, value in weights.items():
        first, _, rest = name.partition(".")
        if rest:
            inner.setdefault(first, {})[rest] = value
        else:
            parameters[first] = Reduced(names["_rebuild_parameter"], tensor(names, value), True, {})
    attributes = {
        "_parameters": parameters,
        "_buffers": {"nothing": None},
        "_non_persistent_buffers_set": set(),
        "_modules": {key: module(names, "Module", part) for key, part in inner.items()},
        **state,
    }
    about = {
        "type": "class",
        "version": 6,
        "module_src": "raise SystemExit('code was run')",
        "class_name": class_name,
        "state": attributes,
    }
    return Reduced(names["_reconstruct_persistent_obj"], about)


def save_modules(
    path: Path,
    protocol: int = pickle.DEFAULT_PROTOCOL,
    state: Mapping[str, Any] | None = None,
    **networks: tuple[str, Mapping[str, Any]],
) -> None:
    """A pickle of StyleGAN2-ADA.

    Args:
        path: Of the file.
        protocol: Of the pickle.
        state: Further attributes of the outermost modules.
        networks: Their classes, and weights by dotted name.
    """
    with stand_ins() as names, path.open("wb") as file:
        contents = {
            key: module(names, *network, **(state or {})) for key, network in networks.items()
        }
        contents["training_set_kwargs"] = names["EasyDict"](resolution=32)
        pickle.dump({**contents, "augment_pipe": None}, file, protocol)


def save_networks(
    path: Path, *networks: Mapping[str, Any], protocol: int = 4, **kwargs: Any
) -> None:
    """A pickle of TensorFlow 1 networks: each its variables by name, below synthesis and mapping.

    Args:
        path: Of the file.
        networks: Name with slashes -> value.
        protocol: Of the pickle.
        kwargs: The arguments that all of them were made with.
    """
    with stand_ins() as names, path.open("wb") as file:

        def network(name: str, variables: Mapping[str, Any]) -> Any:
            parts = {
                part: network(f"G_{part}", {key.partition("/")[2]: value for key, value in inside})
                for part in ("synthesis", "mapping")
                if (inside := [i for i in variables.items() if i[0].startswith(f"{part}/")])
            }
            remaining = [(k, v) for k, v in variables.items() if k.partition("/")[0] not in parts]
            stand_in = names["Network"].__new__(names["Network"])
            stand_in.__dict__.update(
                version=4, name=name, static_kwargs=kwargs, components=parts, variables=remaining,
                build_module_src="raise SystemExit('code was run')", build_func_name="G_main",
            )  # fmt: skip
            return stand_in

        pickle.dump(tuple(network("G", variables) for variables in networks), file, protocol)
