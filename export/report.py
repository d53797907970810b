"""Compares an exported file with the Keras model, and prints what was found."""

import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from export.saved_model import Runner

SEEDS = (0, 1, 2)
PSIS = (1.0, 0.7)
TIMED_RUNS = 5


@dataclass(frozen=True)
class Result:
    """What was measured of one file.

    Attributes:
        format: Its name.
        path: File or folder, relative to the output folder.
        max_difference: Largest absolute difference from Keras, as a share of the value range.
        psnr_db: Peak signal-to-noise ratio against Keras; None where every pixel is equal.
        size_bytes: Of the file, or of all files in the folder.
        ms_per_picture: Median latency of one picture on this machine.
    """

    format: str
    path: str
    max_difference: float
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


def inputs_of(model) -> tuple[np.ndarray, np.ndarray | None]:
    """Latents [N, Z] of the seeds, and classes in turn [N]."""
    latents = [
        np.random.default_rng(seed).standard_normal(model.latent_dim, np.float32) for seed in SEEDS
    ]
    classes = len(model.class_names)
    labels = np.arange(len(SEEDS), dtype=np.int32) % classes if classes else None
    return np.stack(latents), labels


def measure(model, name: str, path: Path, shown: str, runner: Runner) -> Result:
    """Runs a file and the Keras model on the same latents, at each truncation.

    Args:
        model: The float32 Keras generator.
        name: Of the format.
        path: The file or folder that `runner` runs.
        shown: The path that the result names.
        runner: latents, psi, labels -> images.
    """
    latents, labels = inputs_of(model)
    low, high = model.value_range
    differences = []
    for psi in PSIS:
        expected = np.asarray(model(latents, labels, truncation_psi=psi))
        differences.append((runner(latents, psi, labels) - expected) / (high - low))
    difference = np.asarray(differences, np.float64)
    error = float(np.mean(difference**2))
    one_label = None if labels is None else labels[:1]
    runner(latents[:1], 1.0, one_label)
    times = []
    for _ in range(TIMED_RUNS):
        start = time.perf_counter()
        runner(latents[:1], 1.0, one_label)
        times.append(1000 * (time.perf_counter() - start))
    return Result(
        format=name,
        path=shown,
        max_difference=float(np.max(np.abs(difference))),
        psnr_db=None if error == 0 else -10 * math.log10(error),
        size_bytes=size_of(path),
        ms_per_picture=float(np.median(times)),
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
