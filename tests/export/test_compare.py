"""How files are compared with Keras, on files whose faults are known."""

import dataclasses

import numpy as np
import pytest

from export import compare
from export.compare import expect
from export.examples import drawn_faces, examples_of
from tests.export.small import describe, stargan_v2, stylegan2
from tfgan.litert import Runner


def told(described, expected, runner, distance=None, floor=100.0):
    """Status, reason and numbers of a file that computes as Keras does, or should."""
    comparison = compare.compare(described, expected, runner, distance)
    verdict = compare.judge(comparison, floor, exact=True)
    errors = {"signature_errors": comparison.signature_errors, "compared": comparison.compared}
    return {**verdict._asdict(), **comparison.numbers, **errors}, comparison.pictures


def measured(model, spoil, distance=None, floor=100.0, **changes):
    """What is found of a file that does what Keras does, but for `spoil(signature, outputs)`."""
    described = dataclasses.replace(describe(model), **changes)

    def run(signature, inputs):
        outputs = described.run(signature, inputs)
        return spoil(signature, {name: np.array(value) for name, value in outputs.items()})

    runner = Runner(list(described.signatures), run)
    faces = drawn_faces(range(3), model.resolution)
    expected = expect(described, described.draw(range(3), faces))
    return told(described, expected, runner, distance, floor)[0], expected


def test_the_psnr_is_that_of_its_definition():
    def spoil(_, outputs):
        return {name: value + 0.02 * (name == "images") for name, value in outputs.items()}

    result, _ = measured(stylegan2(), spoil)
    # A constant error of 1/100 of the range: -20 log10(0.01) dB.
    assert result["psnr_db"] == pytest.approx(40.0, abs=1e-2)
    assert result["largest_error"] == pytest.approx(0.01, rel=1e-3)
    assert result["mean_error"] == pytest.approx(0.01, rel=1e-3)
    assert result["status"] == "poor"
    assert "PSNR against Keras is 40.0 dB" in result["reason"]
    # Three latents at two truncations, by parts and as a whole.
    assert result["compared"] == 12
    assert result["worst_psnr_db"] == pytest.approx(40.0, abs=1e-2)
    # A constant changes no structure, and the mean a little.
    assert 0.99 < result["ssim"] < 1.0


def test_the_ssim_of_one_window_is_that_of_its_definition():
    # In a picture of one window: (2 m n + c1)(2 cov + c2) / (m^2 + n^2 + c1)(v + w + c2), with
    # Gaussian weights of standard deviation 1.5 (Wang et al. 2004).
    rng = np.random.default_rng(0)
    x, y = rng.random((2, 11, 11))
    offsets = np.arange(11) - 5
    weights = np.exp(-(offsets**2) / (2 * 1.5**2))
    weights = np.outer(weights, weights) / np.sum(weights) ** 2
    m, n = np.sum(weights * x), np.sum(weights * y)
    v, w = np.sum(weights * (x - m) ** 2), np.sum(weights * (y - n) ** 2)
    cov = np.sum(weights * (x - m) * (y - n))
    c1, c2 = 0.01**2, 0.03**2
    expected = (2 * m * n + c1) * (2 * cov + c2) / ((m**2 + n**2 + c1) * (v + w + c2))
    images, others = (a[None, :, :, None].astype(np.float32) for a in (x, y))
    assert compare.ssim(images, others, 1.0) == pytest.approx(expected, rel=1e-4)
    assert compare.ssim(images[:, :4, :4], images[:, :4, :4], 1.0) == pytest.approx(1.0)


def test_styles_are_measured_in_their_own_range():
    def spoil(signature, outputs):
        if signature == "style_from_reference":
            outputs["styles"][0, 0] += 0.25
        return outputs

    result, expected = measured(stargan_v2(), spoil)
    cases = [case for one in expected for case in one.cases]
    styles = next(c.outputs["styles"] for c in cases if c.signature == "style_from_reference")
    wrong = 0.25 / (styles.max() - styles.min())
    errors = result["signature_errors"]
    assert errors["style_from_reference"] == pytest.approx(wrong, rel=1e-4)
    assert errors["style_from_latent"] == 0.0
    # What the style spoils on its way is part of the picture.
    assert result["largest_error"] > 0
    assert result["status"] == "poor"


def test_a_float_form_is_poor_where_one_signature_is_a_little_off():
    def spoil(signature, outputs):
        if signature == "map":
            outputs["styles"][0, 0] += 0.01 * np.ptp(outputs["styles"])
        return outputs

    result, _ = measured(stylegan2(), spoil, floor=10.0)
    assert result["status"] == "poor"
    assert "map differs from Keras by 0.01 of the range" in result["reason"]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_numbers_never_pass(value):
    def spoil(signature, outputs):
        if signature == "translate":
            outputs["images"][0, 0, 0] = value
        return outputs

    # Not even where a share of the values may differ.
    result, _ = measured(stargan_v2(), spoil, floor=10.0, loose_share=0.5)
    assert result["status"] == "failed"
    assert result["reason"] == "the form gives images of translate that are not finite"
    assert "psnr_db" not in result


def test_a_comparison_that_is_not_finite_fails_the_form():
    result, _ = measured(stargan_v2(), lambda _, outputs: outputs, lambda *_: np.nan)
    assert result["status"] == "failed"
    assert result["reason"] == "it cannot be compared with Keras: lpips is nan"


@pytest.mark.parametrize(("rows", "passes"), [(1, True), (2, False)])
def test_a_loose_share_forgives_no_more_than_it_says(rows, passes):
    def spoil(signature, outputs):
        if signature == "translate":
            outputs["images"][:, :rows] += 1.0
        return outputs

    # A row is 1/32 of a picture.
    result, _ = measured(stargan_v2(), spoil, loose_share=0.04)
    assert (result["status"] == "good") == passes


def test_lpips_is_the_mean_of_what_its_network_says():
    seen = []

    def distance(images, others):
        seen.append((images, others))
        return float(len(seen))

    result, expected = measured(stargan_v2(), lambda _, outputs: outputs, distance)
    assert result["lpips"] == 2.0  # of three flows: 1, 2, 3
    for (images, others), one in zip(seen, expected, strict=True):
        np.testing.assert_array_equal(images, others)
        np.testing.assert_array_equal(others, one.pictures)


def test_ways_to_pictures_that_a_file_lacks_are_left_out():
    model = stargan_v2()
    described = describe(model)
    runner = Runner(["style_from_latent", "translate"], described.run)
    faces = drawn_faces([0], 32)
    expected = expect(described, described.draw([0], faces))
    assert len(expected) == 3
    result, pictures = told(described, expected, runner)
    assert list(result["signature_errors"]) == ["style_from_latent", "translate"]
    assert list(pictures) == [0]
    assert result["psnr_db"] is None


def test_a_form_that_spoils_the_last_class_alone_is_not_good():
    names = tuple("abcdefgh")
    described = describe(stylegan2(names))
    examples = examples_of(described.choices)
    expected = expect(described, described.draw(examples.compared, np.empty(0)))

    def run(signature, inputs):
        outputs = described.run(signature, inputs)
        if signature == "map":
            last = inputs["labels"] == len(names) - 1
            outputs["styles"] = outputs["styles"] + last[:, None].astype(np.float32)
        return outputs

    runner = Runner(["map", "truncate", "synthesize"], run)
    found, _ = told(described, expected, runner)
    assert found["status"] == "poor"


def test_a_search_and_a_report_judge_by_the_same_number():
    described = describe(stylegan2())
    expected = expect(described, described.draw(range(3), np.empty(0)))

    def run(signature, inputs):
        outputs = described.run(signature, inputs)
        return {name: value + 0.01 * np.sin(100 * value) for name, value in outputs.items()}

    runner = Runner(list(described.signatures), run)
    found = compare.mean_squared_error(described, expected, runner)
    reported = compare.compare(described, expected, runner)
    # Both are float64 sums of the same values.
    assert found == pytest.approx(reported.squared_error, rel=1e-12)
    floor = reported.numbers["psnr_db"]
    for db, good in ((floor - 1e-9, True), (floor + 1e-9, False)):
        assert compare.reaches(found, db) == good
        assert (compare.judge(reported, db, exact=False).status == "good") == good
    assert compare.reaches(0.0, 100.0)
    assert not compare.reaches(np.nan, 10.0)
