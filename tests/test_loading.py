"""Digests of weights."""

import keras
import numpy as np

from tfgan.loading import weights_digest


def dense(name="dense", units=3):
    layer = keras.layers.Dense(units, name=name)
    layer.build((None, 2))
    layer.kernel.assign(np.arange(2 * units).reshape(2, units))
    return layer


def test_digest_depends_on_weights_and_not_on_the_name_of_the_model():
    assert weights_digest(dense()) == weights_digest(dense("other"))
    assert len(weights_digest(dense())) == 16


def test_digest_changes_with_each_value_shape_and_name():
    changed = [dense(), dense(units=4)]
    turned = dense()
    turned.kernel.assign(np.arange(6)[::-1].reshape(2, 3))
    shifted = dense()
    shifted.bias.assign([0, 0, 1e-7])
    scale = keras.layers.BatchNormalization(name="dense")
    scale.build((None, 3))
    digests = {weights_digest(layer) for layer in [*changed, turned, shifted, scale]}
    assert len(digests) == 5
