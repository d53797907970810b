"""What each kind of model is exported as: its uses, and inputs to check and calibrate them with."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tfgan.data.avatars import draw, person_of
from tfgan.label_sets import LabelSet, encode_labels, label_count, label_slices
from tfgan.litert import Arrays
from tfgan.loading import ModelError, class_of

# TensorFlow is not imported here: --help and early mistakes need not wait for it.

Run = Callable[[str, Arrays], Arrays]  # a signature's name and inputs -> its outputs

PSIS = (1.0, 0.7)
STRENGTHS = (1.0, 1.0, 1.5)  # of asked labels; 1.5 is stronger than in training

# What inputs and outputs of these names hold, for manifests.
IMAGES = {
    "layout": "batch, height, width, channels",
    "channels": "RGB",
    "about": "Give values in value_range. What comes out may lie outside of it: clip it.",
}
LATENTS = {"distribution": "normal", "mean": 0.0, "standard_deviation": 1.0}
# What `tfgan.generate` does to a photo, too.
PHOTOS = {
    "orientation": "turned as its EXIF data says",
    "crop": "the largest square at the centre; an odd pixel is cut off at the right or below",
    "filter": "Lanczos with a = 3, wider by the factor of the reduction",
    "transparency": "on white",
}


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


class Shown(NamedTuple):
    """What a report shows of the inputs of an example.

    Attributes:
        told: In words.
        pictures: Those that its picture is made of, [R, R, 3] in [-1, 1], by name.
    """

    told: str
    pictures: dict[str, np.ndarray]


class Flow(NamedTuple):
    """A way to pictures.

    Attributes:
        signatures: What it runs.
        pictures: Takes something that runs signatures, and drawn inputs; returns float32
            [N, R, R, 3].
        shown: Takes the same inputs, and says what each example was given; None for a way that
            reports need not show, for others make the same pictures.
    """

    signatures: tuple[str, ...]
    pictures: Callable[[Run, Arrays], np.ndarray]
    shown: Callable[[Arrays], list[Shown]] | None = None


class Usage(NamedTuple):
    """Python that makes a picture, in lines.

    Attributes:
        inputs: Import NumPy and Pillow, and make what signatures take, as arrays.
        tflite: Make `images` with signatures of a `.tflite` file, which `use` gives by name.
        saved_model: By name of an input of the default signature, the array that it takes.
    """

    inputs: Sequence[str]
    tflite: Sequence[str]
    saved_model: dict[str, str]


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
        usage: How a picture is made in Python.
        choices: Number of classes or domains, or of labels of the largest set, that examples are
            spread over; 1 where there is nothing to choose.
        loose_share: Share of an output's values that may differ from Keras by any amount.
    """

    model: Any
    facts: dict[str, Any]
    signatures: dict[str, Signature]
    default: str
    timed: str
    flows: tuple[Flow, ...]
    draw: Callable[[Sequence[int], np.ndarray], list[Arrays]]
    usage: Usage
    choices: int = 1
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


def snippet(exportable: Exportable, path: str, in_tflite: bool) -> str:
    """Python that makes a picture with an exported file, without this package.

    Args:
        exportable: What the file is of.
        path: Of the `.tflite` file or the SavedModel.
        in_tflite: Which of the two it is.
    """
    usage = exportable.usage
    tensors = ", ".join(f"{key}=tf.constant({name})" for key, name in usage.saved_model.items())
    if in_tflite:
        package, opened = "ai-edge-litert", f'Interpreter("{path}").get_signature_runner'
        imported = "from ai_edge_litert.interpreter import Interpreter"
        made = [f"use = {opened}", *usage.tflite]
    else:
        package, imported = "tensorflow", "import tensorflow as tf"
        made = [
            f'model = tf.saved_model.load("{path}")',
            f'use = model.signatures["{exportable.default}"]',
            f'images = use({tensors})["images"].numpy()',
        ]
    lines = [
        f"# pip install {package} numpy pillow",
        imported,
        *usage.inputs,
        "",
        *made,
        "pixels = np.clip((images[0] + 1) * 127.5, 0, 255).round().astype(np.uint8)",
        'Image.fromarray(pixels).save("picture.png")',
    ]
    return "\n".join(lines)


def _comment(*words: str) -> str:
    """A comment of names, in quotes: what ends a line, or turns it around, is spelled out.

    Names of classes are those of somebody's folders, and what follows a line end would be run.
    """
    return f"# {': '.join(map(repr, words))}"


def _photo(size: int) -> list[str]:
    """Lines that read a photo as `tfgan.generate` does, to the pixel."""
    return [
        "import numpy as np",
        "from PIL import Image, ImageOps",
        "",
        'photo = ImageOps.exif_transpose(Image.open("photo.jpg")).convert("RGB")',
        "side = min(photo.size)",
        "left, top = (photo.width - side) // 2, (photo.height - side) // 2",
        "photo = photo.crop((left, top, left + side, top + side))  # the centre",
        f"photo = photo.resize(({size}, {size}), Image.Resampling.LANCZOS)",
        "photos = np.asarray(photo, np.float32)[None] / 127.5 - 1",
    ]


def _random_latents(model) -> str:
    return (
        f"latents = np.random.default_rng(0).standard_normal((1, {model.latent_dim}), np.float32)"
    )


def _label_lines(sets: Sequence[LabelSet]) -> list[str]:
    """Lines of a label vector that asks for the first label of the first set, with all names."""
    values = encode_labels(sets, 0, np.eye(1, len(sets[0].names)))[0]
    several = len(sets) > 1
    comments = [
        _comment(one.name, name) if several else _comment(name)
        for one in sets
        for name in one.names
    ]
    if several:
        comments += [f"{_comment(one.name)}: the labels of this set are asked for" for one in sets]
    places = (f"    {value:g},  {words}" for value, words in zip(values, comments, strict=True))
    return ["asked = [", *places, "]", "labels = np.array([asked], np.float32)"]


def drawn_faces(numbers: Sequence[int], resolution: int) -> np.ndarray:
    """Faces that our own code draws, float32 [N, R, R, 3] in [-1, 1]."""
    faces = [np.asarray(draw(person_of(0, i), resolution), np.float32) for i in numbers]
    return np.stack(faces) / 127.5 - 1


def _latents(model, numbers: Sequence[int]) -> np.ndarray:
    draws = [
        np.random.default_rng(i).standard_normal(model.latent_dim, np.float32) for i in numbers
    ]
    return np.stack(draws)


def spread(numbers: Sequence[int], count: int) -> np.ndarray:
    """Places from 0 to count - 1 that examples ask for, int32 [N].

    A few consecutive numbers have places that lie far apart, and `count` of them, from a multiple
    of `count` on, each place once. The order shifts by one each time: pictures of several folders
    come in turn, and each folder meets each place.

    Args:
        numbers: Of examples, [N].
        count: Of places.
    """
    # Of points in steps of the golden ratio, every further one falls into one of the widest gaps.
    points = np.arange(count) * (math.sqrt(5) - 1) / 2 % 1
    places = np.argsort(np.argsort(points))
    rounds, turns = np.divmod(np.asarray(numbers, np.int64), count)
    return ((places[turns] + rounds) % count).astype(np.int32)


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
    asked = ", labels=labels" if model.class_names else ""

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
            latents["labels"] = spread(numbers, len(model.class_names))
        scalars = [{"truncation_psi": psi, "noise_scale": 1.0} for psi in PSIS]
        return [
            {**latents, **{key: np.asarray(x, np.float32) for key, x in values.items()}}
            for values in scalars
        ]

    def shown(drawn):
        told = f"psi {drawn['truncation_psi']:g}"
        names = [f", {model.class_names[label]}" for label in drawn.get("labels", ())]
        names = names or [""] * len(drawn["latents"])
        return [Shown(f"latents {i + 1}, {told}{name}", {}) for i, name in enumerate(names)]

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
            "tensors": {
                "latents": LATENTS,
                **({"labels": {"about": "places in class_names"}} if model.class_names else {}),
                "truncation_psi": {
                    "range": [0.0, 1.0],
                    "default": PSIS[-1],
                    "about": "1: pictures as various as in training; 0: all alike",
                },
                "noise_scale": {
                    "range": [0.0, 1.0],
                    "default": 1.0,
                    "about": "1: fine detail as trained; 0: none",
                },
                "styles": {"about": "what map gives; truncate takes and gives them"},
                "images": IMAGES,
            },
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
            Flow(("map", "truncate", "synthesize"), in_parts, shown),
            Flow(("generate",), lambda run, drawn: run("generate", drawn)["images"]),
        ),
        draw=draw,
        usage=Usage(
            inputs=(
                "import numpy as np",
                "from PIL import Image",
                "",
                _random_latents(model),
                *(
                    [f"labels = np.array([0], np.int32)  {_comment(model.class_names[0])}"]
                    if model.class_names
                    else []
                ),
                "psi, scale = np.float32(0.7), np.float32(1)  # truncation, noise",
            ),
            tflite=(
                f'styles = use("map")(latents=latents{asked})["styles"]',
                'styles = use("truncate")(styles=styles, truncation_psi=psi)["styles"]',
                'images = use("synthesize")(styles=styles, noise_scale=scale)["images"]',
            ),
            saved_model={
                "latents": "latents",
                **({"labels": "labels"} if model.class_names else {}),
                "truncation_psi": "psi",
                "noise_scale": "scale",
            },
        ),
        choices=max(1, len(model.class_names)),
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

    def shown_latents(drawn):
        return [
            Shown(f"to {model.domain_names[label]}, latents {i + 1}", {"source": source})
            for i, (label, source) in enumerate(zip(drawn["labels"], drawn["images"], strict=True))
        ]

    def shown_references(drawn):
        pairs = zip(drawn["images"], np.roll(drawn["images"], 1, axis=0), strict=True)
        return [
            Shown(
                f"to {model.domain_names[label]}, style of the reference",
                {"source": source, "reference": reference},
            )
            for label, (source, reference) in zip(drawn["labels"], pairs, strict=True)
        ]

    def draw(numbers, pictures):
        latents, domains = _latents(model, numbers), spread(numbers, len(model.domain_names))
        return [{"images": pictures, "latents": latents, "labels": domains}]

    return Exportable(
        model=model,
        facts={
            **_attributes(
                model, "resolution", "value_range", "domain_names", "latent_dim", "style_dim"
            ),
            "tensors": {
                "latents": LATENTS,
                "labels": {"about": "places in domain_names"},
                "styles": {"about": "what style_from_latent and style_from_reference give"},
                "images": IMAGES,
            },
            "photos": PHOTOS,
        },
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
            Flow(("style_from_latent", "translate"), by_latent, shown_latents),
            Flow(("style_from_reference", "translate"), by_reference, shown_references),
            Flow(
                ("translate_to_domain",),
                lambda run, drawn: run("translate_to_domain", drawn)["images"],
            ),
        ),
        draw=draw,
        usage=Usage(
            inputs=(
                *_photo(size),
                _random_latents(model),
                f"domain = np.array([1], np.int32)  {_comment(model.domain_names[1])}",
            ),
            tflite=(
                'styles = use("style_from_latent")(latents=latents, labels=domain)["styles"]',
                'images = use("translate")(images=photos, styles=styles)["images"]',
            ),
            saved_model={"images": "photos", "latents": "latents", "labels": "domain"},
        ),
        choices=len(model.domain_names),
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
            values = in_turn = np.eye(count)[spread(numbers, count)]
            if label_set.kind == "attributes":
                others = [np.random.default_rng(i).random(count) < 0.3 for i in numbers]
                values = np.maximum(in_turn, others)
            for group in label_set.exclusive:
                places = [label_set.names.index(name) for name in group]
                one = np.argmax(in_turn[:, places] + values[:, places], axis=1)
                values[:, places] *= np.eye(len(places))[one]
            asked.append(encode_labels(sets, index, values * strengths))
        return [{"images": pictures, "labels": labels} for labels in asked]

    def told(vector):
        """Labels that are asked for, set by set."""
        words = []
        for label_set, part in zip(sets, label_slices(sets), strict=True):
            values = zip(label_set.names, vector[part], strict=True)
            asked = ", ".join(f"{name} {value:g}" for name, value in values if value)
            if asked:
                words.append(f"{label_set.name}: {asked}" if len(sets) > 1 else asked)
        return "; ".join(words)

    def shown(drawn):
        return [
            Shown(told(vector), {"source": source})
            for vector, source in zip(drawn["labels"], drawn["images"], strict=True)
        ]

    return Exportable(
        model=model,
        facts={
            **_attributes(model, "resolution", "value_range", "label_width"),
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
        flows=(Flow(("translate",), lambda run, drawn: run("translate", drawn)["images"], shown),),
        draw=draw,
        usage=Usage(
            inputs=(*_photo(size), *_label_lines(sets)),
            tflite=('images = use("translate")(images=photos, labels=labels)["images"]',),
            saved_model={"images": "photos", "labels": "labels"},
        ),
        choices=max(len(label_set.names) for label_set in sets),
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
