"""Published weights and names for the parity tests: drawn by formula, put into our networks."""

import json
import re
import zlib
from pathlib import Path

import numpy as np

DATA = Path(__file__).parent / "data"


class Case:
    """One folder of published inputs and outputs."""

    def __init__(self, name: str):
        self.name = name
        self.spec = json.loads((DATA / name / "spec.json").read_text())
        self.config = self.spec["config"]
        self.scalars = self.spec["scalars"]
        self.arrays = dict(np.load(DATA / name / "expected.npz"))

    def weights(self, network: str) -> dict[str, np.ndarray]:
        """Published name -> drawn weight of one network."""
        part = self.spec[network]
        return {w["name"]: draw_weight(part["seed"], w) for w in part["weights"]}


def draw_weight(seed: int, weight: dict) -> np.ndarray:
    """The formula of the parity data."""
    rng = np.random.default_rng([seed, zlib.crc32(weight["name"].encode())])
    value = rng.standard_normal(weight["shape"], dtype=np.float32)
    return value * np.float32(weight["scale"]) + np.float32(weight["shift"])


def published_name(path: str) -> str:
    """Name in NVlabs/stylegan2-ada-pytorch of one of our variables.

    "generator/synthesis/b8/conv0/affine/kernel" -> "synthesis.b8.conv0.affine.weight".
    """
    name = path.split("/", 1)[1]
    name = re.sub(r"^(fromrgb|conv|fc|out)/", r"b4/\1/", name)
    name = re.sub(r"(conv[01]|torgb)/conv/kernel", r"\1/kernel", name)
    for ours, theirs in {
        "noise/strength": "noise_strength",
        "noise/fixed": "noise_const",
        "mapping/average": "mapping/w_avg",
        "kernel": "weight",
    }.items():
        name = name.replace(ours, theirs)
    return name.replace("/", ".")


def to_our_layout(name: str, value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Published layout (channels first, [out, in, ...]) to ours."""
    if name == "b4.fc.weight":  # the flattened map is C, H, W there and H, W, C here
        value = value.reshape(len(value), -1, 4, 4).transpose(0, 2, 3, 1).reshape(len(value), -1)
    if value.ndim == 4:
        value = value.transpose(2, 3, 1, 0)
    elif name.endswith("const"):
        value = value.transpose(1, 2, 0) if value.ndim == 3 else value[:, :, None]
    elif value.ndim == 2:
        value = value.T
    return value.reshape(shape)


def fill(model, weights: dict[str, np.ndarray]) -> None:
    """Sets all weights of a model from published ones; each name must be used exactly once."""
    names = {published_name(v.path): v for v in model.variables}
    assert set(names) == set(weights), set(names) ^ set(weights)
    for name, variable in names.items():
        variable.assign(to_our_layout(name, weights[name], tuple(variable.shape)))


def assert_close(actual, expected, tolerance: float, what: str = "") -> None:
    """Largest difference as a share of the largest expected value."""
    actual = np.asarray(actual)
    assert actual.shape == expected.shape, (what, actual.shape, expected.shape)
    error = np.max(np.abs(actual - expected)) / np.max(np.abs(expected))
    assert error <= tolerance, f"{what}: {error:.2e} > {tolerance:.0e}"
