"""Weights of published names and of small shapes, drawn as those of the parity data."""

import numpy as np

from tests.parity.published import Case, draw_weight

DIVISOR = 16


def shrink(shape: list[int]) -> list[int]:
    """The shape with a sixteenth of the channels; what concatenates one map more keeps it."""
    if len(shape) == 4 and shape[-1] > 7:
        return shape  # a noise map
    return [n // DIVISOR + n % DIVISOR if n >= DIVISOR else n for n in shape]


def small_weights(case: str, network: str) -> dict[str, np.ndarray]:
    """Published name -> drawn weight of a network like that of a case of the parity data."""
    part = Case(case).spec[network]
    weights = [{**weight, "shape": shrink(weight["shape"])} for weight in part["weights"]]
    return {weight["name"]: draw_weight(part["seed"], weight) for weight in weights}
