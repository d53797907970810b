"""Forms of 8 bits: which operators compute how, and which layers are kept in
higher precision."""

import contextlib
import io
import re
import warnings
from collections.abc import Callable, Collection, Iterable
from typing import Any, NamedTuple

import numpy as np
from ai_edge_quantizer.qtyping import TFLOperationName
from ai_edge_quantizer.quantizer import Quantizer

from export import flatbuffer
from export.signatures import Exportable
from tfgan.litert import Arrays, open_interpreter, run_each
from tfgan.terminal import Progress

CONVOLUTIONS = ("CONV_2D", "TRANSPOSE_CONV")
DENSE = ("FULLY_CONNECTED", "BATCH_MATMUL")
# As the quantizer calls them.
_CONVOLUTIONS = (TFLOperationName.CONV_2D, TFLOperationName.CONV_2D_TRANSPOSE)
_DENSE = (TFLOperationName.FULLY_CONNECTED, TFLOperationName.BATCH_MATMUL)
_WEIGHT_BITS = 8
# Fallbacks for convolutions that lose too much precision in a format: with int8 weights and
# ranges found for each picture, or with float16 weights, which are twice as large.
DYNAMIC, FLOAT16 = "dynamic", "float16"
KEEPABLE = {DYNAMIC: CONVOLUTIONS, FLOAT16: (*CONVOLUTIONS, *DENSE)}

Ranges = dict[str, dict[str, np.ndarray]]


class Layer(NamedTuple):
    """A convolution or a dense layer.

    Attributes:
        name: Of its output in the float32 file.
        size: Number of its weights.
    """

    name: str
    size: int


class Chosen(NamedTuple):
    """A form that was searched for.

    Attributes:
        content: Of the file.
        kept: Names of layers that are kept in higher precision.
        enough: Whether it is good enough.
    """

    content: bytes
    kept: list[str]
    enough: bool


def find_layers(content: bytes, kinds: Collection[str]) -> list[Layer]:
    """The layers of a float32 file that have weights, each once, in the order of their names.

    Args:
        content: Of the file.
        kinds: Operators that count.
    """
    flat = flatbuffer.read(content)
    sizes = {}
    for graph in flat.subgraphs:
        for operator in graph.operators:
            if flatbuffer.kind_of(flat, operator) in kinds:
                weights = graph.tensors[operator.inputs[1]]
                name = graph.tensors[operator.outputs[0]].name.decode()
                sizes[name] = len(flatbuffer.constant(flat, weights)) // 4
    return [Layer(name, sizes[name]) for name in sorted(sizes) if sizes[name]]


def title(layer: str) -> str:
    """Name of a layer for people: of its output, without operator and marks of the converter.

    Parts of a layer that `export.xnnpack` makes of it have its name.
    """
    name = re.sub(r"/(part|squares)\d+$", "", layer.partition(";")[0])
    above = re.sub(r"_1(?=/|$)", "", name).rpartition("/")[0]
    return above or "the output"


def find_ranges(content: bytes, exportable: Exportable, drawn: Iterable[Arrays]) -> Ranges:
    """Smallest and largest values that go into convolutions of a float32 file and come out.

    All values count, not percentiles: what is cut off here is what one sees first.

    Args:
        content: Of the file.
        exportable: Its model.
        drawn: What flows are run on.
    """
    flat = flatbuffer.read(content)
    places: list[set[int]] = [set() for _ in flat.subgraphs]
    for graph, found in zip(flat.subgraphs, places, strict=True):
        for operator in graph.operators:
            if flatbuffer.kind_of(flat, operator) in CONVOLUTIONS:
                found.update([*operator.inputs, *operator.outputs])
    with warnings.catch_warnings(action="ignore"):  # all tensors take memory: they are looked at
        interpreter = open_interpreter(content, threads=2, experimental_preserve_all_tensors=True)
    graphs = {one.signatureKey.decode(): one.subgraphIndex for one in flat.signatureDefs}
    ranges: dict[str, list[Any]] = {}

    def run(name: str, inputs: Arrays) -> Arrays:
        graph, runner = graphs[name], interpreter.get_signature_runner(name)

        def call(**one):
            outputs = runner(**one)
            for place in places[graph]:
                tensor = flat.subgraphs[graph].tensors[place]
                if tensor.type != flatbuffer.schema.TensorType.FLOAT32:
                    continue
                if flatbuffer.constant(flat, tensor):
                    continue
                values = interpreter.get_tensor(place, graph)
                low, high, _ = ranges.get(tensor.name.decode(), [np.inf, -np.inf, 0])
                ranges[tensor.name.decode()] = [
                    min(low, values.min()),
                    max(high, values.max()),
                    values.ndim,
                ]
            return outputs

        return run_each(call, inputs)

    for one in drawn:
        for flow in exportable.flows_of(exportable.in_tflite):
            flow.pictures(run, one)
    return {
        name: {
            "min": np.full([1] * rank, low, np.float32),
            "max": np.full([1] * rank, high, np.float32),
        }
        for name, (low, high, rank) in ranges.items()
    }


def quantize(
    content: bytes,
    activation_bits: int | None,
    ranges: Ranges,
    kept: Collection[str] = (),
    way: str = FLOAT16,
) -> bytes:
    """Quantises a float32 file.

    Weights of convolutions and of dense layers become int8, with a scale for each output channel.
    Dense layers compute in float32: they are cheap, and decide the style of all that follows.
    Normalisations and activations do as well, for their errors would show everywhere.

    Args:
        content: Of the float32 file.
        activation_bits: 8 or 16, in which convolutions compute within known ranges; None: 8, in
            ranges that the runtime finds for each picture.
        ranges: What `find_ranges` gave, where there are bits.
        kept: Names of layers that compute another way.
        way: `DYNAMIC`, or `FLOAT16`, for which they are left in float32 here.
    """
    quantizer = Quantizer(content)
    for operation in (*_CONVOLUTIONS, *_DENSE):
        if operation in _DENSE:
            quantizer.add_weight_only_config(".*", operation, _WEIGHT_BITS)
        elif activation_bits is None:
            quantizer.add_dynamic_config(".*", operation, _WEIGHT_BITS)
        else:
            quantizer.add_static_config(".*", operation, activation_bits, _WEIGHT_BITS)
        for name in kept:
            layer = f"^{re.escape(name)};"
            if way == DYNAMIC:
                quantizer.add_dynamic_config(layer, operation, _WEIGHT_BITS)
            else:
                quantizer.update_quantization_recipe(layer, operation, algorithm_key="no_quantize")
    # It tells its sizes, and of progress that is over at once.
    with (
        warnings.catch_warnings(action="ignore"),
        contextlib.redirect_stderr(io.StringIO()),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        made = quantizer.quantize(ranges if quantizer.need_calibration else None)
    return bytes(made.quantized_model)


def search(
    layers: list[Layer],
    build: Callable[[Collection[str]], bytes],
    error_of: Callable[[bytes], float],
    is_good: Callable[[bytes], bool],
    title: str,
) -> Chosen:
    """Finds few layers to keep in higher precision, so that the form is good enough.

    Layers are tried one by one; those that lower the error most for their size are kept first.

    Args:
        layers: All that may be kept.
        build: Makes the content with some of them kept.
        error_of: Mean squared error of some pictures that a content makes.
        is_good: Whether a content is good enough.
        title: Of the progress bar.

    Returns:
        The smallest choice that is good enough, in this order; or with all layers kept, if even
        that is not.
    """
    whole = build(())
    if is_good(whole):
        return Chosen(whole, [], enough=True)
    best = build([layer.name for layer in layers])
    if not is_good(best):
        return Chosen(best, [layer.name for layer in layers], enough=False)
    error = error_of(whole)
    gains = {}
    for layer in Progress(layers, title):
        gains[layer.name] = (error - error_of(build([layer.name]))) / layer.size
    order = sorted(gains, key=lambda name: gains[name], reverse=True)
    few, many = 0, len(order)  # too few, enough
    while many - few > 1:
        middle = (few + many) // 2
        content = build(order[:middle])
        if is_good(content):
            many, best = middle, content
        else:
            few = middle
    return Chosen(best, order[:many], enough=True)
