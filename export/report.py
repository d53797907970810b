"""Compares an exported file with the Keras model, and prints what was found."""

import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from export.saved_model import Runner
from export.signatures import Case, Exportable, Spec
from tfgan.terminal import quiet

TIMED_RUNS = 5


@dataclass(frozen=True)
class Result:
    """What was measured of one file.

    Differences are absolute, and shares of an output's range: that of the model's values for
    images, else from the smallest to the largest value that Keras gives.

    Attributes:
        format: Its name.
        path: File or folder, relative to the output folder.
        signatures: What it was measured over: all that the file has.
        max_difference: Largest difference from Keras.
        checked_difference: The same without the values that may differ by any amount.
        worst_signature: Where `checked_difference` is.
        psnr_db: Peak signal-to-noise ratio of all images against Keras; None where every pixel is
            equal.
        size_bytes: Of the file, or of all files in the folder.
        ms_per_picture: Median latency of one picture on this machine.
    """

    format: str
    path: str
    signatures: list[str]
    max_difference: float
    checked_difference: float
    worst_signature: str
    psnr_db: float | None
    size_bytes: int
    ms_per_picture: float

    def as_json(self) -> dict[str, Any]:
        """The same as a dictionary."""
        return asdict(self)


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def interface(exportable: Exportable, cases: Sequence[Case]) -> dict[str, Any]:
    """Inputs and outputs of all signatures, for JSON; a shape starts with null for the batch."""
    described = {}
    for name, signature in exportable.signatures.items():
        case = next(case for case in cases if case.signature == name)
        described[name] = {
            "inputs": {key: spec._asdict() for key, spec in signature.inputs.items()},
            "outputs": {
                key: Spec((None, *value.shape[1:]), value.dtype.name)._asdict()
                for key, value in case.expected.items()
            },
        }
    return described


def latency(runner: Runner, case: Case) -> float:
    """Median milliseconds of a signature on the first example of a case."""
    inputs = {name: value[:1] if value.ndim else value for name, value in case.inputs.items()}
    runner.run(case.signature, inputs)
    times = []
    for _ in range(TIMED_RUNS):
        start = time.perf_counter()
        runner.run(case.signature, inputs)
        times.append(1000 * (time.perf_counter() - start))
    return float(np.median(times))


def measure(
    exportable: Exportable, cases: Sequence[Case], name: str, path: Path, shown: str, runner: Runner
) -> Result:
    """Runs all signatures of a file on the inputs of their cases.

    Args:
        exportable: The model that the file is of.
        cases: Of all signatures of the model.
        name: Of the format.
        path: The file or folder that `runner` runs.
        shown: The path that the result names.
        runner: Its signatures.
    """
    low, high = exportable.model.value_range
    cases = [case for case in cases if case.signature in runner.signatures]
    largest, checked, signatures, squares = [], [], [], []
    for case in tqdm(cases, f"Checking {name}", delay=2):
        with quiet():
            outputs = runner.run(case.signature, case.inputs)
        for key, expected in case.expected.items():
            scale = high - low if key == "images" else float(np.ptp(expected))
            difference = np.abs(np.asarray(outputs[key], np.float64) - expected) / scale
            largest.append(np.max(difference))
            checked.append(np.quantile(difference, 1 - exportable.loose_share, method="higher"))
            signatures.append(case.signature)
            if key == "images":
                squares.append(np.mean(difference**2))
    error = float(np.mean(squares))
    with quiet():
        ms = latency(runner, next(case for case in cases if case.signature == exportable.timed))
    return Result(
        format=name,
        path=shown,
        signatures=list(dict.fromkeys(signatures)),
        max_difference=float(np.max(largest)),
        checked_difference=float(np.max(checked)),
        worst_signature=signatures[int(np.argmax(checked))],
        psnr_db=None if error == 0 else -10 * math.log10(error),
        size_bytes=size_of(path),
        ms_per_picture=ms,
    )


def table(results: Sequence[Result]) -> str:
    """The results as lines of text."""
    rows = [("format", "max difference", "PSNR", "size", "ms/picture", "file")]
    for r in results:
        psnr = "equal" if r.psnr_db is None else f"{r.psnr_db:.1f} dB"
        size = f"{r.size_bytes / 1e6:.2f} MB"
        ms = f"{r.ms_per_picture:.1f}"
        rows.append((r.format, f"{r.max_difference:.2e}", psnr, size, ms, r.path))
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    return "\n".join(
        f"{row[0]:<{widths[0]}}  "
        + "  ".join(f"{text:>{w}}" for text, w in zip(row[1:5], widths[1:], strict=True))
        + f"  {row[5]}"
        for row in rows
    )
