"""What is said of exported files: how they compare, how fast they are, and which one to ship."""

import contextlib
import importlib.metadata
import math
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from export.compare import Distance, Expected, compare, judge
from export.formats import ExportFormat
from export.signatures import Case, Exportable
from tfgan.litert import Runner
from tfgan.terminal import quiet

TIMED_SECONDS = 1.0
TIMED_RUNS = (3, 50)  # at least, at most
ALIKE = 1.1  # sizes within this ratio are as good as equal
SLOW = 2.0  # times the latency of the fastest


@dataclass(frozen=True)
class Result:
    """What was found of one form.

    Differences are absolute, and shares of an output's range: that of the model's values for
    images, else from the smallest to the largest value that Keras gives.

    Attributes:
        form: Its name.
        path: File or folder, relative to the output folder.
        status: "good", "poor" where it does not reach its floor, or "failed" where it could not be
            made, or compared with Keras in finite numbers: there is no file.
        reason: Why it is not good.
        floor_db: PSNR that is good enough.
        bytes: Size of the file, or of all files in the folder.
        sha256: See `export.manifest.digest_of`.
        psnr_db: Peak signal-to-noise ratio of pictures, from the first input to the last output,
            against Keras; None where every value is equal.
        ssim: Structural similarity of the same pictures (Wang et al. 2004), mean.
        lpips: LPIPS of the same pictures, mean; None without the network.
        largest_error: Of any value of these pictures.
        mean_error: Mean of all values.
        signature_errors: By name of a signature, the largest error of its outputs on the way.
        ms_per_picture: By number of threads, the median latency of `timed_signature` on this
            machine, batch 1. TensorFlow takes all threads that there are.
        timed_signature: See there.
        not_accelerated: By signature, operators that run outside of XNNPACK, and how many; None
            for a SavedModel.
        higher_precision_layers: Layers that do not compute in the bits of the form, by how they do
            instead: "dynamic" or "float16".
        metrics: What `tfgan.evaluate` says of it, where asked, by name.
        compared: Number of pictures, of all ways to them.
        worst_psnr_db: Of the one that is least like Keras'; None where all are equal.
        no_advantage_over: A form that is smaller, faster and more like Keras; None without one.
    """

    form: str
    path: str
    status: str
    reason: str | None
    floor_db: float
    bytes: int | None = None
    sha256: str | None = None
    psnr_db: float | None = None
    ssim: float | None = None
    lpips: float | None = None
    largest_error: float | None = None
    mean_error: float | None = None
    signature_errors: dict[str, float] = field(default_factory=dict)
    ms_per_picture: dict[str, float] = field(default_factory=dict)
    timed_signature: str | None = None
    not_accelerated: dict[str, dict[str, int]] | None = None
    higher_precision_layers: dict[str, list[str]] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    compared: int = 0
    worst_psnr_db: float | None = None
    no_advantage_over: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The same as a dictionary."""
        return asdict(self)


def latency(runner: Runner, case: Case) -> float:
    """Median milliseconds of a signature on the first example of a case."""
    inputs = {name: value[:1] if value.ndim else value for name, value in case.inputs.items()}
    runner.run(case.signature, inputs)
    least, most = TIMED_RUNS
    times: list[float] = []
    while len(times) < least or (len(times) < most and sum(times) < 1000 * TIMED_SECONDS):
        start = time.perf_counter()
        runner.run(case.signature, inputs)
        times.append(1000 * (time.perf_counter() - start))
    return float(np.median(times))


def machine() -> dict[str, str]:
    """What latencies were measured on, and with which runtime."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    except OSError:
        names = []
    found = {
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "cores": str(os.cpu_count()),
    }
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):  # not for a SavedModel
        found["LiteRT"] = importlib.metadata.version("ai-edge-litert")
    return found


def thread_counts() -> list[int]:
    """Numbers of threads that latencies are measured with."""
    return sorted({1, 2, os.cpu_count() or 1})


def measure(
    exportable: Exportable,
    expected: Sequence[Expected],
    distance: Distance | None,
    export_format: ExportFormat,
    path: Path,
    floor: float,
) -> tuple[dict[str, Any], dict[int, np.ndarray]]:
    """Compares a file with Keras, judges it, and takes its times.

    Args:
        exportable: The model that the file is of.
        expected: What Keras makes of the same inputs.
        distance: LPIPS of pictures in [-1, 1]; None without the network.
        export_format: That of the file.
        path: The file or folder.
        floor: PSNR in dB that is good enough.

    Returns:
        Attributes of a `Result`, and pictures by their place in `expected`; of a form whose values
        are not finite, that it failed and why, and none.
    """
    with quiet():
        runner = export_format.open_runner(path, 1)
    comparison = compare(exportable, expected, runner, distance)
    verdict = judge(comparison, floor, export_format.exact)
    if verdict.status == "failed":
        return verdict._asdict(), {}
    timed = next(
        case for one in expected for case in one.cases if case.signature == exportable.timed
    )
    counts = thread_counts() if export_format.in_tflite else thread_counts()[-1:]
    not_accelerated = None
    if export_format.in_tflite:
        from export import flatbuffer  # LiteRT need not be there for a SavedModel

        not_accelerated = flatbuffer.not_accelerated(path.read_bytes())
    with quiet():
        times = {
            str(count): latency(export_format.open_runner(path, count), timed) for count in counts
        }
    values = {
        **verdict._asdict(),
        **comparison.numbers,
        "compared": comparison.compared,
        "signature_errors": comparison.signature_errors,
        "ms_per_picture": times,
        "timed_signature": exportable.timed,
        "not_accelerated": not_accelerated,
    }
    return values, comparison.pictures


def _likeness(result: Result) -> float:
    return math.inf if result.psnr_db is None else result.psnr_db


def recommend(results: Sequence[Result], in_tflite: Sequence[str]) -> str | None:
    """Chooses the `.tflite` to ship: of the smallest good ones that are not slow, the most like.

    Args:
        results: Of all forms.
        in_tflite: Names of those that are `.tflite` files.

    Returns:
        Name of a form; None if none is good.
    """
    good = [r for r in results if r.form in in_tflite and r.status == "good"]
    if not good:
        return None
    smallest = min(r.bytes or 0 for r in good)
    small = [r for r in good if (r.bytes or 0) <= ALIKE * smallest]
    fastest = min(min(r.ms_per_picture.values()) for r in small)
    quick = [r for r in small if min(r.ms_per_picture.values()) <= SLOW * fastest]
    return max(quick, key=_likeness).form


def _fastest(result: Result) -> float:
    return min(result.ms_per_picture.values(), default=math.inf)


def _is_beaten(result: Result, other: Result) -> bool:
    """Whether a form is larger, slower and less like Keras than one that is as good to ship."""
    return (
        (other.status == "good" or other.status == result.status)
        and (result.bytes or 0) > (other.bytes or 0)
        and _fastest(result) > _fastest(other)
        and _likeness(result) < _likeness(other)
    )


def mark_needless(results: Sequence[Result], in_tflite: Sequence[str]) -> list[Result]:
    """Says of each `.tflite` form which other one is better in every respect, if any is.

    Args:
        results: Of all forms.
        in_tflite: Names of those that are `.tflite` files: what they are for is the same.

    Returns:
        The results in their order; of several better forms the one most like Keras is named.
    """
    made = [r for r in results if r.form in in_tflite and r.status != "failed"]
    marked = []
    for result in results:
        better = [other for other in made if result in made and _is_beaten(result, other)]
        name = max(better, key=_likeness).form if better else None
        marked.append(replace(result, no_advantage_over=name))
    return marked


def needless_text(result: Result) -> str:
    """Why a form with a better one is not worth shipping, for people."""
    return f"no advantage here; {result.no_advantage_over} is smaller, faster and more like Keras"


def number(value: float | None, digits: int = 1, unit: str = "") -> str:
    """A number for people; a dash where there is none."""
    return "-" if value is None else f"{value:.{digits}f}{unit}"


def psnr_text(result: Result) -> str:
    """PSNR for people."""
    if result.status == "failed":
        return "-"
    return "equal" if result.psnr_db is None else f"{result.psnr_db:.1f} dB"


def table(results: Sequence[Result]) -> str:
    """The results as lines of text."""
    counts = [str(count) for count in thread_counts()]
    heads = ["1 thread", *(f"{count} threads" for count in counts[1:])]
    rows = [("form", "status", "PSNR", "SSIM", "size", *heads, "file")]
    for r in results:
        size = number(None if r.bytes is None else r.bytes / 1e6, 2, " MB")
        shown = (number(r.ms_per_picture.get(count), 1, " ms") for count in counts)
        rows.append((r.form, r.status, psnr_text(r), number(r.ssim, 4), size, *shown, r.path))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    left = 2  # names stand to the left, numbers to the right
    lines = (
        [f"{text:<{w}}" for text, w in zip(row[:left], widths, strict=False)]
        + [f"{text:>{w}}" for text, w in zip(row[left:-1], widths[left:], strict=True)]
        + [row[-1]]
        for row in rows
    )
    return "\n".join("  ".join(line) for line in lines)


def metrics_table(keras: dict[str, float], results: Sequence[Result]) -> str:
    """What `tfgan.evaluate` says of Keras and of files as lines of text.

    Args:
        keras: Numbers by name.
        results: Of all forms; those that were not measured are left out.
    """
    columns = {"Keras": keras, **{r.form: r.metrics for r in results if r.metrics}}
    first, rest = max(len("metric"), *map(len, keras)), max(9, *map(len, columns))
    lines = [f"{'metric':<{first}}" + "".join(f"  {form:>{rest}}" for form in columns)]
    for name in keras:
        cells = (number(found.get(name), 3) for found in columns.values())
        lines.append(f"{name:<{first}}" + "".join(f"  {cell:>{rest}}" for cell in cells))
    return "\n".join(lines)
