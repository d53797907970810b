"""Measures translation to labels, of one or several sets, as StarGAN does it."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tfgan import figures
from tfgan.data.labelled import for_label_set, open_labelled
from tfgan.data.opening import parse_name
from tfgan.data.sources import DataError, Source, make_fingerprint
from tfgan.evaluate import identity, judged, tables
from tfgan.evaluate.judged import Subject
from tfgan.evaluate.kinds import EvaluationError, Measure, PictureOptions, Request
from tfgan.evaluate.real_pictures import JudgedSet, Opener
from tfgan.evaluate.translation import BATCH, Change, Translator, measure_changes
from tfgan.label_sets import LabelSet, encode_labels, label_slices, one_label_changed
from tfgan.metrics.intervals import mean_share, share

DATA = (
    "what each label set of the model was learned from, in their order: avatars:attributes, "
    "tfds:NAME:LABELS, or a folder"
)


def check_options(options: PictureOptions) -> None:
    """Raises EvaluationError for options that say nothing of the data sets."""
    if options.label_key is not None:
        raise EvaluationError(
            "--label-key is part of --data with StarGAN, such as --data tfds:NAME:KEY. "
            f"Received: --label-key {options.label_key}."
        )
    taken = [parse_name(data).source_type.sets_take for data in options.data]
    if options.attribute_table is not None and not any(
        "attribute_table" in fields for fields in taken
    ):
        raise EvaluationError(
            f"--attribute-table belongs to a folder. Received: {options.attribute_table} with "
            f"--data {' '.join(options.data)}. Leave it out."
        )
    if options.image_key is not None and not any("image_key" in fields for fields in taken):
        raise EvaluationError(
            f"--image-key belongs to --data tfds:NAME. Received: {options.image_key} with --data "
            f"{' '.join(options.data)}. Leave it out."
        )


def label_sets_of(model: Any) -> Sequence[LabelSet]:
    """What pictures are labelled with."""
    return model.label_sets


def make_opener(config: PictureOptions, data: str, label_set: LabelSet) -> Opener:
    """Says how the pictures of a set are opened.

    Args:
        config: The options of the run, or those that stand in for them.
        data: Name of the set.
        label_set: What the model knows of it.
    """
    attributes = label_set.names if label_set.kind == "attributes" else ()

    def opener(split: str | None = None) -> Source:
        try:
            (source,), (found,) = open_labelled(
                dataclasses.replace(
                    for_label_set(config, data),
                    attributes=attributes,
                    exclusive=label_set.exclusive or ((),),
                    split=split or config.split,
                )
            )
        except DataError as error:
            raise DataError(
                f"the labels {', '.join(label_set.names)} that the model knows of "
                f"{label_set.name} cannot be read: {error}"
            ) from error
        if (found.kind, found.names) != (label_set.kind, label_set.names):
            raise DataError(
                f"--data {data} must have the {label_set.kind} of {label_set.name} that the model "
                f"knows: {', '.join(label_set.names)}. Received: {found.kind} "
                f"{', '.join(found.names)}. Name the data that it was trained on."
            )
        return source

    return opener


def fingerprint(sources: Sequence[Source]) -> str:
    """That which a run keeps of the pictures that it learns from."""
    return make_fingerprint(*[source.fingerprint() for source in sources])


class LabelTranslator:
    """A model that translates to label vectors, as StarGAN does.

    Args:
        model: With `translate`.
    """

    guides: Sequence[str] = ("labels",)

    def __init__(self, model: Any):
        self.model = model

    def translate(
        self,
        guide: str,
        images: np.ndarray,
        source: np.ndarray,
        target: np.ndarray,
        random: np.random.Generator,
    ) -> np.ndarray:
        return figures.translate(
            self.model, images, target, batch_size=BATCH, progress="Translating"
        )

    def reconstruct(
        self, images: np.ndarray, translations: np.ndarray, source: np.ndarray
    ) -> np.ndarray:
        return figures.translate(
            self.model, translations, source, batch_size=BATCH, progress="Translating back"
        )


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
                **{side: share(own) if len(own) else None for side, own in sides.items()},
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
        own = encode_labels(label_sets, source, truth_of(label_set, own_labels))
        vectors = [vectors for _, vectors in one_label_changed(label_sets, own)]
        for target, (wanted_set, part) in enumerate(zip(label_sets, parts, strict=True)):
            if target != source and wanted_set.kind == "attributes":
                continue
            changes = []
            for name, wanted in zip(wanted_set.names, vectors[part], strict=True):
                rows = np.flatnonzero(np.any(wanted != own, axis=1))
                if len(rows):
                    draws = [seed, source, target]
                    changes.append(Change(name, rows, own[rows], wanted[rows], draws))
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


def confirm_label(judge: JudgedSet, part: slice, change: Change, made: np.ndarray) -> np.ndarray:
    """Whether translations show the label, and whether all labels, of the set: bool [N, 2]."""
    right = truth_of(judge.label_set, judge.classify(made)) == (change.target[:, part] > 0.5)
    place = judge.label_set.names.index(change.name)
    return np.stack([right[:, place], np.all(right, axis=1)], axis=1)


def confirmed_shares(
    changes: Sequence[Change], hits: Mapping[str, np.ndarray], count: int, seed: int
) -> dict[str, Any]:
    """The "labels" and "mean" of what `measure_labels` gives, of `count` pictures."""
    asked = np.zeros((count, len(changes)), bool)
    right = np.zeros((count, len(changes), 2), bool)
    for column, change in enumerate(changes):
        asked[change.rows, column] = True
        right[change.rows, column] = hits[change.name]
    columns = {"changed": 0, "all": 1}
    return {
        "labels": {
            name: {key: share(found[:, column]) for key, column in columns.items()}
            for name, found in hits.items()
        },
        "mean": {
            key: mean_share(right[..., column], asked, seed) for key, column in columns.items()
        },
    }


def find_translation(subject: Subject, name: str) -> dict[str, Any]:
    """Which labels translations of held-back pictures show, and what they leave alone.

    Returns:
        "data"; "classifiers", their files and how often they are right; and "translation", as
        `measure_labels` gives it.
    """
    sets = subject.reals.judged
    return {
        "intervals": judged.INTERVALS,
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
        "translation": measure_labels(LabelTranslator(subject.model), sets, subject.request.seed),
    }


def curves_of_translation(found: Mapping[str, Any]) -> dict[str, float]:
    """The mean over the labels of each route."""
    return {
        f"changed_{name}": route["mean"]["changed"].value
        for name, route in found["translation"].items()
    }


def identity_routes(subject: Subject) -> list[identity.Route]:
    """One label of every picture changed after another, to those of its own set."""
    reals, translator = subject.reals.sets, LabelTranslator(subject.model)
    label_sets = [real.label_set for real in reals]
    labels = [real.pictures.labels for real in reals]
    routes = []
    for route in label_routes(label_sets, labels, subject.request.seed):
        if route.source != route.target:  # what classes of another set imply is not known
            continue
        real, label_set = reals[route.source], label_sets[route.source]
        asked = []
        for change in route.changes:
            there, touched = np.arange(len(real.pictures.labels)), {}
            if label_set.kind == "attributes":
                changed = change.target[:, route.part] != change.source[:, route.part]
                touched = dict(zip(label_set.names, changed.T, strict=True))
            else:
                there = np.flatnonzero(real.pictures.labels == label_set.names.index(change.name))
            asked.append(identity.Asked(change, there, touched))
        (guide,) = translator.guides
        routes.append(identity.Route(route.name, real, translator, guide, asked))
    return routes


def open_reals(model: Any, request: Request) -> judged.Reals:
    """See `Kind`."""
    check_options(request.config)
    kind = judged.JudgedKind(label_sets_of, make_opener, fingerprint)
    return judged.open_reals(kind, model, request)


def describe_translation(measured: Mapping[str, Any]) -> str:
    """What `find_translation` gave, as a user sees it."""
    kinds = {name: facts["kind"] for name, facts in measured["data"]["sets"].items()}
    routes = measured["translation"]
    found = [
        *[
            accuracy_table(name, kinds[name], classifier["accuracy"])
            for name, classifier in measured["classifiers"].items()
        ],
        *[translation_table(name, kinds[route["target"]], route) for name, route in routes.items()],
    ]
    kept = {name: tables.kept_cells(route) for name, route in routes.items()}
    columns = list(dict.fromkeys(words for cells in kept.values() for words in cells))
    rows = [[name, *[cells.get(words, "") for words in columns]] for name, cells in kept.items()]
    found.append(tables.lay_out(tables.KEPT_TITLE, [["", *columns], *rows]))
    return "\n".join([*found, tables.facts_line([], measured["data"])])


def accuracy_table(name: str, kind: str, accuracy: Mapping[str, Any]) -> str:
    """How well the classifier of a set does on real pictures."""
    columns = {"share": "share"}
    if kind == "attributes":
        columns |= {"true": "where true", "false": "where false"}
    rows = [["", *columns.values(), "pictures"]]
    for label, found in accuracy["labels"].items():
        cells = [tables.show(found[column], "no picture") for column in columns]
        rows.append([label, *cells, f"{found['share'].count:,}"])
    total = accuracy["share"]
    all_of_it = "all labels" if kind == "attributes" else "all"
    rows.append([all_of_it, tables.show(total), *[""] * (len(columns) - 1), f"{total.count:,}"])
    title = "held-back real pictures that its classifier names rightly [Wilson 95 %]"
    return tables.lay_out(f"{name}: {title}", rows)


def translation_table(name: str, kind: str, found: Mapping[str, Any]) -> str:
    """Which translations the classifier of their target confirms."""
    columns, asked = {"changed": "share"}, "to each class"
    if kind == "attributes":
        columns, asked = {"changed": "the label", "all": "all labels"}, "with one label changed"
    rows = [["", *columns.values(), "translations"]]
    for label, shares in found["labels"].items():
        cells = [tables.show(shares[column]) for column in columns]
        rows.append([label, *cells, f"{shares['changed'].count:,}"])
    total = sum(shares["changed"].count for shares in found["labels"].values())
    rows.append(["mean", *[tables.show(found["mean"][column]) for column in columns], f"{total:,}"])
    title = f"translations {asked} that the classifier confirms [Wilson 95 %, mean: bootstrap 95 %]"
    return tables.lay_out(f"{name}: {title}", rows)


MEASURES = {
    "translation": Measure(find_translation, describe_translation, curves_of_translation),
    "identity": identity.measure(identity_routes),
}
