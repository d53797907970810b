"""Models of half precision are measured in float32, by every metric and while they are trained."""

import dataclasses
import gc
import json
import re
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.training.runs import make_trainer, mirrored
from tfgan import arithmetic
from tfgan.evaluate import __main__ as evaluate
from tfgan.evaluate import classifier, systems
from tfgan.label_sets import LabelSet
from tfgan.models.lpips import LPIPS
from tfgan.models.stargan import StarGAN
from tfgan.models.stargan_v2 import StarGANv2
from tfgan.models.stylegan import StyleGANGenerator
from tfgan.models.stylegan2 import StyleGAN2Generator
from tfgan.terminal import UserError
from training.measurements import Measurements
from training.systems import stylegan2

STYLES = {"latent_dim": 4, "style_dim": 4, "channel_base": 256, "channel_max": 8}
MAKERS = {
    "stylegan": lambda precision: StyleGANGenerator(32, precision=precision, **STYLES),
    "stylegan2": lambda precision: StyleGAN2Generator(32, precision=precision, **STYLES),
    "stargan": lambda precision: StarGAN(
        32, [LabelSet("data", "classes", ("blue", "red"))], 2, 1, precision=precision
    ),
    "stargan-v2": lambda precision: StarGANv2(
        32, ("blue", "red"), mapping_width=8, precision=precision, **STYLES
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pictures of two classes."""
    folder = tmp_path_factory.mktemp("precision")
    random = np.random.default_rng(0)
    for name in ("blue", "red"):
        (folder / "data" / name).mkdir(parents=True)
        for i in range(20):
            pixels = random.integers(0, 256, (32, 32, 3), np.uint8)
            Image.fromarray(pixels).save(folder / "data" / name / f"{i}.png")
    return folder


@pytest.fixture
def measured(folder, tmp_path, capsys, eagerly):
    """What the command line writes and shows of a model of some precision, of the same weights."""

    def measure(name, precision, *options):
        keras.utils.set_random_seed(0)
        model = MAKERS[name](precision)
        model.build()
        random = np.random.default_rng(0)
        # Strengths of noise and biases too, which are 0 at first.
        weights = [w + 0.1 * random.standard_normal(w.shape) for w in model.get_weights()]
        model.set_weights(weights)
        path = tmp_path / f"{name}-{precision}.keras"
        model.save(path)
        given = [str(path), "--data", str(folder / "data"), "--devices", "1", "--batch-size", "3"]
        assert evaluate.main([*given, *options, "--cache", str(tmp_path / precision)]) == 0
        result = json.loads(path.with_name(f"{path.stem}-evaluation.json").read_text())
        return result, re.sub(r"\s+", " ", capsys.readouterr().out)

    return measure


def test_path_lengths_of_a_half_precision_generator_are_those_of_its_weights(measured, tmp_path):
    network = LPIPS("vgg")
    network.build()
    for layer in network.linear:  # learned under the condition that none is negative
        layer.kernel.assign(tf.abs(layer.kernel))
    network.save(tmp_path / "vgg.keras")
    options = ("--metrics", "ppl", "--lpips-vgg", str(tmp_path / "vgg.keras"), "--count", "3")
    half, shown = measured("stylegan2", "float16", *options)
    full, _ = measured("stylegan2", "float32", *options)
    # The same operators on the same numbers. In float16 the length is half as large again.
    assert half["curves"] == full["curves"]
    assert half["metrics"]["ppl"]["facts"]["generated"]["arithmetic"] == "float32, TF32 off"
    assert "networks in float32, TF32 off" in shown


@pytest.mark.parametrize("name", MAKERS)
def test_every_kind_of_model_is_measured_in_float32(measured, monkeypatch, name):
    monkeypatch.setattr(classifier, "RECIPE", classifier.Recipe(images=40, batch_size=20))
    half, shown = measured(name, "bfloat16", "--count", "2")
    full, _ = measured(name, "float32", "--count", "2")
    (metric,) = full["metrics"]
    for result in (half, full):
        for files in ("classifier", "classifiers"):
            result["metrics"][metric].pop(files, None)  # each in a cache of its own
    assert half["metrics"] == full["metrics"]
    assert "float32, TF32 off" in json.dumps(half["metrics"][metric])
    assert "networks in float32, TF32 off" in shown


@pytest.fixture
def tf32():
    """TF32 as TensorFlow has it, on; and again after the test."""
    tf.config.experimental.enable_tensor_float_32_execution(True)
    yield tf.config.experimental.tensor_float_32_execution_enabled
    tf.config.experimental.enable_tensor_float_32_execution(True)


def test_nothing_is_measured_with_tf32_and_it_is_on_again_afterwards(measured, monkeypatch, tf32):
    metrics = systems.SYSTEMS["StyleGAN2Generator"].metrics
    swd, found = metrics["swd"], []

    def measure(subject):
        found.append(tf32())
        return swd.measure(subject)

    monkeypatch.setitem(metrics, "swd", dataclasses.replace(swd, measure=measure))
    measured("stylegan2", "float32", "--count", "2")
    assert (found, tf32()) == ([False], True)


def measurements_of(tmp_path, precision="bfloat16"):
    config = dataclasses.replace(
        stylegan2.PRESETS["smoke"](),
        precision=precision,
        data_dir=str(tmp_path / "sets"),
        evaluate_every=1.0,
        evaluate_count=4,
    )
    trainer = make_trainer(tmp_path / precision, stylegan2, config)
    runs = tmp_path / "runs"
    return trainer, Measurements("StyleGAN2Generator", config, mirrored(1), runs)


def test_a_half_precision_run_is_measured_in_float32_and_left_as_it_is(
    tmp_path, monkeypatch, tf32, eagerly
):
    trainer, measurements = measurements_of(tmp_path)
    plain, _ = measurements_of(tmp_path, "float32")
    random = np.random.default_rng(0)
    for one in (trainer, plain):
        random = np.random.default_rng(0)
        for variable in one.variables.values():
            if variable.dtype == "float32":
                variable.assign(variable + 0.1 * random.standard_normal(variable.shape))
    model = trainer.system.inference_model()
    before = {name: np.array(v.numpy()) for name, v in trainer.variables.items()}
    config, copies, settings = model.get_config(), [], []
    original = arithmetic.in_float32

    def in_float32(model):
        copies.append(original(model))
        settings.append(tf32())
        return copies[-1]

    monkeypatch.setattr("training.measurements.in_float32", in_float32)
    found = measurements.measure(model)
    assert found == measurements.measure(plain.system.inference_model())
    assert (settings, tf32()) == ([False, False], True)
    for name, value in before.items():
        np.testing.assert_array_equal(trainer.variables[name].numpy(), value)
    assert model.get_config() == config
    assert model.precision == "bfloat16"
    # The copy goes once it was measured, and a float32 run needs none.
    assert copies[1] is plain.system.inference_model()
    left = weakref.ref(copies[0])
    copies.clear()
    measurements.measure(plain.system.inference_model())
    gc.collect()
    assert left() is None


def test_tf32_is_on_again_where_a_measurement_fails(tmp_path, monkeypatch, tf32, eagerly):
    trainer, measurements = measurements_of(tmp_path)

    def measure(subject):
        raise UserError("the pictures are gone.")

    metrics = systems.SYSTEMS["StyleGAN2Generator"].metrics
    failing = dataclasses.replace(metrics["swd"], measure=measure)
    monkeypatch.setitem(metrics, "swd", failing)
    with pytest.raises(UserError, match="the pictures are gone"):
        measurements.measure(trainer.system.inference_model())
    assert tf32()
