"""Names, layouts and the filling of variables, on a few small ones."""

import tracemalloc

import keras
import numpy as np
import pytest

from tfgan.importers import CheckpointError
from tfgan.importers.weights import (
    Names,
    by_path,
    fill,
    load,
    shapes_by_path,
    size_of,
    torch_layout,
)

NAMES = Names(
    "the small network",
    (
        (r"^main\.(\d)", lambda m: f"layer{int(m[1]) + 1}"),
        (r"^layer(\d)", r"dense\1"),
        (r"weight$", "kernel"),
    ),
    ((r"\.steps$", "counters"), (r"^old\.", "weights of before")),
)


@pytest.fixture
def variables():
    return {
        "dense1/kernel": keras.Variable(np.zeros((2, 3), np.float32)),
        "dense1/bias": keras.Variable(np.zeros(3, np.float32)),
    }


def weights():
    return {
        "main.0.weight": np.arange(6, dtype=np.float64).reshape(3, 2),
        "main.0.bias": np.ones(3, np.float16),
    }


def test_rules_are_applied_one_after_the_other():
    assert NAMES.path("main.0.weight") == "dense1/kernel"
    assert NAMES.path("other.bias") == "other/bias"


def test_layouts_of_pytorch_become_those_of_keras():
    kernel = np.arange(2 * 3 * 5 * 7).reshape(2, 3, 5, 7)
    assert torch_layout("", kernel)[4, 6, 2, 1] == kernel[1, 2, 4, 6]
    assert torch_layout("", kernel[..., 0, 0])[2, 1] == kernel[1, 2, 0, 0]
    for shape in ((), (4,), (2, 3, 4)):
        assert torch_layout("", np.zeros(shape)).shape == shape


def test_variables_are_filled_and_what_is_left_out_is_counted(variables):
    more = {"main.0.steps": np.array(3), "old.a": 7, "old.b": None}
    notes = fill(variables, {**more, **weights()}, NAMES)
    assert notes == ["1 counters", "2 weights of before"]
    np.testing.assert_array_equal(variables["dense1/kernel"], [[0, 2, 4], [1, 3, 5]])
    np.testing.assert_array_equal(variables["dense1/bias"], [1, 1, 1])


def test_a_layout_may_depend_on_the_name(variables):
    names = NAMES._replace(layout=lambda name, value: value.T - name.endswith("bias"))
    fill(variables, weights(), names)
    np.testing.assert_array_equal(variables["dense1/kernel"], [[0, 2, 4], [1, 3, 5]])
    np.testing.assert_array_equal(variables["dense1/bias"], [0, 0, 0])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"main.0.bias": np.ones(4)}, "main.0.bias: [4] does not fit dense1/bias [3]"),
        ({"layer1.bias": np.ones(3)}, "layer1.bias: another name has given dense1/bias already"),
        ({"main.1.bias": np.ones(3)}, "1 not of this network:\n  main.1.bias"),
        ({3: np.ones(3)}, "1 not of this network:\n  3"),
    ],
)
def test_what_does_not_fit_is_told_and_changes_nothing(change, told, variables):
    with pytest.raises(CheckpointError, match="other weights than the small network has") as caught:
        fill(variables, {**weights(), **change}, NAMES)
    assert told in str(caught.value)
    for variable in variables.values():
        assert not np.any(variable)


def test_paths_are_those_below_the_network():
    layer = keras.layers.Dense(3, name="dense")
    layer.build((None, 2))
    assert list(by_path(layer)) == ["kernel", "bias"]


def test_a_network_is_planned_before_it_takes_memory():
    layers = []

    def make():
        layers.append(keras.layers.Dense(2, name="dense"))
        layers[-1].build = lambda: keras.layers.Dense.build(layers[-1], (None, 10**7))
        return layers[-1]

    tracemalloc.start()
    with pytest.raises(CheckpointError, match="does not fit kernel"):
        load(make, {"kernel": np.ones((2, 3), np.float32)}, Names("a layer", ()))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(layers) == 1
    assert peak < 10e6
    # Nor does it later, when Keras fills what it has planned itself.
    keras.layers.Dense(1)(keras.Input((2,)))
    assert layers[0].kernel.value.graph is not None


def test_weights_may_be_optional_and_configurations_must_exist():
    def make():
        layer = keras.layers.Dense(2, bias_initializer="ones", name="dense")
        layer.build = lambda: keras.layers.Dense.build(layer, (None, 3))
        return layer

    kernel = {"kernel": np.ones((2, 3), np.float32)}
    layer, _ = load(make, kernel, Names("a layer", (), optional="^bias$"))
    np.testing.assert_array_equal(layer.bias, [1, 1])
    with pytest.raises(CheckpointError, match="missing"):
        load(make, kernel, Names("a layer", ()))

    def impossible():
        raise ValueError("resolution must be even. Received: 3.")

    with pytest.raises(CheckpointError, match=r"no network .* Received: 3"):
        load(impossible, {}, Names("a layer", ()))


def test_layouts_that_need_other_dimensions_do_not_fit():
    names = Names("a layer", (), layout=lambda name, value: value.transpose(1, 0))
    variable = keras.Variable(np.zeros((2, 3)), name="x")
    fill({"x": variable}, {"x": np.ones((3, 2), np.float32)}, names)
    with pytest.raises(CheckpointError, match="does not fit x"):
        fill({"x": variable}, {"x": np.ones(6, np.float32)}, names)
    assert shapes_by_path({"x": np.ones(6), "y": np.ones((1, 2)), "z": 3}, names) == {"y": (2, 1)}
    with pytest.raises(CheckpointError, match=r"lacks a weight .* y/kernel"):
        size_of({"y": (2, 1)}, "y/kernel", 0)
