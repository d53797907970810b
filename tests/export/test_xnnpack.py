"""Convolutions that are written anew for XNNPACK, against what they were."""

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from export import xnnpack


def converted(function, *shapes) -> bytes:
    traced = tf.function(function).get_concrete_function(*map(tf.TensorSpec, shapes))
    return tf.lite.TFLiteConverter.from_concrete_functions([traced], tf.Module()).convert()


def operators(content: bytes) -> list[str]:
    return [one["op_name"] for one in opened(content)._get_ops_details()]


def opened(content: bytes) -> Interpreter:
    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    return interpreter


def run(content: bytes) -> np.ndarray:
    interpreter = opened(content)
    for about in interpreter.get_input_details():
        values = np.random.default_rng(0).standard_normal(about["shape"])
        interpreter.set_tensor(about["index"], values.astype(np.float32))
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def kernel(*shape) -> np.ndarray:
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32)


@pytest.fixture
def small_ones_too(monkeypatch):
    monkeypatch.setattr(xnnpack, "LEAST_PRODUCTS", 0)


TRANSPOSED = {
    "4x4": (kernel(4, 4, 5, 3), [1, 12, 20, 5], "SAME"),
    "3x3": (kernel(3, 3, 5, 3), [1, 12, 20, 5], "SAME"),
    "3x3, last row of zeros": (kernel(3, 3, 5, 3), [1, 14, 22, 5], "VALID"),
    "2x2": (kernel(2, 2, 5, 3), [1, 12, 20, 5], "VALID"),
    "4x3": (kernel(4, 3, 5, 3), [1, 12, 20, 5], "SAME"),
}


@pytest.mark.parametrize("case", TRANSPOSED)
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.usefixtures("small_ones_too")
def test_transposed_convolutions_become_plain_ones_of_the_same_numbers(case, bias):
    weights, shape, padding = TRANSPOSED[case]

    def call(x):
        y = tf.nn.conv2d_transpose(x, weights, shape, 2, padding)
        return tf.nn.relu(y + kernel(5)) if bias else y

    before = converted(call, [1, 6, 10, 3])
    after = xnnpack.rewrite(before)
    assert "TRANSPOSE_CONV" in operators(before)
    assert "TRANSPOSE_CONV" not in operators(after)
    # Sums of another order in float32, of values up to about 20.
    np.testing.assert_allclose(run(after), run(before), atol=2e-5)


@pytest.mark.parametrize("shape", [[1, 13, 21, 5], [1, 13, 22, 5]])
@pytest.mark.usefixtures("small_ones_too")
def test_an_odd_size_is_made_even_with_zeros_that_a_padding_would_add(shape):
    weights = kernel(3, 3, 5, 3)

    def call(x):
        y = tf.nn.conv2d_transpose(x, weights, shape, 2, "VALID")
        return tf.pad(y, [[0, 0], [1, 1], [2, 1], [0, 0]])

    before = converted(call, [1, 6, 10, 3])
    after = xnnpack.rewrite(before)
    assert "TRANSPOSE_CONV" not in operators(after)
    assert run(after).shape == run(before).shape
    # Sums of another order in float32, of values up to about 20.
    np.testing.assert_allclose(run(after), run(before), atol=2e-5)


@pytest.mark.parametrize("size", [3, 4, 7])
def test_a_convolution_of_few_filters_makes_squares_of_pixels(size):
    weights = kernel(size, size, 5, 3)

    def call(x):
        return tf.nn.relu(tf.nn.conv2d(x, weights, 1, "SAME") + kernel(3))

    before = converted(call, [1, 6, 10, 5])
    after = xnnpack.rewrite(before)
    assert "DEPTH_TO_SPACE" in operators(after)
    # Sums of another order in float32, of values up to about 50.
    np.testing.assert_allclose(run(after), run(before), atol=1e-4)


STAY = {
    "computed weights": (
        lambda x, w: tf.nn.conv2d_transpose(x, w, [1, 12, 20, 5], 2, "SAME"),
        ([1, 6, 10, 3], [4, 4, 5, 3]),
    ),
    "odd size": (
        lambda x: tf.nn.conv2d_transpose(x, kernel(3, 3, 5, 3), [1, 13, 21, 5], 2, "VALID"),
        ([1, 6, 10, 3],),
    ),
    "odd size, and no zeros next": (
        lambda x: tf.pad(
            tf.nn.conv2d_transpose(x, kernel(3, 3, 5, 3), [1, 11, 19, 5], 2, "SAME"),
            [[0, 0], [1, 1], [1, 1], [0, 0]],
        ),
        ([1, 6, 10, 3],),
    ),
    "odd size, and a bias": (
        lambda x: tf.pad(
            tf.nn.conv2d_transpose(x, kernel(3, 3, 5, 3), [1, 13, 21, 5], 2, "VALID") + kernel(5),
            [[0, 0], [1, 1], [1, 1], [0, 0]],
        ),
        ([1, 6, 10, 3],),
    ),
    "stride 4": (
        lambda x: tf.nn.conv2d_transpose(x, kernel(4, 4, 5, 3), [1, 24, 40, 5], 4, "SAME"),
        ([1, 6, 10, 3],),
    ),
    "many filters": (lambda x: tf.nn.conv2d(x, kernel(3, 3, 3, 5), 1, "SAME"), ([1, 6, 10, 3],)),
    "one tap": (lambda x: tf.nn.conv2d(x, kernel(1, 1, 3, 3), 1, "SAME"), ([1, 6, 10, 3],)),
    "no padding": (lambda x: tf.nn.conv2d(x, kernel(3, 3, 3, 3), 1, "VALID"), ([1, 6, 10, 3],)),
    "half the size": (lambda x: tf.nn.conv2d(x, kernel(3, 3, 3, 3), 2, "SAME"), ([1, 8, 8, 3],)),
}


@pytest.mark.parametrize("case", STAY)
@pytest.mark.usefixtures("small_ones_too")
def test_what_cannot_be_written_so_stays(case):
    function, shapes = STAY[case]
    before = converted(function, *shapes)
    after = xnnpack.rewrite(before)
    assert operators(after) == operators(before)
    np.testing.assert_array_equal(run(after), run(before))


def test_transposed_convolutions_that_take_no_time_stay():
    weights = kernel(4, 4, 5, 3)
    before = converted(
        lambda x: tf.nn.conv2d_transpose(x, weights, [1, 12, 20, 5], 2, "SAME"), [1, 6, 10, 3]
    )
    assert operators(xnnpack.rewrite(before)) == operators(before)


@pytest.mark.usefixtures("small_ones_too")
def test_weights_that_are_replaced_leave_the_file():
    weights = kernel(4, 4, 64, 64)
    before = converted(
        lambda x: tf.nn.conv2d_transpose(x, weights, [1, 16, 16, 64], 2, "SAME"), [1, 8, 8, 64]
    )
    # The kernel, once, and a few kilobytes of graph.
    assert weights.nbytes < len(xnnpack.rewrite(before)) < 1.1 * weights.nbytes
