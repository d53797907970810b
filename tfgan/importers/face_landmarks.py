"""The network of face landmarks: clovaai/stargan-v2's wing.ckpt as `FaceLandmarks`.

The same network was published before as the first of four stacked hourglasses, in the files of
protossw512/AdaptiveWingLoss, whose names agree.
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfgan.importers import CheckpointError

_BRANCHES = {"1": "skip", "2": "before", "3": "after"}
# Published to ours, applied in order. Hourglasses are numbered from the inside, 1, to the outside.
_RULES = (
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
)

# Weights of a file that the network does without, and why.
LEFT_OUT = (
    (r"\.num_batches_tracked$", "counters that only training needs"),
    (
        r"^(m|top_m_|conv_last|bn_end|l)[1-9]\d*\.|^(al|bl)\d+\.",
        "weights of further hourglasses, which the network of StarGAN v2 does without",
    ),
)
_SHOWN = 20  # names of a list


def our_name(name: str) -> str:
    """Path, below the network, of the variable that a published weight belongs to.

    "m0.b1_3.bn1.weight" -> "hourglass/inner/skip/norm1/gamma". Other names come back as a path
    that no variable has.
    """
    for pattern, replacement in _RULES:
        name = re.sub(pattern, replacement, name)
    return name.replace(".", "/")


def to_our_layout(value: np.ndarray) -> np.ndarray:
    """Kernels [out, in, kh, kw] as [kh, kw, in, out]; anything else as it is."""
    return value.transpose(2, 3, 1, 0) if value.ndim == 4 else value


def find(contents: Any) -> dict[str, Any] | None:
    """The weights of the network in what a file holds, by published name; None if it has none."""
    for found in (contents, contents.get("state_dict") if isinstance(contents, dict) else None):
        if isinstance(found, dict) and "m0.coordconv.conv.weight" in found:
            return found
    return None


def convert(weights: Mapping[str, Any]) -> tuple[Any, list[str]]:
    """Makes the network of published weights.

    Args:
        weights: Published name -> array, in PyTorch's layout.

    Returns:
        A `tfgan.models.landmarks.FaceLandmarks`, and lines that say what was left out.

    Raises:
        CheckpointError: If names are missing, left over without being known, or do not fit.
    """
    from tfgan.models.landmarks import FaceLandmarks

    network = FaceLandmarks(name="landmarks")
    network.build()
    variables = {variable.path.split("/", 1)[1]: variable for variable in network.variables}
    left_out: Counter[str] = Counter()
    chosen, unknown, unfit = {}, [], []
    for name, value in weights.items():
        reasons = [reason for pattern, reason in LEFT_OUT if re.search(pattern, str(name))]
        if reasons:
            left_out[reasons[0]] += 1
            continue
        path = our_name(str(name))
        if path not in variables:
            unknown.append(str(name))
            continue
        expected = tuple(variables[path].shape)
        if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
            unfit.append(f"{name}: must hold floating point numbers")
        elif to_our_layout(value).shape != expected:
            unfit.append(f"{name}: {list(value.shape)} does not fit {path} {list(expected)}")
        elif not np.all(np.isfinite(value)):
            unfit.append(f"{name}: has values that are no numbers")
        chosen[path] = value
    problems = {
        "missing (as they are called here)": sorted(variables.keys() - chosen.keys()),
        "not of this network": unknown,
        "of another kind or shape": unfit,
    }
    if any(problems.values()):
        raise CheckpointError(
            "it holds other weights than the network of face landmarks has."
            + "".join(_list(what, names) for what, names in problems.items() if names)
        )
    for path, value in chosen.items():
        variables[path].assign(to_our_layout(value))
    return network, [f"{count} {reason}" for reason, count in left_out.items()]


def _list(what: str, names: list[str]) -> str:
    more = [f"... and {len(names) - _SHOWN} more"] if len(names) > _SHOWN else []
    return f"\n{len(names)} {what}:" + "".join(f"\n  {n}" for n in [*names[:_SHOWN], *more])
