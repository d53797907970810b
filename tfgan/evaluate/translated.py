"""Models that translate, with real pictures that classifiers judge their translations by.

A classifier of each data set learns from the real pictures that are not held back, and is kept.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tfgan.data.sources import Source
from tfgan.digests import model_key
from tfgan.evaluate import classifier
from tfgan.evaluate.metric import EvaluationError, Request
from tfgan.evaluate.networks import Networks, open_attributes
from tfgan.evaluate.real_pictures import (
    JudgedSet,
    Opener,
    RealSet,
    find_backgrounds,
    note_other_pictures,
    read_set,
)
from tfgan.label_sets import LabelSet


def judge_set(real: RealSet, request: Request) -> JudgedSet:
    """Finds the classifier of a set, and the backgrounds of its pictures."""
    data = request.data
    judge, path = classifier.kept_classifier(
        real.held.train,
        data.pipeline_options(),
        request.cache,
        classifier.RECIPE,
        real.label_set.kind == "classes",
    )
    return JudgedSet(
        real.label_set,
        real.pictures,
        find_backgrounds(real.data, data, real.split, real.pictures),
        functools.partial(classifier.classify, judge),
        real.facts(),
        str(path),
    )


class Reals:
    """Real pictures that models are measured on.

    Args:
        request: How models are measured.
        sets: Pictures of each label set of the models.
    """

    def __init__(self, request: Request, sets: Sequence[RealSet]):
        self.request = request
        self.networks = Networks(request)
        self.sets = sets

    def about(self) -> list[str]:
        """What they are, in lines."""
        lines = []
        for real in self.sets:
            listed = ", ".join(f"{count:,} {name}" for name, count in real.counts().items())
            seed = self.request.seed
            lines.append(
                f"Data        {real.source.name}, {real.held.where}: {listed}; seed {seed}"
            )
            if not real.apart:
                lines.append(
                    "Note        the model may have been trained on these; the classifier is not"
                )
        return lines

    @cached_property
    def judged(self) -> list[JudgedSet]:
        """The same pictures with the classifiers that judge translations to their labels."""
        return [judge_set(real, self.request) for real in self.sets]

    def attributes_of(
        self, real: RealSet
    ) -> tuple[Callable[[np.ndarray], np.ndarray], tuple[str, ...], np.ndarray]:
        """What says which attributes avatars show, their names, and the truth of held-back ones.

        Pictures uint8 [N, R, R, 3] -> bool [N, n]; names [n]; bool [N, n].
        """
        data = self.request.data
        opener = functools.partial(
            open_attributes, data.resolution, data.data_dir, data.avatars_count
        )
        judge, _ = classifier.kept_classifier(
            opener(data.split),
            data.pipeline_options(),
            self.request.cache,
            classifier.RECIPE,
            exclusive=False,
        )
        truth = opener(real.split).labels()[real.pictures.indices] > 0.5
        return functools.partial(classifier.classify, judge), judge.class_names, truth


class Subject:
    """A model that translates, and the real pictures that it is measured on.

    Each system adds `translator`, a `translation.Translator`, and `identity_routes`, what is asked
    of it where other attributes should stay as they are.

    Args:
        model: With `resolution`.
        reals: The pictures.
        folder: Keeps features of translations.
    """

    def __init__(self, model: Any, reals: Reals, folder: Path):
        self.model = model
        self.reals = reals
        self.folder = folder
        self.request = reals.request

    @cached_property
    def key(self) -> str:
        """Changes with the model."""
        return model_key(self.model)

    def sampling(self) -> Mapping[str, Any]:
        """What all results say: how pictures were made, and what was drawn."""
        data = self.request.data
        return {
            "label_key": data.label_key,
            "resolution": data.resolution,
            "resize": data.resize,
            "seed": self.request.seed,
            "arithmetic": self.request.arithmetic,
        }


def open_sets(
    request: Request,
    label_sets: Sequence[LabelSet],
    make_opener: Callable[[Any, str, LabelSet], Opener],
    fingerprint: Callable[[Sequence[Source]], str],
) -> Reals:
    """Reads the real pictures that a model is measured on.

    Args:
        request: How it is measured.
        label_sets: What the pictures are labelled with that it learned from, set by set.
        make_opener: Options, name and labels of a set -> what opens its pictures.
        fingerprint: That which a run keeps of the pictures of all sets.

    Raises:
        EvaluationError: If there are not as many sets as the model has label sets.
        DataError: If a set cannot be read, or not with these labels.
    """
    data, seed = request.data, request.seed
    if len(data.data) != len(label_sets):
        raise EvaluationError(
            "--data must be given once for each label set of the model, in their order: "
            f"{', '.join(label_set.name for label_set in label_sets)}. Received: "
            f"{' '.join(data.data)}."
        )
    pairs = list(zip(data.data, label_sets, strict=True))
    openers = [make_opener(data, name, label_set) for name, label_set in pairs]
    sources = [opener(None) for opener in openers]
    note_other_pictures(request.fingerprint, fingerprint(sources))
    count = request.counts["translation"]
    return Reals(
        request,
        [
            read_set(name, label_set, opener, source, data, count, seed)
            for (name, label_set), opener, source in zip(pairs, openers, sources, strict=True)
        ],
    )
