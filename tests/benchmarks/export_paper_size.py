"""Exported models at paper size, beside other ways to run the same published network on a CPU.

The published code saves a network with drawn weights, our importer reads that file, and each form
of the exported model makes the same picture as PyTorch, ONNX Runtime (torch.onnx) and LiteRT
(litert-torch) make of the published network. Each of them is a process of its own; they take turns
in any order, on a machine that should do nothing else. The second picture of each turn counts, as
in an app that makes one after the other: before the first, others have taken the caches. Medians
are shown.

Examples:
  python -m tests.benchmarks.export_paper_size --published CODE --torch-python PYTHON
      CODE holds checkouts of NVlabs/stylegan2-ada-pytorch, rosinality/style-based-gan-pytorch,
      clovaai/stargan-v2 and yunjey/stargan, by the names of the repositories. PYTHON can import
      torch and, for the peers, onnx, onnxscript, onnxruntime and litert_torch.
  python -m tests.benchmarks.export_paper_size --published CODE --torch-python PYTHON \
      --models stargan-128 --forms float32 float16 dynamic --folder work
      Keeps all files in a folder, and takes the peers' files from there the next time.
"""

import argparse
import json
import math
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.published_generators import PUBLISHED, Arrays, Published

PEERS = ("pytorch", "pytorch nhwc", "onnxruntime", "litert-torch")
VALUE_RANGE = 2.0  # pictures are from -1 to 1
LONGEST_LINE = 200  # characters of an error
PAUSE = 0.1  # seconds until the threads of a process have stopped waiting for work

Run = Callable[[], np.ndarray]  # makes the picture [1, H, W, 3]


def draw_inputs(published: Published) -> Arrays:
    """Inputs of the signatures, the same in all processes."""
    random = np.random.default_rng(0)
    drawn = {name: random.standard_normal(s, np.float32) for name, s in published.drawn.items()}
    return drawn | {name: np.float32(value) for name, value in published.fixed.items()}


def _arguments(published: Published, folder: Path) -> list[np.ndarray]:
    """What the published network takes."""
    arguments = published.arguments(draw_inputs(published))
    if published.noise_sizes:
        maps = np.load(folder / "noise.npz")
        arguments += [maps[str(size)] for size in published.noise_sizes]
    return arguments


def _build(published: Published, code: Path) -> tuple[Any, Any]:
    """The published network; the same weights in all processes."""
    import torch

    sys.path.insert(0, str(code))
    torch.manual_seed(0)
    return published.build()


# Steps that make files.


def save_published(published: Published, code: Path, folder: Path) -> None:
    """Writes the file of the published code."""
    published.save(_build(published, code)[0], folder / published.checkpoint)


def import_published(published: Published, code: Path, folder: Path) -> None:
    """Writes model.keras and, where the peers need it, the noise that it holds."""
    from tfgan.importers.__main__ import main as import_files

    model = folder / "model.keras"
    options = [str(folder / published.checkpoint), *published.import_options, "-o", str(model)]
    if import_files(options):
        raise SystemExit(1)
    if published.noise_sizes:
        from tfgan.loading import load_model

        noise = load_model(model).synthesis.fixed_noise()
        maps = {str(m.shape[1]): np.asarray(m).transpose(0, 3, 1, 2) for m in noise[::2]}
        np.savez(folder / "noise.npz", **maps)


def write_onnx(published: Published, code: Path, folder: Path) -> None:
    """Writes the published network as ONNX."""
    import torch

    network = _build(published, code)[1]
    arguments = tuple(map(torch.from_numpy, _arguments(published, folder)))
    # The weights inside, so that the file is whole.
    torch.onnx.export(
        network, arguments, str(folder / "peer.onnx"), dynamo=True, external_data=False
    )


def write_litert(published: Published, code: Path, folder: Path) -> None:
    """Writes the published network as `.tflite`, with pictures channels last."""
    import litert_torch
    import torch

    network = _build(published, code)[1]
    arguments = tuple(map(torch.from_numpy, _arguments(published, folder)))
    litert_torch.convert(network, arguments).export(str(folder / "peer.tflite"))


STEPS = {
    "published file": save_published,
    "import": import_published,
    "onnxruntime": write_onnx,
    "litert-torch": write_litert,
}


# What is timed.


def open_export(path: Path, published: Published, threads: int) -> Run:
    """A form of the exported model."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=threads)
    runners = [interpreter.get_signature_runner(name) for name in published.signatures]
    inputs = draw_inputs(published)

    def run():
        values = dict(inputs)
        for runner in runners:
            values |= runner(**{name: values[name] for name in runner.get_input_details()})
        return values["images"]

    return run


def open_litert(published: Published, folder: Path, threads: int) -> Run:
    """The file of litert-torch."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(folder / "peer.tflite"), num_threads=threads)
    runner = interpreter.get_signature_runner()
    names = sorted(runner.get_input_details(), key=lambda name: int(name.rpartition("_")[2]))
    inputs = dict(zip(names, _arguments(published, folder), strict=True))
    return lambda: next(iter(runner(**inputs).values())).transpose(0, 2, 3, 1)


def open_pytorch(published: Published, code: Path, folder: Path, threads: int, nhwc: bool) -> Run:
    """The published code itself."""
    import torch

    torch.set_num_threads(threads)
    network = _build(published, code)[1]
    arguments = [torch.from_numpy(value) for value in _arguments(published, folder)]
    if nhwc:
        network = network.to(memory_format=torch.channels_last)
        arguments = [
            a.contiguous(memory_format=torch.channels_last) if a.ndim == 4 else a for a in arguments
        ]

    def run():
        with torch.inference_mode():
            return network(*arguments).numpy().transpose(0, 2, 3, 1)

    return run


def open_onnx(published: Published, folder: Path, threads: int) -> Run:
    """The ONNX file."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        folder / "peer.onnx", options, providers=["CPUExecutionProvider"]
    )
    names = [node.name for node in session.get_inputs()]
    inputs = dict(zip(names, _arguments(published, folder), strict=True))
    return lambda: session.run(None, inputs)[0].transpose(0, 2, 3, 1)


def peak_mb() -> float:
    """Largest memory of this process so far; Linux."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6


def serve(open_runner: Callable[[], Run], picture: Path) -> None:
    """Makes a picture, then one more for each line of input, and prints what each took."""
    before, start = peak_mb(), time.perf_counter()
    run = open_runner()
    np.save(picture, run())
    first = time.perf_counter() - start
    print(json.dumps({"first_s": first, "peak_mb": peak_mb() - before}), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        run()
        print(1000 * (time.perf_counter() - start), flush=True)


def run_child(options: argparse.Namespace) -> None:
    """One step or one measurement, in this process."""
    published = PUBLISHED[options.models[0]]
    code, folder = options.published, options.folder
    if options.step:
        STEPS[options.step](published, code, folder)
        return
    (threads,) = options.threads
    openers: dict[str, Callable[[], Run]] = {
        "pytorch": lambda: open_pytorch(published, code, folder, threads, nhwc=False),
        "pytorch nhwc": lambda: open_pytorch(published, code, folder, threads, nhwc=True),
        "onnxruntime": lambda: open_onnx(published, folder, threads),
        "litert-torch": lambda: open_litert(published, folder, threads),
    }
    path = folder / "export" / f"{options.time}.tflite"
    open_runner = openers.get(options.time, lambda: open_export(path, published, threads))
    serve(open_runner, folder / f"{options.time}.npy")


# The process that starts the others.


class ProcessError(Exception):
    """A process ended with an error."""


def command_of(python: str, name: str, *arguments: str) -> list[str]:
    """The command of a part of this benchmark, which runs in a process of its own."""
    return [python, "-m", "tests.benchmarks.export_paper_size", "--models", name, *arguments]


def run_step(command: list[str]) -> None:
    """Runs a step; raises ProcessError if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = [line for line in done.stderr.splitlines() if line.strip()][-1:]
        raise ProcessError("".join(last)[:LONGEST_LINE])


class Timed:
    """A process that makes pictures when it is asked to.

    Args:
        command: Of a process that runs `serve`.
    """

    def __init__(self, command: list[str]):
        self.command = command
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.facts = json.loads(self._line())
        self.ms: list[float] = []

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"error: {' '.join(self.command)} failed.")
        return line

    def run(self) -> None:
        """Makes two pictures, and keeps the time of the second."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n\n")
        self.process.stdin.flush()
        self._line()
        self.ms.append(float(self._line()))

    def stop(self) -> None:
        """Ends the process."""
        self.process.kill()
        self.process.wait()


def psnr(picture: np.ndarray, expected: np.ndarray) -> float:
    """Peak signal-to-noise ratio of two pictures in [-1, 1], in dB."""
    error = np.mean(((picture.astype(np.float64) - expected) / VALUE_RANGE) ** 2)
    return math.inf if error == 0 else -10 * math.log10(error)


def compare(options: argparse.Namespace, name: str, folder: Path) -> None:
    """Makes the files of one model, times all that runs them, and prints a table."""
    published = PUBLISHED[name]
    code = options.published / published.repository.partition("/")[2]
    if not (code / published.published_file).is_file():
        raise SystemExit(
            f"error: --published must hold a checkout of {published.repository}. "
            f"Received: {options.published}, without {code.name}/{published.published_file}."
        )
    folder.mkdir(parents=True, exist_ok=True)
    paths = [f"--published={code}", f"--folder={folder}"]
    peers = list(PEERS)
    made = {
        "published file": folder / published.checkpoint,
        "import": folder / "model.keras",
        "onnxruntime": folder / "peer.onnx",
        "litert-torch": folder / "peer.tflite",
    }
    for step, path in made.items():
        if path.exists():
            continue
        print(f"{name}: {step}", flush=True)
        python = sys.executable if step == "import" else options.torch_python
        try:
            run_step(command_of(python, name, *paths, f"--step={step}"))
        except ProcessError as error:
            if step not in peers:
                raise SystemExit(f"error: {name}, {step}: {error}") from None
            print(f"{step} is left out: {error}", flush=True)
            peers.remove(step)
    print(f"{name}: export", flush=True)
    forms = list(options.forms)
    command = [sys.executable, "-m", "export.run", str(made["import"])]
    command += ["--formats", *forms, "-o", str(folder / "export")]
    if subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode:
        raise SystemExit(f"error: export.run failed for {name}.")

    size = {form: (folder / "export" / f"{form}.tflite").stat().st_size / 1e6 for form in forms}
    size |= {peer: made[peer].stat().st_size / 1e6 for peer in peers if peer in made}
    for threads in options.threads:
        processes: dict[str, Timed] = {}
        try:
            for timed in (*forms, *peers):
                ours = timed in forms or timed == "litert-torch"
                python = sys.executable if ours else options.torch_python
                given = [*paths, f"--time={timed}", f"--threads={threads}"]
                processes[timed] = Timed(command_of(python, name, *given))
            turns = random.Random(0)
            for _ in range(options.repeats):
                # In another order each time, for what runs after a busy one is slower.
                for process in turns.sample(list(processes.values()), len(processes)):
                    process.run()
                    time.sleep(PAUSE)
        finally:
            for process in processes.values():
                process.stop()
        expected = np.load(folder / "pytorch.npy")
        ms = {timed: statistics.median(process.ms) for timed, process in processes.items()}
        fastest = min(peers, key=ms.__getitem__)
        columns = ["ms", "/ fastest peer", "MB", "first s", "memory MB", "PSNR dB"]
        print(f"\n{name}, batch 1, threads: {threads}")
        print(f"{'':<14}" + "".join(f"{column:>16}" for column in columns))
        for timed, process in processes.items():
            row = [
                f"{ms[timed]:.1f}",
                f"{ms[timed] / ms[fastest]:.2f}",
                f"{size[timed]:.1f}" if timed in size else "",
                f"{process.facts['first_s']:.2f}",
                f"{process.facts['peak_mb']:.0f}",
                f"{psnr(np.load(folder / f'{timed}.npy'), expected):.1f}",
            ]
            print(f"{timed:<14}" + "".join(f"{cell:>16}" for cell in row), flush=True)


def main() -> None:
    """Prints a table for each model and number of threads."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.export_paper_size",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--published", type=Path, required=True, help="folder of the checkouts")
    add("--torch-python", default=sys.executable, help="Python that can import torch")
    add("--models", nargs="+", choices=list(PUBLISHED), default=list(PUBLISHED))
    add("--forms", nargs="+", default=["float32"], help="as export.run --formats has them")
    add("--threads", type=int, nargs="+", default=[2, 1])
    add("--repeats", type=int, default=15, help="timed runs of each")
    add("--folder", type=Path, help="keep the files here, and take what is there already")
    add("--step", choices=list(STEPS), help=argparse.SUPPRESS)
    add("--time", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step or options.time:
        run_child(options)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.folder or Path(temporary)).resolve()
        options.published = options.published.resolve()
        for name in options.models:
            compare(options, name, folder / name)


if __name__ == "__main__":
    main()
