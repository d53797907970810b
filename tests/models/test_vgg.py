"""VGG16 of precision and recall. Its numbers are checked in tests/parity."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.layers.layer_check import check_config
from tfgan.models.vgg import MEAN, SCALE, SIZE, VGG16


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    model = VGG16(8, name="vgg16")
    model.build()
    return model


def images(count, height, width):
    return np.random.default_rng(0).integers(0, 256, (count, height, width, 3), np.uint8)


def test_features_are_as_wide_as_the_dense_layers_and_not_below_0(model):
    features = model(images(1, 20, 30))
    assert (features.shape, features.dtype) == ((1, 8), tf.float32)
    assert np.all(features >= 0)
    assert np.any(features > 0)


def test_the_published_network_has_138_million_parameters_less_those_of_the_classes():
    with tf.Graph().as_default():  # shapes, and no values
        network = VGG16()
        network.build()
    count = sum(int(np.prod(variable.shape)) for variable in network.variables)
    assert count == 138_357_544 - (4096 * 1000 + 1000)


def test_pictures_are_resized_as_tensorflow_1_did_it(model):
    # Pixel i is at i * H / 224 of the source: of twice the size it is every other one, no mean.
    large = images(1, 2 * SIZE, 2 * SIZE)
    np.testing.assert_array_equal(model(large), model(large[:, ::2, ::2]))


def test_the_mean_of_imagenet_is_0_to_the_first_convolution(model):
    conv, weights = model.convs[0][0], model.convs[0][0].get_weights()
    seen = []
    original = conv.call
    conv.call = lambda x: seen.append(x) or original(x)
    try:
        model(np.tile(np.uint8([124, 116, 104]), (1, SIZE, SIZE, 1)))
    finally:
        conv.call = original
    expected = (np.float64([124, 116, 104]) - MEAN) / SCALE
    np.testing.assert_allclose(seen[0][0, 5, 7], expected, atol=1e-6)  # float32
    np.testing.assert_allclose(MEAN, [123.675, 116.28, 103.53])
    np.testing.assert_array_equal(conv.get_weights()[0], weights[0])


def test_model_is_saved_and_loaded(model, tmp_path):
    check_config(model)
    model.save(tmp_path / "vgg16.keras")
    loaded = keras.saving.load_model(tmp_path / "vgg16.keras")
    for variable, again in zip(model.variables, loaded.variables, strict=True):
        assert again.path == variable.path
        np.testing.assert_array_equal(again, variable, variable.path)


def test_a_width_of_0_is_refused():
    with pytest.raises(ValueError, match=r"width must be positive. Received: 0"):
        VGG16(0)
