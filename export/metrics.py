"""What other means than a comparison with Keras say of exported files: LPIPS, tfgan.evaluate."""

import json
import os
import shlex
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from export.compare import Distance
from tfgan.terminal import UserError, python_module

LPIPS_FILES = "TFGAN_LPIPS_ALEX"  # environment variable
LPIPS_SMALLEST = 32  # pixels of the smallest pictures that AlexNet takes
# Options of tfgan.evaluate that are set here, or that measure nothing.
TAKEN = ("--out", "--tflite", "--noise", "--help", "-h")


def lpips_files(paths: Sequence[Path] | None) -> list[Path]:
    """The weights of LPIPS: those named, or those of the environment; empty without any.

    Raises:
        UserError: If one of them is not there.
    """
    variable = os.environ.get(LPIPS_FILES, "")
    files = list(paths or [Path(part) for part in variable.split(os.pathsep) if part])
    for file in files:
        if not file.is_file():
            where = "--lpips" if paths else LPIPS_FILES
            raise UserError(f"{where} must name files. Received: {file}, which is none.")
    return files


def open_lpips(files: Sequence[Path]) -> Distance:
    """Mean LPIPS of two stacks of pictures."""
    from tfgan.importers.feature_networks import load_lpips

    network = load_lpips("alex", files)
    return lambda images, others: float(np.mean(network(images, others)))


def evaluate(model_file: Path, options: Sequence[str], taken: Sequence[str]) -> dict[str, float]:
    """What `tfgan.evaluate` measures of a model, by name.

    Args:
        model_file: The `.keras` file.
        options: What the user asks for.
        taken: Options of `TAKEN`: a `.tflite` file in place of the model, or which noise it has.

    Raises:
        UserError: If it says that something is wrong.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "evaluation.json"
        command = [*python_module("tfgan.evaluate"), str(model_file), *taken, *options]
        done = subprocess.run(
            [*command, "--out", str(out)], check=False, stdout=subprocess.PIPE, text=True
        )
        # Nobody is sent to a file that is about to go.
        for line in done.stdout.splitlines():
            if not line.startswith("Wrote "):
                print(line, flush=True)
        if done.returncode != 0:
            raise UserError(
                f"--evaluate must be options of python -m tfgan.evaluate that it can do. "
                f'Received: "{shlex.join(options)}". The message above says what is wrong.'
            )
        return json.loads(out.read_text("utf-8"))["curves"]
