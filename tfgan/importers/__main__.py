"""Command line: a published checkpoint as a `.keras` file."""

import argparse
import math
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tfgan.importers import CheckpointError, face_landmarks, torch_file
from tfgan.loading import check_writable
from tfgan.terminal import UserError, import_tensorflow


class Reader(NamedTuple):
    """A kind of file.

    Attributes:
        about: What wrote it.
        matches: Whether a file may be of this kind, by its first 64 bytes.
        read: Its contents: plain data and arrays.
    """

    about: str
    matches: Callable[[bytes], bool]
    read: Callable[[Path], Any]


class System(NamedTuple):
    """Something that can be imported.

    Attributes:
        about: What it is, and where it was published.
        find: Its weights in the contents of a file; None if there are none.
        convert: The model of such weights, and lines that say what was left out.
        uses: Commands that take the new file, {file}.
    """

    about: str
    find: Callable[[Any], Any]
    convert: Callable[[Any], tuple[Any, list[str]]]
    uses: tuple[str, ...]


READERS = (
    Reader(
        "torch.save of PyTorch, zip archives and the stream of before 1.6",
        torch_file.matches,
        torch_file.read,
    ),
)
SYSTEMS = (
    System(
        "face landmarks (clovaai/stargan-v2, wing.ckpt)",
        face_landmarks.find,
        face_landmarks.convert,
        (
            "python -m training.run --model stargan-v2 --preset celeba-hq-256 --data FOLDER "
            "--w-hpf 1 --landmarks {file}",
            "python -m tfgan.align {file} --source PHOTOS --mean-landmarks celeba_lm_mean.npz "
            "--out FACES",
        ),
    ),
)

_ABOUT = """Makes a .keras file of a published checkpoint.

What FILE is and holds is found out by looking into it; neither PyTorch nor TensorFlow 1 is needed.
No code of the file is ever run: a file that asks for anything but numbers is refused, and named.
"""

_EPILOG = """kinds of files:
{readers}

what can be imported:
{systems}

Published weights carry licences of their own, whatever the licence of this program is: those of
clovaai/stargan-v2 are for non-commercial use (CC BY-NC 4.0). A .keras file made of them is bound by
the same.

example:
  python -m tfgan.importers wing.ckpt -o landmarks.keras
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tfgan.importers",
        description=_ABOUT,
        epilog=_EPILOG.format(
            readers="\n".join(f"  {reader.about}" for reader in READERS),
            systems="\n".join(f"  {system.about}" for system in SYSTEMS),
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="published checkpoint")
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        metavar="MODEL.keras",
        help="file to write (default: FILE with the ending .keras, in the current folder)",
    )
    return parser


def read(path: Path) -> Any:
    """The contents of a published file: plain data and arrays.

    Raises:
        CheckpointError: If it is of no known kind, is damaged, or asks for code.
        OSError: If it cannot be read.
    """
    if not path.exists():
        raise CheckpointError("there is no such file.")
    if path.is_dir():
        raise CheckpointError("it is a folder. Give the checkpoint file in it.")
    with path.open("rb") as file:
        head = file.read(64)
    if not head:
        raise CheckpointError("it is empty. Fetch it again.")
    for reader in READERS:
        if reader.matches(head):
            return reader.read(path)
    raise CheckpointError(
        "it is no checkpoint of a known kind, or its beginning is damaged. Known are: "
        f"{'; '.join(reader.about for reader in READERS)}."
    )


def recognize(contents: Any) -> tuple[System, Any]:
    """The system that a file holds, and its weights.

    Raises:
        CheckpointError: If it holds none that can be imported.
    """
    for system in SYSTEMS:
        weights = system.find(contents)
        if weights is not None:
            return system, weights
    names = [str(name)[:40] for name in contents] if isinstance(contents, dict) else []
    listed = f"entries {', '.join(names[:8])}" if names else f"a {type(contents).__name__}"
    raise CheckpointError(
        f"it holds nothing that can be imported. Received: {listed}{', ...' * (len(names) > 8)}. "
        f"Expected: {'; '.join(system.about for system in SYSTEMS)}."
    )


def _check_output(out: Path) -> None:
    if out.suffix != ".keras":
        raise UserError(f"--out must end in .keras. Received: {out}.")
    if out.is_dir():
        raise UserError(f"--out must be a file, but {out} is a folder.")
    check_writable(out.parent)


def write(model: Any, out: Path) -> None:
    """Saves a model under its name only once it is whole; makes the folder if it is absent."""
    import keras

    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f".partial-{os.getpid()}-{out.name}")
    try:
        keras.saving.save_model(model, partial)
        os.replace(partial, out)
    finally:
        partial.unlink(missing_ok=True)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    out = options.out or Path(options.file.name).with_suffix(".keras")
    try:
        _check_output(out)
        print(f"Reading {options.file}", flush=True)
        system, weights = recognize(read(options.file))
        import_tensorflow()
        model, notes = system.convert(weights)
        write(model, out)
    except CheckpointError as error:
        print(f"error: {options.file}: {error}", file=sys.stderr)
        return 2
    except (UserError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped; nothing was written.", file=sys.stderr)
        return 130
    count = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    print(f"Found {system.about}: {count:,} parameters")
    for note in notes:
        print(f"Left out: {note}")
    print(f"Wrote {out}\n\nUse it with")
    for use in system.uses:
        print(f"  {use.format(file=shlex.quote(str(out)))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
