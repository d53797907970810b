"""Whether translations keep who is seen: attributes that nobody asked to change.

Only of the built-in avatars all attributes are known. A classifier of them says what translations
show.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tfgan.evaluate import tables
from tfgan.evaluate.metric import NEEDS, Metric
from tfgan.evaluate.real_pictures import RealSet
from tfgan.evaluate.translation import INTERVALS, Change, Translator
from tfgan.metrics.intervals import mean_share, share


class AttributeChange(NamedTuple):
    """A change, and what it has to do with other attributes.

    Attributes:
        change: What is asked; `confirm` is not.
        examples: Pictures that are so already, int [M], M >= 1.
        touched: By name of an attribute, whether it is part of what is asked of each picture, bool
            [N]; others are not.
    """

    change: Change
    examples: np.ndarray
    touched: Mapping[str, np.ndarray]


class Route(NamedTuple):
    """Translations that are counted together.

    Attributes:
        name: What they are called.
        real: The set that is translated.
        translator: The model.
        guide: One of its guides.
        changes: What is asked for.
    """

    name: str
    real: RealSet
    translator: Translator
    guide: str
    changes: Sequence[AttributeChange]


def measure(subject: Any) -> dict[str, Any]:
    """How often attributes of translations are those of their pictures; see `measure_route`."""
    routes, sets = {}, {}
    for route in subject.identity_routes():
        classify, names, truth = subject.reals.attributes_of(route.real)
        seed = subject.request.seed
        routes[route.name] = measure_route(route, truth, classify, names, seed)
        sets[route.real.label_set.name] = route.real.facts()
    return {"intervals": INTERVALS, "data": {"sets": sets, **subject.sampling()}, "routes": routes}


def measure_route(
    route: Route,
    truth: np.ndarray,
    classify: Callable[[np.ndarray], np.ndarray],
    names: Sequence[str],
    seed: int,
) -> dict[str, Any]:
    """How often attributes of translations are those of their pictures.

    An attribute of a picture does not count where it is asked for, nor where all pictures that are
    as asked are alike in it, and the picture is not.

    Args:
        route: Translations.
        truth: Attributes of the pictures of its set, bool [N, n].
        classify: Says which attributes pictures show: uint8 [N, R, R, 3] -> bool [N, n].
        names: Of the attributes.
        seed: Of what is drawn.

    Returns:
        "attributes", by name, and "mean" of those that count: "kept", the share of translations
        that are seen as their pictures are; "real", the share of the pictures themselves of which
        the classifier is right; and "others", the share of pictures that agree with one drawn from
        those that are as asked, which is what a model gets that keeps nothing.
    """
    images = route.real.pictures.images
    right = classify(images) == truth
    agreements: dict[str, list[np.ndarray]] = {"kept": [], "real": [], "others": []}
    counted = []
    for attribute_change in route.changes:
        change = attribute_change.change
        random = np.random.default_rng(change.seed)
        translations = route.translator.translate(
            route.guide, images[change.rows], change.source, change.target, random
        )
        sources, examples = truth[change.rows], truth[attribute_change.examples]
        drawn = examples[random.integers(len(examples), size=len(sources))]
        agreements["kept"].append(classify(translations) == sources)
        agreements["real"].append(right[change.rows])
        agreements["others"].append(drawn == sources)
        free = ~(np.all(examples == examples[0], axis=0) & (sources != examples[0]))
        for place, name in enumerate(names):
            if name in attribute_change.touched:
                free[:, place] &= ~attribute_change.touched[name]
        counted.append(free)
    hits = {column: np.concatenate(parts) for column, parts in agreements.items()}
    counts = np.concatenate(counted)
    known = np.any(counts, axis=0)
    return {
        "attributes": {
            name: {column: share(rows[counts[:, place], place]) for column, rows in hits.items()}
            for place, name in enumerate(names)
            if known[place]
        },
        "mean": {
            column: mean_share(rows[:, known], counts[:, known], seed)
            for column, rows in hits.items()
        },
    }


COLUMNS = {"kept": "translations", "others": "another picture", "real": "pictures themselves"}


def describe(result: Mapping[str, Any]) -> str:
    """How often each attribute stays as it is."""
    parts = []
    for route, found in result["routes"].items():
        rows = [["", *COLUMNS.values(), "translations"]]
        for name, shares in {**found["attributes"], "mean": found["mean"]}.items():
            cells = [tables.show(shares[column]) for column in COLUMNS]
            rows.append([name, *cells, f"{shares['kept'].count:,}"])
        title = (
            f"{route}: attributes that nobody asked to change, seen as they are in the source "
            "[Wilson 95 %, mean: bootstrap 95 %]"
        )
        parts.append(tables.lay_out(title, rows))
    return "\n".join([*parts, tables.facts_line([], result["data"])])


def curves(result: Mapping[str, Any]) -> dict[str, float]:
    """The mean of each route."""
    return {
        f"identity_{name}": found["mean"]["kept"].value for name, found in result["routes"].items()
    }


IDENTITY = Metric(
    "identity",
    "which other attributes of avatars stay as they are",
    1000,
    "of each domain",
    measure,
    describe,
    curves,
    faces=NEEDS,
    caution="a model that changes nothing keeps everything, and a blurred picture may show "
    "all that is asked: this is no measure of picture quality.",
)
