"""Noise of StyleGAN and StyleGAN2."""

from types import SimpleNamespace

import numpy as np
import pytest

from tests.layers.layer_check import check_layer
from tfgan.layers.noise import Noise, choose_noise, draw_noise


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_layer_passes_the_shared_check_with_given_noise(tmp_path):
    variables = {"strength": ((), True), "fixed": ((4, 6, 1), False)}
    check_layer(
        lambda dtype: Noise(dtype=dtype),
        [normal(2, 4, 6, 3), normal(2, 4, 6, 1, seed=1)],
        (2, 4, 6, 3),
        variables,
        tmp_path,
    )


def test_layer_passes_the_shared_check_with_its_fixed_map(tmp_path):
    variables = {"strength": ((), True), "fixed": ((4, 6, 1), False)}
    check_layer(
        lambda dtype: Noise(dtype=dtype), [normal(2, 4, 6, 3)], (2, 4, 6, 3), variables, tmp_path
    )


def test_result_agrees_with_loops():
    x, noise = normal(2, 4, 6, 3), normal(2, 4, 6, 1, seed=1)
    layer = Noise()
    layer.build(x.shape)
    layer.strength.assign(0.7)
    expected = np.float64(x)
    for b, i, j, c in np.ndindex(x.shape):
        expected[b, i, j, c] += 0.7 * noise[b, i, j, 0]
    np.testing.assert_allclose(layer(x, noise), expected, rtol=1e-5, atol=1e-6)  # float32


def test_initial_strength_is_zero_and_changes_nothing():
    x = normal(2, 4, 6, 3)
    layer = Noise()
    np.testing.assert_array_equal(layer(x, 100.0 * normal(2, 4, 6, 1)), x)
    np.testing.assert_array_equal(layer(x), x)


def test_fixed_map_is_one_map_for_all_examples_and_channels():
    layer = Noise()
    layer.build((None, 4, 6, 3))
    layer.strength.assign(1.0)
    y = layer(np.zeros((2, 4, 6, 3), np.float32)).numpy()
    np.testing.assert_array_equal(y, np.broadcast_to(layer.fixed.numpy(), y.shape))
    assert np.std(y) > 0.5


def test_layer_with_a_strength_per_channel_passes_the_shared_check(tmp_path):
    check_layer(
        lambda dtype: Noise(per_channel=True, gain=0.5, dtype=dtype),
        [normal(2, 4, 6, 3), normal(2, 4, 6, 1, seed=1)],
        (2, 4, 6, 3),
        {"strength": ((3,), True), "fixed": ((4, 6, 1), False)},
        tmp_path,
    )


def test_strengths_of_channels_agree_with_loops():
    x, noise, strengths = normal(2, 4, 6, 3), normal(2, 4, 6, 1, seed=1), normal(3, seed=2)
    layer = Noise(per_channel=True, gain=0.5)
    layer.build(x.shape)
    layer.strength.assign(strengths)
    expected = np.float64(x)
    for b, i, j, c in np.ndindex(x.shape):
        expected[b, i, j, c] += 0.5 * strengths[c] * noise[b, i, j, 0]
    np.testing.assert_allclose(layer(x, noise), expected, rtol=1e-5, atol=1e-6)  # float32


def test_drawn_maps_have_their_sizes_and_follow_the_seed():
    maps = draw_noise([4, 8, 8], 3, seed=1)
    assert [tuple(noise.shape) for noise in maps] == [(3, 4, 4, 1), (3, 8, 8, 1), (3, 8, 8, 1)]
    assert np.std(maps[1] - maps[2]) > 0.5
    for noise, again, other in zip(maps, draw_noise([4, 8, 8], 3, 1), draw_noise([4, 8, 8], 3, 2),
                                 strict=True):  # fmt: skip
        np.testing.assert_array_equal(noise, again)
        assert np.any(noise != other)


def test_modes_choose_what_a_network_takes():
    network = SimpleNamespace(noise_sizes=[4], fixed_noise=lambda scale: [scale])
    assert choose_noise(network, "fixed", 2) is None
    assert choose_noise(network, "none", 2) == [0.0]
    np.testing.assert_array_equal(
        choose_noise(network, "random", 2, 3)[0], draw_noise([4], 2, 3)[0]
    )
    assert choose_noise(network, ["maps"], 2) == ["maps"]
    with pytest.raises(ValueError, match="Received: 'white'"):
        choose_noise(network, "white", 2)
