"""Command line: prepares the data set, or draws its pictures as files or on a sheet."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageDraw

from tfgan.data.avatars.drawing import check_size, draw, person_of
from tfgan.data.avatars.labels import Labels
from tfgan.data.avatars.person import Person
from tfgan.terminal import (
    CommandParser,
    Progress,
    UserError,
    command,
    import_tensorflow,
    run_command,
)

_ABOUT = """Draws the built-in data set of faces.

Without --sheet or --folder, the set is drawn and stored for training; an existing set is kept. With
--sheet, only a picture of some faces is written. With --folder, single pictures are written, in a
sub-folder for each class: to train on like your own pictures, or to translate.
"""

_EXAMPLES = """examples:
  python -m tfgan.data.avatars --size 64 --count 8000
  python -m tfgan.data.avatars --size 128 --sheet faces.png --rows 4 --columns 8 --labels
  python -m tfgan.data.avatars --size 128 --folder faces --count 16 --start 1000000
"""

_CAPTION_HEIGHT = 56
# Labels that can name the sub-folders.
CLASSES: dict[str, Callable[[Labels], str]] = {
    "domain": lambda labels: labels["domain"],
    "expression": lambda labels: labels["expression"],
}


def _parser() -> CommandParser:
    parser = CommandParser(
        prog="python -m tfgan.data.avatars",
        description=_ABOUT,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--size",
        type=int,
        default=64,
        help="side of the pictures in pixels: 16, 32, 64 ... 1024 (default: 64)",
    )
    parser.add_argument(
        "--count",
        type=int,
        help="pictures to train on; a tenth more are drawn for tests (default: 8000); with "
        "--folder, all pictures (default: 32)",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        help="chooses the people; the same seed gives the same pictures (default: 0)",
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        help="folder of data sets (default: $TFDS_DATA_DIR, else ~/tensorflow_datasets)",
    )
    parser.add_argument(
        "--processes",
        type=int,
        help="processes that draw; 0 draws in this one (default: one per core)",
    )
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "--sheet", type=Path, metavar="PNG", help="write a sheet of pictures here, and no data set"
    )
    instead.add_argument(
        "--folder", type=Path, metavar="DIR", help="write PNG files here, and no data set"
    )
    sheet = parser.add_argument_group("contact sheet")
    sheet.add_argument("--rows", type=int, default=6, help="rows of the sheet (default: 6)")
    sheet.add_argument("--columns", type=int, default=10, help="columns of the sheet (default: 10)")
    sheet.add_argument(
        "--labels",
        action="store_true",
        help="write the labels below each picture (best from 128 pixels)",
    )
    folder = parser.add_argument_group("folder of pictures")
    folder.add_argument(
        "--classes",
        choices=list(CLASSES),
        default="domain",
        help="label whose values name the sub-folders (default: domain)",
    )
    parser.add_argument(
        "--start",
        type=int,
        default=0,
        help="index of the first picture on the sheet or in the folder; no set trains on those "
        "from 1000000 on (default: 0)",
    )
    return parser


def write_folder(folder: Path, size: int, count: int, seed: int, start: int, classes: str) -> None:
    """Writes pictures as FOLDER/CLASS/INDEX.png."""
    for index in Progress(range(start, start + count), "Drawing avatars", unit="img"):
        person = person_of(seed, index)
        place = folder / CLASSES[classes](person.labels())
        place.mkdir(parents=True, exist_ok=True)
        draw(person, size).save(place / f"{index:07d}.png")


def contact_sheet(
    size: int, rows: int, columns: int, seed: int = 0, start: int = 0, labels: bool = False
) -> Image.Image:
    """Returns a sheet of pictures in the order of the data set, captions if `labels` is set."""
    height = size + (_CAPTION_HEIGHT if labels else 0)
    sheet = Image.new("RGB", (columns * size, rows * height), "white")
    for k in range(rows * columns):
        person = person_of(seed, start + k)
        x, y = k % columns * size, k // columns * height
        sheet.paste(draw(person, size), (x, y))
        if labels:
            caption = _caption(person, characters=max(8, size // 5))
            ImageDraw.Draw(sheet).text((x + 3, y + size + 2), caption, "black", font_size=9)
    return sheet


def _caption(person: Person, characters: int) -> str:
    labels = person.labels()
    words = [labels["expression"], labels["domain"]]
    words += [name for name, value in labels["attributes"].items() if value and name != "Male"]
    lines = [""]
    for word in words:
        if lines[-1] and len(lines[-1]) + 1 + len(word) > characters:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)


@command(stopped="Stopped. An unfinished set is drawn again next time.")
def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        check_size(options.size)
        if min(options.seed, options.start) < 0:
            raise ValueError(
                "--seed and --start must be 0 or more. "
                f"Received: {options.seed} and {options.start}."
            )
        if options.sheet:
            if not (1 <= options.rows <= 100 and 1 <= options.columns <= 100):
                raise ValueError(
                    "--rows and --columns must be from 1 to 100. "
                    f"Received: {options.rows} and {options.columns}."
                )
            if options.sheet.suffix.lower() != ".png":
                raise ValueError(f"--sheet must end in .png. Received: {options.sheet}.")
            contact_sheet(
                options.size,
                options.rows,
                options.columns,
                options.seed,
                options.start,
                options.labels,
            ).save(options.sheet)
            print(f"Wrote {options.sheet}")
            return 0
        if options.folder:
            count = 32 if options.count is None else options.count
            if not 1 <= count <= 1_000_000:
                raise ValueError(f"--count must be from 1 to 1000000. Received: {count}.")
            write_folder(
                options.folder,
                options.size,
                count,
                options.seed,
                options.start,
                options.classes,
            )
            print(f"Wrote {count} pictures to {options.folder}")
            return 0
        import_tensorflow()
        from tfgan.data.avatars.builder import prepare

        builder = prepare(
            options.size,
            8000 if options.count is None else options.count,
            options.seed,
            options.data_dir,
            options.processes,
        )
        print(f"{builder.info.full_name}: {builder.info.splits['train'].num_examples} pictures")
        print(builder.data_dir)
    except ValueError as error:
        raise UserError(str(error)) from error
    return 0


if __name__ == "__main__":
    run_command(main)
