"""Verbs of translators between domains (StarGAN v2): figures, pictures and videos from pictures."""

import argparse
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfgan import figures, inference
from tfgan.generate import paths
from tfgan.generate.inputs import (
    Input,
    add_limit,
    add_sources,
    check_there,
    given_path,
    read_inputs,
)
from tfgan.generate.options import (
    UsageError,
    Verb,
    add_scale,
    add_seed,
    add_video,
    check_area,
    file_name,
    frames_of,
    scale_of,
    unused,
    whole,
)
from tfgan.terminal import Progress

PATHS = {"spline": paths.spline, "linear": paths.linear}


def check_paths(options: argparse.Namespace) -> None:
    """Raises UsageError if a source or reference is not there."""
    check_there("--source", options.source)
    check_there("--reference", options.reference or [])


class Style(NamedTuple):
    """A style to translate to.

    Attributes:
        domain: Name of its domain.
        title: What tells it from others of the domain: a seed, or the reference's name.
        reference: The picture that it was read from, uint8 [R, R, 3]; None if it was drawn.
        code: float32 [S].
    """

    domain: str
    title: str
    reference: np.ndarray | None
    code: np.ndarray


def find_styles(model, options: argparse.Namespace) -> list[Style]:
    """The styles that the options ask for, domain by domain.

    Raises:
        UsageError: If the options do not say which domain a style belongs to.
    """
    names = model.domain_names
    for name in options.domain or []:
        if name not in names:
            raise UsageError(f"--domain must be of {', '.join(names)}. Received: {name!r}.")
    if options.reference is None:
        return _draw_styles(model, options)
    inputs = read_inputs(
        options.reference,
        "--reference",
        model.resolution,
        names,
        options.resize,
        options.max_references,
        options.domain,
    )
    only_domain = options.domain[0] if options.domain and len(options.domain) == 1 else None
    styles = []
    for image, path, folder, _ in inputs:
        name = folder or only_domain
        if name is None:
            raise UsageError(
                f"which domain is the reference {path} of? Give one --domain NAME, or put "
                f"references into folders named as the domains: {', '.join(names)}."
            )
        (code,) = inference.reference_styles(model, image[None], names.index(name))
        styles.append(Style(name, path.stem, image, code))
    return sorted(styles, key=lambda style: names.index(style.domain))


def _draw_styles(model, options: argparse.Namespace) -> list[Style]:
    """Styles of latents, the same latents for each domain."""
    seeds = [options.seed + i for i in range(options.latent)]
    latents = inference.draw_latents(seeds, model.latent_dim)
    styles = []
    for domain, name in enumerate(model.domain_names):
        if options.domain is None or name in options.domain:
            codes = inference.latent_styles(model, latents, domain)
            styles += [
                Style(name, f"seed{seed:04d}", None, code)
                for seed, code in zip(seeds, codes, strict=True)
            ]
    return styles


def _sources(model, options: argparse.Namespace) -> Iterator[Input]:
    return read_inputs(
        options.source, "--source", model.resolution, (), options.resize, options.max_sources
    )


def _read_sources(model, options: argparse.Namespace) -> np.ndarray:
    """Sources of a figure, uint8 [N, R, R, 3]."""
    return np.stack([source.image for source in _sources(model, options)])


def _codes(styles: Sequence[Style]) -> np.ndarray:
    """Style codes, float32 [N, S]."""
    return np.stack([style.code for style in styles])


def _rows(styles: Sequence[Style]) -> list[figures.StyleRow]:
    return [figures.StyleRow(style.domain, style.reference) for style in styles]


def _check(model, options: argparse.Namespace, sources: np.ndarray, rows: int) -> int:
    """The scale of a figure, once it is known to be of a size that a viewer opens."""
    scale = scale_of(options, model.resolution, readable=True)
    hint = "fewer sources or styles, or a smaller --scale"
    check_area(rows + 1, len(sources) + 1, scale * model.resolution, hint)
    return scale


def make_translation(model, options: argparse.Namespace, out: Path) -> None:
    """The figure of the paper: sources across, references or drawn styles down."""
    sources, styles = _read_sources(model, options), find_styles(model, options)
    scale = _check(model, options, sources, len(styles))
    translations = inference.translate_to_each(model, sources, _codes(styles), progress="translate")
    figures.write_png(out, figures.style_table(sources, _rows(styles), translations, scale))


def make_pictures(model, options: argparse.Namespace, out: Path) -> None:
    """One PNG file per source and style, in the sub-folders of the sources."""
    styles = find_styles(model, options)
    codes = _codes(styles)
    used: dict[Path, set[str]] = defaultdict(set)
    for image, path, _, place in Progress(_sources(model, options), "sources", unit=" img"):
        translations = inference.translate_to_each(model, image[None], codes)[:, 0]
        enlarged = figures.enlarge(translations, scale_of(options, model.resolution, False))
        for style, translated in zip(styles, enlarged, strict=True):
            name = "-".join(map(file_name, (path.stem, style.domain, style.title)))
            figures.write_png(out / place / f"{unused(name, used[place])}.png", translated)


def make_interpolation(model, options: argparse.Namespace, out: Path) -> None:
    """A closed path through styles: above the sources, below their translations."""
    frames = frames_of(options)
    styles = find_styles(model, options)
    if len(styles) < 2:
        raise UsageError(
            "interpolate moves between two styles or more. Received: one. Ask for more with "
            "--latent, --domain or --reference."
        )
    sources = _read_sources(model, options)
    scale = _check(model, options, sources, 1)
    walk = PATHS[options.path](_codes(styles), frames)
    nearest = np.rint(np.arange(frames) * len(styles) / frames).astype(int) % len(styles)
    rows = _rows(styles)
    together = max(1, inference.BATCH_SIZE // len(sources))

    def draw() -> Iterator[np.ndarray]:
        with Progress(total=frames, desc="interpolate", unit="frame") as bar:
            for start in range(0, frames, together):
                part = walk[start : start + together]
                translations = inference.translate_to_each(model, sources, part)
                for i, images in enumerate(translations, start):
                    yield figures.style_table(sources, [rows[nearest[i]]], images[None], scale)
                    bar.update()

    figures.write_video(out, draw(), options.fps)


def _add_options(
    parser: argparse.ArgumentParser, drawn: int, max_sources: int | None, max_references: int | None
) -> None:
    """Options of all verbs: sources and styles."""
    add_sources(parser, max_sources)
    styles = parser.add_mutually_exclusive_group()
    styles.add_argument(
        "--reference",
        type=given_path,
        nargs="+",
        metavar="PATH",
        help="pictures whose style is taken: files or folders; those in a folder named as a domain "
        "are of it",
    )
    styles.add_argument(
        "--latent",
        type=whole(1, 10_000),
        default=drawn,
        metavar="N",
        help=f"random styles drawn for each domain, without --reference (default: {drawn})",
    )
    add_limit(parser, "references", max_references)
    parser.add_argument(
        "--domain",
        nargs="+",
        metavar="NAME",
        help="domains of random styles and of references in folders (default: all); one NAME is "
        "also the domain of references that stand in no folder named as a domain",
    )
    add_seed(parser)
    add_scale(parser)


def _add_translation(parser: argparse.ArgumentParser) -> None:
    _add_options(parser, drawn=3, max_sources=8, max_references=8)


def _add_pictures(parser: argparse.ArgumentParser) -> None:
    _add_options(parser, drawn=1, max_sources=None, max_references=None)


def _add_interpolation(parser: argparse.ArgumentParser) -> None:
    _add_options(parser, drawn=3, max_sources=4, max_references=8)
    add_video(parser)
    parser.add_argument(
        "--path",
        choices=list(PATHS),
        default="spline",
        help="spline: smooth all along; linear: straight from style to style (default: spline)",
    )


VERBS = {
    "translate": Verb(
        "the figure of the paper: sources across, references or random styles down",
        "latest translate --source faces --reference faces/male/00003.png --domain male",
        _add_translation,
        make_translation,
        check=check_paths,
    ),
    "pictures": Verb(
        "single PNG files, SOURCE-DOMAIN-STYLE.png: each source in each style",
        "latest pictures --source faces/male --latent 2 --domain female -o translated",
        _add_pictures,
        make_pictures,
        ending="",
        check=check_paths,
    ),
    "interpolate": Verb(
        "a video (GIF or MP4) that moves between the styles of references or random ones",
        "latest interpolate --source faces --latent 3 --domain female --seconds 6 -o styles.mp4",
        _add_interpolation,
        make_interpolation,
        ending=".mp4",
        check=check_paths,
    ),
}
