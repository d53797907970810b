"""Real pictures that models of translations are compared and calibrated with."""

import itertools
import os
import sys
from typing import Any

import numpy as np

from export.examples import drawn_faces
from tfgan.inference import to_float

# What opens pictures is imported where it is used: --help need not wait for TensorFlow.

FIRST_FACE = 2_000_000  # no run learns from drawn faces beyond its own, which begin at 0


def read_pictures(names: list[str], resolution: int, count: int) -> np.ndarray:
    """Reads pictures from all over some data sets, in turn.

    Args:
        names: Of the sets, as after `--data`: folders, `tfds:NAME` or `avatars`, of which new
            faces are drawn.
        resolution: R, to which pictures are cropped and resized.
        count: How many are read.

    Returns:
        float32 [count, R, R, 3] in [-1, 1]; some again and again where there are fewer.

    Raises:
        DataError: If a set cannot be opened, or has no readable picture.
    """
    from tfgan.data.opening import open_source, parse_name
    from tfgan.data.sources import DataOptions

    parts = []
    for index, name in enumerate(names):
        share = len(range(index, count, len(names)))
        _, place, _, source_type = parse_name(name)
        if source_type.is_drawn:
            parts.append(drawn_faces(range(FIRST_FACE, FIRST_FACE + share), resolution))
            continue
        source = open_source(DataOptions((place,), resolution=resolution))
        parts.append(_read(source, resolution, share))
    longest = max(map(len, parts))
    turns = [part[i] for i in range(longest) for part in parts if i < len(part)]
    return np.stack(turns)


def _in_turn(source: Any) -> list[int]:
    """Places of all pictures of a source in random order, those of each sub-folder in turn."""
    order = np.random.default_rng(0).permutation(len(source)).tolist()
    if not hasattr(source, "relative_path"):
        return order
    by_folder: dict[str, list[int]] = {}
    for place in order:
        above, _, _ = source.relative_path(place).rpartition(os.sep)
        by_folder.setdefault(above.partition(os.sep)[0], []).append(place)
    rounds = itertools.zip_longest(*by_folder.values())
    return [place for turn in rounds for place in turn if place is not None]


def _read(source: Any, resolution: int, count: int) -> np.ndarray:
    from tfgan.data.decoding import decode_picture, explain
    from tfgan.data.sources import DataError

    images: list[np.ndarray] = []
    for place in _in_turn(source):
        if len(images) == count:
            break
        try:
            images.append(decode_picture(source.read(place).content, resolution)[0])
        except MemoryError:
            raise
        # Pillow's plugins raise nearly anything on damaged files.
        except Exception as error:
            print(f"Left out  {source.describe(place)}: {explain(error)}", file=sys.stderr)
    if not images:
        raise DataError(
            field="data",
            expected="must name readable pictures",
            received=f"{source.name}, which has none",
        )
    if len(images) < count:
        print(
            f"Note      {source.name} has {len(images)} of the {count} pictures that are wanted: "
            "some are used twice, so int8 is judged by pictures that its ranges are of.",
            file=sys.stderr,
        )
    return to_float(np.stack([images[i % len(images)] for i in range(count)]))
