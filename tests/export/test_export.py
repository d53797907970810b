"""Exported files against the Keras model that they came from."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from export import report, run
from tfgan.models.stylegan2 import StyleGAN2Discriminator, StyleGAN2Generator

SMALL = {
    "latent_dim": 8,
    "style_dim": 8,
    "mapping_layers": 2,
    "channel_base": 128,
    "channel_max": 16,
}


def make(class_names=(), **options) -> StyleGAN2Generator:
    model = StyleGAN2Generator(16, class_names=class_names, **{**SMALL, **options})
    model.build()
    random = np.random.default_rng(0)
    for variable in model.variables:
        variable.assign(variable + 0.1 * random.standard_normal(variable.shape))
    return model


@pytest.fixture(scope="module", params=[(), ("a", "b")], ids=["plain", "classes"])
def exported(request, tmp_path_factory):
    """A model, and the folder that the command line exported it to."""
    folder = tmp_path_factory.mktemp("export")
    model = make(request.param)
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
        # float32 sums in another order.
        assert result["max_difference"] < 1e-5
        assert result["size_bytes"] > 0
        assert result["ms_per_picture"] > 0


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
        "images = loaded['generate'](\n"
        "    latents=latents, truncation_psi=psi, noise_scale=tf.constant(1.0), **classes\n"
        ")['images']\n"
        "np.testing.assert_allclose(images, case['expected'], atol=1e-5)\n"
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
    from tensorflow.lite.tools import flatbuffer_utils

    from export.tflite import check_operators

    model, out = exported
    content = (out / "float32.tflite").read_bytes()
    check_operators(content)
    flat = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    held = sum(len(buffer.data) for buffer in flat.buffers if buffer.data is not None)
    weights = sum(4 * int(np.prod(variable.shape)) for variable in model.variables)
    # FIR filters and squared weights of the demodulation come on top; noise maps blown up to all
    # channels, or weights held once per signature, would not fit.
    assert held < 1.4 * weights
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


def test_a_file_that_differs_is_not_kept(tmp_path, monkeypatch, capsys):
    make().save(tmp_path / "face.keras")
    wrong = run.Format(
        "",
        "wrong.bin",
        lambda model, path: path.write_bytes(b"x"),
        lambda path: lambda latents, psi, labels: np.zeros((len(latents), 16, 16, 3), np.float32),
    )
    monkeypatch.setitem(run.FORMATS, "float32", wrong)
    assert run.main([str(tmp_path / "face.keras"), "--formats", "float32"]) == 1
    assert "differs from Keras" in capsys.readouterr().err
    assert list((tmp_path / "face-export").iterdir()) == []


def test_a_second_export_replaces_the_first(tmp_path):
    new, old = tmp_path / "new", tmp_path / "old"
    for folder in (new, old):
        folder.mkdir()
        (folder / folder.name).touch()
    run._replace(new, old)
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert [path.name for path in old.iterdir()] == ["new"]


def test_a_half_precision_model_is_exported_in_float32():
    from export.saved_model import in_float32

    model = make(precision="float16")
    copy = in_float32(model)
    assert (copy.precision, copy.clamp) == ("float32", 256.0)
    for a, b in zip(model.variables, copy.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
    assert in_float32(copy) is copy


def test_the_psnr_is_that_of_its_definition():
    model = make()

    def runner(latents, psi, labels):
        return np.asarray(model(latents, labels, truncation_psi=psi)) + 0.02

    result = report.measure(model, "x", Path(__file__), "x", runner)
    # A constant error of 1/100 of the range: -20 log10(0.01) dB.
    assert result.psnr_db == pytest.approx(40.0, abs=1e-2)
    assert result.max_difference == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["none.keras"], "there is no file"),
        (["{tmp}/scores.keras"], "StyleGAN2Discriminator"),
        (["{tmp}/broken.keras"], "not a .keras file"),
        (["{tmp}/scores.keras", "-o", "/proc/none"], "cannot be written"),
    ],
)
def test_a_mistake_gives_one_message(tmp_path, capsys, arguments, words):
    model = StyleGAN2Discriminator(16, channel_base=128, channel_max=16)
    model.build()
    model.save(tmp_path / "scores.keras")
    (tmp_path / "broken.keras").write_bytes((tmp_path / "scores.keras").read_bytes()[:500])
    assert run.main([argument.format(tmp=tmp_path) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert len(error.strip().splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.keras", "scores.keras"]


def test_an_unknown_format_is_named(capsys):
    with pytest.raises(SystemExit) as stopped:
        run.main(["face.keras", "--formats", "int3"])
    assert stopped.value.code == 2
    assert "int3" in capsys.readouterr().err
