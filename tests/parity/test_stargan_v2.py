"""StarGAN v2 against the published implementation."""

import math
import re

import numpy as np
import pytest

from tests.parity.published import Case, assert_close
from tfgan.models.stargan_v2 import (
    StarGANv2Discriminator,
    StarGANv2Generator,
    StarGANv2Mapping,
    StarGANv2StyleEncoder,
)

# Tolerances are those of the parity data's README (float32 on a CPU).
OUTPUT, PAPER_OUTPUT = 1e-4, 5e-4

SMALL = ["stargan_v2_small", "stargan_v2_hpf_small"]
CASES = [*SMALL, pytest.param("stargan_v2_paper_256", marks=pytest.mark.paper_size)]


class StarGANv2Case(Case):
    """A case in the layout of clovaai/stargan-v2."""

    def weights(self, network: str) -> dict[str, np.ndarray]:
        weights = super().weights(network)
        if self.config["w_hpf"]:
            # Shortcuts of decoder blocks that the published code makes and never uses.
            unused = re.compile(r"decode\.\d+\.conv1x1\.weight")
            weights = {name: value for name, value in weights.items() if not unused.match(name)}
        return weights

    def published_names(self, network: str, path: str) -> list[str]:
        """Published names of one of our variables, one per part of its last axis.

        "generator/encode0/norm1/gamma" -> ["encode.0.norm1.weight"].
        """
        name = path.split("/", 1)[1]
        root = "main" if network == "discriminator" else "shared"
        last = int(math.log2(self.config["img_size"]))  # place of the 4x4 convolution
        for ours, theirs in [
            (r"kernel|gamma", "weight"),
            ("beta", "bias"),
            # Digits are places in a Sequential of layers and activations.
            ("^to_rgb/", "to_rgb/2/"),
            ("^norm/", "to_rgb/0/"),
            (r"(encode|decode)(\d+)/", r"\1/\2/"),
            (r"^shared(\d)/", lambda m: f"shared/{2 * int(m[1])}/"),
            (r"^heads(\d)/", lambda m: f"unshared/DOMAIN/{2 * int(m[1])}/"),
            ("^heads/", f"main/{last + 2}/" if root == "main" else "unshared/DOMAIN/"),
            ("^features/from_rgb", f"{root}/0"),
            ("^features/conv", f"{root}/{last}"),
            (r"^features/b(\d)", lambda m: f"{root}/{int(m[1]) + 1}"),
        ]:
            name = re.sub(ours, theirs, name)
        name = name.replace("/", ".")
        if "DOMAIN" not in name:
            return [name]
        return [name.replace("DOMAIN", str(d)) for d in range(self.config["num_domains"])]

    def fill(self, network: str, layer) -> None:
        """Sets all weights of a network; each published name must be used exactly once."""
        weights = self.weights(network)
        for variable in layer.variables:
            parts = []
            for name in self.published_names(network, variable.path):
                value = weights.pop(name)
                parts.append(value.transpose(2, 3, 1, 0) if value.ndim == 4 else value.T)
            variable.assign(np.concatenate(parts, axis=-1).reshape(variable.shape))
        assert not weights, f"unused: {list(weights)}"

    @property
    def masks(self):
        return (self.arrays["mask0"], self.arrays["mask1"]) if self.config["w_hpf"] else None

    def make(self, network: str):
        """One of the four networks with the published weights."""
        c = self.config
        size, domains, style = c["img_size"], c["num_domains"], c["style_dim"]
        width = {"channel_max": c["max_conv_dim"]}
        layer = {
            "generator": lambda: StarGANv2Generator(size, style, c["w_hpf"], **width),
            "mapping_network": lambda: StarGANv2Mapping(domains, c["latent_dim"], style),
            "style_encoder": lambda: StarGANv2StyleEncoder(size, domains, style, **width),
            "discriminator": lambda: StarGANv2Discriminator(size, domains, **width),
        }[network]()
        layer.build()
        self.fill(network, layer)
        return layer


@pytest.mark.parametrize("name", CASES)
def test_networks_give_published_styles_images_and_logits(name):
    case = StarGANv2Case(name)
    arrays = case.arrays
    tolerance = PAPER_OUTPUT if "paper" in name else OUTPUT
    styles = case.make("mapping_network")(arrays["z"], arrays["y_trg"])
    assert_close(styles, arrays["s_map"], tolerance, "s_map")
    styles = case.make("style_encoder")(arrays["x"], arrays["y_org"])
    assert_close(styles, arrays["s_enc"], tolerance, "s_enc")
    images = case.make("generator")(arrays["x"], arrays["s_map"], case.masks)
    assert_close(images, arrays["g_out"], tolerance, "g_out")
    logits = case.make("discriminator")(arrays["x"], arrays["y_org"])
    assert_close(logits[:, 0], arrays["d_out"], tolerance, "d_out")
