"""The formats that a model is exported in, and how each is written."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from export.compare import Expected, expect, mean_squared_error, reaches
from export.examples import examples_of
from export.families import ModelFamily
from export.signatures import Exportable
from tfgan.litert import Arrays, Runner
from tfgan.terminal import quiet

# TensorFlow and the quantizer are not imported here: --help need not wait for them.

BATCH = 4  # examples at a time while ranges are found
_LITERT = ("ai_edge_litert",)

KeptLayers = dict[str, list[str]]


class ExportFormat(NamedTuple):
    """A format that a model can be exported in.

    Attributes:
        about: One line for --help.
        path: File or folder, relative to the output folder.
        floor: Takes the family of the model, and what the user asks of forms of 8 bits; returns the
            PSNR in dB that is good enough.
        exact: Whether it computes as Keras does.
        in_tflite: Whether it is a `.tflite` file.
        calibrated: Whether it is made with real pictures, if the model takes pictures.
        modules: Optional packages that make it; see `tfgan.terminal.require`.
        write: Makes it at a path, and returns the layers kept in higher precision, by how they
            compute instead.
        open_runner: Loads it with so many threads.
    """

    about: str
    path: str
    floor: Callable[[ModelFamily, float | None], float]
    exact: bool
    in_tflite: bool
    calibrated: bool
    modules: tuple[str, ...]
    write: Callable[["Materials", Path, float], KeptLayers]
    open_runner: Callable[[Path, int], Runner]


class Materials:
    """What forms are made of, each made when it is first needed.

    Args:
        exportable: The model and its uses.
        pictures: One for each of the examples, float32 [N, R, R, 3]; models that take none do not
            look at them.
        expected: What Keras makes of the examples that are compared, as `export.compare.expect`
            says.
        facts: What files say of themselves.
    """

    def __init__(
        self,
        exportable: Exportable,
        pictures: np.ndarray,
        expected: Sequence[Expected],
        facts: dict[str, Any],
    ):
        self.exportable = exportable
        self.examples = examples_of(exportable.choices)
        self.pictures = pictures
        self.expected = expected
        self.facts = facts

    def draw(self, numbers: range) -> list[Arrays]:
        """Inputs of flows, batch by batch."""
        return self.exportable.draw(numbers, self.pictures[numbers.start : numbers.stop])

    @functools.cached_property
    def content(self) -> bytes:
        """The float32 `.tflite` file as it is converted."""
        from export import tflite

        return tflite.convert(self.exportable)

    @functools.cached_property
    def ranges(self):
        """Ranges of what goes into layers and comes out."""
        from export import quantization

        numbers = self.examples.calibrating
        batches = [numbers[i : i + BATCH] for i in range(0, len(numbers), BATCH)]
        drawn = [inputs for batch in batches for inputs in self.draw(batch)]
        return quantization.find_ranges(self.content, self.exportable, drawn)

    @functools.cached_property
    def searched(self) -> list[Expected]:
        """What Keras makes of other examples, which a search compares."""
        return expect(self.exportable, self.draw(self.examples.searched))

    def _error(self, content: bytes, expected: Sequence[Expected]) -> float:
        from tfgan.litert import open_runner

        return mean_squared_error(self.exportable, expected, open_runner(content, threads=2))

    def error_of(self, content: bytes) -> float:
        """Mean squared error of a few pictures that a file makes, as a share of their range."""
        first = self.searched[0].flow
        return self._error(content, [one for one in self.searched if one.flow is first])

    def is_good(self, content: bytes, floor: float) -> bool:
        """Whether pictures reach a PSNR, those of the search and those that the report compares."""
        return all(
            reaches(self._error(content, each), floor) for each in (self.searched, self.expected)
        )


def _write_saved_model(materials: Materials, path: Path, floor: float) -> KeptLayers:
    from export import saved_model

    with quiet():
        saved_model.write(materials.exportable, path)
    cases = {case.signature: case for one in materials.expected for case in one.cases}
    saved_model.write_warm_up(list(cases.values()), path)
    return {}


def _open_saved_model(path: Path, threads: int) -> Runner:
    from export import saved_model

    return saved_model.open_runner(path)


def _open_tflite(path: Path, threads: int) -> Runner:
    from tfgan.litert import open_runner

    return open_runner(path, threads)


def _write_file(
    materials: Materials, path: Path, content: bytes, name: str, kept: KeptLayers | None = None
) -> KeptLayers:
    from export import tflite

    kept = kept or {}
    facts = {**materials.facts, "form": name, "higher_precision_layers": kept}
    path.write_bytes(tflite.finish(content, facts))
    return kept


def _write_float32(materials: Materials, path: Path, floor: float) -> KeptLayers:
    return _write_file(materials, path, materials.content, "float32")


def _write_float16(materials: Materials, path: Path, floor: float) -> KeptLayers:
    from export import tflite

    return _write_file(materials, path, tflite.halve(materials.content), "float16")


def _write_quantized(
    name: str, activation_bits: int | None, materials: Materials, path: Path, floor: float
) -> KeptLayers:
    from export import quantization, tflite

    ranges = materials.ranges if activation_bits else {}
    ways = (quantization.DYNAMIC, quantization.FLOAT16)

    # The smaller way first.
    for way in ways if activation_bits else ways[1:]:

        def build(kept, way=way):
            args = materials.content, activation_bits, ranges, kept, way
            return tflite.halve(quantization.quantize(*args))

        layers = quantization.find_layers(materials.content, quantization.KEEPABLE[way])
        chosen = quantization.search(
            layers,
            build,
            materials.error_of,
            functools.partial(materials.is_good, floor=floor),
            f"Searching {name}",
        )
        if chosen.enough:
            break
    titles = list(dict.fromkeys(map(quantization.title, chosen.kept)))
    return _write_file(materials, path, chosen.content, name, {way: titles} if titles else {})


def _quantized(
    name: str, activation_bits: int | None, floor: Callable[[ModelFamily], float], about: str
) -> ExportFormat:
    return ExportFormat(
        about,
        f"{name}.tflite",
        lambda family, min_psnr: min_psnr or floor(family),
        exact=False,
        in_tflite=True,
        calibrated=activation_bits is not None,
        modules=(*_LITERT, "ai_edge_quantizer"),
        write=functools.partial(_write_quantized, name, activation_bits),
        open_runner=_open_tflite,
    )


FORMATS = {
    "saved-model": ExportFormat(
        "for TensorFlow and TensorFlow Serving, any batch size",
        "saved_model/1",
        lambda family, min_psnr: 100.0,
        exact=True,
        in_tflite=False,
        calibrated=False,
        modules=(),
        write=_write_saved_model,
        open_runner=_open_saved_model,
    ),
    "float32": ExportFormat(
        ".tflite as exact as Keras",
        "float32.tflite",
        lambda family, min_psnr: 100.0,
        exact=True,
        in_tflite=True,
        calibrated=False,
        modules=_LITERT,
        write=_write_float32,
        open_runner=_open_tflite,
    ),
    "float16": ExportFormat(
        ".tflite of half the size: weights in float16",
        "float16.tflite",
        lambda family, min_psnr: 60.0,
        exact=False,
        in_tflite=True,
        calibrated=False,
        modules=_LITERT,
        write=_write_float16,
        open_runner=_open_tflite,
    ),
    "dynamic": _quantized(
        "dynamic",
        None,
        lambda family: family.floor,
        ".tflite of a quarter: weights in int8, convolutions in int8 with ranges found per picture",
    ),
    "int8": _quantized(
        "int8",
        8,
        lambda family: 32.0,
        ".tflite of a quarter: the same with ranges found beforehand (calibrated)",
    ),
    "int16x8": _quantized(
        "int16x8",
        16,
        lambda family: 38.0,
        ".tflite of a quarter: convolutions in int16 with int8 weights (calibrated); slow on CPUs",
    ),
}
