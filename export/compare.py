"""Whether a file does what Keras does: what Keras makes, how far the file is from it, a verdict."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from export.signatures import Arrays, Case, Exportable, Flow, follow
from tfgan.litert import Runner
from tfgan.strict_json import REASONS, finite_record

# TensorFlow is not imported here: --help need not wait for it.

LARGEST_DIFFERENCE = 1e-3  # share of the range of an output, of forms that compute as Keras does
SSIM_WINDOW = 11  # pixels; smaller pictures take what they have

Distance = Callable[[np.ndarray, np.ndarray], float]  # LPIPS of two stacks of pictures


class Expected(NamedTuple):
    """What Keras makes of inputs that a flow is told.

    Attributes:
        flow: The way to pictures.
        drawn: Its inputs.
        cases: The signatures that it runs.
        pictures: float32 [N, R, R, 3].
    """

    flow: Flow
    drawn: Arrays
    cases: list[Case]
    pictures: np.ndarray


def expect(exportable: Exportable, drawn: Sequence[Arrays]) -> list[Expected]:
    """Runs Keras on drawn inputs, flow by flow."""
    return [
        Expected(flow, one, *follow(flow, exportable.run, one))
        for flow in exportable.flows
        for one in drawn
    ]


def psnr(squared_error: float) -> float | None:
    """In dB, of a mean squared error whose peak is 1; None where there is none."""
    return None if squared_error == 0 else -10 * math.log10(squared_error)


def reaches(squared_error: float, floor: float) -> bool:
    """Whether a PSNR is good enough: at least `floor` dB, or of pictures that are equal."""
    likeness = psnr(squared_error)
    return likeness is None or likeness >= floor


def ssim(images: np.ndarray, others: np.ndarray, span: float) -> float:
    """Mean structural similarity of pictures, float [N, H, W, C]; `span` is of their values."""
    import tensorflow as tf

    window = min(SSIM_WINDOW, *images.shape[1:3])
    return float(np.mean(tf.image.ssim(images, others, span, filter_size=window)))


def differences(
    outputs: np.ndarray, expected: np.ndarray, span: float, loose_share: float = 0.0
) -> np.ndarray:
    """Absolute differences as shares of a range, float64 [values].

    Args:
        outputs: What a file gives.
        expected: What Keras gives.
        span: Of the range.
        loose_share: Share of the values, those that differ most, that is left out; the others are
            sorted then.
    """
    found = np.abs(np.asarray(outputs, np.float64) - expected).ravel() / span
    loose = round(loose_share * found.size)
    return np.sort(found)[: found.size - loose] if loose else found


def mean_squared_error(
    exportable: Exportable, expected: Sequence[Expected], runner: Runner
) -> float:
    """Of the pictures that a file makes, in units of the square of their range.

    `reaches` says whether that is good. `compare` comes to the same number, and says more; but a
    model's `loose_share` is not left out here.
    """
    low, high = exportable.model.value_range
    able = exportable.flows_of(runner.signatures)
    errors = [
        np.mean(
            differences(one.flow.pictures(runner.run, one.drawn), one.pictures, high - low) ** 2
        )
        for one in expected
        if one.flow in able
    ]
    return float(np.mean(errors))


@dataclass(frozen=True)
class Comparison:
    """How far a file is from Keras; the numbers are those of `export.report.Result`.

    Attributes:
        failure: Why there is nothing to compare; None where there is, and else all there is.
        squared_error: Mean of all values of pictures, whose PSNR is `psnr_db`.
        pictures: What the file makes, by place in what was expected.
    """

    failure: str | None = None
    squared_error: float = math.nan
    numbers: dict[str, float | None] = field(default_factory=dict)
    signature_errors: dict[str, float] = field(default_factory=dict)
    compared: int = 0
    pictures: dict[int, np.ndarray] = field(default_factory=dict)


def _where_not_finite(expected: Sequence[Case], made: Sequence[Case]) -> str | None:
    """Says where values stop being finite on the way to pictures; None where all are finite."""
    for who, cases in (("Keras", expected), ("the form", made)):
        for case in cases:
            for key, value in case.outputs.items():
                if not np.isfinite(value).all():
                    return f"{who} gives {key} of {case.signature} that are not finite"
    return None


def _largest_difference(case: Case, expected: Case, span: float, loose_share: float) -> float:
    """Of any output of a signature, as a share of its range; `span` is that of pictures."""
    spans = {
        key: span if key == "images" else float(np.ptp(value)) or 1.0
        for key, value in expected.outputs.items()
    }
    return max(
        float(np.max(differences(case.outputs[key], value, spans[key], loose_share)))
        for key, value in expected.outputs.items()
    )


def compare(
    exportable: Exportable,
    expected: Sequence[Expected],
    runner: Runner,
    distance: Distance | None = None,
) -> Comparison:
    """Makes pictures with a file, and looks at what its signatures give on the way.

    Args:
        exportable: The model that the file is of.
        expected: What Keras makes of the same inputs.
        runner: The file; ways to pictures that need signatures which it lacks are left out.
        distance: LPIPS of pictures in [-1, 1]; None without the network.
    """
    low, high = exportable.model.value_range
    span, loose = high - low, exportable.loose_share
    able = exportable.flows_of(runner.signatures)
    pictures: dict[int, np.ndarray] = {}
    errors: dict[str, float] = {}
    of_values, of_pictures, likeness, distances = [], [], [], []
    for place, one in enumerate(expected):
        if one.flow not in able:
            continue
        cases, images = follow(one.flow, runner.run, one.drawn)
        # Before anything is compared: a share that may differ must not hide them.
        where = _where_not_finite(one.cases, cases)
        if where is not None:
            return Comparison(where)
        for case, right in zip(cases, one.cases, strict=True):
            largest = _largest_difference(case, right, span, loose)
            errors[case.signature] = max(errors.get(case.signature, 0.0), largest)
        of_values.append(differences(images, one.pictures, span, loose))
        of_pictures += [
            float(np.mean(differences(image, right, span, loose) ** 2))
            for image, right in zip(images, one.pictures, strict=True)
        ]
        likeness.append(ssim(images, one.pictures, span))
        if distance is not None:
            distances.append(distance(images, one.pictures))
        pictures[place] = images
    found = np.concatenate(of_values)
    squared_error = float(np.mean(found**2))
    numbers = {
        "psnr_db": psnr(squared_error),
        "worst_psnr_db": psnr(max(of_pictures)),
        "ssim": float(np.mean(likeness)),
        "lpips": float(np.mean(distances)) if distances else None,
        "largest_error": float(np.max(found)),
        "mean_error": float(np.mean(found)),
    }
    strange = finite_record({**numbers, "signature_errors": errors}).get(REASONS)
    if strange:
        told = ", ".join(f"{name} is {value}" for name, value in strange.items())
        return Comparison(f"it cannot be compared with Keras: {told}")
    return Comparison(None, squared_error, numbers, errors, len(of_pictures), pictures)


class Verdict(NamedTuple):
    """What becomes of a form.

    Attributes:
        status: "good", "poor" or "failed"; see `export.report.Result`.
        reason: Why it is not good; None where it is.
    """

    status: str
    reason: str | None


def judge(comparison: Comparison, floor: float, exact: bool) -> Verdict:
    """Says whether a form is good.

    Args:
        comparison: How far it is from Keras.
        floor: PSNR in dB that is good enough.
        exact: Whether it computes as Keras does; then no signature may differ.
    """
    if comparison.failure is not None:
        return Verdict("failed", comparison.failure)
    if not reaches(comparison.squared_error, floor):
        likeness = comparison.numbers["psnr_db"]
        reason = f"PSNR against Keras is {likeness:.1f} dB; {floor:g} dB or more is good"
        return Verdict("poor", reason)
    for name, error in comparison.signature_errors.items():
        # The first on the way: what comes later is spoilt by it.
        if exact and error > LARGEST_DIFFERENCE:
            reason = (
                f"{name} differs from Keras by {error:.2g} of the range of its values; "
                f"at most {LARGEST_DIFFERENCE:g} is good"
            )
            return Verdict("poor", reason)
    return Verdict("good", None)
