"""The network of face landmarks: clovaai/stargan-v2's wing.ckpt as `FaceLandmarks`.

The same network was published earlier, as the first of four stacked hourglasses in the files of
protossw512/AdaptiveWingLoss, with the same names.
"""

from collections.abc import Mapping
from typing import Any

from tfgan.importers.weights import COUNTERS, Names, by_path, fill

_BRANCHES = {"1": "skip", "2": "before", "3": "after"}
# Hourglasses are numbered from 1, the innermost.
NAMES = Names(
    "the network of face landmarks",
    (
        (r"^conv([234])\.", r"block\1."),
        (r"^conv_last0\.", "conv2."),
        (r"^bn_end0\.", "norm2."),
        (r"^l0\.", "to_heatmaps."),
        (r"^top_m_0\.", "top."),
        (r"^m0\.coordconv\.", "coordinates."),
        (r"^m0\.b2_plus_1\.", "hourglass.inner.inner.inner.inner."),
        (
            r"^m0\.b([123])_([1-4])\.",
            lambda m: f"hourglass.{'inner.' * (4 - int(m[2]))}{_BRANCHES[m[1]]}.",
        ),
        (r"\bdownsample\.0\.", "shortcut_norm."),
        (r"\bdownsample\.2\.", "shortcut."),
        (r"\bbn(\d)\.", r"norm\1."),
        (r"(norm\d?)\.weight$", r"\1.gamma"),
        (r"(norm\d?)\.bias$", r"\1.beta"),
        (r"running_mean$", "moving_mean"),
        (r"running_var$", "moving_variance"),
        (r"weight$", "kernel"),
    ),
    (
        COUNTERS,
        (
            r"^(m|top_m_|conv_last|bn_end|l)[1-9]\d*\.|^(al|bl)\d+\.",
            "weights of further hourglasses, which the network of StarGAN v2 does without",
        ),
    ),
)


def find(contents: Any) -> dict[str, Any] | None:
    """Weights of the network in the contents of a file, by published name; None without any."""
    for state in (contents, contents.get("state_dict") if isinstance(contents, dict) else None):
        if isinstance(state, dict) and "m0.coordconv.conv.weight" in state:
            return state
    return None


def convert(weights: Mapping[str, Any]) -> tuple[Any, list[str]]:
    """Makes the network from published weights.

    Args:
        weights: Published name -> array, in PyTorch's layout.

    Returns:
        A `tfgan.models.landmarks.FaceLandmarks`, and lines about weights that were left out.

    Raises:
        CheckpointError: If names are missing, left over without being known, or do not fit.
    """
    from tfgan.models.landmarks import FaceLandmarks

    network = FaceLandmarks(name="landmarks")
    network.build()
    return network, fill(by_path(network), weights, NAMES)
