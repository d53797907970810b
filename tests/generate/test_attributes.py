"""The command line that draws with translators between labels."""

import argparse
import os
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.generate.pictures import decoded, read
from tests.layers.layer_check import randomize
from tfgan import inference
from tfgan.generate import attributes
from tfgan.generate.__main__ import main
from tfgan.generate.attributes import find_combined, grid_targets
from tfgan.generate.inputs import read_inputs
from tfgan.generate.labels import (
    StatedLabels,
    find_label,
    label_value,
    read_labels,
    read_request,
    request_words,
    target_labels,
)
from tfgan.generate.options import UsageError
from tfgan.label_sets import LabelSet, encode_labels, label_slices, one_label_changed, with_label
from tfgan.models.stargan import StarGAN

FACES = LabelSet("faces", "attributes", ("Black", "Blond", "Male", "Young"), (("Black", "Blond"),))
MOODS = LabelSet("moods", "classes", ("angry", "happy", "sad"))
SETS = (FACES, MOODS)
CELL = 34  # pictures are 32 wide, with gaps of 2


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    made = StarGAN(32, SETS, conv_dim=4, num_blocks=1)
    made.build()
    randomize(made, spread=0.05)
    return made


def draw(path, seed):
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 7, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(coarse).resize((70, 50), Image.Resampling.BICUBIC).save(path)


@pytest.fixture(scope="module")
def files(model, tmp_path_factory):
    """The model, and pictures of odd sizes: beside one another, and in a folder for each mood."""
    folder = tmp_path_factory.mktemp("attributes")
    model.save(folder / "face.keras")
    for seed in range(inference.BATCH_SIZE + 2):
        draw(folder / "people" / f"{seed}.png", seed)
    for seed, mood in enumerate(("happy", "sad")):
        draw(folder / "moods" / mood / "0.png", seed)
    (folder / "empty").mkdir()
    (folder / "other.csv").write_text("file,Hat\n0.png,1\n")
    (folder / "people.csv").write_text("file,Male,Young,Hat,Black\n0.png,1,0,1,1\n1.png,0,1,0,0\n")
    return folder


def run(files, *arguments: str) -> int:
    return main([str(files / "face.keras"), *(a.format(files=files) for a in arguments)])


def made_of(model, image, index, values) -> np.ndarray:
    """What the model makes of one picture for the labels of one set."""
    vector = encode_labels(SETS, index, [values])
    images = model.translate(inference.to_float(image)[None], vector)
    return inference.to_uint8(np.asarray(images))[0]


def assert_equal_pictures(actual, wanted):
    # Graph and eager mode may round a pixel to either side.
    assert np.max(np.abs(actual.astype(int) - wanted)) <= 1


def cell(sheet, up, column, left=5, breaks=1):
    """A picture of a figure, `up` rows from below; before a block of columns the gap is wider."""
    y, x = sheet.shape[0] - 5 - 32 - CELL * up, left + CELL * column + 5 * breaks
    return sheet[y : y + 32, x : x + 32]


class Painter:
    """A generator that paints bands in the colours of the labels, and leaves the rest alone."""

    resolution = 32
    label_sets = SETS

    def translate(self, images, labels):
        bands = tf.repeat(labels[:, None, :7, None] * 2 - 1, 3, axis=-1)  # [B, 1, L, 3]
        known = tf.repeat(labels[:, None, 7:, None], [4, 3], axis=2) > 0
        painted = tf.where(known, tf.repeat(bands, 32, axis=1), images[:, :, :7])
        return tf.concat([painted, images[:, :, 7:]], axis=2)


def painted(truth):
    """Pictures with bands of these labels, uint8 [N, 32, 32, 3]."""
    images = np.random.default_rng(0).integers(0, 256, (len(truth), 32, 32, 3), np.uint8)
    images[:, :, :7] = 255 * np.asarray(truth, np.uint8)[:, None, :, None]
    return images


# What is asked for


def test_labels_are_found_by_name_and_where_sets_share_one_by_their_set():
    more = LabelSet("more", "attributes", ("Male", "Hat"))
    assert find_label([*SETS, more], "--set", "Hat") == (2, "Hat")
    assert find_label([*SETS, more], "--set", "more.Male") == (2, "Male")
    assert find_label([*SETS, more], "--set", "faces.Blond") == (0, "Blond")
    with pytest.raises(UsageError, match=r"which Male: faces\.Male or more\.Male\. Rec"):
        find_label([*SETS, more], "--set", "Male")


def test_what_is_asked_for_is_sorted_by_set_and_put_into_words():
    given = [label_value(text) for text in ("happy=0.5", "Male=0", "Young=1")]
    request = read_request(SETS, "--set", given)
    assert request == {0: {"Male": 0, "Young": 1}, 1: {"happy": 0.5}}
    assert list(request) == [0, 1]
    assert request_words(request) == ["not Male", "Young", "happy 0.5"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["Blond=1", "Black=1"], "exclude one another. Received: Black=1 Blond=1"),
        (["happy=0.7", "sad=0.7"], "exclude one another. Received: happy=0.7 sad=0.7"),
        (["Male=1", "faces.Male=0"], "name each label once. Received: Male twice"),
        (["Beard=1"], "labels of the model: Black, Blond, Male, Young, angry, happy, sad. Rec"),
    ],
)
def test_labels_that_contradict_one_another_are_refused(given, words):
    with pytest.raises(UsageError, match=words):
        read_request(SETS, "--set", [label_value(text) for text in given])


def test_labels_that_exclude_one_another_may_be_mixed_and_one_may_be_exaggerated():
    mixed = [("Black", 0.5), ("Blond", 0.5), ("happy", 1.5)]
    assert read_request(SETS, "--set", mixed) == {0: dict(mixed[:2]), 1: dict(mixed[2:])}


# Label vectors


def own_of(*rows):
    return np.array(rows, np.float32)


def test_yes_and_no_give_the_targets_that_training_shows():
    own = own_of([1, 0, 1, 0, 0, 1, 0], [0, 0, 0, 1, 1, 0, 0])
    masked = np.concatenate([own, np.zeros((2, 2), np.float32)], axis=1)
    for index, label_set in enumerate(SETS):
        for name in label_set.names:
            for value in (0, 1):
                np.testing.assert_array_equal(
                    target_labels(SETS, index, own, {name: value}),
                    with_label(SETS, masked, index, name, value),
                )
    singles = [asked for block in grid_targets(SETS, []) for asked in block]
    for (name, wanted), asked in zip(one_label_changed(SETS, masked), singles, strict=True):
        ((index, values),) = asked.items()
        assert list(values) == [name]
        np.testing.assert_array_equal(target_labels(SETS, index, own, values), wanted)


def test_what_excludes_a_label_fades_as_it_rises_and_stays_in_range():
    own = own_of([1, 0, 1, 0, 0, 1, 0])
    for value, black in ((-0.5, 1), (0, 1), (0.25, 0.75), (1, 0), (1.5, 0)):
        made = target_labels(SETS, 0, own, {"Blond": value})
        np.testing.assert_allclose(made, [[black, value, 1, 0, 0, 0, 0, 1, 0]])
    made = target_labels(SETS, 1, own, {"sad": 0.5, "angry": 0.25})
    np.testing.assert_allclose(made, [[0, 0, 0, 0, 0.25, 0.25, 0.5, 0, 1]])


def test_vectors_depend_only_on_labels_that_stay():
    unknown = np.full((1, 7), np.nan, np.float32)
    assert not np.any(np.isnan(target_labels(SETS, 1, unknown, {"happy": 1})))
    stays = np.isnan(target_labels(SETS, 0, unknown, {"Blond": 1, "Male": 0}))[0]
    np.testing.assert_array_equal(np.flatnonzero(stays), [3])
    stays = np.isnan(target_labels(SETS, 0, unknown, {"Blond": 0.5, "Male": None}))[0]
    np.testing.assert_array_equal(np.flatnonzero(stays), [0, 2, 3])


def test_the_grid_has_each_label_and_all_combinations():
    combined = find_combined(SETS, None)
    assert combined == [(0, "Black"), (0, "Male"), (0, "Young")]
    titles = [[request_words(one) for one in block] for block in grid_targets(SETS, combined)]
    assert titles == [
        [["Black"], ["Blond"], ["Male reversed"], ["Young reversed"]],
        [
            ["Black", "Male reversed"],
            ["Black", "Young reversed"],
            ["Male reversed", "Young reversed"],
            ["Black", "Male reversed", "Young reversed"],
        ],
        [["angry"], ["happy"], ["sad"]],
    ]
    own = own_of([0, 1, 1, 0, 0, 0, 0])
    last = grid_targets(SETS, combined)[1][-1][0]
    np.testing.assert_array_equal(target_labels(SETS, 0, own, last), [[1, 0, 0, 1, 0, 0, 0, 1, 0]])
    assert len(grid_targets(SETS, find_combined(SETS, ["Blond"]))) == 2


# Labels of the sources


def test_labels_are_those_with_which_a_translation_changes_the_picture_least():
    truth = own_of(
        [1, 0, 1, 0, 0, 1, 0],
        [0, 1, 0, 1, 0, 0, 1],
        [0, 0, 1, 1, 1, 0, 0],
        [0, 0, 0, 0, 0, 1, 0],
        [1, 0, 1, 1, 0, 0, 1],
    )
    images, model = painted(truth), Painter()
    found = np.full(truth.shape, np.nan, np.float32)
    for index, part in enumerate(label_slices(SETS)):
        found = read_labels(model, images, found, index)
        np.testing.assert_array_equal(found[:, part], truth[:, part])
        assert np.all(np.isnan(found[:, 4:])) == (index == 0)


def test_what_is_stated_is_not_read():
    truth = own_of([1, 0, 1, 0, 0, 0, 0])
    known = np.full(truth.shape, np.nan, np.float32)
    known[0, [0, 2]] = 0
    found = read_labels(Painter(), painted(truth), known, 0)
    np.testing.assert_array_equal(found[0, :4], [0, 0, 0, 0])


def stated_of(files, *names, labels=(), table=None):
    """What is known of pictures of the folder."""
    options = argparse.Namespace(
        labels=[label_value(text) for text in labels], table=table and files / table
    )
    stated = StatedLabels(SETS, options)
    given = [files / name for name in names]
    found = read_inputs(given, "--source", 32, stated.folders)
    return stated.labels_of(list(found))


def test_labels_come_from_a_table_from_folders_and_from_what_is_stated(files):
    nan = np.nan
    people = ("people/0.png", "people/1.png")
    np.testing.assert_array_equal(
        stated_of(files, *people, table="people.csv"),
        [[1, nan, 1, 0, nan, nan, nan], [0, nan, 0, 1, nan, nan, nan]],
    )
    # Blond is stated, so that what the table says of black hair is not so.
    np.testing.assert_array_equal(
        stated_of(files, *people, table="people.csv", labels=["Blond=1", "sad=1"]),
        [[0, 1, 1, 0, 0, 0, 1], [0, 1, 0, 1, 0, 0, 1]],
    )
    np.testing.assert_array_equal(
        stated_of(files, "moods", "people/0.png"),
        [[nan] * 4 + [0, 1, 0], [nan] * 4 + [0, 0, 1], [nan] * 7],
    )


def test_rows_of_a_table_are_found_by_path_by_name_and_without_the_extension(files, tmp_path):
    celeba = "3\nMale Young\nhappy/0.png 1 -1\nsad/0.png -1 1\n000002.jpg 1 1\n"
    (tmp_path / "list_attr_celeba.txt").write_text(celeba)
    shutil.copytree(files / "moods", "moods")
    shutil.copy(files / "people/2.png", "000002.png")
    found = stated_of(tmp_path, "moods", "000002.png", table="list_attr_celeba.txt")
    np.testing.assert_array_equal(found[:, 2:4], [[1, 0], [0, 1], [1, 1]])


# The verbs


def test_the_figure_has_sources_down_and_each_set_across(files, model):
    arguments = ["--source", "{files}/people/0.png", "{files}/people/1.png", "--scale", "1"]
    arguments += ["--labels", "Black=1", "Male=1", "Young=0"]
    arguments += ["--set", "Blond=1", "--set", "Male=0", "Young=1.5", "--set", "happy=1"]
    assert run(files, "attributes", *arguments) == 0
    sheet = read("face-attributes.png")
    # Headings of four lines (not, Male, Young, 1.5), of 16 and 13 pixels; margins of 5.
    assert sheet.shape == (5 + 16 + 3 * 13 + 2 * CELL - 2 + 5, 5 + 4 * CELL - 2 + 5 + 5, 3)
    values = [(0, [0, 1, 1, 0]), (0, [1, 0, 0, 1.5]), (1, [0, 1, 0])]
    for row in (0, 1):
        source = decoded(files / f"people/{row}.png")
        np.testing.assert_array_equal(cell(sheet, 1 - row, 0, breaks=0), source)
        for column, (index, wanted) in enumerate(values, start=1):
            picture = cell(sheet, 1 - row, column)
            assert_equal_pictures(picture, made_of(model, source, index, wanted))


def test_what_is_read_from_a_picture_is_said_and_what_is_stated_is_not(files, model, capsys):
    source = files / "people/0.png"
    known = np.full((1, 7), np.nan, np.float32)
    own = read_labels(model, decoded(source)[None], known, 0)[0, :4]
    arguments = ["--source", str(source), "--set", "Male=1", "--scale", "1"]
    assert run(files, "attributes", *arguments) == 0
    names = [name for name, value in zip(FACES.names, own, strict=True) if value]
    words = ", ".join(names) or "none of Black, Blond, Male, Young"
    assert f"{source}: {words} (guessed from the picture)" in capsys.readouterr().out
    wanted = made_of(model, decoded(source), 0, [*own[:2], 1, own[3]])
    assert_equal_pictures(cell(read("face-attributes.png"), 0, 1), wanted)
    for stated in (["--set", "happy=1"], ["--set", "Blond=1", "--labels", "Male=1", "Young=1"]):
        assert run(files, "attributes", "--source", str(source), *stated) == 0
        assert "guessed from" not in capsys.readouterr().out
    known[0, 2] = 1
    rest = read_labels(model, decoded(source)[None], known, 0)[0, [0, 1, 3]]
    stated = ["--source", str(source), "--set", "Young=1", "--labels", "Male=1"]
    assert run(files, "attributes", *stated) == 0
    names = [name for name, value in zip(("Black", "Blond", "Young"), rest, strict=True) if value]
    words = ", ".join(names) or "none of Black, Blond, Young"
    assert f"{source}: {words} (guessed from the picture)" in capsys.readouterr().out


def test_labels_of_two_sets_are_given_one_after_the_other(files, model):
    arguments = ["--source", "{files}/people/0.png", "--set", "happy=1", "Male=1"]
    arguments += ["--labels", "Black=0", "Blond=0", "Young=0"]
    assert run(files, "pictures", *arguments, "-o", "both") == 0
    image = decoded(files / "people/0.png")
    for index, values in ((0, [0, 0, 1, 0]), (1, [0, 1, 0])):
        vector = encode_labels(SETS, index, [values])
        image = inference.translate(model, image[None], vector, batch_size=inference.BATCH_SIZE)[0]
    np.testing.assert_array_equal(read("both/0-Male+happy.png"), image)


def test_every_source_gets_every_set_in_the_folders_of_the_sources(files, model):
    arguments = ["--set", "happy=1", "--set", "angry=0.5", "sad=0.5"]
    assert run(files, "pictures", "--source", "{files}/people", *arguments, "-o", "a") == 0
    expected = {
        f"{i}-{words}.png" for i in range(inference.BATCH_SIZE + 2) for words in ("happy", MIXED)
    }
    assert set(os.listdir("a")) == expected
    picture = decoded(files / f"people/{inference.BATCH_SIZE + 1}.png")
    wanted = made_of(model, picture, 1, [0.5, 0, 0.5])
    assert_equal_pictures(read(f"a/{inference.BATCH_SIZE + 1}-{MIXED}.png"), wanted)
    assert run(files, "pictures", "--source", "{files}/moods", *arguments[:2], "-o", "b") == 0
    assert sorted(os.listdir("b")) == ["happy", "sad"]
    assert os.listdir("b/sad") == ["0-happy.png"]


MIXED = "angry_0.5+sad_0.5"


def test_the_grid_shows_single_and_combined_labels(files, model):
    arguments = ["--source", "{files}/people/0.png", "--table", "{files}/people.csv"]
    arguments += ["--labels", "Blond=0", "--combine", "Blond", "Male", "--scale", "1"]
    assert run(files, "grid", *arguments) == 0
    sheet, source = read("face-grid.png"), decoded(files / "people/0.png")
    assert sheet.shape[1] == 5 + 9 * CELL - 2 + 3 * 5 + 5
    # The table says: black hair, male, not young.
    for column, breaks, index, values in (
        (1, 1, 0, [1, 0, 1, 0]),
        (2, 1, 0, [0, 1, 1, 0]),
        (3, 1, 0, [1, 0, 0, 0]),
        (4, 1, 0, [1, 0, 1, 1]),
        (5, 2, 0, [0, 1, 0, 0]),
        (6, 3, 1, [1, 0, 0]),
        (8, 3, 1, [0, 0, 1]),
    ):
        wanted = made_of(model, source, index, values)
        assert_equal_pictures(cell(sheet, 0, column, breaks=breaks), wanted)


def test_a_sweep_goes_beyond_what_was_trained_from_what_the_source_is(files, model):
    arguments = ["--source", "{files}/moods", "--vary", "happy", "Male", "--scale", "1"]
    arguments += ["--labels", "Black=1", "Young=0", "--values", "-0.5", "0", "0.5", "1.5"]
    assert run(files, "sweep", *arguments) == 0
    sheet = read("face-sweep.png")
    source = decoded(files / "moods/sad/0.png")
    # The second of two sources, in the lower block of Male and the upper one of happy.
    for column, value in enumerate((-0.5, 0, 0.5, 1.5), start=1):
        male = made_of(model, source, 0, [1, 0, value, 0])
        assert_equal_pictures(cell(sheet, 0, column, left=21), male)
        happy = made_of(model, source, 1, [0, value, np.clip(1 - value, 0, 1)])
        assert_equal_pictures(cell(sheet[:-5], 2, column, left=21), happy)


def test_interpolation_goes_through_the_values_and_back(files):
    arguments = ["--source", "{files}/people/0.png", "--vary", "happy", "--scale", "1"]
    arguments += ["--labels", "sad=1", "--values", "-1", "2"]
    assert run(files, "sweep", *arguments) == 0
    assert run(files, "interpolate", *arguments, "--seconds", "0.32", "-o", "walk.gif") == 0
    sheet = read("face-sweep.png")
    ends = [cell(sheet, 0, column, left=21).astype(int) for column in (1, 2)]
    with Image.open("walk.gif") as video:
        assert video.n_frames == 8
        far = []
        for frame in range(8):
            video.seek(frame)
            picture = np.asarray(video.convert("RGB"))[-37:-5, -37:-5]
            far.append([np.mean(np.abs(picture - end)) for end in ends])
    nearest = np.argmin(far, axis=0)
    np.testing.assert_array_equal(nearest, [0, 4])
    # There and back are the same pictures, but for the 256 colours of a GIF.
    np.testing.assert_allclose(far[1:4], far[:4:-1], atol=1.0)


def test_a_path_that_swings_below_1_needs_to_know_what_the_source_is(files, capsys):
    arguments = ["--source", "{files}/people/0.png", "--vary", "happy", "--seconds", "1"]
    assert run(files, "interpolate", *arguments, "--values", "1", "1.5", "-o", "a.gif") == 0
    assert "guessed from the picture" not in capsys.readouterr().out
    # The smooth path through these goes down to 0.97.
    assert run(files, "interpolate", *arguments, "--values", "1", "1.5", "1.2", "-o", "b.gif") == 0
    assert "guessed from the picture" in capsys.readouterr().out


# Mistakes


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["attributes", "--set", "Beard=1"], "--set must name labels of the model: Black, Blond"),
        (["attributes", "--set", "Black=1", "Blond=1"], "exclude one another"),
        (
            ["grid", "--labels", "Male=2"],
            "--labels must say 1 or 0 of each label. Received: Male=2",
        ),
        (["attributes", "--set", "Male=1", "--labels", "x=1"], "--labels must name labels"),
        (["attributes", "--set", "Male=1", "--table", "none"], "--table: there is no file"),
        (["attributes", "--set", "Male=1", "--table", "{files}/other.csv"], "with Hat."),
        (["attributes", "--set", "Male=1", "--table", "{files}/face.keras"], "the attribute tab"),
        (["attributes", "--set", "Male=1", "--table", "{files}/people.csv"], "none for 2.png"),
        (["attributes", "--set", "Male=1", "-o", "a.jpg"], "must end in .png"),
        (["grid", "--combine", "happy", "Male"], "--combine must name attributes, for a picture"),
        (["grid", "--combine", "Black", "Blond"], "--combine must not ask for labels that exclude"),
        (["grid", "--scale", "64"], "Choose fewer sources or labels, or a smaller --scale"),
        (["sweep", "--vary", "Hat"], "--vary must name labels"),
        (["interpolate", "--vary", "Male", "--values", "1"], "two or more, between which"),
        (["interpolate", "--vary", "Male", "-o", "a.png"], ".gif or .mp4"),
        (["pictures", "--set", "Male=1", "--table", "{files}/other.csv"], "Received: {files}"),
    ],
)
def test_a_mistake_gives_one_message_and_writes_nothing(files, capsys, arguments, words):
    assert run(files, *arguments, "--source", "{files}/people") == 2
    error = capsys.readouterr().err
    assert words.format(files=files) in error
    assert len(error.strip().splitlines()) == 1
    assert os.listdir() == []


def test_a_row_of_a_table_is_of_one_picture(files, capsys):
    arguments = ["--source", "{files}/moods", "--set", "Male=1", "--table", "{files}/people.csv"]
    assert run(files, "attributes", *arguments) == 2
    assert "which picture each row is of" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["attributes", "--source", "x"], "--set"),
        (["attributes", "--source", "x", "--set"], "--set"),
        (["attributes", "--source", "x", "--set", "Male"], "like Smiling=1. Received: 'Male'"),
        (["attributes", "--source", "x", "--set", "Male=yes"], "a number. Received: 'yes'"),
        (["sweep", "--source", "x"], "--vary"),
        (["translate"], "has no verb translate"),
    ],
)
def test_options_that_are_missing_or_malformed_are_named(files, capsys, arguments, words):
    try:
        status = run(files, *arguments)
    except SystemExit as stopped:
        status = stopped.code
    assert status == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("verb", attributes.VERBS)
def test_help_of_each_verb_has_an_example(capsys, verb):
    assert main([verb, "--help"]) == 0
    assert f" latest {verb} --source faces" in capsys.readouterr().out
