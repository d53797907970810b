"""Verbs of StyleGAN and StyleGAN2: pictures from seeds, and the papers' figures."""

import argparse
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tfgan import figures, inference
from tfgan.generate import paths
from tfgan.generate.options import (
    MAX_SIDE,
    UsageError,
    Verb,
    add_scale,
    add_seed,
    add_video,
    file_name,
    finite,
    frames_of,
    parse_seeds,
    whole,
)
from tfgan.generate.style_pictures import Pictures
from tfgan.terminal import Progress

PATHS = {"spline": paths.spline, "slerp": paths.slerp}


def make_grid(model, options: argparse.Namespace, out: Path) -> None:
    """Seeds row by row; with classes, one class a row, and each column keeps its seed."""
    pictures = Pictures(model, options)
    names = pictures.names
    by_class = bool(names) and pictures.chosen is None
    rows = options.rows or (len(names) if by_class else 4)
    count = rows * options.columns
    pictures.check_area(rows, options.columns, readable=True)
    classes = len(names) if by_class else 0
    seeds, labels = inference.grid_seeds(options.seed, rows, options.columns, classes)
    images = pictures.images(pictures.styles(seeds, labels), seeds, "grid")
    images = pictures.enlarged(images, readable=True)
    if not by_class:
        figures.write_png(out, figures.grid(images, options.columns))
        return
    cells = [list(images[i : i + options.columns]) for i in range(0, count, options.columns)]
    titles = figures.headings(names[row % len(names)] for row in range(rows))
    figures.write_png(out, figures.figure(cells, rows=titles))


def make_pictures(model, options: argparse.Namespace, out: Path) -> None:
    """One PNG file per seed."""
    pictures = Pictures(model, options)
    seeds = options.seeds or [options.seed + i for i in range(options.count or 16)]
    digits = max(4, len(str(max(seeds))))
    labels = pictures.labels(seeds)
    with Progress(total=len(seeds), desc="pictures", unit="img") as bar:
        for start in range(0, len(seeds), inference.BATCH_SIZE):
            batch = seeds[start : start + inference.BATCH_SIZE]
            images = pictures.enlarged(pictures.images(pictures.styles(batch), batch))
            for i, (seed, image) in enumerate(zip(batch, images, strict=True), start):
                name = f"seed{seed:0{digits}d}"
                if labels is not None:
                    name += "-" + file_name(pictures.names[labels[i]])
                figures.write_png(out / f"{name}.png", image)
                bar.update()


def make_truncation(model, options: argparse.Namespace, out: Path) -> None:
    """Rows are seeds, columns strengths of truncation (StyleGAN, figure 8)."""
    pictures = Pictures(model, options)
    seeds = options.seeds or [options.seed + i for i in range(4)]
    psis = options.psis
    by_psi = np.stack([pictures.styles(seeds, psi=psi) for psi in psis], axis=1)
    styles = by_psi.reshape(-1, *by_psi.shape[2:])
    images = pictures.images(styles, np.repeat(seeds, len(psis)).tolist(), "truncation")
    images = pictures.enlarged(images, readable=True)
    cells = [list(images[i : i + len(psis)]) for i in range(0, len(images), len(psis))]
    # The built-in font has no Greek letters.
    columns = figures.headings(f"psi = {psi:g}" for psi in psis)
    figures.write_png(out, figures.figure(cells, columns, pictures.titles(seeds)))


def make_mixing(model, options: argparse.Namespace, out: Path) -> None:
    """Pictures of A that take coarse, middle or fine styles from B (StyleGAN, figure 3)."""
    pictures = Pictures(model, options)
    levels = inference.style_levels(pictures.model)
    seeds_b = options.b or [options.seed + 100 + i for i in range(5)]
    seeds_a = options.a or [options.seed + i for i in range(2 * len(levels))]
    if len(seeds_a) < len(levels):
        names = ", ".join(levels).lower()
        raise UsageError(
            f"--a needs at least {len(levels)} seeds, one for each of {names}. "
            f"Received: {len(seeds_a)}."
        )
    styles_a, styles_b = pictures.styles(seeds_a), pictures.styles(seeds_b)
    parts = np.array_split(np.arange(len(seeds_a)), len(levels))
    mixed = [
        inference.mix_styles(styles_a[a], styles_b, layers)
        for layers, part in zip(levels.values(), parts, strict=True)
        for a in part
    ]
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
        for name, part in zip(levels, parts, strict=True)
    ]
    columns = [figures.Heading("Source A", 0, 0), figures.Heading("Source B", 1, width)]
    breaks = ([title.first for title in row_titles], [1])
    figures.write_png(out, figures.figure(cells, columns, row_titles, breaks=breaks))


def _deviation_maps(deviation: np.ndarray) -> tuple[np.ndarray, int]:
    """Grey pictures uint8 [N, R, R, 3] of deviations [N, R, R], and the deviation that is white."""
    # A few strong pixels must not darken the rest. Less than one step of 255 is never seen, and
    # would show rounding where there is no noise.
    white = max(1, math.ceil(np.percentile(deviation, 99.9)))
    greys = np.rint(np.minimum(deviation / white, 1.0) * 255).astype(np.uint8)
    return np.repeat(greys[..., None], 3, axis=-1), white


def make_noise(model, options: argparse.Namespace, out: Path) -> None:
    """What noise does: realisations, their deviation, and layers (StyleGAN, figures 4 and 5)."""
    pictures = Pictures(model, options)
    seeds = options.seeds or [options.seed + i for i in range(3)]
    draws = options.draws
    pictures.check_area(len(seeds), draws + 6, readable=True)
    styles = pictures.styles(seeds)

    def synthesize(styles: np.ndarray, **noise) -> np.ndarray:
        images = inference.synthesize(model, styles, **noise)
        return pictures.enlarged(images, readable=True)

    fixed, none = synthesize(styles, noise="fixed"), synthesize(styles, noise="none")
    fine, coarse = (synthesize(styles, noise_layers=layers) for layers in ("fine", "coarse"))
    # The first draw is that of the other verbs' --noise random.
    random = [
        synthesize(
            np.repeat(style[None], draws, axis=0),
            noise="random",
            seeds=[seed] * draws,
            draws=range(draws),
        )
        for style, seed in zip(styles, seeds, strict=True)
    ]
    deviation = inference.noise_deviation(
        model, styles, seeds=seeds, count=options.count, progress="noise"
    )
    maps, white = _deviation_maps(deviation)
    maps = pictures.enlarged(maps, readable=True)
    cells = [
        [picture, *drawn, *others]
        for picture, drawn, *others in zip(
            fixed, random, maps, fixed, none, fine, coarse, strict=True
        )
    ]
    second = draws + 2  # the first column of the block of layers
    ends = {
        name: " - ".join(str(size) for size in sorted({sizes[0], sizes[-1]}))
        for name, sizes in inference.noise_resolutions(model).items()
    }
    texts = [
        f"standard\ndeviation,\nwhite = {white}+",
        "noise at all layers",
        "no noise",
        f"fine only,\n{ends['fine']}",
        f"coarse only,\n{ends['coarse']}",
    ]
    columns = [
        figures.Heading("picture", 0, 0),
        figures.Heading("noise drawn anew", 1, draws),
        *(figures.Heading(text, i, i) for i, text in enumerate(texts, start=draws + 1)),
    ]
    table = figures.figure(cells, columns, pictures.titles(seeds), breaks=([], [second]))
    figures.write_png(out, table)


def make_interpolation(model, options: argparse.Namespace, out: Path) -> None:
    """A closed walk through the latents of seeds; each place of the grid has its own seeds."""
    pictures = Pictures(model, options)
    places = options.rows * options.columns
    pictures.check_area(options.rows, options.columns)
    seeds = options.seeds or [options.seed + i for i in range(4 * places)]
    if len(seeds) % places:
        raise UsageError(
            f"--seeds must hold the same number for each of the {places} places of the grid. "
            f"Received: {len(seeds)}."
        )
    frames = frames_of(options)
    points = inference.draw_latents(seeds, pictures.model.latent_dim)
    points = points.reshape(places, -1, points.shape[-1])
    walks = np.stack([PATHS[options.path](p, frames) for p in points], axis=1)
    labels = pictures.labels(range(places))

    together = max(1, inference.BATCH_SIZE // places)

    def draw() -> Iterator[np.ndarray]:
        with Progress(total=frames, desc="interpolate", unit="frame") as bar:
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


def _check_noise(options: argparse.Namespace) -> None:
    """Raises UsageError for layers of noise without noise."""
    if options.noise == "none" and options.noise_layers != "all":
        raise UsageError(
            f"--noise-layers {options.noise_layers} says where noise is added, and --noise none "
            "adds none. Choose --noise random or fixed, or leave --noise-layers out."
        )


def _add_shared(parser: argparse.ArgumentParser, with_noise: bool = True, wide: int = 64) -> None:
    """Options of all verbs; those of noise where the verb does not choose it itself."""
    shared = parser.add_argument_group("options of all verbs")
    add_seed(shared)
    shared.add_argument(
        "--cutoff",
        type=whole(0, 2**63),
        metavar="LAYERS",
        help="truncate only the first layers (default: all layers of StyleGAN2, the first 8 of "
        "StyleGAN)",
    )
    if with_noise:
        shared.add_argument(
            "--noise",
            choices=inference.NOISE,
            default="fixed",
            help="per-pixel noise: each seed its own, the model's fixed maps, or none (default: "
            "fixed)",
        )
        shared.add_argument(
            "--noise-layers",
            choices=inference.NOISE_LAYERS,
            default="all",
            help="add random or fixed noise at these resolutions alone; coarse is the lower half "
            "of them, of 1024 pixels 4 to 32 (default: all)",
        )
    shared.add_argument(
        "--class",
        dest="class_name",
        metavar="NAME",
        help="class of all pictures (default: classes in turn, by seed; grid: one a row)",
    )
    add_scale(shared, wide)


def _add_psi(parser: argparse.ArgumentParser, with_noise: bool = True, wide: int = 64) -> None:
    parser.add_argument(
        "--psi",
        type=finite,
        default=inference.TRUNCATION_PSI,
        help="truncation: 1 is none, 0 the average picture (default: %(default)s)",
    )
    _add_shared(parser, with_noise, wide)


def _add_grid(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--rows", type=whole(1, MAX_SIDE), help="rows (default: 4; with classes, one for each)"
    )
    parser.add_argument(
        "--columns", type=whole(1, MAX_SIDE), default=8, help="columns (default: 8)"
    )
    _add_psi(parser)


def _add_pictures(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--seeds", type=parse_seeds, help="seeds, such as 0-15,33")
    which.add_argument(
        "--count",
        type=whole(1, 1_000_000),
        help="number of pictures, from --seed on (default: 16)",
    )
    _add_psi(parser)


def _add_truncation(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seeds", type=parse_seeds, help="seeds (default: 4 from --seed on)")
    parser.add_argument(
        "--psi",
        dest="psis",
        type=finite,
        nargs="+",
        default=[1.0, 0.7, 0.5, 0.25, 0.0, -0.5, -1.0],
        help="values of psi (default: 1 0.7 0.5 0.25 0 -0.5 -1)",
    )
    _add_shared(parser)


def _add_mixing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--a",
        type=parse_seeds,
        metavar="SEEDS",
        help="seeds of the first column, shared out to the levels (default: 2 a level from --seed)",
    )
    parser.add_argument(
        "--b",
        type=parse_seeds,
        metavar="SEEDS",
        help="seeds of the first row (default: 5 from --seed + 100 on)",
    )
    _add_psi(parser)


def _add_noise(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seeds", type=parse_seeds, help="seeds (default: 3 from --seed on)")
    parser.add_argument(
        "--draws",
        type=whole(1, MAX_SIDE),
        default=3,
        metavar="N",
        help="pictures of each seed with random noise (default: 3)",
    )
    parser.add_argument(
        "--count",
        type=whole(2, 1_000_000),
        default=100,
        metavar="N",
        help="realisations of random noise that the standard deviation is taken over; what is "
        "white in its map stands above it, in steps of 255 (default: 100)",
    )
    # Noise is the finest detail that there is.
    _add_psi(parser, with_noise=False, wide=128)


def _add_interpolation(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--seeds", type=parse_seeds, help="seeds on the way (default: 4 a place from --seed on)"
    )
    add_video(parser)
    parser.add_argument("--rows", type=whole(1, MAX_SIDE), default=1, help="rows (default: 1)")
    parser.add_argument(
        "--columns", type=whole(1, MAX_SIDE), default=1, help="columns (default: 1)"
    )
    parser.add_argument(
        "--path",
        choices=list(PATHS),
        default="spline",
        help="spline: smooth all along; slerp: even pace, turns at seeds (default: spline)",
    )
    _add_psi(parser)


VERBS = {
    "grid": Verb(
        "a grid of pictures",
        "latest grid --rows 4 --columns 8 --psi 0.5",
        _add_grid,
        make_grid,
        check=_check_noise,
    ),
    "pictures": Verb(
        "single PNG files",
        "model.keras pictures --seeds 0-15,33 -o faces",
        _add_pictures,
        make_pictures,
        ending="",
        check=_check_noise,
    ),
    "truncation": Verb(
        "a figure of truncation: rows are seeds, columns values of psi",
        "latest truncation --seeds 3,8 --psi 1 0.7 0.5 0.25 0 -0.5 -1",
        _add_truncation,
        make_truncation,
        check=_check_noise,
    ),
    "mixing": Verb(
        "the style mixing figure: pictures of A take coarse, middle or fine styles from B",
        "latest mixing --a 0-5 --b 100-104",
        _add_mixing,
        make_mixing,
        check=_check_noise,
    ),
    "noise": Verb(
        "the noise figures: realisations, their standard deviation, noise at some layers alone",
        "latest noise --seeds 3,8,11 --draws 4",
        _add_noise,
        make_noise,
    ),
    "interpolate": Verb(
        "a video (GIF or MP4) of a closed walk through latents",
        "latest interpolate --seeds 0-5 --seconds 12 -o faces.mp4",
        _add_interpolation,
        make_interpolation,
        ending=".mp4",
        check=_check_noise,
    ),
}
