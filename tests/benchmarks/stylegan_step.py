"""Time and memory of a StyleGAN training step, beside the common PyTorch port.

The networks go up to 1024 pixels, as the port's always do, and train at the resolution asked for,
which is faded in already. R1 is part of every step.

Examples:
  python -m tests.benchmarks.stylegan_step
      TensorFlow alone.
  python -m tests.benchmarks.stylegan_step --published style-based-gan-pytorch --torch-python python
      Also the code of rosinality/style-based-gan-pytorch, run by a Python that has torch.
"""

import argparse
import sys

import numpy as np

from tests.benchmarks.training_step import Benchmark, Updates, main, our_updates

INTERVALS = {"d": 1, "g": 1, "average": 1}
LATENTS = 512
CHANNEL_BASE = 16384  # fixed in the port


def tensorflow_step(options: argparse.Namespace, precision: str = "float32") -> Updates:
    """Our phases as the loop compiles them."""
    import tensorflow as tf

    from training.systems.stylegan import StyleGANConfig, create

    size, batch_size = options.resolution, options.batch
    config = StyleGANConfig(
        resolution=1024,
        start_resolution=size,
        batch_size=batch_size,
        channel_base=options.channel_base,
        precision=precision,
    )
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope():
        system = create(config)
    batch = {
        "image": np.random.default_rng(0).integers(0, 256, (batch_size, size, size, 3), np.uint8),
        "label": np.zeros(batch_size, np.int32),
    }
    return our_updates(system, batch, strategy, config.seed, options.accumulate)


def tensorflow_bfloat16_step(options: argparse.Namespace) -> Updates:
    """The same in bfloat16."""
    return tensorflow_step(options, "bfloat16")


def pytorch_step(options: argparse.Namespace) -> Updates:
    """The port's update with R1 and mixed styles, as its training loop makes it on one device."""
    if options.channel_base != CHANNEL_BASE:
        raise SystemExit(f"the port has --channel-base {CHANNEL_BASE} alone")
    sys.path.insert(0, str(options.published))
    import torch
    from model import Discriminator, StyledGenerator
    from torch.nn import functional

    size, batch_size = options.resolution, options.batch
    step = size.bit_length() - 3
    generator, average = StyledGenerator(LATENTS), StyledGenerator(LATENTS)
    discriminator = Discriminator(from_rgb_activate=True)
    adam = {
        network: torch.optim.Adam(network.parameters(), lr=0.001, betas=(0.0, 0.99))
        for network in (generator, discriminator)
    }
    real = torch.rand([batch_size, 3, size, size]) * 2 - 1

    def fakes():
        latents = [torch.randn([batch_size, LATENTS]) for _ in range(2)]
        return generator(latents, step=step, alpha=1)

    def run_d():
        generator.requires_grad_(False)
        discriminator.requires_grad_(True)
        discriminator.zero_grad()
        seen = real.clone().requires_grad_(True)
        scores = discriminator(seen, step=step, alpha=1)
        functional.softplus(-scores).mean().backward(retain_graph=True)
        (gradient,) = torch.autograd.grad(scores.sum(), seen, create_graph=True)
        (10 / 2 * gradient.flatten(1).norm(2, dim=1).square().mean()).backward()
        functional.softplus(discriminator(fakes(), step=step, alpha=1)).mean().backward()
        adam[discriminator].step()

    def run_g():
        generator.requires_grad_(True)
        discriminator.requires_grad_(False)
        generator.zero_grad()
        scores = discriminator(fakes(), step=step, alpha=1)
        functional.softplus(-scores).mean().backward()
        adam[generator].step()

    def run_average():
        with torch.no_grad():
            for ours, theirs in zip(average.parameters(), generator.parameters(), strict=True):
                ours.mul_(0.999).add_(theirs, alpha=0.001)

    return {"d": run_d, "g": run_g, "average": run_average}


BENCHMARK = Benchmark(
    module="tests.benchmarks.stylegan_step",
    about=__doc__ or "",
    repository="rosinality/style-based-gan-pytorch",
    published_file="model.py",
    torch_modules=("torch",),
    intervals=INTERVALS,
    codes={
        "tensorflow": tensorflow_step,
        "bfloat16": tensorflow_bfloat16_step,
        "pytorch": pytorch_step,
    },
    ratios=[("tensorflow", "pytorch"), ("bfloat16", "pytorch")],
    resolutions=(32, 64, 128),
    batch=8,
    channel_base=CHANNEL_BASE,
)

if __name__ == "__main__":
    main(BENCHMARK)
