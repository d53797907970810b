"""Command line: faces cut out of pictures and turned upright, all in the same place.

Landmarks of a face are found by a network; the picture is then turned, scaled and moved so that
eyes and mouth come to lie where a mean face has them (tfgan/face_alignment.py).
"""

import argparse
import re
import sys
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfgan import figures, inference
from tfgan.archives import check_archive
from tfgan.data.folders import FolderSource
from tfgan.data.sources import read_file
from tfgan.face_alignment import UNIT, align
from tfgan.loading import ModelError, check_writable, load_model
from tfgan.terminal import (
    CommandParser,
    Progress,
    UserError,
    command,
    import_tensorflow,
    run_command,
)

NUM_LANDMARKS = 98
_MOST_PIXELS = 2**26  # of a picture; larger ones are made smaller before anything else
_FAINT = 0.1  # the masks of StarGAN v2 take less heat than this for none


class AlignError(UserError):
    """Options that cannot work, or pictures of which none can be used."""


# Pictures


class View(NamedTuple):
    """A picture, and what the network is shown of it.

    Attributes:
        picture: uint8 [H, W, 3], as faces are cut out of it.
        seen: uint8 [256, 256, 3], a square of it.
        side: Of the square, in pixels of the picture.
        corner: Its upper left corner, x and y in pixels of the picture.
    """

    picture: np.ndarray
    seen: np.ndarray
    side: int
    corner: np.ndarray


def view(content: bytes, size: int, resize: str) -> View:
    """Decodes a picture and shows the network the whole of it or its middle; see `RESIZES`.

    Args:
        content: An encoded file.
        size: Of the aligned faces, in pixels.
        resize: A key of `RESIZES`.

    Raises:
        OSError, ValueError and others: Pillow's plugins raise nearly anything on damaged files.
    """
    from tfgan.data.decoding import decode_picture, decode_whole

    if resize == "stretch":
        picture, _ = decode_picture(content, size, resize)
    else:
        picture = decode_whole(content, _MOST_PIXELS)
    seen, _ = decode_picture(picture, UNIT, resize)
    height, width = picture.shape[:2]
    side = min(height, width) if resize == "crop" else max(height, width)
    corner = np.trunc([(width - side) / 2, (height - side) / 2])
    return View(picture, seen, side, corner)


RESIZES = {
    "pad": "finds the face in the whole picture, undistorted",
    "crop": "finds it in the centre square, for faces that are small in the whole",
    "stretch": "makes the whole picture a square of SIZE pixels first, as the published tool does",
}

Finder = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def load_finder(path: Path) -> Finder:
    """Opens the network of a `.keras` file.

    Returns:
        A function from uint8 [256, 256, 3] to landmarks [98, 2] and their heat [98].

    Raises:
        ModelError: If the file is missing, damaged, or holds another network.
    """
    import tensorflow as tf

    from tfgan.models.landmarks import FaceLandmarks

    network = load_model(path)
    if not isinstance(network, FaceLandmarks):
        raise ModelError(
            f"{path} holds a {type(network).__name__}, but the network of face landmarks is "
            "needed: make one with python -m tfgan.importers wing.ckpt."
        )
    compiled = tf.function(network.landmarks, autograph=False)

    def find(seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        places, heat = compiled(inference.to_float(seen[None]))
        return places.numpy()[0], heat.numpy()[0]

    return find


# Files


def list_pictures(source: Path) -> dict[Path, Path]:
    """Pictures of a folder and its sub-folders, or a single one, by the names of their results.

    Args:
        source: A file or a folder.

    Returns:
        Relative path of the result, in the same sub-folder and with .png as its ending -> picture.

    Raises:
        AlignError: If there is nothing there, or two pictures differ by their ending alone.
        DataError: If a folder cannot be read or holds no pictures.
    """
    if not source.exists():
        raise AlignError(f"--source: there is no file or folder {source}.")
    if source.is_file():
        return {Path(source.name).with_suffix(".png"): source}
    folder = FolderSource(str(source), field="source")
    sources: dict[Path, Path] = {}
    for path in (Path(folder.describe(i)) for i in range(len(folder))):
        name = path.relative_to(source).with_suffix(".png")
        if name in sources:
            raise AlignError(
                f"{sources[name]} and {path} would both become {name}. Rename one of them."
            )
        sources[name] = path
    return sources


def check_output(source: Path, out: Path) -> None:
    """Raises AlignError or OutputError if results cannot be written, or would mix with sources."""
    if out.exists() and not out.is_dir():
        raise AlignError(f"--out must be a folder, but {out} is a file.")
    folder = source if source.is_dir() else source.parent
    same = out.resolve() == folder.resolve()
    if same or (source.is_dir() and folder.resolve() in out.resolve().parents):
        raise AlignError(
            f"--out must not be in the folder of --source, whose pictures would mix with the "
            f"aligned ones. Received: {out}."
        )
    check_writable(out)


class Remarks:
    """Names pictures on standard error, beside a progress bar, and counts them by the first word.

    Args:
        bar: The progress bar.
    """

    def __init__(self, bar: Progress):
        self.bar = bar
        self.counts: Counter[str] = Counter()

    def add(self, word: str, path: Path, reason: str) -> None:
        self.counts[word] += 1
        self.bar.clear()  # Progress.write would show a bar that waits for its delay
        print(f"{word} {path}: {reason}", file=sys.stderr)


def open_all(size: int, resize: str, remarks: Remarks) -> Iterator[tuple[Path, View]]:
    """Yields path and `View` of each picture of the bar that can be read; others are skipped."""
    from tfgan.data.decoding import explain

    for path in remarks.bar:
        try:
            opened = view(read_file(path), size, resize)
        except MemoryError:
            raise
        except Exception as error:  # Pillow's plugins raise nearly anything on damaged files.
            remarks.add("Skipped", path, explain(error))
            continue
        yield path, opened


def read_mean(path: Path) -> np.ndarray:
    """Reads the mean landmarks of a file, float64 [98, 2] in pixels of 256.

    Raises:
        AlignError: If it is no such file.
    """
    expected = (
        "--mean-landmarks must be a folder of aligned faces, or an .npz file with an array 'mean', "
        f"[{NUM_LANDMARKS}, 2], in pixels of {UNIT}"
    )
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as members:
                check_archive(members)
        with np.load(path, allow_pickle=False) as archive:
            mean = np.asarray(archive["mean"], np.float64)
    except FileNotFoundError as error:
        raise AlignError(f"{expected}. There is no {path}.") from error
    # NumPy raises what its readers of zip archives and of headers do.
    except Exception as error:
        raise AlignError(f"{expected}. Received: {path}, which cannot be read as such.") from error
    if mean.shape != (NUM_LANDMARKS, 2) or not np.all(np.isfinite(mean)):
        raise AlignError(f"{expected}. Received: {path} with {list(mean.shape)}.")
    if np.min(np.ptp(mean, axis=0)) < UNIT / 16:
        raise AlignError(
            f"{expected}. Received: {path} with values from {mean.min():g} to {mean.max():g}, "
            "which are no pixels."
        )
    return mean


def measure_mean(folder: Path, find: Finder) -> np.ndarray:
    """Mean landmarks of faces that are aligned already, float64 [98, 2] in pixels of 256.

    Raises:
        AlignError: If no picture of the folder can be read.
        DataError: If the folder cannot be read or holds no pictures.
    """
    source = FolderSource(str(folder), field="mean_landmarks")
    paths = [Path(source.describe(i)) for i in range(len(source))]
    remarks = Remarks(Progress(paths, "Measuring the mean face", unit="img"))
    places = [find(opened.seen)[0] for _, opened in open_all(UNIT, "crop", remarks)]
    if not places:
        raise AlignError(f"--mean-landmarks {folder} holds no picture that can be read.")
    print(f"Measured the mean face of {len(places)} pictures")
    return np.asarray(places, np.float64).mean(axis=0)


def align_all(options: argparse.Namespace, find: Finder, mean: np.ndarray) -> None:
    """Aligns the faces of all pictures, and says what was made of them.

    Raises:
        AlignError: If nothing could be made of any picture.
    """
    pictures = {path: name for name, path in list_pictures(options.source).items()}
    remarks = Remarks(Progress(pictures, "Aligning", unit="img"))
    written = 0
    for path, opened in open_all(options.size, options.resize, remarks):
        places, heat = find(opened.seen)
        landmarks = places * (opened.side / UNIT) + opened.corner
        try:
            face = align(
                opened.picture, landmarks, mean, options.size, antialias=options.resize != "stretch"
            )
        except ValueError as error:
            remarks.add("Skipped", path, str(error))
            continue
        figures.write_png(options.out / pictures[path], face)
        written += 1
        if np.mean(heat < _FAINT) > 0.5:
            remarks.add("Doubtful", path, "most landmarks are faint; is it a face?")
    if not written:
        raise AlignError(
            f"none of the {len(pictures)} pictures of --source {options.source} could be aligned; "
            "the reasons stand above."
        )
    print(f"Wrote {written} aligned faces to {options.out}")
    if remarks.counts:
        counts = ", ".join(f"{word.lower()}: {n}" for word, n in remarks.counts.items())
        print(f"Pictures named above: {counts}")


_ABOUT = """Cuts faces out of pictures and aligns them, as StarGAN v2 needs them with --w-hpf 1.

A network finds 98 landmarks; each picture is turned, scaled and moved so that eyes and mouth lie
where a mean face has them. Where that reaches beyond the picture's edge, the picture goes on
mirrored and blurred. One face a picture, which should fill a good part of it: the network looks for
no faces in a crowd.

Pictures may be of any size and kind; EXIF rotation is applied, transparency becomes white. Results
are PNG files under the names of the pictures, in the same sub-folders.
"""

_EPILOG = """--resize decides what the network is shown:
{resizes}
With pad and crop the face is cut out of the picture as it is, with all its pixels.

--mean-landmarks says where eyes and mouth should come to lie:
  a file    clovaai/stargan-v2 publishes celeba_lm_mean.npz beside wing.ckpt: the faces then lie as
            in CelebA-HQ, and as its published models expect them
  a folder  of faces that are aligned already, for instance those that a model was trained on: their
            mean is measured by the same network (not in the published tool)

examples:
  python -m tfgan.importers wing.ckpt -o landmarks.keras
  python -m tfgan.align landmarks.keras --source photos --mean-landmarks celeba_lm_mean.npz -o faces
  python -m tfgan.align landmarks.keras --source me.jpg --mean-landmarks celeba_hq/train/female \\
      --resize crop -o faces
"""


def _size(text: str) -> int:
    if not re.fullmatch(r"\d{1,4}", text) or not 16 <= int(text) <= 2048:
        raise argparse.ArgumentTypeError(f"must be an integer from 16 to 2048. Received: {text!r}.")
    return int(text)


def _parser() -> CommandParser:
    parser = CommandParser(
        prog="python -m tfgan.align",
        description=_ABOUT,
        epilog=_EPILOG.format(
            resizes="\n".join(f"  {name:<8} {about}" for name, about in RESIZES.items())
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "landmarks",
        type=Path,
        metavar="LANDMARKS.keras",
        help="network of face landmarks, from python -m tfgan.importers wing.ckpt",
    )
    parser.add_argument(
        "--source", type=Path, required=True, metavar="PATH", help="picture, or folder of pictures"
    )
    parser.add_argument(
        "--mean-landmarks",
        type=Path,
        required=True,
        metavar="PATH",
        help=".npz file, or folder of aligned faces; see below",
    )
    parser.add_argument(
        "-o", "--out", type=Path, required=True, metavar="FOLDER", help="folder to write to"
    )
    parser.add_argument(
        "--size", type=_size, default=UNIT, help="height and width of the results (default: 256)"
    )
    parser.add_argument(
        "--resize", choices=list(RESIZES), default="pad", help="see below (default: pad)"
    )
    return parser


@command(stopped="Stopped; the faces that were aligned so far are there.")
def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    for name in ("source", "mean_landmarks", "out"):
        setattr(options, name, getattr(options, name).expanduser())
    list_pictures(options.source)
    check_output(options.source, options.out)
    by_folder = options.mean_landmarks.is_dir()
    mean = None if by_folder else read_mean(options.mean_landmarks)
    print(f"Loading {options.landmarks}", flush=True)
    import_tensorflow()
    find = load_finder(options.landmarks)
    if mean is None:
        mean = measure_mean(options.mean_landmarks, find)
    align_all(options, find, mean)
    return 0


if __name__ == "__main__":
    run_command(main)
