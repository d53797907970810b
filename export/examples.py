"""Examples that exported files are compared and calibrated with: how many, and of what."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tfgan.data.avatars import draw, person_of
from tfgan.inference import to_float

# Numbers of examples: at least, for each class, domain or label, and at most. They are whole
# rounds of these, where there is room for one.
COMPARED = (3, 1, 16)  # that a report compares
SEARCHED = (2, 1, 8)  # that a search looks at
CALIBRATING = (32, 2, 64)  # that ranges are found with; they may begin amid a round


class Examples(NamedTuple):
    """Numbers of examples, none for two purposes.

    Attributes:
        compared: Those that a report compares, and a search must satisfy too.
        searched: Those that a search looks at.
        calibrating: Those that ranges are found with.
    """

    compared: range
    searched: range
    calibrating: range

    @property
    def total(self) -> int:
        """Number of all."""
        return self.calibrating.stop


def examples_of(choices: int) -> Examples:
    """The examples of a model with so many classes, domains or labels to choose from."""
    counts = [
        min(-(-max(least, each * choices) // choices) * choices, most)
        for least, each, most in (COMPARED, SEARCHED, CALIBRATING)
    ]
    ends = np.cumsum(counts).tolist()
    return Examples(*map(range, [0, *ends], ends))


def spread(numbers: Sequence[int], count: int) -> np.ndarray:
    """Places from 0 to count - 1 that examples ask for, int32 [N].

    A few consecutive numbers have places that lie far apart, and `count` of them, from a multiple
    of `count` on, each place once. The order shifts by one each time: pictures of several folders
    come in turn, and each folder meets each place.

    Args:
        numbers: Of examples, [N].
        count: Of places.
    """
    # Of points in steps of the golden ratio, every further one falls into one of the widest gaps.
    points = np.arange(count) * (math.sqrt(5) - 1) / 2 % 1
    places = np.argsort(np.argsort(points))
    rounds, turns = np.divmod(np.asarray(numbers, np.int64), count)
    return ((places[turns] + rounds) % count).astype(np.int32)


def drawn_faces(numbers: Sequence[int], resolution: int) -> np.ndarray:
    """Faces that our own code draws, float32 [N, R, R, 3] in [-1, 1]."""
    faces = [np.asarray(draw(person_of(0, i), resolution)) for i in numbers]
    return to_float(np.stack(faces))
