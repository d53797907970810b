"""VGG16 of precision and recall: the files of torchvision and of NVlabs as `VGG16`.

Both hold the same network: NVlabs' file is a TorchScript archive, whose arrays are read and whose
program is ignored.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfgan.importers import CheckpointError
from tfgan.importers.pickles import Record
from tfgan.importers.weights import Names, by_path, fill, torch_layout

# Indices of the convolutions in torchvision's list of layers.
_PLACES = ("0", "2", "5", "7", "10", "12", "14", "17", "19", "21", "24", "26", "28")
_ENDS = {"features.28.weight", "classifier.0.weight"}
_MAPS = (512, 7, 7)  # input of the first dense layer, in PyTorch's order


def _layout(name: str, value: np.ndarray) -> np.ndarray:
    """Kernels in Keras's layout; the first dense layer takes maps with channels last."""
    if name in ("classifier.0.weight", "layers.fc1.weight"):
        maps = value.reshape(len(value), *_MAPS)
        return maps.transpose(2, 3, 1, 0).reshape(-1, len(value))
    return torch_layout(name, value)


NAMES = Names(
    "VGG16",
    (
        *[(rf"^features\.{place}\.", f"conv{i + 1}.") for i, place in enumerate(_PLACES)],
        (r"^classifier\.0\.", "fc1."),
        (r"^classifier\.3\.", "fc2."),
        (r"^layers\.", ""),
        (r"weight$", "kernel"),
    ),
    (
        (r"^(classifier\.6|layers\.fc3)\.", "weights of the classes of ImageNet"),
        (r"^(?!features\.|classifier\.|layers\.)", "weights of LPIPS and constants"),
    ),
    _layout,
)


def _flatten(module: Record) -> dict[str, np.ndarray]:
    """Arrays of a module and of the modules in it, by dotted name."""
    arrays: dict[str, np.ndarray] = {}
    # A hostile file may nest a module in itself, or each module twice in the next: read each once.
    left, seen = [("", module)], {id(module)}
    while left:
        path, record = left.pop()
        for name, value in record.state.items():
            if isinstance(value, np.ndarray):
                arrays[f"{path}{name}"] = value
            elif isinstance(value, Record) and id(value) not in seen:
                seen.add(id(value))
                left.append((f"{path}{name}.", value))
    return arrays


def find(contents: Any) -> dict[str, Any] | None:
    """Weights by published name in the contents of a file; None if it holds no whole VGG16."""
    if isinstance(contents, Record):
        layers = contents.state.get("layers")
        return _flatten(contents) if isinstance(layers, Record) and "fc1" in layers.state else None
    if not isinstance(contents, dict) or not contents.keys() >= _ENDS:
        return None
    # With linear weights beside it, it is meant for LPIPS.
    return None if any(str(name).startswith(("lin", "lpips")) for name in contents) else contents


def convert(weights: Mapping[str, Any]) -> tuple[Any, list[str]]:
    """Makes the network from published weights.

    Args:
        weights: Published name -> array, in PyTorch's layout.

    Returns:
        A `tfgan.models.vgg.VGG16`, and lines about weights that were left out.

    Raises:
        CheckpointError: If names are missing or unknown, or shapes do not fit.
    """
    from tfgan.models.vgg import VGG16

    bias = weights.get("classifier.0.bias", weights.get("layers.fc1.bias"))
    if not isinstance(bias, np.ndarray) or bias.ndim != 1:
        raise CheckpointError("it holds a VGG16 without its dense layers, which are needed.")
    network = VGG16(len(bias), name="vgg16")
    network.build()
    return network, fill(by_path(network), weights, NAMES)
