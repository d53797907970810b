"""Features of real pictures, and how they are kept."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tests.training.runs import RandomPictures, mirrored
from tfgan.data.sources import DataError
from tfgan.devices import Replicas
from tfgan.evaluate.metric import PictureOptions, Request
from tfgan.evaluate.networks import FeatureNetwork, Networks
from tfgan.metrics.frechet import row_blocks

SIZE = 8


class Counted(RandomPictures):
    """Counts how often pictures are read; some are broken."""

    broken = ()

    def __init__(self, size=SIZE):
        super().__init__(size)
        self.reads = 0

    def read(self, index):
        self.reads += 1
        if index in self.broken:
            raise OSError("damaged")
        return super().read(index)


def corners(images):
    return tf.cast(images[:, 0, 0], tf.float32)


NETWORK = FeatureNetwork("corners", "0", 3, corners, None)


def networks_of(request, network):
    """The networks of a request, of which this one is open."""
    networks = Networks(request)
    networks.opened["test"] = network
    return networks


def real_features(request, network, source, places, words):
    return networks_of(request, network).real_features("test", source, places, words)


@pytest.fixture
def request_of(tmp_path):
    def make(batch_size=4, devices=1, **options):
        config = dataclasses.replace(PictureOptions(resolution=SIZE), **options)
        replicas = Replicas(mirrored(devices), batch_size)
        return Request(config, None, replicas, {}, 0, tmp_path / "cache")

    return make


def expected(source, places):
    return np.stack([RandomPictures.read(source, place).content[0, 0] for place in places])


@pytest.mark.parametrize(("devices", "batch_size"), [(1, 4), (2, 6)])
def test_features_are_those_of_the_pictures_in_order(request_of, devices, batch_size):
    source, places = Counted(), np.array([3, 17, 4, 0, 9])
    found = real_features(request_of(batch_size, devices), NETWORK, source, places, "test")
    np.testing.assert_array_equal(found.values, expected(source, places))
    assert found.broken == 0


def test_features_are_made_once_unless_something_changes(request_of):
    source, places = Counted(), np.arange(20)

    def made(**changes):
        """How many pictures were read for features, beside the check of their contents."""
        source.reads = 0
        real_features(
            request_of(changes.get("batch_size", 4), **changes.get("options", {})),
            changes.get("network", NETWORK),
            source,
            changes.get("places", places),
            "test",
        )
        return source.reads - 20

    assert [made(), made(batch_size=7), made()] == [20, 0, 0]
    assert made(places=np.arange(2, 10)) == 8
    assert made(network=NETWORK._replace(key="1")) == 20
    assert made(options={"resize": "pad"}) == 20
    assert made(options={"flips": False}) == 0


def test_what_was_interrupted_goes_on(request_of):
    source = Counted()

    request = request_of()
    original = request.replicas.over_rows

    def over_rows(function):
        run = original(function)

        class Stops:
            batch_size = run.batch_size

            def __call__(self, *arrays):
                if source.reads > 20 + 8:
                    raise KeyboardInterrupt
                return run(*arrays)

        return Stops()

    request.replicas.over_rows = over_rows
    with pytest.raises(KeyboardInterrupt):
        real_features(request, NETWORK, source, np.arange(20), "test")
    source.reads = 0
    found = real_features(request_of(), NETWORK, source, np.arange(20), "test")
    # Two batches of four were finished.
    assert source.reads == 20 + 12
    np.testing.assert_array_equal(found.values, expected(source, range(20)))


def test_broken_pictures_are_left_out_and_counted(request_of, capsys):
    source = Counted()
    source.broken = (0, 7)
    found = real_features(request_of(), NETWORK, source, np.arange(10), "test")
    assert found.broken == 2
    kept = [place for place in range(10) if place not in (0, 7)]
    np.testing.assert_array_equal(found.values, expected(source, kept))
    assert "Left out  random#7: damaged" in capsys.readouterr().err


def test_less_than_two_readable_pictures_are_an_error(request_of):
    source = Counted()
    source.broken = range(19)
    with pytest.raises(DataError, match=r"two readable pictures or more.*Received: 1"):
        real_features(request_of(), NETWORK, source, np.arange(20), "test")


def test_features_of_pictures_in_memory_are_those_of_each(request_of):
    images = np.random.default_rng(0).integers(0, 256, (9, SIZE, SIZE, 3), np.uint8)
    np.testing.assert_array_equal(
        networks_of(request_of(), NETWORK).features_of("test", images), images[:, 0, 0]
    )


def test_blocks_are_all_rows_in_order():
    values = np.arange(5000).reshape(-1, 2)
    parts = list(row_blocks(values))
    assert len(parts) == 2
    np.testing.assert_array_equal(np.concatenate(parts), values)
