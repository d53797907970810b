"""Measures models whose pictures a classifier judges: those that translate.

A classifier of each data set learns from the real pictures that are not held back, and is kept.
"""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tfgan.data.sources import Source
from tfgan.label_sets import LabelSet
from tfgan.metrics.intervals import RESAMPLES
from training.config import TrainingConfig
from training.evaluate import classifier
from training.evaluate.kinds import EvaluationError, Request
from training.evaluate.real_pictures import (
    JudgedSet,
    Opener,
    RealSet,
    find_backgrounds,
    note_other_pictures,
    read_set,
)

# Of `Kind`, for all that is judged.
OPTIONS = ("cache",)
COUNT = 1000

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
        measure: Model, sets, options and seed -> what is found, as results keep it.
    """

    label_sets_of: Callable[[Any], Sequence[LabelSet]]
    make_opener: Callable[[Any, str, LabelSet], Opener]
    fingerprint: Callable[[Sequence[Source]], str]
    measure: Callable[[Any, Sequence[JudgedSet], TrainingConfig, int], dict[str, Any]]


def judge_set(real: RealSet, config: TrainingConfig, cache: Path) -> JudgedSet:
    """Finds the classifier of a set, and the backgrounds of its pictures."""
    judge, path = classifier.kept_classifier(
        real.held.train,
        config.pipeline_options(),
        cache,
        classifier.RECIPE,
        real.label_set.kind == "classes",
    )
    print(f"Classifier  {path}", flush=True)
    return JudgedSet(
        real.label_set,
        real.pictures,
        find_backgrounds(real.data, config, real.split, real.pictures),
        functools.partial(classifier.classify, judge),
        {
            "name": real.source.name,
            "fingerprint": real.source.fingerprint(),
            "held_back": real.held.where,
            "counts": real.counts(),
        },
        str(path),
    )


def evaluate(kind: JudgedKind, model: Any, request: Request) -> dict[str, Any]:
    """Reads the real pictures, finds who judges them, and measures a model.

    Args:
        kind: What kind of model it is.
        model: With `resolution`.
        request: `count` is the most pictures of each class, or of a set with attributes.

    Returns:
        See `Kind.evaluate`.

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
    reals = []
    for (data, label_set), opener, source in zip(pairs, openers, sources, strict=True):
        real = read_set(data, label_set, opener, source, config, request.count, seed)
        listed = ", ".join(f"{count:,} {name}" for name, count in real.counts().items())
        print(f"Data        {source.name}, {real.held.where}: {listed}; seed {seed}")
        if not real.apart:
            print("Note        the model may have been trained on these; the classifier is not")
        reals.append(real)
    sets = [judge_set(real, config, request.cache) for real in reals]
    return {"intervals": INTERVALS, **kind.measure(model, sets, config, seed)}
