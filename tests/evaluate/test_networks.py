"""The network that is always at hand."""

import dataclasses
import json

import numpy as np
import pytest

from tests.training.runs import mirrored
from tfgan.data.avatars import ATTRIBUTES
from tfgan.devices import Replicas
from tfgan.evaluate import __main__ as evaluate
from tfgan.evaluate import classifier, networks
from tfgan.evaluate.metric import PictureOptions, Request
from tfgan.evaluate.networks import open_avatar_network, reduce_to
from tfgan.models.stylegan2 import StyleGAN2Generator


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    return str(tmp_path_factory.mktemp("sets"))


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(classifier, "RECIPE", classifier.Recipe(images=60, batch_size=20))
    monkeypatch.setattr(networks, "PICTURES", 60)


def test_its_features_are_those_of_a_classifier_of_all_attributes(sets, tmp_path):
    config = PictureOptions(data_dir=sets, resolution=16)
    request = Request(config, None, Replicas(mirrored(1)), {}, 0, tmp_path)
    network = open_avatar_network(request)
    assert network.model.class_names == ATTRIBUTES
    assert (
        f"{len(ATTRIBUTES)} attributes of drawn faces at 16 pixels ({network.key})" in network.name
    )
    images = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), np.uint8)
    features = np.asarray(network.features(images))
    assert features.shape == (3, network.width)
    expected = network.model.features(images.astype(np.float32) / 127.5 - 1)
    np.testing.assert_allclose(features, expected, atol=1e-5)
    # Whatever pictures are measured, it is the same network.
    other = dataclasses.replace(request, data=dataclasses.replace(config, data=("faces",)))
    assert open_avatar_network(other).key == network.key


def test_large_pictures_are_reduced_by_means():
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    means = images.reshape(2, 8, 4, 8, 4, 3).mean(axis=(2, 4)) / 127.5 - 1
    np.testing.assert_allclose(reduce_to(images, 8), means, atol=1e-6)
    np.testing.assert_allclose(reduce_to(images, 32), images / 127.5 - 1, atol=1e-6)


def test_the_command_line_measures_with_it(sets, tmp_path, capsys):
    model = StyleGAN2Generator(16, 4, 4, channel_base=64, channel_max=4)
    model.build()
    model.save(tmp_path / "model.keras")
    arguments = [str(tmp_path / "model.keras"), "--data", "avatars", "--avatars-count", "60"]
    arguments += ["--data-dir", sets, "--metrics", "avatar-fd", "avatar-kd", "avatar-pr"]
    assert evaluate.main(arguments) == 0
    found = json.loads((tmp_path / "model-evaluation.json").read_text())["metrics"]
    assert list(found) == ["avatar-fd", "avatar-kd", "avatar-pr"]
    for which in ("generated", "other_real"):
        assert found["avatar-fd"][which]["distance"]["value"] > 0
        assert 0 <= found["avatar-pr"][which]["recall"]["value"] <= 1
    # Even a network that has learned little tells noise from faces.
    distances = [
        found["avatar-fd"][which]["distance"]["value"] for which in ("generated", "other_real")
    ]
    assert distances[0] > distances[1]
    shown = capsys.readouterr().out
    assert "FID" not in shown
    assert "Frechet distance of avatar features" in shown
    assert len(list((tmp_path / "evaluation-cache").glob("*.keras"))) == 1
