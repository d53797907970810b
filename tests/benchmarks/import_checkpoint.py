"""Time and memory of importing a StyleGAN2-ADA pickle of 1024 pixels, config f, drawn at random.

Example:
  python -m tests.benchmarks.import_checkpoint
      The generator, the one before averaging and the discriminator: 0.4 GB.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

# Of a process of its own. Linux keeps the largest memory there; ru_maxrss would begin with that of
# the process that started it.
RUN = """
import sys
from pathlib import Path
if len(sys.argv) > 1:
    from tfgan.importers.__main__ import main
    assert main(sys.argv[1:]) == 0
else:
    from tfgan.terminal import import_tensorflow
    import_tensorflow()
    import keras
status = Path("/proc/self/status").read_text()
print(status.split("VmHWM:")[1].split()[0])
"""


def published(shapes: Mapping[str, tuple[int, ...]], seed: int) -> dict[str, np.ndarray]:
    """Weights by their names in NVlabs/stylegan2-ada-pytorch, of our shapes by path."""
    random = np.random.default_rng(seed)
    found = {}
    for path, shape in shapes.items():
        name = re.sub(r"^(fromrgb|conv|fc|out)/", r"b4/\1/", path).replace("/", ".")
        for ours, theirs in {
            ".conv.kernel": ".weight",
            "kernel": "weight",
            "noise.strength": "noise_strength",
            "noise.fixed": "noise_const",
            "mapping.average": "mapping.w_avg",
        }.items():
            if not (ours == ".conv.kernel" and name.startswith("b4.")):
                name = name.replace(ours, theirs)
        shape = {4: shape[::-1], 2: shape[::-1]}.get(len(shape), shape)
        if name.endswith("noise_const"):
            shape = shape[:2]
        elif name.endswith("const"):
            shape = (shape[-1], *shape[:2])
        found[name] = random.standard_normal(shape, np.float32)
    return found


def write_pickle(path: Path, resolution: int) -> None:
    """A pickle of G, D and G_ema as training writes it, but for the source code in it."""
    import tensorflow as tf

    from tests.importers import pickled
    from tfgan.importers.weights import by_path
    from tfgan.models.stylegan2 import StyleGAN2Generator
    from tfgan.models.stylegan2_discriminator import StyleGAN2Discriminator

    weights = {}
    with tf.Graph().as_default():  # shapes alone
        for key, network in (
            ("G", StyleGAN2Generator(resolution)),
            ("D", StyleGAN2Discriminator(resolution)),
        ):
            network.build()
            weights[key] = {p: tuple(v.shape) for p, v in by_path(network).items()}
    pickled.save_modules(
        path,
        G=("Generator", published(weights["G"], 0)),
        D=("Discriminator", published(weights["D"], 1)),
        G_ema=("Generator", published(weights["G"], 2)),
    )


def run(*arguments: str) -> tuple[float, float]:
    """Seconds and peak memory in MB of a process that imports TensorFlow and then such a file."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", RUN, *arguments], check=True, capture_output=True, text=True
    )
    seconds = time.perf_counter() - start
    return seconds, int(done.stdout.split()[-1]) * 1024 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--resolution", type=int, default=1024)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network-snapshot.pkl"
        write_pickle(path, options.resolution)
        size = path.stat().st_size / 1e6
        nothing, base = run()
        seconds, peak = run(str(path), "-o", str(Path(folder) / "model.keras"))
    print(f"file {size:.0f} MB")
    print(f"TensorFlow alone {nothing:.1f} s, {base:.0f} MB")
    print(f"import {seconds:.1f} s, peak {peak:.0f} MB: {peak / size:.2f} times the file")
    print(
        f"beyond TensorFlow alone {peak - base:.0f} MB: {(peak - base) / size:.2f} times the file"
    )


if __name__ == "__main__":
    main()
