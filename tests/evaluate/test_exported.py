"""Models whose pictures an exported file makes, as they are measured."""

import json

import numpy as np
import pytest
from PIL import Image

from export import run as export
from export.examples import drawn_faces
from tests.export.small import stargan, stargan_v2, stylegan2
from tfgan.evaluate.__main__ import main
from tfgan.evaluate.exported import open_exported
from tfgan.evaluate.generators import Generator
from tfgan.evaluate.metric import EvaluationError
from tfgan.inference import to_uint8
from tfgan.loading import load_model


def exported(model, folder, *forms):
    """The model as it is kept, its file, and the folder of its export."""
    file = folder / "face.keras"
    model.save(file)
    assert export.main([str(file), "--formats", *forms]) in (0, 1)
    return load_model(file), file, folder / "face-export"


@pytest.fixture(scope="module")
def generator(tmp_path_factory):
    """A StyleGAN2 with classes, and its export."""
    model = stylegan2(("a", "b"))
    return exported(model, tmp_path_factory.mktemp("generator"), "float32", "dynamic")


def test_a_file_draws_what_its_model_draws(generator):
    model, file, out = generator
    labels = np.array([0, 1, 1])
    expected = Generator(model, labels, 0.7, seed=0)
    inputs = expected.inputs(0, 3)
    noise = [np.repeat(one, 3, axis=0) for one in model.synthesis.fixed_noise(1.0)]
    right = expected.images(expected.styles(*inputs[:2]), noise)
    pictures = {}
    for form in ("float32", "dynamic"):
        opened = open_exported(model, file, out / f"{form}.tflite")
        drawn = Generator(opened, labels, 0.7, seed=0)
        pictures[form] = np.asarray(drawn.images(drawn.styles(*inputs[:2]), inputs[2:]))
    # float32 sums in another order.
    np.testing.assert_allclose(pictures["float32"], right, atol=1e-5)
    assert 1e-4 < np.mean(np.abs(pictures["dynamic"] - right)) < 0.1


def test_translations_are_those_of_the_file(tmp_path):
    for make in (stargan, stargan_v2):
        model, file, out = exported(make(), tmp_path, "float32")
        opened = open_exported(model, file, out / "float32.tflite")
        random = np.random.default_rng(0)
        images = np.tanh(random.standard_normal((2, 32, 32, 3), np.float32))
        if make is stargan:
            labels = random.random((2, model.label_width), np.float32)
            made, right = opened.translate(images, labels), model.translate(images, labels)
        else:
            domains, latents = np.array([0, 1]), random.standard_normal((2, 5), np.float32)
            styles = opened.style_from_latent(latents, domains)
            made = opened.translate(images, opened.style_from_reference(images, domains) + styles)
            right = model.style_from_reference(images, domains)
            right = model.translate(images, right + model.style_from_latent(latents, domains))
        # float32 sums in another order; values from -2 to 2.
        np.testing.assert_allclose(made, right, atol=4e-5)


def test_a_file_of_another_model_is_refused(generator, tmp_path):
    _, _, out = generator
    other = tmp_path / "other.keras"
    model = stylegan2()
    model.mapping.average.assign(model.mapping.average + 1.0)
    model.save(other)
    with pytest.raises(EvaluationError, match="which was made of another"):
        open_exported(model, other, out / "float32.tflite")
    with pytest.raises(EvaluationError, match="which is none"):
        open_exported(model, other, tmp_path / "none.tflite")


def test_the_command_line_keeps_results_of_a_file_apart(tmp_path):
    _, file, out = exported(stylegan2(), tmp_path, "float32")
    (tmp_path / "faces").mkdir()
    for i, face in enumerate(to_uint8(drawn_faces(range(12), 16))):
        Image.fromarray(face).save(tmp_path / "faces" / f"{i}.png")
    asked = ["--data", str(tmp_path / "faces"), "--metrics", "swd", "--count", "4"]
    assert main([str(file), *asked, "--noise", "fixed"]) == 0
    assert main([str(file), *asked, "--tflite", str(out / "float32.tflite")]) == 0
    keras = json.loads((tmp_path / "face-evaluation.json").read_text())
    made = json.loads((out / "float32-evaluation.json").read_text())
    assert keras["key"] != made["key"]
    assert set(keras["curves"]) == set(made["curves"]) != set()
    # Of the same pictures, but that a value may be rounded the other way.
    for name, value in keras["curves"].items():
        assert made["curves"][name] == pytest.approx(value, rel=1e-3)
    exact = "float32, TF32 off"
    for result, arithmetic in ((keras, exact), (made, f"{exact}, but pictures by float32.tflite")):
        facts = result["metrics"]["swd"]["facts"]["generated"]
        assert (facts["noise"], facts["arithmetic"]) == ("fixed", arithmetic)
