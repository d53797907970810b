"""Measures translation to labels, of one or several sets, as StarGAN does it."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from tfgan import figures
from tfgan.data.labelled import open_labelled
from tfgan.data.sources import DataError, Source, make_fingerprint
from tfgan.label_sets import LabelSet, encode_labels, label_slices, one_label_changed
from tfgan.metrics.intervals import mean_share, share
from training.config import ConfigError, TrainingConfig
from training.evaluate import judged, tables
from training.evaluate.real_pictures import JudgedSet, Opener
from training.evaluate.translation import BATCH, Change, Translator, measure_changes

DATA = (
    "what each label set of the model was learned from, in their order: avatars:attributes, "
    "tfds:NAME:LABELS, or a folder"
)


@dataclass(frozen=True)
class LabelledConfig(TrainingConfig):
    """Those options of a StarGAN run that say where the pictures and their labels are.

    Which labels, and which of them exclude one another, the model knows.
    """

    attribute_table: str | None = None  # CelebA's list of attributes, or a CSV, of a folder

    takes_several: ClassVar[bool] = True

    def check(self) -> None:
        """Raises ConfigError for values that cannot work."""
        super().check()
        if self.label_key is not None:
            raise ConfigError(
                "--label-key is part of --data with StarGAN, such as --data tfds:NAME:KEY. "
                f"Received: --label-key {self.label_key}."
            )
        places = {data.partition(":")[0] for data in self.data}
        if self.attribute_table is not None and places <= {"avatars", "tfds"}:
            raise ConfigError(
                f"--attribute-table belongs to a folder. Received: {self.attribute_table} with "
                f"--data {' '.join(self.data)}. Leave it out."
            )
        if self.image_key is not None and "tfds" not in places:
            raise ConfigError(
                f"--image-key belongs to --data tfds:NAME. Received: {self.image_key} with --data "
                f"{' '.join(self.data)}. Leave it out."
            )


CONFIG = LabelledConfig
OPTIONS, COUNT = judged.OPTIONS, judged.COUNT


def label_sets_of(model: Any) -> Sequence[LabelSet]:
    """What pictures are labelled with."""
    return model.label_sets


def make_opener(config: LabelledConfig, data: str, label_set: LabelSet) -> Opener:
    """Says how the pictures of a set are opened.

    Args:
        config: The options of the run, or those that stand in for them.
        data: Name of the set.
        label_set: What the model knows of it.
    """
    place = data.partition(":")[0]
    attributes = label_set.names if label_set.kind == "attributes" else None

    def opener(split: str | None = None) -> Source:
        try:
            (source,), (found,) = open_labelled(
                [data],
                resolution=config.resolution,
                attributes=attributes,
                exclusive=label_set.exclusive or ((),),
                # Each is for one kind of set, and the others would refuse it.
                attribute_table=None if place in ("avatars", "tfds") else config.attribute_table,
                image_key=config.image_key if place == "tfds" else None,
                split=split or config.split,
                data_dir=config.data_dir,
                avatars_count=config.avatars_count,
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


def measure_labels(
    translator: Translator, sets: Sequence[JudgedSet], seed: int
) -> dict[str, dict[str, Any]]:
    """Changes one label of every picture after another, and measures it.

    Pictures of each set are translated to the labels of their own set, and to the classes of the
    other ones: attributes that nobody knows of a picture cannot be asked for together. Nothing is
    asked of a picture that is so already.

    Args:
        translator: The model.
        sets: Pictures of each label set of the model, in their order.
        seed: Of intervals.

    Returns:
        For each "SOURCE" or "SOURCE -> TARGET", which are names of sets: these names as "source"
        and "target"; "labels", by name "changed", the `Interval` of the translations of which the
        classifier of the target confirms the label, and "all", of those of which it confirms all
        labels of the set; "mean" of both over the labels; and what `Measured.kept` holds.
    """
    (guide,) = translator.guides
    label_sets = [real.label_set for real in sets]
    parts = label_slices(label_sets)
    results = {}
    for source, real in enumerate(sets):
        name, images = real.label_set.name, real.pictures.images
        own = encode_labels(label_sets, source, truth_of(real.label_set, real.pictures.labels))
        vectors = [vectors for _, vectors in one_label_changed(label_sets, own)]
        for target, (judge, part) in enumerate(zip(sets, parts, strict=True)):
            if target != source and judge.label_set.kind == "attributes":
                continue
            changes = label_changes(judge, part, own, vectors[part], [seed, source, target])
            hits, kept = measure_changes(translator, guide, images, real.backgrounds, changes, seed)
            route = name if target == source else f"{name} -> {judge.label_set.name}"
            results[route] = {
                "source": name,
                "target": judge.label_set.name,
                **confirmed_shares(changes, hits, len(images), seed),
                **kept,
            }
    return results


def label_changes(
    judge: JudgedSet,
    part: slice,
    own: np.ndarray,
    vectors: Sequence[np.ndarray],
    seed: Sequence[int],
) -> list[Change]:
    """What is asked of pictures of one set so that they get one label of a set after another.

    Args:
        judge: The set whose labels are asked for.
        part: Where they stand in label vectors.
        own: Label vectors of the pictures, [N, C].
        vectors: Those that are wanted for each label, [N, C].
        seed: See `Change`.
    """

    def confirm(place: int, wanted: np.ndarray, made: np.ndarray) -> np.ndarray:
        """Whether translations show the label, and whether all labels, of the set: [N, 2]."""
        right = truth_of(judge.label_set, judge.classify(made)) == (wanted > 0.5)
        return np.stack([right[:, place], np.all(right, axis=1)], axis=1)

    changes = []
    for place, (name, wanted) in enumerate(zip(judge.label_set.names, vectors, strict=True)):
        rows = np.flatnonzero(np.any(wanted != own, axis=1))
        if len(rows):
            check = functools.partial(confirm, place, wanted[rows, part])
            changes.append(Change(name, rows, own[rows], wanted[rows], check, seed))
    return changes


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


def measure(
    model: Any, sets: Sequence[JudgedSet], config: TrainingConfig, seed: int
) -> dict[str, Any]:
    """Measures a model, and the classifiers that judge it.

    Args:
        model: A StarGAN.
        sets: Pictures of each of its label sets.
        config: How they were opened.
        seed: Of intervals.

    Returns:
        Of all that is found "data", "classifiers" and "translation", as results keep it.
    """
    return {
        "data": {
            "sets": {
                real.label_set.name: {"kind": real.label_set.kind, **real.facts} for real in sets
            },
            "resolution": config.resolution,
            "resize": config.resize,
        },
        "classifiers": {
            real.label_set.name: {"file": real.classifier, "accuracy": measure_accuracy(real)}
            for real in sets
        },
        "translation": measure_labels(LabelTranslator(model), sets, seed),
    }


evaluate = functools.partial(
    judged.evaluate, judged.JudgedKind(label_sets_of, make_opener, fingerprint, measure)
)


def describe(measured: Mapping[str, Any]) -> str:
    """What `evaluate` gave, as a user sees it."""
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
    return "\n".join([*found, tables.lay_out(tables.KEPT_TITLE, [["", *columns], *rows])])


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
