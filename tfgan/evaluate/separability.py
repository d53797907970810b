"""Linear separability of generators: how far planes in Z and in W tell attributes of pictures."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfgan.digests import make_key
from tfgan.evaluate import tables
from tfgan.evaluate.metric import NEEDS, Metric
from tfgan.metrics import separability

SPACES = ("z", "w")


def measure(subject: Any) -> dict[str, Any]:
    """How far planes in Z and in W tell attributes; see `tfgan.metrics.separability`."""
    request, generator = subject.request, subject.generator
    network = subject.reals.networks.attributes
    names = network.model.class_names

    def answers(latents: Any, classes: Any, *noise: Any) -> Any:
        # TensorFlow, which --help does without.
        import tensorflow as tf

        logits = network.features(generator.pictures(latents, classes, *noise))
        return tf.concat([logits, generator.mapped(latents, classes)], axis=-1)

    width = len(names) + subject.model.mapping.average.shape[-1]
    count = request.counts["separability"]
    rows = subject.rows(
        "separability", make_key(network.key), width, answers, count, "Separability"
    )
    logits = dict(zip(names, np.array(rows[:, : len(names)]).T, strict=True))
    latents = {
        "z": generator.latents(0, len(rows)),
        "w": np.array(rows[:, len(names) :]),
    }
    spaces = {
        space: separability.separability(latents[space], logits, request.seed, f"Planes in {space}")
        for space in SPACES
    }
    return {
        "interval": "bootstrap of the samples with the planes as they are, 95 %",
        "score": {space: planes.score for space, planes in spaces.items()},
        "attributes": {
            attribute: {
                space: planes.attributes[attribute]._asdict() for space, planes in spaces.items()
            }
            for attribute in names
        },
        "facts": {"classifier": network.name, "generated": subject.facts(len(rows))},
    }


def describe(result: Mapping[str, Any]) -> str:
    """The bits that a plane leaves open of each attribute, and the scores."""
    rows = [["", *map(str.upper, SPACES)]]
    for name, spaces in result["attributes"].items():
        cells = [
            "all samples alike" if spaces[space]["one_class"] else f"{spaces[space]['entropy']:.3f}"
            for space in SPACES
        ]
        rows.append([name, *cells])
    rows.append(["score", *[tables.show(result["score"][space]) for space in SPACES]])
    title = "Linear separability: bits that a plane leaves open, and 2^sum of them [bootstrap 95 %]"
    facts = result["facts"]
    words = [
        f"Classifier: {facts['classifier']}",
        f"{facts['generated']['count']:,} generated, the surest half of each attribute",
    ]
    return f"{tables.lay_out(title, rows)}\n{tables.made_line(words, facts['generated'])}"


def curves(result: Mapping[str, Any]) -> dict[str, float]:
    """The scores."""
    return {f"separability_{space}": score.value for space, score in result["score"].items()}


SEPARABILITY = Metric(
    "separability",
    "linear separability of Z and W by attribute",
    200_000,
    "generated",
    measure,
    describe,
    curves,
    options=("classifier", "labelled", "labelled_table"),
    faces=NEEDS,
    instead=("classifier", "labelled"),
    packages=separability.PACKAGES,
)
