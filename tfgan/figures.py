"""Pictures from models: batches, grids, figures with headings, and the files that hold them.

Inside the program pictures are float32 in [-1, 1]; what leaves this file is uint8.
"""

import contextlib
import itertools
import re
import weakref
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tfgan.files import replacing
from tfgan.terminal import Progress

VIDEO_ENDINGS = (".gif", ".mp4")
NOISE_LAYERS = ("all", "coarse", "fine")
_INK = (40, 40, 40)
# Looked for among the system's; the built-in font has the letters of ASCII alone.
_FONTS = ("NotoSansCJK-Regular.ttc", "Arial Unicode.ttf", "DejaVuSans.ttf", "arial.ttf")
_compiled: weakref.WeakKeyDictionary[Any, tuple[Any, ...]] = weakref.WeakKeyDictionary()


def to_uint8(images) -> np.ndarray:
    """Rounds pictures from [-1, 1] to 0..255; what lies outside is clipped. Keeps the shape."""
    return np.clip(np.rint((np.asarray(images) + 1.0) * 127.5), 0, 255).astype(np.uint8)


def to_float(images: np.ndarray) -> np.ndarray:
    """The inverse of `to_uint8`: 0..255 to float32 in [-1, 1]. Keeps the shape."""
    return images.astype(np.float32) / np.float32(127.5) - np.float32(1)


def _functions(model) -> tuple[Any, Any]:
    """Compiled mapping (with truncation) and synthesis of a model, made once per model."""
    # Command lines that only draw or fail early start at once without TensorFlow.
    import tensorflow as tf

    if model not in _compiled:
        # The entry goes when the model goes, so the functions must not keep it alive.
        reference = weakref.ref(model)

        @tf.function(autograph=False, reduce_retracing=True)
        def styles_of(latents, labels, psi, cutoff):
            model: Any = reference()
            return model.truncate(model.mapping(latents, labels), psi, cutoff)

        @tf.function(autograph=False)
        def images_of(styles, noise):
            model: Any = reference()
            return model.synthesis(styles, model.make_noise(noise, styles.shape[0]))

        _compiled[model] = styles_of, images_of
    styles_of, images_of = _compiled[model]
    return styles_of, images_of


def truncated_styles(
    model,
    latents,
    labels=None,
    *,
    truncation_psi: float = 1.0,
    truncation_cutoff: int | None = None,
) -> np.ndarray:
    """Maps latents to one style per layer, truncated.

    Args:
        model: A generator with `mapping` and `truncate`.
        latents: [N, Z].
        labels: Class indices, int [N], or weights of classes, float [N, classes].
        truncation_psi: Scale of the styles' distance to their average; 1 changes nothing.
        truncation_cutoff: Number of style layers that are truncated; None: all.

    Returns:
        [N, L, W], float32.
    """
    import tensorflow as tf

    styles_of, _ = _functions(model)
    labels = None if labels is None else tf.convert_to_tensor(labels)
    latents = tf.convert_to_tensor(latents, tf.float32)
    psi = tf.constant(truncation_psi, tf.float32)
    return styles_of(latents, labels, psi, truncation_cutoff).numpy()


def noise_maps(sizes: Sequence[int], seeds: Sequence[Sequence[int]]) -> list[np.ndarray]:
    """Standard normal maps of a batch, [B, H, W, 1] per convolution, each picture from its seed."""
    # The 1 keeps the stream apart from latents of the same seed: NumPy ignores trailing zeros.
    streams = [np.random.default_rng([*seed, 1]) for seed in seeds]
    return [
        np.stack([stream.standard_normal((size, size, 1), np.float32) for stream in streams])
        for size in sizes
    ]


def noise_resolutions(model) -> dict[str, list[int]]:
    """Resolutions that noise is added at: all of them, and their coarse and fine parts.

    Coarse is the lower half of the resolutions, rounded down: of 1024 pixels 4 to 32.

    Args:
        model: A generator whose `synthesis` has `noise_sizes`.

    Returns:
        For each of `NOISE_LAYERS`, rising resolutions.

    Reference:
        Karras et al. 2018, arXiv:1812.04948, figure 5.
    """
    sizes = sorted(set(model.synthesis.noise_sizes))
    half = len(sizes) // 2
    return dict(zip(NOISE_LAYERS, (sizes, sizes[:half], sizes[half:]), strict=True))


def _noise(model, noise: str, layers: str, seeds: Sequence[Sequence[int]]) -> Any:
    """What `make_noise` takes: a mode, or one map per convolution, which is 0 where left out."""
    if layers not in NOISE_LAYERS:
        raise ValueError(f"noise_layers must be one of {NOISE_LAYERS}. Received: {layers!r}.")
    if noise != "random" and (noise != "fixed" or layers == "all"):
        return noise
    sizes = model.synthesis.noise_sizes
    maps = noise_maps(sizes, seeds) if noise == "random" else model.synthesis.fixed_noise()
    kept = noise_resolutions(model)[layers]
    return [one if size in kept else one * 0.0 for one, size in zip(maps, sizes, strict=True)]


def _draw(
    model,
    styles: np.ndarray,
    seeds: Sequence[Sequence[int]],
    batch_size: int,
    noise: str,
    noise_layers: str = "all",
) -> np.ndarray:
    """Pictures float32 [N, R, R, 3] of at most one batch; the batch is filled up."""
    _, images_of = _functions(model)
    rows = np.minimum(np.arange(batch_size), len(styles) - 1)
    maps = _noise(model, noise, noise_layers, [seeds[row] for row in rows])
    return images_of(styles[rows], maps).numpy()[: len(styles)]


def synthesize(
    model,
    styles,
    *,
    noise: str = "fixed",
    noise_layers: str = "all",
    seed: int | Sequence[int] = 0,
    batch_size: int = 16,
    progress: str | None = None,
) -> np.ndarray:
    """Turns styles into pictures, in batches of one size: the last one is filled up.

    Args:
        model: A generator with `synthesis` and `make_noise`.
        styles: [N, L, W].
        noise: "random", "fixed" or "none".
        noise_layers: Where that noise is added: at "all" layers, or only at the "coarse" or the
            "fine" ones of `noise_resolutions`. There the maps are those of "all"; elsewhere 0.
        seed: Of the random noise. An integer gives each picture its own noise, by its index; a
            sequence holds one seed per picture.
        batch_size: Pictures at a time. Random noise does not depend on it.
        progress: Words before a progress bar, which shows after two seconds; None: no bar.

    Returns:
        uint8 [N, R, R, 3].

    Raises:
        ValueError: If `noise` or `noise_layers` is unknown.
    """
    styles = np.asarray(styles, np.float32)
    count = len(styles)
    seeds = [(seed, i) for i in range(count)] if isinstance(seed, int) else [(s, 0) for s in seed]
    images = np.empty((count, model.resolution, model.resolution, 3), np.uint8)
    with Progress(total=count, desc=progress, unit="img", disable=progress is None) as bar:
        for start in range(0, count, batch_size):
            part = slice(start, min(start + batch_size, count))
            made = _draw(model, styles[part], seeds[part], batch_size, noise, noise_layers)
            images[part] = to_uint8(made)
            bar.update(len(made))
    return images


def noise_deviation(
    model,
    styles,
    *,
    seeds: Sequence[int],
    count: int = 100,
    batch_size: int = 16,
    progress: str | None = None,
) -> np.ndarray:
    """Where noise changes pictures: their deviation over `count` random realisations.

    Standard deviation of the grey values (means over the channels) of each pixel. It is summed up
    picture by picture, so memory does not depend on `count`.

    Args:
        model: A generator with `synthesis` and `make_noise`.
        styles: [N, L, W].
        seeds: Of the random noise, one per style. The realisations are those that `synthesize`
            gives `count` pictures with the integer `seed`.
        count: Realisations of each style.
        batch_size: Pictures at a time.
        progress: Words before a progress bar, which shows after two seconds; None: no bar.

    Returns:
        float32 [N, R, R], in steps of uint8 pictures.

    Reference:
        Karras et al. 2018, arXiv:1812.04948, figure 4c; Welford 1962 for the summing up.
    """
    styles = np.asarray(styles, np.float32)
    shape = (len(styles), model.resolution, model.resolution)
    mean, squares = np.zeros(shape), np.zeros(shape)
    total = len(styles) * count
    with Progress(total=total, desc=progress, unit="img", disable=progress is None) as bar:
        for row, seed in enumerate(seeds):
            for start in range(0, count, batch_size):
                numbers = range(start, min(start + batch_size, count))
                repeated = np.repeat(styles[row][None], len(numbers), axis=0)
                made = _draw(model, repeated, [(seed, i) for i in numbers], batch_size, "random")
                # As seen: clipped like a picture, but not rounded, for deviations are small.
                greys = np.mean(np.clip((made + 1.0) * 127.5, 0.0, 255.0), axis=-1)
                for number, grey in zip(numbers, greys, strict=True):
                    change = grey - mean[row]
                    mean[row] += change / (number + 1)
                    squares[row] += change * (grey - mean[row])
                bar.update(len(numbers))
    return np.sqrt(squares / count).astype(np.float32)


def generate(
    model,
    latents,
    labels=None,
    *,
    truncation_psi: float = 1.0,
    truncation_cutoff: int | None = None,
    noise: str = "fixed",
    noise_layers: str = "all",
    seed: int | Sequence[int] = 0,
    batch_size: int = 16,
    progress: str | None = None,
) -> np.ndarray:
    """Turns latents into pictures; as the model's call, but in batches and without retracing.

    Args:
        model: A generator with `mapping`, `truncate` and `synthesis`.
        latents: [N, Z], standard normal.
        labels: Class indices, int [N] (conditional generators only).
        truncation_psi: Scale of the styles' distance to their average; 1 changes nothing.
        truncation_cutoff: Number of style layers that are truncated; None: all.
        noise: "random", "fixed" or "none".
        noise_layers: "all", "coarse" or "fine"; see `synthesize`.
        seed: Of the random noise; see `synthesize`.
        batch_size: Pictures at a time.
        progress: Words before a progress bar, which shows after two seconds; None: no bar.

    Returns:
        uint8 [N, R, R, 3].
    """
    styles = truncated_styles(
        model,
        latents,
        labels,
        truncation_psi=truncation_psi,
        truncation_cutoff=truncation_cutoff,
    )
    return synthesize(
        model,
        styles,
        noise=noise,
        noise_layers=noise_layers,
        seed=seed,
        batch_size=batch_size,
        progress=progress,
    )


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


def translate(
    model, images: np.ndarray, styles, *, batch_size: int = 16, progress: str | None = None
) -> np.ndarray:
    """Translates pictures to styles, in batches of one size: the last one is filled up.

    Args:
        model: A model with `translate`.
        images: uint8 [N, R, R, 3].
        styles: [N, S].
        batch_size: Pictures at a time.
        progress: Words before a progress bar, which shows after two seconds; None: no bar.

    Returns:
        uint8 [N, R, R, 3].
    """
    import tensorflow as tf

    if model not in _compiled:
        reference = weakref.ref(model)

        @tf.function(autograph=False)
        def translated(images, styles):
            model: Any = reference()
            return model.translate(images, styles)

        _compiled[model] = (translated,)
    (translated,) = _compiled[model]
    styles = np.asarray(styles, np.float32)
    result = np.empty_like(images)
    count = len(images)
    with Progress(total=count, desc=progress, unit="img", disable=progress is None) as bar:
        for start in range(0, count, batch_size):
            rows = np.minimum(np.arange(start, start + batch_size), count - 1)
            kept = min(batch_size, count - start)
            made = translated(to_float(images[rows]), styles[rows])
            result[start : start + kept] = to_uint8(made[:kept])
            bar.update(kept)
    return result


class StyleRow(NamedTuple):
    """One row of `translations`: words, the picture that the style is from or None, the style."""

    heading: str
    reference: np.ndarray | None
    style: Any


def translations(
    model,
    sources: np.ndarray,
    rows: Sequence[StyleRow],
    *,
    scale: int | None = None,
    batch_size: int = 16,
    progress: str | None = None,
) -> np.ndarray:
    """The figure of StarGAN v2: sources across, styles down.

    Args:
        model: A model with `translate`.
        sources: uint8 [N, R, R, 3].
        rows: What each row translates the sources to.
        scale: How often each pixel is repeated; None: what makes a picture 96 pixels wide.
        batch_size: Pictures at a time.
        progress: Words before a progress bar, which shows after two seconds; None: no bar.

    Returns:
        uint8 [H', W', 3].

    Reference:
        Choi et al. 2020, arXiv:1912.01865, figures 4 and 6.
    """
    made = translate(
        model,
        np.concatenate([sources] * len(rows)),
        np.repeat(np.stack([np.asarray(row.style) for row in rows]), len(sources), axis=0),
        batch_size=batch_size,
        progress=progress,
    )
    return style_table(sources, rows, made.reshape(len(rows), *sources.shape), scale)


def style_table(
    sources: np.ndarray,
    rows: Sequence[StyleRow],
    made: np.ndarray,
    scale: int | None = None,
) -> np.ndarray:
    """Lays out sources [N, R, R, 3] over their translations [rows, N, R, R, 3]: uint8 [H', W', 3].

    Rows of one heading in a row share it; references, where there are any, stand at the left.
    """
    scale = -(-96 // sources.shape[1]) if scale is None else scale
    with_references = any(row.reference is not None for row in rows)
    left: list[np.ndarray | None] = [
        None if row.reference is None else enlarge(row.reference, scale) for row in rows
    ]
    cells: list[list[np.ndarray | None]] = [[*enlarge(sources, scale)]]
    cells += [[*pictures] for pictures in enlarge(made, scale)]
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
    """Raises ValueError where `write_video` would, before any frame is made."""
    ending = Path(path).suffix.lower()
    if ending not in VIDEO_ENDINGS:
        raise ValueError(
            f"--out of a video must end in {' or '.join(VIDEO_ENDINGS)}. Received: {str(path)!r}."
        )
    highest = 50 if ending == ".gif" else 240
    if not 1 <= fps <= highest:
        raise ValueError(
            f"--fps must be from 1 to {highest} for {ending} files. Received: {fps:g}."
        )
