"""Pictures that are held back for tests."""

import numpy as np
import pytest

from tfgan.data.held_back import Subset, hold_back
from tfgan.data.sources import DataError, Picture


class Numbered:
    """Pictures from memory, each of one pixel that holds its index."""

    name = "numbered"

    def __init__(self, labels, class_names=("a", "b")):
        self._labels = np.array(labels)
        self.class_names = class_names

    def __len__(self):
        return len(self._labels)

    def read(self, index):
        pixel = np.full((1, 1, 3), index, np.uint8)
        return Picture(pixel, self._labels[index], self.describe(index))

    def describe(self, index):
        return f"numbered#{index}"

    def labels(self):
        return self._labels

    def fingerprint(self):
        return f"numbered {len(self)}"


def test_a_tenth_of_each_class_is_held_back_and_nothing_is_in_both_parts():
    labels = np.arange(100) % 5 == 0  # 80 and 20
    held = hold_back(Numbered(labels.astype(int)))
    assert np.bincount(held.test.labels()).tolist() == [8, 2]
    assert np.bincount(held.train.labels()).tolist() == [72, 18]
    names = [part.describe(i) for part in (held.train, held.test) for i in range(len(part))]
    assert sorted(names) == sorted(f"numbered#{i}" for i in range(100))
    assert held.where == "a tenth of each class"
    # Not the first, nor the last: sets may be sorted.
    assert 20 < np.mean(held.test.indices) < 80


def test_the_same_pictures_are_held_back_each_time():
    first, second = (hold_back(Numbered([0, 1] * 50)) for _ in range(2))
    np.testing.assert_array_equal(first.test.indices, second.test.indices)


def test_small_classes_keep_two_back():
    held = hold_back(Numbered([0, 0, 0, 1, 1, 1, 1]))
    assert np.bincount(held.test.labels()).tolist() == [2, 2]
    assert np.bincount(held.train.labels()).tolist() == [1, 2]


def test_a_class_that_cannot_be_parted_is_an_error():
    with pytest.raises(DataError, match="Received: 2 of b"):
        hold_back(Numbered([0, 0, 0, 1, 1]))


def test_a_tenth_of_pictures_with_attributes_is_held_back():
    truth = np.random.default_rng(0).random((100, 2)) < 0.5
    held = hold_back(Numbered(truth))
    assert (len(held.train), len(held.test)) == (90, 10)
    names = [part.describe(i) for part in (held.train, held.test) for i in range(len(part))]
    assert sorted(names) == sorted(f"numbered#{i}" for i in range(100))
    np.testing.assert_array_equal(held.test.labels(), truth[held.test.indices])
    assert held.where == "a tenth of the pictures"
    assert len(hold_back(Numbered(truth[:3])).test) == 2
    with pytest.raises(DataError, match=r"three pictures or more, to learn .* Received: 2\."):
        hold_back(Numbered(truth[:2]))


def test_pictures_that_are_held_back_already_are_taken_whole():
    source, test = Numbered([0, 1] * 50), Numbered([1, 0, 1])
    held = hold_back(source, test)
    assert held.train is source
    assert held.test.labels().tolist() == [1, 0, 1]
    assert held.test.indices.tolist() == [0, 1, 2]


def test_a_subset_reads_its_pictures_of_the_source():
    source = Numbered([0, 1, 0, 1, 1])
    part = Subset(source, np.array([4, 0, 3]))
    assert len(part) == 3
    assert (part.name, part.class_names) == ("numbered", ("a", "b"))
    assert part.labels().tolist() == [1, 0, 1]
    assert [part.read(i).content[0, 0, 0] for i in range(3)] == [4, 0, 3]
    assert part.describe(2) == "numbered#3"
    others = [Subset(source, np.array(rows)).fingerprint() for rows in ([4, 0, 2], [4, 0])]
    assert len({part.fingerprint(), *others}) == 3
