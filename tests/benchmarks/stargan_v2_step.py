"""Time and memory of a StarGAN v2 training step, in float32 and bfloat16, beside PyTorch.

Examples:
  python -m tests.benchmarks.stargan_v2_step
      TensorFlow alone.
  python -m tests.benchmarks.stargan_v2_step --published stargan-v2 --torch-python python
      Also the code of clovaai/stargan-v2, run by a Python that has torch.
"""

import argparse
import sys
import types
from unittest import mock

import numpy as np

from tests.benchmarks.training_step import Benchmark, Updates, main, our_updates

PHASES = ("d_latent", "d_reference", "g_latent", "g_reference", "average")
LATENTS, STYLES = 16, 64
# The published files import these for data, metrics and face alignment; no step calls them.
UNUSED = ("cv2", "ffmpeg", "skimage", "skimage.filters", "torchvision")


def tensorflow_step(options: argparse.Namespace, precision: str = "float32") -> Updates:
    """Our phases as the loop compiles them."""
    import tensorflow as tf

    from training.systems.stargan_v2 import StarGANv2Config, create

    size, batch_size = options.resolution, options.batch
    config = StarGANv2Config(
        resolution=size,
        batch_size=batch_size,
        channel_base=options.channel_base,
        latent_dim=LATENTS,
        style_dim=STYLES,
        precision=precision,
    )
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope():
        system = create(config, ("female", "male"))
    random = np.random.default_rng(0)
    batch = {
        name: random.integers(0, 256, (batch_size, size, size, 3), np.uint8)
        for name in ("image", "reference", "reference2")
    }
    batch["label"] = np.arange(batch_size, dtype=np.int32) % 2
    batch["reference_label"] = 1 - batch["label"]
    return our_updates(system, batch, strategy, config.seed, options.accumulate)


def bfloat16_step(options: argparse.Namespace) -> Updates:
    """The same with convolutions in bfloat16."""
    return tensorflow_step(options, "bfloat16")


def pytorch_step(options: argparse.Namespace) -> Updates:
    """The published updates, as their training loop runs them."""
    sys.path.insert(0, str(options.published))
    for name in ("torchvision.datasets", "torchvision.transforms", "torchvision.utils", *UNUSED):
        sys.modules[name] = mock.MagicMock()
    import torch
    from core import solver, utils
    from core.model import build_model

    if options.channel_base != 2**14:
        raise SystemExit("the published code has channel base 16384 and no other.")
    size, batch_size = options.resolution, options.batch
    arguments = types.SimpleNamespace(
        img_size=size,
        style_dim=STYLES,
        latent_dim=LATENTS,
        num_domains=2,
        w_hpf=0,
        lambda_reg=1,
        lambda_sty=1,
        lambda_ds=1,
        lambda_cyc=1,
    )
    networks, averages = build_model(arguments)
    # `build_model` wraps networks for several GPUs; on a CPU the wrapper hands its calls through.
    for network in networks.values():
        network.apply(utils.he_init)
    adam = {
        name: torch.optim.Adam(
            network.parameters(),
            lr=1e-6 if name == "mapping_network" else 1e-4,
            betas=(0.0, 0.99),
            weight_decay=1e-4,
        )
        for name, network in networks.items()
    }

    def picture():
        return torch.rand([batch_size, 3, size, size]) * 2 - 1

    images, references = picture(), [picture(), picture()]
    labels = torch.arange(batch_size) % 2
    latents = [torch.randn([batch_size, LATENTS]) for _ in range(2)]
    shared = (networks, arguments, images, labels, 1 - labels)

    def runner(loss_of, names, **kwargs):
        def run():
            loss, _ = loss_of(*shared, **kwargs)
            for optimizer in adam.values():
                optimizer.zero_grad()
            loss.backward()
            for name in names:
                adam[name].step()

        return run

    def run_average():
        for name, network in averages.items():
            solver.moving_average(networks[name], network, beta=0.999)

    d_loss, g_loss = solver.compute_d_loss, solver.compute_g_loss
    all_three = ["generator", "mapping_network", "style_encoder"]
    return {
        "d_latent": runner(d_loss, ["discriminator"], z_trg=latents[0]),
        "d_reference": runner(d_loss, ["discriminator"], x_ref=references[0]),
        "g_latent": runner(g_loss, all_three, z_trgs=latents),
        "g_reference": runner(g_loss, ["generator"], x_refs=references),
        "average": run_average,
    }


BENCHMARK = Benchmark(
    module="tests.benchmarks.stargan_v2_step",
    about=__doc__ or "",
    repository="clovaai/stargan-v2",
    published_file="core/solver.py",
    torch_modules=("torch", "numpy", "scipy", "munch", "tqdm", "PIL"),
    intervals=dict.fromkeys(PHASES, 1),
    codes={"tensorflow": tensorflow_step, "bfloat16": bfloat16_step, "pytorch": pytorch_step},
    ratios=[("tensorflow", "pytorch"), ("bfloat16", "tensorflow")],
    resolutions=(128,),
    batch=4,
    channel_base=2**14,
)

if __name__ == "__main__":
    main(BENCHMARK)
