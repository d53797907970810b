"""Lays pictures out, in grids and figures with headings, and writes the files that hold them."""

import contextlib
import itertools
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tfgan.errors import UserError
from tfgan.files import replacing

VIDEO_ENDINGS = (".gif", ".mp4")
_INK = (40, 40, 40)
# Looked for among the system's; the built-in font has the letters of ASCII alone.
_FONTS = ("NotoSansCJK-Regular.ttc", "Arial Unicode.ttf", "DejaVuSans.ttf", "arial.ttf")


def enlarge(images: np.ndarray, scale: int) -> np.ndarray:
    """Repeats each pixel `scale` times along H and W. [..., H, W, 3] -> [..., sH, sW, 3]."""
    return np.repeat(np.repeat(images, scale, axis=-3), scale, axis=-2)


def sheet(images: np.ndarray, columns: int) -> np.ndarray:
    """The grid that a training run shows: pictures of fewer than 96 pixels are enlarged.

    Args:
        images: uint8 [N, H, W, 3].
        columns: Pictures in a row.

    Returns:
        uint8 [H', W', 3].
    """
    return grid(enlarge(images, -(-96 // images.shape[1])), columns)


def grid(images: np.ndarray, columns: int, gap: int = 2) -> np.ndarray:
    """Lays pictures out row by row on white.

    Args:
        images: uint8 [N, H, W, 3].
        columns: Pictures in a row.
        gap: Pixels between pictures.

    Returns:
        uint8 [H', W', 3].
    """
    count, height, width, _ = images.shape
    columns = min(columns, count)
    rows = -(-count // columns)
    shape = (rows * (height + gap) - gap, columns * (width + gap) - gap, 3)
    sheet = np.full(shape, 255, np.uint8)
    for i, image in enumerate(images):
        y, x = i // columns * (height + gap), i % columns * (width + gap)
        sheet[y : y + height, x : x + width] = image
    return sheet


class Heading(NamedTuple):
    """Words, of one line or several, over columns or beside rows `first` to `last`."""

    text: str
    first: int
    last: int


def headings(texts: Iterable[str]) -> list[Heading]:
    """One heading per column or row."""
    return [Heading(text, i, i) for i, text in enumerate(texts)]


def _font(text: str, size: int):
    """The built-in font, or where that lacks the letters one of the system's that has more."""
    if not text.isascii():
        for name in _FONTS:
            with contextlib.suppress(OSError):
                return ImageFont.truetype(name, size)
    return ImageFont.load_default(size)


def _fit(text: str, size: int, width: int):
    """Words and a font in which they are at most `width` wide: smaller, and then cut."""
    while size > 7 and _font(text, size).getlength(text) > width:
        size -= 1
    font, kept = _font(text, size), text
    while kept and font.getlength(kept) > width:
        text = text[:-1]
        kept = f"{text}..."
    return kept, font


def _wrap(text: str, size: int, width: int) -> str:
    """Breaks lines after spaces and underscores, where they are wider than `width`."""
    font, lines = _font(text, size), []
    for line in text.split("\n"):
        kept = ""
        for piece in re.findall(r"[^ _]*[ _]*", line):
            if kept and font.getlength((kept + piece).rstrip()) > width:
                lines.append(kept.rstrip())
                kept = ""
            kept += piece
        lines.append(kept.rstrip())
    return "\n".join(lines)


def _strip_height(heads: Sequence[Heading], size: int) -> int:
    """Height of the strip that headings take, by the one of most lines."""
    lines = max((head.text.count("\n") + 1 for head in heads), default=0)
    return round((0.3 + 1.3 * lines) * size) if lines else 0


def _words(text: str, width: int, height: int, size: int) -> Image.Image:
    """A strip [height, width] with centred lines of words."""
    strip = Image.new("RGB", (width, height), "white")
    draw, lines = ImageDraw.Draw(strip), text.split("\n")
    for i, line in enumerate(lines):
        kept, font = _fit(line, size, width)
        y = height / 2 + 1.3 * size * (i - (len(lines) - 1) / 2)
        draw.text((width / 2, y), kept, _INK, font, anchor="mm")
    return strip


def figure(
    cells: Sequence[Sequence[np.ndarray | None]],
    columns: Sequence[Heading] = (),
    rows: Sequence[Heading] = (),
    *,
    gap: int = 2,
    breaks: tuple[Sequence[int], Sequence[int]] = ((), ()),
) -> np.ndarray:
    """Lays out a table of pictures with headings above columns and, turned, left of rows.

    Args:
        cells: Rows of uint8 [H, W, 3], all of one size; None leaves a cell white.
        columns: Headings above.
        rows: Headings at the left, read from bottom to top.
        gap: Pixels between pictures.
        breaks: Rows and columns that begin a block: a wider gap goes before them.

    Returns:
        uint8 [H', W', 3].
    """
    height, width, _ = next(cell for row in cells for cell in row if cell is not None).shape
    size = max(10, min(round(height / 7), 40))
    margin, wide = max(4, size // 2), max(gap, size // 2)

    def starts(count: int, extent: int, first: int, block_starts: Sequence[int]) -> list[int]:
        return [
            first + i * (extent + gap) + wide * sum(i >= b for b in block_starts)
            for i in range(count)
        ]

    def wrapped(heads: Sequence[Heading], ends: Sequence[int], extent: int) -> list[Heading]:
        return [
            head._replace(text=_wrap(head.text, size, ends[head.last] + extent - ends[head.first]))
            for head in heads
        ]

    columns = wrapped(columns, starts(len(cells[0]), width, 0, breaks[1]), width)
    rows = wrapped(rows, starts(len(cells), height, 0, breaks[0]), height)
    above, beside = _strip_height(columns, size), _strip_height(rows, size)
    ys = starts(len(cells), height, margin + above, breaks[0])
    xs = starts(len(cells[0]), width, margin + beside, breaks[1])
    sheet = Image.new("RGB", (xs[-1] + width + margin, ys[-1] + height + margin), "white")
    for y, row in zip(ys, cells, strict=True):
        for x, cell in zip(xs, row, strict=True):
            if cell is not None:
                sheet.paste(Image.fromarray(cell), (x, y))
    for text, first, last in columns:
        words = _words(text, xs[last] + width - xs[first], above, size)
        sheet.paste(words, (xs[first], ys[0] - above))
    for text, first, last in rows:
        words = _words(text, ys[last] + height - ys[first], beside, size)
        sheet.paste(words.transpose(Image.Transpose.ROTATE_90), (xs[0] - beside, ys[first]))
    return np.asarray(sheet)


class StyleRow(NamedTuple):
    """One row of a `style_table`: words, and the picture that its style is from, if any."""

    heading: str
    reference: np.ndarray | None = None


def style_table(
    sources: np.ndarray,
    rows: Sequence[StyleRow],
    translations: np.ndarray,
    scale: int | None = None,
) -> np.ndarray:
    """The figure of StarGAN v2: sources across, styles down.

    Neighbouring rows of one heading share it; references, where there are any, stand at the left.

    Args:
        sources: uint8 [N, R, R, 3].
        rows: What each row shows.
        translations: Of the sources, row by row, uint8 [rows, N, R, R, 3].
        scale: How often each pixel is repeated; None: what makes a picture 96 pixels wide.

    Returns:
        uint8 [H', W', 3].

    Reference:
        Choi et al. 2020, arXiv:1912.01865, figures 4 and 6.
    """
    scale = -(-96 // sources.shape[1]) if scale is None else scale
    with_references = any(row.reference is not None for row in rows)
    left: list[np.ndarray | None] = [
        None if row.reference is None else enlarge(row.reference, scale) for row in rows
    ]
    cells: list[list[np.ndarray | None]] = [[*enlarge(sources, scale)]]
    cells += [[*pictures] for pictures in enlarge(translations, scale)]
    if with_references:
        cells = [[first, *row] for first, row in zip([None, *left], cells, strict=True)]
    runs = [
        (text, list(group))
        for text, group in itertools.groupby(
            enumerate(rows, start=1), key=lambda item: item[1].heading
        )
    ]
    heads = [Heading(text, group[0][0], group[-1][0]) for text, group in runs]
    starts = [head.first for head in heads]
    return figure(cells, rows=heads, breaks=(starts, [1] if with_references else []))


def write_png(path: str | Path, image: np.ndarray) -> None:
    """Writes uint8 [H, W, 3] as PNG: the whole file or none. Makes the folder if it is absent."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        Image.fromarray(image).save(partial, format="PNG")


def write_video(path: str | Path, frames: Iterable[np.ndarray], fps: float) -> None:
    """Writes frames as an endless GIF or an MP4 (H.264): the whole file or none.

    Args:
        path: Ends in .gif or .mp4. The folder is made if it is absent.
        frames: uint8 [H, W, 3], all of one size.
        fps: Frames a second. GIF counts in hundredths of a second: 50 at most, and rounded.

    Raises:
        ValueError: If the ending is unknown, or `fps` is out of range.
    """
    from imageio import v2, v3

    path = Path(path)
    ending = path.suffix.lower()
    check_video(path, fps)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        if ending == ".gif":
            # Pillow merges equal frames, so a still stays a still of the right length.
            v3.imwrite(
                partial, list(frames), extension=".gif", duration=round(100 / fps) * 10, loop=0
            )
            return
        # The writer's own `with` leaves ffmpeg running, and writing, where a frame fails.
        with contextlib.closing(
            v2.get_writer(
                partial, format="FFMPEG", fps=fps, codec="libx264", quality=8, macro_block_size=2
            )
        ) as writer:
            for frame in frames:
                # H.264 stores colour at half size, so both sides must be even.
                odd = (frame.shape[0] % 2, frame.shape[1] % 2)
                writer.append_data(np.pad(frame, ((0, odd[0]), (0, odd[1]), (0, 0)), "edge"))


def check_video(path: str | Path, fps: float) -> None:
    """Raises UserError where `write_video` would, before any frame is made."""
    ending = Path(path).suffix.lower()
    if ending not in VIDEO_ENDINGS:
        raise UserError(
            field="out",
            expected=f"of a video must end in {' or '.join(VIDEO_ENDINGS)}",
            received=repr(str(path)),
        )
    highest = 50 if ending == ".gif" else 240
    if not 1 <= fps <= highest:
        raise UserError(
            field="fps",
            expected=f"must be from 1 to {highest} for {ending} files",
            received=f"{fps:g}",
        )
