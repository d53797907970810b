"""What every measurement of translations shares: there, back, and the background."""

import numpy as np
import pytest

from tfgan.evaluate.translation import Change, measure_changes
from tfgan.metrics.intervals import Interval

SIZE = 6


class Inverts:
    """Makes negatives, and remembers what it was told."""

    guides = ("light",)

    def __init__(self):
        self.told = []

    def translate(self, guide, images, source, target, random):
        self.told.append((guide, source, target, float(random.random())))
        return ~images

    def reconstruct(self, images, translations, source):
        return ~translations + np.uint8(source)


def change(name="one", rows=(0, 1), source=0, target=1, seed=(0,)):
    return Change(name, np.array(rows), source, target, seed)


def confirm(change, made):
    return made[:, 0, 0, 0] > 99


@pytest.fixture
def images():
    """Two black pictures, of which one is white in a corner."""
    made = np.zeros([2, SIZE, SIZE, 3], np.uint8)
    made[0, 0, 0] = 255
    return made


def test_only_pixels_that_are_background_in_both_pictures_count(images):
    masks = np.zeros([2, SIZE, SIZE], bool)
    masks[:, 0, 0] = True
    masks[0, 1] = masks[1, 2] = True
    found = measure_changes(
        Inverts(), "light", images, masks, [change("a"), change("b")], confirm, 0
    )
    background = found.kept["background"]
    # One pixel: it differs from its own by 2, and from that of the other picture not at all.
    assert background["own"] == Interval(2.0, 2.0, 2.0, 4)
    assert background["shuffled"].value == 0
    assert background["margin"].value == -2


def test_a_background_that_is_not_known_says_why(images):
    found = measure_changes(Inverts(), "light", images, "not known, for", [change()], confirm, 0)
    assert found.kept["background"] == "not known, for"


def test_each_change_is_made_of_its_own_pictures_and_undone(images):
    model = Inverts()
    changes = [change("a", [1], 0, "white"), change("b", [1, 0, 1], 51, "grey", (0, 7))]
    hits, kept = measure_changes(model, "light", images, "unknown", changes, confirm, 0)
    assert {name: found.tolist() for name, found in hits.items()} == {
        "a": [True],
        "b": [True, False, True],
    }
    assert [told[:3] for told in model.told] == [("light", 0, "white"), ("light", 51, "grey")]
    draws = [np.random.default_rng(seed).random() for seed in ((0,), (0, 7))]
    assert [told[3] for told in model.told] == draws
    # The way back of b is off by 51 of 127.5, and where that passes 255, by -205; a's is exact.
    corner, rest = (255 - 50) / 127.5, 51 / 127.5
    expected = (3 * SIZE**2 * rest + (corner - rest)) / (4 * SIZE**2)
    np.testing.assert_allclose(kept["reconstruction"].value, expected)
    assert kept["reconstruction"].count == 4
