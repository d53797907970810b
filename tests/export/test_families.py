"""What each family of models is exported as: signatures, examples, and rows of reports."""

import numpy as np

from export.examples import drawn_faces, examples_of
from export.signatures import follow
from tests.export.small import FACES, MOODS, describe, stargan, stargan_v2, stylegan2
from tfgan.label_sets import LabelSet


def shown_of(model):
    """What a report shows of three examples, by way to pictures and batch."""
    whole = describe(model)
    drawn = whole.draw(range(3), drawn_faces(range(3), model.resolution))
    return drawn, [flow.shown(one) for flow in whole.flows if flow.shown for one in drawn]


def test_rows_of_style_generators_say_seed_psi_and_class():
    _, (first, second) = shown_of(stylegan2(("a", "b")))
    assert [one.told for one in first] == [
        "seed 0, psi 1, a",
        "seed 1, psi 1, b",
        "seed 2, psi 1, b",
    ]
    assert second[0].told == "seed 0, psi 0.7, a"
    _, (first, _) = shown_of(stylegan2())
    assert first[2].told == "seed 2, psi 1"
    assert first[2].pictures == {}


def test_rows_of_translations_say_domain_and_show_the_reference():
    (drawn,), (by_latent, by_reference) = shown_of(stargan_v2())
    told = ["to cat, seed 0", "to dog, seed 1", "to dog, seed 2"]
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


def test_examples_are_the_same_each_time_and_ask_for_every_label_of_every_set():
    many = LabelSet("many", "attributes", tuple(f"label {i}" for i in range(12)))
    whole = describe(stargan((many, MOODS)))
    numbers = examples_of(whole.choices).compared
    drawn, again = (whole.draw(numbers, drawn_faces(numbers, 32)) for _ in range(2))
    for one, other in zip(drawn, again, strict=True):
        np.testing.assert_array_equal(one["labels"], other["labels"])
    assert np.all(np.max(drawn[0]["labels"][:, :12], axis=0) > 0)
    assert np.all(np.max(drawn[1]["labels"][:, 12:14], axis=0) > 0)


def test_flows_run_every_signature_on_the_types_that_it_names():
    for model in (stylegan2(), stylegan2(("a", "b")), stargan(), stargan_v2()):
        described = describe(model)
        faces = drawn_faces(range(3), model.resolution)
        cases = [
            case
            for flow in described.flows
            for drawn in described.draw(range(3), faces)
            for case in follow(flow, described.run, drawn)[0]
        ]
        assert {case.signature for case in cases} == set(described.signatures)
        for case in cases:
            specs = described.signatures[case.signature].inputs
            assert set(case.inputs) == set(specs)
            for key, (shape, dtype) in specs.items():
                assert case.inputs[key].dtype == dtype
                assert case.inputs[key].shape == tuple(3 if n is None else n for n in shape)
