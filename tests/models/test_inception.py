"""The network of FID. Its numbers are checked in tests/parity."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.layers.layer_check import check_config
from tfgan.models.inception import VARIANTS, InceptionV3, resize_pillow, resize_tf1


def pictures(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)


# Resizing


@pytest.mark.parametrize("size", [(7, 5), (40, 299), (600, 310), (299, 299)])
def test_resizing_of_tensorflow_1_agrees_with_a_plain_loop(size):
    x = pictures(1, *size)
    y = resize_tf1(x)
    assert y.shape == (1, 299, 299, 3)
    assert y.dtype == tf.float32
    height, width = size
    for i, j in [(0, 0), (1, 2), (57, 298), (150, 149), (298, 0), (297, 1), (298, 298)]:
        row, column = i * height / 299, j * width / 299
        top, left = int(row), int(column)
        down, right = row - top, column - left
        bottom, end = min(top + 1, height - 1), min(left + 1, width - 1)
        corners = np.float64(x[0])
        upper = corners[top, left] * (1 - right) + corners[top, end] * right
        lower = corners[bottom, left] * (1 - right) + corners[bottom, end] * right
        expected = upper * (1 - down) + lower * down
        # Places are rounded to float32: 600 pixels away from 0, by 3e-5 of a pixel.
        np.testing.assert_allclose(y[0, i, j], expected, atol=0.02)


@pytest.mark.parametrize("size", [(256, 256), (64, 48), (512, 512), (400, 512), (299, 299)])
def test_resizing_of_pillow_agrees_with_pillow(size):
    x = pictures(2, *size)
    expected = [
        np.asarray(Image.fromarray(image).resize((299, 299), Image.Resampling.BILINEAR))
        for image in x
    ]
    np.testing.assert_array_equal(resize_pillow(x), expected)


# Pooling


def plain_pool(x, reduce):
    """What `reduce` makes of the 3 x 3 around each place, as far as they are in the map."""
    y = np.empty_like(x)
    for i in range(x.shape[1]):
        for j in range(x.shape[2]):
            window = x[:, max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2]
            y[:, i, j] = reduce(window)
    return y


def test_forms_differ_in_what_they_pool():
    x = np.random.default_rng(0).normal(size=(2, 4, 6, 3)).astype(np.float32)
    average = plain_pool(x, lambda window: np.mean(window, axis=(1, 2)))
    padded = plain_pool(x, lambda window: np.sum(window, axis=(1, 2)) / 9)
    largest = plain_pool(x, lambda window: np.max(window, axis=(1, 2)))
    tensorflow, torchvision = VARIANTS["2015-12-05"], VARIANTS["torchvision"]
    for pool, expected in {
        tensorflow.pool: average,
        tensorflow.last_pool: largest,
        torchvision.pool: padded,
        torchvision.last_pool: padded,
    }.items():
        np.testing.assert_allclose(pool(x), expected, rtol=1e-5, atol=1e-6)  # sums of 9


# Network


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(0)
    model = InceptionV3(name="inception")
    model.build()
    for conv in model.convs.values():  # so that features neither vanish nor explode
        conv.kernel.assign(keras.initializers.HeNormal()(conv.kernel.shape))
    return model


def test_network_gives_features_of_pictures_of_any_size_in_a_graph_too(network):
    graph = tf.function(
        network, input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8)], autograph=False
    )
    for x in (pictures(2, 40, 64), pictures(1, 320, 300)):
        features = network(x)
        assert features.shape == (len(x), 2048)
        assert features.dtype == tf.float32
        assert 0.1 < np.mean(features) < 10
        # Convolutions are fused there: float32 sums in another order, through 48 layers.
        np.testing.assert_allclose(graph(x), features, rtol=1e-3, atol=1e-5)


def test_maps_are_those_before_each_change_of_size(network):
    shapes = [tuple(maps.shape) for maps in network.maps(pictures(1, 64, 64))]
    assert shapes == [(1, 73, 73, 64), (1, 35, 35, 192), (1, 17, 17, 768), (1, 8, 8, 2048)]


def test_features_do_not_depend_on_the_rest_of_the_batch(network):
    x = pictures(3, 64, 64)
    features = network(x)
    for i in range(3):
        # Products of matrices are cut into other blocks.
        np.testing.assert_allclose(network(x[i : i + 1])[0], features[i], rtol=1e-3, atol=1e-5)


def test_probabilities_are_the_softmax_of_the_logits(network):
    features = np.random.default_rng(0).uniform(size=(2, 2048)).astype(np.float32)
    logits = np.float64(features) @ network.to_logits.kernel.numpy()
    assert logits.shape == (2, 1008)
    np.testing.assert_allclose(network.logits(features), logits, atol=1e-5)  # sums of 2048
    expected = np.exp(logits) / np.sum(np.exp(logits), axis=1, keepdims=True)
    np.testing.assert_allclose(network.probabilities(features), expected, rtol=1e-4)


def test_network_has_the_published_number_of_parameters(network):
    # torchvision's, without the second classifier, has 23,834,568: beside these, the batch norms
    # have scales, as many as biases; it tells 1000 classes apart, and its logits have biases.
    biases = sum(conv.filters for conv in network.convs.values())
    count = sum(int(np.prod(variable.shape)) for variable in network.variables)
    assert len(network.convs) == 94
    assert count + biases + 1000 - 8 * 2048 == 23_834_568


def test_network_is_saved_and_loaded(network, tmp_path):
    check_config(network)
    network.save(tmp_path / "inception.keras")
    loaded = keras.saving.load_model(tmp_path / "inception.keras")
    for variable, again in zip(network.variables, loaded.variables, strict=True):
        assert again.path == variable.path
        np.testing.assert_array_equal(again, variable, variable.path)
    x = pictures(1, 64, 64)
    np.testing.assert_allclose(loaded(x), network(x), rtol=1e-3, atol=1e-5)


def test_network_computes_in_float32_whatever_the_policy_is():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        assert InceptionV3().compute_dtype == "float32"
    finally:
        keras.config.set_dtype_policy(before)


def test_other_forms_are_refused():
    with pytest.raises(ValueError, match=r"must be one of .*2015-12-05.* Received: 'v4'"):
        InceptionV3("v4")
