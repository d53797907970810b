"""Attributes that translations keep: by models whose results are known beforehand."""

from types import SimpleNamespace

import numpy as np
import pytest

from tfgan.evaluate.identity import AttributeChange, Route, describe, measure_route
from tfgan.evaluate.label_models import Subject
from tfgan.evaluate.real_pictures import Pictures
from tfgan.evaluate.translation import Change
from tfgan.label_sets import LabelSet

NAMES = ("Hat", "Male", "Young")
COUNT = 300


def classify(images):
    """Attributes are pixels of the first row."""
    return images[:, 0, : len(NAMES), 0] > 127


@pytest.fixture(scope="module")
def truth():
    random = np.random.default_rng(0)
    return random.random((COUNT, 3)) < [0.3, 0.5, 0.6]


@pytest.fixture(scope="module")
def real(truth):
    images = np.zeros((COUNT, 4, 4, 3), np.uint8)
    images[:, 0, :3, 0] = 255 * truth
    # Of every tenth picture the classifier is wrong about the hat.
    images[::10, 0, 0, 0] ^= 255
    pictures = Pictures(images, np.arange(COUNT), truth[:, 1].astype(np.int32))
    label_set = LabelSet("sexes", "classes", ("female", "male"))
    return SimpleNamespace(data="faces", label_set=label_set, pictures=pictures, split="test")


class Copies:
    guides = ("none",)

    def translate(self, guide, images, source, target, random):
        return images.copy()


class Flips(Copies):
    """Makes men of women, and everybody old."""

    def translate(self, guide, images, source, target, random):
        made = images.copy()
        made[:, 0, 1, 0] = 255 * target
        made[:, 0, 2, 0] = 0
        return made


def route(real, truth, model):
    """Every picture to the other sex."""
    rows = [np.flatnonzero(truth[:, 1] == sex) for sex in (False, True)]
    asked = [
        AttributeChange(Change(f"to {1 - sex}", rows[sex], sex, 1 - sex, [sex]), rows[1 - sex], {})
        for sex in (0, 1)
    ]
    return Route("sexes", real, model, "none", asked)


def test_a_copy_keeps_what_the_classifier_can_see(real, truth):
    found = measure_route(route(real, truth, Copies()), truth, classify, NAMES, 0)
    # All who are as asked are alike in the sex, and the others are not: it does not count.
    assert list(found["attributes"]) == ["Hat", "Young"]
    hat, young = found["attributes"]["Hat"], found["attributes"]["Young"]
    assert hat["kept"] == hat["real"]
    np.testing.assert_allclose([hat["kept"].value, young["kept"].value], [0.9, 1.0])
    np.testing.assert_allclose(found["mean"]["kept"].value, 0.95)
    assert hat["kept"].count == found["mean"]["kept"].count == COUNT
    # p^2 + (1 - p)^2, within three deviations.
    np.testing.assert_allclose(hat["others"].value, 0.58, atol=0.086)
    np.testing.assert_allclose(young["others"].value, 0.52, atol=0.087)


def test_what_a_model_changes_is_not_kept(real, truth):
    found = measure_route(route(real, truth, Flips()), truth, classify, NAMES, 0)
    young = found["attributes"]["Young"]
    np.testing.assert_allclose(young["kept"].value, 1 - truth[:, 2].mean())
    assert found["attributes"]["Hat"]["kept"].value == 0.9


def test_attributes_that_are_asked_for_do_not_count(real, truth):
    everyone = np.arange(COUNT)
    touched = {"Hat": np.ones(COUNT, bool), "Young": everyone < 100, "Beard": everyone < 0}
    asked = [AttributeChange(Change("hat", everyone, 0, 1, [0]), everyone, touched)]
    found = measure_route(Route("looks", real, Copies(), "none", asked), truth, classify, NAMES, 0)
    counts = {name: own["kept"].count for name, own in found["attributes"].items()}
    assert counts == {"Male": COUNT, "Young": 200}


def test_what_is_found_stands_in_a_table(real, truth):
    found = {
        "routes": {"sexes": measure_route(route(real, truth, Copies()), truth, classify, NAMES, 0)},
        "data": {"resolution": 8, "resize": "pad", "seed": 3, "arithmetic": "float32, TF32 off"},
    }
    shown = describe(found)
    assert "sexes: attributes that nobody asked to change" in shown
    (row,) = [line.split() for line in shown.splitlines() if line.split()[:1] == ["Hat"]]
    assert (row[1], row[-1]) == ("0.900", str(COUNT))
    assert "8 pixels; --resize pad; seed 3; networks in float32, TF32 off." in shown


def test_label_routes_say_what_is_asked_of_each_picture():
    looks = LabelSet("looks", "attributes", ("Black", "Blond"), (("Black", "Blond"),))
    moods = LabelSet("moods", "classes", ("angry", "happy"))
    attributes = np.array([[1, 0], [0, 1], [0, 0]], np.float32)
    sets = [
        SimpleNamespace(label_set=looks, pictures=Pictures(None, None, attributes)),
        SimpleNamespace(label_set=moods, pictures=Pictures(None, None, np.array([0, 1, 1]))),
    ]
    reals = SimpleNamespace(sets=sets, request=SimpleNamespace(seed=0))
    first, second = Subject(None, reals, None).identity_routes()
    assert (first.name, second.name) == ("looks", "moods")
    # Of the black one nothing is asked, and the blond one loses blond.
    black, _ = first.changes
    assert black.change.rows.tolist() == [1, 2]
    assert {name: found.tolist() for name, found in black.touched.items()} == {
        "Black": [True, True],
        "Blond": [True, False],
    }
    assert [change.examples.tolist() for change in second.changes] == [[0], [1, 2]]
    assert second.changes[0].touched == {}
