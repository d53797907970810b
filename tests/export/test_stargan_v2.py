"""Exported StarGAN v2 models against the Keras model that they came from."""

import dataclasses
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
from export.compare import expect
from export.examples import drawn_faces
from export.formats import FORMATS, Materials
from export.report import measure
from export.signatures import Flow
from tests.export.small import (
    check_fewer_bits,
    check_forms,
    forms_of,
    held_bytes,
    stargan_v2,
    weight_bytes,
)

PARTS = ["style_from_latent", "style_from_reference", "translate"]
WHOLE = "translate_to_domain"


# Domains of a model, and the forms that it is exported in.
MODELS = {
    "two": (("cat", "dog"), list(FORMATS)),
    "three": (("wild", "cat", "dog"), ["saved-model", "float32"]),
}


@pytest.fixture(scope="module", params=list(MODELS))
def exported(request, tmp_path_factory):
    """A model, and the folder that the command line exported it to."""
    folder = tmp_path_factory.mktemp("export")
    domain_names, forms = MODELS[request.param]
    model = stargan_v2(domain_names)
    model.save(folder / "animal.keras")
    # Weights that are drawn may be worse in 8 bits than is good, which the status tells.
    arguments = [str(folder / "animal.keras"), "--pictures", "avatars", "--formats", *forms]
    assert run.main(arguments) in (0, 1)
    check_forms(folder / "animal-export", forms)
    return model, folder / "animal-export"


def open_tflite(out):
    from ai_edge_litert.interpreter import Interpreter

    return Interpreter(model_path=str(out / "float32.tflite")).get_signature_runner


def inputs_of(model, count, seed=3):
    rng = np.random.default_rng(seed)
    images = np.tanh(rng.standard_normal((count, 32, 32, 3), np.float32))
    latents = rng.standard_normal((count, 5), np.float32)
    labels = np.arange(count, dtype=np.int32) % len(model.domain_names)
    return images, latents, labels


def test_files_agree_with_keras_in_every_signature(exported):
    forms = forms_of(exported[1])
    assert sorted(forms["saved-model"]["signature_errors"]) == [*PARTS, WHOLE]
    assert sorted(forms["float32"]["signature_errors"]) == PARTS


def test_forms_of_fewer_bits_still_draw_the_same_pictures(exported):
    check_fewer_bits(exported[1])


def test_masks_of_landmarks_are_inside_the_files(tmp_path):
    from export.stargan_v2 import stargan_v2 as described_as

    model = stargan_v2(w_hpf=1.0)
    whole = described_as(model)
    drawn = whole.draw([0], drawn_faces([0], 32))
    example = {
        "images": drawn[0]["images"],
        "styles": np.asarray(model.style_from_latent(drawn[0]["latents"], drawn[0]["labels"])),
    }
    # A landmark is where the hottest fiftieth of the pixels is: from there on masks are open.
    heat, bias = model.landmarks(example["images"]), model.landmarks.to_heatmaps.bias
    bias.assign(bias + 0.1 - np.quantile(heat, 0.98, axis=(0, 1, 2)))
    for mask in model.masks(example["images"]):
        assert 0.05 < np.mean(mask) < 0.95
    # One signature and one picture, for the landmark network makes large graphs.
    described = dataclasses.replace(
        whole,
        signatures={"translate": whole.signatures["translate"]},
        default="translate",
        flows=(Flow(("translate",), lambda run, drawn: run("translate", drawn)["images"]),),
    )
    expected = expect(described, [example])
    materials = Materials(described, example["images"], expected, {"name": "masked"})
    for name in ("saved-model", "float32"):
        path = tmp_path / FORMATS[name].path
        path.parent.mkdir(parents=True, exist_ok=True)
        FORMATS[name].write(materials, path, 100.0)
        values, _ = measure(described, expected, None, FORMATS[name], path, 90.0)
        # float32 sums in another order; rounding may move a mask's pixel across its threshold.
        assert values["status"] == "good"
        assert values["largest_error"] < 2e-5
    # Coordinates of 256 x 256 and 64 x 64 pixels are constants.
    coordinates = 4 * 3 * (256**2 + 64**2)
    weights = weight_bytes(model.generator) + weight_bytes(model.landmarks)
    assert held_bytes(tmp_path / "float32.tflite") < 1.02 * weights + coordinates


def test_the_manifest_says_what_an_app_needs(exported):
    model, out = exported
    said = json.loads((out / "manifest.json").read_text())
    assert said["domain_names"] == list(model.domain_names)
    assert said["value_range"] == [-1.0, 1.0]
    assert (said["resolution"], said["latent_dim"], said["style_dim"]) == (32, 5, 4)
    assert list(said["signatures"]) == [*PARTS, WHOLE]
    assert said["signatures"]["style_from_latent"] == {
        "inputs": {
            "latents": {"shape": [None, 5], "dtype": "float32"},
            "labels": {"shape": [None], "dtype": "int32"},
        },
        "outputs": {"styles": {"shape": [None, 4], "dtype": "float32"}},
        "in_tflite": True,
    }
    use = open_tflite(out)
    for name in PARTS:
        details = {
            "inputs": use(name).get_input_details(),
            "outputs": use(name).get_output_details(),
        }
        for side, tensors in details.items():
            described = {
                key: {"shape": [None, *tensor["shape"][1:]], "dtype": tensor["dtype"].__name__}
                for key, tensor in tensors.items()
            }
            assert described == said["signatures"][name][side]
            assert all(tensor["shape"][0] == 1 for tensor in tensors.values())


def test_the_tflite_file_has_one_copy_of_the_weights(exported):
    model, out = exported
    # Kernels of convolutions that resample are 4x4 for 3x3.
    assert held_bytes(out / "float32.tflite") < 1.1 * 16 / 9 * weight_bytes(model)


def test_each_label_of_the_tflite_file_is_its_domain(exported):
    model, out = exported
    use = open_tflite(out)
    images, latents, _ = inputs_of(model, 1)
    for name, given in {"latent": {"latents": latents}, "reference": {"images": images}}.items():
        drawn = []
        for label in range(len(model.domain_names)):
            labels = np.array([label], np.int32)
            styles = use(f"style_from_{name}")(**given, labels=labels)["styles"]
            expected = getattr(model, f"style_from_{name}")(*given.values(), labels)
            np.testing.assert_allclose(styles, expected, atol=1e-5)
            drawn.append(styles)
        assert np.min(np.ptp(drawn, axis=0)) > 1e-3


def test_the_parts_of_the_tflite_file_make_the_whole_of_keras(exported):
    model, out = exported
    use = open_tflite(out)
    images, latents, labels = inputs_of(model, 1)
    styles = use("style_from_latent")(latents=latents, labels=labels)["styles"]
    translated = use("translate")(images=images, styles=styles)["images"]
    # Values from about -2 to 2.
    np.testing.assert_allclose(translated, model(images, latents, labels), atol=4e-5)


def test_the_saved_model_runs_without_this_package(exported, tmp_path):
    model, out = exported
    images, latents, labels = inputs_of(model, 4)
    np.savez(
        tmp_path / "case.npz",
        images=images,
        latents=latents,
        labels=labels,
        drawn=model.style_from_latent(latents, labels),
        read=model.style_from_reference(images, labels),
        translated=model(images, latents, labels),
    )
    code = (
        "import sys, numpy as np, tensorflow as tf\n"
        "sys.modules['tfgan'] = None\n"
        "use = tf.saved_model.load(sys.argv[1]).signatures\n"
        "case = {name: tf.constant(value) for name, value in np.load('case.npz').items()}\n"
        "images, latents, labels = case['images'], case['latents'], case['labels']\n"
        "check = lambda a, b: np.testing.assert_allclose(a, b, atol=4e-5)\n"
        "drawn = use['style_from_latent'](latents=latents, labels=labels)['styles']\n"
        "check(drawn, case['drawn'])\n"
        "read = use['style_from_reference'](images=images, labels=labels)['styles']\n"
        "check(read, case['read'])\n"
        "translated = use['translate'](images=images, styles=drawn)['images']\n"
        "check(translated, case['translated'])\n"
        "whole = use['serving_default'](images=images, latents=latents, labels=labels)\n"
        "check(whole['images'], case['translated'])\n"
        "assert 'tfgan' not in [name for name, m in sys.modules.items() if m is not None]\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(out / "saved_model" / "1")],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_code_of_the_report_makes_the_translation_of_keras(exported, tmp_path, monkeypatch):
    model, out = exported
    monkeypatch.chdir(tmp_path)
    for path in out.iterdir():
        (tmp_path / path.name).symlink_to(path)
    photo = np.uint8((drawn_faces([0], 32)[0] + 1) * 127.5)
    Image.fromarray(photo).save("photo.jpg")
    codes = re.findall("<pre>(.*?)</pre>", (out / "report.html").read_text(), re.DOTALL)
    assert ["saved_model/1" in code for code in codes] == [False, True]
    for code in codes:
        found = {}
        exec(html.unescape(code), found)
        inputs = found["photos"], found["latents"], np.array([1], np.int32)
        made = np.asarray(Image.open("picture.png"), np.float64)
        expected = np.clip((np.asarray(model(*inputs)[0]) + 1) * 127.5, 0, 255)
        # Rounding, and for the .tflite file what 8 bits may cost: 25 dB, as in `check_fewer_bits`.
        error = np.mean(((made - expected) / 255) ** 2)
        assert -10 * np.log10(error) > (50 if "saved_model/1" in code else 25)


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_a_half_precision_model_is_exported_in_float32(precision):
    from tfgan.arithmetic import in_float32

    model = stargan_v2()
    half = stargan_v2(precision=precision)
    half.set_weights(model.get_weights())
    copy = in_float32(half)
    inputs = inputs_of(model, 2)
    # The same operators on the same numbers.
    np.testing.assert_array_equal(copy(*inputs), model(*inputs))
    assert np.max(np.abs(half(*inputs) - model(*inputs))) > 1e-4
    assert in_float32(copy) is copy


def test_a_half_precision_model_keeps_its_landmarks():
    from tfgan.arithmetic import in_float32

    model = stargan_v2(w_hpf=1.0, precision="bfloat16")
    copy = in_float32(model)
    assert copy.precision == "float32"
    assert [v.path for v in copy.variables] == [v.path for v in model.variables]
    for a, b in zip(model.landmarks.variables, copy.landmarks.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
