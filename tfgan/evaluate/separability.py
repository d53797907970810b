"""Linear separability of generators: how far planes in Z and in W tell attributes of pictures."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfgan.arithmetic import in_float32
from tfgan.data.labelled import open_labelled
from tfgan.data.sources import DataOptions
from tfgan.evaluate import classifier, tables
from tfgan.evaluate.avatar_network import LARGEST, reduce_to
from tfgan.evaluate.digests import file_digest, make_key
from tfgan.evaluate.kinds import EvaluationError, Measure
from tfgan.evaluate.subjects import Reals, Subject
from tfgan.loading import class_of, load_model
from tfgan.metrics import separability as metric

SPACES = ("z", "w")


def open_classifier(reals: Reals) -> tuple[Any, str]:
    """The classifier of attributes that a request names, or one that is trained; and its key.

    Without both, pictures are avatars: see `tfgan.evaluate.kinds.check_faces`.

    Raises:
        EvaluationError: If a file holds no classifier.
    """
    request = reals.request
    path = request.classifier
    if path is not None:
        if class_of(path) != "Classifier":
            raise EvaluationError(
                f"--classifier must hold a Classifier. Received: {path}, which holds a "
                f"{class_of(path)}. Give one of the cache of an evaluation, or leave it out."
            )
    elif request.labelled is not None:
        config = request.config
        resolution = min(config.resolution, LARGEST)
        (source,), (label_set,) = open_labelled(
            DataOptions(
                (request.labelled,),
                resolution=resolution,
                attribute_table=request.labelled_table,
                data_dir=config.data_dir,
                avatars_count=config.avatars_count,
            )
        )
        options = dataclasses.replace(config.pipeline_options(), resolution=resolution)
        exclusive = label_set.kind == "classes"
        _, path = classifier.kept_classifier(
            source, options, request.cache, classifier.RECIPE, exclusive
        )
    else:
        network = reals.networks.avatar
        return network.model, network.key
    with request.replicas.strategy.scope():
        model = in_float32(load_model(path))
    if request.config.resolution % model.resolution:
        raise EvaluationError(
            f"--classifier must take pictures of {request.config.resolution} pixels or smaller "
            f"ones. Received: {path}, which takes {model.resolution}."
        )
    return model, file_digest(path)


def find(subject: Subject, name: str) -> dict[str, Any]:
    """How far planes in Z and in W tell attributes; see `tfgan.metrics.separability`."""
    request, generator = subject.request, subject.generator
    judge, key = open_classifier(subject.reals)
    names = judge.class_names

    def answers(latents: Any, classes: Any, *noise: Any) -> Any:
        pictures = generator.pictures(latents, classes, *noise)
        logits = judge(reduce_to(pictures, judge.resolution))
        return tf.concat([logits, generator.mapped(latents, classes)], axis=-1)

    width = len(names) + subject.model.mapping.average.shape[-1]
    count = request.counts[name]
    rows = subject.rows("separability", make_key(key), width, answers, count, "Separability")
    logits = dict(zip(names, np.array(rows[:, : len(names)]).T, strict=True))
    latents = {
        "z": generator.latents(0, len(rows)),
        "w": np.array(rows[:, len(names) :]),
    }
    spaces = {
        space: metric.separability(latents[space], logits, request.seed, f"Planes in {space}")
        for space in SPACES
    }
    return {
        "interval": "bootstrap of the samples with the planes as they are, 95 %",
        "score": {space: found.score for space, found in spaces.items()},
        "attributes": {
            attribute: {
                space: found.attributes[attribute]._asdict() for space, found in spaces.items()
            }
            for attribute in names
        },
        "facts": {
            "classifier": f"{len(names)} attributes at {judge.resolution} pixels ({key[:16]})",
            "generated": subject.facts(len(rows)),
        },
    }


def describe(found: Mapping[str, Any]) -> str:
    """What `find` gave, as a user sees it."""
    rows = [["", *map(str.upper, SPACES)]]
    for name, spaces in found["attributes"].items():
        cells = [
            "all samples alike" if spaces[space]["one_class"] else f"{spaces[space]['entropy']:.3f}"
            for space in SPACES
        ]
        rows.append([name, *cells])
    rows.append(["score", *[tables.show(found["score"][space]) for space in SPACES]])
    title = "Linear separability: bits that a plane leaves open, and 2^sum of them [bootstrap 95 %]"
    facts = found["facts"]
    words = [
        f"Classifier: {facts['classifier']}",
        f"{facts['generated']['count']:,} generated, the surer half for each attribute",
    ]
    return f"{tables.lay_out(title, rows)}\n{tables.made_line(words, facts['generated'])}"


def curves(found: Mapping[str, Any]) -> dict[str, float]:
    """The scores."""
    return {f"separability_{space}": score.value for space, score in found["score"].items()}


MEASURE = Measure(find, describe, curves)
