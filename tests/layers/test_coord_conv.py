"""Convolutions with coordinates."""

import numpy as np
import pytest

from tests.layers.layer_check import check_layer
from tests.layers.plain import convolve
from tfgan.layers.coord_conv import CoordConv2D, coordinate_maps


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


KINDS = [(1, 1, (4, 6)), (3, 1, (4, 6)), (7, 2, (2, 3))]


@pytest.mark.parametrize(("kernel_size", "strides", "size"), KINDS)
def test_layer_passes_the_shared_check(kernel_size, strides, size, tmp_path):
    check_layer(
        lambda dtype: CoordConv2D(5, kernel_size, strides, dtype=dtype),
        [normal(2, 4, 6, 2)],
        (2, *size, 5),
        {
            "conv/kernel": ((kernel_size, kernel_size, 5, 5), True),
            "conv/bias": ((5,), True),
        },
        tmp_path,
    )


@pytest.mark.parametrize(("kernel_size", "strides", "size"), KINDS)
def test_result_agrees_with_loops(kernel_size, strides, size):
    x, bias = normal(2, 4, 6, 2), normal(5, seed=1)
    seen = np.zeros((2, 4, 6, 5))
    for b, i, j in np.ndindex(2, 4, 6):
        row, column = 2 * i / 3 - 1, 2 * j / 5 - 1
        seen[b, i, j] = [*x[b, i, j], row, column, np.sqrt((row**2 + column**2) / 2)]
    layer = CoordConv2D(5, kernel_size, strides)
    layer(x)
    layer.conv.bias.assign(bias)
    edge = kernel_size // 2
    expected = convolve(seen, layer.conv.kernel.numpy(), (edge, edge), strides) + bias
    assert expected.shape == (2, *size, 5)
    np.testing.assert_allclose(layer(x), expected, rtol=1e-5, atol=1e-5)  # float32 sums of 245


def test_coordinates_span_minus_one_to_one_and_the_radius_ends_at_the_corners():
    maps = coordinate_maps(5, 9)
    np.testing.assert_array_equal(maps[2, 4], [0, 0, 0])
    np.testing.assert_array_equal(maps[0, 0], [-1, -1, 1])
    np.testing.assert_array_equal(maps[4, 8], [1, 1, 1])
    np.testing.assert_allclose(maps[4, 4], [1, 0, np.sqrt(0.5)], rtol=1e-6)


def test_flat_input_is_told_apart_by_its_place():
    y = CoordConv2D(4, 1)(np.zeros((1, 4, 6, 2), np.float32)).numpy()
    assert len(np.unique(y.reshape(-1, 4).round(6), axis=0)) == 24
