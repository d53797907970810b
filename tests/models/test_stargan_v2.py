"""StarGAN v2's networks: sizes, domains, styles, high-pass skips, files, precision."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.layers.layer_check import check_config, check_layer, randomize
from tfgan.models.stargan_v2 import (
    ImageFeatures,
    StarGANv2,
    StarGANv2Discriminator,
    StarGANv2Generator,
    StarGANv2Mapping,
    StarGANv2StyleEncoder,
    channels_at,
)

DOMAINS = ("cat", "dog", "wild")
SMALL = {"channel_base": 128, "channel_max": 6}


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def images_of(batch, size=32, seed=0):
    return np.tanh(normal(batch, size, size, 3, seed=seed))


@keras.saving.register_keras_serializable("tests")
class BrightnessMasks(keras.layers.Layer):
    """Stands in for a landmark network: masks are how bright an image is."""

    def build(self, input_shape=None):
        self.gain = self.add_weight(name="gain", shape=(), initializer="ones")

    def masks(self, x):
        gray = tf.reduce_mean(x, axis=-1, keepdims=True)
        return tf.sigmoid(self.gain * gray), tf.sigmoid(-self.gain * gray)


def make_model(resolution=32, **kwargs):
    keras.utils.set_random_seed(0)
    small = {"latent_dim": 5, "style_dim": 4, "mapping_width": 8, **SMALL}
    if kwargs.get("w_hpf"):
        small["landmarks"] = BrightnessMasks(name="landmarks")
        small["landmarks"].build()
    model = StarGANv2(resolution, DOMAINS, **{**small, **kwargs})
    model.build()
    randomize(model, spread=0.05)  # Biases, which start at zero, act as well.
    return model


def make_discriminator(resolution=32, **kwargs):
    keras.utils.set_random_seed(0)
    model = StarGANv2Discriminator(resolution, len(DOMAINS), **{**SMALL, **kwargs})
    model.build()
    randomize(model, spread=0.05)
    return model


def check_network(make, inputs, output_shape, folder):
    layer = make(dtype="float32")
    layer.build()
    variables = {
        v.path.split("/", 1)[1]: (tuple(v.shape), bool(v.trainable)) for v in layer.variables
    }
    # Precision is an argument of its own, tested below.
    return check_layer(make, inputs, output_shape, variables, folder, precisions=())


def test_mapping_passes_the_shared_check(tmp_path):
    check_network(
        lambda dtype: StarGANv2Mapping(3, 5, 4, 8, dtype=dtype),
        [normal(4, 5), np.array([2, 0, 1, 2], np.int32)],
        (4, 4),
        tmp_path,
    )


def test_style_encoder_passes_the_shared_check(tmp_path):
    check_network(
        lambda dtype: StarGANv2StyleEncoder(32, 3, 4, **SMALL, dtype=dtype),
        [images_of(3), np.array([2, 0, 1], np.int32)],
        (3, 4),
        tmp_path,
    )


def test_image_features_pass_the_shared_check(tmp_path):
    check_network(
        lambda dtype: ImageFeatures(32, **SMALL, dtype=dtype), [images_of(2)], (2, 6), tmp_path
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: make_model(w_hpf=0.5, precision="bfloat16"),
        lambda: make_model(),
        lambda: make_discriminator(precision="float16"),
        lambda: StarGANv2Generator(32, 4, 2.0, **SMALL, precision="bfloat16"),
    ],
)
def test_configuration_makes_an_equal_object(make):
    check_config(make())


@pytest.mark.parametrize("w_hpf", [0.0, 1.0])
@pytest.mark.parametrize("resolution", [32, 64, 128])
def test_model_translates_and_trains_every_weight(resolution, w_hpf):
    model = make_model(resolution, w_hpf=w_hpf)
    x, labels = images_of(4, resolution), np.array([2, 0, 1, 2])
    with tf.GradientTape() as tape:
        images = model(x, normal(4, 5), labels)
        styles = model.style_from_reference(x, labels)
        # Squared norms of styles alone would not see the order of a batch.
        total = tf.reduce_sum(images * normal(*images.shape)) + tf.reduce_sum(styles * normal(4, 4))
    assert images.shape == (4, resolution, resolution, 3)
    assert images.dtype == tf.float32
    weights = model.trainable_variables
    assert not any("landmarks" in weight.path for weight in weights)
    for weight, gradient in zip(weights, tape.gradient(total, weights), strict=True):
        assert gradient is not None, weight.path
        assert np.any(gradient != 0), weight.path


@pytest.mark.parametrize("resolution", [32, 64, 128])
def test_discriminator_scores_images_and_trains_every_weight(resolution):
    model = make_discriminator(resolution)
    with tf.GradientTape() as tape:
        scores = model(images_of(4, resolution), np.array([2, 0, 1, 2]))
    assert scores.shape == (4, 1)
    assert scores.dtype == tf.float32
    weights = model.trainable_variables
    for weight, gradient in zip(weights, tape.gradient(scores, weights), strict=True):
        assert np.any(gradient != 0), weight.path


@pytest.mark.parametrize(("w_hpf", "smallest"), [(0.0, 16), (1.0, 8)])
def test_encoder_ends_at_sixteen_pixels_or_at_eight_with_skips(w_hpf, smallest):
    layer = StarGANv2Generator(64, 4, w_hpf, **SMALL)
    layer.build()
    x = layer.from_rgb(images_of(1, 64))
    for block in layer.encoder:
        x = block(x)
    assert x.shape == (1, smallest, smallest, 6)
    assert [b.downsample for b in layer.encoder].count(False) == 2
    assert [b.upsample for b in layer.decoder].count(False) == 2
    assert {b.shortcut for b in layer.decoder} == {not w_hpf}


def test_channels_double_to_their_maximum_and_the_first_has_none():
    assert channels_at(256, 5, 16384, 512) == [64, 128, 256, 512, 512, 512]
    assert channels_at(32, 1, 16384, 512) == [512, 512]
    assert channels_at(64, 2, 16384, 128) == [256, 128, 128]


# Domains and styles


def test_every_domain_is_reached_from_the_same_latent_and_the_same_picture():
    model, critic = make_model(), make_discriminator()
    x, latents = np.repeat(images_of(1), 3, axis=0), np.repeat(normal(1, 5), 3, axis=0)
    labels = np.arange(3)
    by_latent = model.style_from_latent(latents, labels).numpy()
    by_reference = model.style_from_reference(x, labels).numpy()
    translations = model.translate(x, by_latent).numpy()
    scores = critic(x, labels).numpy()
    for results in (by_latent, by_reference, translations, scores):
        for a, b in itertools.combinations(results, 2):
            assert np.max(np.abs(a - b)) > 1e-3


@pytest.mark.parametrize("rows", [1, 2, 4])
def test_examples_do_not_depend_on_the_others_of_their_batch(rows):
    model, critic = make_model(), make_discriminator()
    x, latents, labels = images_of(4), normal(4, 5), np.array([2, 0, 1, 2])
    some = (x[:rows], latents[:rows], labels[:rows])
    # With fewer rows than domains, heads compute in another way; float32 sums.
    close = {"rtol": 1e-4, "atol": 1e-5}
    np.testing.assert_allclose(model(*some), model(x, latents, labels)[:rows], **close)
    encoded = model.style_from_reference(x, labels)[:rows]
    np.testing.assert_allclose(model.style_from_reference(some[0], some[2]), encoded, **close)
    np.testing.assert_allclose(critic(some[0], some[2]), critic(x, labels)[:rows], **close)


def test_model_joins_its_networks():
    model = make_model(w_hpf=1.0)
    x, latents, labels = images_of(2), normal(2, 5), np.array([2, 0])
    styles = model.mapping(latents, labels)
    images = model.generator(x, styles, model.landmarks.masks(x))
    np.testing.assert_array_equal(model(x, latents, labels), images)
    np.testing.assert_array_equal(model.translate(x, styles), images)


# High-pass skips


def test_masks_open_the_skips_and_weight_scales_them():
    keras.utils.set_random_seed(0)
    strong, weak = (StarGANv2Generator(64, 4, w, **SMALL) for w in (1.0, 4.0))
    x, style = images_of(1, 64), normal(1, 4)
    shut, half, full = ((m * np.ones((1, 64, 64, 1), np.float32),) * 2 for m in (0, 0.25, 1))
    strong.build()
    weak.build()
    weak.set_weights(strong.get_weights())
    np.testing.assert_array_equal(weak(x, style, shut), strong(x, style, shut))
    assert np.max(np.abs(strong(x, style, full) - strong(x, style, shut))) > 0.01
    # Both scale the same linear term.
    np.testing.assert_allclose(weak(x, style, full), strong(x, style, half), rtol=1e-4, atol=1e-5)


def test_first_mask_acts_at_thirty_two_pixels_and_the_second_above():
    x, style = images_of(1, 64), normal(1, 4)
    empty, full = np.zeros((1, 64, 64, 1), np.float32), np.ones((1, 64, 64, 1), np.float32)
    for resolution, acts in [(32, (True, False)), (64, (True, True))]:
        layer = StarGANv2Generator(resolution, 4, 1.0, **SMALL)
        small = x[:, :resolution, :resolution]
        shut = layer(small, style, (empty, empty))
        opened = [layer(small, style, masks) for masks in ((full, empty), (empty, full))]
        assert tuple(bool(np.any(images != shut)) for images in opened) == acts


# Files and graphs


@pytest.mark.parametrize("w_hpf", [0.0, 0.5])
def test_saved_model_keeps_every_variable_and_the_domain_names(w_hpf, tmp_path):
    model = make_model(w_hpf=w_hpf)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded) is StarGANv2
    assert loaded.domain_names == DOMAINS
    assert loaded.get_config() == model.get_config()
    saved, restored = ({v.path: v.numpy() for v in m.variables} for m in (model, loaded))
    assert set(restored) == set(saved)
    for path, value in saved.items():
        np.testing.assert_array_equal(restored[path], value, path)
    x, latents, labels = images_of(2), normal(2, 5), np.array([2, 0])
    np.testing.assert_array_equal(loaded(x, latents, labels), model(x, latents, labels))


def test_saved_discriminator_keeps_every_variable(tmp_path):
    model = make_discriminator()
    model.save(tmp_path / "critic.keras")
    loaded = keras.saving.load_model(tmp_path / "critic.keras")
    saved, restored = ({v.path: v.numpy() for v in m.variables} for m in (model, loaded))
    assert set(restored) == set(saved)
    x, labels = images_of(2), np.array([2, 0])
    np.testing.assert_array_equal(loaded(x, labels), model(x, labels))


@pytest.mark.parametrize("w_hpf", [0.0, 1.0])
def test_graph_with_an_unknown_batch_size_makes_the_same_images(w_hpf):
    model = make_model(w_hpf=w_hpf)
    signature = [([None, 32, 32, 3], "float32"), ([None, 5], "float32"), ([None], "int32")]

    @tf.function(input_signature=[tf.TensorSpec(*spec) for spec in signature])
    def graph(x, latents, labels):
        return model(x, latents, labels), model.style_from_reference(x, labels)

    inputs = images_of(2), normal(2, 5), np.array([2, 0], np.int32)
    images, styles = graph(*inputs)
    # Fused kernels round float32 in another order.
    np.testing.assert_allclose(images, model(*inputs), rtol=1e-4, atol=1e-5)
    expected = model.style_from_reference(inputs[0], inputs[2])
    np.testing.assert_allclose(styles, expected, rtol=1e-4, atol=1e-5)


# Precision


@pytest.mark.parametrize("w_hpf", [0.0, 1.0])
@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_reduced_precision_gives_float32_outputs_near_those_of_float32(precision, w_hpf):
    exact, half = make_model(w_hpf=w_hpf), make_model(w_hpf=w_hpf, precision=precision)
    half.set_weights(exact.get_weights())
    critic, half_critic = make_discriminator(), make_discriminator(precision=precision)
    half_critic.set_weights(critic.get_weights())
    assert {v.dtype for v in [*half.variables, *half_critic.variables]} == {"float32"}
    x, latents, labels = images_of(2), normal(2, 5), np.array([2, 0])
    # A dozen layers, each with a few roundings of 2^-11 or 2^-8.
    tolerance = 40 * {"float16": 2.0**-11, "bfloat16": 2.0**-8}[precision]
    for actual, expected in [
        (half(x, latents, labels), exact(x, latents, labels)),
        (half.style_from_reference(x, labels), exact.style_from_reference(x, labels)),
        (half_critic(x, labels), critic(x, labels)),
    ]:
        assert actual.dtype == tf.float32
        error = np.max(np.abs(actual - expected)) / np.max(np.abs(expected))
        assert 0 < error < tolerance
    styles = half.style_from_latent(latents, labels)
    np.testing.assert_array_equal(styles, exact.style_from_latent(latents, labels))


def test_all_convolutions_use_the_precision_that_was_asked_for():
    model, critic = make_model(precision="bfloat16"), make_discriminator(precision="bfloat16")
    layers = [*model._flatten_layers(), *critic._flatten_layers()]
    convs = [layer for layer in layers if isinstance(layer, keras.layers.Conv2D)]
    assert len(convs) > 20
    assert {layer.compute_dtype for layer in convs} == {"bfloat16"}


# Errors


@pytest.mark.parametrize(
    "make",
    [
        lambda resolution=32, **kwargs: StarGANv2(resolution, DOMAINS, **kwargs),
        lambda resolution=32, **kwargs: StarGANv2Discriminator(resolution, 3, **kwargs),
        lambda resolution=32, **kwargs: StarGANv2StyleEncoder(resolution, 3, **kwargs),
        lambda resolution=32, **kwargs: StarGANv2Generator(resolution, **kwargs),
    ],
    ids=["model", "discriminator", "style_encoder", "generator"],
)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"resolution": 100}, r"power of two from 32 to 1024. Received: 100"),
        ({"resolution": 16}, r"power of two from 32 to 1024. Received: 16"),
        ({"resolution": 2048}, r"power of two from 32 to 1024. Received: 2048"),
        ({"channel_base": 31}, r"channel_base must be at least the resolution, 32. Received: 31"),
        ({"precision": "float8"}, r"precision must be one of .*'bfloat16'.*Received: 'float8'"),
    ],
)
def test_wrong_arguments_are_refused_with_what_was_given(make, arguments, message):
    with pytest.raises(ValueError, match=message):
        make(**arguments)


@pytest.mark.parametrize("names", [(), ("cat",), ("cat", "dog", "cat")])
def test_domains_that_are_too_few_or_repeated_are_refused(names):
    with pytest.raises(ValueError, match=r"domain_names must be two names or more, all different"):
        StarGANv2(32, names)


def test_high_pass_without_landmarks_is_refused_and_so_is_the_reverse():
    with pytest.raises(ValueError, match=r"Received: w_hpf 1.0 and None. Use w_hpf=0"):
        StarGANv2(32, DOMAINS, w_hpf=1.0)
    with pytest.raises(ValueError, match=r"landmarks must be given if w_hpf is above 0"):
        StarGANv2(32, DOMAINS, landmarks=BrightnessMasks())
    with pytest.raises(ValueError, match=r"w_hpf must be 0.*Received: -1"):
        StarGANv2Generator(32, w_hpf=-1)


def test_missing_masks_are_refused():
    layer = StarGANv2Generator(32, 4, 1.0, **SMALL)
    with pytest.raises(ValueError, match=r"A network with w_hpf 1.0 needs masks"):
        layer(images_of(1), normal(1, 4))
