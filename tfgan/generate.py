"""Command line: pictures, figures and videos from a trained generator."""

import argparse
import math
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from tfgan import figures
from tfgan.loading import check_writable, find_model, load_generator
from tfgan.terminal import UserError, import_tensorflow

# One batch size for all verbs and counts: the same seed then gives the same pixels everywhere.
BATCH = 4
MAX_PIXELS = 2**28
MAX_FRAMES = 100_000
MAX_SIDE = 1000  # rows or columns of a grid
NOISE = ("random", "fixed", "none")
# Bounds of the convolutions' resolutions, as in the StyleGAN papers.
STYLE_BLOCKS = (("Coarse", 4, 8), ("Middle", 16, 32), ("Fine", 64, 1024))

_ABOUT = """Makes pictures, figures and videos with a trained generator.

MODEL is a .keras file, a run folder (its model.keras), or "latest": the newest run under ./runs.
A seed stands for one latent: the same seed gives the same picture in every verb.
"""

_EXAMPLES = """examples:
  python -m tfgan.generate latest grid
  python -m tfgan.generate runs/faces pictures --seeds 0-15,33 --out pictures
  python -m tfgan.generate model.keras truncation --seeds 3,8 --psi 1 0.7 0.5 0 -0.5 -1
  python -m tfgan.generate model.keras mixing --a 0-5 --b 100-104
  python -m tfgan.generate model.keras interpolate --seeds 0-5 --out faces.mp4

python -m tfgan.generate MODEL VERB --help explains one verb.
"""


class UsageError(UserError):
    """Options that cannot work."""


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


def _whole(lowest: int, highest: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"-?\d+", text) or not lowest <= int(text) <= highest:
            raise argparse.ArgumentTypeError(
                f"must be an integer from {lowest} to {highest}. Received: {text!r}."
            )
        return int(text)

    return read


def _finite(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"must be a number. Received: {text!r}.")
    return value


def _positive(text: str) -> float:
    value = _finite(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"must be above 0. Received: {text!r}.")
    return value


def latents_of(seeds: Sequence[int], width: int) -> np.ndarray:
    """One latent per seed, float32 [len(seeds), width]; each depends on its own seed alone."""
    rows = [np.random.default_rng(seed).standard_normal(width, np.float32) for seed in seeds]
    return np.stack(rows)


def style_blocks(model) -> list[tuple[str, list[int]]]:
    """Style indices of the coarse, middle and fine resolutions that the model has, with names.

    A style belongs to the resolution of the convolution that it scales first.
    """
    sizes = [*model.synthesis.noise_sizes, model.resolution][: model.num_styles]
    found = [
        (name, [i for i, size in enumerate(sizes) if low <= size <= high])
        for name, low, high in STYLE_BLOCKS
    ]
    return [(name, layers) for name, layers in found if layers]


def spline(points: np.ndarray, steps: int) -> np.ndarray:
    """Closed cubic spline through `points` [K, Z], sampled at `steps` even times: [steps, Z].

    With second derivatives M, M[i-1] + 4 M[i] + M[i+1] = 6 (p[i-1] - 2 p[i] + p[i+1]), indices
    modulo K, so that the motion is smooth at every point and from the end to the start.
    """
    count = len(points)
    eye = np.eye(count)
    around = np.roll(eye, 1, axis=0) + np.roll(eye, -1, axis=0)
    second = np.linalg.solve(4 * eye + around, 6 * (around - 2 * eye) @ points)
    times = np.arange(steps) * count / steps
    i = times.astype(int) % count
    after = (i + 1) % count
    u = (times - np.floor(times))[:, None]
    v = 1 - u
    bend = (v**3 - v) * second[i] + (u**3 - u) * second[after]
    return (v * points[i] + u * points[after] + bend / 6).astype(np.float32)


def slerp(points: np.ndarray, steps: int) -> np.ndarray:
    """Closed path of great arcs through `points` [K, Z], sampled at `steps` times: [steps, Z].

    sin((1 - u) a) / sin(a) * p + sin(u a) / sin(a) * q, with a the angle between p and q.
    """
    count = len(points)
    times = np.arange(steps) * count / steps
    i = times.astype(int) % count
    u = (times - np.floor(times))[:, None]
    p, q = points[i], points[(i + 1) % count]
    norms = np.linalg.norm(p, axis=1) * np.linalg.norm(q, axis=1)
    angle = np.arccos(np.clip(np.sum(p * q, axis=1) / norms, -1, 1))[:, None]
    # A point that follows itself, as a single seed does, has no arc.
    sine = np.where(np.sin(angle) < 1e-6, 1.0, np.sin(angle))
    arc = (np.sin((1 - u) * angle) * p + np.sin(u * angle) * q) / sine
    return np.where(np.sin(angle) < 1e-6, p, arc).astype(np.float32)


PATHS = {"spline": spline, "slerp": slerp}


class _Pictures:
    """A model with the options that all verbs share."""

    def __init__(self, model, options: argparse.Namespace):
        self.model = model
        self.options = options
        self.names = list(model.class_names)
        self.chosen = None
        if options.class_name is not None:
            if not self.names:
                raise UsageError("this model has no classes. Leave --class out.")
            if options.class_name not in self.names:
                raise UsageError(
                    f"--class must be one of {', '.join(self.names)}. "
                    f"Received: {options.class_name!r}."
                )
            self.chosen = self.names.index(options.class_name)
        if options.cutoff is not None and options.cutoff > model.num_styles:
            raise UsageError(
                f"--cutoff must be at most {model.num_styles}, the layers of this model. "
                f"Received: {options.cutoff}."
            )

    def labels(self, indices: Sequence[int]) -> np.ndarray | None:
        """The chosen class, or else class i modulo their number; None without classes."""
        if not self.names:
            return None
        fixed = self.chosen
        return np.array([i % len(self.names) if fixed is None else fixed for i in indices])

    def styles(self, seeds: Sequence[int], labels=None, psi: float | None = None) -> np.ndarray:
        """Truncated styles [N, L, W]; without `labels`, classes go by seed."""
        return self.styles_of_latents(
            latents_of(seeds, self.model.latent_dim),
            self.labels(seeds) if labels is None else labels,
            psi,
        )

    def styles_of_latents(self, latents, labels, psi: float | None = None) -> np.ndarray:
        """Truncated styles [N, L, W]."""
        return figures.truncated_styles(
            self.model,
            latents,
            labels,
            truncation_psi=self.options.psi if psi is None else psi,
            truncation_cutoff=self.options.cutoff,
        )

    def images(self, styles, seeds: Sequence[int], progress: str | None = None) -> np.ndarray:
        """Pictures uint8 [N, R, R, 3]; random noise goes by seed."""
        return figures.synthesize(
            self.model,
            styles,
            noise=self.options.noise,
            seed=seeds,
            batch_size=BATCH,
            progress=progress,
        )

    def scale(self, readable: bool) -> int:
        """What --scale says; by default 1, or what makes a picture 64 pixels wide."""
        if self.options.scale is not None:
            return self.options.scale
        return -(-64 // self.model.resolution) if readable else 1

    def enlarged(self, images: np.ndarray, readable: bool = False) -> np.ndarray:
        """Pictures at --scale; by default as they are, or large enough to be seen."""
        return figures.enlarge(images, self.scale(readable))

    def check_area(self, rows: int, columns: int, readable: bool = False) -> None:
        """Raises UsageError if a grid has more pixels than a viewer would open."""
        side = self.model.resolution * self.scale(readable)
        pixels = rows * columns * side * side
        if pixels > MAX_PIXELS:
            raise UsageError(
                f"{rows} rows of {columns} pictures of {side} pixels make {pixels / 1e6:,.0f} "
                f"million pixels; at most {MAX_PIXELS / 1e6:,.0f} are drawn. Choose fewer --rows "
                "or --columns, or a smaller --scale."
            )


def make_grid(pictures: _Pictures, options: argparse.Namespace, out: Path) -> None:
    """Seeds row by row; with classes, one class a row, and each column keeps its seed."""
    names = pictures.names
    by_class = bool(names) and pictures.chosen is None
    rows = options.rows or (len(names) if by_class else 4)
    count = rows * options.columns
    pictures.check_area(rows, options.columns, readable=True)
    if not by_class:
        seeds = [options.seed + i for i in range(count)]
        labels = pictures.labels(seeds)
    else:
        seeds = [
            options.seed + row // len(names) * options.columns + column
            for row in range(rows)
            for column in range(options.columns)
        ]
        labels = np.repeat(np.arange(rows) % len(names), options.columns)
    images = pictures.images(pictures.styles(seeds, labels), seeds, "grid")
    images = pictures.enlarged(images, readable=True)
    if not by_class:
        figures.write_png(out, figures.grid(images, options.columns))
        return
    cells = [list(images[i : i + options.columns]) for i in range(0, count, options.columns)]
    titles = figures.headings(names[row % len(names)] for row in range(rows))
    figures.write_png(out, figures.figure(cells, rows=titles))


def _file_name(text: str) -> str:
    return re.sub(r"[^\w.+-]+", "_", text).strip("._") or "class"


def make_pictures(pictures: _Pictures, options: argparse.Namespace, out: Path) -> None:
    """One PNG file per seed."""
    seeds = options.seeds or [options.seed + i for i in range(options.count or 16)]
    digits = max(4, len(str(max(seeds))))
    labels = pictures.labels(seeds)
    with tqdm(total=len(seeds), desc="pictures", unit="img", delay=2) as bar:
        for start in range(0, len(seeds), BATCH):
            batch = seeds[start : start + BATCH]
            images = pictures.enlarged(pictures.images(pictures.styles(batch), batch))
            for i, (seed, image) in enumerate(zip(batch, images, strict=True), start):
                name = f"seed{seed:0{digits}d}"
                if labels is not None:
                    name += "-" + _file_name(pictures.names[labels[i]])
                figures.write_png(out / f"{name}.png", image)
                bar.update()


def make_truncation(pictures: _Pictures, options: argparse.Namespace, out: Path) -> None:
    """Rows are seeds, columns strengths of truncation (StyleGAN, figure 8)."""
    seeds = options.seeds or [options.seed + i for i in range(4)]
    psis = options.psis
    by_psi = np.stack([pictures.styles(seeds, psi=psi) for psi in psis], axis=1)
    styles = by_psi.reshape(-1, *by_psi.shape[2:])
    images = pictures.images(styles, np.repeat(seeds, len(psis)).tolist(), "truncation")
    images = pictures.enlarged(images, readable=True)
    cells = [list(images[i : i + len(psis)]) for i in range(0, len(images), len(psis))]
    labels = pictures.labels(seeds)
    titles = [f"seed {seed}" for seed in seeds]
    if labels is not None:
        titles = [f"{t}, {pictures.names[k]}" for t, k in zip(titles, labels, strict=True)]
    # The built-in font has no Greek letters.
    columns = figures.headings(f"psi = {psi:g}" for psi in psis)
    figures.write_png(out, figures.figure(cells, columns, figures.headings(titles)))


def make_mixing(pictures: _Pictures, options: argparse.Namespace, out: Path) -> None:
    """Pictures of A that take coarse, middle or fine styles from B (StyleGAN, figure 3)."""
    blocks = style_blocks(pictures.model)
    seeds_b = options.b or [options.seed + 100 + i for i in range(5)]
    seeds_a = options.a or [options.seed + i for i in range(2 * len(blocks))]
    if len(seeds_a) < len(blocks):
        names = ", ".join(name.lower() for name, _ in blocks)
        raise UsageError(
            f"--a needs at least {len(blocks)} seeds, one for each of {names}. "
            f"Received: {len(seeds_a)}."
        )
    styles_a, styles_b = pictures.styles(seeds_a), pictures.styles(seeds_b)
    parts = np.array_split(np.arange(len(seeds_a)), len(blocks))
    mixed = []
    for (_, layers), part in zip(blocks, parts, strict=True):
        for a in part:
            rows = np.repeat(styles_a[a][None], len(seeds_b), axis=0)
            rows[:, layers] = styles_b[:, layers]
            mixed.append(rows)
    body_seeds = np.repeat(seeds_a, len(seeds_b)).tolist()
    images = pictures.images(
        np.concatenate([styles_b, styles_a, *mixed]), [*seeds_b, *seeds_a, *body_seeds], "mixing"
    )
    images = pictures.enlarged(images, readable=True)
    width = len(seeds_b)
    top, left = images[:width], images[width : width + len(seeds_a)]
    body = images[width + len(seeds_a) :].reshape(len(seeds_a), width, *images.shape[1:])
    cells = [[None, *top], *([a, *row] for a, row in zip(left, body, strict=True))]
    row_titles = [
        figures.Heading(f"{name} styles from B", int(part[0]) + 1, int(part[-1]) + 1)
        for (name, _), part in zip(blocks, parts, strict=True)
    ]
    columns = [figures.Heading("Source A", 0, 0), figures.Heading("Source B", 1, width)]
    breaks = ([title.first for title in row_titles], [1])
    figures.write_png(out, figures.figure(cells, columns, row_titles, breaks=breaks))


def make_interpolation(pictures: _Pictures, options: argparse.Namespace, out: Path) -> None:
    """A closed walk through the latents of seeds; each place of the grid has its own seeds."""
    places = options.rows * options.columns
    pictures.check_area(options.rows, options.columns)
    if options.seconds * options.fps > MAX_FRAMES:
        raise UsageError(
            f"--seconds x --fps must be at most {MAX_FRAMES:,} frames. Received: "
            f"{options.seconds:g} x {options.fps:g}."
        )
    seeds = options.seeds or [options.seed + i for i in range(4 * places)]
    if len(seeds) % places:
        raise UsageError(
            f"--seeds must hold the same number for each of the {places} places of the grid. "
            f"Received: {len(seeds)}."
        )
    frames = max(1, round(options.seconds * options.fps))
    points = latents_of(seeds, pictures.model.latent_dim)
    points = points.reshape(places, -1, points.shape[-1])
    walks = np.stack([PATHS[options.path](p, frames) for p in points], axis=1)
    labels = pictures.labels(range(places))

    together = max(1, BATCH // places)

    def draw() -> Iterator[np.ndarray]:
        with tqdm(total=frames, desc="interpolate", unit="frame", delay=2) as bar:
            for start in range(0, frames, together):
                part = walks[start : start + together]
                part_labels = None if labels is None else np.tile(labels, len(part))
                noise_seeds = [start * places + i for i in range(len(part) * places)]
                styles = pictures.styles_of_latents(part.reshape(-1, part.shape[-1]), part_labels)
                images = pictures.enlarged(pictures.images(styles, noise_seeds))
                for frame in np.split(images, len(part)):
                    yield figures.grid(frame, options.columns)
                    bar.update()

    figures.write_video(out, draw(), options.fps)


VERBS = {
    "grid": make_grid,
    "pictures": make_pictures,
    "truncation": make_truncation,
    "mixing": make_mixing,
    "interpolate": make_interpolation,
}


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    shared = common.add_argument_group("options of all verbs")
    shared.add_argument(
        "--seed",
        type=_whole(0, 2**63),
        default=0,
        help="first seed, where none are listed (default: 0)",
    )
    shared.add_argument(
        "--cutoff",
        type=_whole(0, 2**63),
        metavar="LAYERS",
        help="truncate only the first layers (default: all)",
    )
    shared.add_argument(
        "--noise",
        choices=NOISE,
        default="fixed",
        help="per-pixel noise: each seed its own, the model's fixed maps, or none (default: fixed)",
    )
    shared.add_argument(
        "--class",
        dest="class_name",
        metavar="NAME",
        help="class of all pictures (default: classes in turn, by seed; grid: one a row)",
    )
    shared.add_argument(
        "--scale",
        type=_whole(1, 64),
        metavar="N",
        help="enlarge pixels to N x N (default: 1; in grids and figures, what makes them 64 wide)",
    )
    shared.add_argument(
        "-o",
        "--out",
        type=Path,
        help="file to write; for pictures, a folder (default: MODEL-VERB in the current folder)",
    )

    parser = argparse.ArgumentParser(
        prog="python -m tfgan.generate",
        description=_ABOUT,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL", help='.keras file, run folder, or "latest"')
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(name: str, about: str, example: str, psi: bool = True) -> argparse.ArgumentParser:
        added = verbs.add_parser(
            name,
            help=about,
            description=about[0].upper() + about[1:] + ".",
            epilog=f"example:\n  python -m tfgan.generate {example}",
            parents=[common],
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if psi:
            added.add_argument(
                "--psi",
                type=_finite,
                default=0.7,
                help="truncation: 1 is none, 0 the average picture (default: 0.7)",
            )
        return added

    grid = verb("grid", "a grid of pictures", "latest grid --rows 4 --columns 8 --psi 0.5")
    grid.add_argument(
        "--rows", type=_whole(1, MAX_SIDE), help="rows (default: 4; with classes, one for each)"
    )
    grid.add_argument("--columns", type=_whole(1, MAX_SIDE), default=8, help="columns (default: 8)")

    single = verb("pictures", "single PNG files", "model.keras pictures --seeds 0-15,33 -o faces")
    which = single.add_mutually_exclusive_group()
    which.add_argument("--seeds", type=parse_seeds, help="seeds, such as 0-15,33")
    which.add_argument(
        "--count",
        type=_whole(1, 1_000_000),
        help="number of pictures, from --seed on (default: 16)",
    )

    sweep = verb(
        "truncation",
        "a figure of truncation: rows are seeds, columns values of psi",
        "latest truncation --seeds 3,8 --psi 1 0.7 0.5 0.25 0 -0.5 -1",
        psi=False,
    )
    sweep.add_argument("--seeds", type=parse_seeds, help="seeds (default: 4 from --seed on)")
    sweep.add_argument(
        "--psi",
        dest="psis",
        type=_finite,
        nargs="+",
        default=[1.0, 0.7, 0.5, 0.25, 0.0, -0.5, -1.0],
        help="values of psi (default: 1 0.7 0.5 0.25 0 -0.5 -1)",
    )

    mixing = verb(
        "mixing",
        "the style mixing figure: pictures of A take coarse, middle or fine styles from B",
        "latest mixing --a 0-5 --b 100-104",
    )
    mixing.add_argument(
        "--a",
        type=parse_seeds,
        metavar="SEEDS",
        help="seeds of the first column, shared out to the blocks (default: 2 a block from --seed)",
    )
    mixing.add_argument(
        "--b",
        type=parse_seeds,
        metavar="SEEDS",
        help="seeds of the first row (default: 5 from --seed + 100 on)",
    )

    walk = verb(
        "interpolate",
        "a video (GIF or MP4) of a closed walk through latents",
        "latest interpolate --seeds 0-5 --seconds 12 -o faces.mp4",
    )
    walk.add_argument(
        "--seeds", type=parse_seeds, help="seeds on the way (default: 4 a place from --seed on)"
    )
    walk.add_argument("--seconds", type=_positive, default=8.0, help="length (default: 8)")
    walk.add_argument("--fps", type=_positive, default=25.0, help="frames a second (default: 25)")
    walk.add_argument("--rows", type=_whole(1, MAX_SIDE), default=1, help="rows (default: 1)")
    walk.add_argument("--columns", type=_whole(1, MAX_SIDE), default=1, help="columns (default: 1)")
    walk.add_argument(
        "--path",
        choices=list(PATHS),
        default="spline",
        help="spline: smooth all along; slerp: even pace, turns at seeds (default: spline)",
    )
    return parser


def _output(options: argparse.Namespace, model_file: Path) -> Path:
    """Where the result goes; checked before any work is done."""
    stem = model_file.stem
    if stem == "model":
        stem = model_file.absolute().parent.name or stem
    ending = {"pictures": "", "interpolate": ".mp4"}.get(options.verb, ".png")
    out = options.out or Path(f"{stem}-{options.verb}{ending}")
    if options.verb == "interpolate":
        try:
            figures.check_video(out, options.fps)
        except ValueError as error:
            raise UsageError(str(error)) from error
    elif options.verb != "pictures" and out.suffix.lower() != ".png":
        raise UsageError(f"--out must end in .png for {options.verb}. Received: {out}.")
    if options.verb == "pictures":
        if out.exists() and not out.is_dir():
            raise UsageError(f"--out must be a folder for pictures, but {out} is a file.")
        folder = out
    elif out.is_dir():
        raise UsageError(f"--out must be a file, but {out} is a folder.")
    else:
        folder = out.parent
    check_writable(folder)
    return out


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] and arguments[0] in VERBS and {"-h", "--help"} & set(arguments):
        arguments = ["MODEL", *arguments]
    options = _parser().parse_args(arguments)
    try:
        model_file = find_model(options.model)
        out = _output(options, model_file)
        print(f"Loading {model_file}", flush=True)
        import_tensorflow()
        VERBS[options.verb](_Pictures(load_generator(model_file), options), options, out)
    except (UserError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    print(f"Wrote {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
