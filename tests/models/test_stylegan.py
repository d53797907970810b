"""StyleGAN's networks: sizes, growing, truncation, noise, classes, forms, files, precision."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.layers import plain
from tests.layers.layer_check import check_config, check_layer, randomize
from tfgan.layers.resample import mean_down, nearest_up
from tfgan.layers.widths import channels_at, resolutions_to
from tfgan.models.stylegan import (
    VARIANTS,
    StyledLayer,
    StyleGANGenerator,
    StyleGANMapping,
    StyleGANSynthesisBlock,
)
from tfgan.models.stylegan_discriminator import StyleGANDiscriminator, StyleGANDiscriminatorBlock

CLASSES = ("cat", "dog", "wild")


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def make_generator(resolution=16, spread=0.2, **kwargs):
    keras.utils.set_random_seed(0)
    small = {"latent_dim": 6, "style_dim": 5, "mapping_layers": 2}
    channels = {"channel_base": max(64, 2 * resolution), "channel_max": 4}
    model = StyleGANGenerator(resolution, **{**small, **channels, **kwargs})
    model.build()
    randomize(model, spread=spread)  # Strengths and biases, which start at zero, act as well.
    return model


def make_discriminator(resolution=16, **kwargs):
    keras.utils.set_random_seed(0)
    model = StyleGANDiscriminator(resolution, **{"channel_base": 64, "channel_max": 4, **kwargs})
    model.build()
    randomize(model, spread=0.2)
    return model


def count(variables):
    return sum(int(np.prod(v.shape)) for v in variables)


# Layers


def test_mapping_passes_the_shared_check(tmp_path):
    check_layer(
        lambda dtype: StyleGANMapping(6, 5, 3, 2, 0.1, dtype=dtype),
        [normal(4, 6), np.array([0, 2, 1, 2], np.int32)],
        (4, 5),
        {
            "embedding": ((3, 6), True),
            "fc0/kernel": ((12, 5), True),
            "fc0/bias": ((5,), True),
            "fc1/kernel": ((5, 5), True),
            "fc1/bias": ((5,), True),
            "average": ((5,), False),
        },
        tmp_path,
        precisions=(),  # Always float32: it is small, and truncation needs its digits.
    )


@pytest.mark.parametrize("form", list(VARIANTS))
@pytest.mark.parametrize("kind", ["constant", "same", "up"])
def test_styled_layer_passes_the_shared_check(kind, form, tmp_path):
    size = (8, 12) if kind == "up" else (4, 6)
    filters = 4 if kind == "constant" else 3
    variables = {
        "noise/strength": ((filters,), True),
        "noise/fixed": ((*size, 1), False),
        "adain/fc/kernel": ((5, 2 * filters), True),
        "adain/fc/bias": ((2 * filters,), True),
    }
    if kind != "constant":
        variables["conv/kernel"] = ((3, 3, 4, 3), True)
    if form == "official":
        variables["bias"] = ((filters,), True)
    elif kind != "constant":
        variables["conv/bias"] = ((filters,), True)
    check_layer(
        lambda dtype: StyledLayer(filters, kind, 1.2, form, dtype=dtype),
        [normal(2, 4, 6, 4), normal(2, 5, seed=1), normal(2, *size, 1, seed=2)],
        (2, *size, filters),
        variables,
        tmp_path,
    )


@pytest.mark.parametrize("form", list(VARIANTS))
def test_styled_layer_agrees_with_loops(form):
    variant = VARIANTS[form]
    layer = StyledLayer(3, "up", 1.2, form)
    x, style, noise = normal(2, 4, 6, 4), normal(2, 5, seed=1), normal(2, 8, 12, 1, seed=2)
    layer(x, style, noise)
    randomize(layer)
    kernel = np.float64(layer.conv.kernel.numpy()) * 1.2 / np.sqrt(9 * 4)
    y = plain.convolve_nearest_up(x, kernel)
    if variant.early_bias:
        y = y + layer.conv.bias.numpy()
    y = plain.blur(y)
    strength = layer.noise.strength.numpy() * (np.sqrt(2 / 3) if variant.equalized_noise else 1.0)
    y = y + strength * np.float64(noise)
    if not variant.early_bias:
        y = y + layer.bias.numpy()
    y = plain.leaky_relu(y)
    fc = layer.adain.fc
    styles = style @ fc.kernel.numpy() * variant.linear_gain / np.sqrt(5) + fc.bias.numpy()
    scale, shift = np.split(styles[:, None, None], 2, axis=-1)
    y = y - y.mean(axis=(1, 2), keepdims=True)
    y = y / np.sqrt(np.square(y).mean(axis=(1, 2), keepdims=True) + variant.epsilon)
    expected = (1 + scale) * y + shift
    np.testing.assert_allclose(layer(x, style, noise), expected, rtol=1e-4, atol=1e-5)  # float32


@pytest.mark.parametrize("form", list(VARIANTS))
def test_discriminator_block_agrees_with_loops(form):
    block = StyleGANDiscriminatorBlock(3, 5, form)
    x = normal(2, 4, 6, 3)
    block.build(x.shape)
    block(x)
    randomize(block)
    y = np.float64(x)
    for layer, convolve in (
        (block.conv0, lambda y, k: plain.convolve(y, k, (1, 1))),
        (block.conv1, lambda y, k: plain.convolve_mean_down(plain.blur(y), k)),
    ):
        gain = np.sqrt(2 / (9 * y.shape[-1]))
        y = plain.leaky_relu(convolve(y, layer.kernel.numpy() * gain) + layer.bias.numpy())
    assert block.conv0.filters == (5 if form == "rosinality" else 3)
    np.testing.assert_allclose(block(x), y, rtol=1e-4, atol=1e-5)  # float32


@pytest.mark.parametrize(
    "make",
    [
        lambda: StyledLayer(4, "up", 1.2, "rosinality"),
        lambda: StyleGANSynthesisBlock(4, 8, "rosinality"),
        lambda: StyleGANDiscriminatorBlock(4, 5, "rosinality"),
        lambda: make_generator(8, class_names=CLASSES, precision="bfloat16", fade=0.5),
        lambda: make_generator(8, form="rosinality", mapping_lr_multiplier=1.0).synthesis,
        lambda: make_discriminator(8, num_classes=3, precision="bfloat16", group_size=2),
    ],
)
def test_configuration_makes_an_equal_object(make):
    check_config(make())


def test_mapping_agrees_with_the_published_order_of_norm_and_class():
    mapping = StyleGANMapping(6, 5, 3, 1, 0.1)
    latents, labels = normal(4, 6), np.array([0, 2, 1, 2], np.int32)
    mapping(latents, labels)
    randomize(mapping)
    x = np.concatenate([latents, mapping.embedding.numpy()[labels]], axis=1).astype(np.float64)
    x = x / np.sqrt(np.mean(x**2, axis=1, keepdims=True))
    (fc,) = mapping.dense
    x = x @ fc.kernel.numpy() * 0.1 * np.sqrt(2 / 12) + 0.1 * fc.bias.numpy()
    np.testing.assert_allclose(mapping(latents, labels), plain.leaky_relu(x), rtol=1e-4, atol=1e-5)
    weights = np.eye(3, dtype=np.float32)[labels]
    np.testing.assert_allclose(mapping(latents, weights), mapping(latents, labels), rtol=1e-6)


# Shapes and sizes


@pytest.mark.parametrize("resolution", [4, 8, 16, 32, 64])
def test_generator_makes_images_and_each_style_and_noise_map_reaches_them(resolution):
    model = make_generator(resolution)
    levels = len(resolutions_to(resolution))
    assert model.num_styles == len(model.synthesis.noise_sizes) == 2 * levels
    styles = tf.constant(normal(2, model.num_styles, 5))
    noise = model.synthesis.draw_noise(2, seed=1)
    with tf.GradientTape() as tape:
        tape.watch([styles, *noise])
        images = model.synthesis(styles, noise)
        total = tf.reduce_sum(images * normal(*images.shape))
    assert images.shape == (2, resolution, resolution, 3)
    assert images.dtype == tf.float32
    by_styles, *by_noise = tape.gradient(total, [styles, *noise])
    assert np.all(np.any(by_styles != 0, axis=2))
    assert all(np.any(gradient != 0) for gradient in by_noise)


@pytest.mark.parametrize(("size", "fade"), itertools.product([4, 8, 16], [1.0, 0.4]))
def test_exactly_the_variables_in_use_have_gradients(size, fade):
    generator, discriminator = make_generator(), make_discriminator()
    fades = fade != 1.0 and size > 4
    for model, run in (
        (
            generator,
            lambda: generator.synthesis(
                generator.truncate(generator.mapping(normal(4, 6))), size=size, fade=fade
            ),
        ),
        (discriminator, lambda: discriminator(normal(4, size, size, 3), fade=fade)),
    ):
        variables = model.trainable_variables
        with tf.GradientTape() as tape:
            y = run()
            total = tf.reduce_sum(y * normal(*y.shape, seed=1))
        gradients = tape.gradient(total, variables)
        reached = {v.path for v, g in zip(variables, gradients, strict=True) if g is not None}
        assert reached == {v.path for v in model.in_use(size, fades)}


@pytest.mark.parametrize("size", [8, 16])
def test_fade_goes_from_the_smaller_network_to_the_larger_one(size):
    generator, discriminator = make_generator(), make_discriminator()
    styles = generator.truncate(generator.mapping(normal(4, 6)))
    small, large = (generator.synthesis(styles, size=n, fade=1.0) for n in (size // 2, size))
    np.testing.assert_allclose(
        generator.synthesis(styles, size=size, fade=0.0), nearest_up(small), atol=1e-6
    )
    # A tensor that is 1 takes the other branch of the code to the same pictures.
    np.testing.assert_allclose(
        generator.synthesis(styles, size=size, fade=tf.constant(1.0)), large, atol=1e-6
    )
    expected = 0.7 * nearest_up(small) + 0.3 * large
    np.testing.assert_allclose(
        generator.synthesis(styles, size=size, fade=0.3), expected, atol=1e-5
    )
    images = normal(4, size, size, 3)
    np.testing.assert_allclose(
        discriminator(images, fade=0.0), discriminator(mean_down(images)), atol=1e-5
    )
    np.testing.assert_allclose(
        discriminator(images, fade=tf.constant(1.0)), discriminator(images), atol=1e-5
    )
    assert np.any(np.abs(discriminator(images, fade=0.5) - discriminator(images)) > 1e-3)


def test_a_generator_that_stopped_in_a_fade_draws_what_it_drew():
    grown = make_generator(16)
    stopped = make_generator(8, fade=0.3, channel_base=64)
    weights = {v.path.split("/", 1)[1]: v for v in grown.variables}
    for variable in stopped.variables:
        variable.assign(weights[variable.path.split("/", 1)[1]])
    latents = normal(2, 6)
    styles = grown.truncate(grown.mapping(latents))
    np.testing.assert_array_equal(stopped(latents), grown.synthesis(styles, size=8, fade=0.3))


@pytest.mark.paper_size
def test_sizes_are_the_published_ones():
    # As NVlabs/stylegan prints them for FFHQ.
    generator = StyleGANGenerator(1024)
    generator.build()
    assert count(generator.trainable_variables) == 26_219_627
    discriminator = StyleGANDiscriminator(1024)
    discriminator.build()
    assert count(discriminator.trainable_variables) == 23_087_249


def test_channels_halve_from_the_resolution_where_the_bound_ends():
    widths = [channels_at(size, 16384, 512) for size in resolutions_to(1024)]
    assert widths == [512, 512, 512, 512, 256, 128, 64, 32, 16]


# What the parts do


@pytest.mark.parametrize("resolution", [4, 8, 16])
def test_noise_strengths_start_at_zero_and_the_constant_at_ones(resolution):
    model = StyleGANGenerator(resolution, 6, 5, channel_base=64, channel_max=4)
    model.build()
    latents = normal(2, 6)
    np.testing.assert_array_equal(model(latents, noise="random"), model(latents, noise="none"))
    np.testing.assert_array_equal(model.synthesis.blocks[0].const, np.ones((4, 4, 4)))


def test_port_gives_both_layers_of_a_resolution_the_same_noise():
    model = make_generator(8, form="rosinality")
    styles = model.truncate(model.mapping(normal(2, 6)))
    maps = model.synthesis.draw_noise(2, seed=1)
    shared = [maps[0], maps[0], maps[2], maps[2]]
    np.testing.assert_array_equal(model.synthesis(styles, maps), model.synthesis(styles, shared))
    fixed = model.synthesis.fixed_noise()
    shared = [fixed[0], fixed[0], fixed[2], fixed[2]]
    np.testing.assert_allclose(
        model.synthesis(styles), model.synthesis(styles, shared), rtol=1e-6, atol=1e-6
    )
    official = make_generator(8)
    styles = official.truncate(official.mapping(normal(2, 6)))
    other = official.synthesis(styles, [maps[0], maps[0], maps[2], maps[2]])
    assert np.any(official.synthesis(styles, maps) != other)


def test_truncation_takes_the_first_eight_layers_unless_told_otherwise():
    model = make_generator(64)
    assert (model.num_styles, model.truncation_cutoff) == (10, 8)
    latents = normal(2, 6)
    styles = model.truncate(model.mapping(latents), 0.5)
    full = model.truncate(model.mapping(latents), 1.0)
    np.testing.assert_array_equal(styles[:, 8:], full[:, 8:])
    assert np.all(np.any(styles[:, :8] != full[:, :8], axis=2))
    np.testing.assert_array_equal(model(latents, truncation_psi=0.5), model.synthesis(styles))
    everywhere = model.truncate(model.mapping(latents), 0.0, None)
    average = np.broadcast_to(model.mapping.average.numpy(), everywhere.shape)
    np.testing.assert_allclose(everywhere, average, atol=1e-6)


def test_classes_steer_pictures_and_scores():
    generator = make_generator(8, class_names=CLASSES)
    latents = np.repeat(normal(1, 6), 3, axis=0)
    images = generator(latents, np.arange(3, dtype=np.int32))
    assert np.min(np.max(np.abs(images[1:] - images[:1]), axis=(1, 2, 3))) > 1e-3
    with pytest.raises(ValueError, match="A network of 3 classes needs labels"):
        generator(latents)
    discriminator = make_discriminator(8, num_classes=3)
    images = np.repeat(normal(1, 8, 8, 3), 3, axis=0)
    scores = discriminator(images, np.arange(3, dtype=np.int32)).numpy()[:, 0]
    assert len(np.unique(scores)) == 3
    mixed = discriminator(images, np.full((3, 3), 1 / 3, np.float32)).numpy()[:, 0]
    np.testing.assert_allclose(mixed, np.full(3, scores.mean()), rtol=1e-4)


def test_minibatch_deviation_tells_equal_pictures_from_different_ones():
    model = make_discriminator(8)
    images = normal(4, 8, 8, 3)
    alone = model(np.repeat(images[:1], 4, axis=0))
    assert abs(float(alone[0, 0] - model(images)[0, 0])) > 1e-3


@pytest.mark.parametrize("form", list(VARIANTS))
def test_saved_generator_draws_the_same_pictures(form, tmp_path):
    model = make_generator(16, form=form, class_names=CLASSES, fade=0.25)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    latents, labels = normal(3, 6), np.array([0, 1, 2], np.int32)
    np.testing.assert_array_equal(again(latents, labels), model(latents, labels))
    assert again.class_names == CLASSES


def test_bfloat16_agrees_with_float32():
    full, half = make_generator(16), make_generator(16, precision="bfloat16")
    latents = normal(4, 6)
    error = np.max(np.abs(half(latents) - full(latents))) / np.max(np.abs(full(latents)))
    assert 0 < error < 0.1  # eight bits, through six layers that each normalise
    critic, half_critic = make_discriminator(16), make_discriminator(16, precision="bfloat16")
    images = normal(4, 16, 16, 3)
    error = np.max(np.abs(half_critic(images) - critic(images))) / np.max(np.abs(critic(images)))
    assert 0 < error < 0.1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"resolution": 2}, "from 4 to 1024. Received: 2"),
        ({"resolution": 48}, "power of two from 4 to 1024. Received: 48"),
        ({"resolution": 64, "channel_base": 32}, "at least the resolution, 64. Received: 32"),
        ({"form": "tf1"}, "Received: 'tf1'"),
        ({"precision": "int8"}, "Received: 'int8'"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    for network in (StyleGANGenerator, StyleGANDiscriminator):
        with pytest.raises(ValueError, match=message):
            network(**{"resolution": 16, **arguments})


def test_resolutions_that_the_networks_lack_are_named():
    model = make_generator(16)
    styles = model.truncate(model.mapping(normal(2, 6)))
    with pytest.raises(ValueError, match=r"one of \[4, 8, 16\]. Received: 32"):
        model.synthesis(styles, size=32)
    with pytest.raises(ValueError, match=r"one of \[4, 8, 16\]. Received: 12"):
        make_discriminator(16)(normal(2, 12, 12, 3))
