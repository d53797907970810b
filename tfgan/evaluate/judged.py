"""Models whose pictures a classifier judges: those that translate.

A classifier of each data set learns from the real pictures that are not held back, and is kept.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from tfgan.data.sources import Source
from tfgan.evaluate import classifier
from tfgan.evaluate.digests import model_key
from tfgan.evaluate.features import Networks
from tfgan.evaluate.kinds import EvaluationError, Request
from tfgan.evaluate.real_pictures import (
    JudgedSet,
    Opener,
    RealSet,
    find_backgrounds,
    note_other_pictures,
    read_set,
)
from tfgan.label_sets import LabelSet
from tfgan.metrics.intervals import RESAMPLES

INTERVALS = {
    "share": "Wilson, 95 %",
    "mean": f"percentile bootstrap, {RESAMPLES} draws of the pictures, 95 %",
}


class JudgedKind(NamedTuple):
    """What differs between kinds of models that are judged.

    Attributes:
        label_sets_of: What the pictures are labelled with that a model learned from, set by set.
        make_opener: Options, name and labels of a set -> what opens its pictures.
        fingerprint: That which a run keeps of the pictures of all sets.
    """

    label_sets_of: Callable[[Any], Sequence[LabelSet]]
    make_opener: Callable[[Any, str, LabelSet], Opener]
    fingerprint: Callable[[Sequence[Source]], str]


def judge_set(real: RealSet, request: Request) -> JudgedSet:
    """Finds the classifier of a set, and the backgrounds of its pictures."""
    config = request.config
    judge, path = classifier.kept_classifier(
        real.held.train,
        config.pipeline_options(),
        request.cache,
        classifier.RECIPE,
        real.label_set.kind == "classes",
    )
    return JudgedSet(
        real.label_set,
        real.pictures,
        find_backgrounds(real.data, config, real.split, real.pictures),
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


class Subject:
    """A model that translates, and the real pictures that it is measured on.

    Args:
        model: With `resolution`.
        reals: The pictures.
        made: Folder that keeps what was made of translations.
    """

    def __init__(self, model: Any, reals: Reals, made: Path):
        self.model = model
        self.reals = reals
        self.made = made
        self.request = reals.request

    @cached_property
    def key(self) -> str:
        """Changes with the model."""
        return model_key(self.model)

    def sampling(self) -> Mapping[str, Any]:
        """What all results say: how pictures were made, and what was drawn."""
        config = self.request.config
        return {
            "label_key": config.label_key,
            "resolution": config.resolution,
            "resize": config.resize,
            "seed": self.request.seed,
            "arithmetic": self.request.arithmetic,
        }


def open_reals(kind: JudgedKind, model: Any, request: Request) -> Reals:
    """Reads the real pictures that a model is measured on; see `Kind`.

    Raises:
        EvaluationError: If there are not as many sets as the model has label sets.
        DataError: If a set cannot be read, or not with these labels.
    """
    config, seed = request.config, request.seed
    label_sets = kind.label_sets_of(model)
    if len(config.data) != len(label_sets):
        raise EvaluationError(
            "--data must be given once for each label set of the model, in their order: "
            f"{', '.join(label_set.name for label_set in label_sets)}. Received: "
            f"{' '.join(config.data)}."
        )
    pairs = list(zip(config.data, label_sets, strict=True))
    openers = [kind.make_opener(config, data, label_set) for data, label_set in pairs]
    sources = [opener(None) for opener in openers]
    note_other_pictures(request.fingerprint, kind.fingerprint(sources))
    count = request.counts["translation"]
    reals = []
    for (data, label_set), opener, source in zip(pairs, openers, sources, strict=True):
        reals.append(read_set(data, label_set, opener, source, config, count, seed))
    return Reals(request, reals)
