"""Checkpoints of other code bases: StyleGAN2's, brought to the names of
NVlabs/stylegan2-ada-pytorch, and StyleGAN's, brought to ours.

Each layout is a table of rules (pattern, replacement), applied in order to a published name.
"""

import pickle
import re
import zlib
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import ClassVar

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


STYLEGAN_GENERATOR: Rules = (
    # style.0 is the pixel norm, and every second entry an activation.
    (r"^style\.(\d+)\.linear", lambda m: f"mapping.fc{int(m[1]) // 2}"),
    (r"^generator\.progression\.(\d+)", lambda m: f"synthesis.b{4 << int(m[1])}"),
    (r"^generator\.to_rgb\.(\d+)\.conv", lambda m: f"synthesis.b{4 << int(m[1])}.torgb"),
    (r"conv1\.input$", "const"),
    (r"noise(\d)\.weight_orig$", lambda m: f"layer{int(m[1]) - 1}.noise.strength"),
    (r"adain(\d)\.style\.linear", lambda m: f"layer{int(m[1]) - 1}.adain.fc"),
    # The digit is a place in a Sequential of up-sampling, convolution and blur.
    (r"conv1\.0\.", "layer0.conv."),
    (r"conv1\.1\.conv", "layer0.conv"),
    (r"conv2\.conv", "layer1.conv"),
    (r"weight(_orig)?$", "kernel"),
    (r"\.", "/"),
)
STYLEGAN_DISCRIMINATOR: Rules = (
    (r"^progression\.8\.conv1\.0\.conv", "conv"),
    (r"^progression\.8\.conv2\.0\.conv", "fc"),
    (r"^linear\.linear", "out"),
    (r"^from_rgb\.8\.0\.conv", "fromrgb"),
    (r"^from_rgb\.(\d)\.0\.conv", lambda m: f"b{1024 >> int(m[1])}.fromrgb"),
    (r"^progression\.(\d)", lambda m: f"b{1024 >> int(m[1])}"),
    (r"conv1\.0\.conv", "conv0"),
    (r"conv2\.1(\.conv)?", "conv1"),
    (r"weight(_orig)?$", "kernel"),
    (r"\.", "/"),
)


def stylegan_value(name: str, value: np.ndarray) -> np.ndarray:
    """Layout of a weight of rosinality/style-based-gan-pytorch, by its published name, to ours."""
    if name.endswith(("conv1.input", "noise1.weight_orig", "noise2.weight_orig")):
        value = value[0].transpose(1, 2, 0)
        return value if "input" in name else value[0, 0]
    if name.endswith(
        "conv1.0.weight"
    ):  # transposed convolutions turn their kernels, [in, out, ...]
        return value[:, :, ::-1, ::-1].transpose(2, 3, 0, 1)
    if name == "progression.8.conv2.0.conv.weight_orig":  # a dense layer on the whole map
        return value.transpose(2, 3, 1, 0).reshape(-1, len(value))
    if name.endswith("style.linear.bias"):  # scales are stored, not their distance to 1
        return value - np.repeat(np.float32([1, 0]), len(value) // 2)
    return value.transpose(2, 3, 1, 0) if value.ndim == 4 else value.T


class StyleGANCase(Case):
    """A case of rosinality/style-based-gan-pytorch, whose networks always go up to 1024 pixels."""

    RULES: ClassVar = {"generator": STYLEGAN_GENERATOR, "discriminator": STYLEGAN_DISCRIMINATOR}

    def weights(self, network: str) -> dict[str, np.ndarray]:
        published = super().weights(network)
        values = {name: stylegan_value(name, value) for name, value in published.items()}
        return rename(values, self.RULES[network])

    def gradient_norms(self, update: str) -> dict[str, float]:
        """Our name -> published norm of the gradient of one update."""
        network = {"g": "generator", "d": "discriminator"}[update[0]]
        return rename(self.spec["grad_norms"][update], self.RULES[network])

    def noise(self, size: int, rows: int) -> list[np.ndarray]:
        """The maps of both layers of each resolution up to a size."""
        maps = []
        for i in range(size.bit_length() - 2):
            seed = [self.config["noise_seed"], zlib.crc32(f"noise{i}".encode())]
            shape = (rows, 1, 4 << i, 4 << i)
            drawn = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
            maps += [drawn.transpose(0, 2, 3, 1)] * 2
        return maps


STYLEGAN_OFFICIAL: Rules = (
    (r"^mapping/LabelConcat/weight", "mapping/embedding"),
    (r"^mapping/Dense(\d)", r"mapping/fc\1"),
    (r"\b(\d+)x\1\b", r"b\1"),
    (r"^synthesis/b4/Const/const", "synthesis/b4/const"),
    (r"^synthesis/b4/Const", "synthesis/b4/layer0"),
    (r"^synthesis/b4/Conv\b", "synthesis/b4/layer1"),
    (r"^(synthesis/b\d+)/Conv(\d)(_up)?", r"\1/layer\2"),
    (
        r"^synthesis/noise(\d+)$",
        lambda m: f"synthesis/b{4 << int(m[1]) // 2}/layer{int(m[1]) % 2}/noise/fixed",
    ),
    (r"Noise/weight", "noise/strength"),
    (r"StyleMod", "adain/fc"),
    (r"^(synthesis/b\d+/layer\d)/weight", r"\1/conv/kernel"),
    (r"^b4/Conv\b", "conv"),
    (r"^b4/Dense0", "fc"),
    (r"^b4/Dense1", "out"),
    (r"Conv(\d)(_down)?", r"conv\1"),
    (r"weight$", "kernel"),
)


class OfficialStyleGANCase(Case):
    """A case of NVlabs/stylegan; its names count levels of detail from the full resolution down."""

    def weights(self, network: str) -> dict[str, np.ndarray]:
        resolution = self.config["resolution"]

        def rgb(match: re.Match) -> str:
            size = resolution >> int(match[2])
            layer = match[1].lower()
            if network == "generator":
                return f"b{size}/{layer}"
            return layer if size == 4 else f"b{size}/{layer}"

        rules = ((r"(ToRGB|FromRGB)_lod(\d)", rgb), *STYLEGAN_OFFICIAL)
        published = super().weights(network)
        return rename({n: self._value(n, v) for n, v in published.items()}, rules)

    @staticmethod
    def _value(name: str, value: np.ndarray) -> np.ndarray:
        if name.startswith("synthesis/noise") or name.endswith("Const/const"):
            return value[0].transpose(1, 2, 0)
        if name.endswith("Dense0/weight") and name.startswith("4x4"):
            # The flattened map is C, H, W there and H, W, C here.
            return (
                value.reshape(-1, 4, 4, value.shape[1]).transpose(1, 2, 0, 3).reshape(value.shape)
            )
        size = int(name.split("/")[1].split("x")[0]) if "Conv0_up/weight" in name else 0
        # From 128 pixels on the transposed convolution takes the kernel as it is, which turns it.
        return value[::-1, ::-1] if size >= 128 else value
