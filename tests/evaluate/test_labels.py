"""Measuring translation to labels: by models whose results are known beforehand."""

import dataclasses
import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tfgan import figures
from tfgan.data.labelled import open_labelled
from tfgan.data.sources import DataError
from tfgan.evaluate.__main__ import as_json
from tfgan.evaluate.label_models import (
    LabelTranslator,
    Subject,
    check_options,
    fingerprint,
    make_opener,
)
from tfgan.evaluate.labels import (
    describe,
    measure,
    measure_accuracy,
    measure_labels,
)
from tfgan.evaluate.metric import EvaluationError, PictureOptions
from tfgan.evaluate.real_pictures import JudgedSet, Pictures
from tfgan.label_sets import LabelSet, encode_labels, label_slices, set_indices
from tfgan.metrics.intervals import Interval
from tfgan.models.stargan import StarGAN
from training.data import open_data
from training.systems import stargan

LOOKS = LabelSet("looks", "attributes", ("Black", "Blond", "Male"), (("Black", "Blond"),))
MOODS = LabelSet("moods", "classes", ("angry", "happy", "sad"))
HATS = LabelSet("hats", "classes", ("none", "hat"))
SETS = (LOOKS, MOODS, HATS)
COUNT, SIZE = 120, 4

# A picture shows its labels: bright red pixels in the first row are true looks, and the second and
# third row are bright where it shows one of the moods and hats.


def write(images, label_set, truth):
    """Makes pictures show labels of a set."""
    row = SETS.index(label_set)
    images[:, row, : truth.shape[1], 0] = np.where(truth, 200, 50)


def read(images, label_set):
    truth = images[:, SETS.index(label_set), : len(label_set.names), 0] > 120
    return truth if label_set.kind == "attributes" else np.argmax(truth, axis=1)


def judged(label_set, classify=None, count=COUNT, backgrounds="not known, for a reason"):
    """Pictures that show random labels of all sets and are labelled with one of these."""
    random = np.random.default_rng(SETS.index(label_set))
    images = random.integers(0, 256, (count, SIZE, SIZE, 3), np.uint8)
    looks = np.eye(3, dtype=bool)[random.integers(0, 3, count)]
    looks[:, 2] = random.random(count) < 0.5
    write(images, LOOKS, looks)
    for other in (MOODS, HATS):
        classes = random.integers(0, len(other.names), count)
        write(images, other, np.eye(len(other.names), dtype=bool)[classes])
    labels = read(images, label_set)
    labels = labels.astype(np.float32) if labels.ndim > 1 else labels.astype(np.int32)
    classify = classify or (lambda shown: read(shown, label_set))
    facts = {"name": f"data/{label_set.name}", "counts": {"pictures": count}}
    pictures = Pictures(images, np.arange(count), labels)
    return JudgedSet(label_set, pictures, backgrounds, classify, facts, f"{label_set.name}.keras")


class Copies:
    """Gives back what it is given."""

    guides = ("labels",)

    def translate(self, guide, images, source, target, random):
        return images.copy()

    def reconstruct(self, images, translations, source):
        return translations


class Paints(Copies):
    """Shows exactly the labels that it is told."""

    def __init__(self, label_sets):
        self.label_sets = label_sets

    def translate(self, guide, images, source, target, random):
        return self._paint(images, target)

    def reconstruct(self, images, translations, source):
        return self._paint(translations, source)

    def _paint(self, images, vectors):
        made = images.copy()
        (index,) = set(set_indices(self.label_sets, vectors).tolist())
        part = label_slices(self.label_sets)[index]
        write(made, self.label_sets[index], vectors[:, part] > 0.5)
        return made


def shares(found, column="changed"):
    return {name: one[column].value for name, one in found["labels"].items()}


def test_a_model_that_copies_is_confirmed_nowhere_but_by_chance():
    sets = [judged(LOOKS), judged(MOODS)]
    found = measure_labels(Copies(), sets, 0)
    assert list(found) == ["looks", "looks -> moods", "moods"]
    for route in ("looks", "moods"):
        assert set(shares(found[route]).values()) == {0.0}
        assert found[route]["mean"]["all"] == Interval(0.0, 0.0, 0.0, COUNT)
        asked = sum(one["changed"].count for one in found[route]["labels"].values())
        assert found[route]["reconstruction"] == Interval(0.0, 0.0, 0.0, asked)
    # Looks are not labelled with a mood, but show one.
    shown = np.bincount(read(sets[0].pictures.images, MOODS)) / COUNT
    assert list(shares(found["looks -> moods"]).values()) == shown.tolist()
    np.testing.assert_allclose(found["looks -> moods"]["mean"]["changed"].value, 1 / 3)


def test_a_model_that_paints_what_it_is_told_is_always_confirmed():
    sets = [judged(LOOKS), judged(MOODS)]
    found = measure_labels(Paints(SETS[:2]), sets, 0)
    for route in found.values():
        assert set(shares(route).values()) == {1.0}
        assert route["mean"] == {
            "changed": Interval(1.0, 1.0, 1.0, COUNT),
            "all": Interval(1.0, 1.0, 1.0, COUNT),
        }
    # The way back restores what pictures are labelled with, and so all of them but a mood that was
    # given to one without.
    assert found["looks"]["reconstruction"].value == 0
    assert found["moods"]["reconstruction"].value == 0
    assert found["looks -> moods"]["reconstruction"].value > 0
    # Nothing is asked of a picture that is so already: any sex can be changed, but no hair to its
    # own colour.
    truth, moods = sets[0].pictures.labels > 0.5, sets[1].pictures.labels
    counts = {name: one["changed"].count for name, one in found["looks"]["labels"].items()}
    assert counts == {
        "Black": int(np.sum(~truth[:, 0])),
        "Blond": int(np.sum(~truth[:, 1])),
        "Male": COUNT,
    }
    counts = [one["changed"].count for one in found["moods"]["labels"].values()]
    assert counts == [int(np.sum(moods != label)) for label in range(3)]
    counts = [one["changed"].count for one in found["looks -> moods"]["labels"].values()]
    assert counts == [COUNT] * 3


def test_a_model_that_changes_more_than_it_is_told_fails_jointly():
    class Spills(Paints):
        def translate(self, guide, images, source, target, random):
            made = self._paint(images, target)
            # Every other picture becomes dark where it says Male.
            made[::2, 0, 2, 0] = 0
            return made

    looks = judged(LOOKS)
    found = measure_labels(Spills([LOOKS]), [looks], 0)["looks"]
    truth = looks.pictures.labels > 0.5
    for place, name in enumerate(LOOKS.names):
        rows = np.flatnonzero(~truth[:, place]) if place < 2 else np.arange(COUNT)
        wanted_male = ~truth[rows, 2] if place == 2 else truth[rows, 2]
        spoiled = wanted_male & (np.arange(len(rows)) % 2 == 0)
        both = found["labels"][name]
        np.testing.assert_allclose(both["all"].value, 1 - spoiled.mean())
        np.testing.assert_allclose(both["changed"].value, 1 - spoiled.mean() if place == 2 else 1.0)


def test_the_other_colours_of_hair_must_go():
    class Adds(Paints):
        """Puts nothing out."""

        def translate(self, guide, images, source, target, random):
            return self._paint(images, np.maximum(source, target))

    looks = judged(LOOKS)
    found = measure_labels(Adds([LOOKS]), [looks], 0)["looks"]["labels"]
    blond = looks.pictures.labels[:, 1] > 0.5
    without_black = looks.pictures.labels[:, 0] < 0.5
    assert found["Black"]["changed"].value == 1
    np.testing.assert_allclose(found["Black"]["all"].value, 1 - blond[without_black].mean())


def test_labels_weigh_alike_in_the_mean():
    class OnlyHair(Paints):
        def translate(self, guide, images, source, target, random):
            target = target.copy()
            target[:, 2] = source[:, 2]
            return self._paint(images, target)

    found = measure_labels(OnlyHair([LOOKS]), [judged(LOOKS)], 0)["looks"]
    assert shares(found) == {"Black": 1.0, "Blond": 1.0, "Male": 0.0}
    np.testing.assert_allclose(found["mean"]["changed"].value, 2 / 3)


def test_pictures_of_three_sets_go_to_their_own_labels_and_to_the_classes_of_the_others():
    found = measure_labels(Paints(SETS), [judged(one, count=30) for one in SETS], 0)
    assert {name: (one["source"], one["target"]) for name, one in found.items()} == {
        "looks": ("looks", "looks"),
        "looks -> moods": ("looks", "moods"),
        "looks -> hats": ("looks", "hats"),
        "moods": ("moods", "moods"),
        "moods -> hats": ("moods", "hats"),
        "hats -> moods": ("hats", "moods"),
        "hats": ("hats", "hats"),
    }
    for one in found.values():
        assert set(shares(one).values()) == {1.0}


def test_a_label_that_all_pictures_have_is_not_asked_for():
    looks = judged(LOOKS)
    looks.pictures.labels[:, :2] = (1, 0)
    write(looks.pictures.images, LOOKS, looks.pictures.labels > 0.5)
    found = measure_labels(Paints([LOOKS]), [looks], 0)["looks"]
    assert list(found["labels"]) == ["Blond", "Male"]
    assert found["mean"]["changed"].value == 1


def test_the_background_is_measured_where_it_is_known():
    masks = np.zeros((COUNT, SIZE, SIZE), bool)
    masks[:, 3] = True
    found = measure_labels(Paints([MOODS]), [judged(MOODS, backgrounds=masks)], 0)["moods"]
    assert found["background"]["own"].value == 0
    # Two random values lie a third of 255 apart.
    np.testing.assert_allclose(found["background"]["shuffled"].value, 2 / 3, rtol=0.05)


def test_accuracy_is_that_of_a_loop_over_pictures():
    random = np.random.default_rng(7)
    guesses = random.random((COUNT, 3)) < 0.5
    looks = judged(LOOKS, classify=lambda _: guesses)
    found = measure_accuracy(looks)
    truth = looks.pictures.labels > 0.5
    for place, name in enumerate(LOOKS.names):
        sides = {True: [], False: []}
        for i in range(COUNT):
            sides[bool(truth[i, place])].append(guesses[i, place] == truth[i, place])
        one = found["labels"][name]
        np.testing.assert_allclose(one["true"].value, np.mean(sides[True]))
        np.testing.assert_allclose(one["false"].value, np.mean(sides[False]))
        np.testing.assert_allclose(one["share"].value, np.mean(sides[True] + sides[False]))
    right = [all(guesses[i] == truth[i]) for i in range(COUNT)]
    np.testing.assert_allclose(found["share"].value, np.mean(right))
    guesses = random.integers(0, 3, COUNT)
    moods = judged(MOODS, classify=lambda _: guesses)
    found = measure_accuracy(moods)
    for label, name in enumerate(MOODS.names):
        own = guesses[moods.pictures.labels == label]
        np.testing.assert_allclose(found["labels"][name]["share"].value, np.mean(own == label))
    np.testing.assert_allclose(found["share"].value, np.mean(guesses == moods.pictures.labels))


def test_an_attribute_that_no_picture_has_leaves_that_cell_empty():
    looks = judged(LOOKS)
    looks.pictures.labels[:, 2] = 0
    found = measure_accuracy(looks)["labels"]["Male"]
    assert found["true"] is None
    assert found["false"].count == COUNT


@pytest.fixture(scope="module")
def model():
    """A tiny StarGAN of two sets whose weights are all off their first values."""
    made = StarGAN(32, SETS[:2], conv_dim=2, num_blocks=1)
    made.build()
    random = np.random.default_rng(0)
    for variable in made.variables:
        variable.assign(variable + 0.3 * random.standard_normal(variable.shape))
    return made


def test_a_model_is_told_label_vectors_both_ways(model):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (5, 32, 32, 3), np.uint8)
    own = encode_labels(SETS[:2], 0, np.eye(5, 3))
    happy = encode_labels(SETS[:2], 1, np.eye(3)[[1] * 5])
    translator = LabelTranslator(model)

    def expected(shown, labels):
        made = np.asarray(model.translate(shown.astype(np.float32) / 127.5 - 1, labels))
        return np.clip((made + 1) * 127.5, 0, 255)

    made = translator.translate("labels", images, own, happy, random)
    # Rounding to whole values, and at most one off where the sums differ in their last digits.
    np.testing.assert_allclose(made, expected(images, happy), atol=0.51)
    back = translator.reconstruct(images, made, own)
    np.testing.assert_allclose(back, expected(made, own), atol=0.51)
    assert not np.array_equal(made, translator.translate("labels", images, own, own, random))


def test_all_that_is_found_is_told_and_kept(model):
    def enlarged(one):
        """The same as large as the model."""
        images = figures.enlarge(one.pictures.images, 8)
        return one._replace(
            pictures=one.pictures._replace(images=images),
            classify=lambda shown: one.classify(shown[:, ::8, ::8]),
        )

    sets = [enlarged(judged(LOOKS)), enlarged(judged(MOODS))]
    sets[1] = sets[1]._replace(backgrounds=np.ones((COUNT, 32, 32), bool))
    request = SimpleNamespace(data=PictureOptions(resolution=32), seed=0, arithmetic="exact")
    subject = Subject(model, SimpleNamespace(request=request, judged=sets), None)
    measured = measure(subject)
    assert measured["data"] == {
        "sets": {
            "looks": {"kind": "attributes", "name": "data/looks", "counts": {"pictures": COUNT}},
            "moods": {"kind": "classes", "name": "data/moods", "counts": {"pictures": COUNT}},
        },
        "label_key": None,
        "resolution": 32,
        "resize": "crop",
        "seed": 0,
        "arithmetic": "exact",
    }
    assert measured["classifiers"]["moods"]["file"] == "moods.keras"
    assert json.loads(json.dumps(as_json(measured)))["translation"]["looks"]["mean"]["all"]["count"]
    blocks = describe(measured).strip().split("\n\n")
    assert len(blocks) == 2 + 3 + 1
    routes = measured["translation"]
    for number, route, label, columns in (
        (2, "looks", "Blond", ("changed", "all")),
        (3, "looks -> moods", "happy", ("changed",)),
        (4, "moods", "sad", ("changed",)),
    ):
        labels, mean = routes[route]["labels"], routes[route]["mean"]
        title, _, *rows = blocks[number].splitlines()
        assert title.startswith(f"{route}: translations")
        (row,) = [row.split() for row in rows if row.split()[0] == label]
        wanted = [f"{labels[label][column].value:.3f}" for column in columns]
        # A share and its two bounds.
        assert row[1:-1:3] == wanted
        assert row[-1] == str(labels[label]["changed"].count)
        last = rows[-1].split()
        assert (last[0], last[1:-1:3]) == ("mean", [f"{mean[one].value:.3f}" for one in columns])
        assert last[-1] == str(sum(one["changed"].count for one in labels.values()))
    assert blocks[0].startswith("looks: held-back")
    assert "where true" in blocks[0]
    assert "where true" not in blocks[1]
    # The judge is right about all 120: Wilson's bound is 120 / (120 + 1.96^2).
    assert blocks[0].splitlines()[-1].split() == [
        "all",
        "labels",
        "1.000",
        "[0.969,",
        "1.000]",
        "120",
    ]
    *_, looks, _, moods, facts = blocks[-1].splitlines()
    assert facts == "  32 pixels; --resize crop; seed 0; networks in exact."
    assert "not known, for a reason" in looks
    assert f"{routes['moods']['background']['margin'].value:.3f} [" in moods
    assert f"{routes['moods']['reconstruction'].value:.3f} [" in moods


# Opening


@pytest.fixture(scope="module")
def avatars(tmp_path_factory):
    """Options of avatars with attributes and with expressions."""
    return PictureOptions(
        data=("avatars:attributes", "avatars:domain"),
        data_dir=str(tmp_path_factory.mktemp("sets")),
        avatars_count=60,
        resolution=32,
        conditional=True,
    )


def test_sets_are_opened_with_the_labels_of_the_model(avatars):
    chosen = LabelSet("any", "attributes", ("Smiling", "Male", "Blond_Hair", "Black_Hair"))
    opener = make_opener(avatars, "avatars:attributes", chosen)
    assert opener(None).class_names == chosen.names
    assert opener(None).labels().shape == (60, 4)
    assert len(opener("test")) == 6
    domains = LabelSet("avatars:domain", "classes", ("female", "male"))
    source = make_opener(avatars, "avatars:domain", domains)(None)
    np.testing.assert_array_equal(source.labels(), opener(None).labels()[:, 1])


def test_the_pictures_of_a_run_are_known_again(avatars):
    run = stargan.PRESETS["smoke"]()
    shared = {"data", "data_dir", "avatars_count", "resolution"}
    run = dataclasses.replace(run, **{name: getattr(avatars, name) for name in shared})
    _, label_sets = open_labelled(run.data_options())
    sources = [
        make_opener(avatars, data, label_set)(None)
        for data, label_set in zip(avatars.data, label_sets, strict=True)
    ]
    assert fingerprint(sources) == open_data(run).fingerprint
    assert fingerprint(sources[:1]) != fingerprint(sources)


@pytest.fixture
def folder(tmp_path):
    """Pictures in two sub-folders, and beside them a table of attributes."""
    for name in ("a/0", "a/1", "b/0", "b/1"):
        (tmp_path / "faces" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "faces" / f"{name}.png")
    rows = ["file,Male,Young,Smiling", *[f"{i}/{j}.png,{j},1,0" for i in "ab" for j in (0, 1)]]
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    return tmp_path


def test_a_table_belongs_to_the_folder_alone(avatars, folder):
    config = dataclasses.replace(avatars, attribute_table=str(folder / "labels.csv"))
    looks = LabelSet("faces", "attributes", ("Smiling", "Male"))
    source = make_opener(config, str(folder / "faces"), looks)(None)
    assert source.labels().tolist() == [[0, 0], [0, 1], [0, 0], [0, 1]]
    hair = LabelSet("avatars", "attributes", ("Bald",))
    assert make_opener(config, "avatars", hair)(None).class_names == ("Bald",)


def test_other_labels_than_those_of_the_model_are_refused(avatars, folder):
    looks = LabelSet("looks", "attributes", ("Male", "Bald"))
    config = dataclasses.replace(avatars, attribute_table=str(folder / "labels.csv"))
    with pytest.raises(DataError, match="Male, Bald that the model knows of looks cannot be read"):
        make_opener(config, str(folder / "faces"), looks)(None)
    with pytest.raises(DataError, match=r"Received: Bald\. There are Male, Young, Smiling"):
        make_opener(config, str(folder / "faces"), looks)(None)
    classes = LabelSet("folder", "classes", ("a", "c"))
    with pytest.raises(DataError, match=r"folder that the model knows: a, c\. Received: classes a"):
        make_opener(avatars, str(folder / "faces"), classes)(None)
    with pytest.raises(DataError, match="Received: attributes Black_Hair"):
        make_opener(avatars, "avatars", classes)(None)
    with pytest.raises(DataError, match="folder that exists"):
        make_opener(avatars, str(folder / "none"), classes)(None)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("label_key", "domain", "part of --data with StarGAN"),
        ("attribute_table", "x.csv", "belongs to a folder. Received: x.csv with --data avatars"),
        ("image_key", "image", "belongs to --data tfds:NAME. Received: image with"),
    ],
)
def test_options_of_other_kinds_of_data_are_refused(avatars, name, value, message):
    with pytest.raises(EvaluationError, match=re.escape(message)):
        check_options(dataclasses.replace(avatars, **{name: value}))
    check_options(avatars)
    both = {"attribute_table": "x.csv", "image_key": "image"}
    check_options(dataclasses.replace(avatars, data=("folder", "tfds:rafd"), **both))
