"""StarGAN v2 against the published implementation."""

import math
import re

import keras
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
from training.systems.stargan_v2 import StarGANv2Config, StarGANv2System

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
        name = re.sub("^(model/)?[^/]+/", "", path)
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


class GivenLandmarks(keras.layers.Layer):
    """Stands for the landmark network: the masks of the published run, whatever the picture."""

    def __init__(self, masks):
        super().__init__()
        self.given = masks

    def build(self, input_shape=None):
        self.built = True

    def masks(self, x):
        return self.given


class GivenDraws:
    """Hands out the latents of the published run."""

    def __init__(self, *latents):
        self.latents = list(latents)

    def normal(self, shape):
        return tf.constant(self.latents.pop(0))


def make_system(case: StarGANv2Case, monkeypatch) -> StarGANv2System:
    c = case.config
    landmarks = GivenLandmarks(case.masks) if c["w_hpf"] else None
    monkeypatch.setattr(StarGANv2System, "_load_landmarks", lambda _: landmarks)
    config = StarGANv2Config(
        resolution=c["img_size"],
        batch_size=len(case.arrays["x"]),
        latent_dim=c["latent_dim"],
        style_dim=c["style_dim"],
        channel_max=c["max_conv_dim"],
        w_hpf=c["w_hpf"],
        r1_weight=float(c["lambda_reg"]),
        style_weight=float(c["lambda_sty"]),
        diversity_weight=float(c["lambda_ds"]),
        cycle_weight=float(c["lambda_cyc"]),
    )
    system = StarGANv2System(config, [str(i) for i in range(c["num_domains"])])
    model = system.model
    case.fill("generator", model.generator)
    case.fill("mapping_network", model.mapping)
    case.fill("style_encoder", model.style_encoder)
    case.fill("discriminator", system.discriminator)
    return system


def gradient_norms(case: StarGANv2Case, network: str, variables, gradients) -> dict[str, float]:
    """Published name -> norm of the gradient, domain by domain."""
    norms = {}
    for variable, gradient in zip(variables, gradients, strict=True):
        names = case.published_names(network, variable.path)
        for name, part in zip(names, np.split(np.asarray(gradient), len(names), -1), strict=True):
            norms[name] = float(np.linalg.norm(part))
    return norms


@pytest.mark.parametrize("name", SMALL)
def test_losses_and_gradients_of_the_four_updates_are_the_published_ones(name, monkeypatch):
    case = StarGANv2Case(name)
    system = make_system(case, monkeypatch)
    arrays, scalars = case.arrays, case.scalars
    batch = {
        "image": arrays["x"],
        "label": arrays["y_org"],
        "reference": arrays["x_ref"],
        "reference2": arrays["x_ref2"],
        "reference_label": arrays["y_trg"],
    }
    batch = {key: tf.constant(value) for key, value in batch.items()}
    model = system.model
    networks = {
        "generator": model.generator,
        "mapping_network": model.mapping,
        "style_encoder": model.style_encoder,
        "discriminator": system.discriminator,
    }
    published = {"latent": "latent", "reference": "ref"}
    for phase in system.stages()[0].phases:
        side, kind = phase.name.split("_")
        update = f"{side}_{published[kind]}"
        expected = case.spec["grad_norms"][update]
        variables = {key: networks[key].trainable_variables for key in expected}
        with tf.GradientTape() as tape:
            loss, stats = phase.loss(batch, GivenDraws(arrays["z"], arrays["z2"]))
            loss = tf.reduce_mean(loss)
        gradients = tape.gradient(
            loss,
            {key: [v.value for v in values] for key, values in variables.items()},
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        assert float(loss) == pytest.approx(scalars[f"{update}_loss"], rel=SCALAR), update
        for ours, theirs, factor in (
            (f"penalty/r1_{kind}", "r1", 0.5),
            (f"loss/g_{kind}", "adv", 1.0),
            (f"style/{kind}", "sty", 1.0),
            (f"diversity/{kind}", "ds", 1.0),
            (f"cycle/{kind}", "cyc", 1.0),
        ):
            if ours in stats:
                value = factor * np.mean(stats[ours])
                assert value == pytest.approx(scalars[f"{update}_{theirs}"], rel=SCALAR), ours
        updated = {id(v) for item in phase.updates for v in item.variables}
        for key, norms in expected.items():
            actual = gradient_norms(case, key, variables[key], gradients[key])
            for weight, norm in norms.items():
                # Shortcuts that are never used have no weights here, and no gradient there.
                value = actual.pop(weight, 0.0)
                trained = all(id(v) in updated for v in variables[key])
                # The published code also computes, and drops, what g_reference gives E.
                if trained or key == "discriminator":
                    assert value == pytest.approx(norm, rel=GRADIENT, abs=1e-6), (update, weight)
            assert not actual, f"{update}: {list(actual)}"
