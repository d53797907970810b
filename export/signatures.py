"""What each kind of model is exported as: signatures, and the inputs that they are checked with."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tfgan.data.avatars import draw, person_of
from tfgan.label_sets import encode_labels, label_count, label_slices
from tfgan.loading import ModelError, class_of

# TensorFlow is not imported here: --help and early mistakes need not wait for it.

Arrays = dict[str, np.ndarray]

SEEDS = (0, 1, 2)  # of latents and of drawn faces, one example each
PSIS = (1.0, 0.7)


class Spec(NamedTuple):
    """Type of a tensor; where the first axis is None, it is the batch."""

    shape: tuple[int | None, ...]
    dtype: str = "float32"


@dataclass(frozen=True)
class Signature:
    """One use of a model: named tensors in, named tensors out.

    Attributes:
        call: Takes the inputs by name and returns a dictionary of outputs, all batch first.
        inputs: Type of each input.
        in_tflite: Whether `.tflite` files have it. There every signature that uses a weight takes
            memory for it once more while it runs, so a whole that the app can put together from
            its parts is better left out.
    """

    call: Callable[..., dict[str, Any]]
    inputs: dict[str, Spec]
    in_tflite: bool = True


@dataclass(frozen=True)
class Case:
    """Inputs of a signature, and what the Keras model makes of them."""

    signature: str
    inputs: Arrays
    expected: Arrays


@dataclass(frozen=True)
class Exportable:
    """A float32 model with its uses.

    Attributes:
        model: The Keras model.
        facts: What a user of the files needs to know of it, as JSON can hold it.
        signatures: Its uses by name.
        default: What TensorFlow Serving answers with where no signature is asked for.
        timed: The signature whose latency is reported.
        examples: Signatures and inputs that they are checked with, at least one of each signature.
        loose_share: Share of an output's values that may differ from Keras by any amount.
    """

    model: Any
    facts: dict[str, Any]
    signatures: dict[str, Signature]
    default: str
    timed: str
    examples: list[tuple[str, Arrays]]
    loose_share: float = 0.0

    def cases(self) -> Iterator[Case]:
        """Runs the Keras model on the examples, one after another."""
        for name, inputs in self.examples:
            outputs = self.signatures[name].call(**inputs)
            yield Case(name, inputs, {key: np.asarray(value) for key, value in outputs.items()})


def in_float32(model) -> Any:
    """Returns the model, or a copy that computes in float32 if it computes in fewer bits."""
    config = model.get_config()
    if config["precision"] == "float32":
        return model
    if config["precision"] == "float16" and "clamp" in config and config["clamp"] is None:
        config["clamp"] = 256.0  # what None stands for in float16: the weights were trained with it
    copy = type(model).from_config({**config, "precision": "float32"})
    copy.build()
    copy.set_weights(model.get_weights())
    return copy


def _latents(model) -> np.ndarray:
    draws = [
        np.random.default_rng(seed).standard_normal(model.latent_dim, np.float32) for seed in SEEDS
    ]
    return np.stack(draws)


def _labels(count: int) -> np.ndarray:
    """Classes or domains in turn."""
    return np.arange(len(SEEDS), dtype=np.int32) % count


def _faces(resolution: int) -> np.ndarray:
    """Drawn faces, float32 [N, R, R, 3] in [-1, 1]."""
    faces = [np.asarray(draw(person_of(0, seed), resolution), np.float32) for seed in SEEDS]
    return np.stack(faces) / 127.5 - 1


def _attributes(model, *names: str) -> dict[str, Any]:
    return {name: getattr(model, name) for name in names}


def style_generator(model) -> Exportable:
    """A StyleGAN or StyleGAN2 generator: its parts, and `generate`, the whole.

    Of the layers the first `truncation_cutoff` are truncated, as published (null: all). The fixed
    noise maps are times `noise_scale`: 1 as trained, 0 for none. It is an input also because the
    `.tflite` converter would add constant maps to the biases: a map per channel instead of one.

    Args:
        model: A float32 generator.
    """
    latent = Spec((None, model.latent_dim))
    style = Spec((None, model.style_dim))
    styles = Spec((None, model.num_styles, model.style_dim))
    scalar = Spec(())
    classes = {"labels": Spec((None,), "int32")} if model.class_names else {}

    def map_(latents, labels=None):
        return {"styles": model.mapping(latents, labels)}

    def truncate(styles, truncation_psi):
        return {"styles": model.truncate(styles, truncation_psi)}

    def synthesize(styles, noise_scale):
        return {"images": model.synthesis(styles, model.synthesis.fixed_noise(noise_scale))}

    def generate(latents, truncation_psi, noise_scale, labels=None):
        noise = model.synthesis.fixed_noise(noise_scale)
        return {"images": model(latents, labels, truncation_psi=truncation_psi, noise=noise)}

    latents, scale = {"latents": _latents(model)}, {"noise_scale": np.asarray(1, np.float32)}
    if model.class_names:
        latents["labels"] = _labels(len(model.class_names))
    psis = [{"truncation_psi": np.asarray(psi, np.float32)} for psi in PSIS]
    mapped = {"styles": np.asarray(model.mapping(**latents))}
    truncated = {"styles": np.asarray(model.truncate(mapped["styles"], PSIS[-1]))}
    return Exportable(
        model=model,
        facts=_attributes(
            model,
            "resolution",
            "value_range",
            "class_names",
            "latent_dim",
            "style_dim",
            "num_styles",
            "truncation_cutoff",
        ),
        signatures={
            "map": Signature(map_, {"latents": latent, **classes}),
            "truncate": Signature(truncate, {"styles": style, "truncation_psi": scalar}),
            "synthesize": Signature(synthesize, {"styles": styles, "noise_scale": scalar}),
            "generate": Signature(
                generate,
                {"latents": latent, "truncation_psi": scalar, "noise_scale": scalar, **classes},
            ),
        },
        default="generate",
        timed="generate",
        examples=[
            ("map", latents),
            ("truncate", {**mapped, **psis[-1]}),
            ("synthesize", {**truncated, **scale}),
            *[("generate", {**latents, **psi, **scale}) for psi in psis],
        ],
    )


def stargan_v2(model) -> Exportable:
    """A StarGAN v2: two ways to a style, the translation to it, and both in one request.

    Args:
        model: A float32 model.
    """
    size, masked = model.resolution, model.landmarks is not None
    image = Spec((None, size, size, 3))
    latent = Spec((None, model.latent_dim))
    style = Spec((None, model.style_dim))
    label = Spec((None,), "int32")

    def style_from_latent(latents, labels):
        return {"styles": model.style_from_latent(latents, labels)}

    def style_from_reference(images, labels):
        return {"styles": model.style_from_reference(images, labels)}

    def translate(images, styles):
        return {"images": model.translate(images, styles)}

    def translate_to_domain(images, latents, labels):
        return {"images": model(images, latents, labels)}

    images = {"images": _faces(size)}
    latents = {"latents": _latents(model)}
    labels = {"labels": _labels(len(model.domain_names))}
    styles = {"styles": np.asarray(model.style_from_latent(**latents, **labels))}
    return Exportable(
        model=model,
        facts=_attributes(
            model, "resolution", "value_range", "domain_names", "latent_dim", "style_dim"
        ),
        signatures={
            "style_from_latent": Signature(style_from_latent, {"latents": latent, "labels": label}),
            "style_from_reference": Signature(
                style_from_reference, {"images": image, "labels": label}
            ),
            "translate": Signature(translate, {"images": image, "styles": style}),
            "translate_to_domain": Signature(
                translate_to_domain,
                {"images": image, "latents": latent, "labels": label},
                in_tflite=False,
            ),
        },
        default="translate_to_domain",
        timed="translate",
        examples=[
            ("style_from_latent", {**latents, **labels}),
            ("style_from_reference", {**images, **labels}),
            ("translate", {**images, **styles}),
            ("translate_to_domain", {**images, **latents, **labels}),
        ],
        # Masks jump where the heat of a landmark passes 0.1: rounding moves a few of their pixels
        # across, and with them what the skips let through around these.
        loose_share=0.01 if masked else 0.0,
    )


def stargan(model) -> Exportable:
    """A StarGAN: the translation to a label vector.

    A label vector holds the labels of all sets one after the other and, where there are several
    sets, their mask: `label_sets` of the facts says at which place the labels of a set start, and
    which place of the mask is 1 where its labels are asked for.

    Args:
        model: A float32 model.
    """
    size, sets = model.resolution, model.label_sets
    described = [
        {
            **asdict(label_set),
            "first": part.start,
            "mask": label_count(sets) + index if len(sets) > 1 else None,
        }
        for index, (label_set, part) in enumerate(zip(sets, label_slices(sets), strict=True))
    ]

    def translate(images, labels):
        return {"images": model.translate(images, labels)}

    images = _faces(size)
    asked = []
    for index, label_set in enumerate(sets):
        names = label_set.names
        # One label after another, the last one stronger than in training.
        values = np.eye(len(names))[np.arange(len(images)) % len(names)]
        values[-1] *= 1.5
        asked.append(encode_labels(sets, index, values))
    return Exportable(
        model=model,
        facts={
            **_attributes(model, "resolution", "value_range", "label_width"),
            "label_sets": described,
        },
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
        examples=[("translate", {"images": images, "labels": labels}) for labels in asked],
    )


class Kind(NamedTuple):
    """A kind of model that can be exported.

    Attributes:
        about: The names of its signatures, for --help.
        describe: Takes a float32 model.
    """

    about: str
    describe: Callable[[Any], Exportable]


STYLE_GENERATOR = Kind("map, truncate, synthesize, generate", style_generator)

# By class of the model.
KINDS = {
    "StyleGANGenerator": STYLE_GENERATOR,
    "StyleGAN2Generator": STYLE_GENERATOR,
    "StarGAN": Kind("translate", stargan),
    "StarGANv2": Kind(
        "style_from_latent, style_from_reference, translate,\n"
        "translate_to_domain (SavedModel alone)",
        stargan_v2,
    ),
}


def kind_of(path: Path) -> Kind:
    """What the model in a `.keras` file is exported as.

    Raises:
        ModelError: If models of its class are not exported, or the file is not a `.keras` file.
    """
    name = class_of(path)
    if name not in KINDS:
        raise ModelError(
            f"{', '.join(KINDS)} can be exported. Received: {path}, which holds a {name}. "
            "Give the model.keras of a training run."
        )
    return KINDS[name]
