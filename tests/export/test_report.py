"""What is measured of an exported file, on files whose faults are known."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from export import report, signatures
from export.saved_model import Runner
from tests.export.small import stargan_v2, stylegan2


def measured(model, spoil, **changes):
    """Result of a file that does what Keras does, but for `spoil(signature, outputs)`."""
    described = signatures.KINDS[type(model).__name__].describe(model)
    described = dataclasses.replace(described, **changes)

    def run(signature, inputs):
        outputs = described.signatures[signature].call(**inputs)
        return spoil(signature, {name: np.array(value) for name, value in outputs.items()})

    runner = Runner(list(described.signatures), run)
    cases = list(described.cases())
    return report.measure(described, cases, "x", Path(__file__), "x", runner), cases


def test_the_psnr_is_that_of_its_definition():
    def spoil(_, outputs):
        return {name: value + 0.02 * (name == "images") for name, value in outputs.items()}

    result, _ = measured(stylegan2(), spoil)
    # A constant error of 1/100 of the range: -20 log10(0.01) dB.
    assert result.psnr_db == pytest.approx(40.0, abs=1e-2)
    assert result.max_difference == pytest.approx(0.01, rel=1e-3)
    assert result.worst_signature in ("synthesize", "generate")


def test_styles_are_measured_in_their_own_range():
    def spoil(signature, outputs):
        if signature == "style_from_reference":
            outputs["styles"][0, 0] += 0.25
        return outputs

    result, cases = measured(stargan_v2(), spoil)
    styles = next(c.expected["styles"] for c in cases if c.signature == "style_from_reference")
    expected = 0.25 / (styles.max() - styles.min())
    assert result.max_difference == pytest.approx(expected, rel=1e-4)
    assert result.worst_signature == "style_from_reference"
    assert result.psnr_db is None


def test_values_that_are_not_numbers_never_pass():
    def spoil(signature, outputs):
        if signature == "style_from_latent":
            outputs["styles"][0, 0] = np.nan
        return outputs

    result, _ = measured(stargan_v2(), spoil)
    assert np.isnan(result.checked_difference)
    assert result.worst_signature == "style_from_latent"


@pytest.mark.parametrize(("rows", "passes"), [(1, True), (2, False)])
def test_a_loose_share_forgives_no_more_than_it_says(rows, passes):
    def spoil(signature, outputs):
        if signature == "translate":
            outputs["images"][:, :rows] += 1.0
        return outputs

    # A row is 1/32 of a picture.
    result, _ = measured(stargan_v2(), spoil, loose_share=0.04)
    assert result.max_difference == pytest.approx(0.5, rel=1e-4)
    assert (result.checked_difference < 1e-3) == passes


def test_signatures_that_a_file_lacks_are_not_measured():
    model = stargan_v2()
    described = signatures.KINDS["StarGANv2"].describe(model)
    runner = Runner(["translate"], lambda name, inputs: described.signatures[name].call(**inputs))
    cases = list(described.cases())
    result = report.measure(described, cases, "x", Path(__file__), "x", runner)
    assert result.signatures == ["translate"]
    assert result.max_difference == 0.0
