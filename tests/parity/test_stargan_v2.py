"""StarGAN v2 against the published implementation: outputs, losses, gradients."""

import math
import re

import numpy as np
import pytest
import tensorflow as tf

from tests.parity.published import Case, assert_close
from tfgan.models.stargan_v2 import (
    StarGANv2Discriminator,
    StarGANv2Generator,
    StarGANv2Mapping,
    StarGANv2StyleEncoder,
)
from training import losses

# Tolerances are those of the parity data's README (float32 on a CPU).
OUTPUT, PAPER_OUTPUT, SCALAR, GRADIENT = 1e-4, 5e-4, 1e-4, 2e-3

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


def check_scalars(case: StarGANv2Case, update: str, values: dict) -> None:
    for name, value in values.items():
        expected = case.scalars[f"{update}_{name}"]
        actual = float(tf.reduce_mean(value))
        assert actual == pytest.approx(expected, rel=SCALAR), (update, name)


def check_gradients(case: StarGANv2Case, update: str, tape, loss, networks: dict) -> None:
    variables = [(network, v) for network, layer in networks.items() for v in layer.variables]
    gradients = tape.gradient(
        loss, [v.value for _, v in variables], unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    norms: dict[str, dict[str, float]] = {network: {} for network in networks}
    for (network, variable), gradient in zip(variables, gradients, strict=True):
        names = case.published_names(network, variable.path)
        for name, part in zip(names, tf.split(gradient, len(names), axis=-1), strict=True):
            norms[network][name] = float(tf.norm(part))
    expected = case.spec["grad_norms"][update]
    assert set(norms) == set(expected)
    for network in norms:
        close = pytest.approx(expected[network], rel=GRADIENT, abs=1e-6)
        assert norms[network] == close, (update, network)


@pytest.mark.parametrize("source", ["latent", "ref"])
@pytest.mark.parametrize("name", SMALL)
def test_losses_and_gradients_are_the_published_ones(name, source):
    case = StarGANv2Case(name)
    networks = {
        network: case.make(network)
        for network in ("generator", "mapping_network", "style_encoder", "discriminator")
    }
    generator, mapping, encoder, discriminator = networks.values()
    arrays, masks, weights = case.arrays, case.masks, case.config
    x, source_labels, labels = tf.constant(arrays["x"]), arrays["y_org"], arrays["y_trg"]
    distance = losses.mean_absolute_difference

    def draw_style(latents, reference):
        if source == "latent":
            return mapping(arrays[latents], labels)
        return encoder(arrays[reference], labels)

    fake = generator(x, draw_style("z", "x_ref"), masks)
    with tf.GradientTape() as tape:
        with tf.GradientTape() as inner:
            inner.watch(x)
            real_logits = discriminator(x, source_labels)
        penalty = 0.5 * losses.squared_gradient_norm(inner.gradient(real_logits, x))
        fake_logits = discriminator(fake, labels)
        loss = losses.logistic_discriminator_loss(real_logits, fake_logits)
        loss = tf.reduce_mean(loss + weights["lambda_reg"] * penalty)
    check_scalars(case, f"d_{source}", {
        "real": tf.nn.softplus(-real_logits),
        "fake": tf.nn.softplus(fake_logits),
        "r1": penalty,
        "loss": loss,
    })  # fmt: skip
    check_gradients(case, f"d_{source}", tape, loss, {"discriminator": discriminator})

    with tf.GradientTape() as tape:
        style = draw_style("z", "x_ref")
        fake = generator(x, style, masks)
        adversarial = losses.nonsaturating_generator_loss(discriminator(fake, labels))
        reconstruction = distance(encoder(fake, labels), style)
        other = generator(x, draw_style("z2", "x_ref2"), masks)
        diversity = distance(fake, tf.stop_gradient(other))
        cycle = distance(generator(fake, encoder(x, source_labels), masks), x)
        loss = tf.reduce_mean(
            adversarial
            + weights["lambda_sty"] * reconstruction
            - weights["lambda_ds"] * diversity
            + weights["lambda_cyc"] * cycle
        )
    check_scalars(case, f"g_{source}", {
        "adv": adversarial, "sty": reconstruction, "ds": diversity, "cyc": cycle, "loss": loss,
    })  # fmt: skip
    networks.pop("discriminator")
    check_gradients(case, f"g_{source}", tape, loss, networks)
