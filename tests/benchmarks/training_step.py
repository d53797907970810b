"""What the benchmarks of a training step share: processes that take turns, a table, the ratios.

Each measurement is a process of its own; the codes take turns, and the best of the rounds counts,
so that what else the machine does disturbs all alike.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

Updates = dict[str, Callable[[], object]]


class Benchmark(NamedTuple):
    """One system's training step, in our code and in the published one.

    Attributes:
        module: What `python -m` runs.
        about: Description for --help.
        repository: The repository of the published code.
        published_file: A file that a checkout of it holds.
        torch_modules: What the Python with torch must be able to import.
        intervals: Phase -> steps between its updates, in all codes.
        codes: Name -> function that makes the phases ready to run; "pytorch" is the published one.
        ratios: Names of codes whose times are divided.
        resolutions: Sizes, unless others are asked for.
        batch: Pictures in a step, unless asked for otherwise.
        channel_base: Channels times resolution, unless asked for otherwise.
    """

    module: str
    about: str
    repository: str
    published_file: str
    torch_modules: Sequence[str]
    intervals: Mapping[str, int]
    codes: Mapping[str, Callable[[argparse.Namespace], Updates]]
    ratios: Sequence[tuple[str, str]]
    resolutions: Sequence[int]
    batch: int
    channel_base: int


def our_updates(system, batch: dict[str, np.ndarray], strategy, seed: int, rounds: int) -> Updates:
    """The phases of a system's first stage as the loop compiles them, and its moving averages."""
    import tensorflow as tf

    from training.loop import compile_averages, compile_phase

    tf.config.optimizer.set_experimental_options({"remapping": False})  # as training.run does
    stage = system.stages()[0]
    inputs = {name: tf.constant(value) for name, value in batch.items()}
    decay, position = tf.constant(0.999), tf.constant(0, tf.int64)

    def runner(phase, index):
        step = compile_phase(phase, index, strategy, seed, rounds)
        return lambda: {name: value.numpy() for name, value in step(inputs, position).items()}

    updates: Updates = {phase.name: runner(phase, i) for i, phase in enumerate(stage.phases)}
    average = compile_averages(system.averages, strategy)
    updates["average"] = lambda: average([decay] * len(system.averages))
    return updates


def measure(updates: Updates, repeats: int, started: float, memory: bool) -> dict:
    """Runs each phase `repeats` times and measures it.

    Args:
        updates: The phases.
        repeats: Timed runs of each.
        started: When the process began to build them.
        memory: Whether they are TensorFlow's, whose memory can be told.

    Returns:
        "phases", medians in seconds; "memory", what each takes at its peak, in MB; "first_step",
        seconds with all that goes before; "peak_gb", of the process, in GB.
    """
    for run in updates.values():
        run()
    first_step = time.perf_counter() - started
    times = {}
    peaks = {name: peak_memory(run) for name, run in updates.items()} if memory else {}
    for name, run in updates.items():
        run()
        samples = []
        for _ in range(repeats):
            start = time.perf_counter()
            run()
            samples.append(time.perf_counter() - start)
        times[name] = statistics.median(samples)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    return {"phases": times, "memory": peaks, "first_step": first_step, "peak_gb": peak}


def peak_memory(run: Callable[[], object]) -> float:
    """Memory in MB that TensorFlow's tensors take at their peak in a call, beside earlier ones."""
    import tensorflow as tf

    tf.config.experimental.reset_memory_stats("CPU:0")
    before = tf.config.experimental.get_memory_info("CPU:0")["current"]
    run()
    return (tf.config.experimental.get_memory_info("CPU:0")["peak"] - before) / 1e6


def run_child(benchmark: Benchmark, code: str, python: str, arguments: list[str]) -> dict:
    """Measures one code at one size in a process of its own."""
    command = [python, "-m", benchmark.module, *arguments, "--only", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{code} failed ({' '.join(arguments)}):\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def imports(python: str, modules: Sequence[str]) -> bool:
    """Whether an interpreter can import some modules."""
    command = [python, "-c", f"import {', '.join(modules)}"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def main(benchmark: Benchmark) -> None:
    """Prints a table, one row per code and resolution, and the ratios."""
    started = time.perf_counter()
    parser = argparse.ArgumentParser(
        prog=f"python -m {benchmark.module}",
        description=benchmark.about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    needs = ", ".join(benchmark.torch_modules)
    add("--published", type=Path, help=f"checkout of {benchmark.repository}")
    add("--torch-python", default=sys.executable, help=f"Python that can import {needs}")
    add("--resolutions", type=int, nargs="+", default=list(benchmark.resolutions))
    add("--batch", type=int, default=benchmark.batch)
    add("--channel-base", type=int, default=benchmark.channel_base)
    add("--accumulate", type=int, default=1, help="rounds that TensorFlow splits a batch into")
    add("--repeats", type=int, default=5, help="timed runs of each phase in a round")
    add("--rounds", type=int, default=2)
    add("--only", choices=list(benchmark.codes), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        (options.resolution,) = options.resolutions
        updates = benchmark.codes[options.only](options)
        print(json.dumps(measure(updates, options.repeats, started, options.only != "pytorch")))
        return
    pythons = dict.fromkeys(benchmark.codes, sys.executable) | {"pytorch": options.torch_python}
    if options.published is None:
        print(f"PyTorch is skipped: give --published, a checkout of {benchmark.repository}.")
        del pythons["pytorch"]
    elif not (options.published / benchmark.published_file).is_file():
        parser.error(
            f"--published must hold {benchmark.published_file}. Received: {options.published}."
        )
    elif not imports(options.torch_python, benchmark.torch_modules):
        print(
            f"PyTorch is skipped: {options.torch_python} cannot import all of {needs}. "
            "Give --torch-python."
        )
        del pythons["pytorch"]
    intervals = benchmark.intervals

    def amortised(result: dict) -> float:
        """Seconds per step, each phase counted as often as it runs."""
        return sum(seconds / intervals[name] for name, seconds in result["phases"].items())

    rounds = f" in {options.accumulate} rounds" if options.accumulate > 1 else ""
    print(f"batch {options.batch}{rounds}, channel base {options.channel_base}, seconds")
    columns = [*intervals, "s/step", "s/1000 img", "first step", "peak GB"]
    print(f"{'':<16}" + "".join(f"{name:>14}" for name in columns))
    shared = [f"--batch={options.batch}", f"--channel-base={options.channel_base}"]
    shared += [f"--accumulate={options.accumulate}"]
    shared += [f"--repeats={options.repeats}", f"--published={options.published}"]
    for resolution in options.resolutions:
        best: dict[str, dict] = {}
        for _ in range(options.rounds):
            for code, python in pythons.items():
                arguments = [*shared, f"--resolutions={resolution}"]
                result = run_child(benchmark, code, python, arguments)
                if code not in best or amortised(result) < amortised(best[code]):
                    best[code] = result
        for code, result in best.items():
            step = amortised(result)
            row = [f"{result['phases'][name]:.3f}" for name in intervals]
            row += [f"{step:.3f}", f"{1000 * step / options.batch:.1f}"]
            row += [f"{result['first_step']:.1f}", f"{result['peak_gb']:.2f}"]
            print(f"{code:<11}{resolution:>5}" + "".join(f"{cell:>14}" for cell in row))
            if result["memory"]:
                peaks = "".join(f"{result['memory'][name]:>14.0f}" for name in intervals)
                print(f"{'  peak MB':<16}{peaks}", flush=True)
        for over, under in benchmark.ratios:
            if {over, under} <= set(best):
                ratio = amortised(best[over]) / amortised(best[under])
                print(f"{over} / {under} at {resolution} pixels: {ratio:.2f}", flush=True)
