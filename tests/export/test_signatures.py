"""What a model's uses are said to be, to readers of reports and in code that they copy."""

import io

import numpy as np
import pytest
from PIL import Image

from export.forms import examples_of
from export.signatures import KINDS, drawn_faces, snippet, spread
from tests.export.small import FACES, MOODS, stargan, stargan_v2, stylegan2
from tfgan.data.decoding import decode_picture
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
        "latents 3, psi 1, b",
    ]
    assert second[0].told == "latents 1, psi 0.7, a"
    _, (first, _) = shown_of(stylegan2())
    assert first[2].told == "latents 3, psi 1"
    assert first[2].pictures == {}


def test_rows_of_translations_say_domain_and_show_the_reference():
    (drawn,), (by_latent, by_reference) = shown_of(stargan_v2())
    told = ["to cat, latents 1", "to dog, latents 2", "to dog, latents 3"]
    assert [one.told for one in by_latent] == told
    assert by_reference[1].told == "to dog, style of the reference"
    for i, one in enumerate(by_reference):
        np.testing.assert_array_equal(one.pictures["source"], drawn["images"][i])
        np.testing.assert_array_equal(one.pictures["reference"], drawn["images"][i - 1])


def test_rows_of_labels_say_which_were_asked_for():
    drawn, (faces, moods) = shown_of(stargan())
    assert [one.told for one in moods] == ["moods: angry 1", "moods: happy 1", "moods: happy 1.5"]
    for i, one in enumerate(faces):
        asked = np.flatnonzero(drawn[0]["labels"][i, :3])
        named = one.told.removeprefix("faces: ").split(", ")
        names = [part.split()[0] for part in named]
        assert names == [FACES.names[place] for place in asked]
        np.testing.assert_array_equal(one.pictures["source"], drawn[0]["images"][i])


COUNTS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 17, 31, 32)


@pytest.mark.parametrize("count", COUNTS)
def test_comparison_and_calibration_meet_every_class(count):
    examples = examples_of(count)
    everything = set(range(count))
    assert set(spread(examples.calibrating, count)) == everything
    if count <= 16:
        assert set(spread(examples.compared, count)) == everything
    if count <= 8:
        assert set(spread(examples.searched, count)) == everything
    # No picture is compared that a choice was made by.
    numbers = [*examples.compared, *examples.searched, *examples.calibrating]
    assert numbers == list(range(examples.total))


@pytest.mark.parametrize("count", [100, 365, 1000])
def test_of_very_many_classes_examples_lie_all_over(count):
    examples = examples_of(count)
    for numbers in examples:
        places = np.sort(spread(numbers, count))
        assert len(set(places)) == len(places)
        gaps = np.diff([*places, places[0] + count]) / count
        # Even gaps are 1 / examples wide. In golden steps the widest is below 1.9 of that, and each
        # place is rounded.
        assert np.max(gaps) < 1.9 / len(places) + 1 / count


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_each_domain_meets_pictures_of_each_folder(count):
    examples = examples_of(count)
    pairs = {(i % count, int(spread([i], count)[0])) for i in examples.calibrating}
    assert len(pairs) == count**2


def test_examples_are_the_same_each_time_and_ask_for_every_label_of_every_set():
    many = LabelSet("many", "attributes", tuple(f"label {i}" for i in range(12)))
    whole = described(stargan((many, MOODS)))
    numbers = examples_of(whole.choices).compared
    drawn, again = (whole.draw(numbers, drawn_faces(numbers, 32)) for _ in range(2))
    for one, other in zip(drawn, again, strict=True):
        np.testing.assert_array_equal(one["labels"], other["labels"])
    assert np.all(np.max(drawn[0]["labels"][:, :12], axis=0) > 0)
    assert np.all(np.max(drawn[1]["labels"][:, 12:14], axis=0) > 0)
