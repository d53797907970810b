"""What a model's uses are said to be, to readers of reports and in code that they copy."""

import io

import numpy as np
import pytest
from PIL import Image

from export.signatures import KINDS, drawn_faces, snippet
from tests.export.small import FACES, MOODS, stargan, stargan_v2, stylegan2
from tfgan.data.pipeline import decode_picture
from tfgan.label_sets import LabelSet


def described(model):
    return KINDS[type(model).__name__].describe(model)


def shown_of(model):
    """What a report shows of three examples, by way to pictures and batch."""
    whole = described(model)
    drawn = whole.draw(range(3), drawn_faces(range(3), model.resolution))
    return drawn, [flow.shown(one) for flow in whole.flows if flow.shown for one in drawn]


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
    exec("\n".join(described(stargan()).usage.inputs), found)
    expected, _ = decode_picture(content.getvalue(), 32)
    np.testing.assert_array_equal(np.rint((found["photos"][0] + 1) * 127.5), expected)
    assert found["photos"].dtype == np.float32


def test_code_names_every_place_of_a_label_vector():
    model = stargan()
    lines = described(model).usage.inputs
    assert [line.strip() for line in lines if line.startswith("    ")] == [
        "1,  # 'faces': 'Black'",
        "0,  # 'faces': 'Blond'",
        "0,  # 'faces': 'Male'",
        "0,  # 'moods': 'angry'",
        "0,  # 'moods': 'happy'",
        "1,  # 'faces': the labels of this set are asked for",
        "0,  # 'moods': the labels of this set are asked for",
    ]
    alone = described(stargan((FACES,))).usage.inputs
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
    whole = described(model())
    code = snippet(whole, "float32.tflite", True)
    compile(code, "snippet", "exec")
    exec("\n".join(whole.usage.inputs), {})
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]


def test_code_is_python_that_names_the_file():
    for model in (stylegan2(), stylegan2(("a", "b")), stargan(), stargan_v2()):
        for path, in_tflite in (("int8.tflite", True), ("saved_model/1", False)):
            code = snippet(described(model), path, in_tflite)
            compile(code, "snippet", "exec")
            assert f'("{path}")' in code
            assert ("tensorflow" in code) != in_tflite
            assert "tfgan" not in code


def test_rows_of_style_generators_say_latents_psi_and_class():
    _, (first, second) = shown_of(stylegan2(("a", "b")))
    assert [one.told for one in first] == [
        "latents 1, psi 1, a",
        "latents 2, psi 1, b",
        "latents 3, psi 1, a",
    ]
    assert second[0].told == "latents 1, psi 0.7, a"
    _, (first, _) = shown_of(stylegan2())
    assert first[2].told == "latents 3, psi 1"
    assert first[2].pictures == {}


def test_rows_of_translations_say_domain_and_show_the_reference():
    (drawn,), (by_latent, by_reference) = shown_of(stargan_v2())
    told = ["to cat, latents 1", "to dog, latents 2", "to cat, latents 3"]
    assert [one.told for one in by_latent] == told
    assert by_reference[1].told == "to dog, style of the reference"
    for i, one in enumerate(by_reference):
        np.testing.assert_array_equal(one.pictures["source"], drawn["images"][i])
        np.testing.assert_array_equal(one.pictures["reference"], drawn["images"][i - 1])


def test_rows_of_labels_say_which_were_asked_for():
    drawn, (faces, moods) = shown_of(stargan())
    assert [one.told for one in moods] == ["moods: angry 1", "moods: happy 1", "moods: angry 1.5"]
    for i, one in enumerate(faces):
        asked = np.flatnonzero(drawn[0]["labels"][i, :3])
        named = one.told.removeprefix("faces: ").split(", ")
        names = [part.split()[0] for part in named]
        assert names == [FACES.names[place] for place in asked]
        np.testing.assert_array_equal(one.pictures["source"], drawn[0]["images"][i])
