"""Published weights for the parity tests: drawn by formula, put into our networks."""

import json
import zlib
from pathlib import Path

import numpy as np

from tfgan.importers.weights import Names, by_path
from tfgan.importers.weights import fill as load_weights

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
    return np.asarray(value * np.float32(weight["scale"]) + np.float32(weight["shift"]))


def fill(network, weights: dict[str, np.ndarray], names: Names) -> None:
    """Sets all weights of a layer or model from published ones, as imports do."""
    load_weights(by_path(network), weights, names)


def by_our_path(norms: dict[str, float], names: Names) -> dict[str, float]:
    """Published name -> number, as path of our variable -> number."""
    renamed = {names.path(name): norm for name, norm in norms.items()}
    assert len(renamed) == len(norms)
    return renamed


def assert_close(actual, expected, tolerance: float, what: str = "") -> None:
    """Largest difference as a share of the largest expected value."""
    actual = np.asarray(actual)
    assert actual.shape == expected.shape, (what, actual.shape, expected.shape)
    error = np.max(np.abs(actual - expected)) / np.max(np.abs(expected))
    assert error <= tolerance, f"{what}: {error:.2e} > {tolerance:.0e}"
