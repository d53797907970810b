"""Adam of one operator against Keras's own."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.training.runs import mirrored
from tfgan.optimizers import Adam

OPTIONS = {"learning_rate": 0.01, "beta_1": 0.3, "beta_2": 0.9, "epsilon": 1e-8}


def train(kind, strategy, start, gradients):
    """Values of two variables and of the optimiser after one step for each gradient."""
    with strategy.scope():
        variables = [keras.Variable(start), keras.Variable(2.0 * start)]
        optimizer = kind(**OPTIONS)
        optimizer.build(variables)

    @tf.function(autograph=False)
    def step(gradient):
        def on_replica():
            share = gradient / strategy.num_replicas_in_sync
            optimizer.apply([share, -share], variables)

        strategy.run(on_replica)

    for gradient in gradients:
        step(tf.constant(gradient))
    return [np.array(v) for v in (*variables, *optimizer.variables)]


@pytest.mark.parametrize("devices", [1, 2])
def test_updates_are_those_of_keras(devices):
    strategy = mirrored(devices)
    random = np.random.default_rng(0)
    start = random.standard_normal([3, 4]).astype(np.float32)
    gradients = random.standard_normal([5, 3, 4]).astype(np.float32)
    ours, theirs = (
        train(kind, strategy, start, gradients) for kind in (Adam, keras.optimizers.Adam)
    )
    for actual, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-7)  # float32
    assert np.max(np.abs(ours[0] - start)) > 0.01


def test_coupled_decay_adds_the_weights_to_the_gradient():
    strategy = mirrored(1)
    random = np.random.default_rng(0)
    start = random.standard_normal([3, 4]).astype(np.float32)
    gradients = random.standard_normal([1, 3, 4]).astype(np.float32)

    def decayed(*args, **kwargs):
        return Adam(*args, coupled_decay=0.5, **kwargs)

    # At the first step the decayed gradient of the first variable is g + w / 2.
    with_decay = train(decayed, strategy, start, gradients)[0]
    by_hand = train(Adam, strategy, start, gradients + 0.5 * start)[0]
    np.testing.assert_allclose(with_decay, by_hand, rtol=1e-6)


@pytest.mark.parametrize("devices", [1, 2])
def test_a_variable_that_joins_late_is_corrected_for_its_own_updates(devices):
    """As PyTorch's Adam does, whose parameters count for themselves the gradients that they get."""
    strategy, rate, decay = mirrored(devices), 0.001, 0.99
    with strategy.scope():
        early, late = (keras.Variable(np.zeros(2, np.float32)) for _ in range(2))
        optimizer = Adam(rate, beta_1=0.0, beta_2=decay, epsilon=1e-8, counts_each=True)
        optimizer.build([early, late])

    @tf.function(autograph=False)
    def step(gradients):
        def on_replica():
            shares = [gradient / devices for gradient in gradients]
            optimizer.apply(shares, [early, late][: len(gradients)])

        strategy.run(on_replica)

    random = np.random.default_rng(0)
    velocity, expected = np.zeros(2), np.zeros(2)
    for _ in range(20):
        step([tf.ones(2)])
    for count in range(1, 4):
        gradient = random.standard_normal(2).astype(np.float32)
        step([tf.ones(2), tf.constant(gradient)])
        velocity = decay * velocity + (1 - decay) * gradient**2
        expected -= rate * gradient / np.sqrt(velocity / (1 - decay**count))
        # TensorFlow's 1 - 0.99^t is of float32, off by up to 6e-8 of 0.01.
        np.testing.assert_allclose(late.numpy(), expected, rtol=1e-5)
        if count == 1:
            np.testing.assert_allclose(np.abs(late.numpy()), rate, rtol=1e-5)
    counts = {v.path.split("/")[-1]: v.numpy() for v in optimizer.variables if "count" in v.path}
    assert sorted(counts.values()) == [3, 23]
    optimizer.reset()
    assert all(v.numpy() == 0 for v in optimizer.variables if "count" in v.path)


def test_reset_forgets_all_but_the_learning_rate():
    strategy = mirrored(2)
    start, gradients = np.ones([2], np.float32), np.ones([3, 2], np.float32)
    with strategy.scope():
        variable = keras.Variable(start)
        optimizer = Adam(**OPTIONS)
        optimizer.build([variable])
    step = tf.function(
        lambda: strategy.run(lambda: optimizer.apply([tf.ones([2])], [variable])), autograph=False
    )
    for _ in gradients:
        step()
    once = np.array(variable)
    assert np.any(optimizer._momentums[0].numpy())
    optimizer.learning_rate.assign(0.5)
    optimizer.reset()
    for kept in optimizer.variables:
        if kept.path.endswith("learning_rate"):
            assert kept.numpy() == np.float32(0.5)
        else:
            assert not np.any(kept.numpy()), kept.path
    step()  # the first step again: of full length, as bias correction makes it
    np.testing.assert_allclose(once - np.array(variable), [0.5, 0.5], rtol=1e-5)
