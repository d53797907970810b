"""What a model is exported as: signatures, ways to pictures, and what users are told of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tfgan.litert import Arrays

# TensorFlow is not imported here: --help and early mistakes need not wait for it.

Run = Callable[[str, Arrays], Arrays]  # a signature's name and inputs -> its outputs

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
        shown: Takes the inputs of the examples from number 0 on, and says what each was given; None
            for a way that reports need not show, for others make the same pictures.
    """

    signatures: tuple[str, ...]
    pictures: Callable[[Run, Arrays], np.ndarray]
    shown: Callable[[Arrays], list[Shown]] | None = None


class Usage(NamedTuple):
    """Python that makes a picture; see `export.usage`.

    Attributes:
        inputs: Imports NumPy and Pillow, and makes what signatures take, as arrays.
        tflite: Makes `images` with signatures of a `.tflite` file, which `use` gives by name.
        saved_model: By name of an input of the default signature, the array that it takes.
    """

    inputs: str
    tflite: str
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
        draw: Takes numbers, one for each example, which are the seeds of its latents, and pictures
            [N, R, R, 3] of which example i takes the one at place i; returns inputs of flows, batch
            by batch.
        usage: How a picture is made in Python.
        system: Name of the system, for people.
        panels: What the app lets users choose, by names of its `PANELS` (`mobile_demo/src/
            manifest.ts`); the first says which screen it is.
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
    system: str
    panels: tuple[str, ...]
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


def attributes_of(model, *names: str) -> dict[str, Any]:
    """Attributes of a model by name, for its facts."""
    return {name: getattr(model, name) for name in names}
