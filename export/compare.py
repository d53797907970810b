"""What Keras makes of inputs, which exported files are compared with."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from export.signatures import Arrays, Case, Exportable, Flow, follow


class Expected(NamedTuple):
    """What Keras makes of inputs that a flow is told.

    Attributes:
        flow: The way to pictures.
        drawn: Its inputs.
        cases: The signatures that it runs.
        pictures: float32 [N, R, R, 3].
    """

    flow: Flow
    drawn: Arrays
    cases: list[Case]
    pictures: np.ndarray


def expect(exportable: Exportable, drawn: Sequence[Arrays]) -> list[Expected]:
    """Runs Keras on drawn inputs, flow by flow."""
    return [
        Expected(flow, one, *follow(flow, exportable.run, one))
        for flow in exportable.flows
        for one in drawn
    ]


def psnr(squared_error: float) -> float | None:
    """In dB, of a mean squared error whose peak is 1; None where there is none."""
    return None if squared_error == 0 else -10 * math.log10(squared_error)
