"""The real pictures that models are measured on."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tfgan.data.avatars import find_background, person_of
from tfgan.data.folders import FolderSource
from tfgan.data.held_back import Subset, hold_back
from tfgan.data.labelled import open_labelled
from tfgan.data.opening import open_source
from tfgan.data.sources import DataError, DataOptions
from tfgan.evaluate.metric import PictureOptions
from tfgan.evaluate.real_pictures import (
    find_backgrounds,
    find_test_split,
    read_pictures,
    read_set,
    read_two_draws,
)
from tfgan.label_sets import LabelSet

AVATARS = PictureOptions(data=("avatars",), avatars_count=40, resolution=16, conditional=True)
LOOKS = LabelSet("avatars:attributes", "attributes", ("Male", "Smiling"))


@pytest.fixture(scope="module")
def avatars(tmp_path_factory):
    """A few avatars, and the option that says where they are."""
    config = dataclasses.replace(AVATARS, data_dir=str(tmp_path_factory.mktemp("sets")))
    return config, open_source(config)


def attributes_of(config, split="train"):
    """The same avatars with attributes."""
    (source,), _ = open_labelled(
        DataOptions(
            ("avatars",),
            resolution=16,
            attributes=LOOKS.names,
            split=split,
            data_dir=config.data_dir,
            avatars_count=40,
        )
    )
    return source


def opener_of(config):
    """Opens splits of what a configuration names."""
    options = config
    return lambda split: open_source(dataclasses.replace(options, split=split or options.split))


@pytest.mark.parametrize("data", ["avatars", "avatars:expression"])
def test_backgrounds_of_avatars_are_those_of_the_people_in_them(avatars, data):
    config, source = avatars
    pictures = read_pictures(Subset(source, np.arange(5, 40)), config, 3, 0)
    assert pictures.images.shape == (6, 16, 16, 3)
    assert pictures.labels.tolist() == [0, 0, 0, 1, 1, 1]
    masks = find_backgrounds(data, config, "train", pictures)
    for index, label, mask in zip(pictures.indices, pictures.labels, masks, strict=True):
        person = person_of(0, int(index))
        assert person.male == bool(label)
        np.testing.assert_array_equal(mask, find_background(person, 16))


def test_backgrounds_of_pictures_that_were_not_drawn_here_are_not_known(avatars):
    config, source = avatars
    pictures = read_pictures(Subset(source, np.arange(40)), config, 3, 0)
    pictures.images[5, 0, 0, 0] ^= 1
    assert "another version" in find_backgrounds("avatars", config, "train", pictures)
    assert find_backgrounds("some/folder", config, "train", pictures) == (
        "not known, for some/folder does not say where it is"
    )


def test_pictures_are_drawn_by_the_seed_and_read_as_training_reads_them(avatars):
    config, source = avatars
    test = hold_back(source).test
    everything = read_pictures(test, config, 1000, 0)
    labels = source.labels()
    np.testing.assert_array_equal(everything.labels, labels[everything.indices])
    assert sorted(everything.indices) == test.indices.tolist()
    whole = Subset(source, np.arange(40))
    first, second, other = (read_pictures(whole, config, 8, seed) for seed in (1, 1, 2))
    assert np.bincount(first.labels).tolist() == [8, 8]
    np.testing.assert_array_equal(first.indices, second.indices)
    np.testing.assert_array_equal(first.images, second.images)
    assert first.indices.tolist() != other.indices.tolist()


def test_pictures_with_attributes_are_drawn_from_all_of_them(avatars):
    config, _ = avatars
    source = attributes_of(config)
    pictures = read_pictures(Subset(source, np.arange(10, 40)), config, 20, 0)
    assert pictures.images.shape == (20, 16, 16, 3)
    assert len(set(pictures.indices.tolist())) == 20
    assert np.ptp(np.diff(pictures.indices)) > 0  # in random order
    for index, label in zip(pictures.indices, pictures.labels, strict=True):
        person = person_of(0, int(index))
        assert label.tolist() == [person.male, person.labels()["attributes"]["Smiling"]]


def test_broken_pictures_are_left_out_by_name(tmp_path, capsys):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for i in range(3):
            Image.new("RGB", (9, 9)).save(tmp_path / name / f"{i}.png")
    (tmp_path / "b" / "1.png").write_bytes(b"nonsense")
    test = Subset(FolderSource(str(tmp_path), conditional=True), np.arange(6))
    found = read_pictures(test, AVATARS, 10, 0)
    assert (sorted(found.indices), found.labels.tolist()) == ([0, 1, 2, 3, 5], [0, 0, 0, 1, 1])
    assert "b/1.png" in capsys.readouterr().err
    (tmp_path / "b" / "2.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"or more of each class\. Received: 1 of b"):
        read_pictures(test, AVATARS, 10, 0)


@pytest.mark.parametrize(
    ("split", "held"), [("train", True), ("train[:50%]", True), ("train+test", False)]
)
def test_the_test_split_is_held_back_unless_it_is_learned_from(avatars, split, held):
    config, _ = avatars
    config = dataclasses.replace(config, avatars_count=60)
    name, found = find_test_split("avatars", split, opener_of(config), 2)
    assert name == ("test" if held else split)
    assert (found is not None) == held
    if held:
        assert len(found) == 6
        # One class would be missing; attributes need no classes.
        assert find_test_split("avatars", split, opener_of(config), 3)[1] is None
        assert find_test_split("avatars:domain", split, opener_of(config), 0)[1] is not None


def test_a_set_may_call_its_held_out_split_val():
    def opener(split):
        if split != "val":
            raise DataError("no such split")
        return SimpleNamespace(labels=lambda: np.array([0, 1]))

    name, found = find_test_split("tfds:afhq", "train", opener, 2)
    assert (name, found is None) == ("val", False)
    assert find_test_split("val", "train", opener, 2) == ("train", None)


def test_a_set_of_attributes_keeps_its_test_split_back(avatars):
    config, _ = avatars

    def opener(split):
        return attributes_of(config, split or "train")

    real = read_set("avatars", LOOKS, opener, opener(None), config, 3, 0)
    assert (real.split, real.apart, real.held.where) == ("test", True, "the split test")
    assert real.counts() == {"pictures": 3}
    assert len(real.held.train) == 40
    real = read_set("some/folder", LOOKS, opener, opener(None), config, 100, 0)
    assert (real.split, real.apart) == ("train", False)
    assert real.held.where == "a tenth of the pictures"
    assert real.counts() == {"pictures": 4}


def test_two_draws_are_of_what_is_held_back_and_of_what_is_learned_from(avatars):
    config, _ = avatars
    config = dataclasses.replace(config, avatars_count=60)
    source, test = opener_of(config)(None), opener_of(config)("test")
    found = read_two_draws(source, config, 2, 100, 0)
    assert (found.where, found.others_where, found.apart) == (
        "the split test",
        "the split train",
        True,
    )
    held = read_pictures(Subset(test, np.arange(6)), config, 6, 0).images
    learned = read_pictures(Subset(source, np.arange(60)), config, 60, 0).images
    assert found.images.shape == found.others.shape == (6, 16, 16, 3)
    for image, other in zip(found.images, found.others, strict=True):
        assert np.any(np.all(held == image, axis=(1, 2, 3)))
        assert np.any(np.all(learned == other, axis=(1, 2, 3)))


def test_two_draws_of_one_folder_have_no_picture_in_common(tmp_path, capsys):
    for i in range(9):
        Image.new("RGB", (9, 9), (20 * i, 0, 0)).save(tmp_path / f"{i}.png")
    config = dataclasses.replace(AVATARS, data=(str(tmp_path),), conditional=False)
    source = open_source(config)

    def draw(count, seed=0):
        found = read_two_draws(source, config, 0, count, seed)
        assert (found.where, found.others_where, found.apart) == ("the folder",) * 2 + (False,)
        return [images[:, 0, 0, 0].tolist() for images in (found.images, found.others)]

    images, others = draw(100)
    assert (len(images), len(set(images + others))) == (4, 8)
    assert images != sorted(images)
    assert draw(100) == [images, others]
    assert draw(100, seed=1) != [images, others]
    assert [len(part) for part in draw(3)] == [3, 3]
    # Both stay as many as they are, so one broken picture costs two.
    (tmp_path / f"{images[0] // 20}.png").write_bytes(b"nonsense")
    assert draw(100) == [images[1:], others[:-1]]
    assert "Left out" in capsys.readouterr().err
    with pytest.raises(DataError, match="Received: 0 of the folder and 1 of the folder"):
        draw(1)
