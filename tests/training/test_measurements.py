"""Measuring while a model is trained."""

import dataclasses
import json
import os
import signal

import numpy as np
import pytest

from tests.training.runs import make_trainer, mirrored
from tfgan.terminal import UserError
from training import run
from training.config import ConfigError
from training.measurements import Measurements
from training.systems import stylegan, stylegan2


def config_of(**options):
    return dataclasses.replace(stylegan2.PRESETS["smoke"](), evaluate_every=0.016, **options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"metrics": ("lpips",)}, "--metrics of StyleGAN2 are swd,"),
        ({"metrics": ("fid",)}, "--metrics fid needs the weights of Inception-v3"),
        ({"metrics": ("fid",), "inception": ("no.pth",)}, "Received: no.pth, which is none"),
        (
            {"metrics": ("ppl",), "lpips_vgg": (__file__,)},
            "32 pixels or more. Received: a model of",
        ),
    ],
)
def test_a_mistake_is_found_before_training(options, words, tmp_path, monkeypatch):
    monkeypatch.delenv("TFGAN_INCEPTION", raising=False)
    with pytest.raises(UserError, match=words):
        Measurements("StyleGAN2Generator", config_of(**options), mirrored(1), tmp_path)


def test_what_only_measurements_need_is_a_mistake_without_them():
    config = dataclasses.replace(config_of(metrics=("swd",)), evaluate_every=None)
    with pytest.raises(ConfigError, match="`metrics` belongs to `evaluate_every`"):
        config.check()
    with pytest.raises(ConfigError, match="`evaluate_every` must be positive"):
        dataclasses.replace(config_of(), evaluate_every=0.0).check()


def test_a_run_measures_as_the_command_line_does(tmp_path, monkeypatch, capsys, eagerly):
    monkeypatch.chdir(tmp_path)
    arguments = ["--model", "stylegan2", "--preset", "smoke", "--devices", "1"]
    arguments += [
        "--total-kimg",
        "0.048",
        "--data-dir",
        "sets",
        "--evaluate-every",
        "0.02",
        "--metrics",
        "swd",
    ]
    assert run.main([*arguments, "--evaluate-count", "5"]) == 0
    shown = capsys.readouterr().out
    (folder,) = (tmp_path / "runs").glob("0*")
    lines = [json.loads(line) for line in (folder / "stats.jsonl").read_text().splitlines()]
    found = {line["images_seen"]: line["metrics/swd"] for line in lines if "metrics/swd" in line}
    batch = stylegan2.PRESETS["smoke"]().batch_size
    # The first batch that passes 20 images, the first that passes 40, and the end.
    expected = sorted({-(-20 // batch) * batch, -(-40 // batch) * batch, 48})
    assert sorted(found) == expected
    assert f"At 48 images: swd {found[48]:.4g}" in shown
    from tfgan.evaluate import __main__ as evaluate

    assert evaluate.main([str(folder), "--count", "5"]) == 0
    result = json.loads((folder / "evaluation.json").read_text())["metrics"]["swd"]
    np.testing.assert_allclose(found[48], result["generated"]["average"]["value"], rtol=1e-5)
    # What was made of the model is gone, and there was nothing else to keep.
    assert not (tmp_path / "runs" / "evaluation-cache").exists()


def test_a_network_that_grows_is_measured_at_the_size_that_it_has(tmp_path, monkeypatch):
    config = dataclasses.replace(
        stylegan.PRESETS["smoke"](),
        data_dir=str(tmp_path / "sets"),
        evaluate_every=1.0,
        evaluate_count=4,
    )
    trainer = make_trainer(tmp_path / "run", stylegan, config)
    measurements = Measurements("StyleGANGenerator", config, mirrored(1), tmp_path)
    model = trainer.system.inference_model()
    assert model.resolution < config.resolution
    values = measurements.measure(model)
    assert list(values) == ["swd"]
    assert measurements.reals.held_back.images.shape[1] == model.resolution
    monkeypatch.setattr("training.measurements.SMALLEST", 2 * model.resolution)
    assert measurements.measure(model) == {}


def trained(folder, measure, **options):
    config = dataclasses.replace(
        stylegan2.PRESETS["smoke"](),
        resolution=8,
        channel_base=64,
        channel_max=8,
        total_kimg=0.032,
        batch_size=8,
        sample_rows=1,
        sample_columns=2,
        evaluate_every=0.016,
        **options,
    )
    trainer = make_trainer(folder, stylegan2, config, measure=measure)
    end = trainer.train()
    lines = [json.loads(line) for line in (folder / "stats.jsonl").read_text().splitlines()]
    return trainer, end, [line for line in lines if any("metrics/" in name for name in line)]


def test_what_cannot_be_measured_does_not_end_training(tmp_path, capsys, eagerly):
    def measure(model):
        raise UserError("the pictures are gone.")

    trainer, end, points = trained(tmp_path / "run", measure)
    assert (end, trainer.images_seen, points) == ("finished", 32, [])
    assert capsys.readouterr().out.count("Not measured: the pictures are gone.") == 2


def test_a_signal_ends_a_measurement_and_training_saves(tmp_path, eagerly):
    def measure(model):
        os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError("the measurement went on")

    trainer, end, points = trained(tmp_path / "run", measure)
    assert (end, trainer.images_seen, points) == ("SIGTERM", 16, [])
    assert trainer.newest_checkpoint() == 16


def test_a_signal_during_a_step_starts_no_measurement(tmp_path, monkeypatch, eagerly):
    measured = []
    original = stylegan2.StyleGAN2System.after_step

    def after_step(self, step, images_seen, batch_size):
        if images_seen == 16:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(self, step, images_seen, batch_size)

    monkeypatch.setattr(stylegan2.StyleGAN2System, "after_step", after_step)
    trainer, end, _ = trained(tmp_path / "run", measured.append)
    assert (end, trainer.images_seen, measured) == ("SIGTERM", 16, [])


def test_measuring_changes_nothing_of_the_training(tmp_path, eagerly):
    def measure(model):
        np.random.default_rng(0).random()
        model(np.zeros((2, model.latent_dim), np.float32))
        return {"one": 1.0}

    runs = [trained(tmp_path / name, one)[0] for name, one in (("a", measure), ("b", None))]
    first, second = ({name: v.numpy() for name, v in one.variables.items()} for one in runs)
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name])
