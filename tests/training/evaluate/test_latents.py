"""Generators that draw from latents, as the command line measures them."""

import dataclasses
import json
import re

import numpy as np
import pytest
from PIL import Image

from tfgan import figures
from tfgan.models.stylegan import StyleGANGenerator
from tfgan.models.stylegan2 import StyleGAN2Generator
from training.config import save_config
from training.evaluate import __main__ as evaluate
from training.evaluate import latents
from training.systems import stylegan2


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


@pytest.mark.parametrize("name", ["plain", "grown", "classes"])
def test_a_generator_is_measured_beside_other_real_pictures(files, tmp_path, capsys, name):
    out = tmp_path / "out.json"
    arguments = [str(files / f"{name}.keras"), "--data", str(files / "data"), "--out", str(out)]
    assert evaluate.main(arguments) == 0
    shown = capsys.readouterr().out
    assert (
        f"{files / 'data'}, the folder: 16 pictures, and 16 others of the folder; seed 0" in shown
    )
    assert "may have been trained on these" in shown
    result = json.loads(out.read_text())
    assert result["seed"] == 0
    assert result["data"]["count"] == result["generated"]["count"] == 16
    assert result["generated"] == {
        "count": 16,
        "seed": 0,
        "truncation_psi": 1.0,
        "noise": "random",
    }
    distances = result["sliced_wasserstein"]
    assert list(distances) == ["generated", "other_real"]
    for found in distances.values():
        assert list(found) == ["32", "16", "average"]
        mean = np.mean([found["32"]["value"], found["16"]["value"]])
        np.testing.assert_allclose(found["average"]["value"], mean)
    # A new generator draws other patches than these pictures have.
    assert distances["generated"]["32"]["low"] > distances["other_real"]["32"]["high"]
    for level in ("32 pixels", "16 pixels", "average"):
        row = next(line for line in shown.splitlines() if line.startswith(f"  {level}"))
        for found in distances.values():
            assert f" {found[level.split()[0]]['value']:.2f} [" in row
    words = "No feature network.*16 generated, 16 real, 16 other real.*--resize crop, Lanczos; "
    assert re.search(words + "seed 0; psi 1; random noise", shown.replace("\n", " "))
    # Once more the same; with another truncation another generator, and the same real pictures.
    before = out.read_text()
    assert evaluate.main(arguments) == 0
    assert out.read_text() == before
    assert evaluate.main([*arguments, "--psi", "0.5"]) == 0
    assert "psi 0.5" in capsys.readouterr().out
    other = json.loads(out.read_text())["sliced_wasserstein"]
    assert other["other_real"] == distances["other_real"]
    # Random noise is off at first, so the styles alone make a difference.
    assert other["generated"] != distances["generated"]


def test_what_draws_real_pictures_gets_what_other_real_pictures_get(files, tmp_path, monkeypatch):
    drawn = {}

    def draw_pictures(model, labels, count, psi, seed):
        return drawn["others"]

    def read_two_draws(*arguments):
        found = latents_read(*arguments)
        drawn["others"] = found.others
        return found

    latents_read = latents.read_two_draws
    monkeypatch.setattr(latents, "draw_pictures", draw_pictures)
    monkeypatch.setattr(latents, "read_two_draws", read_two_draws)
    out = tmp_path / "out.json"
    arguments = [str(files / "plain.keras"), "--data", str(files / "data"), "--count", "5"]
    assert evaluate.main([*arguments, "--out", str(out)]) == 0
    result = json.loads(out.read_text())
    assert result["data"]["count"] == 5
    found = result["sliced_wasserstein"]
    assert found["generated"] == found["other_real"]


def test_classes_are_drawn_as_often_as_they_are_in_the_data(files, tmp_path, monkeypatch):
    given = {}

    def generate(model, drawn, labels, **options):
        given.update(options, latents=drawn, labels=labels)
        return np.zeros((len(drawn), 32, 32, 3), np.uint8)

    monkeypatch.setattr(figures, "generate", generate)
    labels = np.repeat([0, 1], [24, 8])
    model = StyleGAN2Generator(32, latent_dim=4, class_names=("blue", "red"))
    latents.draw_pictures(model, labels, 2000, 0.7, 3)
    # Three deviations of a binomial share of 2000.
    np.testing.assert_allclose(given["labels"].mean(), 0.25, atol=0.03)
    assert given["latents"].shape == (2000, 4)
    np.testing.assert_allclose(given["latents"].std(), 1, atol=0.03)
    assert (given["truncation_psi"], given["noise"], given["seed"]) == (0.7, "random", 3)
    latents.draw_pictures(model, None, 2, 1.0, 0)
    assert given["labels"] is None
    arguments = [str(files / "classes.keras"), "--data", str(files / "data")]
    assert evaluate.main([*arguments, "--out", str(tmp_path / "out.json")]) == 0
    assert set(given["labels"]) <= {0, 1}
    assert given["labels"].mean() < 0.5


def test_a_run_knows_its_data(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    config = dataclasses.replace(stylegan2.smoke(), data_dir=str(tmp_path / "sets"))
    data = config.open_data()
    run = tmp_path / "runs" / "00000-smoke"
    run.mkdir(parents=True)
    save_config(run / "config.json", "stylegan2", config, data.fingerprint)
    stylegan2.create(config, data.labels).inference_model().save(run / "model.keras")
    assert evaluate.main(["latest"]) == 0
    shown = capsys.readouterr()
    assert "the split test: 6 pictures, and 6 others of the split train; seed 0" in shown.out
    assert "not those of the run" not in shown.err
    assert "trained on these" not in shown.out
    result = json.loads((run / "evaluation.json").read_text())
    assert list(result["sliced_wasserstein"]["generated"]) == ["16", "average"]
    assert result["data"]["real"] == "the split test"
    assert not (tmp_path / "runs" / "classifiers").exists()
    save_config(run / "config.json", "stylegan2", config, "0" * 12)
    assert evaluate.main(["latest", "--count", "4", "--seed", "1"]) == 0
    shown = capsys.readouterr()
    assert "not those of the run" in shown.err
    assert "4 pictures, and 4 others" in shown.out


def test_pictures_of_other_classes_are_a_mistake(files, capsys):
    assert evaluate.main([str(files / "cats.keras"), "--data", str(files / "data")]) == 2
    error = capsys.readouterr().err
    assert "the classes of the model: cat, dog. Received: blue, red" in error
    assert not (files / "cats-evaluation.json").exists()
