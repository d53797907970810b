"""Resampling under affine maps against plain NumPy and SciPy."""

import math

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from training import resampling


def smooth_images(batch: int, size: int, seed: int = 0) -> np.ndarray:
    """Plane waves of at least 16 pixels' length, [B, N, N, 3] in [-1, 1]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    kx, ky = rng.uniform(-0.25, 0.25, (2, batch, 1, 1, 3))
    phase = rng.uniform(0, 6, (batch, 1, 1, 3))
    return np.sin(kx * x[..., None] + ky * y[..., None] + phase).astype(np.float32)


def noise_images(batch: int, size: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (batch, size, size, 3)).astype(np.float32)


def map_2d(linear=((1, 0), (0, 1)), x=0.0, y=0.0) -> np.ndarray:
    return np.asarray([[[*linear[0], x], [*linear[1], y], [0, 0, 1]]], np.float32)


def rotation(angle: float):
    return ((math.cos(angle), -math.sin(angle)), (math.sin(angle), math.cos(angle)))


def plain_warp(image: np.ndarray, inverse: np.ndarray) -> np.ndarray:
    """D S U x of one image [N, N, C] in float64, by explicit padding and convolution."""
    n = image.shape[0]
    margin = 3 * n
    taps = np.asarray(resampling.SYM6)

    def double(a):
        a = np.pad(a, [(margin, margin)] + [(0, 0)] * (a.ndim - 1), mode="reflect")
        spread = np.zeros((2 * a.shape[0], *a.shape[1:]))
        spread[::2] = a
        out = ndimage.convolve1d(spread, taps * math.sqrt(2), axis=0, origin=-1, mode="constant")
        return out[2 * margin - 2 * n : 2 * margin + 4 * n]  # first row is sample -2 n

    fine = double(double(image.astype(np.float64)).swapaxes(0, 1)).swapaxes(0, 1)
    at = np.arange(-5, 2 * n + 5)
    x, y = np.meshgrid(at / 2 - (n - 1) / 2, at / 2 - (n - 1) / 2)
    sx, sy, _ = np.einsum("ij,jab->iab", inverse.astype(np.float64), [x, y, np.ones_like(x)])
    where = [2 * (sy + (n - 1) / 2) + 2 * n, 2 * (sx + (n - 1) / 2) + 2 * n]
    looked = np.stack(
        [ndimage.map_coordinates(fine[..., c], where, order=1) for c in range(image.shape[2])], -1
    )
    out = np.zeros((n, n, image.shape[2]))
    for i in range(n):
        for j in range(n):
            block = looked[2 * i : 2 * i + 12, 2 * j : 2 * j + 12]
            out[i, j] = np.einsum("a,b,abc->c", taps, taps, block) / 2
    return out


def spline(image: np.ndarray, inverse: np.ndarray) -> np.ndarray:
    """The image under the same map, by cubic splines instead of wavelet filters."""
    n = image.shape[0]
    centre = (n - 1) / 2
    y, x = np.mgrid[:n, :n] - centre
    sx, sy, _ = np.einsum("ij,jab->iab", inverse.astype(np.float64), [x, y, np.ones_like(x)])
    where = [sy + centre, sx + centre]
    channels = [
        ndimage.map_coordinates(image[..., c], where, order=3, mode="mirror") for c in range(3)
    ]
    return np.stack(channels, -1)


def test_the_filter_is_orthogonal_with_six_vanishing_moments():
    h = np.asarray(resampling.SYM6)
    for shift in range(6):
        # The literature prints 12 digits.
        assert abs(h[2 * shift :] @ h[: 12 - 2 * shift] - (shift == 0)) < 1e-11
    high = h * (-1.0) ** np.arange(12)
    for moment in range(6):
        assert abs(high @ (np.arange(12) / 11) ** moment) < 1e-10
    assert np.argmax(h) == resampling.PEAK


@pytest.mark.parametrize("size", [8, 16, 32, 64])
def test_halving_undoes_doubling(size):
    up, down = resampling.resampling_matrices(size)
    samples = np.arange(-resampling.PEAK, 2 * size + resampling.PEAK) % up.shape[0]
    np.testing.assert_allclose(down @ up[samples], np.eye(size), atol=1e-11)


@pytest.mark.parametrize("size", [8, 16, 64])
def test_warp_agrees_with_padding_filtering_and_looking_up(size):
    images = noise_images(1, size)
    inverse = map_2d(1.3 * np.asarray(rotation(0.7)), 0.11 * size, -0.07 * size)
    ours = resampling.warp(tf.constant(images), tf.constant(inverse)).numpy()[0]
    # float32 sums of 12^4 products of size 1, and positions rounded at 1e-7 * 200 samples.
    np.testing.assert_allclose(ours, plain_warp(images[0], inverse[0]), atol=2e-4)


@pytest.mark.parametrize("size", [8, 64])
def test_the_identity_map_gives_the_images_back(size):
    images = noise_images(2, size)
    inverse = np.repeat(map_2d(), 2, 0)
    # Exact but for float32 rounding: the filter is orthogonal.
    np.testing.assert_allclose(resampling.warp(tf.constant(images), inverse), images, atol=2e-6)


@pytest.mark.parametrize(
    ("inverse", "expected"),
    [
        (map_2d(((-1, 0), (0, 1))), lambda x: x[:, ::-1]),
        (map_2d(((0, -1), (1, 0))), lambda x: np.rot90(x, 1)),
        (map_2d(((-1, 0), (0, -1))), lambda x: x[::-1, ::-1]),
        (map_2d(((0, 1), (-1, 0))), lambda x: np.rot90(x, -1)),
    ],
)
def test_flips_and_quarter_turns_match_numpy(inverse, expected):
    image = smooth_images(1, 64)
    ours = resampling.warp(tf.constant(image), inverse).numpy()[0]
    # The filter's centre of mass lies 0.098 samples from its peak. Mirrored, that displaces by
    # 0.098 pixels an axis, where a wave of wave number <= 0.25 an axis has slope <= 0.25.
    interior = np.s_[6:-6, 6:-6]
    np.testing.assert_allclose(ours[interior], expected(image[0])[interior], atol=0.06)
    assert np.abs(ours - image[0]).max() > 0.3


def test_integer_translation_moves_and_reflects():
    image = noise_images(1, 32)
    ours = resampling.warp(tf.constant(image), map_2d(x=-5, y=3)).numpy()[0]
    padded = np.pad(image[0], ((5, 5), (5, 5), (0, 0)), mode="reflect")
    # Whole pixels are an even number of samples, so that the filters cancel, at the border too.
    np.testing.assert_allclose(ours, padded[5 + 3 : 37 + 3, 0:32], atol=2e-6)


@pytest.mark.parametrize(
    "inverse",
    [
        map_2d(rotation(0.6)),
        map_2d(((1.2, 0), (0, 1.2))),
        map_2d(((0.8, 0), (0, 1.25))),
        map_2d(x=3.3, y=-7.6),
    ],
    ids=["rotation", "isotropic", "anisotropic", "fractional"],
)
def test_general_maps_match_cubic_splines(inverse):
    image = smooth_images(1, 64)
    ours = resampling.warp(tf.constant(image), inverse).numpy()[0]
    # Up to 0.1 pixels of displacement, as above; bilinear lookup of 8-pixel slopes adds 0.01.
    interior = np.s_[20:-20, 20:-20]
    np.testing.assert_allclose(ours[interior], spline(image[0], inverse[0])[interior], atol=0.06)


def test_shrinking_does_not_alias():
    # Stripes of 3 pixels, shrunk to a half, are beyond what pixels can show.
    stripes = np.sin(2 * np.pi / 3 * np.arange(64))[None, None, :, None]
    image = np.broadcast_to(stripes, (1, 64, 64, 3)).astype(np.float32)
    shrunk = resampling.warp(tf.constant(image), map_2d(((2, 0), (0, 2)))).numpy()
    # Looking up every second pixel instead would keep the whole variance of 0.5.
    assert shrunk[0, 8:-8, 8:-8].var() < 0.05
