"""Verbs of translators between labels (StarGAN): attributes and classes of pictures, by strength.

What is asked for is a dictionary by index of the label set: names of its labels with their values,
where None reverses what the source has. A translation is told all labels of a set, those that stay
as well, so these must be known: they are stated, or read from the picture with the generator.
"""

import argparse
import itertools
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from tfgan import figures, inference
from tfgan.data.attribute_tables import AttributeTable
from tfgan.data.sources import list_names
from tfgan.generate import paths
from tfgan.generate.inputs import Input, add_sources, check_there, given_path, read_inputs
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
from tfgan.label_sets import LabelSet, encode_labels, label_count, label_slices
from tfgan.terminal import Progress

Asked = Mapping[int, Mapping[str, float | None]]

MOST_COMBINED = 8


def label_value(text: str) -> tuple[str, float]:
    """Reads "Smiling=0.5" as ("Smiling", 0.5)."""
    name, sign, value = text.rpartition("=")
    if not (sign and name):
        raise argparse.ArgumentTypeError(f"must be like Smiling=1. Received: {text!r}.")
    return name, finite(value)


def find_label(label_sets: Sequence[LabelSet], option: str, name: str) -> tuple[int, str]:
    """Index of the set that a label is of, and the label.

    Args:
        label_sets: All sets.
        option: Where the user named it.
        name: Of the label, or SET.LABEL where several sets have one of that name.

    Raises:
        UsageError: If there is no such label, or several.
    """
    found = [
        (index, label)
        for index, label_set in enumerate(label_sets)
        for label in label_set.names
        if name in (label, f"{label_set.name}.{label}")
    ]
    if len(found) == 1:
        return found[0]
    if found:
        full = [f"{label_sets[index].name}.{label}" for index, label in found]
        raise UsageError(f"{option} must say which {name}: {' or '.join(full)}. Received: {name}.")
    known = [label for label_set in label_sets for label in label_set.names]
    raise UsageError(
        f"{option} must name labels of the model: {list_names(known, 40)}. Received: {name}."
    )


def rivalries(label_set: LabelSet) -> list[tuple[str, ...]]:
    """Labels that exclude one another stand together, each other one alone."""
    groups = (
        tuple(n for n in label_set.names if n in {name, *label_set.rivals(name)})
        for name in label_set.names
    )
    return list(dict.fromkeys(groups))


def find_asked(
    label_sets: Sequence[LabelSet], option: str, given: Sequence[tuple[str, float]]
) -> dict[int, dict[str, float | None]]:
    """What a user asks for, by set.

    Args:
        label_sets: All sets.
        option: Where the user asked for it.
        given: Labels with their values.

    Raises:
        UsageError: If there is no such label, or labels contradict one another.
    """
    asked: dict[int, dict[str, float]] = {}
    for text, value in given:
        index, name = find_label(label_sets, option, text)
        own = asked.setdefault(index, {})
        if name in own:
            raise UsageError(f"{option} must name each label once. Received: {name} twice.")
        own[name] = value
    for index, own in asked.items():
        for group in rivalries(label_sets[index]):
            true = {name: own[name] for name in group if own.get(name, 0) > 0}
            if len(true) > 1 and sum(true.values()) > 1 + 1e-6:
                words = " ".join(f"{name}={value:g}" for name, value in true.items())
                raise UsageError(
                    f"{option} must not ask for labels that exclude one another. Received: "
                    f"{words}. Ask for one, or for parts of 1 together, such as 0.5 and 0.5."
                )
    return {index: dict(asked[index]) for index in sorted(asked)}


def title_of(asked: Asked) -> list[str]:
    """Words for what is asked for, one for each label."""
    words = []
    for name, value in (item for own in asked.values() for item in own.items()):
        if value is None:
            words.append(f"{name} reversed")
        elif value == 1:
            words.append(name)
        else:
            words.append(f"{name} {value:g}" if value else f"not {name}")
    return words


def target_labels(
    label_sets: Sequence[LabelSet],
    index: int,
    own: np.ndarray,
    wanted: Mapping[str, float | None],
) -> np.ndarray:
    """Label vectors that ask for labels of one set, each at a strength.

    Labels of the set that are not wanted stay as they are, except that those which exclude the
    wanted ones fade as these rise, to 0 at 1.

    Args:
        label_sets: All sets, in order.
        index: Of the set.
        own: Labels of the pictures, of all sets without a mask, [N, L].
        wanted: Values by name; None stands for what the picture has not.

    Returns:
        float32 [N, C]; where it depends on labels that are NaN in `own`, NaN.
    """
    label_set = label_sets[index]
    own = own[:, label_slices(label_sets)[index]]
    values = own.copy()
    for group in rivalries(label_set):
        risen = np.zeros(len(own), np.float32)
        for name in group:
            if name in wanted:
                place, value = label_set.names.index(name), wanted[name]
                values[:, place] = 1 - own[:, place] if value is None else value
                risen += np.maximum(values[:, place], 0)
        left = np.clip(1 - risen, 0, 1)
        for name in group:
            if name not in wanted:
                place = label_set.names.index(name)
                # What fades away entirely need not be known.
                values[:, place] = np.where(left > 0, left * own[:, place], 0)
    return encode_labels(label_sets, index, values)


def read_labels(model, images: np.ndarray, known: np.ndarray, index: int) -> np.ndarray:
    """Reads labels of one set from pictures: those with which a translation changes them least.

    A generator leaves a picture as it is where it is asked for what is there. So from no label at
    all, each group of rivals in turn takes the values for which the mean of |translation - picture|
    is smallest, until nothing makes it smaller.

    Args:
        model: A StarGAN.
        images: uint8 [N, R, R, 3].
        known: Labels of all sets without a mask, [N, L]; NaN where they are not known.
        index: Of the set.

    Returns:
        `known` with the labels of this set filled in, 0 or 1, float32 [N, L].
    """
    label_set, part = model.label_sets[index], label_slices(model.label_sets)[index]
    open_ = np.isnan(known[:, part])
    values = np.where(open_, 0, known[:, part])
    least = np.full(len(images), np.inf)
    options = []
    for group in rivalries(label_set):
        none = [] if label_set.kind == "classes" else [np.zeros(len(group))]
        places = [label_set.names.index(name) for name in group]
        options += [(places, option) for option in [*none, *np.eye(len(group))]]
    with Progress(desc="read labels", unit="img") as bar:
        moved = np.any(open_, axis=1)
        while np.any(moved):
            before = values.copy()
            for places, option in options:
                same = values[:, places] == option
                rows = np.flatnonzero(
                    moved
                    & np.all(same | open_[:, places], axis=1)
                    & ~(np.all(same, axis=1) & np.isfinite(least))
                )
                if not len(rows):
                    continue
                tried = values[rows]
                tried[:, places] = option
                vectors = encode_labels(model.label_sets, index, tried)
                made = inference.translate(model, images[rows], vectors)
                change = np.mean(np.abs(made - images[rows].astype(np.float32)), axis=(1, 2, 3))
                better = change < least[rows]
                values[rows[better]], least[rows[better]] = tried[better], change[better]
                bar.update(len(rows))
            moved &= np.any(values != before, axis=1)
    filled = known.copy()
    filled[:, part] = values
    return filled


class Stated:
    """What is known of the labels of sources before anyone looks at the pictures.

    Args:
        label_sets: All sets of the model.
        options: With `labels` and `table`.

    Raises:
        UsageError: If the options name no labels of the model.
        DataError: If the table cannot be read.
    """

    def __init__(self, label_sets: Sequence[LabelSet], options: argparse.Namespace):
        self.label_sets = label_sets
        for name, value in options.labels or []:
            if value not in (0, 1):
                raise UsageError(
                    f"--labels must say 1 or 0 of each label. Received: {name}={value:g}. "
                    "Strengths belong to what is asked for, not to what a picture shows."
                )
        self._labels = find_asked(label_sets, "--labels", options.labels or [])
        self._table = options.table
        if self._table is None:
            return
        table = AttributeTable(str(self._table.expanduser()))
        known = {name for own in label_sets if own.kind == "attributes" for name in own.names}
        self._columns = [name for name in table.names if name in known]
        if not self._columns:
            raise UsageError(
                f"--table must have columns for attributes of the model: "
                f"{list_names(sorted(known), 40) or 'it has none, but classes'}. Received: "
                f"{self._table} with {list_names(table.names)}."
            )
        files, self._values = table.read(self._columns)
        self._rows = {file: row for row, file in enumerate(files)}
        for row, file in enumerate(files):
            # CelebA's table is also that of its pictures as PNG files.
            self._rows.setdefault(os.path.splitext(file)[0], row)
        self._owners: dict[int, Path] = {}

    @property
    def folders(self) -> set[str]:
        """Names of folders that say what their pictures show."""
        return {name for own in self.label_sets if own.kind == "classes" for name in own.names}

    def labels_of(self, sources: Sequence[Input]) -> np.ndarray:
        """Labels of all sets without a mask, float32 [N, L]; NaN where they are not known.

        Raises:
            UsageError: If the table has no row for a source.
        """
        known = np.full((len(sources), label_count(self.label_sets)), np.nan, np.float32)
        for index, (label_set, part) in enumerate(
            zip(self.label_sets, label_slices(self.label_sets), strict=True)
        ):
            own = known[:, part]
            for values, source in zip(own, sources, strict=True):
                if label_set.kind == "classes" and source.folder in label_set.names:
                    values[:] = np.array(label_set.names) == source.folder
                elif label_set.kind == "attributes" and self._table is not None:
                    row = self._row_of(source.path)
                    for name, value in zip(self._columns, self._values[row], strict=True):
                        if name in label_set.names:
                            values[label_set.names.index(name)] = value
            if index in self._labels:
                vectors = target_labels(self.label_sets, index, known, self._labels[index])
                own[:] = vectors[:, part]
        return known

    def _row_of(self, path: Path) -> int:
        """Row of the table for a picture: with its path, or the end of it, or its name."""
        parts = path.absolute().parts[1:]
        ends = ["/".join(parts[start:]) for start in range(len(parts))]
        ends += [os.path.splitext(end)[0] for end in ends]
        row = next((self._rows[end] for end in ends if end in self._rows), None)
        if row is None:
            raise UsageError(
                f"--table must have a row for each source. Received: none for {path.name} in "
                f"{self._table}. Leave the picture out, or state its --labels instead."
            )
        owner = self._owners.setdefault(row, path.absolute())
        if owner != path.absolute():
            raise UsageError(
                f"--table must say which picture each row is of. Received: one row in "
                f"{self._table} for {owner} and {path}. Write their paths into it."
            )
        return row


def own_labels(
    model, stated: Stated, sources: Sequence[Input], targets: Sequence[Asked]
) -> tuple[np.ndarray, list[str]]:
    """Labels of sources, as far as targets depend on them.

    Args:
        model: A StarGAN.
        stated: What is known.
        sources: The pictures.
        targets: What they will be translated to.

    Returns:
        Labels of all sets without a mask, float32 [N, L], NaN where nothing depends on them; and
        lines that say what was guessed from the pictures.
    """
    label_sets, own, lines = model.label_sets, stated.labels_of(sources), []
    images = np.stack([source.image for source in sources])
    for index, (label_set, part) in enumerate(
        zip(label_sets, label_slices(label_sets), strict=True)
    ):
        wanted = [target[index] for target in targets if index in target]
        unclear = np.zeros(len(own), bool)
        for one in wanted:
            unclear |= np.any(np.isnan(target_labels(label_sets, index, own, one)), axis=1)
        if not np.any(unclear):
            continue
        open_ = np.isnan(own[:, part])
        own[unclear] = read_labels(model, images[unclear], own[unclear], index)
        for row in np.flatnonzero(unclear).tolist():
            places = np.flatnonzero(open_[row])
            guessed = [label_set.names[place] for place in places]
            true = [label_set.names[place] for place in places if own[row, part][place]]
            words = ", ".join(true) or f"none of {list_names(guessed)}"
            lines.append(f"{sources[row].path}: {words} (guessed from the picture)")
    return own, lines


def translate(
    model,
    images: np.ndarray,
    own: np.ndarray,
    targets: Sequence[Asked],
    progress: str | None = None,
) -> np.ndarray:
    """Gives pictures labels: those of one set after those of another where there are several.

    Args:
        model: A StarGAN.
        images: uint8 [N, R, R, 3].
        own: Their labels of all sets without a mask, [N, L].
        targets: What each picture is translated to, T.
        progress: Words before a progress bar, which shows after two seconds; None: no bar.

    Returns:
        uint8 [N, T, R, R, 3].
    """
    made = np.repeat(images[:, None], len(targets), axis=1)
    for turn in range(max(map(len, targets))):
        chosen = [i for i, target in enumerate(targets) if len(target) > turn]
        parts = [list(targets[i].items())[turn] for i in chosen]
        vectors = [target_labels(model.label_sets, index, own, one) for index, one in parts]
        before = made[:, chosen]
        after = inference.translate(
            model,
            before.reshape(-1, *images.shape[1:]),
            np.stack(vectors, axis=1).reshape(before.shape[0] * before.shape[1], -1),
            progress=progress,
        )
        made[:, chosen] = after.reshape(before.shape)
    return made


def _sources(model, options: argparse.Namespace, stated: Stated) -> Iterator[Input]:
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
    targets: Sequence[Asked],
    cells: Callable[[int], tuple[int, int]],
) -> tuple[np.ndarray, np.ndarray, int]:
    """Sources of a figure, and its scale, once it is known to be of a size that a viewer opens.

    Args:
        model: A StarGAN.
        options: Of the verb.
        targets: What the sources will be translated to.
        cells: Rows and columns of the figure, by the number of sources.

    Returns:
        uint8 [N, R, R, 3], their labels as `own_labels` gives them, and the scale.
    """
    stated = Stated(model.label_sets, options)
    sources = list(_sources(model, options, stated))
    scale = scale_of(options, model.resolution, readable=True)
    hint = "fewer sources or labels, or a smaller --scale"
    check_area(*cells(len(sources)), scale * model.resolution, hint)
    own, lines = own_labels(model, stated, sources, targets)
    for line in lines:
        print(line)
    return np.stack([source.image for source in sources]), own, scale


def _write_table(
    model, options: argparse.Namespace, out: Path, targets: Sequence[Asked], breaks: Sequence[int]
) -> None:
    """Writes a figure: sources down, and beside each its translations; `breaks` begin blocks."""
    columns = 1 + len(targets)
    images, own, scale = _prepare(model, options, targets, lambda count: (count, columns))
    made = translate(model, images, own, targets, progress=options.verb)
    cells = [[*row] for row in figures.enlarge(np.concatenate([images[:, None], made], 1), scale)]
    heads = figures.headings(["source", *("\n".join(title_of(target)) for target in targets)])
    figures.write_png(out, figures.figure(cells, heads, breaks=([], [1, *breaks])))


def make_attributes(model, options: argparse.Namespace, out: Path) -> None:
    """Sources down, and each --set across."""
    targets = [find_asked(model.label_sets, "--set", given) for given in options.set]
    _write_table(model, options, out, targets, [])


def _changed(label_sets: Sequence[LabelSet], index: int, name: str) -> dict[str, float | None]:
    """Asks for a label, or for the opposite of an attribute that has no rivals."""
    return {name: 1.0 if label_sets[index].rivals(name) else None}


def grid_targets(
    label_sets: Sequence[LabelSet], combined: Sequence[tuple[int, str]]
) -> list[list[Asked]]:
    """Targets of the paper's figures, block by block: single labels, then combined ones.

    Args:
        label_sets: All sets.
        combined: Attributes, each with the index of its set. All combinations of two and more of a
            set are asked for.

    Reference:
        Choi et al. 2018, arXiv:1711.09020, figures 4 to 6.
    """
    blocks: list[list[Asked]] = []
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
    label_sets: Sequence[LabelSet], given: Sequence[str] | None
) -> list[tuple[int, str]]:
    """Attributes that the grid combines; by default the first of each of the first three groups.

    Raises:
        UsageError: If they are no attributes of the model, or exclude one another.
    """
    if given is None:
        return [
            (index, group[0])
            for index, label_set in enumerate(label_sets)
            if label_set.kind == "attributes"
            for group in rivalries(label_set)[:3]
        ]
    find_asked(label_sets, "--combine", [(name, 1.0) for name in given])
    found = [find_label(label_sets, "--combine", name) for name in given]
    for index, name in found:
        if label_sets[index].kind == "classes":
            raise UsageError(
                f"--combine must name attributes, for a picture is of one class. Received: {name}."
            )
    if len(found) > MOST_COMBINED:
        raise UsageError(
            f"--combine must name {MOST_COMBINED} attributes at most, for all their combinations "
            f"are drawn. Received: {len(found)}. Name combinations with the verb attributes."
        )
    return found


def make_grid(model, options: argparse.Namespace, out: Path) -> None:
    """The paper's figure: sources down, single labels and combinations across."""
    combined = find_combined(model.label_sets, options.combine)
    blocks = grid_targets(model.label_sets, combined)
    starts = np.cumsum([1, *map(len, blocks)]).tolist()[1:-1]
    _write_table(model, options, out, [target for block in blocks for target in block], starts)


def make_pictures(model, options: argparse.Namespace, out: Path) -> None:
    """One PNG file per source and --set, in the sub-folders of the sources."""
    targets = [find_asked(model.label_sets, "--set", given) for given in options.set]
    stated, said = Stated(model.label_sets, options), []
    scale = scale_of(options, model.resolution, readable=False)
    used: dict[Path, set[str]] = defaultdict(set)
    found = iter(Progress(_sources(model, options, stated), "sources", unit=" img"))
    while sources := list(itertools.islice(found, inference.BATCH_SIZE)):
        own, lines = own_labels(model, stated, sources, targets)
        said += lines
        made = translate(model, np.stack([source.image for source in sources]), own, targets)
        for source, row in zip(sources, figures.enlarge(made, scale), strict=True):
            for target, image in zip(targets, row, strict=True):
                words = (source.path.stem, "+".join(title_of(target)))
                name = unused("-".join(file_name(one) for one in words), used[source.place])
                figures.write_png(out / source.place / f"{name}.png", image)
    for line in said:
        print(line)


def _swept(model, options: argparse.Namespace) -> list[tuple[int, str]]:
    """The labels of --vary."""
    return [find_label(model.label_sets, "--vary", name) for name in options.vary]


def make_sweep(model, options: argparse.Namespace, out: Path) -> None:
    """Values of a label across; sources down, block by block of labels."""
    swept, values = _swept(model, options), options.values
    targets: list[Asked] = [{index: {name: v}} for index, name in swept for v in values]
    images, own, scale = _prepare(
        model, options, targets, lambda count: (count * len(swept), 1 + len(values))
    )
    made = figures.enlarge(translate(model, images, own, targets, progress="sweep"), scale)
    images = figures.enlarge(images, scale)
    cells: list[list[np.ndarray]] = []
    rows = []
    for block, (_, name) in enumerate(swept):
        part = made[:, block * len(values) : (block + 1) * len(values)]
        rows.append(figures.Heading(name, len(cells), len(cells) + len(images) - 1))
        cells += [[image, *row] for image, row in zip(images, part, strict=True)]
    heads = figures.headings(["source", *(f"{value:g}" for value in values)])
    breaks = ([row.first for row in rows[1:]], [1])
    figures.write_png(out, figures.figure(cells, heads, rows, breaks=breaks))


def make_interpolation(model, options: argparse.Namespace, out: Path) -> None:
    """Values of labels back and forth: above the sources, below a row for each label."""
    frames, swept = frames_of(options), _swept(model, options)
    walk = paths.spline(np.array(options.values)[:, None], frames)[:, 0].tolist()
    ends: list[Asked] = [
        {index: {name: v}} for index, name in swept for v in (min(walk), max(walk))
    ]
    images, own, scale = _prepare(model, options, ends, lambda count: (1 + len(swept), 1 + count))
    together = max(1, inference.BATCH_SIZE // (len(images) * len(swept)))

    def draw() -> Iterator[np.ndarray]:
        with Progress(total=frames, desc="interpolate", unit="frame") as bar:
            for start in range(0, frames, together):
                part = walk[start : start + together]
                targets = [{index: {name: v}} for v in part for index, name in swept]
                made = translate(model, images, own, targets).swapaxes(0, 1)
                for i, value in enumerate(part):
                    shown_value = round(value, 1) + 0.0  # no -0.0
                    heads = [f"{name}\n{shown_value:.1f}" for _, name in swept]
                    rows = [figures.StyleRow(head) for head in heads]
                    shown = made[i * len(swept) : (i + 1) * len(swept)]
                    yield figures.style_table(images, rows, shown, scale)
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
