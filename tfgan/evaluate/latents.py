"""Measures generators that draw pictures from latents, as StyleGAN and StyleGAN2 do."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from tfgan.evaluate import path_lengths, separability, tables
from tfgan.evaluate.features import (
    blocks_of,
    frechet_of,
)
from tfgan.evaluate.kinds import Measure
from tfgan.evaluate.subjects import SETS, Subject, draw_rows, open_reals  # noqa: F401 (of `Kind`)
from tfgan.metrics import sliced_wasserstein
from tfgan.metrics.frechet import frechet_interval
from tfgan.metrics.inception_score import inception_score
from tfgan.metrics.intervals import GROUPS
from tfgan.metrics.kernel import kernel_distance
from tfgan.metrics.precision_recall import precision_recall
from tfgan.metrics.sliced_wasserstein import Distances

DATA = "avatars, tfds:NAME, or a folder of pictures"
MOST_NEIGHBOURS = 50_000


def data_facts(subject: Subject) -> dict[str, Any]:
    """What results say of the real pictures."""
    config = subject.request.config
    return {
        "name": subject.reals.source.name,
        "fingerprint": subject.reals.source.fingerprint(),
        "label_key": config.label_key,
        "resolution": config.resolution,
        "resize": config.resize,
    }


def held_back_facts(subject: Subject, features: str) -> dict[str, Any]:
    """What results say of the sets that are compared with held-back pictures."""
    found = subject.reals.held_back
    count = len(found.images)
    return {
        "features": features,
        "data": data_facts(subject),
        "real": {"from": found.where, "count": count, "apart": found.apart},
        "other_real": {"from": found.others_where, "count": count},
        "generated": subject.facts(count),
    }


def find_swd(subject: Subject, name: str) -> dict[str, Any]:
    """Sliced Wasserstein distances to held-back pictures."""
    real, seed = subject.reals.held_back, subject.request.seed
    distances = {
        which: sliced_wasserstein.sliced_wasserstein(
            real.images, pictures, seed, f"Comparing {which.replace('_', ' ')}"
        )
        for which, pictures in zip(SETS, (subject.pictures, real.others), strict=True)
    }
    return {
        **{which: by_level(found) for which, found in distances.items()},
        "interval": f"jackknife, {GROUPS} groups of pictures, 95 %",
        "facts": held_back_facts(subject, "7x7 patches of Laplacian pyramids, no network"),
    }


def by_level(found: Distances) -> dict[str, Any]:
    """Distances as results keep them: by pixels along the side, and "average"."""
    levels = {str(side): interval for side, interval in found.levels.items()}
    return {**levels, "average": found.average}


def frechet_numbers(real: np.ndarray, made: np.ndarray, seed: int) -> dict[str, Any]:
    """The Frechet distance of two sets of features, with an interval where it is cheap."""
    found: Any = frechet_interval(real, made)
    if found is None:
        found = frechet_of(real, made)
    return {"distance": found}


def kernel_numbers(real: np.ndarray, made: np.ndarray, seed: int) -> dict[str, Any]:
    """The kernel distance of two sets of features."""
    return {"distance": kernel_distance(real, made, seed, "Kernel distance")}


def precision_numbers(real: np.ndarray, made: np.ndarray, seed: int) -> dict[str, Any]:
    """Precision and recall of two sets of features."""
    found = precision_recall(real, made, "Precision and recall")
    return {"precision": found.precision, "recall": found.recall}


def find_avatar(numbers: Any, subject: Subject, name: str) -> dict[str, Any]:
    """Numbers of features of the avatar network, of generated and of other real pictures."""
    features, seed = subject.avatar_features, subject.request.seed
    return {
        **{which: numbers(features["real"], features[which], seed) for which in SETS},
        "facts": held_back_facts(subject, subject.reals.networks.avatar.name),
    }


def find_features(numbers: Any, option: str, subject: Subject, name: str) -> dict[str, Any]:
    """Numbers of the features of a network, of generated and of real pictures.

    Published precision and recall compare 50,000 pictures of each: of more, so many are drawn,
    unless --real-count asks for more real ones.
    """
    request, network = subject.request, getattr(subject.reals.networks, option)
    found, made = subject.reals.features(option), subject.features(option, name)
    real = found.values
    if numbers is precision_numbers:
        most = max(MOST_NEIGHBOURS, request.real_count or 0)
        if most < len(real):
            real = real[draw_rows(len(real), most, request.seed)]
        made = made[:MOST_NEIGHBOURS]
    facts = {
        "features": network.name,
        "data": data_facts(subject),
        "real": {"from": request.config.split, "count": len(real), "broken": found.broken},
        "generated": subject.facts(len(made)),
    }
    if numbers is frechet_numbers:
        facts["too_few"] = min(len(real), len(made)) < network.width
    return {"generated": numbers(real, made, request.seed), "facts": facts}


def find_inception_score(subject: Subject, name: str) -> dict[str, Any]:
    """The inception score of generated pictures."""
    made, network = subject.features("inception", name), subject.reals.networks.inception
    blocks = (np.asarray(network.model.probabilities(block)) for block in blocks_of(made))
    return {
        "generated": {"score": inception_score(blocks, len(made)).mean},
        "facts": {
            "features": network.name,
            "data": data_facts(subject),
            "generated": subject.facts(len(made)),
        },
    }


def describe_swd(found: Mapping[str, Any]) -> str:
    """What `find_swd` gave, as a user sees it."""
    rows = [["", *[which.replace("_", " ") for which in SETS]]]
    for level in found["generated"]:
        words = level if level == "average" else f"{level} pixels"
        rows.append([words, *[tables.show(found[which][level], digits=2) for which in SETS]])
    title = "Sliced Wasserstein distance to real pictures, x 1000 [jackknife 95 %]"
    return f"{tables.lay_out(title, rows)}\n{facts_line(found['facts'])}"


def describe_numbers(title: str, digits: int, found: Mapping[str, Any]) -> str:
    """What was found of features, as a user sees it."""
    sets = [which for which in SETS if which in found]
    rows = [["", *[which.replace("_", " ") for which in sets]]]
    for name in found["generated"]:
        cells = [tables.show_number(found[which][name], digits) for which in sets]
        rows.append([name, *cells])
    return f"{tables.lay_out(title, rows)}\n{facts_line(found['facts'])}"


def facts_line(facts: Mapping[str, Any]) -> str:
    """What a number is of, in words."""
    words = [facts["features"], f"{facts['generated']['count']:,} generated"]
    for which in ("real", "other_real"):
        if which in facts:
            one = facts[which]
            words.append(f"{one['count']:,} {which.replace('_', ' ')} of {one['from']}")
            if one.get("broken"):
                words.append(f"{one['broken']:,} unreadable left out")
    if facts.get("too_few"):
        words.append(tables.TOO_FEW)
    if not facts.get("real", {}).get("apart", True):
        words.append("the model may have been trained on these")
    if "real" in facts:
        data = facts["data"]
        words.append(f"{data['resolution']} pixels; --resize {data['resize']}, Lanczos")
    return tables.made_line(words, facts["generated"])


def curves_of(name: str, found: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of generated pictures; one that is alone has the name of its metric."""
    numbers = found["generated"]
    if "average" in numbers:
        return {name: numbers["average"].value}
    values = {key: getattr(value, "value", value) for key, value in numbers.items()}
    return {name if len(values) == 1 else f"{name}_{key}": value for key, value in values.items()}


def _measure(name: str, title: str, digits: int, find: Any) -> Measure:
    return Measure(find, partial(describe_numbers, title, digits), partial(curves_of, name))


MEASURES = {
    "swd": Measure(find_swd, describe_swd, partial(curves_of, "swd")),
    **{
        name: _measure(name, title, digits, partial(find, numbers))
        for name, title, digits, find, numbers in (
            (
                "avatar-fd",
                "Frechet distance of avatar features [jackknife 95 %]",
                3,
                find_avatar,
                frechet_numbers,
            ),
            (
                "avatar-kd",
                "Kernel distance of avatar features [subsets, 95 %]",
                5,
                find_avatar,
                kernel_numbers,
            ),
            (
                "avatar-pr",
                "Precision and recall of avatar features [Wilson 95 %]",
                3,
                find_avatar,
                precision_numbers,
            ),
        )
    },
    **{
        name: _measure(name, title, digits, partial(find_features, numbers, option))
        for name, title, digits, option, numbers in (
            ("fid", "FID: Frechet inception distance", 3, "inception", frechet_numbers),
            (
                "kid",
                "KID: kernel inception distance [subsets, 95 %]",
                5,
                "inception",
                kernel_numbers,
            ),
            (
                "pr",
                "Precision and recall of Inception features [Wilson 95 %]",
                3,
                "inception",
                precision_numbers,
            ),
            (
                "pr-vgg16",
                "Precision and recall of VGG16 features, as published [Wilson 95 %]",
                3,
                "vgg16",
                precision_numbers,
            ),
        )
    },
    "is": _measure("is", "Inception score [t of 10 splits, 95 %]", 3, find_inception_score),
    "ppl": path_lengths.MEASURE,
    "separability": separability.MEASURE,
}
