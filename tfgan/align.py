"""Command line: faces cut out of pictures and turned upright, all in the same place.

Landmarks of a face are found by a network; the picture is then turned, scaled and moved so that
eyes and mouth come to lie where a mean face has them. Geometry and sampling agree with
clovaai/stargan-v2, core/wing.py.
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
from PIL import Image

from tfgan import figures, inference
from tfgan.archives import check_archive
from tfgan.data.folders import FolderSource
from tfgan.data.sources import read_file
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
UNIT = 256  # pixels of the picture that landmarks and their mean are measured in
# Landmarks as WFLW numbers them: rims of the eyes with the pupil, corners of the mouth, pupils.
_LEFT_EYE, _RIGHT_EYE = [*range(60, 68), 96], [*range(68, 76), 97]
_MOUTH_LEFT, _MOUTH_RIGHT = 76, 82
_SCALED_BY = [96, 97, _MOUTH_LEFT, _MOUTH_RIGHT]

# Pixels are taken at multiples of 1/32, as OpenCV takes them: the weights then come from a table.
_STEPS = 32
_TAPS = np.arange(-3, 5)
_TOGETHER = 2**14  # pixels that are interpolated at a time: few enough for the processor's cache
_MOST_PIXELS = 2**26  # of a picture; larger ones are made smaller before anything else
_FAINT = 0.1  # the masks of StarGAN v2 take less heat than this for none


class AlignError(UserError):
    """Options that cannot work, or pictures of which none can be used."""


# Geometry


def across(landmarks: np.ndarray) -> np.ndarray:
    """Unit vector from the left to the right of a face, [2], as eyes and mouth say it.

    With e the vector from eye to eye, and d that from the middle of the mouth to the middle of the
    eyes turned by a right angle, it is the direction of e + d.

    Args:
        landmarks: [98, 2], x and y.

    Reference:
        Karras et al. 2018, arXiv:1710.10196, appendix C.
    """
    left, right = (landmarks[eye].mean(axis=0) for eye in (_LEFT_EYE, _RIGHT_EYE))
    mouth = (landmarks[_MOUTH_LEFT] + landmarks[_MOUTH_RIGHT]) / 2
    up_x, up_y = (left + right) / 2 - mouth
    direction = right - left + [-up_y, up_x]
    return direction / np.linalg.norm(direction)


def alignment(landmarks: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The rotation, scaling and move that bring a face onto another one.

    x -> s R (x - mean(landmarks)) + mean(target). R turns `across` of the one into that of the
    other. s is the mean ratio of distances from the middle, of pupils and corners of the mouth.

    Args:
        landmarks: [98, 2], x and y in pixels of a picture.
        target: [98, 2], where they should come to lie.

    Returns:
        [2, 3]: x and y of the new place are its product with (x, y, 1).

    Raises:
        ValueError: If the landmarks are not those of a face: points that coincide.
    """
    landmarks, target = np.asarray(landmarks, np.float64), np.asarray(target, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        (x0, y0), (x1, y1) = across(landmarks), across(target)
        cosine, sine = x0 * x1 + y0 * y1, x0 * y1 - y0 * x1
        radii, wanted = (
            np.linalg.norm(points[_SCALED_BY] - points.mean(axis=0), axis=1)
            for points in (landmarks, target)
        )
        turn = np.mean(wanted / radii) * np.array([[cosine, -sine], [sine, cosine]])
    if not np.all(np.isfinite(turn)):
        raise ValueError("no face is found in it: landmarks of eyes and mouth coincide")
    return np.column_stack([turn, target.mean(axis=0) - turn @ landmarks.mean(axis=0)])


# Sampling


def _reflect(places: np.ndarray, length: int) -> np.ndarray:
    """Indices into a row that goes on beyond its ends as in a mirror, whose last pixel is once."""
    period = max(2 * length - 2, 1)
    places = np.abs(places) % period
    return np.minimum(places, period - places)


class _Halved(NamedTuple):
    """What places in a row of pixels, mirrored for half its length at either end, come from.

    The row is halved, smoothed and doubled again.

    Attributes:
        pairs: Of each halved pixel, the two that it is the mean of, [2, P].
        low: Index in `pairs`, less the margins of the filter, of the halved pixel before a place.
        share: Of the halved pixel behind it.
        sigma: Of the Gaussian, in halved pixels; cut off at 4 sigma.
    """

    pairs: np.ndarray
    low: np.ndarray
    share: np.ndarray
    sigma: int


def _halve(count: int, places: np.ndarray, sigma: int) -> _Halved:
    """Prepares `_blurred` at some places of a row of `count` pixels.

    Args:
        count: N.
        places: Integers, from -(N // 2) to N + N // 2 - 1.
        sigma: See `_Halved`.
    """
    radius = 4 * sigma
    halves = np.clip((places + count // 2 + 0.5) / 2 - 0.5, 0, count - 1)
    low = np.floor(halves).astype(int)
    first = low.min() - radius
    pairs = 2 * np.clip(np.arange(first, low.max() + radius + 2), 0, count - 1) - count // 2
    pairs = np.stack([_reflect(pairs, count), _reflect(pairs + 1, count)])
    return _Halved(pairs, low - first - radius, (halves - low).astype(np.float32), sigma)


def _blurred(values: np.ndarray, halved: _Halved) -> np.ndarray:
    """Halves, smooths and doubles the first axis of [N, ...]; float32 [places, ...]."""
    radius = 4 * halved.sigma
    means = (
        values[halved.pairs[0]].astype(np.float32) + values[halved.pairs[1]].astype(np.float32)
    ) / 2
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / max(halved.sigma, 1)) ** 2)
    kernel = (kernel / kernel.sum()).astype(np.float32)
    rows = len(means) - 2 * radius
    smooth = np.zeros((rows, *means.shape[1:]), np.float32)
    for shift, weight in enumerate(kernel):
        smooth += weight * means[shift : shift + rows]
    share = halved.share.reshape(-1, *[1] * (values.ndim - 1))
    return smooth[halved.low] * (1 - share) + smooth[halved.low + 1] * share


def _extended(picture: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """A part of a picture that goes on beyond its edges: mirrored, and more and more blurred.

    Args:
        picture: uint8 [H, W, 3].
        rows: Consecutive integers, from -(H // 2) to H + H // 2 - 1.
        columns: Likewise, of W.

    Returns:
        float32 [rows, columns, 3] from 0 to 255.
    """
    sizes = picture.shape[:2]
    sharp = picture[np.ix_(_reflect(rows, sizes[0]), _reflect(columns, sizes[1]))]
    sharp = sharp.astype(np.float32)
    # 1 inside, falling to 0 at the end of the mirrored part.
    weights = [
        np.clip(np.minimum(places + size // 2, size + size // 2 - 1 - places) / (size // 2), 0, 1)
        if size > 1
        else np.ones(len(places))
        for places, size in zip((rows, columns), sizes, strict=True)
    ]
    weight = (np.minimum(weights[0][:, None], weights[1]) ** 4).astype(np.float32)[..., None]
    if np.all(weight == 1):
        return sharp
    sigma = min(sizes) // 100
    by_row, by_column = _halve(sizes[0], rows, sigma), _halve(sizes[1], columns, sigma)
    # Of a very wide picture only the columns that are looked at.
    seen, pairs = np.unique(by_column.pairs, return_inverse=True)
    by_column = by_column._replace(pairs=pairs.reshape(2, -1))
    blurred = _blurred(picture[:, seen], by_row).swapaxes(0, 1)
    blurred = _blurred(blurred, by_column).swapaxes(0, 1)
    return sharp * weight + blurred * (1 - weight)


def _lanczos() -> np.ndarray:
    """Weights [32, 8] of a pixel's 8 neighbours, by its distance from the fourth in 1/32."""
    distances = np.arange(_STEPS)[:, None] / _STEPS - _TAPS
    weights = np.sinc(distances) * np.sinc(distances / 4)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def warp(picture: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """Moves a picture, with Lanczos interpolation (a = 4).

    Beyond its edges it goes on for half its size, mirrored and blurred; then comes black.

    Args:
        picture: uint8 [H, W, 3].
        matrix: [2, 3], from places in the picture to places in the result.
        size: Height and width of the result.

    Returns:
        uint8 [size, size, 3].
    """
    turn, move = matrix[:, :2], matrix[:, 2]
    grid = np.stack(np.meshgrid(np.arange(size), np.arange(size)), axis=-1)
    places = (grid - move) @ np.linalg.inv(turn).T
    steps = np.rint(np.clip(places, -1e7, 1e7) * _STEPS).astype(np.int32).reshape(-1, 2)
    del grid, places
    table = _lanczos()
    firsts, ranges = [], []
    for axis, length in enumerate(picture.shape[1::-1]):
        # As far outside as this, all taps are on black.
        middle = np.clip(steps[:, axis] // _STEPS, -(length // 2) - 5, length + length // 2 + 3)
        firsts.append(middle + _TAPS[0])
        ranges.append(np.arange(firsts[-1].min(), firsts[-1].max() + len(_TAPS)))
    columns, rows = ranges
    known = [
        (places >= -(length // 2)) & (places < length + length // 2)
        for places, length in zip((rows, columns), picture.shape, strict=False)
    ]
    canvas = np.zeros((len(rows), len(columns), 3), np.float32)
    if all(np.any(part) for part in known):
        canvas[np.ix_(*known)] = _extended(picture, rows[known[0]], columns[known[1]])
    corners = (firsts[1] - rows[0]) * len(columns) + firsts[0] - columns[0]
    taps = len(_TAPS)
    # Eight pixels in a row, as seen from each pixel.
    windows = np.lib.stride_tricks.sliding_window_view(canvas.reshape(-1), 3 * taps)[::3]
    result = np.zeros((size * size, 3), np.float32)
    for start in range(0, size * size, _TOGETHER):
        part = slice(start, start + _TOGETHER)
        across, down = (table[steps[part, axis] % _STEPS] for axis in (0, 1))
        for i in range(taps):
            row = windows[corners[part] + i * len(columns)].reshape(-1, taps, 3)
            row = np.einsum("pxc,px->pc", row, across)
            result[part] += row * down[:, i, None]
    result += 0.5
    result = np.clip(np.floor(result, out=result), 0, 255, out=result).astype(np.uint8)
    return result.reshape(size, size, 3)


def align(
    picture: np.ndarray,
    landmarks: np.ndarray,
    mean_landmarks: np.ndarray,
    size: int = UNIT,
    antialias: bool = True,
) -> np.ndarray:
    """Cuts a face out of a picture, so that it lies as the mean face does.

    Args:
        picture: uint8 [H, W, 3].
        landmarks: [98, 2], x and y in pixels of the picture.
        mean_landmarks: [98, 2], in pixels of 256 by 256.
        size: Height and width of the result.
        antialias: Whether a picture that is made smaller is smoothed for that, by a Lanczos
            resize. The published tool does without.

    Returns:
        uint8 [size, size, 3].

    Raises:
        ValueError: If the landmarks are not those of a face.
    """
    target = np.asarray(mean_landmarks, np.float64) * size / UNIT
    matrix = alignment(landmarks, target)
    scale = np.hypot(*matrix[:, 0])
    if antialias and scale < 1:
        old = np.array(picture.shape[1::-1])
        new = np.maximum(np.rint(old * scale), 1).astype(int)
        smaller = Image.fromarray(picture).resize(tuple(new), Image.Resampling.LANCZOS)
        picture, landmarks = np.asarray(smaller), landmarks * (new / old)
        matrix = alignment(landmarks, target)
    return warp(picture, matrix, size)


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
    found: dict[Path, Path] = {}
    for path in (Path(folder.describe(i)) for i in range(len(folder))):
        name = path.relative_to(source).with_suffix(".png")
        if name in found:
            raise AlignError(
                f"{found[name]} and {path} would both become {name}. Rename one of them."
            )
        found[name] = path
    return found


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
