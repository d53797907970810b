"""Label vectors: layout, masks, exclusive groups."""

import dataclasses
import json

import numpy as np
import pytest

from tfgan.label_sets import (
    LabelSet,
    encode_labels,
    label_count,
    label_slices,
    one_label_changed,
    set_indices,
    vector_width,
    with_label,
)

FACES = LabelSet("faces", "attributes", ("Black", "Blond", "Male"), (("Black", "Blond"),))
MOODS = LabelSet("moods", "classes", ("angry", "happy"))
HATS = LabelSet("hats", "attributes", ("Hat",))


def test_one_set_has_no_mask_and_several_have_one():
    assert vector_width([FACES]) == label_count([FACES]) == 3
    assert vector_width([FACES, MOODS]) == 5 + 2
    assert vector_width([FACES, MOODS, HATS]) == 6 + 3
    assert label_count([FACES, MOODS, HATS]) == 6
    assert label_slices([FACES, MOODS, HATS]) == [slice(0, 3), slice(3, 5), slice(5, 6)]


def test_vectors_hold_the_labels_of_their_set_and_zeros_of_the_others():
    vectors = encode_labels([FACES], 0, [[1, 0, 1]])
    np.testing.assert_array_equal(vectors, [[1, 0, 1]])
    vectors = encode_labels([FACES, MOODS, HATS], 1, [[0, 1], [1, 0]])
    np.testing.assert_array_equal(
        vectors, [[0, 0, 0, 0, 1, 0, 0, 1, 0], [0, 0, 0, 1, 0, 0, 0, 1, 0]]
    )
    assert vectors.dtype == np.float32


def test_vectors_tell_their_set():
    label_sets = [FACES, MOODS, HATS]
    parts = [
        encode_labels(label_sets, 2, [[1], [0]]),
        encode_labels(label_sets, 0, [[0, 0, 0]]),
        encode_labels(label_sets, 1, [[0, 1]]),
    ]
    np.testing.assert_array_equal(set_indices(label_sets, np.concatenate(parts)), [2, 2, 0, 1])
    np.testing.assert_array_equal(set_indices([FACES], np.ones((2, 3))), [0, 0])


def test_a_wanted_attribute_puts_its_rivals_out_and_leaves_the_rest():
    vectors = encode_labels([FACES], 0, [[1, 0, 1], [0, 0, 0]])
    before = vectors.copy()
    blond = with_label([FACES], vectors, 0, "Blond")
    np.testing.assert_array_equal(blond, [[0, 1, 1], [0, 1, 0]])
    np.testing.assert_array_equal(vectors, before)
    np.testing.assert_array_equal(with_label([FACES], vectors, 0, "Male", 0.5)[:, 2], [0.5, 0.5])
    # Whoever is not to be blond may stay black-haired.
    np.testing.assert_array_equal(with_label([FACES], vectors, 0, "Blond", 0), vectors)


def test_a_label_of_another_set_is_asked_for_alone_with_that_set_s_mask():
    label_sets = [FACES, MOODS]
    vectors = encode_labels(label_sets, 0, [[1, 0, 1]])
    np.testing.assert_array_equal(
        with_label(label_sets, vectors, 1, "happy"), [[0, 0, 0, 0, 1, 0, 1]]
    )
    moody = encode_labels(label_sets, 1, [[1, 0]])
    np.testing.assert_array_equal(
        with_label(label_sets, moody, 1, "happy"), [[0, 0, 0, 0, 1, 0, 1]]
    )
    np.testing.assert_array_equal(with_label(label_sets, moody, 0, "Male"), [[0, 0, 1, 0, 0, 1, 0]])


def test_targets_reverse_attributes_choose_colours_and_name_classes():
    label_sets = [FACES, MOODS]
    vectors = np.concatenate(
        [encode_labels(label_sets, 0, [[1, 0, 1]]), encode_labels(label_sets, 1, [[1, 0]])]
    )
    targets = dict(one_label_changed(label_sets, vectors))
    assert list(targets) == ["Black", "Blond", "Male", "angry", "happy"]
    faces, moods = [1, 0], [0, 1]
    np.testing.assert_array_equal(targets["Black"][0], [1, 0, 1, 0, 0, *faces])
    np.testing.assert_array_equal(targets["Blond"][0], [0, 1, 1, 0, 0, *faces])
    np.testing.assert_array_equal(targets["Male"][0], [1, 0, 0, 0, 0, *faces])
    np.testing.assert_array_equal(targets["Male"][1], [0, 0, 1, 0, 0, *faces])
    for row in (0, 1):
        np.testing.assert_array_equal(targets["angry"][row], [0, 0, 0, 1, 0, *moods])
        np.testing.assert_array_equal(targets["happy"][row], [0, 0, 0, 0, 1, *moods])


def test_sets_survive_json():
    for label_set in (FACES, MOODS):
        again = LabelSet(**json.loads(json.dumps(dataclasses.asdict(label_set))))
        assert again == label_set
        assert hash(again) == hash(label_set)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a", "numbers", ("x", "y")), "kind must be attributes or classes. Received: 'numbers'"),
        (("a", "attributes", ()), "1 or more, all different"),
        (("a", "classes", ("x",)), "2 or more, all different"),
        (("a", "attributes", ("x", "x")), "all different. Received: \\('x', 'x'\\)"),
        (("a", "classes", ("x", "y"), (("x", "y"),)), "exclude one another anyway"),
        (("a", "attributes", ("x", "y"), (("x", "z"),)), "must be of the attributes of a"),
        (("a", "attributes", ("x", "y"), (("x",), ("x", "y"))), "in one group at most"),
    ],
)
def test_sets_that_cannot_be_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        LabelSet(*arguments)
