"""Verbs of translators between domains (StarGAN v2): figures, pictures and videos from pictures."""

import argparse
import itertools
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from tfgan import figures
from tfgan.data.sources import FolderSource
from tfgan.generate import paths
from tfgan.generate.options import (
    BATCH,
    UsageError,
    Verb,
    add_scale,
    add_seed,
    add_video,
    check_area,
    file_name,
    frames_of,
    latents_of,
    scale_of,
    whole,
)

PATHS = {"spline": paths.spline, "linear": paths.linear}
MOST = 1_000_000
RESIZES = ("crop", "pad", "stretch")


class Input(NamedTuple):
    """A picture as the model takes it.

    Attributes:
        image: uint8 [R, R, 3].
        path: Where it came from.
        domain: Name of the domain whose folder it stands in; None if it stands in no such folder.
    """

    image: np.ndarray
    path: Path
    domain: str | None


def _find(path: Path, option: str, domains: Sequence[str]) -> Iterator[tuple[Path, str | None]]:
    """Pictures of a file or folder with their domains: sub-folders take turns, in their order."""
    if path.is_file():
        found = [(path, [path.parent.name])]
    else:
        source = FolderSource(str(path), option=option)
        files = [Path(source.describe(i)) for i in range(len(source))]
        found = [(file, [path.name, *file.relative_to(path).parts[:-1]]) for file in files]
    groups = defaultdict(list)
    for file, folders in found:
        domain = next((name for name in reversed(folders) if name in domains), None)
        groups[tuple(folders[1:2])].append((file, domain))
    for turn in itertools.zip_longest(*groups.values()):
        yield from (item for item in turn if item is not None)


def read_inputs(
    given: Sequence[Path],
    option: str,
    model,
    resize: str = "crop",
    limit: int | None = None,
) -> Iterator[Input]:
    """Reads pictures of any size, orientation and kind, as the model takes them.

    Args:
        given: Files, and folders of pictures.
        option: What the user named them with.
        model: Has `resolution` and `domain_names`.
        resize: How pictures are made square: "crop", "pad" or "stretch".
        limit: Pictures that are taken from a folder; None: all.

    Yields:
        An `Input` of each picture. In a folder, a picture that cannot be read is named on standard
        error and passed over.

    Raises:
        UsageError: If a file cannot be read, or none of a folder.
        DataError: If there is nothing in a folder.
    """
    from tfgan.data.pipeline import decode_picture, explain

    for path in (path.expanduser() for path in given):
        taken = 0
        for file, domain in _find(path, option, model.domain_names):
            if taken == limit:
                break
            try:
                image, _ = decode_picture(file.read_bytes(), model.resolution, resize)
            except MemoryError:
                raise
            except Exception as error:  # Pillow's plugins raise nearly anything on damaged files.
                if file == path:
                    raise UsageError(
                        f"{option} {file} cannot be read: {explain(error)}."
                    ) from error
                print(f"Skipped {file}: {explain(error)}", file=sys.stderr)
                continue
            yield Input(image, file, domain)
            taken += 1
        if not taken:
            raise UsageError(f"{option} {path} holds no picture that can be read.")


def check_paths(options: argparse.Namespace) -> None:
    """Raises UsageError if a source or reference is not there."""
    for option in ("source", "reference"):
        for path in getattr(options, option) or []:
            if not path.expanduser().exists():
                raise UsageError(f"--{option}: there is no file or folder {path}.")


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
    if options.domain is not None and len(options.domain) > 1:
        raise UsageError(
            "--domain with --reference takes one name, the domain of all references. Received: "
            f"{' '.join(options.domain)}. Leave it out where sub-folders are named as the domains."
        )
    given = options.domain[0] if options.domain else None
    inputs = read_inputs(
        options.reference, "--reference", model, options.resize, options.max_references
    )
    styles = []
    for image, path, domain in inputs:
        name = given or domain
        if name is None:
            raise UsageError(
                f"which domain is the reference {path} of? Give --domain NAME, or put references "
                f"into folders named as the domains: {', '.join(names)}."
            )
        code = model.style_from_reference(
            figures.to_float(image)[None], np.array([names.index(name)], np.int32)
        )
        styles.append(Style(name, path.stem, image, np.asarray(code)[0]))
    return sorted(styles, key=lambda style: names.index(style.domain))


def _draw_styles(model, options: argparse.Namespace) -> list[Style]:
    """Styles of latents, the same latents for each domain."""
    seeds = [options.seed + i for i in range(options.latent)]
    latents = latents_of(seeds, model.latent_dim)
    styles = []
    for domain, name in enumerate(model.domain_names):
        if options.domain is None or name in options.domain:
            codes = model.style_from_latent(latents, np.full(len(seeds), domain, np.int32))
            styles += [
                Style(name, f"seed{seed:04d}", None, np.asarray(code))
                for seed, code in zip(seeds, codes, strict=True)
            ]
    return styles


def _read_sources(model, options: argparse.Namespace) -> np.ndarray:
    """Sources of a figure, uint8 [N, R, R, 3]."""
    found = read_inputs(options.source, "--source", model, options.resize, options.max_sources)
    return np.stack([image for image, _, _ in found])


def _rows(styles: Sequence[Style]) -> list[figures.StyleRow]:
    return [figures.StyleRow(s.domain, s.reference, s.code) for s in styles]


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
    figure = figures.translations(
        model, sources, _rows(styles), scale=scale, batch_size=BATCH, progress="translate"
    )
    figures.write_png(out, figure)


def make_pictures(model, options: argparse.Namespace, out: Path) -> None:
    """One PNG file per source and style."""
    styles = find_styles(model, options)
    codes = np.stack([style.code for style in styles])
    found = read_inputs(options.source, "--source", model, options.resize, options.max_sources)
    used: set[str] = set()
    for image, path, _ in tqdm(found, "pictures", unit="source", delay=2):
        sources = np.repeat(image[None], len(styles), axis=0)
        made = figures.translate(model, sources, codes, batch_size=BATCH)
        made = figures.enlarge(made, scale_of(options, model.resolution, readable=False))
        for style, translated in zip(styles, made, strict=True):
            stem = name = file_name(f"{path.stem}-{style.domain}-{style.title}")
            number = 1
            while name in used:
                number += 1
                name = f"{stem}-{number}"
            used.add(name)
            figures.write_png(out / f"{name}.png", translated)


def make_interpolation(model, options: argparse.Namespace, out: Path) -> None:
    """A closed path through styles: above the sources, below their translations."""
    frames = frames_of(options)
    sources, styles = _read_sources(model, options), find_styles(model, options)
    scale = _check(model, options, sources, 1)
    walk = PATHS[options.path](np.stack([style.code for style in styles]), frames)
    nearest = np.rint(np.arange(frames) * len(styles) / frames).astype(int) % len(styles)
    rows = _rows(styles)
    together = max(1, BATCH // len(sources))

    def draw() -> Iterator[np.ndarray]:
        with tqdm(total=frames, desc="interpolate", unit="frame", delay=2) as bar:
            for start in range(0, frames, together):
                part = walk[start : start + together]
                made = figures.translate(
                    model,
                    np.concatenate([sources] * len(part)),
                    np.repeat(part, len(sources), axis=0),
                    batch_size=BATCH,
                ).reshape(len(part), *sources.shape)
                for i, images in enumerate(made, start):
                    yield figures.style_table(sources, [rows[nearest[i]]], images[None], scale)
                    bar.update()

    figures.write_video(out, draw(), options.fps)


def _add_options(
    parser: argparse.ArgumentParser, drawn: int, max_sources: int | None, max_references: int | None
) -> None:
    """Options of all verbs: sources, styles, and how pictures are read."""

    def limit(kind: str, default: int | None) -> None:
        parser.add_argument(
            f"--max-{kind}",
            type=whole(1, MOST),
            default=default,
            metavar="N",
            help=f"{kind} from a folder, its sub-folders in turn (default: {default or 'all'})",
        )

    parser.add_argument(
        "--source",
        type=Path,
        nargs="+",
        required=True,
        metavar="PATH",
        help="pictures to translate: files or folders, of any size and kind",
    )
    limit("sources", max_sources)
    styles = parser.add_mutually_exclusive_group()
    styles.add_argument(
        "--reference",
        type=Path,
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
    limit("references", max_references)
    parser.add_argument(
        "--domain",
        nargs="+",
        metavar="NAME",
        help="domains of random styles (default: all), or the domain of the references",
    )
    parser.add_argument(
        "--resize",
        choices=RESIZES,
        default="crop",
        help="how pictures are made square: the centre cut out, white added, or stretched "
        "(default: crop)",
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
        "single PNG files: each source in each style",
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
