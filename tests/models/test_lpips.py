"""The distance of pictures as networks see them. Its numbers are checked in tests/parity."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.layers.layer_check import check_config
from tests.layers.plain import convolve
from tfgan.models.lpips import LPIPS


def images(*shape, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, (*shape, 3)).astype(np.float32)


@pytest.fixture(scope="module", params=["alex", "vgg"])
def model(request):
    keras.utils.set_random_seed(0)
    model = LPIPS(request.param, name="lpips")
    model.build()
    for layer in model.linear:  # learned under the condition that none is negative
        layer.kernel.assign(tf.abs(layer.kernel))
    return model


def test_distance_of_equal_pictures_is_0(model):
    x = images(2, 32, 48)
    np.testing.assert_array_equal(model(x, x), [0, 0])


def test_distance_is_symmetric_and_positive(model):
    x, y = images(2, 32, 48), images(2, 32, 48, seed=1)
    distance = model(x, y)
    assert distance.shape == (2,)
    assert distance.dtype == tf.float32
    assert np.all(distance > 0)
    np.testing.assert_array_equal(model(y, x), distance)


def test_distance_agrees_with_its_equation(model):
    x, y = images(2, 32, 48), images(2, 32, 48, seed=1)
    expected = np.zeros((2, 5))
    pairs = zip(model.features(x), model.features(y), model.linear, strict=True)
    for layer, (a, b, linear) in enumerate(pairs):
        weights = np.float64(linear.kernel.numpy()).reshape(-1)
        for n in range(2):
            squares = (np.float64(a[n]) - np.float64(b[n])) ** 2
            expected[n, layer] = np.mean(squares @ weights)
    layers = model.layer_distances(model.features(x), model.features(y))
    np.testing.assert_allclose(layers, expected, rtol=1e-5)
    np.testing.assert_allclose(model(x, y), np.sum(expected, axis=1), rtol=1e-5)


def test_features_have_unit_length_at_each_place(model):
    for maps in model.features(images(2, 40, 64)):
        lengths = np.linalg.norm(maps, axis=-1)
        # A place where no feature is above 0 stays 0.
        assert np.mean(lengths > 0) > 0.9
        np.testing.assert_allclose(lengths[lengths > 0], 1, rtol=1e-5)


def test_places_without_any_feature_have_no_distance(model):
    x = images(1, 32, 48)
    first, bias = model.stages[0][-1], model.stages[0][-1].bias.numpy()
    first.bias.assign(np.full_like(bias, -1e3))
    try:
        maps = model.features(x)
        assert not np.any(maps[0])
        assert np.all(np.isfinite(model(x, images(1, 32, 48, seed=1))))
    finally:
        first.bias.assign(bias)


def test_first_features_agree_with_a_plain_convolution(model):
    x = images(1, 35, 47)
    scaled = (x - np.float64([-0.030, -0.088, -0.188])) / [0.458, 0.448, 0.450]
    expected = scaled
    for conv in model.stages[0]:
        pad = {11: 2, 3: 1}[conv.kernel_size[0]]
        maps = convolve(expected, conv.kernel.numpy(), (pad, pad), conv.strides[0])
        expected = np.maximum(maps + conv.bias.numpy(), 0)
    expected /= np.linalg.norm(expected, axis=-1, keepdims=True)
    np.testing.assert_allclose(model.features(x)[0], expected, atol=1e-5)  # float32 sums


def test_distance_is_the_same_in_graphs_and_in_other_batches(model):
    x, y = images(3, 32, 48), images(3, 32, 48, seed=1)
    expected = model(x, y)
    shape = tf.TensorSpec([None, None, None, 3])
    graph = tf.function(model, input_signature=[shape, shape], autograph=False)
    np.testing.assert_allclose(graph(x, y), expected, rtol=1e-4)  # sums in another order
    for i in range(3):
        alone = model(x[i : i + 1], y[i : i + 1])
        np.testing.assert_allclose(alone[0], expected[i], rtol=1e-4)


def test_model_is_saved_and_loaded(model, tmp_path):
    check_config(model)
    model.save(tmp_path / "lpips.keras")
    loaded = keras.saving.load_model(tmp_path / "lpips.keras")
    assert loaded.network == model.network
    for variable, again in zip(model.variables, loaded.variables, strict=True):
        assert again.path == variable.path
        np.testing.assert_array_equal(again, variable, variable.path)
    x, y = images(1, 32, 48), images(1, 32, 48, seed=1)
    np.testing.assert_allclose(loaded(x, y), model(x, y), rtol=1e-5)


def test_other_networks_are_refused():
    with pytest.raises(ValueError, match=r"must be one of .*vgg.* Received: 'squeeze'"):
        LPIPS("squeeze")
