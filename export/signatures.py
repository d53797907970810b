"""What each kind of model is exported as: its uses, and inputs to check and calibrate them with."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tfgan.data.avatars import draw, person_of
from tfgan.label_sets import encode_labels, label_count, label_slices
from tfgan.litert import Arrays
from tfgan.loading import ModelError, class_of

# TensorFlow is not imported here: --help and early mistakes need not wait for it.

Run = Callable[[str, Arrays], Arrays]  # a signature's name and inputs -> its outputs

PSIS = (1.0, 0.7)
STRENGTHS = (1.0, 1.0, 1.5)  # of asked labels; 1.5 is stronger than in training


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
            its parts is left out.
    """

    call: Callable[..., dict[str, Any]]
    inputs: dict[str, Spec]
    in_tflite: bool = True


class Flow(NamedTuple):
    """A way to pictures.

    Attributes:
        signatures: What it runs.
        pictures: Takes something that runs signatures, and drawn inputs; returns float32
            [N, R, R, 3].
    """

    signatures: tuple[str, ...]
    pictures: Callable[[Run, Arrays], np.ndarray]


class Case(NamedTuple):
    """Inputs of a signature, and what something makes of them."""

    signature: str
    inputs: Arrays
    outputs: Arrays


@dataclass(frozen=True)
class Exportable:
    """A float32 model with its uses.

    Attributes:
        model: The Keras model.
        facts: What a user of the files needs to know of it, as JSON can hold it.
        signatures: Its uses by name.
        default: What TensorFlow Serving answers with where no signature is asked for.
        timed: The signature whose latency is reported.
        flows: All ways to pictures; together they run every signature.
        draw: Takes numbers, one for each example, and pictures [N, R, R, 3] of which example i
            takes the one at place i; returns inputs of flows, batch by batch.
        usage: Python that makes a picture with a `.tflite` file, named `{file}`.
        shown: Name of the input that a picture is made of, where a report should show it.
        loose_share: Share of an output's values that may differ from Keras by any amount.
    """

    model: Any
    facts: dict[str, Any]
    signatures: dict[str, Signature]
    default: str
    timed: str
    flows: tuple[Flow, ...]
    draw: Callable[[Sequence[int], np.ndarray], list[Arrays]]
    usage: str
    shown: str | None = None
    loose_share: float = 0.0

    @property
    def in_tflite(self) -> list[str]:
        """The signatures of `.tflite` files."""
        return [name for name, signature in self.signatures.items() if signature.in_tflite]

    def flows_of(self, signatures: Sequence[str]) -> list[Flow]:
        """The ways to pictures that need no other signatures."""
        return [flow for flow in self.flows if set(flow.signatures) <= set(signatures)]

    def run(self, name: str, inputs: Arrays) -> Arrays:
        """Runs a signature with Keras."""
        outputs = self.signatures[name].call(**inputs)
        return {key: np.asarray(value) for key, value in outputs.items()}


def follow(flow: Flow, run: Run, drawn: Arrays) -> tuple[list[Case], np.ndarray]:
    """Makes pictures, and remembers every signature that is run on the way."""
    cases: list[Case] = []

    def remember(name: str, inputs: Arrays) -> Arrays:
        cases.append(Case(name, inputs, run(name, inputs)))
        return cases[-1].outputs

    pictures = flow.pictures(remember, drawn)
    return cases, pictures


def _usage(*lines: str) -> str:
    """Python that runs signatures of a file, the last of which gives `images`."""
    return "\n".join(
        [
            "import numpy as np",
            "from ai_edge_litert.interpreter import Interpreter",
            "from PIL import Image",
            "",
            'use = Interpreter("{file}").get_signature_runner',
            *lines,
            "pixels = np.clip((images[0] + 1) * 127.5, 0, 255).round().astype(np.uint8)",
            'Image.fromarray(pixels).save("picture.png")',
        ]
    )


def _random_latents(model) -> str:
    return (
        f"latents = np.random.default_rng(0).standard_normal((1, {model.latent_dim}), np.float32)"
    )


def _photo(size: int) -> tuple[str, str]:
    """Lines that read a photo as a model takes it."""
    return (
        f'photo = Image.open("photo.png").convert("RGB").resize(({size}, {size}))',
        "images = np.asarray(photo, np.float32)[None] / 127.5 - 1",
    )


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


def drawn_faces(numbers: Sequence[int], resolution: int) -> np.ndarray:
    """Faces that our own code draws, float32 [N, R, R, 3] in [-1, 1]."""
    faces = [np.asarray(draw(person_of(0, i), resolution), np.float32) for i in numbers]
    return np.stack(faces) / 127.5 - 1


def _latents(model, numbers: Sequence[int]) -> np.ndarray:
    draws = [
        np.random.default_rng(i).standard_normal(model.latent_dim, np.float32) for i in numbers
    ]
    return np.stack(draws)


def _labels(numbers: Sequence[int], count: int) -> np.ndarray:
    """Classes or domains in turn."""
    return np.asarray(numbers, np.int32) % count


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
    asked = ", labels=np.array([0], np.int32)" if model.class_names else ""

    def map_(latents, labels=None):
        return {"styles": model.mapping(latents, labels)}

    def truncate(styles, truncation_psi):
        return {"styles": model.truncate(styles, truncation_psi)}

    def synthesize(styles, noise_scale):
        return {"images": model.synthesis(styles, model.synthesis.fixed_noise(noise_scale))}

    def generate(latents, truncation_psi, noise_scale, labels=None):
        noise = model.synthesis.fixed_noise(noise_scale)
        return {"images": model(latents, labels, truncation_psi=truncation_psi, noise=noise)}

    def in_parts(run, drawn):
        rest = ("truncation_psi", "noise_scale")
        styles = run("map", {key: x for key, x in drawn.items() if key not in rest})["styles"]
        psi = drawn["truncation_psi"]
        styles = run("truncate", {"styles": styles, "truncation_psi": psi})["styles"]
        scale = drawn["noise_scale"]
        return run("synthesize", {"styles": styles, "noise_scale": scale})["images"]

    def draw(numbers, _):
        latents = {"latents": _latents(model, numbers)}
        if model.class_names:
            latents["labels"] = _labels(numbers, len(model.class_names))
        scalars = [{"truncation_psi": psi, "noise_scale": 1.0} for psi in PSIS]
        return [
            {**latents, **{key: np.asarray(x, np.float32) for key, x in values.items()}}
            for values in scalars
        ]

    return Exportable(
        model=model,
        facts={
            **_attributes(
                model,
                "resolution",
                "value_range",
                "class_names",
                "latent_dim",
                "style_dim",
                "num_styles",
                "truncation_cutoff",
            ),
            "truncation_psi": PSIS[-1],
        },
        signatures={
            "map": Signature(map_, {"latents": latent, **classes}),
            "truncate": Signature(truncate, {"styles": style, "truncation_psi": scalar}),
            "synthesize": Signature(synthesize, {"styles": styles, "noise_scale": scalar}),
            "generate": Signature(
                generate,
                {"latents": latent, "truncation_psi": scalar, "noise_scale": scalar, **classes},
                in_tflite=False,
            ),
        },
        default="generate",
        timed="synthesize",
        flows=(
            Flow(("map", "truncate", "synthesize"), in_parts),
            Flow(("generate",), lambda run, drawn: run("generate", drawn)["images"]),
        ),
        draw=draw,
        usage=_usage(
            _random_latents(model),
            f'styles = use("map")(latents=latents{asked})["styles"]',
            "psi, scale = np.float32(0.7), np.float32(1)  # truncation, noise",
            'styles = use("truncate")(styles=styles, truncation_psi=psi)["styles"]',
            'images = use("synthesize")(styles=styles, noise_scale=scale)["images"]',
        ),
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

    def by_latent(run, drawn):
        inputs = {key: drawn[key] for key in ("latents", "labels")}
        styles = run("style_from_latent", inputs)["styles"]
        return run("translate", {"images": drawn["images"], "styles": styles})["images"]

    def by_reference(run, drawn):
        references = np.roll(drawn["images"], 1, axis=0)
        inputs = {"images": references, "labels": drawn["labels"]}
        styles = run("style_from_reference", inputs)["styles"]
        return run("translate", {"images": drawn["images"], "styles": styles})["images"]

    def draw(numbers, pictures):
        latents, domains = _latents(model, numbers), _labels(numbers, len(model.domain_names))
        return [{"images": pictures, "latents": latents, "labels": domains}]

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
        flows=(
            Flow(("style_from_latent", "translate"), by_latent),
            Flow(("style_from_reference", "translate"), by_reference),
            Flow(
                ("translate_to_domain",),
                lambda run, drawn: run("translate_to_domain", drawn)["images"],
            ),
        ),
        draw=draw,
        usage=_usage(
            *_photo(size),
            _random_latents(model),
            f"domain = np.array([1], np.int32)  # {model.domain_names[1]}",
            'styles = use("style_from_latent")(latents=latents, labels=domain)["styles"]',
            'images = use("translate")(images=images, styles=styles)["images"]',
        ),
        shown="images",
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

    def draw(numbers, pictures):
        strengths = np.asarray(STRENGTHS)[np.asarray(numbers) % len(STRENGTHS), None]
        asked = []
        for index, label_set in enumerate(sets):
            count = len(label_set.names)
            values = np.eye(count)[np.asarray(numbers) % count]
            if label_set.kind == "attributes":
                others = [np.random.default_rng(i).random(count) < 0.3 for i in numbers]
                values = np.maximum(values, others)
            asked.append(encode_labels(sets, index, values * strengths))
        return [{"images": pictures, "labels": labels} for labels in asked]

    first = np.eye(1, len(sets[0].names))  # the first label of the first set alone
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
        flows=(Flow(("translate",), lambda run, drawn: run("translate", drawn)["images"]),),
        draw=draw,
        usage=_usage(
            *_photo(size),
            f"labels = np.array([{encode_labels(sets, 0, first)[0].tolist()}], np.float32)",
            'images = use("translate")(images=images, labels=labels)["images"]',
        ),
        shown="images",
    )


class Kind(NamedTuple):
    """A kind of model that can be exported.

    Attributes:
        about: The names of its signatures, for --help.
        describe: Takes a float32 model.
        takes_pictures: Whether it makes its pictures of others.
        floor: PSNR in dB that forms of 8 bits should reach.
    """

    about: str
    describe: Callable[[Any], Exportable]
    takes_pictures: bool
    floor: float


STYLE_GENERATOR = Kind(
    "map, truncate, synthesize, generate (SavedModel alone)",
    style_generator,
    takes_pictures=False,
    floor=38.0,
)

# By class of the model.
KINDS = {
    "StyleGANGenerator": STYLE_GENERATOR,
    "StyleGAN2Generator": STYLE_GENERATOR,
    "StarGAN": Kind("translate", stargan, takes_pictures=True, floor=35.0),
    "StarGANv2": Kind(
        "style_from_latent, style_from_reference, translate,\n"
        "translate_to_domain (SavedModel alone)",
        stargan_v2,
        takes_pictures=True,
        floor=35.0,
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
