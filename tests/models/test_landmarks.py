"""The face landmark network and the masks that are made of its heat maps."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.layers.layer_check import check_config, check_layer, randomize
from tests.layers.plain import convolve
from tfgan.models.landmarks import (
    FaceLandmarks,
    Hourglass,
    MultiScaleBlock,
    find_landmarks,
    landmark_masks,
)
from tfgan.models.stargan_v2 import StarGANv2


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


# Network


def block_variables(prefix, fan_in, filters):
    """Variables of one multi-scale block."""
    widths = [fan_in, filters // 2, filters // 4]
    outputs = [filters // 2, filters // 4, filters // 4]
    variables = {}
    for i, (width, output) in enumerate(zip(widths, outputs, strict=True), start=1):
        variables |= norm_variables(f"{prefix}norm{i}", width)
        variables[f"{prefix}conv{i}/kernel"] = ((3, 3, width, output), True)
    if fan_in != filters:
        variables |= norm_variables(f"{prefix}shortcut_norm", fan_in)
        variables[f"{prefix}shortcut/kernel"] = ((1, 1, fan_in, filters), True)
    return variables


def norm_variables(prefix, width):
    names = {"gamma": True, "beta": True, "moving_mean": False, "moving_variance": False}
    return {f"{prefix}/{name}": ((width,), trained) for name, trained in names.items()}


@pytest.mark.parametrize("fan_in", [8, 6])
def test_multi_scale_block_passes_the_shared_check(fan_in, tmp_path):
    check_layer(
        lambda dtype: MultiScaleBlock(8, dtype=dtype),
        [normal(2, 4, 6, fan_in)],
        (2, 4, 6, 8),
        block_variables("", fan_in, 8),
        tmp_path,
        precisions=(),  # Always float32: it runs once per picture.
    )


def test_hourglass_passes_the_shared_check(tmp_path):
    variables = {}
    for part in ("skip", "before", "inner", "after"):
        variables |= block_variables(f"{part}/", 8, 8)
    check_layer(
        lambda dtype: Hourglass(1, 8, dtype=dtype),
        [normal(2, 4, 6, 8)],
        (2, 4, 6, 8),
        variables,
        tmp_path,
        precisions=(),
    )


def test_multi_scale_block_agrees_with_its_equation():
    block, x = MultiScaleBlock(8), normal(2, 4, 6, 6)
    block(x)
    randomize(block)

    def normalized(x, norm):
        gamma, beta, mean, variance = (np.float64(v.numpy()) for v in norm.variables)
        return np.maximum(gamma * (x - mean) / np.sqrt(variance + 1e-5) + beta, 0)

    y, parts = x, []
    for norm, conv in zip(block.norms, block.convs, strict=True):
        y = convolve(normalized(y, norm), conv.kernel.numpy(), (1, 1))
        parts.append(y)
    shortcut = convolve(normalized(x, block.shortcut_norm), block.shortcut.kernel.numpy())
    expected = np.concatenate(parts, axis=-1) + shortcut
    np.testing.assert_allclose(block(x), expected, rtol=1e-4, atol=1e-5)  # float32 sums of 72


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(0)
    layer = FaceLandmarks(name="landmarks")
    layer.build()
    return layer


def test_network_gives_heat_maps_of_pictures_of_any_size_and_batch(network):
    @tf.function(input_signature=[tf.TensorSpec([None, 32, 48, 3])])
    def graph(x):
        return network(x), network.masks(x)

    heatmaps, masks = graph(np.tanh(normal(2, 32, 48, 3)))
    assert heatmaps.shape == (2, 64, 64, 99)
    assert [mask.shape for mask in masks] == [(2, 256, 256, 1)] * 2
    assert np.all(np.isfinite(heatmaps))


def test_network_has_the_published_number_of_parameters_and_a_configuration(network):
    trained = sum(int(np.prod(v.shape)) for v in network.trainable_variables)
    assert round(trained / 1e6, 2) == 6.33
    check_config(network)


def test_network_never_moves_its_stored_statistics(network):
    x = np.tanh(normal(1, 64, 64, 3))
    expected = network(x)
    np.testing.assert_array_equal(network(x, training=True), expected)
    np.testing.assert_array_equal(network(x), expected)


def test_model_with_skips_keeps_its_landmarks_frozen_and_in_its_file(network, tmp_path):
    small = {"style_dim": 4, "mapping_width": 8, "channel_base": 128, "channel_max": 4}
    model = StarGANv2(32, ["cat", "dog"], w_hpf=1.0, landmarks=network, **small)
    model.build()
    assert not any(v.path.startswith("landmarks") for v in model.trainable_variables)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    x, style = np.tanh(normal(1, 32, 32, 3)), normal(1, 4)
    for mask, again in zip(model.masks(x), loaded.masks(x), strict=True):
        np.testing.assert_array_equal(again, mask)
    np.testing.assert_array_equal(loaded.translate(x, style), model.translate(x, style))


# Landmarks


def test_landmarks_agree_with_plain_loops_over_maps_that_are_not_square():
    maps = normal(3, 16, 32, 40)
    maps[0, 0, 5, 0] = maps[1, 7, 31, 1] = maps[2, 15, 31, 2] = 9  # at the border
    places, heat = find_landmarks(maps)
    for b in range(3):
        for k in range(40):
            heat_map = maps[b, :, :, k]
            row, column = np.unravel_index(np.argmax(heat_map), heat_map.shape)
            x, y = column + 0.5, row + 0.5
            if 0 < row < 15 and 0 < column < 31:
                x += 0.25 * np.sign(heat_map[row, column + 1] - heat_map[row, column - 1])
                y += 0.25 * np.sign(heat_map[row + 1, column] - heat_map[row - 1, column])
            np.testing.assert_array_equal(places[b, k], [x * 8, y * 16])
            assert heat[b, k] == heat_map[row, column]


def test_landmark_between_equal_neighbours_is_in_the_middle_of_its_cell():
    maps = np.zeros((1, 64, 64, 1), np.float32)
    maps[0, 20:23, 40:43, 0] = [[0, 1, 0], [1, 2, 1], [0, 1, 0]]
    np.testing.assert_array_equal(find_landmarks(maps)[0], [[[41.5 * 4, 21.5 * 4]]])


def test_network_gives_landmarks_of_its_own_heat_maps(network):
    x = np.tanh(normal(2, 64, 96, 3))
    places, heat = network.landmarks(x)
    expected, expected_heat = find_landmarks(network(x)[..., :98])
    np.testing.assert_array_equal(places, expected)
    np.testing.assert_array_equal(heat, expected_heat)
    assert places.shape == (2, 98, 2)
    assert np.all((places > 0) & (places < 256))


# Masks

CENTER = 128


def heat_of(*landmarks, height=1.0):
    """Heat maps [1, 256, 256, 98] with a round blob of deviation 5 in the middle of some."""
    maps = np.zeros((1, 256, 256, 98), np.float32)
    place = np.arange(256) - CENTER
    blob = height * np.exp(-(place[:, None] ** 2 + place**2) / 50)
    for landmark in landmarks:
        maps[0, :, :, landmark] = blob
    return maps


# The middle row of each landmark's blobs in the first mask, and whether the second has them.
EXPECTED = [
    (range(8, 25), [0], False),
    ([*range(34, 46), *range(47, 51)], [7], False),
    ([51], [0], True),
    (range(52, 55), [-4], True),
    (range(55, 60), [-8], True),
    (range(60, 76), [8, 24], True),
    (range(77, 82), [8], False),
    (range(83, 88), [-8], False),
    (range(88, 96), [2], False),
    ([96, 97], [0], True),
]


@pytest.mark.parametrize(("landmarks", "rows", "in_second"), EXPECTED)
def test_each_landmark_makes_its_blobs(landmarks, rows, in_second):
    for landmark in (landmarks[0], landmarks[-1]):
        first, second = (m.numpy()[0, :, :, 0] for m in landmark_masks(heat_of(landmark)))
        peaks = [i for i in range(1, 255) if first[i, CENTER] > max(
            first[i - 1, CENTER], first[i + 1, CENTER], 0.9)]  # fmt: skip
        assert peaks == [CENTER + row for row in rows]
        np.testing.assert_array_equal(second, first if in_second else np.zeros_like(first))


def test_every_landmark_is_expected_to_make_blobs_or_none():
    acting = sorted(landmark for landmarks, *_ in EXPECTED for landmark in landmarks)
    silent = [*range(8), *range(25, 33), 33, 46, 76, 82]
    assert sorted([*acting, *silent]) == list(range(98))
    for mask in landmark_masks(heat_of(*silent)):
        assert not np.any(mask)


@pytest.mark.parametrize(
    ("landmark", "power", "down"), [(10, 3, 0), (35, 2, 7), (56, 4, -8), (90, 3, 2), (97, 1, 0)]
)
def test_blob_is_its_stretched_heat_to_a_power(landmark, power, down):
    heat = heat_of(landmark, height=0.5)
    expected = np.float64(heat[0, :, :, landmark])
    expected = np.roll((np.where(expected < 0.1, 0, expected) / 0.5) ** power, down, axis=0)
    mask, _ = landmark_masks(heat)
    np.testing.assert_allclose(mask[0, :, :, 0], expected, atol=1e-5)  # 1e-6 in the divisor, twice


def test_blobs_add_up_to_one_at_most():
    apart, together = landmark_masks(heat_of(96))[0], landmark_masks(heat_of(51, 96, 97))[0]
    np.testing.assert_allclose(together, np.minimum(3 * apart, 1), atol=1e-6)
    assert np.max(together) == 1.0
