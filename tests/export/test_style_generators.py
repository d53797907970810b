"""Exported StyleGAN and StyleGAN2 generators against the Keras model that they came from."""

import functools
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from export import run
from tests.export.small import held_bytes, stylegan, stylegan2, weight_bytes

MODELS = {
    "stylegan": stylegan,
    "stylegan-fading": functools.partial(stylegan, form="rosinality", fade=0.5),
    "stylegan2": stylegan2,
    "stylegan2-classes": functools.partial(stylegan2, ("a", "b")),
}


@pytest.fixture(scope="module", params=list(MODELS))
def exported(request, tmp_path_factory):
    """A model, and the folder that the command line exported it to."""
    folder = tmp_path_factory.mktemp("export")
    model = MODELS[request.param]()
    model.save(folder / "face.keras")
    assert run.main([str(folder / "face.keras")]) == 0
    return model, folder / "face-export"


def test_files_agree_with_keras_and_nothing_else_is_left(exported):
    _, out = exported
    assert sorted(path.name for path in out.iterdir()) == [
        "export.json",
        "float32.tflite",
        "saved_model",
    ]
    results = json.loads((out / "export.json").read_text())["results"]
    assert [result["format"] for result in results] == ["saved-model", "float32"]
    for result in results:
        assert result["signatures"] == ["map", "truncate", "synthesize", "generate"]
        # float32 sums in another order.
        assert result["max_difference"] < 1e-5
        assert result["size_bytes"] > 0
        assert result["ms_per_picture"] > 0


def test_export_json_says_what_a_signature_takes(exported):
    model, out = exported
    said = json.loads((out / "export.json").read_text())
    assert said["class_names"] == list(model.class_names)
    assert said["truncation_cutoff"] == model.truncation_cutoff
    labels = {"labels": {"shape": [None], "dtype": "int32"}} if model.class_names else {}
    assert said["signatures"][said["default_signature"]] == {
        "inputs": {
            "latents": {"shape": [None, 8], "dtype": "float32"},
            "truncation_psi": {"shape": [], "dtype": "float32"},
            "noise_scale": {"shape": [], "dtype": "float32"},
            **labels,
        },
        "outputs": {"images": {"shape": [None, 16, 16, 3], "dtype": "float32"}},
    }


def test_the_saved_model_runs_without_this_package(exported, tmp_path):
    model, out = exported
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


def test_the_tflite_file_has_built_in_operators_and_one_copy_of_the_weights(exported):
    from ai_edge_litert.interpreter import Interpreter

    from export.tflite import check_operators

    model, out = exported
    check_operators((out / "float32.tflite").read_bytes())
    # FIR filters and squared weights of the demodulation come on top; noise maps blown up to all
    # channels, or weights held once per signature, would not fit.
    assert held_bytes(out / "float32.tflite") < 1.4 * weight_bytes(model)
    details = Interpreter(model_path=str(out / "float32.tflite")).get_signature_list()
    assert sorted(details) == ["generate", "map", "synthesize", "truncate"]
    inputs = ["latents", "truncation_psi", "noise_scale"] + (
        ["labels"] if model.class_names else []
    )
    assert sorted(details["generate"]["inputs"]) == sorted(inputs)


def test_the_parts_of_the_tflite_file_make_its_whole(exported):
    from ai_edge_litert.interpreter import Interpreter

    model, out = exported
    interpreter = Interpreter(model_path=str(out / "float32.tflite"))
    latents = np.random.default_rng(4).standard_normal((1, 8), np.float32)
    classes = {"labels": np.array([1], np.int32)} if model.class_names else {}
    psi = np.float32(0.7)
    use = interpreter.get_signature_runner
    styles = use("map")(latents=latents, **classes)["styles"]
    styles = use("truncate")(styles=styles, truncation_psi=psi)["styles"]
    one, none = np.float32(1), np.float32(0)
    images = use("synthesize")(styles=styles, noise_scale=one)["images"]
    generate = functools.partial(use("generate"), latents=latents, truncation_psi=psi, **classes)
    whole = generate(noise_scale=one)["images"]
    np.testing.assert_allclose(images, whole, atol=1e-5)
    assert whole.shape == (1, 16, 16, 3)
    expected = model(latents, *classes.values(), truncation_psi=psi, noise="none")
    np.testing.assert_allclose(generate(noise_scale=none)["images"], expected, atol=1e-5)
    assert np.max(np.abs(whole - expected)) > 0.01


def test_a_half_precision_generator_is_exported_in_float32():
    from export.signatures import in_float32

    model = stylegan2(precision="float16")
    copy = in_float32(model)
    assert (copy.precision, copy.clamp) == ("float32", 256.0)
    for a, b in zip(model.variables, copy.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
    assert in_float32(copy) is copy
