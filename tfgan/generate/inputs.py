"""Pictures that a user gives: files and folders, of any size and kind, as a model takes them."""

import argparse
import itertools
import sys
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfgan.data.folders import FolderSource
from tfgan.data.sources import read_file
from tfgan.generate.options import UsageError, whole

RESIZES = ("crop", "pad", "stretch")


class Input(NamedTuple):
    """A picture as the model takes it.

    Attributes:
        image: uint8 [R, R, 3].
        path: Where it came from.
        folder: Name of the nearest folder around it of those that say what a picture shows; None
            if it stands in no such folder.
        place: The folder that it stands in, below the one that was given.
    """

    image: np.ndarray
    path: Path
    folder: str | None
    place: Path


def _find(path: Path, option: str) -> Iterator[tuple[Path, Path]]:
    """Pictures of a file or folder, and where they stand in it; sub-folders take turns."""
    if path.is_file():
        yield path, Path()
        return
    source = FolderSource(str(path), field=option.removeprefix("--"))
    groups = defaultdict(list)
    for file in (Path(source.describe(i)) for i in range(len(source))):
        place = file.relative_to(path).parent
        groups[place.parts[:1]].append((file, place))
    for turn in itertools.zip_longest(*groups.values()):
        yield from (item for item in turn if item is not None)


def read_inputs(
    inputs: Sequence[Path],
    option: str,
    resolution: int,
    names: Collection[str],
    resize: str = "crop",
    limit: int | None = None,
    wanted: Collection[str] | None = None,
) -> Iterator[Input]:
    """Reads pictures of any size, orientation and kind, as the model takes them.

    Args:
        inputs: Files, and folders of pictures.
        option: What the user named them with.
        resolution: Size R of the model's images.
        names: Of folders that say what their pictures show, such as domains or classes.
        resize: How pictures are made square: "crop", "pad" or "stretch".
        limit: Pictures that are taken from a folder; None: all.
        wanted: Those of `names` whose pictures are taken; None: all.

    Yields:
        An `Input` of each picture. In a folder, a picture that cannot be read is named on standard
        error and passed over.

    Raises:
        UsageError: If a file cannot be read, or none of a folder.
        DataError: If there is nothing in a folder.
    """
    from tfgan.data.decoding import decode_picture, explain

    for path in (path.expanduser() for path in inputs):
        taken = 0
        for file, place in _find(path, option):
            if taken == limit:
                break
            around = file.parent.name if file == path else path.name
            folders = [around, *place.parts]
            name = next((folder for folder in reversed(folders) if folder in names), None)
            if name is not None and wanted is not None and name not in wanted:
                continue
            try:
                image, _ = decode_picture(read_file(file), resolution, resize)
            except MemoryError:
                raise
            except Exception as error:  # Pillow's plugins raise nearly anything on damaged files.
                if file == path:
                    raise UsageError(
                        f"{option} {file} cannot be read: {explain(error)}."
                    ) from error
                print(f"Skipped {file}: {explain(error)}", file=sys.stderr)
                continue
            yield Input(image, file, name, place)
            taken += 1
        if not taken:
            of = "" if wanted is None else f" of {' or '.join(wanted)}"
            raise UsageError(f"{option} {path} holds no picture{of} that can be read.")


def check_there(option: str, inputs: Sequence[Path]) -> None:
    """Raises UsageError if a file or folder that the user named is not there."""
    for path in inputs:
        path = path.expanduser()
        if not path.is_file() and not path.is_dir():
            raise UsageError(f"{option}: there is no file or folder {path}.")


def given_path(text: str) -> Path:
    """Reads a path; nothing would be the current folder."""
    if not text.strip():
        raise argparse.ArgumentTypeError("must name a file or folder. Received: nothing.")
    return Path(text)


def add_limit(parser: argparse.ArgumentParser, kind: str, default: int | None) -> None:
    """Adds --max-KIND."""
    parser.add_argument(
        f"--max-{kind}",
        type=whole(1, 1_000_000),
        default=default,
        metavar="N",
        help=f"{kind} from a folder, its sub-folders in turn (default: {default or 'all'})",
    )


def add_sources(parser: argparse.ArgumentParser, most: int | None) -> None:
    """Adds --source, how many of a folder are taken, and how they are made square."""
    parser.add_argument(
        "--source",
        type=given_path,
        nargs="+",
        required=True,
        metavar="PATH",
        help="pictures to translate: files or folders, of any size and kind",
    )
    add_limit(parser, "sources", most)
    parser.add_argument(
        "--resize",
        choices=RESIZES,
        default="crop",
        help="how pictures are made square: the centre cut out, white added, or stretched "
        "(default: crop)",
    )
