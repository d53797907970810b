"""Forms of 8 bits: ranges, kept layers, and the search for them."""

import json

import numpy as np
import pytest

from export import flatbuffer, quantization, tflite
from export.compare import expect
from export.examples import drawn_faces, examples_of
from export.formats import FORMATS, Materials
from export.quantization import CONVOLUTIONS, DENSE, Chosen, Layer, search
from export.report import measure
from tests.export.small import describe, stargan, stylegan2
from tfgan.litert import FACTS, open_runner, read_facts


@pytest.fixture(scope="module")
def materials():
    exportable = describe(stargan())
    examples = examples_of(exportable.choices)
    pictures = drawn_faces(range(examples.total), 32)
    compared = pictures[: len(examples.compared)]
    expected = expect(exportable, exportable.draw(examples.compared, compared))
    return Materials(exportable, pictures, expected, {})


def types_of(content):
    """Types of the inputs and weights of convolutions, by name of their output."""
    flat = flatbuffer.read(content)
    types = {}
    for graph in flat.subgraphs:
        for operator in graph.operators:
            if flatbuffer.kind_of(flat, operator) in CONVOLUTIONS:
                name = graph.tensors[operator.outputs[0]].name.decode()
                # A transposed convolution has its shape first and its input last.
                weights, x = graph.tensors[operator.inputs[1]], graph.tensors[operator.inputs[0]]
                if flatbuffer.kind_of(flat, operator) == "TRANSPOSE_CONV":
                    x = graph.tensors[operator.inputs[2]]
                types[name] = (x.type, weights.type)
    return types


def test_ranges_are_the_smallest_and_largest_values_of_all_examples(materials):
    drawn = materials.draw(range(4))
    ranges = quantization.find_ranges(materials.content, materials.exportable, drawn)
    images = np.concatenate([one["images"] for one in drawn])
    made = [materials.exportable.run("translate", one)["images"] for one in drawn]
    # The last convolution gives pictures before their tanh, the first takes pictures with labels.
    lowest = min(float(found["min"].min()) for found in ranges.values())
    assert lowest <= np.arctanh(np.min(made)) + 1e-3
    flat = flatbuffer.read(materials.content)
    first = next(
        operator
        for operator in flat.subgraphs[0].operators
        if flatbuffer.kind_of(flat, operator) == "CONV_2D"
    )
    name = flat.subgraphs[0].tensors[first.inputs[0]].name.decode()
    labels = np.concatenate([one["labels"] for one in drawn])
    assert ranges[name]["min"].item() == min(images.min(), labels.min())
    assert ranges[name]["max"].item() == max(images.max(), labels.max())
    assert ranges[name]["min"].shape == (1, 1, 1, 1)


@pytest.mark.parametrize(("bits", "type_"), [(None, "FLOAT32"), (8, "INT8"), (16, "INT16")])
def test_convolutions_compute_in_the_bits_of_the_form(materials, bits, type_):
    ranges = quantization.find_ranges(
        materials.content, materials.exportable, materials.draw(range(2))
    )
    made = quantization.quantize(materials.content, bits, ranges)
    kinds = flatbuffer.schema.TensorType
    assert set(types_of(made).values()) == {(getattr(kinds, type_), kinds.INT8)}
    # Inputs and outputs stay as they were: apps need not know.
    result = open_runner(made).run("translate", materials.draw(range(1))[0])["images"]
    assert result.dtype == np.float32


def test_kept_layers_and_no_others_stay_in_float32(materials):
    layers = quantization.find_layers(materials.content, CONVOLUTIONS)
    assert sum(layer.size for layer in layers) > 1000
    kept = [layers[0].name, layers[-1].name]
    made = types_of(quantization.quantize(materials.content, None, {}, kept))
    assert {layer.name for layer in layers} == set(made)
    floats = {name for name, (_, weights) in made.items() if weights == 0}
    assert floats == set(kept)


def test_kept_dense_layers_and_no_others_stay_in_float32():
    content = tflite.convert(describe(stylegan2()))
    kept = quantization.find_layers(content, DENSE)[1].name
    flat = flatbuffer.read(quantization.quantize(content, None, {}, [kept]))
    # Weights of the others are made of int8 ones as the file runs.
    floats = {
        graph.tensors[operator.outputs[0]].name.decode()
        for graph in flat.subgraphs
        for operator in graph.operators
        if flatbuffer.kind_of(flat, operator) in DENSE
        and flatbuffer.constant(flat, graph.tensors[operator.inputs[1]])
    }
    assert floats == {kept}


def test_layers_kept_in_int8_and_no_others_find_ranges_for_each_picture(materials):
    layers = quantization.find_layers(materials.content, CONVOLUTIONS)
    kept = [layers[0].name, layers[-1].name]
    ranges = quantization.find_ranges(
        materials.content, materials.exportable, materials.draw(range(2))
    )
    made = quantization.quantize(materials.content, 8, ranges, kept, quantization.DYNAMIC)
    kinds = flatbuffer.schema.TensorType
    for name, found in types_of(made).items():
        inputs = kinds.FLOAT32 if name in kept else kinds.INT8
        assert found == (inputs, kinds.INT8)


@pytest.mark.parametrize(("share", "way"), [(0.9, "dynamic"), (0.01, "float16")])
def test_layers_of_int8_are_kept_in_the_smallest_way_that_is_enough(
    materials, tmp_path, share, way
):
    ranges, path = materials.ranges, tmp_path / "int8.tflite"
    error = materials.error_of(quantization.quantize(materials.content, 8, ranges))
    floor = -10 * np.log10(share * error)
    kept = FORMATS["int8"].write(materials, path, floor)
    assert list(kept) == [way]
    assert read_facts(path)["higher_precision_layers"] == kept
    # Files of earlier versions have another word for it.
    flat = flatbuffer.read(materials.content)
    flatbuffer.add_metadata(flat, FACTS, json.dumps({"spared_layers": kept}).encode())
    path.with_name("old.tflite").write_bytes(flatbuffer.write(flat))
    assert read_facts(path.with_name("old.tflite")) == {"higher_precision_layers": kept}
    # It is good in the pictures that the report looks at, which the search does not choose by.
    described, expected = materials.exportable, materials.expected
    assert measure(described, expected, None, FORMATS["int8"], path, floor)[0]["status"] == "good"


def test_weights_have_a_scale_for_each_output_channel(materials):
    flat = flatbuffer.read(quantization.quantize(materials.content, None, {}))
    graph = flat.subgraphs[0]
    for operator in graph.operators:
        if flatbuffer.kind_of(flat, operator) == "CONV_2D":
            weights = graph.tensors[operator.inputs[1]]
            assert len(weights.quantization.scale) == weights.shape[0]


def build(kept):
    """A content that says which layers it keeps."""
    return " ".join(sorted(kept)).encode()


def error_of(harm):
    """The sum of the harm of the layers that are not kept, as that of a content of `build`."""
    return lambda content: sum(
        x for name, x in harm.items() if name not in content.decode().split()
    )


LAYERS = [Layer("a", 10), Layer("b", 100), Layer("c", 10), Layer("d", 1)]
HARM = {"a": 5.0, "b": 6.0, "c": 1.0, "d": 0.01}


@pytest.mark.parametrize(
    ("largest", "kept"),
    [(100.0, []), (12.0, ["a"]), (7.1, ["a"]), (6.1, ["a", "c"]), (5.0, ["a", "c", "b"])],
)
def test_layers_that_do_most_harm_for_their_size_are_kept_first(largest, kept):
    error = error_of(HARM)
    found = search(LAYERS, build, error, lambda content: error(content) <= largest, "")
    assert found == Chosen(build(kept), kept, enough=True)


def test_a_search_that_finds_nothing_keeps_all_layers():
    found = search(LAYERS, build, error_of(HARM), lambda content: False, "")
    assert sorted(found.kept) == ["a", "b", "c", "d"]
    assert not found.enough
    assert found.content == build("abcd")


def test_a_floor_that_8_bits_miss_is_reached_by_keeping_layers(materials):
    def make(kept):
        return tflite.halve(quantization.quantize(materials.content, None, {}, kept))

    layers = quantization.find_layers(materials.content, CONVOLUTIONS)
    whole = materials.error_of(make([]))
    goal = whole / 4
    found = search(
        layers, make, materials.error_of, lambda content: materials.error_of(content) <= goal, ""
    )
    assert 0 < len(found.kept) < len(layers)
    assert materials.error_of(found.content) <= goal
    everything = make([layer.name for layer in layers])
    assert len(make([])) < len(found.content) < len(everything)


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("synthesis_1/b4_1/conv1_1/conv_1/Conv2D", "synthesis/b4/conv1/conv"),
        ("generator_1/b1_1/convolution1;generator_1/b1_1/Relu", "generator/b1"),
        ("synthesis_1/b32_1/conv0_1/conv_1/conv2d_transpose/part431", "synthesis/b32/conv0/conv"),
        ("StatefulPartitionedCall_3:0", "the output"),
    ],
)
def test_layers_have_names_that_people_know(name, title):
    assert quantization.title(name) == title
