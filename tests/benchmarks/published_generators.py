"""Published generators at paper size, with drawn weights, in the files that their code writes.

Imported by a Python with torch, which needs neither TensorFlow nor the project's dependencies.
"""

import copy
import pickle
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np

Arrays = dict[str, np.ndarray]


class Published(NamedTuple):
    """One published generator.

    Attributes:
        repository: The repository of the published code.
        published_file: A file that a checkout of it holds.
        checkpoint: Name of a file as the published code saves it.
        import_options: What `tfgan.importers` must be told of that file.
        signatures: Of an exported model, one after the other: what is timed.
        drawn: Shapes of its inputs that are drawn.
        fixed: Values of its other inputs.
        build: Returns what the file holds, and the network as a function of tensors that gives
            pictures [B, 3, H, W]. The code of the repository can be imported when it is called.
        save: Writes the file.
        arguments: Inputs of the signatures -> arguments of the network.
        noise_sizes: Sizes of noise maps that follow these arguments: the published file has none,
            and so those that the import has drawn are taken.
    """

    repository: str
    published_file: str
    checkpoint: str
    import_options: Sequence[str]
    signatures: Sequence[str]
    drawn: Mapping[str, tuple[int, ...]]
    fixed: Mapping[str, float]
    build: Callable[[], tuple[Any, Any]]
    save: Callable[[Any, Path], None]
    arguments: Callable[[Arrays], list[np.ndarray]]
    noise_sizes: Sequence[int] = ()


def _draw_constants(network, contrast: float = 1.0) -> None:
    """Makes numbers random that the network starts from equal ones, so that all of them count.

    Args:
        network: Changed in place.
        contrast: Factor of the pictures, with which they fill [-1, 1] as those of trained networks
            do: errors are told as shares of this range.
    """
    import torch

    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if parameter.numel() == 1 or parameter.std() == 0:
                parameter.add_(torch.randn_like(parameter), alpha=0.1)
            if "rgb" in name and "affine" not in name:
                parameter.mul_(contrast)


def _module(network, call: Callable[..., Any]):
    """`call` as a module that holds the weights of `network`."""
    import torch

    class Call(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = network

        def forward(self, *arguments):
            return call(*arguments)

    return Call()


def _channels_first(images: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))


def stylegan2():
    """NVlabs/stylegan2-ada-pytorch, config e of 256 pixels."""
    from training.networks import Generator

    options = {"channel_base": 16384, "channel_max": 512, "num_fp16_res": 0}
    network = Generator(512, 0, 512, 256, 3, {"num_layers": 8}, options).eval()
    _draw_constants(network, contrast=1 / 8)

    def call(latents):
        # The style in the weights, which is what the code chooses for one picture at a time.
        return network(latents, None, noise_mode="const", fused_modconv=True)

    return network, _module(network, call)


def save_snapshot(network, path: Path) -> None:
    """Writes a pickle of networks, as training does."""
    path.write_bytes(pickle.dumps({"G": network, "D": None, "G_ema": network}))


def stylegan():
    """rosinality/style-based-gan-pytorch, 256 pixels."""
    import torch
    from model import StyledGenerator

    network = StyledGenerator(512).eval()
    _draw_constants(network, contrast=1 / 12)
    # Weights are scaled by hooks before each call; once is enough, and can be converted.
    runs = copy.deepcopy(network)
    for layer in runs.modules():
        for key, hook in list(layer._forward_pre_hooks.items()):
            hook(layer, None)
            setattr(layer, hook.name, torch.nn.Parameter(vars(layer).pop(hook.name).detach()))
            del layer._forward_pre_hooks[key]

    def call(latents, *noise):
        return runs([latents], list(noise), step=len(noise) - 1, alpha=1)

    return network, _module(runs, call)


def save_state(network, path: Path) -> None:
    """Writes the weights of a network."""
    import torch

    torch.save(network.state_dict(), path)


def stargan_v2():
    """clovaai/stargan-v2, 256 pixels, two domains, without high-pass skips."""
    # Imported by modules whose part in this is none.
    for name in ("cv2", "ffmpeg", "skimage", "skimage.filters", "torchvision"):
        sys.modules[name] = mock.MagicMock()
    from core.model import Generator, MappingNetwork, StyleEncoder

    networks = {
        "generator": Generator(256, 64, w_hpf=0),
        "mapping_network": MappingNetwork(16, 64, 2),
        "style_encoder": StyleEncoder(256, 64, 2),
    }
    for network in networks.values():
        _draw_constants(network)
    return networks, networks["generator"].eval()


def save_states(networks: Mapping[str, Any], path: Path) -> None:
    """Writes the weights of several networks by name."""
    import torch

    torch.save({name: network.state_dict() for name, network in networks.items()}, path)


def stargan():
    """yunjey/stargan, 128 pixels, five attributes."""
    import torch
    from model import Generator

    network = Generator(64, 5, 6)
    _draw_constants(network)
    # The published code stays in training mode even to translate, so that norms take the statistics
    # of the picture. Norms that keep none do so in any mode, and can be converted.
    runs = copy.deepcopy(network)
    for layer in runs.modules():
        if isinstance(layer, torch.nn.InstanceNorm2d):
            layer.track_running_stats, layer.running_mean, layer.running_var = False, None, None
    return network, runs.eval()


def _picture(images: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))


PUBLISHED = {
    "stylegan2-256": Published(
        repository="NVlabs/stylegan2-ada-pytorch",
        published_file="training/networks.py",
        checkpoint="network-snapshot.pkl",
        import_options=(),
        signatures=("map", "truncate", "synthesize"),
        drawn={"latents": (1, 512)},
        fixed={"truncation_psi": 1.0, "noise_scale": 1.0},
        build=stylegan2,
        save=save_snapshot,
        arguments=lambda inputs: [inputs["latents"]],
    ),
    "stylegan-256": Published(
        repository="rosinality/style-based-gan-pytorch",
        published_file="model.py",
        checkpoint="stylegan-256px.model",
        import_options=("--resolution", "256"),
        signatures=("map", "truncate", "synthesize"),
        drawn={"latents": (1, 512)},
        fixed={"truncation_psi": 1.0, "noise_scale": 1.0},
        build=stylegan,
        save=save_state,
        arguments=lambda inputs: [inputs["latents"]],
        noise_sizes=[4 << level for level in range(7)],
    ),
    "stargan-v2-256": Published(
        repository="clovaai/stargan-v2",
        published_file="core/model.py",
        checkpoint="100000_nets_ema.ckpt",
        import_options=(),
        signatures=("translate",),
        drawn={"images": (1, 256, 256, 3), "styles": (1, 64)},
        fixed={},
        build=stargan_v2,
        save=save_states,
        arguments=lambda inputs: [_picture(inputs["images"]), inputs["styles"]],
    ),
    "stargan-128": Published(
        repository="yunjey/stargan",
        published_file="model.py",
        checkpoint="200000-G.ckpt",
        import_options=("--resolution", "128", "--attributes", "A", "B", "C", "D", "E"),
        signatures=("translate",),
        drawn={"images": (1, 128, 128, 3), "labels": (1, 5)},
        fixed={},
        build=stargan,
        save=save_state,
        arguments=lambda inputs: [_picture(inputs["images"]), inputs["labels"]],
    ),
}
