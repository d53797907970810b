"""JSON as every reader takes it: without NaN and Infinity, which Python writes and JSON lacks."""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tfgan.files import replacing

REASONS = "not_finite"  # entry of a record that says what stood where null stands


def json_text(value: Any, **layout: Any) -> str:
    """A value as JSON.

    Args:
        value: What JSON can hold.
        layout: As `json.dumps` takes it.

    Raises:
        ValueError: If a number in it is not finite; see `finite_record`.
    """
    return json.dumps(value, allow_nan=False, **layout)


def write_json(path: Path, value: Any) -> None:
    """Writes a value for people and programs: the whole file, or nothing.

    Args:
        path: Of the file; its folder exists.
        value: What JSON can hold.

    Raises:
        ValueError: If a number in it is not finite; see `finite_record`.
    """
    text = json_text(value, indent=2) + "\n"
    with replacing(path) as partial:
        partial.write_text(text, "utf-8")


def finite_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record of measurements as JSON can hold it.

    Null stands for each number that is not finite, and `not_finite` says which number it was, by
    its place: `{"loss": {"g": nan}}` becomes
    `{"loss": {"g": None}, "not_finite": {"loss.g": "nan"}}`. Other records stay as they are.

    Args:
        record: Numbers, text, mappings and sequences of them, by name.
    """
    strange = {place: str(number) for place, number in _non_finite(record, ())}
    finite = without_non_finite(record)
    return {**finite, REASONS: strange} if strange else finite


def without_non_finite(value: Any) -> Any:
    """The same value with null (None) for each number that is not finite, at any depth."""
    if isinstance(value, Mapping):
        return {name: without_non_finite(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_non_finite(inner) for inner in value]
    return None if _is_non_finite(value) else value


def _is_non_finite(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _non_finite(value: Any, place: tuple[str, ...]) -> Iterator[tuple[str, float]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _non_finite(inner, (*place, str(name)))
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            yield from _non_finite(inner, (*place, str(index)))
    elif _is_non_finite(value):
        yield ".".join(place), value
