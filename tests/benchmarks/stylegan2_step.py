"""Time and memory of a StyleGAN2 training step, beside the published PyTorch code.

Each measurement is a process of its own; TensorFlow and PyTorch take turns, and the best of the
rounds counts, so that what else the machine does disturbs both alike.

Examples:
  python -m tests.benchmarks.stylegan2_step
      TensorFlow alone.
  python -m tests.benchmarks.stylegan2_step --published stylegan2-ada-pytorch --torch-python python
      Also the code of NVlabs/stylegan2-ada-pytorch, run by a Python that has torch.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

# Phase -> steps between its updates, in both codes.
INTERVALS = {"g_main": 1, "g_path_length": 4, "d_main": 1, "d_r1": 16, "average": 1}
LATENTS = 512


def measure(update: dict[str, Callable[[], object]], repeats: int, started: float) -> dict:
    """Runs each phase `repeats` times and returns medians in seconds, and peak memory in GB."""
    for run in update.values():
        run()
    first_step = time.perf_counter() - started
    times = {}
    for name, run in update.items():
        run()
        samples = []
        for _ in range(repeats):
            start = time.perf_counter()
            run()
            samples.append(time.perf_counter() - start)
        times[name] = statistics.median(samples)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    return {"phases": times, "first_step": first_step, "peak_gb": peak}


def tensorflow_step(options: argparse.Namespace, started: float) -> dict:
    """Our phases as the loop compiles them."""
    import numpy as np
    import tensorflow as tf

    from training.loop import compile_averages, compile_phase
    from training.systems.stylegan2 import StyleGAN2Config, create

    size, batch_size = options.resolution, options.batch
    config = StyleGAN2Config(
        resolution=size, batch_size=batch_size, channel_base=options.channel_base, r1_gamma=10.0
    )
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope():
        system = create(config)
    (stage,) = system.stages()
    batch = {
        "image": np.random.default_rng(0).integers(0, 256, (batch_size, size, size, 3), np.uint8),
        "label": np.zeros(batch_size, np.int32),
    }
    batch = {name: tf.constant(value) for name, value in batch.items()}
    decay, position = tf.constant(0.999), tf.constant(0, tf.int64)

    def runner(phase, index):
        step = compile_phase(phase, index, strategy, config.seed, rounds=1)
        return lambda: {name: value.numpy() for name, value in step(batch, position).items()}

    update = {phase.name: runner(phase, i) for i, phase in enumerate(stage.phases)}
    average = compile_averages(system.averages, strategy)
    update["average"] = lambda: average([decay])
    return measure(update, options.repeats, started)


def pytorch_step(options: argparse.Namespace, started: float) -> dict:
    """The published phases, as their training loop runs them on one device."""
    sys.path.insert(0, str(options.published))
    import torch
    from torch_utils import misc
    from training.loss import StyleGAN2Loss
    from training.networks import Discriminator, Generator

    size, batch_size = options.resolution, options.batch
    shared = {"channel_base": options.channel_base, "channel_max": 512, "num_fp16_res": 0}

    def make_generator():
        return Generator(
            z_dim=LATENTS,
            c_dim=0,
            w_dim=LATENTS,
            img_resolution=size,
            img_channels=3,
            mapping_kwargs={"num_layers": 8},
            synthesis_kwargs=shared,
        ).train()

    generator, average = make_generator(), make_generator().eval()
    discriminator = Discriminator(
        c_dim=0,
        img_resolution=size,
        img_channels=3,
        epilogue_kwargs={"mbstd_group_size": 4},
        **shared,
    ).train()
    for network in (generator, average, discriminator):
        network.requires_grad_(False)
    loss = StyleGAN2Loss(
        torch.device("cpu"), generator.mapping, generator.synthesis, discriminator, r1_gamma=10
    )
    adam = {
        network: torch.optim.Adam(network.parameters(), lr=0.002, betas=(0.0, 0.99), eps=1e-8)
        for network in (generator, discriminator)
    }
    real, label = torch.rand([batch_size, 3, size, size]) * 2 - 1, torch.zeros([batch_size, 0])
    names = {"g_main": "Gmain", "g_path_length": "Greg", "d_main": "Dmain", "d_r1": "Dreg"}

    def runner(name):
        network = generator if name.startswith("g_") else discriminator
        optimizer = adam[network]

        def run():
            optimizer.zero_grad(set_to_none=True)
            network.requires_grad_(True)
            latents = torch.randn([batch_size, LATENTS])
            loss.accumulate_gradients(
                names[name], real, label, latents, label, True, INTERVALS[name]
            )
            network.requires_grad_(False)
            for parameter in network.parameters():
                if parameter.grad is not None:
                    misc.nan_to_num(
                        parameter.grad, nan=0, posinf=1e5, neginf=-1e5, out=parameter.grad
                    )
            optimizer.step()

        return run

    def run_average():
        with torch.no_grad():
            for ours, theirs in zip(average.parameters(), generator.parameters(), strict=True):
                ours.copy_(theirs.lerp(ours, 0.999))

    update: dict[str, Callable[[], object]] = {name: runner(name) for name in names}
    update["average"] = run_average
    return measure(update, options.repeats, started)


STEPS = {"tensorflow": tensorflow_step, "pytorch": pytorch_step}


def amortised(result: dict) -> float:
    """Seconds per step, each phase counted as often as it runs."""
    return sum(seconds / INTERVALS[name] for name, seconds in result["phases"].items())


def run_child(code: str, python: str, resolution: int, arguments: list[str]) -> dict:
    """Measures one code at one size in a process of its own."""
    command = [python, "-m", __spec__.name if __spec__ else __name__, *arguments]
    command += ["--only", code, "--resolution", str(resolution)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{code} at {resolution} pixels failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def has_torch(python: str) -> bool:
    """Whether an interpreter can import what the published code needs."""
    command = [python, "-c", "import torch, numpy, scipy, requests, PIL"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def main() -> None:
    """Prints a table, one row per code and resolution, and the ratios."""
    started = time.perf_counter()
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.stylegan2_step",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--published", type=Path, help="checkout of NVlabs/stylegan2-ada-pytorch")
    add("--torch-python", default=sys.executable, help="Python with torch, numpy, scipy, requests")
    add("--resolutions", type=int, nargs="+", default=[64, 128])
    add("--batch", type=int, default=8)
    add("--channel-base", type=int, default=8192)
    add("--repeats", type=int, default=5, help="timed runs of each phase in a round")
    add("--rounds", type=int, default=2)
    add("--only", choices=list(STEPS), help=argparse.SUPPRESS)
    add("--resolution", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(STEPS[options.only](options, started)))
        return
    codes = {"tensorflow": sys.executable}
    if options.published is None:
        print("PyTorch is skipped: give --published, a checkout of NVlabs/stylegan2-ada-pytorch.")
    elif not (options.published / "training" / "networks.py").is_file():
        parser.error(f"--published must hold training/networks.py. Received: {options.published}.")
    elif not has_torch(options.torch_python):
        print(
            f"PyTorch is skipped: {options.torch_python} cannot import torch, numpy, scipy, PIL "
            "and requests. Give --torch-python."
        )
    else:
        codes["pytorch"] = options.torch_python
    shared = ["--batch", str(options.batch), "--channel-base", str(options.channel_base)]
    shared += ["--repeats", str(options.repeats), "--published", str(options.published)]
    print(f"batch {options.batch}, channel base {options.channel_base}, float32, seconds")
    columns = [*INTERVALS, "s/step", "img/s", "first step", "peak GB"]
    print(f"{'':<16}" + "".join(f"{name:>14}" for name in columns))
    for resolution in options.resolutions:
        best: dict[str, dict] = {}
        for _ in range(options.rounds):
            for code, python in codes.items():
                result = run_child(code, python, resolution, shared)
                if code not in best or amortised(result) < amortised(best[code]):
                    best[code] = result
        for code, result in best.items():
            step = amortised(result)
            row = [f"{result['phases'][name]:.3f}" for name in INTERVALS]
            row += [f"{step:.3f}", f"{options.batch / step:.1f}"]
            row += [f"{result['first_step']:.1f}", f"{result['peak_gb']:.2f}"]
            print(f"{code:<11}{resolution:>5}" + "".join(f"{cell:>14}" for cell in row), flush=True)
        if len(best) == 2:
            ratio = amortised(best["tensorflow"]) / amortised(best["pytorch"])
            print(f"TensorFlow / PyTorch at {resolution} pixels: {ratio:.2f}", flush=True)


if __name__ == "__main__":
    main()
