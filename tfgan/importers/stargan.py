"""Published StarGAN: yunjey/stargan's `*-G.ckpt` and `*-D.ckpt` as `StarGAN` and discriminator."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tfgan.importers import CheckpointError
from tfgan.importers.parts import DISCRIMINATOR, Options, Part
from tfgan.importers.weights import Names, load
from tfgan.label_sets import LabelSet

STATISTICS = (
    r"\.(running_mean|running_var|num_batches_tracked)$",
    "running statistics of instance norms, which are never used, not even for inference",
)
_SINGULAR = {"attributes": "attribute", "classes": "class"}
_FIRST = "main.0.weight"
_FIRST_BLOCK = 9  # number of the first residual block


class Weights(NamedTuple):
    """Weights from published files.

    Attributes:
        generator: Published name -> array.
        discriminator: The same; empty without a file.
    """

    generator: Mapping[str, Any]
    discriminator: Mapping[str, Any]


def count_blocks(generator: Mapping[str, Any]) -> int:
    """Residual blocks of a generator of published weights by name."""
    return sum(
        bool(re.fullmatch(r"main\.\d{1,3}\.main\.0\.weight", str(name))) for name in generator
    )


def generator_names(num_blocks: int) -> Names:
    """Names of the generator, which count layers and activations."""
    up = _FIRST_BLOCK + num_blocks
    firsts = {0: "from_rgb", 3: "down0", 6: "down1", up: "up0", up + 3: "up1", up + 6: "to_rgb"}
    places = {**firsts, **{place + 1: f"{name}_norm" for place, name in firsts.items()}}

    def in_block(match: re.Match[str]) -> str:
        layer = {"0": "conv1", "1": "norm1", "3": "conv2", "4": "norm2"}[match[2]]
        return f"generator.b{int(match[1]) - _FIRST_BLOCK}.{layer}"

    return Names(
        "StarGAN's generator",
        (
            (r"^main\.(\d{1,3})\.main\.([0134])\b", in_block),
            (r"^main\.(\d{1,3})\b", lambda m: f"generator.{places.get(int(m[1]), m[0])}"),
            (r"(norm\d?)\.weight$", r"\1.gamma"),
            (r"(norm\d?)\.bias$", r"\1.beta"),
            (r"weight$", "kernel"),
        ),
        (STATISTICS,),
    )


DISCRIMINATOR_NAMES = Names(
    "StarGAN's discriminator",
    (
        (r"^conv1\b", "score"),
        (r"^conv2\b", "classifier"),
        (r"^main\.(\d?[02468])\b", lambda m: f"conv{int(m[1]) // 2}"),
        (r"weight$", "kernel"),
    ),
    (),
)


def find(files: Mapping[Path, Any]) -> Weights | None:
    """Weights of StarGAN in the contents of one or two files; None if they hold none.

    Raises:
        CheckpointError: If they hold only a discriminator.
    """
    generators, discriminators = [], []
    for contents in files.values():
        if not isinstance(contents, dict) or np.ndim(contents.get(_FIRST, 0)) != 4:
            return None
        if "conv1.weight" in contents and "conv2.weight" in contents:
            discriminators.append(contents)
        elif f"main.{_FIRST_BLOCK}.weight" in contents or count_blocks(contents):
            generators.append(contents)
        else:
            return None
    if len(generators) > 1 or len(discriminators) > 1:
        return None
    if not generators:
        raise CheckpointError(
            "it holds only a discriminator of StarGAN. Give the generator with it: the file of "
            "the same number that ends in -G.ckpt."
        )
    return Weights(generators[0], discriminators[0] if discriminators else {})


def label_sets(options: Options, width: int, num_labels: int | None) -> list[LabelSet]:
    """Label sets of a network.

    Args:
        options: Names of the labels of each set, and groups of mutually exclusive labels.
        width: Width of the generator's label vectors.
        num_labels: Number of labels of the discriminator; None without one.

    Raises:
        CheckpointError: If the options do not fit, or are incomplete.
    """
    ways = (
        "`attributes` NAME ... for labels that are true or not each by itself, such as Male, or "
        "`names` NAME ... for those of which exactly one is true, such as expressions; once for "
        "each data set it was trained on, in order"
    )
    if not options.labels:
        raise CheckpointError(
            f"its label vectors are {width} wide, and it cannot tell what they mean. Give {ways}. "
            "Without a NAME the labels of a single set are numbered."
        )
    masks = len(options.labels) if len(options.labels) > 1 else 0
    sets = []
    for i, (kind, names) in enumerate(options.labels):
        if not names and not masks:
            names = tuple(f"{_SINGULAR[kind]}{j}" for j in range(width))
        inside = [group for group in options.exclusive if set(group) <= set(names)]
        try:
            sets.append(
                LabelSet(
                    f"set{i}" if masks else "published", kind, names, tuple(map(tuple, inside))
                )
            )
        except ValueError as error:
            raise CheckpointError(str(error)) from error
    unknown = [g for g in options.exclusive if not any(set(g) <= set(s.names) for s in sets)]
    if unknown:
        raise CheckpointError(
            field="exclusive",
            expected="must name attributes of one set",
            received="; ".join(" ".join(group) for group in unknown),
        )
    count = sum(len(label_set.names) for label_set in sets)
    if count + masks != width or num_labels not in (None, count):
        more = f", {num_labels} of them labels" if num_labels is not None else ""
        raise CheckpointError(
            f"its label vectors are {width} wide{more}; the rest is one mask for each of two or "
            f"more sets. Received: {count} names of {len(sets)} sets. Give {ways}."
        )
    return sets


def _resolution(weights: Weights, options: Options) -> int:
    if weights.discriminator:
        kernel = np.shape(weights.discriminator["conv2.weight"])
        resolution = kernel[-1] << discriminator_levels(weights.discriminator) if kernel else 0
        if options.resolution not in (None, resolution):
            raise CheckpointError(
                field="resolution",
                expected=f"must be {resolution}, that of the discriminator",
                received=options.resolution,
            )
        return resolution
    if options.resolution is None:
        raise CheckpointError(
            "its generator takes pictures of any size, and cannot tell which it was trained on. "
            "Give the discriminator with it (the file that ends in -D.ckpt), or `resolution`: 128 "
            "unless it was changed."
        )
    return options.resolution


def discriminator_levels(discriminator: Mapping[str, Any]) -> int:
    """Halvings of H and W in a discriminator of published weights by name."""
    return sum(bool(re.fullmatch(r"main\.\d+\.weight", str(name))) for name in discriminator)


def convert(weights: Weights, options: Options) -> list[Part]:
    """Converts published weights to models.

    Args:
        weights: Result of `find`.
        options: Label sets; also the resolution, without a discriminator.

    Returns:
        The generator and, if there is one, the discriminator.

    Raises:
        CheckpointError: If the options do not fit, or are incomplete.
    """
    known = np.shape(weights.discriminator.get("conv2.weight", 0))
    num_labels = known[0] if known else None
    first = np.shape(weights.generator[_FIRST])
    sets = label_sets(options, first[1] - 3, num_labels)
    resolution = _resolution(weights, options)
    num_blocks = count_blocks(weights.generator)

    def generator() -> tuple[Any, list[str]]:
        from tfgan.models.stargan import StarGAN

        return load(
            lambda: StarGAN(resolution, sets, first[0], num_blocks, name="stargan"),
            weights.generator,
            generator_names(num_blocks),
        )

    def discriminator() -> tuple[Any, list[str]]:
        from tfgan.models.stargan import StarGANDiscriminator

        width = np.shape(weights.discriminator[_FIRST])[0]
        levels = discriminator_levels(weights.discriminator)
        return load(
            lambda: StarGANDiscriminator(
                resolution, num_labels or 0, width, levels, name="discriminator"
            ),
            weights.discriminator,
            DISCRIMINATOR_NAMES,
        )

    listed = "; ".join(f"{s.kind} {', '.join(s.names)}" for s in sets)
    about = f"StarGAN (yunjey/stargan), {resolution} x {resolution} pixels, {listed}"
    parts = [Part("", about, generator, _translate)]
    if weights.discriminator:
        parts.append(Part(DISCRIMINATOR, "its discriminator", discriminator, None))
    return parts


def _translate(model: Any) -> Any:
    images = np.random.default_rng(0).uniform(-1, 1, (1, model.resolution, model.resolution, 3))
    return model(images.astype(np.float32), np.ones((1, model.label_width), np.float32))
