"""Minibatch standard deviation."""

import numpy as np
import pytest
import tensorflow as tf

from tests.layers.layer_check import check_layer
from tfgan.layers.minibatch_stddev import MinibatchStddev

# The root of the epsilon that is added under it.
FLOOR = 1e-4


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def plain_stddev(x, group, features):
    """Loops over groups (example i is in group i mod M), bundles, positions and channels."""
    x = np.float64(x)
    batch, height, width, channels = x.shape
    groups, bundle = batch // group, channels // features
    maps = np.zeros((batch, height, width, features))
    for m in range(groups):
        members = [i for i in range(batch) if i % groups == m]
        for f in range(features):
            total = 0.0
            for i, j, c in np.ndindex(height, width, bundle):
                values = [x[b, i, j, f * bundle + c] for b in members]
                mean = sum(values) / group
                total += np.sqrt(sum((v - mean) ** 2 for v in values) / group + 1e-8)
            maps[members, :, :, f] = total / (height * width * bundle)
    return np.concatenate([x, maps], axis=-1)


@pytest.mark.parametrize("features", [1, 2])
def test_layer_passes_the_shared_check(features, tmp_path):
    check_layer(
        lambda dtype: MinibatchStddev(2, features, dtype=dtype),
        [normal(4, 3, 5, 6)],
        (4, 3, 5, 6 + features),
        {},
        tmp_path,
    )


@pytest.mark.parametrize(
    ("batch", "group_size", "features", "group"),
    [(8, 4, 1, 4), (8, 4, 3, 4), (6, 4, 1, 3), (2, 4, 1, 2), (4, 8, 2, 4), (6, 2, 1, 2)],
)
def test_result_agrees_with_loops(batch, group_size, features, group):
    x = normal(batch, 3, 5, 6)
    expected = plain_stddev(x, group, features)
    # Means of 90 float32 roots.
    np.testing.assert_allclose(MinibatchStddev(group_size, features)(x), expected, rtol=1e-5)


def test_identical_examples_have_no_deviation():
    x = np.repeat(normal(1, 3, 5, 6), 4, axis=0)
    y = MinibatchStddev(4)(x).numpy()
    np.testing.assert_array_equal(y[..., :6], x)
    np.testing.assert_allclose(y[..., 6], FLOOR, rtol=1e-3)  # The mean of four is rounded.


def test_groups_are_strided():
    # Examples i and i + 2 are equal: strided groups of two see no deviation, adjacent ones would.
    pair = normal(2, 3, 5, 6)
    y = MinibatchStddev(2)(np.concatenate([pair, pair])).numpy()
    np.testing.assert_allclose(y[..., 6], FLOOR, rtol=1e-3)
    y = MinibatchStddev(2)(np.repeat(pair, 2, axis=0)).numpy()
    assert np.all(y[..., 6] > 0.1)


def test_groups_do_not_see_each_other():
    x = normal(6, 3, 5, 4)
    changed = x.copy()
    changed[[1, 4]] *= 3.0  # Group 1 of three groups.
    before, after = MinibatchStddev(2)(x).numpy(), MinibatchStddev(2)(changed).numpy()
    others = [0, 2, 3, 5]
    np.testing.assert_array_equal(after[others], before[others])
    assert np.all(after[[1, 4], ..., 4] > before[[1, 4], ..., 4])


def test_batch_without_a_divisor_leaves_each_example_alone():
    y = MinibatchStddev(4)(normal(5, 3, 5, 6)).numpy()
    np.testing.assert_allclose(y[..., 6], FLOOR, rtol=1e-3)


def test_identical_examples_have_a_finite_gradient():
    x = tf.ones([4, 3, 5, 2])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(MinibatchStddev(4)(x)[..., 2])
    assert np.all(np.isfinite(tape.gradient(y, x)))


def test_large_float16_features_do_not_overflow():
    x = tf.constant(np.float16(2000.0 * np.sign(normal(4, 3, 5, 2))))
    y = MinibatchStddev(4, dtype="mixed_float16")(x)
    assert y.dtype == tf.float16
    assert np.all(np.isfinite(y))
    assert np.all(y[..., 2] > 500.0)


def test_channels_that_do_not_divide_are_refused():
    with pytest.raises(ValueError, match=r"divisible by features=4.*Received: 6"):
        MinibatchStddev(4, 4)(normal(4, 3, 5, 6))


def test_unknown_batch_size_is_refused():
    graph = tf.function(MinibatchStddev(4), input_signature=[tf.TensorSpec([None, 3, 5, 6])])
    with pytest.raises(ValueError, match="static batch size"):
        graph.get_concrete_function()


def test_replicas_have_the_groups_of_one_device_if_whole_groups_fit_in_each():
    # Replica r of R takes rows r, r + R, ... of a batch.
    layer = MinibatchStddev(4)
    x = normal(16, 3, 5, 6)
    for replica in range(2):
        rows = slice(replica, None, 2)
        # Means of 90 float32 roots.
        np.testing.assert_allclose(layer(x[rows]), layer(x)[rows], rtol=1e-5)
    # Two rows each are groups of two, where one device has a group of four.
    x = x[:4]
    for replica in range(2):
        rows = slice(replica, None, 2)
        np.testing.assert_allclose(layer(x[rows]), MinibatchStddev(2)(x)[rows], rtol=1e-5)
        assert np.max(np.abs(layer(x[rows]) - layer(x)[rows])) > 0.01
