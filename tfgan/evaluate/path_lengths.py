"""Perceptual path length of generators: how far pictures move when latents move a little."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfgan.digests import make_key
from tfgan.evaluate import tables
from tfgan.evaluate.metric import Metric
from tfgan.metrics import path_length

SIDE = 256  # pixels, at least, of what the perceptual distance sees of larger pictures


def measure(subject: Any) -> dict[str, Any]:
    """The perceptual path length of a generator; see `tfgan.metrics.path_length`.

    Both pictures of a pair have the same class and the same noise.
    """
    request, generator = subject.request, subject.generator
    paths, network = request.paths, subject.reals.networks.open("lpips_vgg")

    def distances(first: Any, second: Any, here: Any, there: Any, classes: Any, *noise: Any) -> Any:
        ends = [generator.styles(latents, classes) for latents in (first, second)]
        images = [
            prepare(generator.images(lerp(ends[0], ends[1], places), noise), paths.crop)
            for places in (here, there)
        ]
        return network.model(*images)[:, None]

    def inputs(start: int, stop: int) -> list[np.ndarray]:
        drawn = path_length.draw_paths(
            np.arange(start, stop), subject.model.latent_dim, paths.sampling, request.seed
        )
        ends, places = [drawn.start, drawn.end], [drawn.t, drawn.t + paths.epsilon]
        if paths.space == "z":
            # The step is made on the sphere: W is left at its ends.
            ends = [path_length.slerp(drawn.start, drawn.end, t) for t in places]
            places = [np.zeros(stop - start), np.ones(stop - start)]
        arrays = [array.astype(np.float32) for array in (*ends, *places)]
        return [*arrays, generator.classes(start, stop), *generator.noise(start, stop)]

    rows = subject.rows(
        "ppl",
        make_key(network.key, paths, path_length),
        1,
        distances,
        request.counts["ppl"],
        "Path lengths",
        inputs,
    )
    return {
        "length": path_length.path_length(rows[:, 0], paths.epsilon, request.seed),
        "facts": {
            "features": network.name,
            "paths": dataclasses.asdict(paths),
            "generated": subject.facts(2 * len(rows)),
        },
    }


def lerp(a, b, t):
    """Styles at t of the straight lines from a to b: [B, L, W], [B, L, W], [B] -> [B, L, W]."""
    return a + (b - a) * t[:, None, None]


def prepare(images, crop: bool):
    """Cuts out the face, if asked for, and averages squares of pixels where over 256 are left.

    The face is taken to be at rows 3c to 7c and columns 2c to 6c, with c an eighth of the side. The
    squares are as wide as the side is 256s, rounded down: of what was cut out as with StyleGAN,
    where the port in PyTorch takes the whole picture's side.

    Args:
        images: float [B, R, R, 3].
        crop: Whether to cut; StyleGAN's numbers do, StyleGAN2's only for faces.

    Returns:
        float [B, r, r, 3].

    Reference:
        NVlabs/stylegan, metrics/perceptual_path_length.py.
    """
    # TensorFlow, which --help does without.
    import tensorflow as tf

    if crop:
        c = images.shape[1] // 8
        images = images[:, 3 * c : 7 * c, 2 * c : 6 * c]
    factor = images.shape[1] // SIDE
    return tf.nn.avg_pool2d(images, factor, factor, "VALID") if factor > 1 else images


def describe(result: Mapping[str, Any]) -> str:
    """The length, and how it was measured."""
    facts, length = result["facts"], result["length"]
    paths = facts["paths"]
    rows = [["path length", tables.show(length, digits=2)]]
    place = {"full": "anywhere on paths", "end": "at the beginnings of paths"}
    words = [
        facts["features"],
        f"{length.count:,} pairs",
        f"steps of {paths['epsilon']:g} in {paths['space'].upper()}, {place[paths['sampling']]}",
        "the 1st to the 99th percentile",
        "faces cut out" if paths["crop"] else "whole pictures",
    ]
    title = "Perceptual path length [bootstrap 95 %]"
    return f"{tables.lay_out(title, rows)}\n{tables.made_line(words, facts['generated'])}"


PPL = Metric(
    "ppl",
    "perceptual path length",
    100_000,
    "pairs",
    measure,
    describe,
    lambda result: {"ppl": result["length"].value},
    network="lpips_vgg",
    options=("ppl_space", "ppl_sampling", "ppl_epsilon", "ppl_crop"),
)
