"""Adaptive discriminator augmentation against plain NumPy, SciPy and finite differences."""

import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from training import augment as ada

OFF = ada.AugmentStrengths(
    **{
        field.name: 0.0
        for field in dataclasses.fields(ada.AugmentStrengths)
        if not field.name.endswith(("_std", "_max"))
    }
)
GEOMETRIC = ada.GEOMETRIC_UNIFORMS
COLOUR = ada.COLOUR_UNIFORMS


class Draws:
    """Stateless per-example random numbers."""

    def __init__(self, batch: int, seed: int = 0):
        self.batch = batch
        self.seed = seed

    def uniform(self, shape: tuple[int, ...]) -> tf.Tensor:
        return tf.random.stateless_uniform([self.batch, *shape], [self.seed, 0])

    def normal(self, shape: tuple[int, ...]) -> tf.Tensor:
        return tf.random.stateless_normal([self.batch, *shape], [self.seed, 1])


class Repeated(Draws):
    """The same numbers for `count` examples in a row."""

    def __init__(self, draws: Draws, count: int):
        self.draws = draws
        self.count = count

    def uniform(self, shape: tuple[int, ...]) -> tf.Tensor:
        return tf.repeat(self.draws.uniform(shape), self.count, axis=0)

    def normal(self, shape: tuple[int, ...]) -> tf.Tensor:
        return tf.repeat(self.draws.normal(shape), self.count, axis=0)


def only(*names: str) -> ada.AugmentStrengths:
    return dataclasses.replace(OFF, **dict.fromkeys(names, 1.0))


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
    taps = np.asarray(ada.SYM6)

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


@tf.function
def product_and_adjoint(x, y, p):
    with tf.GradientTape() as tape:
        tape.watch(x)
        out = ada.augment(x, p, Draws(x.shape[0]))
    return out, tape.gradient(out, x, output_gradients=y)


@tf.function
def r1_gradient(x, w, p):
    with tf.GradientTape() as outer:
        outer.watch(w)
        with tf.GradientTape() as inner:
            inner.watch(x)
            score = tf.reduce_sum(w * tf.sin(ada.augment(x, p, Draws(x.shape[0]))))
        r1 = tf.reduce_sum(inner.gradient(score, x) ** 2)
    return r1, outer.gradient(r1, w)


def numbers(batch: int, count: int, **columns) -> np.ndarray:
    """A table of draws, 0.5 but for the named columns c0, c1, ..."""
    table = np.full((batch, count), 0.5, np.float32)
    for name, value in columns.items():
        table[:, int(name[1:])] = value
    return table


def geometry(strengths, uniform=(), normal=(), size=64) -> np.ndarray:
    u = numbers(1, GEOMETRIC, **dict(uniform))
    n = numbers(1, ada.GEOMETRIC_NORMALS, **dict(normal))
    return ada.inverse_geometry(u, n, 1.0, size, strengths).numpy()[0]


def colour(strengths, uniform=(), normal=()) -> np.ndarray:
    u = numbers(1, COLOUR, **dict(uniform))
    n = numbers(1, ada.COLOUR_NORMALS, **dict(normal))
    return ada.colour_matrix(u, n, 1.0, strengths).numpy()[0]


def test_the_filter_is_orthogonal_with_six_vanishing_moments():
    h = np.asarray(ada.SYM6)
    for shift in range(6):
        # The literature prints 12 digits.
        assert abs(h[2 * shift :] @ h[: 12 - 2 * shift] - (shift == 0)) < 1e-11
    high = h * (-1.0) ** np.arange(12)
    for moment in range(6):
        assert abs(high @ (np.arange(12) / 11) ** moment) < 1e-10
    assert np.argmax(h) == ada.PEAK


@pytest.mark.parametrize("size", [8, 16, 32, 64])
def test_halving_undoes_doubling(size):
    up, down = ada.resampling_matrices(size)
    samples = np.arange(-ada.PEAK, 2 * size + ada.PEAK) % up.shape[0]
    np.testing.assert_allclose(down @ up[samples], np.eye(size), atol=1e-11)


@pytest.mark.parametrize("size", [8, 16, 64])
def test_warp_agrees_with_padding_filtering_and_looking_up(size):
    images = noise_images(1, size)
    inverse = map_2d(1.3 * np.asarray(rotation(0.7)), 0.11 * size, -0.07 * size)
    ours = ada.warp(tf.constant(images), tf.constant(inverse)).numpy()[0]
    # float32 sums of 12^4 products of size 1, and positions rounded at 1e-7 * 200 samples.
    np.testing.assert_allclose(ours, plain_warp(images[0], inverse[0]), atol=2e-4)


@pytest.mark.parametrize("size", [8, 64])
def test_the_identity_map_gives_the_images_back(size):
    images = noise_images(2, size)
    inverse = np.repeat(map_2d(), 2, 0)
    # Exact but for float32 rounding: the filter is orthogonal.
    np.testing.assert_allclose(ada.warp(tf.constant(images), inverse), images, atol=2e-6)


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
    ours = ada.warp(tf.constant(image), inverse).numpy()[0]
    # The filter's centre of mass lies 0.098 samples from its peak. Mirrored, that displaces by
    # 0.098 pixels an axis, where a wave of wave number <= 0.25 an axis has slope <= 0.25.
    interior = np.s_[6:-6, 6:-6]
    np.testing.assert_allclose(ours[interior], expected(image[0])[interior], atol=0.06)
    assert np.abs(ours - image[0]).max() > 0.3


def test_integer_translation_moves_and_reflects():
    image = noise_images(1, 32)
    ours = ada.warp(tf.constant(image), map_2d(x=-5, y=3)).numpy()[0]
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
    ours = ada.warp(tf.constant(image), inverse).numpy()[0]
    # Up to 0.1 pixels of displacement, as above; bilinear lookup of 8-pixel slopes adds 0.01.
    interior = np.s_[20:-20, 20:-20]
    np.testing.assert_allclose(ours[interior], spline(image[0], inverse[0])[interior], atol=0.06)


def test_shrinking_does_not_alias():
    # Stripes of 3 pixels, shrunk to a half, are beyond what pixels can show.
    stripes = np.sin(2 * np.pi / 3 * np.arange(64))[None, None, :, None]
    image = np.broadcast_to(stripes, (1, 64, 64, 3)).astype(np.float32)
    shrunk = ada.warp(tf.constant(image), map_2d(((2, 0), (0, 2)))).numpy()
    # Looking up every second pixel instead would keep the whole variance of 0.5.
    assert shrunk[0, 8:-8, 8:-8].var() < 0.05


def test_each_geometric_transform_composes_its_matrix():
    half = {"c1": 0.75}
    np.testing.assert_allclose(geometry(only("x_flip"), half), np.diag([-1, 1, 1]))
    quarter = geometry(only("rotate_90"), {"c3": 0.3})
    np.testing.assert_allclose(quarter, [[0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    shift = geometry(only("integer_translation"), {"c5": 0.0, "c6": 0.8})
    np.testing.assert_allclose(shift, [[1, 0, 8], [0, 1, -5], [0, 0, 1]])
    scale = geometry(only("isotropic_scaling"), normal={"c0": 2.0})
    np.testing.assert_allclose(scale, np.diag([2**-0.4, 2**-0.4, 1]), rtol=1e-6)
    turn = geometry(only("rotation"), {"c9": 0.75})
    np.testing.assert_allclose(turn, [[0, 1, 0], [-1, 0, 0], [0, 0, 1]], atol=1e-6)
    stretch = geometry(only("anisotropic_scaling"), normal={"c1": -1.0})
    np.testing.assert_allclose(stretch, np.diag([2**0.2, 2**-0.2, 1]), rtol=1e-6)
    drift = geometry(only("fractional_translation"), normal={"c2": 0.3, "c3": -1.0})
    np.testing.assert_allclose(drift, [[1, 0, -2.4], [0, 1, 8], [0, 0, 1]], rtol=1e-6)


def test_composed_geometry_is_the_inverse_of_the_transforms_in_order():
    rng = np.random.default_rng(3)
    u = rng.uniform(size=(5, GEOMETRIC)).astype(np.float32)
    n = rng.normal(size=(5, ada.GEOMETRIC_NORMALS)).astype(np.float32)
    ours = ada.inverse_geometry(u, n, 1.0, 32, ada.AugmentStrengths()).numpy()

    def turn(a):
        return np.asarray([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])

    def move(x, y):
        return np.asarray([[1, 0, x], [0, 1, y], [0, 0, 1]])

    for a, b, inverse in zip(u.astype(float), n.astype(float), ours, strict=True):
        forward = np.diag([-1.0 if a[1] >= 0.5 else 1.0, 1, 1])
        forward = turn(np.floor(4 * a[3]) * np.pi / 2) @ forward
        forward = move(*np.round((2 * a[5:7] - 1) * 4)) @ forward
        forward = np.diag([2 ** (0.2 * b[0]), 2 ** (0.2 * b[0]), 1]) @ forward
        forward = turn((2 * a[9] - 1) * np.pi) @ forward
        forward = np.diag([2 ** (0.2 * b[1]), 2 ** (-0.2 * b[1]), 1]) @ forward
        forward = turn((2 * a[12] - 1) * np.pi) @ forward
        forward = move(*(b[2:] * 4)) @ forward
        # Eight products in float32, entries up to 10.
        np.testing.assert_allclose(inverse @ forward, np.eye(3), atol=1e-5)


def test_each_colour_transform_matches_its_formula():
    rgb = np.random.default_rng(0).uniform(-1, 1, (50, 3))
    grey = rgb.mean(1, keepdims=True)

    def applied(matrix):
        return rgb @ matrix[:3, :3].T + matrix[:3, 3]

    close = {"rtol": 0, "atol": 1e-6}
    ours = applied(colour(only("brightness"), normal={"c0": 1.5}))
    np.testing.assert_allclose(ours, rgb + 0.3, **close)
    ours = applied(colour(only("contrast"), normal={"c1": 2.0}))
    np.testing.assert_allclose(ours, rgb * 2, **close)
    ours = applied(colour(only("luma_flip"), {"c3": 0.9}))
    np.testing.assert_allclose(ours, rgb - 2 * grey, **close)
    ours = applied(colour(only("saturation"), normal={"c2": 1.0}))
    np.testing.assert_allclose(ours, grey + 2 * (rgb - grey), **close)
    # A third of a turn about the grey axis permutes the channels.
    ours = applied(colour(only("hue"), {"c5": 0.5 + 1 / 3}))
    np.testing.assert_allclose(ours, np.roll(rgb, 1, axis=1), **close)


def test_hue_turns_about_the_grey_axis():
    matrix = colour(only("hue"), {"c5": 0.6})[:3, :3]
    angle = 0.2 * np.pi
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-6)
    np.testing.assert_allclose(matrix @ np.ones(3), np.ones(3), atol=1e-6)
    np.testing.assert_allclose(np.trace(matrix), 1 + 2 * np.cos(angle), atol=1e-6)
    np.testing.assert_allclose(np.linalg.det(matrix), 1, atol=1e-6)


def test_composed_colour_is_the_product_in_order():
    rng = np.random.default_rng(4)
    u = rng.uniform(size=(6, COLOUR)).astype(np.float32)
    n = rng.normal(size=(6, ada.COLOUR_NORMALS)).astype(np.float32)
    ours = ada.colour_matrix(u, n, 1.0, ada.AugmentStrengths()).numpy()
    luma = np.zeros((4, 4))
    luma[:3, :3] = 1 / 3
    for a, b, matrix in zip(u.astype(float), n.astype(float), ours, strict=True):
        add = np.eye(4)
        add[:3, 3] = 0.2 * b[0]
        factor = np.diag([2 ** (0.5 * b[1])] * 3 + [1])
        flip = np.eye(4) - 2 * luma * (a[3] >= 0.5)
        theta = (2 * a[5] - 1) * np.pi
        hue = np.eye(4)
        cross = np.asarray([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)
        hue[:3, :3] += np.sin(theta) * cross + (1 - np.cos(theta)) * cross @ cross
        saturation = luma + (np.diag([1, 1, 1, 0]) - luma) * 2 ** b[2]
        saturation[3, 3] = 1
        expected = saturation @ hue @ flip @ factor @ add
        np.testing.assert_allclose(matrix, expected, rtol=1e-4, atol=1e-5)


def test_p_zero_returns_the_images_bit_by_bit():
    images = noise_images(3, 16)
    np.testing.assert_array_equal(ada.augment(tf.constant(images), 0.0, Draws(3)), images)


def test_the_same_draws_give_the_same_images_in_eager_and_graph_mode():
    images = tf.constant(noise_images(4, 16))
    eager = ada.augment(images, 0.8, Draws(4, 5))
    again = ada.augment(images, 0.8, Draws(4, 5))
    other = ada.augment(images, 0.8, Draws(4, 6))
    np.testing.assert_array_equal(eager, again)
    assert np.abs(eager - other).max() > 0.1
    graph = tf.function(lambda x, p: ada.augment(x, p, Draws(4, 5)))(images, tf.constant(0.8))
    # The graph may fuse float32 products differently, and positions multiply the difference.
    np.testing.assert_allclose(graph, eager, atol=1e-4)


def test_examples_do_not_depend_on_each_other():
    images = noise_images(4, 16)
    changed = images.copy()
    changed[1:] *= -0.5
    ours = [ada.augment(tf.constant(x), 0.7, Draws(4))[0].numpy() for x in (images, changed)]
    np.testing.assert_array_equal(*ours)


def test_augmentation_is_affine_in_the_images():
    a, b = noise_images(4, 16, 1), noise_images(4, 16, 2)

    def f(x):
        return ada.augment(tf.constant(x), 0.9, Draws(4)).numpy()

    np.testing.assert_allclose(f(0.3 * a + 0.7 * b), 0.3 * f(a) + 0.7 * f(b), atol=2e-5)


@pytest.mark.parametrize("p", [0.0, 0.7])
def test_the_gradient_is_the_adjoint(p):
    x, y = (tf.constant(noise_images(4, 16, seed)) for seed in (1, 2))

    ax, aty = product_and_adjoint(x, y, tf.constant(p))
    a0, _ = product_and_adjoint(tf.zeros_like(x), y, tf.constant(p))
    left = np.sum((ax - a0).numpy().astype(np.float64) * y.numpy())
    right = np.sum(x.numpy().astype(np.float64) * aty.numpy())
    # Sums of 3072 float32 products; the norms are about 30.
    assert abs(left - right) < 1e-3


@pytest.mark.parametrize("p", [0.0, 0.7])
def test_r1_through_augmentation_has_the_right_second_derivative(p):
    """d/dw |grad_x f(A x)|^2 with f(y) = sum w . sin(y), against the matrix A written out."""
    size, batch = 8, 2
    x, w = (noise_images(batch, size, seed) for seed in (1, 2))

    r1, gradient = r1_gradient(tf.constant(x), tf.constant(w), tf.constant(p))

    # Every unit image and the empty one, augmented alike: the columns of A and its offset.
    values = size * size * 3
    units = np.concatenate([np.eye(values), np.zeros((1, values))]).astype(np.float32)
    units = np.tile(units, (batch, 1)).reshape(-1, size, size, 3)
    columns = ada.augment(tf.constant(units), p, Repeated(Draws(batch), values + 1)).numpy()
    columns = columns.reshape(batch, values + 1, values).astype(np.float64)
    offset = columns[:, -1]
    a = (columns[:, :-1] - offset[:, None]).swapaxes(1, 2)
    total, expected = 0.0, []
    for m, b, xi, wi in zip(a, offset, x.reshape(batch, -1), w.reshape(batch, -1), strict=True):
        slope = np.cos(m @ xi + b)
        grad_x = m.T @ (wi * slope)
        total += grad_x @ grad_x
        expected.append(2 * slope * (m @ grad_x))
    # A is known to 1e-6 an entry; the gradients are of size 10.
    np.testing.assert_allclose(r1, total, rtol=1e-4)
    np.testing.assert_allclose(gradient.numpy().reshape(batch, -1), expected, atol=2e-3)


# Chance that an example changes, given that the transform is picked with p = 0.4: a group that
# holds the identity leaves 1/2 (flips) or 1/4 (quarter turns) of the picked ones alone.
@pytest.mark.parametrize(
    ("name", "share"),
    [
        ("x_flip", 0.2),
        ("rotate_90", 0.3),
        ("integer_translation", 0.4 * (1 - 1 / 16**2)),
        ("isotropic_scaling", 0.4),
        ("rotation", 0.4),
        ("anisotropic_scaling", 0.4),
        ("fractional_translation", 0.4),
        ("brightness", 0.4),
        ("contrast", 0.4),
        ("luma_flip", 0.2),
        ("hue", 0.4),
        ("saturation", 0.4),
    ],
)
def test_transforms_happen_with_their_probability(name, share):
    count = 20000
    draws = Draws(count, 7)
    uniform, normal = draws.uniform((GEOMETRIC,)), draws.normal((4,))
    if name in ("brightness", "contrast", "luma_flip", "hue", "saturation"):
        found = ada.colour_matrix(uniform[:, :COLOUR], normal[:, :3], 0.4, only(name))
    else:
        found = ada.inverse_geometry(uniform, normal, 0.4, 64, only(name))
    changed = np.abs(found - np.eye(found.shape[1])).max((1, 2)) > 1e-6
    # Four standard deviations of a binomial share; the draws are fixed, so that it cannot flake.
    assert abs(changed.mean() - share) < 4 * math.sqrt(share * (1 - share) / count)


def test_quarter_turns_are_uniform_over_the_group():
    draws = Draws(20000, 8)
    found = ada.inverse_geometry(
        draws.uniform((GEOMETRIC,)), draws.normal((4,)), 1.0, 64, only("rotate_90")
    ).numpy()
    _, counts = np.unique(found[:, :2, 0], axis=0, return_counts=True)
    assert len(counts) == 4
    np.testing.assert_allclose(counts / 20000, 0.25, atol=4 * math.sqrt(0.25 * 0.75 / 20000))


def test_p_climbs_and_falls_at_the_ramp_speed_and_stays_in_range():
    np.testing.assert_allclose(ada.update_p(0.3, 0.8, 256), 0.3 + 256 / 500_000, rtol=1e-6)
    np.testing.assert_allclose(ada.update_p(0.3, 0.2, 256), 0.3 - 256 / 500_000, rtol=1e-6)
    np.testing.assert_allclose(ada.update_p(0.3, 0.2, 256, target=0.1, ramp_kimg=100), 0.30256)
    assert ada.update_p(0.0, -1.0, 256) == 0.0
    assert ada.update_p(1.0, 1.0, 256) == 1.0
    assert ada.update_p(0.3, tf.constant(0.6), 256) == tf.constant(0.3)


@pytest.mark.parametrize("shape", [(2, 8, 16, 3), (2, 8, 8, 1), (8, 8, 3)])
def test_wrong_shapes_are_named(shape):
    with pytest.raises(ValueError, match=r"Received: float32 \("):
        ada.augment(tf.zeros(shape), 0.5, Draws(2))
