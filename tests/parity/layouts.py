"""The other common StyleGAN2 checkpoints, brought to the names of NVlabs/stylegan2-ada-pytorch.

Each layout is a table of rules (pattern, replacement), applied in order to a published name.
"""

import pickle
import re
from collections.abc import Callable, Sequence
from types import SimpleNamespace

import numpy as np

from tests.parity.published import DATA, Case

# What both code bases leave unsaid in a specification, because it is their default.
CONFIG_F = {
    "c_dim": 0,
    "g_architecture": "skip",
    "d_architecture": "resnet",
    "mbstd_group_size": 4,
}

Rules = Sequence[tuple[str, str | Callable[[re.Match], str]]]


def rename(weights: dict[str, np.ndarray], rules: Rules) -> dict[str, np.ndarray]:
    """Applies the rules to every name; no two names may meet."""
    renamed = {}
    for name, value in weights.items():
        for pattern, replacement in rules:
            name = re.sub(pattern, replacement, name)
        assert name not in renamed, name
        renamed[name] = value
    return renamed


def synthesis_layer(index: int) -> str:
    """Name of the index-th 3x3 convolution: 4x4 has one, every later resolution two."""
    return f"synthesis.b{4 << (index + 1) // 2}.conv{(index + 1) % 2}"


ROSINALITY_GENERATOR: Rules = (
    (r"^latent_avg$", "mapping.w_avg"),
    # style.0 is the pixel norm.
    (r"^style\.(\d+)", lambda m: f"mapping.fc{int(m[1]) - 1}"),
    (r"^input\.input$", "synthesis.b4.const"),
    (r"^noises\.noise_(\d+)$", lambda m: f"{synthesis_layer(int(m[1]))}.noise_const"),
    (r"^conv1\b", synthesis_layer(0)),
    (r"^convs\.(\d+)", lambda m: synthesis_layer(int(m[1]) + 1)),
    (r"^to_rgb1\b", "synthesis.b4.torgb"),
    (r"^to_rgbs\.(\d+)", lambda m: f"synthesis.b{8 << int(m[1])}.torgb"),
    (r"conv\.modulation", "affine"),
    (r"conv\.weight$", "weight"),
    (r"noise\.weight$", "noise_strength"),
    (r"activate\.bias$", "bias"),
)


def rosinality_discriminator(resolution: int) -> Rules:
    """Blocks count down from the input, so their names depend on its resolution."""
    return (
        (r"^convs\.0\.\d", f"b{resolution}.fromrgb"),
        (r"^convs\.(\d+)", lambda m: f"b{resolution >> int(m[1]) - 1}"),
        # The digit is a place in a Sequential of blur, convolution and activation.
        (r"conv1\.\d", "conv0"),
        (r"conv2\.\d", "conv1"),
        (r"skip\.\d", "skip"),
        (r"^final_conv\.\d", "b4.conv"),
        (r"^final_linear\.0", "b4.fc"),
        (r"^final_linear\.1", "b4.out"),
    )


class RosinalityCase(Case):
    """A case in the layout of rosinality/stylegan2-pytorch."""

    def __init__(self, name: str):
        super().__init__(name)
        c = self.spec["config"]
        self.config = {
            **CONFIG_F,
            "resolution": c["size"],
            "z_dim": c["style_dim"],
            "w_dim": c["style_dim"],
            "mapping_layers": c["n_mlp"],
            "channel_base": 16384 * c["channel_multiplier"],
            "channel_max": 512,
        }

    def weights(self, network: str) -> dict[str, np.ndarray]:
        weights = super().weights(network)
        if network == "discriminator":
            return rename(weights, rosinality_discriminator(self.config["resolution"]))
        # The average is an entry of the checkpoint beside the generator's state.
        weights = rename({**weights, "latent_avg": self.arrays["latent_avg"]}, ROSINALITY_GENERATOR)
        # Modulated kernels carry a leading 1 for the batch.
        return {name: w[0] if w.ndim == 5 else w for name, w in weights.items()}


TF1_NAMES: Rules = (
    (r"/", "."),
    (r"^dlatent_avg$", "mapping.w_avg"),
    (r"^mapping\.Dense", "mapping.fc"),
    (r"^synthesis\.noise(\d+)$", lambda m: f"{synthesis_layer(int(m[1]))}.noise_const"),
    (r"\b(\d+)x\1\b", r"b\1"),
    (r"^synthesis\.b4\.Conv\b", synthesis_layer(0)),
    (r"Const\.const$", "const"),
    (r"^b4\.Conv\b", "b4.conv"),
    (r"^b4\.Dense0", "b4.fc"),
    (r"^Output", "b4.out"),
    (r"Conv(\d)(?:_up|_down)?", r"conv\1"),
    (r"ToRGB|FromRGB|Skip", lambda m: m[0].lower()),
    (r"mod_", "affine."),
)


def tf1_value(name: str, value: np.ndarray) -> np.ndarray:
    """Layout of TensorFlow ([k, k, in, out], [in, out]) to that of PyTorch."""
    if name.endswith("mod_bias"):
        return value + 1  # stored as the distance to its initial value
    if name.endswith("Conv0_up/weight"):
        value = value[::-1, ::-1]  # that code flips H and W before its transposed convolution
    if name.endswith("weight"):
        return value.transpose((3, 2, 0, 1) if value.ndim == 4 else (1, 0))
    return value


# All that the pickle asks for (NumPy 2 wrote its arrays); none of it runs code that the file chose.
TF1_PICKLE = {
    ("dnnlib.tflib.network", "Network"): SimpleNamespace,
    ("numpy", "dtype"): np.dtype,
    ("numpy._core.multiarray", "scalar"): lambda dtype, data: np.frombuffer(data, dtype)[0],
    ("numpy._core.numeric", "_frombuffer"): lambda data, dtype, shape, order: np.frombuffer(
        data, dtype
    ).reshape(shape, order=order),
}


class TF1Unpickler(pickle.Unpickler):
    """Reads networks as plain records of names and arrays; refuses any other type."""

    def find_class(self, module: str, name: str):
        if (module, name) not in TF1_PICKLE:
            raise pickle.UnpicklingError(f"{module}.{name} is not part of a StyleGAN2 checkpoint.")
        return TF1_PICKLE[module, name]


def tf1_weights(network: SimpleNamespace) -> dict[str, np.ndarray]:
    """Name -> value of a network and its components, in the layout of PyTorch."""
    variables = dict(network.variables)
    for part, component in network.components.items():
        variables |= {f"{part}/{name}": value for name, value in component.variables}
    weights = {name: tf1_value(name, np.asarray(value)) for name, value in variables.items()}
    # `lod` is left from progressive growing, which StyleGAN2 does not do.
    return {name: value for name, value in weights.items() if name.split("/")[-1] != "lod"}


class TF1Case(Case):
    """A case whose weights are a TensorFlow 1 StyleGAN2 pickle of (G, D, Gs)."""

    def __init__(self, name: str):
        super().__init__(name)
        c = self.spec["config"]
        self.config = {
            **CONFIG_F,
            "resolution": c["resolution"],
            "z_dim": c["latent_size"],
            "w_dim": c["latent_size"],
            "mapping_layers": c["mapping_layers"],
            "channel_base": 2 * c["fmap_base"],  # it divides by half the resolution
            "channel_max": c["fmap_max"],
        }

    def weights(self, network: str) -> dict[str, np.ndarray]:
        with (DATA / self.name / "checkpoint.pkl").open("rb") as file:
            _, discriminator, generator = TF1Unpickler(file).load()
        chosen = {"generator": generator, "discriminator": discriminator}[network]
        return rename(tf1_weights(chosen), TF1_NAMES)
