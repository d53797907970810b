"""Labels of pictures: which are requested, which the pictures have, and the vectors of both.

A request is a dictionary by index of the label set: names of its labels with their values, where
None reverses what the source has. A translation is told all labels of a set, those that stay as
well, so these must be known: they are stated, or read from the picture with the generator.
"""

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tfgan import inference
from tfgan.data.attribute_tables import AttributeTable
from tfgan.data.sources import list_names
from tfgan.generate.inputs import Input
from tfgan.generate.options import UsageError, finite
from tfgan.label_sets import LabelSet, encode_labels, label_count, label_slices
from tfgan.terminal import Progress

Request = Mapping[int, Mapping[str, float | None]]


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
    matches = [
        (index, label)
        for index, label_set in enumerate(label_sets)
        for label in label_set.names
        if name in (label, f"{label_set.name}.{label}")
    ]
    if len(matches) == 1:
        return matches[0]
    if matches:
        full = [f"{label_sets[index].name}.{label}" for index, label in matches]
        raise UsageError(f"{option} must say which {name}: {' or '.join(full)}. Received: {name}.")
    known = [label for label_set in label_sets for label in label_set.names]
    raise UsageError(
        f"{option} must name labels of the model: {list_names(known, 40)}. Received: {name}."
    )


def exclusive_groups(label_set: LabelSet) -> list[tuple[str, ...]]:
    """Labels that exclude one another stand together, each other one alone."""
    groups = (
        tuple(n for n in label_set.names if n in {name, *label_set.rivals(name)})
        for name in label_set.names
    )
    return list(dict.fromkeys(groups))


def read_request(
    label_sets: Sequence[LabelSet], option: str, labels: Sequence[tuple[str, float]]
) -> dict[int, dict[str, float | None]]:
    """The labels that a user requests, by set.

    Args:
        label_sets: All sets.
        option: That the user wrote them after.
        labels: With their values.

    Raises:
        UsageError: If there is no such label, or labels contradict one another.
    """
    request: dict[int, dict[str, float]] = {}
    for text, value in labels:
        index, name = find_label(label_sets, option, text)
        values = request.setdefault(index, {})
        if name in values:
            raise UsageError(f"{option} must name each label once. Received: {name} twice.")
        values[name] = value
    for index, values in request.items():
        for group in exclusive_groups(label_sets[index]):
            true = {name: values[name] for name in group if values.get(name, 0) > 0}
            if len(true) > 1 and sum(true.values()) > 1 + 1e-6:
                words = " ".join(f"{name}={value:g}" for name, value in true.items())
                raise UsageError(
                    f"{option} must not ask for labels that exclude one another. Received: "
                    f"{words}. Ask for one, or for parts of 1 together, such as 0.5 and 0.5."
                )
    return {index: dict(request[index]) for index in sorted(request)}


def request_words(request: Request) -> list[str]:
    """A request in words, one for each label."""
    words = []
    for name, value in (item for values in request.values() for item in values.items()):
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
    labels: np.ndarray,
    requested: Mapping[str, float | None],
) -> np.ndarray:
    """Label vectors that request labels of one set, each at a strength.

    Other labels of the set stay as they are, except that those which exclude the requested ones
    fade as these rise, to 0 at 1.

    Args:
        label_sets: All sets, in order.
        index: Of the set.
        labels: Labels of the pictures, of all sets without a mask, [N, L].
        requested: Values by name; None reverses what the picture has.

    Returns:
        float32 [N, C]; where it depends on labels that are NaN in `labels`, NaN.
    """
    label_set = label_sets[index]
    labels = labels[:, label_slices(label_sets)[index]]
    values = labels.copy()
    for group in exclusive_groups(label_set):
        risen = np.zeros(len(labels), np.float32)
        for name in group:
            if name in requested:
                place, value = label_set.names.index(name), requested[name]
                values[:, place] = 1 - labels[:, place] if value is None else value
                risen += np.maximum(values[:, place], 0)
        left = np.clip(1 - risen, 0, 1)
        for name in group:
            if name not in requested:
                place = label_set.names.index(name)
                # What fades away entirely need not be known.
                values[:, place] = np.where(left > 0, left * labels[:, place], 0)
    return encode_labels(label_sets, index, values)


def read_labels(model, images: np.ndarray, known: np.ndarray, index: int) -> np.ndarray:
    """Reads labels of one set from pictures: those with which a translation changes them least.

    A generator leaves a picture as it is where it is told what is there. So from no label at all,
    each exclusive group in turn takes the values for which the mean of |translation - picture| is
    smallest, until nothing makes it smaller.

    Args:
        model: A StarGAN.
        images: uint8 [N, R, R, 3].
        known: Labels of all sets without a mask, [N, L]; NaN where they are not known.
        index: Of the set.

    Returns:
        `known` with the labels of this set filled in, 0 or 1, float32 [N, L].
    """
    label_set, part = model.label_sets[index], label_slices(model.label_sets)[index]
    unknown = np.isnan(known[:, part])
    values = np.where(unknown, 0, known[:, part])
    least = np.full(len(images), np.inf)
    options = []
    for group in exclusive_groups(label_set):
        none = [] if label_set.kind == "classes" else [np.zeros(len(group))]
        places = [label_set.names.index(name) for name in group]
        options += [(places, option) for option in [*none, *np.eye(len(group))]]
    with Progress(desc="read labels", unit="img") as bar:
        moved = np.any(unknown, axis=1)
        while np.any(moved):
            before = values.copy()
            for places, option in options:
                same = values[:, places] == option
                rows = np.flatnonzero(
                    moved
                    & np.all(same | unknown[:, places], axis=1)
                    & ~(np.all(same, axis=1) & np.isfinite(least))
                )
                if not len(rows):
                    continue
                tried = values[rows]
                tried[:, places] = option
                vectors = encode_labels(model.label_sets, index, tried)
                translations = inference.translate(model, images[rows], vectors)
                differences = translations - images[rows].astype(np.float32)
                change = np.mean(np.abs(differences), axis=(1, 2, 3))
                better = change < least[rows]
                values[rows[better]], least[rows[better]] = tried[better], change[better]
                bar.update(len(rows))
            moved &= np.any(values != before, axis=1)
    filled = known.copy()
    filled[:, part] = values
    return filled


class StatedLabels:
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
                    "Strengths belong to what is requested, not to what a picture shows."
                )
        self._labels = read_request(label_sets, "--labels", options.labels or [])
        self._table = options.table
        if self._table is None:
            return
        table = AttributeTable(str(self._table.expanduser()))
        known = {
            name
            for label_set in label_sets
            if label_set.kind == "attributes"
            for name in label_set.names
        }
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
        return {
            name
            for label_set in self.label_sets
            if label_set.kind == "classes"
            for name in label_set.names
        }

    def labels_of(self, sources: Sequence[Input]) -> np.ndarray:
        """Labels of all sets without a mask, float32 [N, L]; NaN where they are not known.

        Raises:
            UsageError: If the table has no row for a source.
        """
        known = np.full((len(sources), label_count(self.label_sets)), np.nan, np.float32)
        for index, (label_set, part) in enumerate(
            zip(self.label_sets, label_slices(self.label_sets), strict=True)
        ):
            labels = known[:, part]
            for values, source in zip(labels, sources, strict=True):
                if label_set.kind == "classes" and source.folder in label_set.names:
                    values[:] = np.array(label_set.names) == source.folder
                elif label_set.kind == "attributes" and self._table is not None:
                    row = self._row_of(source.path)
                    for name, value in zip(self._columns, self._values[row], strict=True):
                        if name in label_set.names:
                            values[label_set.names.index(name)] = value
            if index in self._labels:
                vectors = target_labels(self.label_sets, index, known, self._labels[index])
                labels[:] = vectors[:, part]
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


def source_labels(
    model, stated: StatedLabels, sources: Sequence[Input], targets: Sequence[Request]
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
    label_sets, labels, lines = model.label_sets, stated.labels_of(sources), []
    images = np.stack([source.image for source in sources])
    for index, (label_set, part) in enumerate(
        zip(label_sets, label_slices(label_sets), strict=True)
    ):
        unclear = np.zeros(len(labels), bool)
        for target in targets:
            if index in target:
                vectors = target_labels(label_sets, index, labels, target[index])
                unclear |= np.any(np.isnan(vectors), axis=1)
        if not np.any(unclear):
            continue
        unknown = np.isnan(labels[:, part])
        labels[unclear] = read_labels(model, images[unclear], labels[unclear], index)
        for row in np.flatnonzero(unclear).tolist():
            places = np.flatnonzero(unknown[row])
            guessed = [label_set.names[place] for place in places]
            true = [label_set.names[place] for place in places if labels[row, part][place]]
            words = ", ".join(true) or f"none of {list_names(guessed)}"
            lines.append(f"{sources[row].path}: {words} (guessed from the picture)")
    return labels, lines
