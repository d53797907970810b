"""Faces drawn by this package: a data set that needs no download.

`person_of`, `sample_person` and `draw` make single pictures; `prepare` makes the data set, as a
TensorFlow Datasets builder. TensorFlow is imported only when the builder is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfgan.data.avatars.drawing import draw, find_background, person_of
from tfgan.data.avatars.labels import ATTRIBUTES, DOMAINS, EXPRESSIONS, Labels
from tfgan.data.avatars.person import Person, sample_person

if TYPE_CHECKING:
    from tfgan.data.avatars.builder import Avatars, AvatarsConfig, prepare, read_ids

__all__ = [
    "ATTRIBUTES",
    "DOMAINS",
    "EXPRESSIONS",
    "Avatars",
    "AvatarsConfig",
    "Labels",
    "Person",
    "draw",
    "find_background",
    "person_of",
    "prepare",
    "read_ids",
    "sample_person",
]

_NEEDS_TENSORFLOW = ("Avatars", "AvatarsConfig", "prepare", "read_ids")


def __getattr__(name: str) -> Any:
    if name in _NEEDS_TENSORFLOW:
        from tfgan.data.avatars import builder

        return getattr(builder, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
