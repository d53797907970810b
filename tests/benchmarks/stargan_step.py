"""Time and memory of a StarGAN training step, in float32 and bfloat16, beside PyTorch.

Examples:
  python -m tests.benchmarks.stargan_step
      TensorFlow alone.
  python -m tests.benchmarks.stargan_step --published stargan --torch-python python
      Also the code of yunjey/stargan, run by a Python that has torch.
"""

import argparse
import sys
from unittest import mock

import numpy as np

from tests.benchmarks.training_step import Benchmark, Updates, main, our_updates

LABELS = 5
# Phase -> steps between its updates, in both codes. Nothing is averaged as published.
INTERVALS = {"d": 1, "g": 5, "average": 1}


def tensorflow_step(options: argparse.Namespace, precision: str = "float32") -> Updates:
    """Our phases as the loop compiles them."""
    import tensorflow as tf

    from tfgan.label_sets import LabelSet
    from training.systems.stargan import StarGANConfig, create

    size, batch_size = options.resolution, options.batch
    config = StarGANConfig(
        resolution=size,
        batch_size=batch_size,
        conv_dim=options.channel_base // size,
        discriminator_conv_dim=options.channel_base // size,
        precision=precision,
        ema_decay=0.0,
    )
    labels = LabelSet("labels", "attributes", tuple(f"label{i}" for i in range(LABELS)))
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope():
        system = create(config, [labels])
    random = np.random.default_rng(0)
    own = random.integers(0, 2, (batch_size, LABELS)).astype(np.float32)
    batch = {
        "image": random.integers(0, 256, (batch_size, size, size, 3), np.uint8),
        "label": own,
        "target": own[::-1],
    }
    return our_updates(system, batch, strategy, config.seed, options.accumulate)


def bfloat16_step(options: argparse.Namespace) -> Updates:
    """The same with convolutions in bfloat16."""
    return tensorflow_step(options, "bfloat16")


def pytorch_step(options: argparse.Namespace) -> Updates:
    """The published networks and losses, in the order of their training loop."""
    sys.path.insert(0, str(options.published))
    for name in ("torchvision", "torchvision.utils"):
        sys.modules[name] = mock.MagicMock()  # for pictures; no step calls it
    import torch
    from model import Discriminator, Generator
    from solver import Solver

    size, batch_size = options.resolution, options.batch
    width = options.channel_base // size
    solver = Solver.__new__(Solver)  # its losses, without its files and data
    solver.device = torch.device("cpu")
    generator = Generator(width, LABELS, 6)
    critic = Discriminator(size, width, LABELS, size.bit_length() - 2)
    adam = {
        network: torch.optim.Adam(network.parameters(), 1e-4, (0.5, 0.999))
        for network in (generator, critic)
    }
    images = torch.rand([batch_size, 3, size, size]) * 2 - 1
    labels = torch.randint(0, 2, [batch_size, LABELS]).float()
    targets = labels.flip(0)

    def update(network, loss):
        for optimizer in adam.values():
            optimizer.zero_grad()
        loss.backward()
        adam[network].step()

    def run_d():
        real, logits = critic(images)
        fakes = generator(images, targets).detach()
        fake, _ = critic(fakes)
        share = torch.rand([batch_size, 1, 1, 1])
        between = (share * images + (1 - share) * fakes).requires_grad_(True)
        penalty = solver.gradient_penalty(critic(between)[0], between)
        label = solver.classification_loss(logits, labels)
        update(critic, fake.mean() - real.mean() + label + 10 * penalty)

    def run_g():
        fakes = generator(images, targets)
        fake, logits = critic(fakes)
        label = solver.classification_loss(logits, targets)
        cycle = (images - generator(fakes, labels)).abs().mean()
        update(generator, -fake.mean() + label + 10 * cycle)

    return {"d": run_d, "g": run_g, "average": lambda: None}


BENCHMARK = Benchmark(
    module="tests.benchmarks.stargan_step",
    about=__doc__ or "",
    repository="yunjey/stargan",
    published_file="solver.py",
    torch_modules=("torch", "numpy"),
    intervals=INTERVALS,
    codes={"tensorflow": tensorflow_step, "bfloat16": bfloat16_step, "pytorch": pytorch_step},
    ratios=[("tensorflow", "pytorch"), ("bfloat16", "tensorflow")],
    resolutions=(128,),
    batch=4,
    channel_base=64 * 128,
)

if __name__ == "__main__":
    main(BENCHMARK)
