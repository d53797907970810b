"""What StarGAN models are exported as."""

import functools
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from export.examples import spread
from export.signatures import (
    IMAGES,
    PHOTOS,
    Exportable,
    Flow,
    Shown,
    Signature,
    Spec,
    Usage,
    attributes_of,
)
from export.usage import comment, fill, read_photo
from tfgan.label_sets import LabelSet, encode_labels, label_count, label_slices
from tfgan.litert import Arrays

STRENGTHS = (1.0, 1.0, 1.5)  # of requested labels; 1.5 is stronger than in training


def stargan(model) -> Exportable:
    """A StarGAN: the translation to a label vector.

    A label vector holds the labels of all sets one after the other and, where there are several
    sets, their mask: `label_sets` of the facts says at which place the labels of a set start, and
    which place of the mask is 1 where its labels are asked for.

    Args:
        model: A float32 model.
    """
    size, sets = model.resolution, model.label_sets

    def translate(images, labels):
        return {"images": model.translate(images, labels)}

    return Exportable(
        model=model,
        facts=_facts(model),
        signatures={
            "translate": Signature(
                translate,
                {
                    "images": Spec((None, size, size, 3)),
                    "labels": Spec((None, model.label_width)),
                },
            )
        },
        default="translate",
        timed="translate",
        flows=(
            Flow(
                ("translate",),
                lambda run, drawn: run("translate", drawn)["images"],
                functools.partial(_shown, sets),
            ),
        ),
        draw=functools.partial(_draw, sets),
        usage=Usage(
            inputs=fill("stargan", photo=read_photo(size), labels=_label_lines(sets)),
            tflite=fill("stargan_tflite"),
            saved_model={"images": "photos", "labels": "labels"},
        ),
        system="StarGAN",
        panels=("labels",),
        choices=max(len(label_set.names) for label_set in sets),
    )


def _facts(model) -> dict[str, Any]:
    sets = model.label_sets
    described = [
        {
            **asdict(label_set),
            "first": part.start,
            "mask": label_count(sets) + index if len(sets) > 1 else None,
        }
        for index, (label_set, part) in enumerate(zip(sets, label_slices(sets), strict=True))
    ]
    return {
        **attributes_of(model, "resolution", "value_range", "label_width"),
        "label_sets": described,
        "tensors": {
            "labels": {
                "range": [0.0, 1.0],
                "about": "a vector; label_sets says what its places are. 1.5 is stronger than "
                "in training",
            },
            "images": IMAGES,
        },
        "photos": PHOTOS,
    }


def _draw(sets: Sequence[LabelSet], numbers: Sequence[int], pictures: np.ndarray) -> list[Arrays]:
    """For each set a batch that asks for its labels in turn, and for attributes at random too."""
    strengths = np.asarray(STRENGTHS)[np.asarray(numbers) % len(STRENGTHS), None]
    requested = []
    for index, label_set in enumerate(sets):
        count = len(label_set.names)
        values = in_turn = np.eye(count)[spread(numbers, count)]
        if label_set.kind == "attributes":
            others = [np.random.default_rng(i).random(count) < 0.3 for i in numbers]
            values = np.maximum(in_turn, others)
        for group in label_set.exclusive:
            places = [label_set.names.index(name) for name in group]
            chosen = np.argmax(in_turn[:, places] + values[:, places], axis=1)
            values[:, places] *= np.eye(len(places))[chosen]
        requested.append(encode_labels(sets, index, values * strengths))
    return [{"images": pictures, "labels": labels} for labels in requested]


def _spell(sets: Sequence[LabelSet], vector: np.ndarray) -> str:
    """The labels that a vector asks for, set by set."""
    words = []
    for label_set, part in zip(sets, label_slices(sets), strict=True):
        values = zip(label_set.names, vector[part], strict=True)
        requested = ", ".join(f"{name} {value:g}" for name, value in values if value)
        if requested:
            words.append(f"{label_set.name}: {requested}" if len(sets) > 1 else requested)
    return "; ".join(words)


def _shown(sets: Sequence[LabelSet], drawn: Arrays) -> list[Shown]:
    return [
        Shown(_spell(sets, vector), {"source": source})
        for vector, source in zip(drawn["labels"], drawn["images"], strict=True)
    ]


def _label_lines(sets: Sequence[LabelSet]) -> str:
    """The places of a label vector that asks for the first label of the first set, with names."""
    values = encode_labels(sets, 0, np.eye(1, len(sets[0].names)))[0]
    several = len(sets) > 1
    comments = [
        comment(label_set.name, name) if several else comment(name)
        for label_set in sets
        for name in label_set.names
    ]
    if several:
        comments += [
            f"{comment(label_set.name)}: the labels of this set are asked for" for label_set in sets
        ]
    return "\n".join(
        f"    {value:g},  {words}" for value, words in zip(values, comments, strict=True)
    )
