"""Seconds and memory of FID, KID, precision and recall from stored features.

Twice 50,000 pictures of 2048 features each, in files: drawn without any structure, where all
distances are alike, and with a spectrum that falls, like Inception's.

Examples:
  python -m tests.benchmarks.metrics_50k
      Both kinds.
  python -m tests.benchmarks.metrics_50k --count 10000 --kinds spectrum
      Fewer pictures of one kind.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tfgan.metrics.stored_rows import Rows

WIDTH = 2048
BATCH = 1000


def draw_isotropic(random: np.random.Generator, count: int, moved: float) -> np.ndarray:
    """Independent normal features: float32 [count, 2048]."""
    return random.standard_normal((count, WIDTH), np.float32) + np.float32(moved)


def draw_spectrum(random: np.random.Generator, count: int, moved: float) -> np.ndarray:
    """Features of which many are 0 and none is below, and whose eigenvalues fall as 1 / rank."""
    directions = np.random.default_rng(1).standard_normal((WIDTH, WIDTH), np.float32)
    scales = (1.0 / np.sqrt(1 + np.arange(WIDTH))).astype(np.float32)
    values = (random.standard_normal((count, WIDTH), np.float32) * scales) @ directions
    return np.maximum(values / 4 + np.float32(moved), 0)


KINDS = {"isotropic": draw_isotropic, "spectrum": draw_spectrum}
MOVED = (0.0, 0.01)  # of the reals and of the fakes


def fill(folder: Path, kind: str, count: int) -> list[np.ndarray]:
    """Both sets, drawn where the files do not hold them yet."""
    sets = []
    for number, moved in enumerate(MOVED):
        rows = Rows(folder / f"{kind}-{number}.rows", WIDTH, f"{kind} {moved}")

        def make(start, stop, number=number, moved=moved):
            return KINDS[kind](np.random.default_rng([number, start]), stop - start, moved)

        rows.fill(count, make, BATCH, f"Drawing {kind}")
        sets.append(rows.read(count))
    return sets


def measure(sets: list[np.ndarray]) -> dict[str, float]:
    """Values and seconds of each metric, those of all processors, and the peak of memory.

    On two processors that nothing else uses, the seconds of processors are about twice the others.
    """
    from tfgan.metrics.frechet import frechet_distance, moments
    from tfgan.metrics.kernel import kernel_distance
    from tfgan.metrics.precision_recall import precision_recall

    def blocks(rows):
        return (rows[start : start + 4096] for start in range(0, len(rows), 4096))

    found = {}
    start = time.perf_counter()
    found["FID"] = frechet_distance(*(moments(blocks(rows)) for rows in sets))
    found["FID s"] = time.perf_counter() - start
    start = time.perf_counter()
    found["KID"] = kernel_distance(*sets).value
    found["KID s"] = time.perf_counter() - start
    start = time.perf_counter()
    both = precision_recall(*sets)
    found["precision"], found["recall"] = both.precision.value, both.recall.value
    found["PR s"] = time.perf_counter() - start
    found["total s"] = sum(value for name, value in found.items() if name.endswith(" s"))
    found["CPU s"] = time.process_time()
    found["peak GiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return found


def main() -> None:
    """Prints a row per kind; each is measured in a process of its own."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.metrics_50k",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--count", type=int, default=50_000, help="pictures of each set")
    parser.add_argument("--kinds", choices=list(KINDS), nargs="+", default=list(KINDS))
    parser.add_argument("--folder", type=Path, help="for the features; default: a passing one")
    parser.add_argument("--only", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(measure(fill(options.folder, options.kinds[0], options.count))))
        return
    with tempfile.TemporaryDirectory() as passing:
        folder = options.folder or Path(passing)
        for kind in options.kinds:
            fill(folder, kind, options.count)
            command = [sys.executable, "-m", "tests.benchmarks.metrics_50k", "--only"]
            command += [f"--count={options.count}", f"--kinds={kind}", f"--folder={folder}"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(f"{kind} failed:\n{done.stderr[-2000:]}")
            found = json.loads(done.stdout.splitlines()[-1])
            if kind == options.kinds[0]:
                print(f"{options.count} twice\n{'':<10}" + "".join(f"{n:>11}" for n in found))
            cells = "".join(f"{value:>11.5g}" for value in found.values())
            print(f"{kind:<10}{cells}", flush=True)


if __name__ == "__main__":
    main()
