"""Whether translations keep who is seen: attributes that nobody asked to change.

Only of the built-in avatars all attributes are known. A classifier of them says what translations
show.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tfgan.evaluate import classifier, tables
from tfgan.evaluate.avatar_network import open_attributes
from tfgan.evaluate.judged import INTERVALS, Subject
from tfgan.evaluate.kinds import Measure
from tfgan.evaluate.real_pictures import RealSet
from tfgan.evaluate.translation import Change, Translator
from tfgan.metrics.intervals import mean_share, share


class Asked(NamedTuple):
    """A change, and what it has to do with other attributes.

    Attributes:
        change: What is asked; `confirm` is not.
        there: Pictures that are so already, int [M], M >= 1.
        touched: By name of an attribute, whether it is part of what is asked of each picture, bool
            [N]; others are not.
    """

    change: Change
    there: np.ndarray
    touched: Mapping[str, np.ndarray]


class Route(NamedTuple):
    """Translations that are counted together.

    Attributes:
        name: What they are called.
        real: The set that is translated.
        translator: The model.
        guide: One of its guides.
        asked: What is asked.
    """

    name: str
    real: RealSet
    translator: Translator
    guide: str
    asked: Sequence[Asked]


def attributes_of(real: RealSet, subject: Subject) -> tuple[Any, np.ndarray]:
    """A classifier of all attributes of avatars, and their truth of held-back ones, bool [N, n]."""
    config = subject.request.config
    opener = functools.partial(
        open_attributes, config.resolution, config.data_dir, config.avatars_count
    )
    judge, _ = classifier.kept_classifier(
        opener(config.split),
        config.pipeline_options(),
        subject.request.cache,
        classifier.RECIPE,
        exclusive=False,
    )
    return judge, opener(real.split).labels()[real.pictures.indices] > 0.5


def find(
    routes_of: Callable[[Subject], Sequence[Route]], subject: Subject, name: str
) -> dict[str, Any]:
    """How often attributes of translations are those of their pictures; see `measure_route`."""
    routes, sets = {}, {}
    for route in routes_of(subject):
        judge, truth = attributes_of(route.real, subject)
        classify = functools.partial(classifier.classify, judge)
        seed = subject.request.seed
        routes[route.name] = measure_route(route, truth, classify, judge.class_names, seed)
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
    found: dict[str, list[np.ndarray]] = {"kept": [], "real": [], "others": []}
    counted = []
    for asked in route.asked:
        change = asked.change
        random = np.random.default_rng(change.seed)
        made = route.translator.translate(
            route.guide, images[change.rows], change.source, change.target, random
        )
        own, there = truth[change.rows], truth[asked.there]
        drawn = there[random.integers(len(there), size=len(own))]
        found["kept"].append(classify(made) == own)
        found["real"].append(right[change.rows])
        found["others"].append(drawn == own)
        free = ~(np.all(there == there[0], axis=0) & (own != there[0]))
        for place, name in enumerate(names):
            if name in asked.touched:
                free[:, place] &= ~asked.touched[name]
        counted.append(free)
    hits = {column: np.concatenate(parts) for column, parts in found.items()}
    counts = np.concatenate(counted)
    known = np.any(counts, axis=0)
    return {
        "attributes": {
            name: {column: share(own[counts[:, place], place]) for column, own in hits.items()}
            for place, name in enumerate(names)
            if known[place]
        },
        "mean": {
            column: mean_share(own[:, known], counts[:, known], seed)
            for column, own in hits.items()
        },
    }


COLUMNS = {"kept": "translations", "others": "another picture", "real": "pictures themselves"}


def describe(found: Mapping[str, Any]) -> str:
    """What `find` gave, as a user sees it."""
    parts = []
    for route, own in found["routes"].items():
        rows = [["", *COLUMNS.values(), "translations"]]
        for name, shares in {**own["attributes"], "mean": own["mean"]}.items():
            cells = [tables.show(shares[column]) for column in COLUMNS]
            rows.append([name, *cells, f"{shares['kept'].count:,}"])
        title = (
            f"{route}: attributes that nobody asked to change, seen as they are in the source "
            "[Wilson 95 %, mean: bootstrap 95 %]"
        )
        parts.append(tables.lay_out(title, rows))
    return "\n".join([*parts, tables.facts_line([], found["data"])])


def curves(found: Mapping[str, Any]) -> dict[str, float]:
    """The mean of each route."""
    return {f"identity_{name}": own["mean"]["kept"].value for name, own in found["routes"].items()}


def measure(routes_of: Callable[[Subject], Sequence[Route]]) -> Measure:
    """The metric, of a kind of models that says what is asked."""
    return Measure(functools.partial(find, routes_of), describe, curves)
