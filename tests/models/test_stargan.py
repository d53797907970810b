"""StarGAN's networks: sizes, labels, padding, files, precision."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.layers.layer_check import check_config, check_layer, randomize
from tests.layers.plain import convolve, convolve_transposed
from tfgan.label_sets import LabelSet, encode_labels, with_label
from tfgan.models.stargan import (
    InstanceNormResidualBlock,
    StarGAN,
    StarGANDiscriminator,
    StarGANGenerator,
)

FACES = LabelSet("faces", "attributes", ("Black", "Blond", "Male"), (("Black", "Blond"),))
MOODS = LabelSet("moods", "classes", ("angry", "happy"))
SETS = (FACES, MOODS)
SMALL = {"conv_dim": 4, "num_blocks": 1}


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def images_of(batch, size=32, seed=0):
    return np.tanh(normal(batch, size, size, 3, seed=seed))


def labels_of(batch, seed=1):
    return np.random.default_rng(seed).integers(0, 2, (batch, 7)).astype(np.float32)


def make_model(resolution=32, **kwargs):
    keras.utils.set_random_seed(0)
    model = StarGAN(resolution, SETS, **{**SMALL, **kwargs})
    model.build()
    randomize(model, spread=0.05)
    return model


def make_discriminator(resolution=32, **kwargs):
    keras.utils.set_random_seed(0)
    model = StarGANDiscriminator(resolution, 5, **{"conv_dim": 4, **kwargs})
    model.build()
    return model


# Layers


def test_residual_block_passes_the_shared_check(tmp_path):
    check_layer(
        lambda dtype: InstanceNormResidualBlock(dtype=dtype),
        [normal(2, 4, 6, 3)],
        (2, 4, 6, 3),
        {f"conv{i}/kernel": ((3, 3, 3, 3), True) for i in (1, 2)}
        | {f"norm{i}/{name}": ((3,), True) for i in (1, 2) for name in ("gamma", "beta")},
        tmp_path,
    )


@pytest.mark.parametrize("labels", [3, 8])
def test_generator_passes_the_shared_check(labels, tmp_path):
    norms = {"from_rgb": 4, "down0": 8, "down1": 16, "b0/norm1": 16, "b0/norm2": 16}
    norms |= {"up0": 8, "up1": 4}
    kernels = {
        "from_rgb": (7, 7, 3 + labels, 4),
        "down0": (4, 4, 4, 8),
        "down1": (4, 4, 8, 16),
        "b0/conv1": (3, 3, 16, 16),
        "b0/conv2": (3, 3, 16, 16),
        "up0": (4, 4, 8, 16),  # transposed: [H, W, out, in]
        "up1": (4, 4, 4, 8),
        "to_rgb": (7, 7, 4, 3),
    }
    check_layer(
        lambda dtype: StarGANGenerator(32, labels, **SMALL, dtype=dtype),
        [images_of(2), normal(2, labels)],
        (2, 32, 32, 3),
        {f"{name}/kernel": (shape, True) for name, shape in kernels.items()}
        | {
            f"{name if 'norm' in name else f'{name}_norm'}/{part}": ((width,), True)
            for name, width in norms.items()
            for part in ("gamma", "beta")
        },
        tmp_path,
        precisions=(),  # an argument of its own, tested below
    )


def plain_norm(x, layer):
    x = x - x.mean(axis=(1, 2), keepdims=True)
    x = x / np.sqrt(np.mean(x**2, axis=(1, 2), keepdims=True) + 1e-5)
    return layer.gamma.numpy() * x + layer.beta.numpy()


def test_generator_agrees_with_loops_over_zero_padded_pictures():
    layer = make_model().generator
    x, labels = images_of(2), labels_of(2)
    y = np.concatenate([x, np.broadcast_to(labels[:, None, None], (2, 32, 32, 7))], axis=-1)
    for (conv, norm), stride in zip(layer.encoder, (1, 2, 2), strict=True):
        edge = 3 if stride == 1 else 1
        y = convolve(y, np.float64(conv.kernel.numpy()), (edge, edge), stride)
        y = np.maximum(plain_norm(y, norm), 0.0)
    (block,) = layer.blocks
    z = convolve(y, np.float64(block.conv1.kernel.numpy()), (1, 1))
    z = np.maximum(plain_norm(z, block.norm1), 0.0)
    y = y + plain_norm(convolve(z, np.float64(block.conv2.kernel.numpy()), (1, 1)), block.norm2)
    for conv, norm in layer.decoder:
        kernel = np.float64(conv.kernel.numpy()).transpose(0, 1, 3, 2)
        y = convolve_transposed(y, kernel)[:, 1:-1, 1:-1]
        y = np.maximum(plain_norm(y, norm), 0.0)
    y = np.tanh(convolve(y, np.float64(layer.to_rgb.kernel.numpy()), (3, 3)))
    np.testing.assert_allclose(layer(x, labels), y, rtol=1e-4, atol=1e-5)


def test_discriminator_agrees_with_loops():
    model = make_discriminator(levels=3)
    y = images_of(2)
    for conv in model.convs:
        y = convolve(y, np.float64(conv.kernel.numpy()), (1, 1), 2) + conv.bias.numpy()
        y = np.where(y > 0, y, 0.01 * y)
    assert y.shape == (2, 4, 4, 16)
    scores, logits = model(images_of(2))
    expected = convolve(y, np.float64(model.score.kernel.numpy()), (1, 1))
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-6)
    expected = convolve(y, np.float64(model.classifier.kernel.numpy()))[:, 0, 0]
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-6)


# Sizes


@pytest.mark.parametrize("resolution", [32, 64, 128, 512])
def test_networks_take_every_size_and_train_every_weight(resolution):
    model = make_model(resolution, conv_dim=2)
    critic = make_discriminator(resolution, conv_dim=1)
    x, labels = images_of(2, resolution), labels_of(2)
    with tf.GradientTape() as tape:
        images = model(x, labels)
        scores, logits = critic(images)
        total = tf.reduce_sum(scores) + tf.reduce_sum(logits * normal(2, 5))
    assert images.shape == (2, resolution, resolution, 3)
    assert scores.shape == (2, 2, 2, 1)
    assert logits.shape == (2, 5)
    assert {value.dtype for value in (images, scores, logits)} == {tf.float32}
    weights = [*model.trainable_variables, *critic.trainable_variables]
    assert len(weights) == len(model.variables) + len(critic.variables)
    for weight, gradient in zip(weights, tape.gradient(total, weights), strict=True):
        assert gradient is not None, weight.path
        assert np.any(gradient != 0), weight.path


@pytest.mark.paper_size
def test_networks_of_the_paper_have_their_published_numbers_of_weights():
    labels = LabelSet("celeba", "attributes", ("Black", "Blond", "Brown", "Male", "Young"))
    model, critic = StarGAN(128, [labels]), StarGANDiscriminator(128, 5)
    for network, count in ((model, 8_430_528), (critic, 44_762_048)):
        network.build()
        assert network.count_params() == count


@pytest.mark.parametrize(("levels", "size"), [(None, 2), (1, 16), (3, 4), (5, 1)])
def test_discriminator_halves_as_often_as_asked(levels, size):
    scores, logits = make_discriminator(levels=levels)(images_of(2))
    assert scores.shape == (2, size, size, 1)
    assert logits.shape == (2, 5)


def test_initial_weights_are_those_of_pytorch():
    # Uniform within 1 / sqrt(fan_in), where fan_in of a transposed convolution counts its outputs.
    keras.utils.set_random_seed(0)
    generator, critic = StarGANGenerator(32, 5, 16, 1), StarGANDiscriminator(32, 5, 16)
    generator.build()
    critic.build()
    fans = [
        (generator.encoder[0][0].kernel, 49 * 8),
        (generator.encoder[2][0].kernel, 16 * 32),
        (generator.decoder[0][0].kernel, 16 * 32),
        (generator.to_rgb.kernel, 49 * 16),
        (critic.convs[1].kernel, 16 * 16),
        (critic.convs[3].bias, 16 * 64),
        (critic.classifier.kernel, 4 * 128),
    ]
    for variable, fan in fans:
        values = variable.numpy() * np.sqrt(fan)
        assert 0.95 < np.max(np.abs(values)) <= 1.0, variable.path
        # The deviation of a uniform number; at least 128 of them, so within 15 %.
        assert np.std(values) == pytest.approx(1 / np.sqrt(3), rel=0.15), variable.path


# Labels


def test_every_label_and_the_mask_change_the_picture():
    model = make_model()
    x, labels = images_of(1), np.zeros((1, 7), np.float32)
    before = model.translate(x, labels)
    for place in range(model.label_width):
        changed = labels.copy()
        changed[0, place] = 1.0
        assert np.max(np.abs(model.translate(x, changed) - before)) > 1e-3, place


def test_vectors_are_made_as_the_model_says():
    model = make_model()
    source = encode_labels(model.label_sets, 0, [[1, 0, 1]])
    happy = with_label(model.label_sets, source, 1, "happy")
    assert source.shape == happy.shape == (1, model.label_width)
    x = images_of(1)
    images = model(x, happy)
    np.testing.assert_array_equal(images, model.generator(x, happy))
    assert np.max(np.abs(images - model(x, source))) > 1e-3
    assert np.max(np.abs(images)) <= 1.0


@pytest.mark.parametrize("rows", [1, 3])
def test_examples_do_not_depend_on_the_others_of_their_batch(rows):
    model, critic = make_model(), make_discriminator()
    x, labels = images_of(4), labels_of(4)
    close = {"rtol": 1e-4, "atol": 1e-5}  # other kernels for other batches; float32 sums
    np.testing.assert_allclose(model(x[:rows], labels[:rows]), model(x, labels)[:rows], **close)
    for some, all_ in zip(critic(x[:rows]), critic(x), strict=True):
        np.testing.assert_allclose(some, all_[:rows], **close)


# Files and graphs


@pytest.mark.parametrize(
    "make",
    [
        lambda: make_model(precision="bfloat16"),
        lambda: make_discriminator(levels=3, precision="float16"),
        lambda: StarGANGenerator(64, 5, **SMALL, precision="bfloat16"),
    ],
)
def test_configuration_makes_an_equal_object(make):
    check_config(make())


def test_saved_model_keeps_every_variable_and_the_labels(tmp_path):
    model = make_model()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded) is StarGAN
    assert loaded.label_sets == SETS
    assert loaded.get_config() == model.get_config()
    saved, restored = ({v.path: v.numpy() for v in m.variables} for m in (model, loaded))
    assert set(restored) == set(saved)
    for path, value in saved.items():
        np.testing.assert_array_equal(restored[path], value, path)
    x, labels = images_of(2), labels_of(2)
    np.testing.assert_array_equal(loaded(x, labels), model(x, labels))


def test_saved_discriminator_keeps_every_variable(tmp_path):
    model = make_discriminator()
    model.save(tmp_path / "critic.keras")
    loaded = keras.saving.load_model(tmp_path / "critic.keras")
    assert {v.path for v in loaded.variables} == {v.path for v in model.variables}
    for restored, expected in zip(loaded(images_of(2)), model(images_of(2)), strict=True):
        np.testing.assert_array_equal(restored, expected)


def test_graph_with_an_unknown_batch_size_makes_the_same_images():
    model = make_model()
    signature = [([None, 32, 32, 3], "float32"), ([None, 7], "float32")]

    @tf.function(input_signature=[tf.TensorSpec(*spec) for spec in signature])
    def graph(x, labels):
        return model(x, labels)

    for batch in (1, 3):
        inputs = images_of(batch), labels_of(batch)
        # Fused kernels round float32 in another order.
        np.testing.assert_allclose(graph(*inputs), model(*inputs), rtol=1e-4, atol=1e-5)


# Precision


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_reduced_precision_gives_float32_outputs_near_those_of_float32(precision):
    exact, half = make_model(), make_model(precision=precision)
    half.set_weights(exact.get_weights())
    critic, half_critic = make_discriminator(), make_discriminator(precision=precision)
    half_critic.set_weights(critic.get_weights())
    assert {v.dtype for v in [*half.variables, *half_critic.variables]} == {"float32"}
    x, labels = images_of(2), labels_of(2)
    # A dozen layers, each with a few roundings of 2^-11 or 2^-8.
    tolerance = 40 * {"float16": 2.0**-11, "bfloat16": 2.0**-8}[precision]
    for actual, expected in [
        (half(x, labels), exact(x, labels)),
        *zip(half_critic(x), critic(x), strict=True),
    ]:
        assert actual.dtype == tf.float32
        error = np.max(np.abs(actual - expected)) / np.max(np.abs(expected))
        assert 0 < error < tolerance


def test_all_convolutions_but_the_heads_use_the_precision_that_was_asked_for():
    model, critic = make_model(precision="bfloat16"), make_discriminator(precision="bfloat16")
    layers = [*model._flatten_layers(), *critic._flatten_layers()]
    convs = [layer for layer in layers if isinstance(layer, keras.layers.Conv2D)]
    # Keras's transposed convolution is no Conv2D.
    convs += [layer for layer in layers if isinstance(layer, keras.layers.Conv2DTranspose)]
    assert len(convs) == 8 + 6
    heads = {layer.name for layer in convs if layer.compute_dtype == "float32"}
    assert heads == {"score", "classifier"}
    assert {layer.compute_dtype for layer in convs} == {"bfloat16", "float32"}


# Errors


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: StarGAN(16, SETS), "power of two from 32 to 512. Received: 16"),
        (lambda: StarGAN(48, SETS), "Received: 48"),
        (lambda: StarGAN(32, []), "label_sets must be one set or more"),
        (lambda: StarGAN(32, [MOODS, MOODS]), "with different names. Received: "),
        (lambda: StarGAN(32, SETS, conv_dim=0), "conv_dim must be at least 1. Received: 0"),
        (lambda: StarGAN(32, SETS, precision="half"), "precision must be one of"),
        (lambda: StarGANDiscriminator(1024, 5), "Received: 1024"),
        (lambda: StarGANDiscriminator(32, 5, levels=6), "from 1 to 5 at 32 pixels. Received: 6"),
        (lambda: StarGANDiscriminator(32, 5, levels=0), "Received: 0"),
    ],
)
def test_arguments_out_of_range_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
