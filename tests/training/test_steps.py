"""Graphs of phases: rounds of one batch, one after the other."""

import keras
import numpy as np
import tensorflow as tf

from tests.training.runs import mirrored
from tfgan.optimizers import Adam
from training.phases import Phase, Update
from training.steps import compile_phase


def ancestors(op: tf.Operation) -> set[str]:
    """Names of all operations that run before one of the same graph."""
    found: set[str] = set()
    ahead = [op]
    while ahead:
        op = ahead.pop()
        for before in (*(tensor.op for tensor in op.inputs), *op.control_inputs):
            if before.name not in found:
                found.add(before.name)
                ahead.append(before)
    return found


def test_a_round_without_pictures_waits_for_the_gradients_of_the_one_before():
    strategy = mirrored(1)
    with strategy.scope():
        weights = keras.Variable(np.ones(5, np.float32))
        optimizer = Adam()
        optimizer.build([weights])

    def loss(batch, draws):
        """As those of generators: of random numbers alone."""
        value = tf.reduce_sum(tf.exp(weights * draws.normal([5])), axis=-1)
        return value, {"loss": value}

    phase = Phase("g", loss, [Update(optimizer, [weights])])
    step = compile_phase(phase, 0, strategy, seed=0, rounds=3)
    batch = {"label": tf.zeros([6], tf.int32)}
    graph = step.get_concrete_function(batch, tf.constant(0, tf.int64)).graph
    draws = [op for op in graph.get_operations() if op.type.startswith("StatelessRandomNormal")]
    # A gradient needs the exponential again, so no draw is over before its round is.
    powers = [op for op in graph.get_operations() if op.type == "Exp"]
    assert len(draws) == len(powers) == 3
    for earlier, draw in zip(powers, draws[1:], strict=False):
        assert earlier.name in ancestors(draw)
