"""Dense branches, one per domain."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.layers.layer_check import check_layer, randomize
from tfgan.layers.heads import DomainDense


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def make_heads(num_domains=3, fan_in=5, units=4):
    layer = DomainDense(units, num_domains)
    layer.build((None, fan_in))
    randomize(layer)
    return layer


@pytest.mark.parametrize("domains", [[2, 0, 1, 1], [2, 0], [1]])
def test_layer_passes_the_shared_check(domains, tmp_path):
    check_layer(
        lambda dtype: DomainDense(4, 3, dtype=dtype),
        [normal(len(domains), 5), np.array(domains, np.int32)],
        (len(domains), 4),
        {"kernel": ((5, 12), True), "bias": ((12,), True)},
        tmp_path,
    )


@pytest.mark.parametrize("domains", [[2, 0, 1, 1], [2, 0], [1]])
def test_result_agrees_with_loops(domains):
    layer, x = make_heads(), normal(len(domains), 5)
    kernel, bias = (np.float64(v.numpy()) for v in (layer.kernel, layer.bias))
    expected = np.zeros((len(domains), 4))
    for b, domain in enumerate(domains):
        for o in range(4):
            column = 4 * domain + o
            expected[b, o] = bias[column] + sum(x[b, i] * kernel[i, column] for i in range(5))
    np.testing.assert_allclose(layer(x, np.array(domains)), expected, rtol=1e-5, atol=1e-6)


def compute(layer, x, domains, batch_size):
    """Values and weight gradients in a graph whose batch size may be unknown."""

    @tf.function(
        input_signature=[tf.TensorSpec([batch_size, 5]), tf.TensorSpec([batch_size], "int32")]
    )
    def graph(x, domains):
        with tf.GradientTape() as tape:
            y = layer(x, domains)
            total = tf.reduce_sum(tf.sin(y))
        return y, tape.gradient(total, [layer.kernel.value, layer.bias.value])

    return graph(x, domains)


def test_gradients_are_dense():
    layer, x = make_heads(), normal(2, 5)
    for gradient in compute(layer, x, np.int32([2, 0]), 2)[1]:
        assert isinstance(gradient, tf.Tensor)  # accumulation and norms need it


@pytest.mark.parametrize("rows", [1, 3])
def test_branches_of_other_domains_neither_act_nor_learn(rows):
    layer, x = make_heads(), normal(rows, 5)
    domains = np.full(rows, 1, np.int32)
    y, (by_kernel, by_bias) = compute(layer, x, domains, rows)
    others = np.r_[0:4, 8:12]
    assert not np.any(by_kernel.numpy()[:, others])
    assert not np.any(by_bias.numpy()[others])
    assert np.all(by_bias.numpy()[4:8] != 0)
    kernel = layer.kernel.numpy()
    kernel[:, others] = 1e6
    layer.kernel.assign(kernel)
    np.testing.assert_array_equal(layer(x, domains), y)


def test_initial_weights_have_variance_two_over_fan_in_in_each_branch():
    keras.utils.set_random_seed(0)
    layer = DomainDense(64, 8)
    layer.build((None, 32))
    # 16384 draws: one deviation is 1.1 per cent.
    assert np.var(layer.kernel.numpy()) == pytest.approx(2 / 32, rel=0.06)
    assert not np.any(layer.bias.numpy())
