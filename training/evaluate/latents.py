"""Measures generators that draw pictures from latents, as StyleGAN and StyleGAN2 do."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfgan import figures
from tfgan.data.sources import DataError, list_names
from tfgan.metrics import sliced_wasserstein
from tfgan.metrics.intervals import GROUPS
from tfgan.metrics.sliced_wasserstein import Distances
from training.config import TrainingConfig
from training.evaluate import tables
from training.evaluate.kinds import Request
from training.evaluate.real_pictures import note_other_pictures, read_two_draws

CONFIG = TrainingConfig
DATA = "avatars, tfds:NAME, or a folder of pictures"
OPTIONS = ("psi",)
COUNT = 2000

BATCH = 32  # pictures at a time
NOISE = "random"
INTERVALS = {"sliced_wasserstein": f"jackknife, {GROUPS} groups of pictures, 95 %"}


def draw_pictures(
    model: Any, labels: np.ndarray | None, count: int, psi: float, seed: int
) -> np.ndarray:
    """Draws pictures from random latents, each with its own noise.

    Args:
        model: A generator with `latent_dim`, `mapping`, `truncate` and `synthesis`.
        labels: Classes that are drawn from, as often as they are in it; None without classes.
        count: Number N of pictures.
        psi: Truncation.
        seed: Of latents, classes and noise.

    Returns:
        uint8 [N, R, R, 3].
    """
    random = np.random.default_rng(seed)
    latents = random.standard_normal((count, model.latent_dim), np.float32)
    classes = None if labels is None else random.choice(labels, count).astype(np.int32)
    return figures.generate(
        model,
        latents,
        classes,
        truncation_psi=psi,
        truncation_cutoff=model.truncation_cutoff,
        noise=NOISE,
        seed=seed,
        batch_size=BATCH,
        progress="Generating",
    )


def evaluate(model: Any, request: Request) -> dict[str, Any]:
    """Measures how far generated pictures are from real ones, and how far other real ones are.

    Args:
        model: A generator, as `draw_pictures` takes it.
        request: `count` is the most pictures of each of these three sets.

    Returns:
        See `Kind.evaluate`.

    Raises:
        DataError: If there are no such pictures or classes, or less than two of a set.
    """
    names, seed = tuple(model.class_names), request.seed
    config = dataclasses.replace(request.config, conditional=bool(names))
    source = config.open_source()
    if names and source.class_names != names:
        raise DataError(
            f"--data {source.name} must have the classes of the model: {list_names(names)}. "
            f"Received: {list_names(source.class_names)}. Name the data that it was trained on, "
            "and their --label-key."
        )
    note_other_pictures(request.fingerprint, source.fingerprint())
    real = read_two_draws(source, config, len(names), request.count, seed)
    count = len(real.images)
    print(
        f"Data        {source.name}, {real.where}: {count:,} pictures, and {count:,} others of "
        f"{real.others_where}; seed {seed}",
        flush=True,
    )
    if not real.apart:
        print("Note        the model may have been trained on these")
    labels = source.labels() if names else None
    if labels is not None:
        labels = labels[labels >= 0]  # sets may have pictures without a label
    made = draw_pictures(model, labels, count, request.psi, seed)
    distances = {
        name: sliced_wasserstein.sliced_wasserstein(
            real.images, pictures, seed, f"Comparing {name}"
        )
        for name, pictures in (("generated", made), ("other real", real.others))
    }
    return {
        "intervals": INTERVALS,
        "data": {
            "name": source.name,
            "fingerprint": source.fingerprint(),
            "real": real.where,
            "other_real": real.others_where,
            "count": count,
            "label_key": config.label_key,
            "resolution": config.resolution,
            "resize": config.resize,
        },
        "generated": {
            "count": count,
            "seed": seed,
            "truncation_psi": request.psi,
            "noise": NOISE,
        },
        "sliced_wasserstein": {
            name.replace(" ", "_"): by_level(found) for name, found in distances.items()
        },
    }


def by_level(found: Distances) -> dict[str, Any]:
    """Distances as results keep them: by pixels along the side, and "average"."""
    levels = {str(side): interval for side, interval in found.levels.items()}
    return {**levels, "average": found.average}


def describe(measured: Mapping[str, Any]) -> str:
    """What `evaluate` gave, as a user sees it."""
    data, generated = measured["data"], measured["generated"]
    distances = measured["sliced_wasserstein"]
    rows = [["", *[name.replace("_", " ") for name in distances]]]
    for level in distances["generated"]:
        words = level if level == "average" else f"{level} pixels"
        rows.append([words, *[tables.show(found[level], digits=2) for found in distances.values()]])
    count = data["count"]
    table = tables.lay_out(
        "Sliced Wasserstein distance to real pictures, x 1000 [jackknife 95 %]", rows
    )
    return (
        f"{table}\n\n"
        f"No feature network: 7x7 patches of Laplacian pyramids. {count:,} generated, {count:,} "
        f"real, {count:,} other real\npictures of {data['resolution']} pixels; --resize "
        f"{data['resize']}, Lanczos; seed {generated['seed']}; psi "
        f"{generated['truncation_psi']:g}; {generated['noise']} noise."
    )
