"""What the verbs of all models share: kinds of numbers, seeds, limits, and what a verb is."""

import argparse
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tfgan.terminal import UserError

# What Pillow opens without a warning of decompression bombs, and what most viewers take.
MAX_PIXELS = 2**26
MAX_LENGTH = 2**15
MAX_FRAMES = 100_000
MAX_SIDE = 1000  # rows or columns of a grid


class UsageError(UserError):
    """Options that cannot work."""


class Verb(NamedTuple):
    """Something that a kind of model can be asked for.

    Attributes:
        about: One line for --help.
        example: Arguments of an example.
        add_options: Adds the verb's own options to its parser.
        run: Does it: model, options, where to write.
        ending: What the result's name ends in: ".png", ".mp4" (or .gif), or "" for a folder.
        check: Raises UsageError for options that cannot work, before the model is loaded.
    """

    about: str
    example: str
    add_options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[Any, argparse.Namespace, Path], None]
    ending: str = ".png"
    check: Callable[[argparse.Namespace], None] = lambda options: None


def parse_seeds(text: str) -> list[int]:
    """Reads "0-3,8" as [0, 1, 2, 3, 8]."""
    seeds: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:-(\d+))?\s*", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, -1)
        if last < first or last - first >= 1_000_000:
            raise argparse.ArgumentTypeError(
                f"seeds must be like 5 or 0-15,33, each range rising. Received: {text!r}."
            )
        seeds.extend(range(first, last + 1))
    return seeds


def whole(lowest: int, highest: int) -> Callable[[str], int]:
    """A reader of integers within bounds."""

    def read(text: str) -> int:
        if not re.fullmatch(r"-?\d+", text) or not lowest <= int(text) <= highest:
            raise argparse.ArgumentTypeError(
                f"must be an integer from {lowest} to {highest}. Received: {text!r}."
            )
        return int(text)

    return read


def finite(text: str) -> float:
    """Reads a number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"must be a number. Received: {text!r}.")
    return value


def positive(text: str) -> float:
    """Reads a number above 0."""
    value = finite(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"must be above 0. Received: {text!r}.")
    return value


def file_name(text: str) -> str:
    """A name as part of a file's name, of at most 60 letters: disks take 255 bytes in all."""
    return re.sub(r"[^\w.+-]+", "_", text).strip("._")[:60] or "_"


def unused(name: str, used: set[str]) -> str:
    """The name, or with the first number that tells it from those used; it is added to them."""
    candidate, number = name, 1
    while candidate in used:
        number += 1
        candidate = f"{name}-{number}"
    used.add(candidate)
    return candidate


def add_seed(parser: argparse._ActionsContainer) -> None:
    """Adds --seed."""
    parser.add_argument(
        "--seed",
        type=whole(0, 2**63),
        default=0,
        help="first seed, where none are listed (default: 0)",
    )


def add_scale(parser: argparse._ActionsContainer, wide: int = 64) -> None:
    """Adds --scale; `wide`: pixels that pictures of grids and figures have at least by default."""
    parser.set_defaults(wide=wide)
    parser.add_argument(
        "--scale",
        type=whole(1, 64),
        metavar="N",
        help="enlarge pixels to N x N (default: 1; in grids and figures, what makes pictures "
        f"{wide} wide)",
    )


def add_video(parser: argparse._ActionsContainer) -> None:
    """Adds what a video is asked for by."""
    parser.add_argument("--seconds", type=positive, default=8.0, help="length (default: 8)")
    parser.add_argument("--fps", type=positive, default=25.0, help="frames a second (default: 25)")


def scale_of(options: argparse.Namespace, resolution: int, readable: bool) -> int:
    """What --scale says; by default 1, or what makes a picture wide enough to be seen."""
    if options.scale is not None:
        return options.scale
    return -(-options.wide // resolution) if readable else 1


def check_area(rows: int, columns: int, side: int, hint: str) -> None:
    """Raises UsageError if a grid of pictures of `side` pixels is more than a viewer would open."""
    pixels = rows * columns * side * side
    if pixels > MAX_PIXELS or max(rows, columns) * side > MAX_LENGTH:
        raise UsageError(
            f"{rows} rows of {columns} pictures of {side} pixels make {pixels / 1e6:,.0f} million "
            f"pixels; at most {MAX_PIXELS / 1e6:,.0f}, and {MAX_LENGTH:,} along a side, are drawn. "
            f"Choose {hint}."
        )


def frames_of(options: argparse.Namespace) -> int:
    """Frames of the video that is asked for."""
    if options.seconds * options.fps > MAX_FRAMES:
        raise UsageError(
            f"--seconds x --fps must be at most {MAX_FRAMES:,} frames. Received: "
            f"{options.seconds:g} x {options.fps:g}."
        )
    return max(1, round(options.seconds * options.fps))
