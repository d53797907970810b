"""Results as tables of words."""

from collections.abc import Mapping, Sequence
from textwrap import fill, indent
from typing import Any

from tfgan.metrics.intervals import Interval

# Parts of "background" in results, as they are called in tables.
BACKGROUND = {
    "own": "background",
    "shuffled": "background, shuffled pairs",
    "margin": "shuffled less own",
}
TOO_FEW = "fewer pictures than features: too few for a Frechet distance to compare"
KEPT_TITLE = "Mean |source - translation|, values in [-1, 1] [bootstrap 95 %]"


def show(interval: Interval | None, nothing: str = "no pixel", digits: int = 3) -> str:
    """An interval as it stands in a table, with so many decimals; of nothing there is none."""
    if interval is None:
        return nothing
    value, low, high = interval.value, interval.low, interval.high
    return f"{value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def show_number(number: Interval | float, digits: int = 3) -> str:
    """A number with or without an interval."""
    return show(number, digits=digits) if isinstance(number, Interval) else f"{number:.{digits}f}"


def facts_line(words: Sequence[str], data: Mapping[str, Any]) -> str:
    """What a number of translations is of, as lines under a table."""
    pictures = f"{data['resolution']} pixels; --resize {data['resize']}; seed {data['seed']}"
    return _wrap([*words, pictures, f"networks in {data['arithmetic']}"])


def made_line(words: Sequence[str], generated: Mapping[str, Any]) -> str:
    """What a number of generated pictures is of, as lines under a table."""
    psi, noise = generated["truncation_psi"], generated["noise"]
    drawn = f"seed {generated['seed']}; psi {psi:g}; {noise} noise"
    return _wrap([*words, drawn, f"networks in {generated['arithmetic']}"])


def note(words: str) -> str:
    """What must be known beside a number, as lines under it."""
    return fill(
        f"Note: {words}",
        98,
        initial_indent="  ",
        subsequent_indent="  ",
        break_long_words=False,  # a path stays one to copy
        break_on_hyphens=False,
    )


def _wrap(words: Sequence[str]) -> str:
    return fill("; ".join(words) + ".", 98, initial_indent="  ", subsequent_indent="  ")


def lay_out(title: str, rows: Sequence[Sequence[str]]) -> str:
    """A table of words under a title, all columns flush left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return f"\n{title}\n" + indent("\n".join(lines), "  ")


def kept_cells(kept: Mapping[str, Any]) -> dict[str, str]:
    """Names of the differences that `measure_changes` found, and the cells of their numbers."""
    background = kept["background"]
    if isinstance(background, str):
        cells = {BACKGROUND["own"]: background}
    else:
        cells = {words: show(background[part]) for part, words in BACKGROUND.items()}
    return {**cells, "reconstruction": show(kept["reconstruction"])}
