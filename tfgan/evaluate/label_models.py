"""How to draw from StarGAN: translations to label vectors, of one or several data sets."""

import dataclasses
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from tfgan import inference
from tfgan.data.labelled import for_label_set, open_labelled
from tfgan.data.opening import parse_name
from tfgan.data.sources import DataError, DataOptions, Source, make_fingerprint
from tfgan.evaluate import translated
from tfgan.evaluate.identity import AttributeChange, Route
from tfgan.evaluate.labels import label_routes
from tfgan.evaluate.metric import EvaluationError, Request
from tfgan.evaluate.real_pictures import Opener
from tfgan.evaluate.translation import BATCH
from tfgan.label_sets import LabelSet


def open_reals(model: Any, request: Request) -> translated.Reals:
    """Opens the real pictures of each label set of a model."""
    check_options(request.data)
    return translated.open_sets(request, model.label_sets, make_opener, fingerprint)


def fingerprint(sources: Sequence[Source]) -> str:
    """That which a run keeps of the pictures that it learns from."""
    return make_fingerprint(*[source.fingerprint() for source in sources])


def check_options(options: DataOptions) -> None:
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


def make_opener(options: DataOptions, data: str, label_set: LabelSet) -> Opener:
    """Says how the pictures of a set are opened.

    Args:
        options: Which the real pictures are.
        data: Name of the set.
        label_set: What the model knows of it.
    """
    attributes = label_set.names if label_set.kind == "attributes" else ()

    def opener(split: str | None = None) -> Source:
        try:
            (source,), (found,) = open_labelled(
                dataclasses.replace(
                    for_label_set(options, data),
                    attributes=attributes,
                    exclusive=label_set.exclusive or ((),),
                    split=split or options.split,
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
        return inference.translate(
            self.model, images, target, batch_size=BATCH, progress="Translating"
        )

    def reconstruct(
        self, images: np.ndarray, translations: np.ndarray, source: np.ndarray
    ) -> np.ndarray:
        return inference.translate(
            self.model, translations, source, batch_size=BATCH, progress="Translating back"
        )


class Subject(translated.Subject):
    """A StarGAN beside real pictures."""

    @cached_property
    def translator(self) -> LabelTranslator:
        return LabelTranslator(self.model)

    def identity_routes(self) -> list[Route]:
        """One label of every picture changed after another, to those of its own set."""
        reals = self.reals.sets
        label_sets = [real.label_set for real in reals]
        labels = [real.pictures.labels for real in reals]
        routes = []
        for route in label_routes(label_sets, labels, self.request.seed):
            if route.source != route.target:  # what classes of another set imply is not known
                continue
            real, label_set = reals[route.source], label_sets[route.source]
            requests = []
            for change in route.changes:
                examples, touched = np.arange(len(real.pictures.labels)), {}
                if label_set.kind == "attributes":
                    changed = change.target[:, route.part] != change.source[:, route.part]
                    touched = dict(zip(label_set.names, changed.T, strict=True))
                else:
                    examples = np.flatnonzero(
                        real.pictures.labels == label_set.names.index(change.name)
                    )
                requests.append(AttributeChange(change, examples, touched))
            (guide,) = self.translator.guides
            routes.append(Route(route.name, real, self.translator, guide, requests))
        return routes
