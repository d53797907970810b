"""Exported StarGAN models against the Keras model that they came from."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from export import run
from export.examples import drawn_faces
from export.formats import FORMATS
from export.usage import snippet
from tests.export.small import (
    FACES,
    MOODS,
    check_fewer_bits,
    check_forms,
    describe,
    forms_of,
    held_bytes,
    stargan,
    weight_bytes,
)
from tfgan.label_sets import encode_labels


@pytest.fixture(scope="module", params=[(FACES,), (FACES, MOODS)], ids=["one", "joint"])
def exported(request, tmp_path_factory):
    """A model, and the folder that the command line exported it to."""
    folder = tmp_path_factory.mktemp("export")
    model = stargan(request.param)
    model.save(folder / "face.keras")
    # Weights that are drawn may be worse in 8 bits than is good, which the status tells.
    arguments = [str(folder / "face.keras"), "--pictures", "avatars", "--formats", *FORMATS]
    assert run.main(arguments) in (0, 1)
    return model, folder / "face-export"


def said_of(out):
    return json.loads((out / "manifest.json").read_text())


def open_tflite(out):
    from ai_edge_litert.interpreter import Interpreter

    return Interpreter(model_path=str(out / "float32.tflite")).get_signature_runner("translate")


def images_of(count, seed=3):
    return np.tanh(np.random.default_rng(seed).standard_normal((count, 32, 32, 3), np.float32))


def label_vector(said, name, wanted):
    """What an app makes of manifest.json alone: a vector for labels of one set."""
    vector = np.zeros((1, said["label_width"]), np.float32)
    label_set = next(one for one in said["label_sets"] if one["name"] == name)
    for label, value in wanted.items():
        vector[0, label_set["first"] + label_set["names"].index(label)] = value
    if label_set["mask"] is not None:
        vector[0, label_set["mask"]] = 1
    return vector


def test_files_agree_with_keras(exported):
    _, out = exported
    check_forms(out, list(FORMATS))
    assert list(forms_of(out)["float32"]["signature_errors"]) == ["translate"]


def test_forms_of_fewer_bits_still_draw_the_same_pictures(exported):
    check_fewer_bits(exported[1])


def test_the_manifest_says_what_an_app_needs(exported):
    model, out = exported
    said = said_of(out)
    assert (said["resolution"], said["value_range"]) == (32, [-1.0, 1.0])
    assert said["label_width"] == model.label_width
    kinds = [(one["name"], one["kind"], one["names"]) for one in said["label_sets"]]
    assert kinds == [(one.name, one.kind, list(one.names)) for one in model.label_sets]
    assert said["label_sets"][0]["exclusive"] == [["Black", "Blond"]]
    assert said["signatures"]["translate"] == {
        "inputs": {
            "images": {"shape": [None, 32, 32, 3], "dtype": "float32"},
            "labels": {"shape": [None, model.label_width], "dtype": "float32"},
        },
        "outputs": {"images": {"shape": [None, 32, 32, 3], "dtype": "float32"}},
        "in_tflite": True,
    }
    use = open_tflite(out)
    for name, spec in said["signatures"]["translate"]["inputs"].items():
        tensor = use.get_input_details()[name]
        assert [1, *spec["shape"][1:]] == tensor["shape"].tolist()
        assert spec["dtype"] == tensor["dtype"].__name__


def test_the_layout_of_the_manifest_gives_the_label_vectors_of_the_model(exported):
    model, out = exported
    said = said_of(out)
    blond = label_vector(said, "faces", {"Blond": 1, "Male": 0.5})
    np.testing.assert_array_equal(blond, encode_labels(model.label_sets, 0, [[0, 1, 0.5]]))
    if len(model.label_sets) > 1:
        happy = label_vector(said, "moods", {"happy": 1})
        np.testing.assert_array_equal(happy, encode_labels(model.label_sets, 1, [[0, 1]]))


def test_every_label_and_its_strength_reach_the_tflite_file(exported):
    model, out = exported
    said, use, images = said_of(out), open_tflite(out), images_of(1)
    made = []
    for label_set in model.label_sets:
        for label in label_set.names:
            for value in (-0.5, 0.5, 1.5):
                labels = label_vector(said, label_set.name, {label: value})
                translated = use(images=images, labels=labels)["images"]
                # Values from -1 to 1 after a tanh.
                np.testing.assert_allclose(translated, model(images, labels), atol=2e-5)
                made.append(translated)
    for i, one in enumerate(made):
        for other in made[:i]:
            assert np.max(np.abs(one - other)) > 1e-3


def test_the_tflite_file_has_one_copy_of_the_weights(exported):
    model, out = exported
    # The first convolution, of four filters, and the last, of three, make squares of four pixels,
    # with kernels of 8x8 for 7x7.
    squares = 4 * (4 * 8 * 8) * ((3 + model.label_width) * 4 + 4 * 3)
    held = held_bytes(out / "float32.tflite")
    assert weight_bytes(model) < held < 1.1 * weight_bytes(model) + squares


def test_the_saved_model_runs_without_this_package(exported, tmp_path):
    model, out = exported
    images = images_of(3)
    labels = encode_labels(model.label_sets, 0, np.eye(3))
    expected = model(images, labels)
    np.savez(tmp_path / "case.npz", images=images, labels=labels, expected=expected)
    code = (
        "import sys, numpy as np, tensorflow as tf\n"
        "sys.modules['tfgan'] = None\n"
        "use = tf.saved_model.load(sys.argv[1]).signatures['serving_default']\n"
        "case = {name: tf.constant(value) for name, value in np.load('case.npz').items()}\n"
        "made = use(images=case['images'], labels=case['labels'])['images']\n"
        "np.testing.assert_allclose(made, case['expected'], atol=2e-5)\n"
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
    photo = np.uint8((drawn_faces([0], 32)[0] + 1) * 127.5)
    Image.fromarray(photo).save(tmp_path / "photo.jpg")
    for path in out.iterdir():
        (tmp_path / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    described = describe(model)
    for path, in_tflite in (("float32.tflite", True), ("saved_model/1", False)):
        found = {}
        exec(snippet(described, path, in_tflite), found)
        expected = np.clip((model(found["photos"], found["labels"])[0] + 1) * 127.5, 0, 255)
        # A value may be rounded to the next of 255.
        assert np.max(np.abs(np.asarray(Image.open("picture.png"), np.float64) - expected)) <= 0.51


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_a_half_precision_model_is_exported_in_float32(precision):
    from tfgan.arithmetic import in_float32

    model, half = stargan(), stargan(precision=precision)
    half.set_weights(model.get_weights())
    copy = in_float32(half)
    images, labels = images_of(2), encode_labels(model.label_sets, 1, np.eye(2))
    # The same operators on the same numbers.
    np.testing.assert_array_equal(copy(images, labels), model(images, labels))
    assert np.max(np.abs(half(images, labels) - model(images, labels))) > 1e-4


def test_examples_ask_for_all_labels_and_never_for_two_that_exclude_each_other():
    described = describe(stargan())
    drawn = described.draw(range(12), np.zeros((12, 32, 32, 3), np.float32))
    labels = np.concatenate([one["labels"] for one in drawn])
    black, blond, male = labels[:, :3].T
    for asked in (black, blond, male):
        assert np.any(asked > 0)
    assert np.any((male > 0) & (black + blond > 0))
    assert not np.any((black > 0) & (blond > 0))
