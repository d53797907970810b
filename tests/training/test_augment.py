"""Adaptive discriminator augmentation against plain NumPy, SciPy and finite differences."""

import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf

from tests.training.test_resampling import noise_images
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
