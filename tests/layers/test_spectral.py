"""Convolution with spectral normalisation."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.layers.layer_check import check_layer
from tfgan.layers.spectral import SpectralConv2D


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize(("stride", "shape"), [(1, (2, 4, 6, 5)), (2, (2, 2, 3, 5))])
def test_it_is_a_layer_like_all_others(tmp_path, stride, shape):
    check_layer(
        lambda dtype: SpectralConv2D(5, 3, stride, dtype=dtype),
        [normal(2, 4, 6, 3)],
        shape,
        {"kernel": ((3, 3, 3, 5), True), "bias": ((5,), True), "right": ((5, 1), False)},
        tmp_path,
        precisions=(),
    )


def test_largest_singular_value_in_force_comes_to_one():
    keras.utils.set_random_seed(0)
    layer = SpectralConv2D(6, 2, activation="linear")
    layer.build((None, None, None, 3))
    layer.kernel.assign(normal(2, 2, 3, 6) * 3)
    x = normal(1, 5, 5, 3)
    for _ in range(200):
        layer(x, training=True)
    largest = np.linalg.svd(layer.kernel.numpy().reshape(12, 6), compute_uv=False)[0]
    expected = tf.nn.conv2d(x, layer.kernel.numpy() / largest, 1, "SAME")
    np.testing.assert_allclose(layer(x), expected, rtol=1e-4, atol=1e-5)


def test_singular_vector_moves_in_training_alone():
    layer = SpectralConv2D(4, 3)
    x = normal(1, 4, 4, 2)
    layer(x)
    before = layer.right.numpy()
    layer(x)
    np.testing.assert_array_equal(layer.right, before)
    layer(x, training=True)
    assert np.abs(layer.right.numpy() - before).max() > 1e-3


def test_gradient_of_the_kernel_is_that_of_its_quotient_by_the_singular_value():
    """At the true singular vectors: (G - (sum G W / s) u v^T) / s, of the paper's equation 12."""
    layer = SpectralConv2D(4, 1, activation="linear")
    x = normal(2, 3, 3, 3)
    layer.build(x.shape)
    matrix = normal(3, 4, seed=1)
    left, singular, right = np.linalg.svd(matrix)
    layer.kernel.assign(matrix[None, None])
    layer.right.assign(right[:1].T)
    weights = normal(2, 3, 3, 4, seed=2)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer(x) * weights)
    gradient = tape.gradient(total, layer.kernel.value)[0, 0]
    plain = np.einsum("bhwi,bhwo->io", x, weights)
    s = singular[0]
    along = np.outer(left[:, 0], right[0])
    expected = (plain - np.sum(plain * matrix) / s * along) / s
    np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-4)
