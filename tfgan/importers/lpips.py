"""LPIPS: a network of torchvision and the linear weights of its layers as `LPIPS`.

They were published separately; a state dictionary of the whole module has both.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfgan.importers import CheckpointError
from tfgan.importers.weights import Names, by_path, fill

NAMES = Names(
    "LPIPS",
    (
        (r"^(features|net\.slice\d)\.(\d+)\.", r"conv\2."),
        # The second number is 0 if the module was made without dropout.
        (r"^lin(\d)\.model\.[01]\.", r"linear\1."),
        (r"^lpips_weights\.(\d)\.main\.[01]\.", r"linear\1."),
        (r"weight$", "kernel"),
    ),
    (
        (r"^classifier\.", "weights of the classifier of ImageNet"),
        (r"^lins\.", "second copies of the linear weights"),
        (r"^scaling_layer\.", "constants for the scale of images, which are known"),
    ),
)
# The kernel of the first convolution determines the network.
SHAPES = {(64, 3, 11, 11): "alex", (64, 3, 3, 3): "vgg"}
_FIRST = ("features.0.weight", "net.slice1.0.weight")
_LINEAR = ("lin0.model.1.weight", "lin0.model.0.weight", "lpips_weights.0.main.1.weight")


def find(contents: Any) -> dict[str, Any] | None:
    """Weights by published name in the contents of files; None if they hold no part of LPIPS."""
    if not isinstance(contents, dict):
        return None
    firsts = [np.shape(contents[name]) for name in _FIRST if name in contents]
    is_part = any(shape in SHAPES for shape in firsts) or any(name in contents for name in _LINEAR)
    return contents if is_part else None


def convert(weights: Mapping[str, Any]) -> tuple[Any, list[str]]:
    """Makes the distance from published weights.

    Args:
        weights: Published name -> array, in PyTorch's layout: weights of the network and the linear
            weights.

    Returns:
        A `tfgan.models.lpips.LPIPS`, and lines about weights that were left out.

    Raises:
        CheckpointError: If either part is missing; if names are missing or unknown, or shapes do
            not fit.
    """
    from tfgan.models.lpips import LPIPS

    firsts = [np.shape(weights[name]) for name in _FIRST if name in weights]
    if not firsts:
        raise CheckpointError(
            "it holds only the linear weights of LPIPS. Give the network of torchvision with "
            "them: alexnet-owt-7be5be79.pth or vgg16-397923af.pth."
        )
    network = SHAPES.get(firsts[0], "alex")
    if not any(name in weights for name in _LINEAR):
        raise CheckpointError(
            f"it holds a network without the linear weights of LPIPS. Give {network}.pth of "
            "richzhang/PerceptualSimilarity, lpips/weights/v0.1, with it."
        )
    model = LPIPS(network, name="lpips")
    model.build()
    return model, fill(by_path(model), weights, NAMES)
