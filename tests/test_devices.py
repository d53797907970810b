"""Functions of rows on several devices."""

import numpy as np
import pytest
import tensorflow as tf

from tests.training.runs import mirrored
from tfgan.devices import Replicas


def weighted(images, places):
    return tf.reduce_sum(images, axis=[1, 2]) + places[:, None]


@pytest.mark.parametrize(("devices", "batch_size"), [(1, 1), (1, 4), (2, 4), (2, 3), (2, 1)])
def test_rows_are_the_same_whatever_devices_and_batches_are(devices, batch_size):
    run = Replicas(mirrored(devices), batch_size).over_rows(weighted)
    assert run.batch_size == -(-batch_size // devices) * devices
    images = np.arange(7 * 12, dtype=np.float32).reshape(7, 2, 2, 3)
    places = np.arange(7, dtype=np.float32)
    size = run.batch_size
    made = [run(images[i : i + size], places[i : i + size]) for i in range(0, 7, size)]
    assert [len(part) for part in made[:-1]] == [size] * (len(made) - 1)
    np.testing.assert_array_equal(np.concatenate(made), images.sum(axis=(1, 2)) + places[:, None])


def test_rows_that_stand_for_many_pictures_come_fewer_at_a_time():
    replicas = Replicas(mirrored(2), 32)
    sizes = {
        pictures: replicas.over_rows(weighted, pictures).batch_size for pictures in (1, 10, 99)
    }
    assert sizes == {1: 32, 10: 4, 99: 2}
