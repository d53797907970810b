"""Which labels translations show, and what they leave alone, as with StarGAN."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tfgan.evaluate import tables
from tfgan.evaluate.metric import Metric
from tfgan.evaluate.real_pictures import JudgedSet
from tfgan.evaluate.translation import INTERVALS, Change, Translator, measure_changes
from tfgan.label_sets import LabelSet, encode_labels, label_slices, one_label_changed
from tfgan.metrics.intervals import mean_share, share


def truth_of(label_set: LabelSet, labels: np.ndarray) -> np.ndarray:
    """What is true of pictures, bool [N, n]: of class indices, [N], or of attributes, [N, n]."""
    if label_set.kind == "classes":
        return labels[:, None] == np.arange(len(label_set.names))
    return labels > 0.5


def measure_accuracy(real: JudgedSet) -> dict[str, Any]:
    """How well the classifier of a set does on its real pictures.

    Returns:
        "share", the `Interval` of the pictures of which it is right about everything; and
        "labels", by name: "share", of those of which it is right about the label; of attributes
        also "true" and "false", the same among pictures with and without, None where there are
        none. The share of a class is of its own pictures alone.
    """
    label_set = real.label_set
    truth = truth_of(label_set, real.pictures.labels)
    right = truth_of(label_set, real.classify(real.pictures.images)) == truth
    labels: dict[str, Any] = {}
    for name, hits, true in zip(label_set.names, right.T, truth.T, strict=True):
        if label_set.kind == "classes":
            labels[name] = {"share": share(hits[true])}
        else:
            sides = {"true": hits[true], "false": hits[~true]}
            labels[name] = {
                "share": share(hits),
                **{side: share(rows) if len(rows) else None for side, rows in sides.items()},
            }
    return {"share": share(np.all(right, axis=1)), "labels": labels}


class LabelRoute(NamedTuple):
    """Pictures of one set, and what is asked of them by labels of the same or of another one.

    Attributes:
        name: "SOURCE" or "SOURCE -> TARGET", which are names of sets.
        source: Index of the set of the pictures.
        target: Index of the set of the labels.
        part: Where these stand in label vectors.
        changes: One for each label that is asked for.
    """

    name: str
    source: int
    target: int
    part: slice
    changes: Sequence[Change]


def label_routes(
    label_sets: Sequence[LabelSet], labels: Sequence[np.ndarray], seed: int
) -> list[LabelRoute]:
    """One label of every picture changed after another.

    Pictures of each set are translated to the labels of their own set, and to the classes of the
    other ones: attributes that nobody knows of a picture cannot be asked for together. Nothing is
    asked of a picture that is so already.

    Args:
        label_sets: Those of the model, in their order.
        labels: Of the pictures of each set, as sources have them.
        seed: Where those of the changes begin.
    """
    parts = label_slices(label_sets)
    routes = []
    for source, (label_set, own_labels) in enumerate(zip(label_sets, labels, strict=True)):
        encoded = encode_labels(label_sets, source, truth_of(label_set, own_labels))
        vectors = [vectors for _, vectors in one_label_changed(label_sets, encoded)]
        for target, (wanted_set, part) in enumerate(zip(label_sets, parts, strict=True)):
            if target != source and wanted_set.kind == "attributes":
                continue
            changes = []
            for name, changed in zip(wanted_set.names, vectors[part], strict=True):
                rows = np.flatnonzero(np.any(changed != encoded, axis=1))
                if len(rows):
                    draws = [seed, source, target]
                    changes.append(Change(name, rows, encoded[rows], changed[rows], draws))
            name = label_set.name
            if target != source:
                name = f"{name} -> {wanted_set.name}"
            routes.append(LabelRoute(name, source, target, part, changes))
    return routes


def measure_labels(
    translator: Translator, sets: Sequence[JudgedSet], seed: int
) -> dict[str, dict[str, Any]]:
    """Changes one label of every picture after another, and measures it.

    Args:
        translator: The model.
        sets: Pictures of each label set of the model, in their order.
        seed: Of intervals.

    Returns:
        For each `LabelRoute` by name, the names of its sets as "source" and "target"; "labels", by
        name "changed", the `Interval` of the translations of which the classifier of the target
        confirms the label, and "all", of those of which it confirms all labels of the set; "mean"
        of both over the labels; and what `Measured.kept` holds.
    """
    (guide,) = translator.guides
    label_sets = [real.label_set for real in sets]
    results = {}
    for route in label_routes(label_sets, [real.pictures.labels for real in sets], seed):
        real, judge = sets[route.source], sets[route.target]
        confirm = functools.partial(confirm_label, judge, route.part)
        images = real.pictures.images
        hits, kept = measure_changes(
            translator, guide, images, real.backgrounds, route.changes, confirm, seed
        )
        results[route.name] = {
            "source": real.label_set.name,
            "target": judge.label_set.name,
            **confirmed_shares(route.changes, hits, len(images), seed),
            **kept,
        }
    return results


def confirm_label(
    judge: JudgedSet, part: slice, change: Change, translations: np.ndarray
) -> np.ndarray:
    """Whether translations show the label, and whether all labels, of the set: bool [N, 2]."""
    right = truth_of(judge.label_set, judge.classify(translations)) == (
        change.target[:, part] > 0.5
    )
    place = judge.label_set.names.index(change.name)
    return np.stack([right[:, place], np.all(right, axis=1)], axis=1)


def confirmed_shares(
    changes: Sequence[Change], hits: Mapping[str, np.ndarray], count: int, seed: int
) -> dict[str, Any]:
    """The "labels" and "mean" of what `measure_labels` gives, of `count` pictures."""
    requested = np.zeros((count, len(changes)), bool)
    right = np.zeros((count, len(changes), 2), bool)
    for column, change in enumerate(changes):
        requested[change.rows, column] = True
        right[change.rows, column] = hits[change.name]
    columns = {"changed": 0, "all": 1}
    return {
        "labels": {
            name: {key: share(confirmed[:, column]) for key, column in columns.items()}
            for name, confirmed in hits.items()
        },
        "mean": {
            key: mean_share(right[..., column], requested, seed) for key, column in columns.items()
        },
    }


def measure(subject: Any) -> dict[str, Any]:
    """Which labels translations of held-back pictures show, and what they leave alone.

    Returns:
        "data"; "classifiers", their files and how often they are right; and "translation", as
        `measure_labels` gives it.
    """
    sets = subject.reals.judged
    return {
        "intervals": INTERVALS,
        "data": {
            "sets": {
                real.label_set.name: {"kind": real.label_set.kind, **real.facts} for real in sets
            },
            **subject.sampling(),
        },
        "classifiers": {
            real.label_set.name: {"file": real.classifier, "accuracy": measure_accuracy(real)}
            for real in sets
        },
        "translation": measure_labels(subject.translator, sets, subject.request.seed),
    }


def curves(result: Mapping[str, Any]) -> dict[str, float]:
    """The mean over the labels of each route."""
    return {
        f"changed_{name}": route["mean"]["changed"].value
        for name, route in result["translation"].items()
    }


def describe(result: Mapping[str, Any]) -> str:
    """How good the classifiers are, which labels arrive, and what is left alone."""
    kinds = {name: facts["kind"] for name, facts in result["data"]["sets"].items()}
    routes = result["translation"]
    blocks = [
        *[
            accuracy_table(name, kinds[name], classifier["accuracy"])
            for name, classifier in result["classifiers"].items()
        ],
        *[translation_table(name, kinds[route["target"]], route) for name, route in routes.items()],
    ]
    kept = {name: tables.kept_cells(route) for name, route in routes.items()}
    columns = list(dict.fromkeys(words for cells in kept.values() for words in cells))
    rows = [[name, *[cells.get(words, "") for words in columns]] for name, cells in kept.items()]
    blocks.append(tables.lay_out(tables.KEPT_TITLE, [["", *columns], *rows]))
    return "\n".join([*blocks, tables.facts_line([], result["data"])])


def accuracy_table(name: str, kind: str, accuracy: Mapping[str, Any]) -> str:
    """How well the classifier of a set does on real pictures."""
    columns = {"share": "share"}
    if kind == "attributes":
        columns |= {"true": "where true", "false": "where false"}
    rows = [["", *columns.values(), "pictures"]]
    for label, measured in accuracy["labels"].items():
        cells = [tables.show(measured[column], "no picture") for column in columns]
        rows.append([label, *cells, f"{measured['share'].count:,}"])
    total = accuracy["share"]
    all_of_it = "all labels" if kind == "attributes" else "all"
    rows.append([all_of_it, tables.show(total), *[""] * (len(columns) - 1), f"{total.count:,}"])
    title = "held-back real pictures that its classifier names rightly [Wilson 95 %]"
    return tables.lay_out(f"{name}: {title}", rows)


def translation_table(name: str, kind: str, measured: Mapping[str, Any]) -> str:
    """Which translations the classifier of their target confirms."""
    columns, request = {"changed": "share"}, "to each class"
    if kind == "attributes":
        columns, request = {"changed": "the label", "all": "all labels"}, "with one label changed"
    rows = [["", *columns.values(), "translations"]]
    for label, shares in measured["labels"].items():
        cells = [tables.show(shares[column]) for column in columns]
        rows.append([label, *cells, f"{shares['changed'].count:,}"])
    total = sum(shares["changed"].count for shares in measured["labels"].values())
    rows.append(
        ["mean", *[tables.show(measured["mean"][column]) for column in columns], f"{total:,}"]
    )
    title = (
        f"translations {request} that the classifier confirms [Wilson 95 %, mean: bootstrap 95 %]"
    )
    return tables.lay_out(f"{name}: {title}", rows)


TRANSLATION = Metric(
    "translation",
    "which labels translations show, and what they leave alone",
    1000,
    "of each domain",
    measure,
    describe,
    curves,
    caution="that a classifier sees the labels is no measure of picture quality: blurred "
    "translations may get 1.000. No metric of StarGAN measures it here: look at the pictures "
    "that python -m tfgan.generate MODEL grid --source PHOTOS makes.",
)
