"""Strategies of the tests, one for each number of devices.

TensorFlow numbers collective operations by strategy: two strategies over the same devices of one
process take each other's messages.
"""

import functools

import tensorflow as tf


@functools.cache
def mirrored(devices: int) -> tf.distribute.MirroredStrategy:
    """MirroredStrategy over the first `devices` logical CPUs."""
    return tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(devices)])
