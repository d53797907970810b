"""Geometry and sampling of aligned faces. Published numbers: tests/parity."""

import numpy as np
import pytest
from scipy import ndimage

from tests import faces
from tfgan import face_alignment
from tfgan.face_alignment import align, alignment, warp

MEAN = faces.mean_face()
IDENTITY = np.array([[1.0, 0, 0], [0, 1, 0]])


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


# Geometry


@pytest.mark.parametrize(
    ("angle", "scale", "move"), [(0, 1, (0, 0)), (40, 0.3, (50, -9)), (180, 3, (1, 2))]
)
def test_a_moved_face_is_brought_back(angle, scale, move):
    landmarks = faces.moved(MEAN, angle, scale, move)
    matrix = alignment(landmarks, MEAN)
    brought = landmarks @ matrix[:, :2].T + matrix[:, 2]
    np.testing.assert_allclose(brought, MEAN, atol=1e-9)  # float64


def test_the_movement_keeps_shapes_and_brings_the_middle_to_the_middle():
    landmarks = MEAN + np.random.default_rng(0).normal(0, 5, MEAN.shape)
    matrix = alignment(landmarks, MEAN)
    turn = matrix[:, :2]
    scale = np.sqrt(np.linalg.det(turn))
    np.testing.assert_allclose(turn @ turn.T, scale**2 * np.eye(2), atol=1e-12)
    middle = turn @ landmarks.mean(axis=0) + matrix[:, 2]
    np.testing.assert_allclose(middle, MEAN.mean(axis=0))
    brought = landmarks @ turn.T + matrix[:, 2]
    directions = [face_alignment.across(points) for points in (brought, MEAN)]
    np.testing.assert_allclose(*directions, atol=1e-12)
    chosen = [96, 97, 76, 82]
    ratios = [
        np.linalg.norm(points[chosen] - points.mean(axis=0), axis=1) for points in (brought, MEAN)
    ]
    np.testing.assert_allclose(np.mean(ratios[1] / ratios[0] * scale), scale, rtol=0.05)


def test_points_that_are_no_face_are_refused():
    for landmarks in (np.zeros((98, 2)), np.full((98, 2), 77.0)):
        with pytest.raises(ValueError, match="no face"):
            alignment(landmarks, MEAN)


# Sampling


def plain_extension(picture):
    """The whole mirrored and blurred picture, by NumPy's padding and SciPy's filter; even sizes."""
    height, width = picture.shape[:2]
    edges = [(height // 2,) * 2, (width // 2,) * 2, (0, 0)]
    padded = np.pad(np.float64(picture), edges, "reflect")
    halved = padded.reshape(height, 2, width, 2, 3).mean(axis=(1, 3))
    sigma = min(height, width) // 100
    smooth = ndimage.gaussian_filter(halved, (sigma, sigma, 0), truncate=4.0, mode="nearest")
    for axis, size in enumerate((height, width)):
        places = (np.arange(2 * size) + 0.5) / 2 - 0.5
        old = np.arange(size)
        smooth = np.apply_along_axis(
            lambda row, p=places, o=old: np.interp(p, o, row), axis, smooth
        )
    weights = []
    for size in (height, width):
        rising = np.arange(2 * size) / (size // 2)
        weights.append(np.minimum(np.minimum(rising, rising[::-1]), 1))
    weight = np.minimum(weights[0][:, None], weights[1])[..., None] ** 4
    return padded * weight + smooth * (1 - weight)


def plain_lanczos(picture, matrix, size):
    """Float64 loops: Lanczos interpolation (a = 4) at multiples of 1/32, black all around."""
    inverse = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))
    result = np.zeros((size, size, 3))
    for y in range(size):
        for x in range(size):
            u, v, _ = np.rint(inverse @ (x, y, 1) * 32) / 32
            total = 0.0
            for row in range(int(np.floor(v)) - 3, int(np.floor(v)) + 5):
                for column in range(int(np.floor(u)) - 3, int(np.floor(u)) + 5):
                    weight = np.prod([np.sinc(t) * np.sinc(t / 4) for t in (v - row, u - column)])
                    total += weight
                    if 0 <= row < picture.shape[0] and 0 <= column < picture.shape[1]:
                        result[y, x] += weight * picture[row, column]
            result[y, x] /= total
    return result


@pytest.mark.parametrize(
    "matrix",
    [
        [[1.0, 0.0, 3.0], [0.0, 1.0, -2.0]],
        [[0.9, -0.5, 8.0], [0.5, 0.9, -7.0]],
        [[-0.4, 0.2, 20.0], [-0.2, -0.4, 24.0]],  # reaches far beyond the edges
    ],
)
def test_warp_agrees_with_plain_loops_over_a_mirrored_picture(matrix):
    picture, matrix = noise(20, 26), np.array(matrix)
    extended = plain_extension(picture)
    # The extended picture begins 13 pixels to the left and 10 above.
    shifted = np.column_stack([matrix[:, :2], matrix[:, 2] - matrix[:, :2] @ [13, 10]])
    expected = np.clip(plain_lanczos(extended, shifted, 14), 0, 255)
    # Half a level of rounding; float32 sums of 64 products up to 255.
    np.testing.assert_allclose(warp(picture, matrix, 14), expected, atol=0.5 + 1e-3)


@pytest.mark.parametrize(("height", "width"), [(220, 300), (302, 202)])
def test_borders_agree_with_numpy_and_scipy(height, width):
    picture = noise(height, width)
    rows = np.arange(-(height // 2), height + height // 2)
    columns = np.arange(-(width // 2), width + width // 2)
    expected = plain_extension(picture)
    extended = face_alignment._extended(picture, rows, columns)
    np.testing.assert_allclose(extended, expected, atol=1e-2)  # float32 sums, of 255
    part = face_alignment._extended(picture, rows[7:50], columns[-60:-3])
    np.testing.assert_allclose(part, expected[7:50, -60:-3], atol=1e-2)


def test_pictures_that_are_not_moved_or_by_whole_pixels_stay_as_they_are():
    picture = noise(64, 64)
    np.testing.assert_array_equal(warp(picture, IDENTITY, 64), picture)
    shift = np.add(IDENTITY, [[0, 0, -5], [0, 0, 9]])
    np.testing.assert_array_equal(warp(picture, shift, 50)[9:], picture[:41, 5:55])
    quarter = np.array([[0.0, -1, 63], [1, 0, 0]])
    np.testing.assert_array_equal(warp(picture, quarter, 64), np.rot90(picture, -1))


def test_one_colour_stays_one_colour_until_half_the_size_beyond_the_edge():
    picture = np.full((40, 30, 3), (9, 99, 199), np.uint8)
    out = warp(picture, np.array([[1.0, 0, 40], [0, 1, 50]]), 140)
    # 15 to the left and 20 above, minus the four pixels that reach over the end.
    inner = out[50 - 20 + 4 : 90 + 20 - 4, 40 - 15 + 4 : 70 + 15 - 4]
    assert np.all(inner == (9, 99, 199))
    assert not np.any(out[: 50 - 20 - 4])
    assert not np.any(out[:, 70 + 15 + 4 :])


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (37, 2), (5, 301)])
def test_pictures_of_any_shape_are_taken(shape):
    picture = noise(*shape)
    for scale in (0.01, 1.0, 30.0):
        matrix = np.array([[scale, 0, 3], [0, scale, 4]])
        assert warp(picture, matrix, 16).shape == (16, 16, 3)


@pytest.mark.parametrize("size", [128, 256, 384])
def test_eyes_and_mouth_come_to_lie_where_the_mean_face_has_them(size):
    landmarks = faces.moved(MEAN * 1.5, 25, 0.8, (20, 10))
    chosen = [96, 97, 76, 82]
    y, x = np.mgrid[:400, :420]
    squares = [(x - spot_x) ** 2 + (y - spot_y) ** 2 for spot_x, spot_y in landmarks[chosen]]
    spots = np.sum(np.exp(-np.array(squares) / 50), axis=0)
    out = align(
        np.uint8(255 * np.minimum(spots, 1))[..., None].repeat(3, -1), landmarks, MEAN, size
    )
    for x, y in MEAN[chosen] * size / 256:
        left, top = round(x) - 10, round(y) - 10
        window = np.float64(out[top : top + 21, left : left + 21, 0])
        center = np.add(ndimage.center_of_mass(window**2), [top, left])
        # A picture that is made smaller keeps its edges, not the middles of its pixels, in place.
        np.testing.assert_allclose(center, [y, x], atol=0.6)


def test_pictures_that_are_made_smaller_are_smoothed_unless_told_otherwise():
    stripes = np.zeros((1024, 1024, 3), np.uint8)
    stripes[:, ::2] = 255
    landmarks = faces.moved(MEAN * 4, 3)
    spread = [
        float(np.std(align(stripes, landmarks, MEAN, antialias=kind)[60:200, 60:200]))
        for kind in (True, False)
    ]
    assert spread[0] < 3
    assert spread[1] > 30


# Pictures
