"""StyleGAN2's networks: sizes, truncation, style mixing, noise, classes, files, precision."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.layers.layer_check import check_config, check_layer, randomize
from tfgan.layers.widths import channels_at
from tfgan.models.stylegan2 import (
    ARCHITECTURES,
    StyleGAN2Generator,
    StyleGAN2Mapping,
    StyleGAN2Synthesis,
    SynthesisBlock,
    SynthesisLayer,
    ToRGB,
)
from tfgan.models.stylegan2_discriminator import DiscriminatorBlock, StyleGAN2Discriminator

CLASSES = ("cat", "dog", "wild")


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def make_generator(resolution=16, spread=0.2, **kwargs):
    keras.utils.set_random_seed(0)
    small = {"latent_dim": 6, "style_dim": 5, "mapping_layers": 2}
    # Two channels at least: demodulation undoes the style of a single one.
    channels = {"channel_base": max(64, 2 * resolution), "channel_max": 4}
    model = StyleGAN2Generator(resolution, **{**small, **channels, **kwargs})
    model.build()
    randomize(model, spread=spread)  # Strengths and biases, which start at zero, act as well.
    return model


def make_discriminator(resolution=16, **kwargs):
    keras.utils.set_random_seed(0)
    small = {"channel_base": 64, "channel_max": 4, "label_layers": 2}
    model = StyleGAN2Discriminator(resolution, **{**small, **kwargs})
    model.build()
    randomize(model, spread=0.2)
    return model


# Layers


def test_mapping_passes_the_shared_check(tmp_path):
    dense = {f"fc{i}/{name}": (shape, True) for i, name, shape in [
        (0, "kernel", (11, 5)), (0, "bias", (5,)), (1, "kernel", (5, 5)), (1, "bias", (5,)),
    ]}  # fmt: skip
    check_layer(
        lambda dtype: StyleGAN2Mapping(6, 5, 3, 2, 0.1, dtype=dtype),
        [normal(4, 6), np.array([0, 2, 1, 2], np.int32)],
        (4, 5),
        {
            "embed/kernel": ((3, 5), True),
            "embed/bias": ((5,), True),
            **dense,
            "average": ((5,), False),
        },
        tmp_path,
        precisions=(),  # Always float32: it is small, and truncation needs its digits.
    )


@pytest.mark.parametrize("upsample", [False, True])
def test_synthesis_layer_passes_the_shared_check(upsample, tmp_path):
    size = (8, 12) if upsample else (4, 6)
    check_layer(
        lambda dtype: SynthesisLayer(3, upsample, gain=0.5, clamp=256.0, dtype=dtype),
        [normal(2, 4, 6, 4), normal(2, 5, seed=1), normal(2, *size, 1, seed=2)],
        (2, *size, 3),
        {
            "affine/kernel": ((5, 4), True),
            "affine/bias": ((4,), True),
            "conv/kernel": ((3, 3, 4, 3), True),
            "noise/strength": ((), True),
            "noise/fixed": ((*size, 1), False),
            "bias": ((3,), True),
        },
        tmp_path,
    )


def test_to_rgb_passes_the_shared_check(tmp_path):
    check_layer(
        lambda dtype: ToRGB(clamp=256.0, dtype=dtype),
        [normal(2, 4, 6, 4), normal(2, 5, seed=1)],
        (2, 4, 6, 3),
        {
            "affine/kernel": ((5, 4), True),
            "affine/bias": ((4,), True),
            "conv/kernel": ((1, 1, 4, 3), True),
            "bias": ((3,), True),
        },
        tmp_path,
        half_output=False,
    )


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_synthesis_passes_the_shared_check(architecture, tmp_path):
    layer = StyleGAN2Synthesis(8, 5, 16, 4, architecture)
    layer.build()
    variables = {
        v.path.split("/", 1)[1]: (tuple(v.shape), bool(v.trainable)) for v in layer.variables
    }
    check_layer(
        lambda dtype: StyleGAN2Synthesis(8, 5, 16, 4, architecture, dtype=dtype),
        [normal(2, 4, 5)],
        (2, 8, 8, 3),
        variables,
        tmp_path,
        precisions=(),  # Precision is an argument of its own, tested below.
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: SynthesisBlock(4, 8, "resnet", is_last=True, clamp=1.0),
        lambda: DiscriminatorBlock(4, 5, "skip", is_first=True, clamp=1.0),
        lambda: make_generator(8, class_names=CLASSES, precision="float16", clamp=9.0),
        lambda: make_discriminator(8, num_classes=3, precision="bfloat16", group_size=2),
    ],
)
def test_configuration_makes_an_equal_object(make):
    check_config(make())


def test_average_of_styles_moves_by_its_decay_towards_the_batch_mean():
    mapping = StyleGAN2Mapping(6, 5, 0, 1, average_decay=0.75)
    mapping.build()
    mapping.average.assign(np.full(5, 2.0))
    styles = normal(8, 5)
    mapping.update_average(styles)
    expected = 0.75 * 2.0 + 0.25 * styles.mean(axis=0)
    np.testing.assert_allclose(mapping.average, expected, rtol=1e-5)  # float32


# Shapes and sizes


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("resolution", [8, 16, 32, 64])
def test_generator_makes_images_and_each_style_and_noise_map_reaches_them(architecture, resolution):
    model = make_generator(resolution, architecture=architecture)
    levels = int(np.log2(resolution)) - 1
    assert model.num_styles == 2 * levels
    assert len(model.synthesis.noise_sizes) == 2 * levels - 1
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


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("resolution", [8, 16, 32, 64])
def test_discriminator_scores_images_and_trains_every_weight(architecture, resolution):
    model = make_discriminator(resolution, architecture=architecture)
    with tf.GradientTape() as tape:
        scores = model(normal(4, resolution, resolution, 3))
    assert scores.shape == (4, 1)
    assert scores.dtype == tf.float32
    assert len(np.unique(scores)) == 4
    weights = model.trainable_variables
    for weight, gradient in zip(weights, tape.gradient(scores, weights), strict=True):
        assert gradient is not None, weight.path
        assert np.any(gradient != 0), weight.path


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_images_exist_at_every_resolution_only_in_skip_networks(architecture):
    names = [v.path for v in make_generator(32, architecture=architecture).trainable_variables]
    heads = sum(name.endswith("torgb/conv/kernel") for name in names)
    assert heads == (4 if architecture == "skip" else 1)
    assert sum("/skip/" in name for name in names) == (3 if architecture == "resnet" else 0)
    names = [v.path for v in make_discriminator(32, architecture=architecture).trainable_variables]
    heads = sum(name.endswith("fromrgb/kernel") for name in names)
    assert heads == (4 if architecture == "skip" else 1)
    assert sum("/skip/" in name for name in names) == (3 if architecture == "resnet" else 0)


def count(variables):
    return sum(int(np.prod(v.shape)) for v in variables)


def published_widths(resolution):
    """Channels of config f from 4x4 upwards, written out from the published table."""
    table = {4: 512, 8: 512, 16: 512, 32: 512, 64: 512, 128: 256, 256: 128, 512: 64, 1024: 32}
    return [width for size, width in table.items() if size <= resolution]


@pytest.mark.paper_size
def test_generator_of_config_f_has_the_published_number_of_parameters(monkeypatch):
    # Only the sizes matter: drawing 30 million normal numbers takes longer than all the rest.
    monkeypatch.setattr(keras.initializers, "RandomNormal", lambda stddev: "zeros")
    model = StyleGAN2Generator(1024)
    model.build()
    widths = published_widths(1024)
    to_style, rgb = 512 + 1, 3
    # The first convolution: the constant, affine, weights, strength, bias.
    expected = 16 * 512 + (to_style + 9 * 512 + 1) * 512 + 1
    for before, after in itertools.pairwise(widths):
        expected += to_style * before + 9 * before * after + 1 + after
        expected += to_style * after + 9 * after * after + 1 + after
    expected += sum(to_style * width + rgb * width + rgb for width in widths)
    synthesis = count(model.synthesis.trainable_variables)
    assert synthesis == expected
    assert round(synthesis / 1e6, 2) == 28.27
    assert count(model.mapping.trainable_variables) == 8 * (512 * 512 + 512)
    assert model.num_styles == 18


@pytest.mark.paper_size
def test_discriminator_of_config_f_has_the_published_number_of_parameters(monkeypatch):
    monkeypatch.setattr(keras.initializers, "RandomNormal", lambda stddev: "zeros")
    model = StyleGAN2Discriminator(1024)
    model.build()
    widths = published_widths(1024)
    expected = (3 + 1) * 32  # From RGB.
    for after, before in itertools.pairwise(widths):
        expected += (9 * before + 1) * before + (9 * before + 1) * after + before * after
    expected += (9 * 513 + 1) * 512 + (16 * 512 + 1) * 512 + 512 + 1
    assert count(model.trainable_variables) == expected
    assert round(expected / 1e6, 2) == 29.01


def test_channels_halve_with_each_doubling_below_their_maximum():
    sizes = [4, 8, 16, 32, 64, 128, 256, 512, 1024]
    assert [channels_at(size, 32768, 512) for size in sizes] == published_widths(1024)
    assert channels_at(64, 16384, 512) == 256  # Config e.


# Truncation and mixing


def test_truncation_psi_of_one_leaves_styles_untouched():
    model = make_generator()
    styles = model.mapping(normal(3, 6))
    truncated = model.truncate(styles, 1.0)
    assert np.all(model.mapping.average.numpy() != 0)
    np.testing.assert_array_equal(truncated, np.repeat(styles.numpy()[:, None], 6, axis=1))
    np.testing.assert_array_equal(model.truncate(truncated, 1.0), truncated)


def test_truncation_psi_of_zero_gives_one_picture():
    model = make_generator()
    latents = normal(3, 6)
    images = model(latents, truncation_psi=0.0).numpy()
    average = model.synthesis(np.tile(model.mapping.average.numpy(), [1, 6, 1]))
    # Kernels sum the rows of a batch in different orders of float32.
    np.testing.assert_allclose(images, np.repeat(average, 3, axis=0), rtol=1e-5, atol=1e-5)
    assert np.max(np.abs(np.diff(model(latents).numpy(), axis=0))) > 0.01


@pytest.mark.parametrize("cutoff", [0, 2, 6, None])
def test_truncation_moves_only_the_layers_before_the_cutoff(cutoff):
    model = make_generator()
    styles, average = normal(3, 6, 5), model.mapping.average.numpy()
    truncated = model.truncate(styles, 0.25, cutoff).numpy()
    layers = 6 if cutoff is None else cutoff
    np.testing.assert_array_equal(truncated[:, layers:], styles[:, layers:])
    expected = average + 0.25 * (styles[:, :layers] - average)
    np.testing.assert_allclose(truncated[:, :layers], expected, rtol=1e-5, atol=1e-6)  # float32


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_last_style_acts_through_the_last_to_rgb_alone(architecture):
    model = make_generator(architecture=architecture)
    styles = normal(1, 6, 5)
    changed = styles.copy()
    changed[:, -1] *= -3.0
    before = model.synthesis(styles)
    assert np.max(np.abs(model.synthesis(changed) - before)) > 0.01
    model.synthesis.blocks[-1].torgb.conv.kernel.assign(np.zeros((1, 1, 4, 3)))
    np.testing.assert_array_equal(model.synthesis(changed), model.synthesis(styles))


def test_styles_of_the_last_resolution_leave_the_lower_resolutions_as_they_were():
    # In a skip network whose last ToRGB is silent, the picture is that of the resolutions below.
    model = make_generator()
    model.synthesis.blocks[-1].torgb.conv.kernel.assign(np.zeros((1, 1, 4, 3)))
    styles = normal(1, 6, 5)
    before = model.synthesis(styles)
    late, early = styles.copy(), styles.copy()
    late[:, 4:] = normal(1, 2, 5, seed=1)
    early[:, :4] = normal(1, 4, 5, seed=1)
    np.testing.assert_array_equal(model.synthesis(late), before)
    assert np.max(np.abs(model.synthesis(early) - before)) > 0.01


def test_each_example_may_mix_its_own_styles():
    model = make_generator()
    styles = normal(2, 6, 5)
    mixed = np.concatenate([styles[:1, :3], styles[1:, 3:]], axis=1)
    together = model.synthesis(np.concatenate([styles, mixed]))
    # The same numbers in a batch of another size.
    np.testing.assert_allclose(together[2:], model.synthesis(mixed), rtol=1e-5, atol=1e-5)
    assert np.max(np.abs(together[2] - together[0])) > 0.01
    assert np.max(np.abs(together[2] - together[1])) > 0.01


# Noise


def test_random_noise_follows_its_seed():
    model = make_generator()
    latents = np.repeat(normal(1, 6), 2, axis=0)
    first = model(latents, noise="random", seed=1).numpy()
    np.testing.assert_array_equal(model(latents, noise="random", seed=1), first)
    other = model(latents, noise="random", seed=2).numpy()
    assert np.max(np.abs(other - first)) > 0.01
    assert np.max(np.abs(first[1] - first[0])) > 0.01  # Each example has its own.


def test_noise_maps_of_layers_differ():
    maps = make_generator().synthesis.draw_noise(2, seed=3)
    flat = np.concatenate([np.ravel(m) for m in maps])
    assert [m.shape[1:] for m in maps] == [(s, s, 1) for s in (4, 8, 8, 16, 16)]
    assert len(np.unique(flat)) == flat.size
    assert abs(flat.std() - 1.0) < 0.1  # 1312 draws: one deviation is 2 per cent.


def test_fixed_noise_repeats_and_is_the_same_for_all_examples():
    model = make_generator()
    latents = np.repeat(normal(1, 6), 2, axis=0)
    images = model(latents).numpy()
    # Kernels sum the rows of a batch in different orders of float32.
    np.testing.assert_allclose(images[1], images[0], rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(model(latents, noise="fixed"), images)
    maps = [
        layer.noise.fixed.numpy()[None]
        for block in model.synthesis.blocks
        for layer in (block.conv0, block.conv1)
        if layer is not None
    ]
    np.testing.assert_allclose(model(latents, noise=maps), images, rtol=1e-6, atol=1e-6)  # float32


def test_no_noise_is_noise_of_strength_zero():
    model = make_generator()
    latents = normal(2, 6)
    silent, fixed = model(latents, noise="none").numpy(), model(latents).numpy()
    assert np.max(np.abs(silent - fixed)) > 0.01
    strengths = [v for v in model.variables if v.path.endswith("strength")]
    assert len(strengths) == 5
    for strength in strengths:
        strength.assign(0.0)
    np.testing.assert_array_equal(model(latents, noise="none"), silent)
    np.testing.assert_array_equal(model(latents, noise="fixed"), silent)
    np.testing.assert_array_equal(model(latents, noise="random", seed=5), silent)


# Classes


def test_labels_change_the_pictures_and_indices_equal_one_hot_rows():
    model = make_generator(class_names=CLASSES)
    latents = np.repeat(normal(1, 6), 3, axis=0)
    labels = np.array([0, 1, 2])
    images = model(latents, labels).numpy()
    for a, b in itertools.combinations(images, 2):
        assert np.max(np.abs(a - b)) > 1e-3
    np.testing.assert_array_equal(model(latents, np.eye(3, dtype=np.float32)), images)


def test_labels_change_the_scores_and_indices_equal_one_hot_rows():
    model = make_discriminator(num_classes=3)
    images = np.repeat(normal(1, 16, 16, 3), 3, axis=0)
    scores = model(images, np.array([0, 1, 2])).numpy()
    assert scores.shape == (3, 1)
    assert len(np.unique(np.round(scores, 4))) == 3
    np.testing.assert_array_equal(model(images, np.eye(3, dtype=np.float32)), scores)


def test_missing_labels_are_refused():
    with pytest.raises(ValueError, match="A network of 3 classes needs labels"):
        make_generator(8, class_names=CLASSES)(normal(2, 6))
    with pytest.raises(ValueError, match="A network of 3 classes needs labels"):
        make_discriminator(8, num_classes=3)(normal(2, 8, 8, 3))


# Files and graphs


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_saved_generator_keeps_every_variable_and_the_class_names(architecture, tmp_path):
    model = make_generator(8, class_names=CLASSES, architecture=architecture)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded) is StyleGAN2Generator
    assert loaded.class_names == CLASSES
    assert loaded.get_config() == model.get_config()
    saved, restored = ({v.path: v.numpy() for v in m.variables} for m in (model, loaded))
    assert set(restored) == set(saved)
    for path, value in saved.items():
        np.testing.assert_array_equal(restored[path], value, path)
    latents, labels = normal(2, 6), np.array([2, 0])
    np.testing.assert_array_equal(loaded(latents, labels), model(latents, labels))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_saved_discriminator_keeps_every_variable(architecture, tmp_path):
    model = make_discriminator(8, num_classes=3, architecture=architecture)
    model.save(tmp_path / "critic.keras")
    loaded = keras.saving.load_model(tmp_path / "critic.keras")
    saved, restored = ({v.path: v.numpy() for v in m.variables} for m in (model, loaded))
    assert set(restored) == set(saved)
    images, labels = normal(2, 8, 8, 3), np.array([2, 0])
    np.testing.assert_array_equal(loaded(images, labels), model(images, labels))


@pytest.mark.parametrize("noise", ["fixed", "random", "none"])
def test_graph_with_an_unknown_batch_size_makes_the_same_images(noise):
    model = make_generator(8)

    @tf.function(input_signature=[tf.TensorSpec([None, 6]), tf.TensorSpec([])])
    def graph(latents, psi):
        return model(latents, truncation_psi=psi, noise=noise, seed=3)

    latents = normal(3, 6)
    images = model(latents, truncation_psi=0.7, noise=noise, seed=3)
    # Fused kernels round float32 in another order.
    np.testing.assert_allclose(graph(latents, 0.7), images, rtol=1e-4, atol=1e-5)


# Precision


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_reduced_precision_gives_float32_outputs_near_those_of_float32(precision, architecture):
    exact = make_generator(architecture=architecture)
    half = make_generator(architecture=architecture, precision=precision, half_resolutions=2)
    half.set_weights(exact.get_weights())
    latents = normal(2, 6)
    images, expected = half(latents), exact(latents).numpy()
    assert images.dtype == tf.float32
    assert {v.dtype for v in half.variables} == {"float32"}
    # Ten layers, each with a few roundings of 2^-11 or 2^-8.
    tolerance = 40 * {"float16": 2.0**-11, "bfloat16": 2.0**-8}[precision]
    error = np.max(np.abs(images - expected)) / np.max(np.abs(expected))
    assert 0 < error < tolerance

    exact = make_discriminator(architecture=architecture)
    half = make_discriminator(architecture=architecture, precision=precision, half_resolutions=2)
    half.set_weights(exact.get_weights())
    images = normal(4, 16, 16, 3)
    scores, expected = half(images), exact(images).numpy()
    assert scores.dtype == tf.float32
    error = np.max(np.abs(scores - expected)) / np.max(np.abs(expected))
    assert 0 < error < tolerance


def test_reduced_precision_is_used_in_the_top_resolutions_alone():
    def dtypes(model):
        return {block.name: block.compute_dtype for block in model.blocks}

    generator = make_generator(32, precision="float16", half_resolutions=2)
    low, high = dict.fromkeys(["b4", "b8"], "float32"), dict.fromkeys(["b16", "b32"], "float16")
    assert dtypes(generator.synthesis) == {**low, **high}
    critic = make_discriminator(32, precision="float16", half_resolutions=2)
    assert dtypes(critic) == {"b8": "float32", **high}
    # 4x4 stays in float32 however many are asked for.
    generator = make_generator(8, precision="bfloat16", half_resolutions=9)
    assert dtypes(generator.synthesis) == {"b4": "float32", "b8": "bfloat16"}


def test_float32_networks_ignore_the_number_of_reduced_resolutions():
    latents, images = normal(2, 6), normal(2, 16, 16, 3)
    reference, other = make_generator(half_resolutions=0), make_generator(half_resolutions=9)
    np.testing.assert_array_equal(other(latents), reference(latents))
    reduced = make_generator(precision="float16", half_resolutions=0, clamp=1e6)
    np.testing.assert_array_equal(reduced(latents), reference(latents))
    reference, other = make_discriminator(half_resolutions=0), make_discriminator()
    np.testing.assert_array_equal(other(images), reference(images))


def test_float16_is_clamped_at_256_unless_told_otherwise():
    for precision, clamp, bound in [
        ("float32", None, None),
        ("bfloat16", None, None),
        ("float16", None, 256.0),
        ("float16", 8.0, 8.0),
        ("float32", 8.0, 8.0),
    ]:
        generator = make_generator(8, precision=precision, clamp=clamp)
        critic = make_discriminator(8, precision=precision, clamp=clamp)
        layers = [*generator._flatten_layers(), *critic._flatten_layers()]
        bounded = [
            layer for layer in layers if hasattr(layer, "clamp") and layer.name != "skip"
            and not isinstance(layer, (keras.Model, StyleGAN2Synthesis))
        ]  # fmt: skip
        assert len(bounded) > 8
        assert {layer.clamp for layer in bounded} == {bound}


def test_clamp_bounds_features_and_pictures():
    free, bounded = make_generator(8), make_generator(8, clamp=0.01)
    latents = normal(2, 6)
    assert np.max(np.abs(free(latents))) > 0.1
    # Two resolutions, each at most the clamp; FIR up-sampling exceeds no maximum.
    assert np.max(np.abs(bounded(latents))) <= 0.02 + 1e-6
    features, _ = bounded.synthesis.blocks[0](None, None, normal(2, 2, 5), [None])
    assert np.max(np.abs(features)) == pytest.approx(0.01)
    critic = make_discriminator(8, clamp=0.01, architecture="orig")
    features, _ = critic.blocks[0](None, normal(2, 8, 8, 3))
    assert np.max(np.abs(features)) == pytest.approx(0.01)


def test_activations_beyond_float16_stay_finite():
    model = make_generator(precision="float16")
    model.synthesis.blocks[0].const.assign(np.full((4, 4, 4), 1e6))
    for block in model.synthesis.blocks:
        block.conv1.bias.assign(np.full(4, 1e6))
    assert np.all(np.isfinite(model(normal(2, 6))))
    critic = make_discriminator(precision="float16")
    critic.blocks[0].conv0.kernel.assign(np.full((3, 3, 4, 4), 1e4))
    assert np.all(np.isfinite(critic(normal(2, 16, 16, 3))))


# Errors


@pytest.mark.parametrize(
    "make",
    [StyleGAN2Generator, StyleGAN2Synthesis, StyleGAN2Discriminator],
    ids=lambda m: m.__name__,
)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"resolution": 100}, r"power of two from 8 to 1024. Received: 100"),
        ({"resolution": 4}, r"power of two from 8 to 1024. Received: 4"),
        ({"resolution": 2048}, r"power of two from 8 to 1024. Received: 2048"),
        ({"channel_base": 7}, r"channel_base must be at least the resolution, 8. Received: 7"),
        ({"architecture": "vgg"}, r"architecture must be one of .*'resnet'.*Received: 'vgg'"),
        ({"precision": "float8"}, r"precision must be one of .*'bfloat16'.*Received: 'float8'"),
    ],
)
def test_wrong_arguments_are_refused_with_what_was_given(make, arguments, message):
    with pytest.raises(ValueError, match=message):
        make(**{"resolution": 8, **arguments})


def test_unknown_noise_mode_is_refused():
    with pytest.raises(ValueError, match=r"noise must be one of .*'random'.*Received: 'loud'"):
        make_generator(8)(normal(1, 6), noise="loud")
