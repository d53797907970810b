"""Time and memory of a StyleGAN2 training step, beside the published PyTorch code.

Examples:
  python -m tests.benchmarks.stylegan2_step
      TensorFlow alone.
  python -m tests.benchmarks.stylegan2_step --accumulate 4
      Each batch in four rounds: the peak of memory of each phase is what that is for.
  python -m tests.benchmarks.stylegan2_step --published stylegan2-ada-pytorch --torch-python python
      Also the code of NVlabs/stylegan2-ada-pytorch, run by a Python that has torch.
"""

import argparse
import sys

import numpy as np

from tests.benchmarks.training_step import Benchmark, Updates, main, our_updates

# Phase -> steps between its updates, in both codes.
INTERVALS = {"g_main": 1, "g_path_length": 4, "d_main": 1, "d_r1": 16, "average": 1}
LATENTS = 512


def tensorflow_step(options: argparse.Namespace) -> Updates:
    """Our phases as the loop compiles them."""
    import tensorflow as tf

    from training.systems.stylegan2 import StyleGAN2Config, create

    size, batch_size = options.resolution, options.batch
    config = StyleGAN2Config(
        resolution=size, batch_size=batch_size, channel_base=options.channel_base, r1_gamma=10.0
    )
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope():
        system = create(config)
    batch = {
        "image": np.random.default_rng(0).integers(0, 256, (batch_size, size, size, 3), np.uint8),
        "label": np.zeros(batch_size, np.int32),
    }
    return our_updates(system, batch, strategy, config.seed, options.accumulate)


def pytorch_step(options: argparse.Namespace) -> Updates:
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

    updates: Updates = {name: runner(name) for name in names}
    updates["average"] = run_average
    return updates


BENCHMARK = Benchmark(
    module="tests.benchmarks.stylegan2_step",
    about=__doc__ or "",
    repository="NVlabs/stylegan2-ada-pytorch",
    published_file="training/networks.py",
    torch_modules=("torch", "numpy", "scipy", "requests", "PIL"),
    intervals=INTERVALS,
    codes={"tensorflow": tensorflow_step, "pytorch": pytorch_step},
    ratios=[("tensorflow", "pytorch")],
    resolutions=(64, 128),
    batch=8,
    channel_base=8192,
)

if __name__ == "__main__":
    main(BENCHMARK)
