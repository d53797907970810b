"""The Python that reports print."""

import configparser
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export.usage import FOLDER, snippet
from tests.export.small import FACES, MOODS, describe, stargan, stargan_v2, stylegan2
from tfgan.data.decoding import decode_picture
from tfgan.label_sets import LabelSet

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("size", [(64, 113), (113, 64), (40, 25), (32, 32)])
@pytest.mark.parametrize("turned", [1, 6])
def test_code_for_a_photo_gives_the_pixels_of_tfgan_generate(tmp_path, monkeypatch, size, turned):
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = turned  # the orientation; 6 is a quarter turn
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "JPEG", exif=exif)
    (tmp_path / "photo.jpg").write_bytes(content.getvalue())
    found = {}
    exec(describe(stargan()).usage.inputs, found)
    expected, _ = decode_picture(content.getvalue(), 32)
    np.testing.assert_array_equal(np.rint((found["photos"][0] + 1) * 127.5), expected)
    assert found["photos"].dtype == np.float32


def test_code_names_every_place_of_a_label_vector():
    model = stargan()
    lines = describe(model).usage.inputs.splitlines()
    assert [line.strip() for line in lines if line.startswith("    ")] == [
        "1,  # 'faces': 'Black'",
        "0,  # 'faces': 'Blond'",
        "0,  # 'faces': 'Male'",
        "0,  # 'moods': 'angry'",
        "0,  # 'moods': 'happy'",
        "1,  # 'faces': the labels of this set are asked for",
        "0,  # 'moods': the labels of this set are asked for",
    ]
    alone = describe(stargan((FACES,))).usage.inputs.splitlines()
    assert [line.strip() for line in alone if line.startswith("    ")] == [
        "1,  # 'Black'",
        "0,  # 'Blond'",
        "0,  # 'Male'",
    ]


# Each would write a file named "ran", if it left its comment.
ATTACK = "open('ran', 'w').close()"
ENDS = ("\n", "\r", "\r\n", "\f\n", "\x85", "\u2028", "\\\n", "'\n", '"""\n')
HOSTILE = tuple(f"cat{end}{ATTACK}{end}# </pre><script>" for end in ENDS)


@pytest.mark.parametrize(
    "model",
    [
        lambda: stylegan2(HOSTILE),
        # The second domain and all labels are named.
        *(lambda name=name: stargan_v2(("cat", name)) for name in HOSTILE),
        lambda: stargan((LabelSet(HOSTILE[0], "classes", HOSTILE),)),
        lambda: stargan((LabelSet(HOSTILE[0], "classes", HOSTILE), MOODS)),
    ],
)
def test_names_never_become_code(tmp_path, monkeypatch, model):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (32, 32)).save("photo.jpg")
    whole = describe(model())
    code = snippet(whole, "float32.tflite", True)
    compile(code, "snippet", "exec")
    exec(whole.usage.inputs, {})
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]


def test_code_is_python_that_names_the_file():
    for model in (stylegan2(), stylegan2(("a", "b")), stargan(), stargan_v2()):
        for path, in_tflite in (("int8.tflite", True), ("saved_model/1", False)):
            code = snippet(describe(model), path, in_tflite)
            compile(code, "snippet", "exec")
            assert f'("{path}")' in code
            assert ("tensorflow" in code) != in_tflite
            assert "tfgan" not in code


def test_every_template_is_filled_in_and_installed_with_the_package():
    models = (stylegan2(), stylegan2(("a", "b")), stargan(), stargan_v2())
    codes = [snippet(describe(model), "file", kind) for model in models for kind in (True, False)]
    templates = {path.name for path in FOLDER.iterdir()}
    for name in templates:
        first, *_ = (FOLDER / name).read_text().partition("$")
        assert any(first in code for code in codes), name
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    pattern = config["options.package_data"]["export"].strip()
    assert {path.name for path in (ROOT / "export").glob(pattern)} == templates


def test_a_dollar_in_a_name_is_no_place_to_fill_in():
    inputs = describe(stylegan2(("$latent_dim ${inputs} $", "b"))).usage.inputs
    assert "# '$latent_dim ${inputs} $'" in inputs
