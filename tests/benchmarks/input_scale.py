"""Input of a million pictures: time to the first step, memory of the listing, pictures per second.

A tree of small pictures is made, of links to a thousand files, and removed afterwards. Training
starts on it as a user starts it, and on a tree of a thousand pictures for comparison. Then the
pipeline runs alone, on sources of 256 pixels that it makes 64 of, from the folder and as prepared.

Examples:
  python -m tests.benchmarks.input_scale
      Everything; fails where the first step comes after two minutes, or where the pipeline gives
      fewer pictures than a device takes that makes 20 steps a second at 64 pixels.
  python -m tests.benchmarks.input_scale --count 100000 --only start
      A smaller tree, and no measurement of the pipeline.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

FILES = 1000  # that are not links, and pictures of a sub-folder
LONGEST_START = 120.0  # seconds
STEPS, BATCH = 20, 32  # a second; the default batch size, and the larger of those at 64 pixels
SECONDS = 10.0  # of the pipeline alone

MEASURE_LISTING = """
import json, resource, sys, time
from tfgan.data.pipeline import epoch_order
from tfgan.data.folders import FolderSource
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before, started = peak(), time.monotonic()
source = FolderSource(sys.argv[1])
listed = time.monotonic() - started
after = peak()
source.fingerprint()
epoch_order(0, 0, len(source))
print(json.dumps([len(source), listed, time.monotonic() - started, after - before]))
"""


def draw(size: int, number: int) -> Image.Image:
    """A picture with the spectrum of a photograph, roughly: large shapes, and a little noise."""
    rng = np.random.default_rng(number)
    image = np.zeros((size, size, 3), np.float32)
    for cells in (2, 4, 8, 16, 32):
        coarse = rng.normal(0, 60 / cells**0.5, (cells, cells, 3)) + 128 / 5
        parts = [
            Image.fromarray(coarse[..., c].astype(np.float32)).resize((size, size), 3)
            for c in range(3)
        ]
        image += np.stack([np.asarray(part) for part in parts], -1)
    image += rng.normal(0, 3, image.shape)
    return Image.fromarray(np.clip(image, 0, 255).astype(np.uint8))


def make_tree(root: Path, count: int, flat: bool = False) -> None:
    """So many pictures of 16 pixels, all in one folder or a thousand in each."""
    originals = root.parent / "originals"
    originals.mkdir(exist_ok=True)
    for number in range(min(FILES, count)):
        if not (originals / str(number)).exists():
            draw(16, number).save(originals / str(number), format="PNG")
    for first in range(0, count, FILES):
        folder = root if flat else root / f"{first // FILES:05d}"
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(min(FILES, count - first)):
            os.link(originals / str(number), folder / f"{first + number:08d}.png")


def measure_listing(root: Path) -> str:
    """Seconds and memory that listing takes, in a process of its own."""
    command = [sys.executable, "-c", MEASURE_LISTING, str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    count, listed, ordered, memory = json.loads(done.stdout)
    return (
        f"{count:,} pictures listed in {listed:.1f} s, in order after {ordered:.1f} s, "
        f"{memory:.0f} MiB more ({memory * 2**20 / count:.0f} bytes each)"
    )


def measure_start(root: Path) -> tuple[float, float]:
    """Seconds from the command to the end of the first step, and GB at the peak until then."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "training.run", "--model", "stylegan2"]
        command += ["--preset", "smoke", "--data", str(root), "--runs", folder]
        command += ["--total-kimg", "0.008", "--log-seconds", "0"]
        log = Path(folder) / "log"
        started = time.monotonic()
        with (
            log.open("w") as file,
            subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT) as process,
        ):
            while not (stats := next(Path(folder).glob("*/stats.jsonl"), None)) or (
                not stats.stat().st_size
            ):
                if process.poll() is not None:
                    raise SystemExit(f"training failed:\n{log.read_text()[-2000:]}")
                time.sleep(0.05)
            seconds = time.monotonic() - started
            memory = json.loads(stats.read_text().splitlines()[0])["memory/process_gb"]
    return seconds, memory


def measure_pipeline(data: str) -> float:
    """Pictures per second that the pipeline gives at 64 pixels, each decoded anew."""
    from tfgan.data.opening import open_source
    from tfgan.data.pipeline import Pipeline, PipelineOptions
    from tfgan.data.sources import DataOptions

    options = PipelineOptions(resolution=64, batch_size=BATCH, cache_gb=0.0)
    pipeline = Pipeline(open_source(DataOptions((data,), resolution=64)), options)
    batches = iter(pipeline.dataset(0))
    for _ in range(8):
        next(batches)
    count, started = 0, time.monotonic()
    while time.monotonic() - started < SECONDS:
        next(batches)
        count += BATCH
    return count / (time.monotonic() - started)


def main() -> None:
    """Prints what was measured, and fails where it is not enough."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.input_scale",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--count", type=int, default=1_000_000, help="pictures of the tree")
    parser.add_argument("--folder", type=Path, help="where trees are made (default: /tmp)")
    parser.add_argument("--only", choices=("start", "pipeline"), help="one part")
    options = parser.parse_args()
    failed = []
    with tempfile.TemporaryDirectory(dir=options.folder) as passing:
        root = Path(passing)
        if options.only != "pipeline":
            make_tree(root / "many", options.count)
            make_tree(root / "flat", options.count, flat=True)
            make_tree(root / "few", FILES)
            for name in ("many", "flat"):
                print(f"{name:<6} {measure_listing(root / name)}", flush=True)
            for name in ("few", "many", "flat"):
                seconds, memory = measure_start(root / name)
                print(f"{name:<6} first step after {seconds:.0f} s, {memory:.2f} GB", flush=True)
                if seconds > LONGEST_START:
                    failed.append(f"{name} started after {seconds:.0f} s")
        if options.only != "start":
            from tfgan.data.prepare import main as prepare
            from tfgan.terminal import import_tensorflow

            import_tensorflow()
            needed = STEPS * BATCH
            for ending, settings in ((".jpg", {"quality": 90}), (".png", {})):
                folder = root / ending[1:]
                folder.mkdir()
                for number in range(FILES):
                    draw(256, number).save(folder / f"{number:04d}{ending}", **settings)
                started = time.monotonic()
                if prepare([str(folder), str(folder) + "-prepared"]):
                    raise SystemExit(1)
                print(f"{ending[1:]:<6} prepared in {time.monotonic() - started:.1f} s")
                for data in (str(folder), str(folder) + "-prepared"):
                    rate = measure_pipeline(data)
                    print(f"{Path(data).name:<14} {rate:,.0f} pictures/s of {needed}", flush=True)
                    if rate < needed:
                        failed.append(f"{Path(data).name} gives {rate:.0f} pictures/s")
    if failed:
        raise SystemExit("; ".join(failed))


if __name__ == "__main__":
    main()
