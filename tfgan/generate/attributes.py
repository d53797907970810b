"""Verbs of StarGAN: figures, pictures and videos of attributes and classes, by strength."""

import argparse
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from tfgan import figures, inference
from tfgan.generate import paths
from tfgan.generate.inputs import Input, add_sources, check_there, given_path, read_inputs
from tfgan.generate.labels import (
    Request,
    StatedLabels,
    exclusive_groups,
    find_label,
    label_value,
    read_request,
    request_words,
    source_labels,
    target_labels,
)
from tfgan.generate.options import (
    UsageError,
    Verb,
    add_scale,
    add_video,
    check_area,
    file_name,
    finite,
    frames_of,
    scale_of,
    unused,
)
from tfgan.label_sets import LabelSet
from tfgan.terminal import Progress

MOST_COMBINED = 8


def translate(
    model,
    images: np.ndarray,
    labels: np.ndarray,
    targets: Sequence[Request],
    progress: str | None = None,
) -> np.ndarray:
    """Gives pictures labels: those of one set after those of another where there are several.

    Args:
        model: A StarGAN.
        images: uint8 [N, R, R, 3].
        labels: Of the pictures, of all sets without a mask, [N, L].
        targets: What each picture is translated to, T.
        progress: Words before a progress bar, which shows after two seconds; None: no bar.

    Returns:
        uint8 [N, T, R, R, 3].
    """
    translations = np.repeat(images[:, None], len(targets), axis=1)
    for turn in range(max(map(len, targets))):
        chosen = [i for i, target in enumerate(targets) if len(target) > turn]
        parts = [list(targets[i].items())[turn] for i in chosen]
        vectors = [
            target_labels(model.label_sets, index, labels, requested) for index, requested in parts
        ]
        before = translations[:, chosen]
        after = inference.translate(
            model,
            before.reshape(-1, *images.shape[1:]),
            np.stack(vectors, axis=1).reshape(before.shape[0] * before.shape[1], -1),
            progress=progress,
        )
        translations[:, chosen] = after.reshape(before.shape)
    return translations


def _sources(model, options: argparse.Namespace, stated: StatedLabels) -> Iterator[Input]:
    return read_inputs(
        options.source,
        "--source",
        model.resolution,
        stated.folders,
        options.resize,
        options.max_sources,
    )


def _prepare(
    model,
    options: argparse.Namespace,
    targets: Sequence[Request],
    cells: Callable[[int], tuple[int, int]],
) -> tuple[np.ndarray, np.ndarray, int]:
    """Sources of a figure, and its scale, once it is known to be of a size that a viewer opens.

    Args:
        model: A StarGAN.
        options: Of the verb.
        targets: What the sources will be translated to.
        cells: Rows and columns of the figure, by the number of sources.

    Returns:
        uint8 [N, R, R, 3], their labels as `source_labels` gives them, and the scale.
    """
    stated = StatedLabels(model.label_sets, options)
    sources = list(_sources(model, options, stated))
    scale = scale_of(options, model.resolution, readable=True)
    hint = "fewer sources or labels, or a smaller --scale"
    check_area(*cells(len(sources)), scale * model.resolution, hint)
    labels, lines = source_labels(model, stated, sources, targets)
    for line in lines:
        print(line)
    return np.stack([source.image for source in sources]), labels, scale


def _write_table(
    model, options: argparse.Namespace, out: Path, targets: Sequence[Request], breaks: Sequence[int]
) -> None:
    """Writes a figure: sources down, and beside each its translations; `breaks` begin blocks."""
    columns = 1 + len(targets)
    images, labels, scale = _prepare(model, options, targets, lambda count: (count, columns))
    translations = translate(model, images, labels, targets, progress=options.verb)
    table = np.concatenate([images[:, None], translations], axis=1)
    cells = [[*row] for row in figures.enlarge(table, scale)]
    heads = figures.headings(["source", *("\n".join(request_words(target)) for target in targets)])
    figures.write_png(out, figures.figure(cells, heads, breaks=([], [1, *breaks])))


def make_attributes(model, options: argparse.Namespace, out: Path) -> None:
    """Sources down, and each --set across."""
    targets = [read_request(model.label_sets, "--set", labels) for labels in options.set]
    _write_table(model, options, out, targets, [])


def _changed(label_sets: Sequence[LabelSet], index: int, name: str) -> dict[str, float | None]:
    """Requests a label, or the opposite of an attribute that excludes no other."""
    return {name: 1.0 if label_sets[index].rivals(name) else None}


def grid_targets(
    label_sets: Sequence[LabelSet], combined: Sequence[tuple[int, str]]
) -> list[list[Request]]:
    """Targets of the paper's figures, block by block: single labels, then combined ones.

    Args:
        label_sets: All sets.
        combined: Attributes, each with the index of its set. All combinations of two and more of a
            set are requested.

    Reference:
        Choi et al. 2018, arXiv:1711.09020, figures 4 to 6.
    """
    blocks: list[list[Request]] = []
    for index, label_set in enumerate(label_sets):
        blocks.append([{index: _changed(label_sets, index, name)} for name in label_set.names])
        changes = [_changed(label_sets, i, name) for i, name in combined if i == index]
        blocks.append(
            [
                {index: {name: value for change in chosen for name, value in change.items()}}
                for count in range(2, len(changes) + 1)
                for chosen in itertools.combinations(changes, count)
            ]
        )
    return [block for block in blocks if block]


def find_combined(
    label_sets: Sequence[LabelSet], names: Sequence[str] | None
) -> list[tuple[int, str]]:
    """Attributes that the grid combines; by default the first of each of the first three groups.

    Raises:
        UsageError: If they are no attributes of the model, or exclude one another.
    """
    if names is None:
        return [
            (index, group[0])
            for index, label_set in enumerate(label_sets)
            if label_set.kind == "attributes"
            for group in exclusive_groups(label_set)[:3]
        ]
    read_request(label_sets, "--combine", [(name, 1.0) for name in names])
    combined = [find_label(label_sets, "--combine", name) for name in names]
    for index, name in combined:
        if label_sets[index].kind == "classes":
            raise UsageError(
                f"--combine must name attributes, for a picture is of one class. Received: {name}."
            )
    if len(combined) > MOST_COMBINED:
        raise UsageError(
            f"--combine must name {MOST_COMBINED} attributes at most, for all their combinations "
            f"are drawn. Received: {len(combined)}. Name combinations with the verb attributes."
        )
    return combined


def make_grid(model, options: argparse.Namespace, out: Path) -> None:
    """The paper's figure: sources down, single labels and combinations across."""
    combined = find_combined(model.label_sets, options.combine)
    blocks = grid_targets(model.label_sets, combined)
    starts = np.cumsum([1, *map(len, blocks)]).tolist()[1:-1]
    _write_table(model, options, out, [target for block in blocks for target in block], starts)


def make_pictures(model, options: argparse.Namespace, out: Path) -> None:
    """One PNG file per source and --set, in the sub-folders of the sources."""
    targets = [read_request(model.label_sets, "--set", labels) for labels in options.set]
    stated, guesses = StatedLabels(model.label_sets, options), []
    scale = scale_of(options, model.resolution, readable=False)
    used: dict[Path, set[str]] = defaultdict(set)
    remaining = iter(Progress(_sources(model, options, stated), "sources", unit=" img"))
    while sources := list(itertools.islice(remaining, inference.BATCH_SIZE)):
        labels, lines = source_labels(model, stated, sources, targets)
        guesses += lines
        images = np.stack([source.image for source in sources])
        translations = translate(model, images, labels, targets)
        for source, row in zip(sources, figures.enlarge(translations, scale), strict=True):
            for target, image in zip(targets, row, strict=True):
                words = (source.path.stem, "+".join(request_words(target)))
                name = unused("-".join(map(file_name, words)), used[source.place])
                figures.write_png(out / source.place / f"{name}.png", image)
    for line in guesses:
        print(line)


def _swept(model, options: argparse.Namespace) -> list[tuple[int, str]]:
    """The labels of --vary."""
    return [find_label(model.label_sets, "--vary", name) for name in options.vary]


def make_sweep(model, options: argparse.Namespace, out: Path) -> None:
    """Values of a label across; sources down, block by block of labels."""
    swept, values = _swept(model, options), options.values
    targets: list[Request] = [{index: {name: v}} for index, name in swept for v in values]
    images, labels, scale = _prepare(
        model, options, targets, lambda count: (count * len(swept), 1 + len(values))
    )
    translations = translate(model, images, labels, targets, progress="sweep")
    translations, images = figures.enlarge(translations, scale), figures.enlarge(images, scale)
    cells: list[list[np.ndarray]] = []
    rows = []
    for block, (_, name) in enumerate(swept):
        part = translations[:, block * len(values) : (block + 1) * len(values)]
        rows.append(figures.Heading(name, len(cells), len(cells) + len(images) - 1))
        cells += [[image, *row] for image, row in zip(images, part, strict=True)]
    heads = figures.headings(["source", *(f"{value:g}" for value in values)])
    breaks = ([row.first for row in rows[1:]], [1])
    figures.write_png(out, figures.figure(cells, heads, rows, breaks=breaks))


def make_interpolation(model, options: argparse.Namespace, out: Path) -> None:
    """Values of labels back and forth: above the sources, below a row for each label."""
    frames, swept = frames_of(options), _swept(model, options)
    walk = paths.spline(np.array(options.values)[:, None], frames)[:, 0].tolist()
    ends: list[Request] = [
        {index: {name: v}} for index, name in swept for v in (min(walk), max(walk))
    ]
    images, labels, scale = _prepare(
        model, options, ends, lambda count: (1 + len(swept), 1 + count)
    )
    together = max(1, inference.BATCH_SIZE // (len(images) * len(swept)))

    def draw() -> Iterator[np.ndarray]:
        with Progress(total=frames, desc="interpolate", unit="frame") as bar:
            for start in range(0, frames, together):
                part = walk[start : start + together]
                targets = [{index: {name: v}} for v in part for index, name in swept]
                translations = translate(model, images, labels, targets).swapaxes(0, 1)
                for i, value in enumerate(part):
                    rounded = round(value, 1) + 0.0  # no -0.0
                    heads = [f"{name}\n{rounded:.1f}" for _, name in swept]
                    rows = [figures.StyleRow(head) for head in heads]
                    block = translations[i * len(swept) : (i + 1) * len(swept)]
                    yield figures.style_table(images, rows, block, scale)
                    bar.update()

    figures.write_video(out, draw(), options.fps)


def check_paths(options: argparse.Namespace) -> None:
    """Raises UsageError if a source or the table is not there."""
    check_there("--source", options.source)
    check_there("--table", [options.table] if options.table else [])


def check_interpolation(options: argparse.Namespace) -> None:
    """Raises UsageError if a source or the table is not there, or nothing would move."""
    check_paths(options)
    if len(set(options.values)) < 2:
        raise UsageError(
            "--values must be two or more, between which the labels move. Received: "
            f"{' '.join(f'{value:g}' for value in options.values)}."
        )


def _add_options(parser: argparse.ArgumentParser, most: int | None) -> None:
    """Options of all verbs: sources, their labels, and how they are read."""
    add_sources(parser, most)
    parser.add_argument(
        "--labels",
        type=label_value,
        nargs="+",
        metavar="NAME=VALUE",
        help="labels that all sources have, such as Male=1 Young=0. A translation is told every "
        "attribute, those that stay as well; what neither this nor --table says is guessed from "
        "the picture: those with which a translation changes it least, printed to be corrected",
    )
    parser.add_argument(
        "--table",
        type=given_path,
        metavar="FILE",
        help="attributes of each source, by its name: a list like CelebA's, or a CSV. Sources in "
        "folders named as classes need none",
    )
    add_scale(parser)


def _add_set(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--set",
        type=label_value,
        nargs="+",
        action="append",
        required=True,
        metavar="NAME=VALUE",
        help="attributes or a class, such as Blond_Hair=1 Male=0, or happy=1; what excludes them "
        "goes. Values between and beyond 0 and 1 make them weaker and stronger. Labels of several "
        "data sets are given one set after another; where a name is in two sets, SET.NAME says "
        "which is meant, such as avatars:attributes.Male=1. May be given several times, for "
        "several translations",
    )


def _add_swept(parser: argparse.ArgumentParser, values: Sequence[float], about: str) -> None:
    parser.add_argument(
        "--vary", nargs="+", required=True, metavar="NAME", help="attributes or classes to vary"
    )
    parser.add_argument(
        "--values",
        type=finite,
        nargs="+",
        default=values,
        metavar="VALUE",
        help=f"{about} (default: {' '.join(f'{value:g}' for value in values)})",
    )


def _add_attributes(parser: argparse.ArgumentParser) -> None:
    _add_set(parser)
    _add_options(parser, most=8)


def _add_grid(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--combine",
        nargs="+",
        metavar="NAME",
        help="attributes of which all combinations are drawn (default: the first three, of those "
        "that exclude one another only one); one alone: no combinations",
    )
    _add_options(parser, most=8)


def _add_pictures(parser: argparse.ArgumentParser) -> None:
    _add_set(parser)
    _add_options(parser, most=None)


def _add_sweep(parser: argparse.ArgumentParser) -> None:
    values = [-0.5, -0.25, 0, 0.25, 0.5, 0.75, 1, 1.25, 1.5]
    _add_swept(parser, values, "strengths: 0 is not at all, 1 as trained")
    _add_options(parser, most=4)


def _add_interpolation(parser: argparse.ArgumentParser) -> None:
    _add_swept(parser, [-0.5, 1.5], "strengths to move through, and back to the first")
    add_video(parser)
    _add_options(parser, most=4)


VERBS = {
    "attributes": Verb(
        "a figure of sources and their translations to the labels of each --set",
        "latest attributes --source faces --set Blond_Hair=1 --set Male=0 Young=1",
        _add_attributes,
        make_attributes,
        check=check_paths,
    ),
    "grid": Verb(
        "the figure of the paper: sources down; each attribute reversed (of those that exclude one "
        "another each put in turn) or each class, and combined attributes across",
        "latest grid --source faces --combine Blond_Hair Male Young",
        _add_grid,
        make_grid,
        check=check_paths,
    ),
    "sweep": Verb(
        "a figure of strengths: values of a label between and beyond 0 and 1 across",
        "latest sweep --source faces --vary Blond_Hair Young --values -0.5 0 0.5 1 1.5",
        _add_sweep,
        make_sweep,
        check=check_paths,
    ),
    "interpolate": Verb(
        "a video (GIF or MP4) in which the values of labels move back and forth",
        "latest interpolate --source faces --vary Blond_Hair Young --seconds 4 -o hair.gif",
        _add_interpolation,
        make_interpolation,
        ending=".mp4",
        check=check_interpolation,
    ),
    "pictures": Verb(
        "single PNG files: each source with the labels of each --set",
        "latest pictures --source faces --set Blond_Hair=1 Male=0 -o blond",
        _add_pictures,
        make_pictures,
        ending="",
        check=check_paths,
    ),
}
