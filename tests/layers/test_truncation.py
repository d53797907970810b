"""The truncation trick."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgan.layers.truncation import move_average, style_of, truncate


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("cutoff", [None, 0, 2, 9])
@pytest.mark.parametrize("psi", [1.0, 0.7, 0.0, -0.5])
def test_result_agrees_with_loops(psi, cutoff):
    styles, average = normal(2, 3, 5), normal(5, seed=1)
    expected = np.zeros(styles.shape)
    for b, layer, i in np.ndindex(styles.shape):
        scale = psi if cutoff is None or layer < cutoff else 1.0
        expected[b, layer, i] = average[i] + scale * (styles[b, layer, i] - average[i])
    # float32
    np.testing.assert_allclose(
        truncate(styles, average, 3, psi, cutoff), expected, rtol=1e-5, atol=1e-6
    )


def test_one_style_serves_all_layers():
    styles, average = normal(2, 5), normal(5, seed=1)
    repeated = np.repeat(styles[:, None], 4, axis=1)
    np.testing.assert_array_equal(
        truncate(styles, average, 4, 0.6, 2), truncate(repeated, average, 4, 0.6, 2)
    )


def test_a_layer_has_its_own_style():
    styles = normal(2, 3, 5)
    for layer in range(3):
        np.testing.assert_array_equal(style_of(tf.constant(styles), layer), styles[:, layer])


def test_psi_one_leaves_every_bit():
    styles = normal(2, 3, 5)
    np.testing.assert_array_equal(truncate(styles, 1e6 * normal(5), 3, 1.0), styles)


def test_average_moves_by_its_decay_towards_the_batch_mean():
    average = keras.Variable(np.full(5, 2.0, np.float32))
    styles = normal(8, 5)
    move_average(average, styles, 0.75)
    np.testing.assert_allclose(average, 1.5 + 0.25 * styles.mean(axis=0), rtol=1e-5)  # float32
