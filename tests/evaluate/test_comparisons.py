"""Generators that draw from latents, as the command line measures them."""

import dataclasses
import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tfgan.evaluate import __main__ as evaluate
from tfgan.evaluate import comparisons, generators
from tfgan.evaluate.comparisons import draw_rows
from tfgan.evaluate.metric import PictureOptions, Request
from tfgan.evaluate.networks import FeatureNetwork, RealFeatures
from tfgan.evaluate.systems import SYSTEMS
from tfgan.metrics.precision_recall import precision_recall
from tfgan.models.inception import InceptionV3
from tfgan.models.stylegan import StyleGANGenerator
from tfgan.models.stylegan2 import StyleGAN2Generator
from tfgan.models.vgg import VGG16
from tfgan.runs import save_config
from training.data import open_data
from training.systems import stylegan2

METRICS = SYSTEMS["StyleGAN2Generator"].metrics


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Pictures in two folders, and generators without and with classes."""
    folder = tmp_path_factory.mktemp("latents")
    random = np.random.default_rng(0)
    for name, count in (("blue", 24), ("red", 8)):
        (folder / "data" / name).mkdir(parents=True)
        for i in range(count):
            pixels = random.integers(0, 100, (32, 40, 3)) + np.linspace(0, 150, 40)[:, None]
            Image.fromarray(pixels.astype(np.uint8)).save(folder / "data" / name / f"{i}.png")
    small = {"latent_dim": 4, "style_dim": 4, "channel_base": 64, "channel_max": 4}
    for name, kind, classes in (
        ("plain", StyleGAN2Generator, ()),
        ("grown", StyleGANGenerator, ()),
        ("classes", StyleGAN2Generator, ("blue", "red")),
        ("cats", StyleGAN2Generator, ("cat", "dog")),
    ):
        model = kind(32, class_names=classes, **small)
        model.build()
        model.save(folder / f"{name}.keras")
    return folder


def read(path, metric="swd"):
    return json.loads(path.read_text())["metrics"][metric]


@pytest.mark.parametrize("name", ["plain", "grown", "classes"])
def test_a_generator_is_measured_beside_other_real_pictures(files, tmp_path, capsys, name):
    out = tmp_path / "out.json"
    arguments = [str(files / f"{name}.keras"), "--data", str(files / "data"), "--out", str(out)]
    assert evaluate.main(arguments) == 0
    shown = capsys.readouterr().out
    result = read(out)
    facts = result["facts"]
    assert facts["real"] == {"from": "the folder", "count": 16, "apart": False}
    assert facts["other_real"] == {"from": "the folder", "count": 16}
    assert facts["generated"] == {
        "count": 16,
        "seed": 0,
        "truncation_psi": 1.0,
        "noise": "random",
        "arithmetic": "float32, TF32 off",
    }
    for which in ("generated", "other_real"):
        found = result[which]
        assert list(found) == ["32", "16", "average"]
        mean = np.mean([found["32"]["value"], found["16"]["value"]])
        np.testing.assert_allclose(found["average"]["value"], mean)
    # A new generator draws other patches than these pictures have.
    assert result["generated"]["32"]["low"] > result["other_real"]["32"]["high"]
    for level in ("32 pixels", "16 pixels", "average"):
        row = next(line for line in shown.splitlines() if line.startswith(f"  {level}"))
        for which in ("generated", "other_real"):
            assert f" {result[which][level.split()[0]]['value']:.2f} [" in row
    words = (
        "no network; 16 generated; 16 real of the folder; 16 other real of the folder; the model "
        "may have been trained on these; 32 pixels; --resize crop, Lanczos; seed 0; psi 1; random "
        "noise; networks in float32, TF32 off."
    )
    assert words in re.sub(r"\s+", " ", shown)
    # Once more the same; with another truncation another generator, and the same real pictures.
    before = out.read_text()
    assert evaluate.main(arguments) == 0
    assert out.read_text() == before
    assert evaluate.main([*arguments, "--psi", "0.5"]) == 0
    assert "psi 0.5" in capsys.readouterr().out
    other = read(out)
    assert other["other_real"] == result["other_real"]
    # Random noise is off at first, so the styles alone make a difference.
    assert other["generated"] != result["generated"]


def test_results_are_kept_as_they_come_and_added_to(files, tmp_path, capsys, monkeypatch, eagerly):
    out = tmp_path / "out.json"
    arguments = [str(files / "plain.keras"), "--data", str(files / "data"), "--out", str(out)]
    arguments += ["--count", "4", "--metrics", "swd"]
    found = {}

    def stops(subject):
        found.update(json.loads(out.read_text())["metrics"])
        raise KeyboardInterrupt

    swd = METRICS["swd"]
    stopped = dataclasses.replace(swd, name="avatar-fd", measure=stops)
    monkeypatch.setitem(METRICS, "avatar-fd", stopped)
    assert evaluate.main([*arguments, "avatar-fd"]) == 130
    assert list(found) == ["swd"]
    assert json.loads(out.read_text())["metrics"] == found

    def tells(subject):
        return found["swd"]

    told = dataclasses.replace(stopped, measure=tells, describe=str, curves=dict.fromkeys)
    monkeypatch.setitem(METRICS, "avatar-fd", told)
    assert evaluate.main([*arguments[:-1], "avatar-fd"]) == 0
    assert list(json.loads(out.read_text())["metrics"]) == ["swd", "avatar-fd"]
    # Numbers of another seed do not stand beside these.
    assert evaluate.main([*arguments, "--seed", "1"]) == 0
    assert list(json.loads(out.read_text())["metrics"]) == ["swd"]
    assert "the folder has 16 pictures" not in capsys.readouterr().err


def test_a_network_that_cannot_be_used_is_found_before_anything_is_measured(
    files, tmp_path, capsys
):
    (tmp_path / "junk.pth").write_bytes(b"junk")
    out = tmp_path / "out.json"
    arguments = [str(files / "plain.keras"), "--data", str(files / "data"), "--out", str(out)]
    arguments += ["--metrics", "swd", "fid", "--inception", str(tmp_path / "junk.pth")]
    assert evaluate.main(arguments) == 2
    shown = capsys.readouterr()
    assert "junk.pth: it is no checkpoint of a known kind" in shown.err
    assert "Wasserstein" not in shown.out
    assert not out.exists()


def test_fewer_pictures_than_asked_for_are_said(files, tmp_path, capsys, eagerly):
    arguments = [str(files / "plain.keras"), "--data", str(files / "data")]
    assert evaluate.main([*arguments, "--out", str(tmp_path / "o.json"), "--count", "17"]) == 0
    words = "the folder has 16 pictures: as many of each set are compared, not 17"
    assert words in capsys.readouterr().err


def test_what_draws_real_pictures_gets_what_other_real_pictures_get(
    files, tmp_path, monkeypatch, eagerly
):
    monkeypatch.setattr(
        generators.Subject, "pictures", property(lambda own: own.reals.held_back.others)
    )
    out = tmp_path / "out.json"
    arguments = [str(files / "plain.keras"), "--data", str(files / "data"), "--count", "5"]
    assert evaluate.main([*arguments, "--out", str(out)]) == 0
    result = read(out)
    assert result["facts"]["generated"]["count"] == 5
    assert result["generated"] == result["other_real"]


def test_a_run_knows_its_data(tmp_path, monkeypatch, capsys, eagerly):
    monkeypatch.chdir(tmp_path)
    config = dataclasses.replace(stylegan2.PRESETS["smoke"](), data_dir=str(tmp_path / "sets"))
    data = open_data(config)
    run = tmp_path / "runs" / "00000-smoke"
    run.mkdir(parents=True)
    save_config(run / "config.json", "stylegan2", config, data.fingerprint)
    stylegan2.create(config, data.labels).inference_model().save(run / "model.keras")
    assert evaluate.main(["latest"]) == 0
    shown = capsys.readouterr()
    words = "6 real of the split test; 6 other real of the split train"
    assert words in re.sub(r"\s+", " ", shown.out)
    assert "not those of the run" not in shown.err
    assert "trained on these" not in shown.out
    result = read(run / "evaluation.json")
    assert list(result["generated"]) == ["16", "average"]
    assert not (tmp_path / "runs" / "evaluation-cache").exists()
    save_config(run / "config.json", "stylegan2", config, "0" * 12)
    assert evaluate.main(["latest", "--count", "4", "--seed", "1"]) == 0
    shown = capsys.readouterr()
    assert "not those of the run" in shown.err
    assert "4 generated; 4 real" in re.sub(r"\s+", " ", shown.out)


def test_pictures_of_other_classes_are_a_mistake(files, capsys):
    assert evaluate.main([str(files / "cats.keras"), "--data", str(files / "data")]) == 2
    error = capsys.readouterr().err
    assert "the classes of the model: cat, dog. Received: blue, red" in error
    assert not (files / "cats-evaluation.json").exists()


def test_inception_metrics_take_their_network_from_the_environment(
    files, tmp_path, monkeypatch, capsys, eagerly
):
    network = InceptionV3()
    network.build()
    network.save(tmp_path / "inception.keras")
    monkeypatch.setenv("TFGAN_INCEPTION", str(tmp_path / "inception.keras"))
    out, cache = tmp_path / "out.json", tmp_path / "cache"
    arguments = [str(files / "plain.keras"), "--data", str(files / "data"), "--out", str(out)]
    arguments += ["--cache", str(cache), "--count", "12", "--batch-size", "12", "--devices", "1"]
    arguments += ["--metrics"]
    assert evaluate.main([*arguments, "fid", "kid", "pr", "is", "--real-count", "20"]) == 0
    found = json.loads(out.read_text())["metrics"]
    assert list(found) == ["fid", "kid", "pr", "is"]
    assert found["fid"]["generated"]["distance"] > 0
    assert 0 <= found["pr"]["generated"]["precision"]["value"] <= 1
    assert 1 <= found["is"]["generated"]["score"]["value"] <= 1008
    facts = found["fid"]["facts"]
    assert (facts["real"]["count"], facts["generated"]["count"]) == (20, 12)
    assert facts["features"].startswith("Inception-v3, 2015-12-05 (weights ")
    shown = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert "12 generated; 20 real" in shown
    kept = sorted(cache.iterdir())
    assert len(kept) == 2
    times = [path.stat().st_mtime_ns for path in kept]
    # Neither real nor generated pictures need the network again, and more of them go on.
    assert evaluate.main([*arguments, "fid", "--real-count", "20"]) == 0
    again = json.loads(out.read_text())["metrics"]["fid"]
    assert again == found["fid"]
    assert [path.stat().st_mtime_ns for path in kept] == times
    assert evaluate.main([*arguments, "fid", "--real-count", "20", "--psi", "0.5"]) == 0
    assert len(list(cache.iterdir())) == 3


def test_precision_and_recall_of_vgg16_stand_under_a_name_of_their_own(
    files, tmp_path, capsys, eagerly
):
    network = VGG16(width=6)
    network.build()
    network.save(tmp_path / "vgg16.keras")
    out = tmp_path / "out.json"
    arguments = [str(files / "plain.keras"), "--data", str(files / "data"), "--out", str(out)]
    arguments += ["--cache", str(tmp_path), "--devices", "1", "--batch-size", "5"]
    arguments += ["--count", "4", "--real-count", "5"]
    arguments += ["--metrics", "pr-vgg16", "--vgg16", str(tmp_path / "vgg16.keras")]
    assert evaluate.main(arguments) == 0
    found = json.loads(out.read_text())
    facts = found["metrics"]["pr-vgg16"]["facts"]
    assert (facts["real"]["count"], facts["generated"]["count"]) == (5, 4)
    assert facts["features"].startswith("VGG16, fc7 (weights ")
    assert list(found["curves"]) == ["pr-vgg16_precision", "pr-vgg16_recall"]
    shown = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert "Precision and recall of VGG16 features, as published" in shown
    assert "VGG16, fc7 (weights " in shown
    assert "too few" not in shown


class Pixels:
    """Three hundred features of real pictures, and as many generated ones."""

    real = np.random.default_rng(0).standard_normal((300, 4)).astype(np.float32)
    made = np.random.default_rng(1).standard_normal((300, 4)).astype(np.float32)


@pytest.fixture
def subject_of():
    """A subject whose features are those of `Pixels`."""

    def make(real_count=None):
        config = PictureOptions(resolution=8)
        request = Request(
            config, None, None, dict.fromkeys(METRICS), 0, None, real_count=real_count
        )
        network = FeatureNetwork("pixels", "0", 500, None, None)
        source = SimpleNamespace(name="pictures", fingerprint=lambda: "0")
        found = RealFeatures(Pixels.real[: real_count or 300], 0)
        reals = SimpleNamespace(
            networks=SimpleNamespace(open=lambda option: network),
            features=lambda option: found,
            source=source,
        )
        return SimpleNamespace(
            request=request,
            reals=reals,
            features=lambda option, count: Pixels.made,
            facts=lambda count: {"count": count},
        )

    return make


def test_as_many_pictures_are_told_as_precision_and_recall_compare(subject_of, monkeypatch):
    monkeypatch.setattr(comparisons, "MOST_NEIGHBOURS", 100)
    measure = METRICS["pr-vgg16"].measure
    found = measure(subject_of())
    facts = found["facts"]
    assert (facts["real"]["count"], facts["generated"]["count"]) == (100, 100)
    assert found["generated"]["precision"].count == found["generated"]["recall"].count == 100
    # A folder comes class by class, so they are drawn from all of it; the same each time.
    drawn = draw_rows(300, 100, seed=0)
    assert drawn.max() > 250
    assert np.all(np.diff(drawn) > 0)
    expected = precision_recall(Pixels.real[drawn], Pixels.made[:100])
    assert found["generated"]["recall"] == expected.recall
    assert measure(subject_of(200))["facts"]["real"]["count"] == 200


def test_only_frechet_distances_are_called_of_too_few_pictures(subject_of):
    subject = subject_of()
    for name, few in (("fid", True), ("kid", None), ("pr", None)):
        assert METRICS[name].measure(subject)["facts"].get("too_few") == few
