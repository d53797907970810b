"""Metrics that compare generated pictures, or features of them, with real ones.

Each is a line of `METRICS`, and a function of two sets of pictures or features that returns numbers
by name. What a subject holds for them is said in `tfgan.evaluate.generators`.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from tfgan.evaluate import tables
from tfgan.evaluate.metric import MEASURES, Metric
from tfgan.metrics.frechet import feature_distance, frechet_interval, row_blocks
from tfgan.metrics.inception_score import inception_score
from tfgan.metrics.intervals import GROUPS
from tfgan.metrics.kernel import kernel_distance
from tfgan.metrics.sliced_wasserstein import sliced_wasserstein

# What generated pictures and other real ones are called in results.
SETS = ("generated", "other_real")
MOST_NEIGHBOURS = 50_000

# Features of real pictures [N, C] and of generated ones [M, C], and a seed -> numbers by name.
Comparison = Callable[[np.ndarray, np.ndarray, int], dict[str, Any]]


def frechet(real: np.ndarray, generated: np.ndarray, seed: int) -> dict[str, Any]:
    """The Frechet distance, with an interval where it is cheap."""
    interval = frechet_interval(real, generated)
    return {"distance": feature_distance(real, generated) if interval is None else interval}


def kernel(real: np.ndarray, generated: np.ndarray, seed: int) -> dict[str, Any]:
    """The kernel distance."""
    return {"distance": kernel_distance(real, generated, seed, "Kernel distance")}


def neighbours(real: np.ndarray, generated: np.ndarray, seed: int) -> dict[str, Any]:
    """Precision and recall."""
    # TensorFlow, which --help does without.
    from tfgan.metrics.precision_recall import precision_recall

    return precision_recall(real, generated, "Precision and recall")._asdict()


def draw_rows(total: int, count: int, seed: int) -> np.ndarray:
    """So many of all rows in rising order, int [n]: all of them, or those that the seed draws."""
    if count >= total:
        return np.arange(total)
    return np.sort(np.random.default_rng(seed).permutation(total)[:count])


def data_facts(subject: Any) -> dict[str, Any]:
    """What results say of the real pictures."""
    data, source = subject.request.data, subject.reals.source
    return {
        "name": source.name,
        "fingerprint": source.fingerprint(),
        "label_key": data.label_key,
        "resolution": data.resolution,
        "resize": data.resize,
    }


def held_back_facts(subject: Any, features: str) -> dict[str, Any]:
    """What results say of the sets that are compared with held-back pictures."""
    draws = subject.reals.held_back
    count = len(draws.images)
    return {
        "features": features,
        "data": data_facts(subject),
        "real": {"from": draws.where, "count": count, "apart": draws.apart},
        "other_real": {"from": draws.others_where, "count": count},
        "generated": subject.facts(count),
    }


def measure_swd(subject: Any) -> dict[str, Any]:
    """Sliced Wasserstein distances of generated and of other real pictures to held-back ones."""
    draws, seed = subject.reals.held_back, subject.request.seed
    results = {}
    for name, pictures in zip(SETS, (subject.pictures, draws.others), strict=True):
        progress = f"Comparing {name.replace('_', ' ')}"
        distances = sliced_wasserstein(draws.images, pictures, seed, progress)
        levels = {str(side): interval for side, interval in distances.levels.items()}
        results[name] = {**levels, "average": distances.average}
    return {
        **results,
        "interval": f"jackknife, {GROUPS} groups of pictures, 95 %",
        "facts": held_back_facts(subject, "7x7 patches of Laplacian pyramids, no network"),
    }


def measure_avatar(compare: Comparison, subject: Any) -> dict[str, Any]:
    """Compares features of the avatar network, of generated and of other real pictures."""
    features, seed = subject.avatar_features, subject.request.seed
    return {
        **{name: compare(features["real"], features[name], seed) for name in SETS},
        "facts": held_back_facts(subject, subject.reals.networks.open("avatar").name),
    }


def measure_features(
    compare: Comparison, option: str, metric_name: str, subject: Any
) -> dict[str, Any]:
    """Compares features of a network, of generated and of real pictures.

    Published precision and recall compare 50,000 pictures of each: of more, so many are drawn,
    unless --real-count asks for more real ones.
    """
    request, network = subject.request, subject.reals.networks.open(option)
    (real, broken), generated = (
        subject.reals.features(option),
        subject.features(option, request.counts[metric_name]),
    )
    if compare is neighbours:
        most = max(MOST_NEIGHBOURS, request.real_count or 0)
        if most < len(real):
            real = real[draw_rows(len(real), most, request.seed)]
        generated = generated[:MOST_NEIGHBOURS]
    facts = {
        "features": network.name,
        "data": data_facts(subject),
        "real": {"from": request.data.split, "count": len(real), "broken": broken},
        "generated": subject.facts(len(generated)),
    }
    if compare is frechet:
        facts["too_few"] = min(len(real), len(generated)) < network.width
    return {"generated": compare(real, generated, request.seed), "facts": facts}


def measure_inception_score(subject: Any) -> dict[str, Any]:
    """The inception score of generated pictures."""
    features = subject.features("inception", subject.request.counts["is"])
    network = subject.reals.networks.open("inception")
    blocks = (np.asarray(network.model.probabilities(block)) for block in row_blocks(features))
    return {
        "generated": {"score": inception_score(blocks, len(features)).mean},
        "facts": {
            "features": network.name,
            "data": data_facts(subject),
            "generated": subject.facts(len(features)),
        },
    }


def describe(title: str, digits: int, result: Mapping[str, Any]) -> str:
    """The numbers of each set that was compared."""
    sets = [name for name in SETS if name in result]
    rows = [["", *[name.replace("_", " ") for name in sets]]]
    for name in result["generated"]:
        row = f"{name} pixels" if name.isdecimal() else name
        rows.append([row, *[tables.show_number(result[which][name], digits) for which in sets]])
    return f"{tables.lay_out(title, rows)}\n{facts_line(result['facts'])}"


def facts_line(facts: Mapping[str, Any]) -> str:
    """What a number is of, in words."""
    words = [facts["features"], f"{facts['generated']['count']:,} generated"]
    for name in ("real", "other_real"):
        if name in facts:
            pictures = facts[name]
            words.append(f"{pictures['count']:,} {name.replace('_', ' ')} of {pictures['from']}")
            if pictures.get("broken"):
                words.append(f"{pictures['broken']:,} unreadable left out")
    if facts.get("too_few"):
        words.append(tables.TOO_FEW)
    if not facts.get("real", {}).get("apart", True):
        words.append("the model may have been trained on these")
    if "real" in facts:
        data = facts["data"]
        words.append(f"{data['resolution']} pixels; --resize {data['resize']}, Lanczos")
    return tables.made_line(words, facts["generated"])


def curves(name: str, result: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of generated pictures; one that is alone has the name of its metric."""
    numbers = result["generated"]
    if "average" in numbers:
        return {name: numbers["average"].value}
    values = {key: getattr(value, "value", value) for key, value in numbers.items()}
    return {name if len(values) == 1 else f"{name}_{key}": value for key, value in values.items()}


def _metric(
    name: str, about: str, measure: Callable[[Any], dict[str, Any]], title: str, digits: int, **more
) -> Metric:
    """A line of `METRICS`."""
    return Metric(
        name=name,
        about=about,
        count=50_000 if "network" in more else 2000,
        counted="generated" if "network" in more else "of each set",
        measure=measure,
        describe=partial(describe, title, digits),
        curves=partial(curves, name),
        **more,
    )


def _avatar(name: str, about: str, compare: Comparison, title: str, digits: int) -> Metric:
    measure = partial(measure_avatar, compare)
    return _metric(name, about, measure, title, digits, faces=MEASURES)


def _features(
    name: str, about: str, compare: Comparison, network: str, title: str, digits: int
) -> Metric:
    measure = partial(measure_features, compare, network, name)
    return _metric(name, about, measure, title, digits, network=network)


METRICS = (
    _metric(
        "swd",
        "sliced Wasserstein distance of Laplacian pyramids",
        measure_swd,
        "Sliced Wasserstein distance to real pictures, x 1000 [jackknife 95 %]",
        2,
    ),
    _avatar(
        "avatar-fd",
        "Frechet distance of the features of the avatar network",
        frechet,
        "Frechet distance of avatar features [jackknife 95 %]",
        3,
    ),
    _avatar(
        "avatar-kd",
        "kernel distance of the same features",
        kernel,
        "Kernel distance of avatar features [subsets, 95 %]",
        5,
    ),
    _avatar(
        "avatar-pr",
        "precision and recall of the same features",
        neighbours,
        "Precision and recall of avatar features [Wilson 95 %]",
        3,
    ),
    _features(
        "fid",
        "Frechet inception distance",
        frechet,
        "inception",
        "FID: Frechet inception distance",
        3,
    ),
    _features(
        "kid",
        "kernel inception distance",
        kernel,
        "inception",
        "KID: kernel inception distance [subsets, 95 %]",
        5,
    ),
    _features(
        "pr",
        "precision and recall of Inception features",
        neighbours,
        "inception",
        "Precision and recall of Inception features [Wilson 95 %]",
        3,
    ),
    _features(
        "pr-vgg16",
        "the same of VGG16 features, as the papers have it",
        neighbours,
        "vgg16",
        "Precision and recall of VGG16 features, as published [Wilson 95 %]",
        3,
    ),
    _metric(
        "is",
        "inception score",
        measure_inception_score,
        "Inception score [t of 10 splits, 95 %]",
        3,
        network="inception",
        caution="it asks for pictures of many of ImageNet's classes, and is never compared with "
        "real ones: of faces, or of any one kind of thing, it is no measure of quality. fid is.",
    ),
)
