"""StyleGAN against the common PyTorch port: outputs while it grows, losses, gradients; and against
the official code: outputs while it grows, with classes."""

import re

import pytest
import tensorflow as tf

from tests.parity.layouts import OfficialStyleGANCase, StyleGANCase, models
from tests.parity.published import assert_close, by_our_path
from tfgan.importers import stylegan
from tfgan.importers.parts import Options
from training import losses
from training.systems.stylegan import StyleGANConfig, logistic_d_loss, wgan_gp_d_loss

# Tolerances are those of the parity data's README (float32 on a CPU).
OUTPUT, PAPER_OUTPUT, SCALAR, GRADIENT = 1e-4, 5e-4, 1e-4, 2e-3
CASES = [
    "stylegan_progressive",
    pytest.param("stylegan_paper_256", marks=pytest.mark.paper_size),
]


@pytest.fixture(scope="module")
def networks(request):
    """Case, generator and discriminator, filled."""
    case = StyleGANCase(request.param)
    parts = stylegan.convert(case.published, Options(resolution=1024))
    networks = models(parts)
    return case, networks["generator"], networks["discriminator"]


def outputs(case: StyleGANCase, prefix: str) -> list[tuple[str, int, float]]:
    """Name, resolution in use and fade of each expected output of a kind."""
    cases = []
    for name in case.arrays:
        match = re.fullmatch(prefix + r"_s(\d)_a([\d.]+)", name)
        if match:
            cases.append((name, 4 << int(match[1]), float(match[2])))
    assert cases
    return cases


def synthesize(case, generator, styles, size, fade):
    rows = len(styles)
    return generator.synthesis(styles, case.noise(size, rows), size=size, fade=fade)


@pytest.mark.parametrize("networks", CASES, indirect=True)
def test_generator_gives_published_images_at_every_resolution(networks):
    case, generator, _ = networks
    tolerance = PAPER_OUTPUT if "paper" in case.name else OUTPUT
    arrays = case.arrays
    w = generator.mapping(arrays["z"])
    assert_close(w, arrays["w"], tolerance, "w")
    for name, size, fade in outputs(case, "img"):
        images = synthesize(case, generator, generator.truncate(w), size, fade)
        assert_close(images, arrays[name], tolerance, name)


@pytest.mark.parametrize("networks", CASES[:1], indirect=True)
def test_truncation_gives_published_images(networks):
    case, generator, _ = networks
    arrays = case.arrays
    mean = tf.reduce_mean(generator.mapping(arrays["z_mean"]), axis=0)
    assert_close(mean[None], arrays["mean_style"], OUTPUT, "mean_style")
    generator.mapping.average.assign(mean)
    styles = generator.truncate(generator.mapping(arrays["z"]), 0.7, None)
    for name, size, fade in outputs(case, "img_trunc07"):
        images = synthesize(case, generator, styles, size, fade)
        assert_close(images, arrays[name], OUTPUT, name)


@pytest.mark.parametrize("networks", CASES, indirect=True)
def test_style_mixing_gives_published_images(networks):
    case, generator, _ = networks
    arrays = case.arrays
    first, second = (generator.truncate(generator.mapping(arrays[z])) for z in ("z", "z2"))
    # Both layers of the resolutions 4 and 8 take the second style.
    mixed = tf.concat([second[:, :4], first[:, 4:]], axis=1)
    for name, size, fade in outputs(case, "img_mix01"):
        images = synthesize(case, generator, mixed, size, fade)
        tolerance = PAPER_OUTPUT if "paper" in case.name else OUTPUT
        assert_close(images, arrays[name], tolerance, name)


@pytest.mark.parametrize("networks", CASES, indirect=True)
def test_discriminator_gives_published_logits_at_every_resolution(networks):
    case, _, discriminator = networks
    for name, _, fade in outputs(case, "d"):
        x = case.arrays[name.replace("d_", "x_", 1)]
        tolerance = PAPER_OUTPUT if "paper" in case.name else OUTPUT
        assert_close(discriminator(x, fade=fade), case.arrays[name], tolerance, name)


def check_gradients(case: StyleGANCase, update: str, tape, loss, network, size: int) -> None:
    """Norms of all gradients; what the step does not reach has gradient 0."""
    variables = network.trainable_variables
    network_name = {"g": "generator", "d": "discriminator"}[update[0]]
    expected = by_our_path(case.spec["grad_norms"][update], case.NAMES[network_name])
    in_use = {v.path for v in network.in_use(size, fades=True)}
    for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
        norm = 0.0 if gradient is None else float(tf.norm(gradient))
        name = variable.path.split("/", 1)[1]
        assert norm == pytest.approx(expected.pop(name), rel=GRADIENT, abs=1e-6), (update, name)
        assert (norm > 0.0) == (variable.path in in_use), (update, name)
    assert not expected


@pytest.mark.parametrize("networks", CASES[:1], indirect=True)
@pytest.mark.parametrize(("step", "size", "fade"), [("s1_a0.3", 8, 0.3), ("s3_a0.5", 32, 0.5)])
def test_losses_and_gradients_are_the_published_ones(networks, step, size, fade):
    case, generator, discriminator = networks
    arrays, scalars = case.arrays, case.scalars
    config = StyleGANConfig()

    def score(images):
        return discriminator(images, fade=fade)

    with tf.GradientTape() as tape:
        styles = generator.truncate(generator.mapping(arrays["z"]))
        fakes = synthesize(case, generator, styles, size, fade)
        loss = tf.reduce_mean(losses.nonsaturating_generator_loss(score(fakes)))
    assert float(loss) == pytest.approx(scalars[f"g_loss_{step}"], rel=SCALAR)
    check_gradients(case, f"g_{step}", tape, loss, generator, size)

    reals, fraction = tf.constant(arrays[f"x_{step}"]), arrays["eps"][:, None, None, None]
    with tf.GradientTape() as tape:
        loss, stats = logistic_d_loss(config, score, reals, fakes, fraction)
        loss = tf.reduce_mean(loss)
    mean = {name: float(tf.reduce_mean(value)) for name, value in stats.items()}
    assert mean["loss/d"] == pytest.approx(scalars[f"d_loss_{step}"], rel=SCALAR)
    penalty = 0.5 * config.r1_gamma * mean["penalty/r1"]
    assert penalty == pytest.approx(scalars[f"r1_{step}"], rel=SCALAR)
    check_gradients(case, f"d_{step}", tape, loss, discriminator, size)

    _, stats = wgan_gp_d_loss(config, score, reals, fakes, fraction)
    mean = {name: float(tf.reduce_mean(value)) for name, value in stats.items()}
    real = mean["score/real"] - config.drift_weight * mean["penalty/drift"]
    assert real == pytest.approx(scalars[f"wgan_real_{step}"], rel=SCALAR)
    fake = mean["loss/d"] + mean["score/real"]
    assert fake == pytest.approx(scalars[f"wgan_fake_{step}"], rel=SCALAR)
    penalty = config.gp_weight * mean["penalty/gradient"]
    assert penalty == pytest.approx(scalars[f"wgan_gp_{step}"], rel=SCALAR)


@pytest.mark.parametrize("name", ["stylegan_official_32", "stylegan_official_128"])
def test_networks_give_the_outputs_of_the_official_code_at_every_level(name):
    case = OfficialStyleGANCase(name)
    c, arrays = case.config, case.arrays
    networks = models(stylegan.convert(case.published, Options()))
    generator, discriminator = networks["generator"], networks["discriminator"]
    labels, images = arrays["labels"], arrays["x"]
    assert_close(generator.mapping(arrays["z"], labels), arrays["w"], OUTPUT, "w")
    levels = [float(key.split("_")[1]) for key in arrays if key.startswith("img_")]
    for level in levels:
        size = c["resolution"] >> int(level)
        fade = 1.0 - level % 1.0
        output = generator.synthesis(arrays["styles"], size=size, fade=fade)
        assert_close(output, arrays[f"img_{level}"], OUTPUT, f"img_{level}")
        factor = c["resolution"] // size
        squares = images.reshape(-1, size, factor, size, factor, 3).mean(axis=(2, 4))
        logits = discriminator(squares, labels, fade=fade)
        assert_close(logits, arrays[f"d_{level}"], OUTPUT, f"d_{level}")
