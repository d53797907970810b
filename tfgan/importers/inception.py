"""Inception-v3 of FID: PyTorch's files of both published variants as `InceptionV3`."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfgan.importers import CheckpointError
from tfgan.importers.weights import COUNTERS, Names, by_path, fill

NAMES = Names(
    "Inception-v3",
    (
        (r"^(Conv2d|Mixed)_", lambda m: m[0].lower()),
        (r"^(mixed_\w+)\.", r"\1_"),
        (r"\.conv\.", "."),
        (r"^fc\.", "to_logits."),
        (r"weight$", "kernel"),
    ),
    (
        COUNTERS,
        (r"^AuxLogits\.", "weights of the second classifier, which only training needs"),
        (r"^fc\.bias$", "bias of the logits, which inception scores leave out"),
    ),
)
VARIANTS = {1008: "2015-12-05", 1000: "torchvision"}  # by the number of classes
_NORM = ("weight", "bias", "running_mean", "running_var")
_EPSILON = 1e-3  # of the published batch norms


def fold_norms(weights: Mapping[Any, Any]) -> dict[Any, Any]:
    """Folds batch norms into the convolutions before them, which get a bias.

    "NAME.conv.weight" and the four arrays of "NAME.bn" become "NAME.conv.weight" and
    "NAME.conv.bias". If some are missing or do not fit, all stay unchanged.
    """
    folded = dict(weights)
    for name, kernel in weights.items():
        layer = str(name).removesuffix(".conv.weight")
        names = [f"{layer}.bn.{part}" for part in _NORM]
        norm = [weights.get(part) for part in names]
        arrays = [value for value in (kernel, *norm) if isinstance(value, np.ndarray)]
        if (
            layer == name
            or len(arrays) < 5
            or any(value.dtype.kind != "f" for value in arrays)
            or kernel.ndim != 4
            or any(value.shape != kernel.shape[:1] for value in arrays[1:])
        ):
            continue
        gamma, beta, mean, variance = (np.float64(value) for value in arrays[1:])
        with np.errstate(invalid="ignore"):  # `fill` reports NaN
            scale = gamma / np.sqrt(variance + _EPSILON)
        folded[name] = (kernel * scale[:, None, None, None]).astype(np.float32)
        folded[f"{layer}.conv.bias"] = (beta - mean * scale).astype(np.float32)
        for part in names:
            del folded[part]
    return folded


def find(contents: Any) -> dict[str, Any] | None:
    """Weights of the network in the contents of a file, by published name; None without any."""
    is_inception = (
        isinstance(contents, dict) and {"Conv2d_1a_3x3.conv.weight", "fc.weight"} <= contents.keys()
    )
    return contents if is_inception else None


def convert(weights: Mapping[str, Any]) -> tuple[Any, list[str]]:
    """Makes the network from published weights; the number of classes determines the variant.

    Args:
        weights: Published name -> array, in PyTorch's layout.

    Returns:
        A `tfgan.models.inception.InceptionV3`, and lines about weights that were left out.

    Raises:
        CheckpointError: If names are missing or unknown, or shapes do not fit.
    """
    from tfgan.models.inception import InceptionV3

    classes = len(weights["fc.weight"]) if np.ndim(weights["fc.weight"]) else 0
    if classes not in VARIANTS:
        raise CheckpointError(
            "it holds an Inception-v3 that no published metric uses: it must tell "
            f"{' or '.join(map(str, VARIANTS))} classes apart. Received: {classes}."
        )
    network = InceptionV3(VARIANTS[classes], name="inception")
    network.build()
    return network, fill(by_path(network), fold_norms(weights), NAMES)
