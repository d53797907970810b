"""The built-in data set of drawn faces."""

import dataclasses
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tfgan.data.avatars import (
    ATTRIBUTES,
    EXPRESSIONS,
    Avatars,
    AvatarsConfig,
    Person,
    draw,
    drawing,
    find_background,
    person_of,
    prepare,
    read_ids,
)
from tfgan.data.avatars.__main__ import main
from tfgan.data.avatars.person import HAIR_STYLES
from tfgan.data.avatars.workers import draw_examples

# Fractions of the picture: left, top, right, bottom.
Box = tuple[float, float, float, float]
FACE: Box = (0.25, 0.2, 0.75, 0.85)
HAIR: Box = (0.15, 0.0, 0.85, 0.4)
EYES: Box = (0.28, 0.38, 0.72, 0.58)
CHEEKS: Box = (0.28, 0.52, 0.72, 0.68)
MOUTH: Box = (0.36, 0.60, 0.64, 0.78)
LOWER_FACE: Box = (0.28, 0.58, 0.72, 0.90)
LOBES: Box = (0.18, 0.52, 0.82, 0.72)
THROAT: Box = (0.38, 0.86, 0.62, 1.0)


def plain_person(**changes: Any) -> Person:
    """A young woman who looks straight ahead, with `changes`."""
    person = dataclasses.replace(
        person_of(0, 0),
        male=False,
        years=30.0,
        skin_tone=0.3,
        freckles=False,
        rosy_cheeks=False,
        eye_bags=False,
        hair_style="pixie",
        hair_color="brown",
        hair_shade=0.5,
        bangs=False,
        part=0.8,
        facial_hair="none",
        eyes_shut=False,
        bushy_eyebrows=False,
        lipstick=None,
        expression="neutral",
        intensity=1.0,
        mouth_open=False,
        glasses="none",
        hat="none",
        earrings=False,
        clothes="shirt",
        yaw=0.0,
        pitch=0.0,
        roll=0.0,
        offset=(0.0, 0.0),
        zoom=1.0,
        light=0.4,
        backdrop="plain",
    )
    return dataclasses.replace(person, **changes)


def pixels(person: Person, size: int = 64) -> np.ndarray:
    return np.asarray(draw(person, size)).astype(np.float64)


def inside(image: np.ndarray, box: Box) -> np.ndarray:
    size = len(image)
    left, top, right, bottom = (round(size * edge) for edge in box)
    return image[top:bottom, left:right]


TOGGLES: dict[str, tuple[dict[str, Any], dict[str, Any], Box]] = {
    # attribute: changes that make it false, changes that make it true, where it shows
    "5_o_Clock_Shadow": ({"male": True}, {"male": True, "facial_hair": "stubble"}, LOWER_FACE),
    "Bags_Under_Eyes": ({}, {"eye_bags": True}, EYES),
    "Bald": ({}, {"hair_style": "bald"}, HAIR),
    "Bangs": ({}, {"bangs": True}, HAIR),
    "Black_Hair": ({}, {"hair_color": "black"}, HAIR),
    "Blond_Hair": ({}, {"hair_color": "blond"}, HAIR),
    "Brown_Hair": ({"hair_color": "gray"}, {"hair_color": "brown"}, HAIR),
    "Bushy_Eyebrows": ({}, {"bushy_eyebrows": True}, EYES),
    "Eyeglasses": ({}, {"glasses": "round"}, EYES),
    "Goatee": ({}, {"facial_hair": "goatee"}, LOWER_FACE),
    "Gray_Hair": ({}, {"hair_color": "gray"}, HAIR),
    "Male": ({}, {"male": True}, EYES),
    "Mouth_Slightly_Open": ({}, {"mouth_open": True}, MOUTH),
    "Mustache": ({}, {"facial_hair": "mustache"}, MOUTH),
    "No_Beard": ({"facial_hair": "beard"}, {}, LOWER_FACE),
    "Pale_Skin": ({}, {"skin_tone": 0.05}, FACE),
    "Rosy_Cheeks": ({}, {"rosy_cheeks": True}, CHEEKS),
    "Smiling": ({}, {"expression": "happy"}, MOUTH),
    "Wavy_Hair": ({"hair_style": "long"}, {"hair_style": "wavy"}, (0.1, 0.4, 0.9, 1.0)),
    "Wearing_Earrings": ({}, {"earrings": True}, LOBES),
    "Wearing_Hat": ({}, {"hat": "beanie"}, HAIR),
    "Wearing_Lipstick": ({}, {"lipstick": (204, 30, 52)}, MOUTH),
    "Wearing_Necktie": ({}, {"clothes": "tie"}, THROAT),
    "Young": ({"years": 76.0}, {}, FACE),
}


def test_every_attribute_has_a_toggle():
    assert set(TOGGLES) == set(ATTRIBUTES)


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_toggling_an_attribute_changes_the_pixels_where_it_shows(attribute):
    without, having, box = TOGGLES[attribute]
    off, on = plain_person(**without), plain_person(**having)
    assert not off.labels()["attributes"][attribute]
    assert on.labels()["attributes"][attribute]
    change = np.abs(inside(pixels(on), box) - inside(pixels(off), box)).max(axis=-1)
    # A tenth of full scale is plain to see; 12 pixels are about one earring.
    assert (change > 25).sum() >= 12


@pytest.mark.parametrize("attribute", ["Eyeglasses", "Rosy_Cheeks", "Bags_Under_Eyes"])
@pytest.mark.parametrize("skin_tone", [0.0, 1.0])
def test_marks_on_the_face_show_on_the_palest_and_the_darkest_skin(attribute, skin_tone):
    without, having, box = TOGGLES[attribute]
    off = plain_person(**without | {"skin_tone": skin_tone})
    on = plain_person(**having | {"skin_tone": skin_tone})
    change = np.abs(inside(pixels(on), box) - inside(pixels(off), box)).max(axis=-1)
    # Half of the threshold above: what is dark has less room to darken.
    assert (change > 12).sum() >= 12


def test_a_part_that_is_toggled_leaves_the_rest_of_the_picture_alone():
    off, on = pixels(plain_person()), pixels(plain_person(glasses="round"))
    np.testing.assert_array_equal(on[: len(on) // 4], off[: len(off) // 4])
    np.testing.assert_array_equal(on[-len(on) // 4 :], off[-len(off) // 4 :])


def test_a_hat_hides_baldness_and_the_label_says_so():
    person = plain_person(hair_style="bald", hat="cap")
    assert not person.labels()["attributes"]["Bald"]


def test_a_bald_head_has_no_hair_color():
    attributes = plain_person(hair_style="bald").labels()["attributes"]
    assert not any(attributes[f"{color}_Hair"] for color in ("Black", "Blond", "Brown", "Gray"))


@pytest.mark.parametrize("size", [32, 64])
def test_all_pairs_of_expressions_look_different(size):
    faces = {
        name: inside(pixels(plain_person(expression=name, mouth_open=False), size), FACE)
        for name in EXPRESSIONS
    }
    for k, one in enumerate(EXPRESSIONS):
        for other in EXPRESSIONS[k + 1 :]:
            change = np.abs(faces[one] - faces[other]).max(axis=-1)
            assert (change > 25).mean() > 0.01, (one, other)


@pytest.mark.parametrize("size", [16, 32, 64, 128, 256])
def test_pictures_have_the_size_asked_for(size):
    picture = draw(plain_person(), size)
    assert picture.mode == "RGB"
    assert picture.size == (size, size)


def test_pictures_of_two_sizes_show_the_same_face():
    large = draw(person_of(3, 5), 128).reduce(2)
    small = pixels(person_of(3, 5), 64)
    # Strokes are cut to whole subpixels, so edges differ a little.
    assert np.abs(np.asarray(large) - small).mean() < 4.0


def test_edges_are_anti_aliased():
    person = plain_person(hair_color="black", hair_style="buzz", backdrop_colors=((255,) * 3,) * 2)
    row = pixels(person, 64)[:, 32].mean(axis=-1)
    # From the light wall down into the dark hair: no jump takes the whole way in one pixel.
    edge = row[:20]
    contrast = edge.max() - edge.min()
    assert contrast > 100
    picture = np.asarray(draw(person, 64)).reshape(-1, 3)
    assert len(np.unique(picture, axis=0)) > 500
    between = (row > edge.min() + 0.1 * contrast) & (row < edge.max() - 0.1 * contrast)
    assert between[:20].any()


def test_a_person_depends_only_on_seed_and_index():
    assert person_of(7, 123) == person_of(7, 123)
    assert person_of(7, 123) != person_of(8, 123)
    assert person_of(7, 123) != person_of(7, 124)


def test_every_style_of_hair_is_drawn_as_it_always_was():
    """hair.png has a column for each style: of a woman and a man, with bangs, under a hat."""
    variants = (
        {"male": False, "bangs": False, "part": 0.8, "hat": "none"},
        {"male": True, "bangs": False, "part": -0.8, "hat": "none"},
        {"male": False, "bangs": True, "part": 0.1, "hat": "none"},
        {"male": False, "bangs": False, "part": 0.1, "hat": "beanie"},
    )
    rows = []
    for changes in variants:
        people = [
            dataclasses.replace(person_of(0, index), hair_style=style, **changes)
            for index, style in enumerate(HAIR_STYLES)
        ]
        rows.append(np.concatenate([draw(person, 32) for person in people], axis=1))
    with Image.open(Path(__file__).with_name("hair.png")) as expected:
        np.testing.assert_array_equal(np.concatenate(rows), np.asarray(expected))


def test_pictures_do_not_depend_on_what_was_drawn_before():
    alone = draw(person_of(0, 11), 64).tobytes()
    for index in range(8):
        draw(person_of(0, index), 32)
    assert draw(person_of(0, 11), 64).tobytes() == alone


def test_examples_do_not_depend_on_the_number_of_processes():
    here = list(draw_examples(32, range(4), seed=5, processes=0))
    there = list(draw_examples(32, range(4), seed=5, processes=2))
    assert here == there
    assert [index for index, _, _ in here] == list(range(4))


def test_workers_are_of_this_program_in_a_folder_with_another_of_its_name(tmp_path):
    (tmp_path / "work" / "tfgan").mkdir(parents=True)
    (tmp_path / "work" / "tfgan" / "__init__.py").write_text('raise SystemExit("not ours")\n')
    (tmp_path / "draw.py").write_text(
        "from tfgan.data.avatars.workers import draw_examples\n"
        "print(len(list(draw_examples(32, range(2), processes=1))))\n"
    )
    done = subprocess.run(
        [sys.executable, tmp_path / "draw.py"],
        cwd=tmp_path / "work",
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("2\n", "")


def test_workers_do_not_import_tensorflow():
    code = (
        "import sys, tfgan.data.avatars.workers; "
        "sys.exit(any(name in sys.modules for name in ('tensorflow', 'tensorflow_datasets')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_labels_are_neither_rare_nor_nearly_certain():
    labels = [person_of(0, index).labels() for index in range(2000)]
    for name in ATTRIBUTES:
        frequency = np.mean([label["attributes"][name] for label in labels])
        assert 0.03 < frequency < 0.97, (name, frequency)
    for name in EXPRESSIONS:
        frequency = np.mean([label["expression"] == name for label in labels])
        assert 0.03 < frequency < 0.97, (name, frequency)
    assert 0.45 < np.mean([label["domain"] == "male" for label in labels]) < 0.55


def test_gray_hair_comes_with_age_but_not_always():
    people = [person_of(1, index) for index in range(2000)]

    def share(condition: Callable[[Person], bool]) -> float:
        return float(np.mean([p.hair_color == "gray" for p in people if condition(p)]))

    old, young = share(lambda p: p.years > 65), share(lambda p: p.years < 35)
    assert young < 0.1
    assert 0.6 < old < 0.98


@pytest.fixture(scope="module")
def builder(tmp_path_factory):
    return prepare(32, 12, seed=4, data_dir=tmp_path_factory.mktemp("data"), processes=0)


def test_the_prepared_set_holds_the_pictures_and_labels_in_order(builder):
    source = builder.as_data_source("train")
    assert len(source) == 12
    for index in (0, 5, 11):
        example = source[index]
        person = person_of(4, index)
        labels = person.labels()
        assert example["id"] == index
        np.testing.assert_array_equal(example["image"], np.asarray(draw(person, 32)))
        assert {k: bool(v) for k, v in example["attributes"].items()} == labels["attributes"]
        expression = builder.info.features["expression"].int2str(int(example["expression"]))
        domain = builder.info.features["domain"].int2str(int(example["domain"]))
        assert (expression, domain) == (labels["expression"], labels["domain"])


def test_the_test_split_shares_no_person_with_any_training_split(builder):
    ids = [int(example["id"]) for example in builder.as_data_source("test")]
    assert ids == [1_000_000]


def test_a_prepared_set_is_not_drawn_again(builder):
    files = sorted(builder.data_path.iterdir())
    before = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    times = [file.stat().mtime for file in files]
    again = prepare(32, 12, seed=4, data_dir=builder.data_path.parents[2], processes=0)
    assert again.data_dir == builder.data_dir
    assert [file.stat().mtime for file in files] == times
    assert [hashlib.sha256(file.read_bytes()).hexdigest() for file in files] == before


def test_an_interrupted_preparation_leaves_nothing_that_looks_finished(tmp_path, monkeypatch):
    from tfgan.data.avatars import builder as module

    def stop(size, indices, *rest):
        yield from draw_examples(size, indices[:2], 0, 0)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "draw_examples", stop)
    with pytest.raises(KeyboardInterrupt):
        prepare(16, 5, data_dir=tmp_path, processes=0)
    monkeypatch.undo()
    assert not (tmp_path / "avatars" / "16px_5" / "1.0.0").exists()
    assert len(prepare(16, 5, data_dir=tmp_path, processes=0).as_data_source("train")) == 5


def test_the_name_of_a_configuration_tells_sizes_counts_and_seeds_apart():
    assert AvatarsConfig(64, 8000).name == "64px_8000"
    assert AvatarsConfig(64, 8000, seed=3).name == "64px_8000_seed3"


def test_the_default_configuration_may_be_given_anew(tmp_path):
    config = AvatarsConfig(size=64, count=8000)
    assert Avatars(config=config, data_dir=tmp_path).builder_config.name == "64px_8000"


@pytest.mark.parametrize("size", [0, 8, 100, -64, 2048])
def test_a_size_that_is_no_power_of_two_is_refused(size):
    with pytest.raises(ValueError, match=f"power of two from 16 to 1024. Received: {size}."):
        draw(plain_person(), size)
    with pytest.raises(ValueError, match=f"Received: {size}."):
        AvatarsConfig(size=size)


@pytest.mark.parametrize("count", [0, -1, 1_000_001])
def test_a_count_out_of_range_is_refused(count):
    with pytest.raises(ValueError, match=f"`count` must be from 1 to 1000000. Received: {count}."):
        AvatarsConfig(count=count)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="Give another folder as `data_dir`"):
        prepare(32, 4, data_dir=tmp_path / "file" / "data")


@pytest.mark.parametrize("classes", ["domain", "expression"])
def test_the_command_line_writes_a_folder_for_each_class(tmp_path, classes):
    options = f"--size 32 --folder {tmp_path} --count 12 --start 7 --seed 3 --classes {classes}"
    assert main(options.split()) == 0
    files = sorted(tmp_path.glob("*/*.png"), key=lambda file: file.name)
    assert [int(file.stem) for file in files] == list(range(7, 19))
    from PIL import Image

    for file in files:
        person = person_of(3, int(file.stem))
        assert file.parent.name == person.labels()[classes]
        np.testing.assert_array_equal(np.asarray(Image.open(file)), np.asarray(draw(person, 32)))


def test_the_command_line_writes_a_sheet(tmp_path):
    sheet = tmp_path / "sheet.png"
    options = f"--size 32 --rows 2 --columns 3 --sheet {sheet}"
    assert main(options.split()) == 0
    from PIL import Image

    with Image.open(sheet) as image:
        assert image.size == (96, 64)


def test_the_command_line_explains_a_wrong_size_and_exits_with_2(capsys):
    assert main(["--size", "100", "--sheet", "x.png"]) == 2
    assert "power of two" in capsys.readouterr().err


@pytest.mark.parametrize("size", [16, 32, 128])
def test_the_background_is_what_shows_the_backdrop_and_nothing_else(size):
    differing = 0
    for index in range(40 if size < 128 else 10):
        person = person_of(3, index)
        found = find_background(person, size)
        image, factor = np.asarray(draw(person, size)), drawing._supersampling(size)
        backdrop = np.asarray(drawing._backdrop(person, size, size * factor).reduce(factor))
        equal = np.all(image == backdrop, axis=-1)
        assert np.all(equal[found])
        differing += np.sum(equal & ~found)
        assert 0.2 < np.mean(found) < 0.8
    # A pixel that was drawn on may happen to keep its colour, but hardly any does.
    assert differing < 10


def test_the_background_does_not_depend_on_the_backdrop():
    person = plain_person(hair_style="wavy", hat="cap")
    other = dataclasses.replace(
        person, backdrop="shapes", backdrop_colors=((9, 9, 9), (250, 250, 250)), backdrop_seed=7
    )
    found = find_background(person, 32)
    np.testing.assert_array_equal(find_background(other, 32), found)
    changed = np.any(pixels(person, 32) != pixels(other, 32), axis=-1)
    assert np.all(changed[found])


def test_ids_name_the_people_of_a_prepared_set(tmp_path):
    builder = prepare(16, 30, seed=2, data_dir=tmp_path, processes=0)
    assert read_ids(builder, "train", [4, 0]) == [4, 0]
    (number,) = read_ids(builder, "train[10:]+test", [21])
    picture = builder.as_data_source("test")[1]["image"]
    np.testing.assert_array_equal(draw(person_of(2, number), 16), picture)
