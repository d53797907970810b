"""Resident memory of training over 2,000 steps, which must not grow.

Each system trains its smoke preset, with a checkpoint, a model file and sample pictures every few
hundred steps, as a user's command does. The process is watched from outside: its resident memory is
read several times a second, and belongs to the step that its curves have come to.

Examples:
  python -m tests.benchmarks.memory_growth
      All four; fails where memory at step 2,000 is more than 5 % off that at step 200.
  python -m tests.benchmarks.memory_growth --models stargan --steps 10000
      One, for longer.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

# Batch of the stage in which most of the steps are.
MODELS = {"stargan": 4, "stargan-v2": 4, "stylegan": 8, "stylegan2": 8}
FIRST = 200  # step that memory is compared with
ALLOWED = 0.05
PAUSE = 0.2  # seconds between readings
SHOWN = (200, 500, 1000, 1500, 2000, 5000, 10000)


def resident(pid: int) -> float:
    """Memory of a process that is in the machine's memory at the moment, in MiB."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        for line in file:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    return 0.0  # it has ended


def last_position(stats: Path) -> int:
    """Images seen at the last whole line of stats.jsonl."""
    with stats.open("rb") as file:
        file.seek(max(stats.stat().st_size - 10_000, 0))
        lines = file.read().split(b"\n")[:-1]
    return json.loads(lines[-1])["images_seen"] if lines else 0


def watch(model: str, steps: int, folder: Path) -> np.ndarray:
    """Trains, and returns (step, MiB) of each reading, float64 [N, 2]."""
    batch = MODELS[model]
    command = [sys.executable, "-m", "training.run", "--model", model, "--preset", "smoke"]
    command += ["--runs", str(folder / "runs"), "--log-seconds", "0.1"]
    command += ["--total-kimg", str((steps + FIRST) * batch / 1000)]
    for option in ("--checkpoint-kimg", "--sample-kimg"):
        command += [option, str(300 * batch / 1000)]
    readings = []
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            while process.poll() is None:
                found = list((folder / "runs").glob("*/stats.jsonl"))
                step = last_position(found[0]) // batch if found else 0
                readings.append((step, resident(process.pid)))
                time.sleep(PAUSE)
        finally:
            process.kill()
            process.wait()
    if process.returncode:
        raise SystemExit(f"{model} failed:\n{(folder / 'log').read_text()[-2000:]}")
    return np.array(readings)


def at(readings: np.ndarray, step: int) -> float:
    """Median of the readings at a step and the next hundred: single ones meet buffers in use."""
    near = (readings[:, 0] >= step) & (readings[:, 0] < step + 100)
    return float(np.median(readings[near, 1])) if np.any(near) else float("nan")


def main() -> None:
    """Prints a row per system, and fails if memory grows."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.memory_growth",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--models", choices=list(MODELS), nargs="+", default=list(MODELS))
    parser.add_argument("--steps", type=int, default=2000)
    options = parser.parse_args()
    shown = [step for step in SHOWN if step <= options.steps]
    header = "".join(f"{f'step {step}':>11}" for step in shown)
    print(f"{'MiB':<12}{header}{'growth':>9}")
    grown = []
    for model in options.models:
        with tempfile.TemporaryDirectory() as folder:
            readings = watch(model, options.steps, Path(folder))
        growth = at(readings, options.steps) / at(readings, FIRST) - 1
        cells = "".join(f"{at(readings, step):>11.0f}" for step in shown)
        print(f"{model:<12}{cells}{growth:>+9.1%}", flush=True)
        if not abs(growth) <= ALLOWED:
            grown.append(model)
    if grown:
        raise SystemExit(f"more than {ALLOWED:.0%}: {', '.join(grown)}")


if __name__ == "__main__":
    main()
