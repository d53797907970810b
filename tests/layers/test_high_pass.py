"""The high-pass filter of StarGAN v2."""

import numpy as np
import pytest

from tests.layers.layer_check import check_layer
from tfgan.layers.high_pass import HighPass


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def uniform(*shape, seed=0):
    return np.random.default_rng(seed).uniform(size=shape).astype(np.float32)


@pytest.mark.parametrize("size", [(4, 6), (8, 12)])
def test_layer_passes_the_shared_check(size, tmp_path):
    check_layer(
        lambda dtype: HighPass(2.0, dtype=dtype),
        [normal(2, 4, 6, 3), uniform(2, *size, 1)],
        (2, 4, 6, 3),
        {},
        tmp_path,
    )


def resize(mask, height, width):
    """Bilinear, pixel centres at halves, no blur before: plain loops."""
    batch, rows, columns, _ = mask.shape
    y = np.zeros((batch, height, width, 1))
    for i in range(height):
        for j in range(width):
            u = np.clip((i + 0.5) * rows / height - 0.5, 0, rows - 1)
            v = np.clip((j + 0.5) * columns / width - 0.5, 0, columns - 1)
            for a in range(rows):
                for b in range(columns):
                    weight = max(0, 1 - abs(u - a)) * max(0, 1 - abs(v - b))
                    y[:, i, j] += weight * mask[:, a, b]
    return y


@pytest.mark.parametrize("size", [(4, 6), (8, 12), (12, 24), (2, 3)])
@pytest.mark.parametrize("w_hpf", [1.0, 0.5])
def test_result_agrees_with_loops(w_hpf, size):
    x, mask = normal(2, 4, 6, 3), uniform(2, *size, 1)
    masked = np.pad(x * resize(mask, 4, 6), [(0, 0), (1, 1), (1, 1), (0, 0)])
    expected = np.zeros(x.shape)
    for b, i, j, c in np.ndindex(x.shape):
        window = masked[b, i : i + 3, j : j + 3, c]
        expected[b, i, j, c] = (9 * window[1, 1] - window.sum()) / w_hpf
    np.testing.assert_allclose(HighPass(w_hpf)(x, mask), expected, rtol=1e-5, atol=2e-5)


def test_flat_regions_vanish_away_from_the_borders():
    y = HighPass()(np.full((1, 5, 7, 2), 0.5, np.float32), np.ones((1, 5, 7, 1), np.float32))
    np.testing.assert_array_equal(y[:, 1:-1, 1:-1], np.zeros((1, 3, 5, 2)))  # dyadic: exact
    assert np.all(y[:, 0] > 0)


def test_larger_weight_passes_less():
    x, mask = normal(2, 4, 6, 3), uniform(2, 4, 6, 1)
    np.testing.assert_allclose(
        HighPass(4.0)(x, mask), HighPass(1.0)(x, mask) / 4.0, rtol=1e-6, atol=1e-7
    )


def test_empty_mask_passes_nothing():
    y = HighPass()(normal(2, 4, 6, 3), np.zeros((2, 8, 12, 1), np.float32))
    np.testing.assert_array_equal(y, np.zeros((2, 4, 6, 3)))


def test_filter_is_no_variable():
    layer = HighPass()
    layer(normal(1, 4, 6, 3), uniform(1, 4, 6, 1))
    assert layer.variables == []


@pytest.mark.parametrize("w_hpf", [0.0, -1.0])
def test_weight_that_is_not_positive_is_refused(w_hpf):
    with pytest.raises(ValueError, match=rf"w_hpf must be above 0. Received: {w_hpf}"):
        HighPass(w_hpf)
