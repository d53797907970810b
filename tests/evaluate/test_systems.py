"""What is offered of each kind of model, and what must be known beside its numbers."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from tfgan.evaluate import __main__ as evaluate
from tfgan.evaluate import classifier, networks
from tfgan.evaluate.metric import NETWORKS, EvaluationError
from tfgan.evaluate.systems import SYSTEMS
from tfgan.models.stylegan2 import StyleGAN2Generator

NO_FILES = dict.fromkeys(NETWORKS)
DATA = {"faces": ("avatars:expression",), "pictures": ("cats",), "both": ("avatars", "cats")}


def offered(name, data):
    """The metrics that are offered in place of one whose network is not there."""
    system = SYSTEMS[name]
    needy = next(metric for metric, known in system.metrics.items() if known.network is not None)
    with pytest.raises(EvaluationError) as caught:
        system.find_networks(NO_FILES, [needy], data)
    return str(caught.value).partition("there are --metrics ")[2].rstrip(".").split()


@pytest.fixture(autouse=True)
def no_networks(monkeypatch):
    for network in NETWORKS.values():
        monkeypatch.delenv(network.variable, raising=False)


@pytest.mark.parametrize("name", ["StyleGAN2Generator", "StarGANv2"])
@pytest.mark.parametrize("data", DATA.values(), ids=list(DATA))
def test_what_is_offered_runs_and_means_something(name, data):
    system, free = SYSTEMS[name], offered(name, data)
    system.check_faces(free, data)
    for metric, caution in system.cautions(free, data).items():
        assert "drawn faces: of" not in caution, metric
    # And nothing else would: metrics need a network, or the built-in faces, or are offered.
    for metric in set(system.metrics) - set(free):
        assert system.metrics[metric].network or system.metrics[metric].faces, metric


def test_separability_is_offered_of_the_built_in_faces_alone():
    assert offered("StyleGAN2Generator", ("avatars",)) == [
        "swd", "avatar-fd", "avatar-kd", "avatar-pr", "separability"
    ]  # fmt: skip
    assert offered("StyleGAN2Generator", ("cats",)) == ["swd"]


@pytest.mark.parametrize(
    ("name", "metric", "advice"),
    [
        ("StyleGAN2Generator", "separability", "Name a labelled set with --labelled"),
        ("StarGANv2", "identity", "Leave identity out."),
        ("StarGAN", "identity", "Leave identity out."),
    ],
)
def test_what_needs_the_built_in_faces_is_refused_with_advice(name, metric, advice):
    system = SYSTEMS[name]
    for data in (DATA["pictures"], DATA["both"]):
        with pytest.raises(EvaluationError, match=advice):
            system.check_faces([metric], data)
    system.check_faces([metric], DATA["faces"])


def test_a_classifier_makes_up_for_the_built_in_faces():
    system = SYSTEMS["StyleGAN2Generator"]
    for option in ("classifier", "labelled"):
        system.check_faces(["separability"], DATA["pictures"], [option])
    with pytest.raises(EvaluationError):
        system.check_faces(["separability"], DATA["pictures"], ["labelled_table"])


def test_what_the_avatar_network_says_of_other_pictures_is_called_no_measure():
    system = SYSTEMS["StyleGAN2Generator"]
    chosen = ["swd", "avatar-fd", "avatar-kd", "avatar-pr"]
    found = system.cautions(chosen, ("cats",))
    assert [name for name in chosen if found[name]] == chosen[1:]
    words = "has only seen drawn faces: of cats this is no measure of quality. swd and fid are."
    assert words in found["avatar-pr"]
    assert not any(system.cautions(chosen, ("avatars",)).values())


def test_accuracy_of_translations_is_called_no_measure_of_quality():
    for name, instead in (("StarGANv2", "fid is one"), ("StarGAN", "look at the pictures")):
        words = SYSTEMS[name].cautions(["translation"], ("avatars",))["translation"]
        assert "no measure of picture quality" in words
        assert instead in words


@pytest.fixture
def files(tmp_path):
    """A generator, and pictures that are no drawn faces."""
    model = StyleGAN2Generator(8, latent_dim=4, style_dim=4, channel_base=32, channel_max=4)
    model.build()
    model.save(tmp_path / "cats.keras")
    (tmp_path / "cats").mkdir()
    for i in range(8):
        pixels = np.random.default_rng(i).integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "cats" / f"{i}.png")
    return tmp_path


def test_the_caution_comes_before_any_training_and_stands_beside_the_number(
    files, capsys, monkeypatch, eagerly
):
    monkeypatch.setattr(networks, "PICTURES", 40)
    monkeypatch.setattr(classifier, "RECIPE", classifier.Recipe(images=20, batch_size=10))
    said, train = [], classifier.train

    def training(*given):
        said.append(capsys.readouterr())
        return train(*given)

    monkeypatch.setattr(classifier, "train", training)
    cats = str(files / "cats")
    arguments = [str(files / "cats.keras"), "--data", cats, "--data-dir", str(files / "sets")]
    assert evaluate.main([*arguments, "--count", "4", "--metrics", "avatar-fd", "swd"]) == 0
    caution = f"the avatar network has only seen drawn faces: of {cats} this is no measure of"
    assert f"Note        avatar-fd: {caution}" in said[0].err
    assert "Frechet" not in said[0].out
    shown = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert shown.count(f"Note: {caution}") == 1
    assert shown.index("Frechet distance") < shown.index(caution) < shown.index("Wasserstein")
    found = json.loads((files / "cats-evaluation.json").read_text())["metrics"]
    assert found["avatar-fd"]["caution"].startswith(caution)
    assert "caution" not in found["swd"]


def test_what_will_be_refused_is_refused_before_anything_is_measured(files, capsys):
    arguments = [str(files / "cats.keras"), "--data", str(files / "cats")]
    assert evaluate.main([*arguments, "--metrics", "swd", "separability"]) == 2
    assert "--metrics separability needs a classifier" in capsys.readouterr().err
    assert not (files / "cats-evaluation.json").exists()


def test_every_metric_of_the_avatar_network_says_so():
    for entry in SYSTEMS.values():
        for name, metric in entry.metrics.items():
            assert (metric.faces == "measures") == name.startswith("avatar-")
