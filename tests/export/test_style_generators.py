"""Exported StyleGAN and StyleGAN2 generators against the Keras model that they came from."""

import functools
import html
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from export import run
from export.formats import FORMATS
from tests.export.small import (
    check_fewer_bits,
    check_forms,
    forms_of,
    held_bytes,
    stylegan,
    stylegan2,
    weight_bytes,
)
from tfgan.inference import style_levels
from tfgan.litert import open_runner

FLOAT = ["saved-model", "float32"]
PARTS = ["map", "truncate", "synthesize"]
# A model, and the forms that it is exported in.
MODELS = {
    "stylegan": (stylegan, list(FORMATS)),
    "stylegan-fading": (functools.partial(stylegan, form="rosinality", fade=0.5), FLOAT),
    "stylegan2": (stylegan2, list(FORMATS)),
    "stylegan2-classes": (functools.partial(stylegan2, ("a", "b")), FLOAT),
}


@pytest.fixture(scope="module", params=list(MODELS))
def exported(request, tmp_path_factory):
    """A model, the folder that the command line exported it to, and the forms there."""
    folder = tmp_path_factory.mktemp("export")
    make, forms = MODELS[request.param]
    model = make()
    model.save(folder / "face.keras")
    # Weights that are drawn may be worse in 8 bits than is good, which the status tells.
    assert run.main([str(folder / "face.keras"), "--formats", *forms]) in (0, 1)
    return model, folder / "face-export", forms


def test_files_agree_with_keras_and_nothing_else_is_left(exported):
    _, out, forms = exported
    check_forms(out, forms)
    assert list(forms_of(out)["float32"]["signature_errors"]) == PARTS
    assert "generate" in forms_of(out)["saved-model"]["signature_errors"]


def test_forms_of_fewer_bits_still_draw_the_same_pictures(exported):
    check_fewer_bits(exported[1])


def test_the_manifest_says_what_a_signature_takes(exported):
    model, out, _ = exported
    said = json.loads((out / "manifest.json").read_text())
    assert said["class_names"] == list(model.class_names)
    assert said["truncation_cutoff"] == model.truncation_cutoff
    assert said["truncation_psi"] == 0.7
    assert said["system"] == type(model).__name__.removesuffix("Generator")
    assert said["panels"][0] == "seeds"
    assert ("classes" in said["panels"]) == bool(model.class_names)
    assert said["style_levels"] == style_levels(model)
    labels = {"labels": {"shape": [None], "dtype": "int32"}} if model.class_names else {}
    served, *files = said["forms"]
    assert served["signatures"] == [*PARTS, "generate"]
    assert (served["default_signature"], served["batch_size"]) == ("generate", None)
    for form in files:
        assert form["signatures"] == PARTS
        assert (form["default_signature"], form["batch_size"]) == (None, 1)
    assert said["ways_to_pictures"] == [PARTS, ["generate"]]
    assert set(said["tensors"]) == {
        key for one in said["signatures"].values() for key in (*one["inputs"], *one["outputs"])
    }
    assert said["signatures"]["generate"] == {
        "inputs": {
            "latents": {"shape": [None, 8], "dtype": "float32"},
            "truncation_psi": {"shape": [], "dtype": "float32"},
            "noise_scale": {"shape": [], "dtype": "float32"},
            **labels,
        },
        "outputs": {"images": {"shape": [None, 16, 16, 3], "dtype": "float32"}},
        "in_tflite": False,
    }


def test_the_saved_model_runs_without_this_package(exported, tmp_path):
    model, out, _ = exported
    latents = np.random.default_rng(3).standard_normal((3, 8), np.float32)
    labels = np.array([0, 1, 1], np.int32) if model.class_names else None
    expected = np.asarray(model(latents, labels, truncation_psi=0.7))
    np.savez(tmp_path / "case.npz", latents=latents, expected=expected)
    code = (
        "import sys, numpy as np, tensorflow as tf\n"
        "sys.modules['tfgan'] = None\n"
        "loaded = tf.saved_model.load(sys.argv[1]).signatures\n"
        "case = np.load('case.npz')\n"
        "latents = tf.constant(case['latents'])\n"
        "classes = {'labels': tf.constant([0, 1, 1])} if sys.argv[2] == '1' else {}\n"
        "psi = tf.constant(0.7)\n"
        "for name in ('generate', 'serving_default'):\n"
        "    images = loaded[name](\n"
        "        latents=latents, truncation_psi=psi, noise_scale=tf.constant(1.0), **classes\n"
        "    )['images']\n"
        "    np.testing.assert_allclose(images, case['expected'], atol=1e-5)\n"
        "styles = loaded['map'](latents=latents, **classes)['styles']\n"
        "styles = loaded['truncate'](styles=styles, truncation_psi=psi)['styles']\n"
        "again = loaded['synthesize'](styles=styles, noise_scale=tf.constant(1.0))['images']\n"
        "np.testing.assert_allclose(again, case['expected'], atol=1e-5)\n"
        "assert 'tfgan' not in [name for name, m in sys.modules.items() if m is not None]\n"
    )
    saved = str(out / "saved_model" / "1")
    done = subprocess.run(
        [sys.executable, "-c", code, saved, str(int(bool(model.class_names)))],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_tflite_file_has_one_copy_of_the_weights(exported):
    model, out, _ = exported
    # FIR filters and squared weights of the demodulation come on top; noise maps blown up to all
    # channels, or weights held once per signature, would not fit.
    assert held_bytes(out / "float32.tflite") < 1.4 * weight_bytes(model)


def test_the_parts_of_every_tflite_file_make_the_whole_of_keras(exported):
    model, out, forms = exported
    latents = np.random.default_rng(4).standard_normal((1, 8), np.float32)
    classes = {"labels": np.array([1], np.int32)} if model.class_names else {}
    psi = np.asarray(0.7, np.float32)
    whole = model(latents, *classes.values(), truncation_psi=psi)
    without = model(latents, *classes.values(), truncation_psi=psi, noise="none")
    assert np.max(np.abs(whole - without)) > 0.01
    for form in [form for form in forms if form != "saved-model"]:
        use = open_runner(out / f"{form}.tflite")
        assert sorted(use.signatures) == sorted(PARTS)
        styles = use.run("map", {"latents": latents, **classes})["styles"]
        styles = use.run("truncate", {"styles": styles, "truncation_psi": psi})["styles"]
        for scale, expected in ((1, whole), (0, without)):
            inputs = {"styles": styles, "noise_scale": np.asarray(scale, np.float32)}
            images = use.run("synthesize", inputs)["images"]
            # Pictures of drawn weights span more than [-1, 1]; 30 dB are a mean error of 3 %.
            error = np.mean(((images - expected) / 2) ** 2)
            assert -10 * np.log10(error) > (90 if form == "float32" else 30)


def test_the_report_tells_how_to_run_what_is_good(tmp_path, monkeypatch):
    # A name of a folder, whose first byte is no UTF-8; it must neither run nor break anything.
    hostile = "\udcff\nopen('ran', 'w').close()\n# </pre><script>'\""
    stylegan2((hostile, "b")).save(tmp_path / "face.keras")
    asked = ["--formats", "saved-model", "float16"]
    assert run.main([str(tmp_path / "face.keras"), *asked]) == 0
    folder = tmp_path / "face-export"
    codes = re.findall("<pre>(.*?)</pre>", (folder / "report.html").read_text(), re.DOTALL)
    assert ["float16.tflite" in code for code in codes] == [True, False]
    before = {*folder.iterdir(), folder / "picture.png"}
    monkeypatch.chdir(folder)
    made = []
    for code in codes:
        exec(html.unescape(code), {})
        made.append(np.asarray(Image.open("picture.png"), np.float64))
    assert set(folder.iterdir()) == before
    assert "<script>" not in (folder / "report.html").read_text()
    assert made[0].shape == (16, 16, 3)
    # 60 dB is what float16 must reach; a value may be rounded to the next of 255 besides.
    assert np.max(np.abs(made[0] - made[1])) <= 2


def test_a_half_precision_generator_is_exported_in_float32():
    from tfgan.arithmetic import in_float32

    model = stylegan2(precision="float16")
    copy = in_float32(model)
    assert (copy.precision, copy.clamp) == ("float32", 256.0)
    for a, b in zip(model.variables, copy.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
    assert in_float32(copy) is copy
