"""Sliced Wasserstein distances of Laplacian pyramids."""

import numpy as np
import pytest

from tfgan.metrics import sliced_wasserstein as metric
from tfgan.metrics.sliced_wasserstein import sliced_wasserstein


def draw(seed, count, side=32):
    """Pictures of soft blobs with some grain: uint8 [N, R, R, 3]."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    middle = random.random((2, count, 1, 1, 1))
    distance = (y[..., None] - middle[0]) ** 2 + (x[..., None] - middle[1]) ** 2
    blobs = random.uniform(40, 200, (count, 1, 1, 3)) * np.exp(-20 * distance)
    grain = random.uniform(0, 40, (count, side, side, 3))
    return np.clip(blobs + grain, 0, 255).astype(np.uint8)


def values(images, others, seed=0):
    result = sliced_wasserstein(images, others, seed)
    return np.array([interval.value for interval in result.levels.values()])


def blur_rows(images):
    """Blurs pictures along W a little: float64."""
    return np.roll(images, 1, 2) / 4 + images / 2 + np.roll(images, -1, 2) / 4


def mirrored(index, size):
    """Where the pixel beyond an edge is taken from."""
    return -index if index < 0 else 2 * (size - 1) - index if index >= size else index


KERNEL = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256


def blur(image):
    height, width = image.shape[:2]
    out = np.zeros_like(image)
    for y, x, i, j in np.ndindex(height, width, 5, 5):
        out[y, x] += KERNEL[i, j] * image[mirrored(y + i - 2, height), mirrored(x + j - 2, width)]
    return out


def build_pyramid(image, levels):
    """The Laplacian pyramid of one picture, by loops over pixels in float64."""
    result, image = [], image.astype(np.float64)
    for _ in range(levels - 1):
        small = blur(image)[::2, ::2]
        spread = np.zeros_like(image)
        spread[::2, ::2] = small
        result.append(image - 4 * blur(spread))
        image = small
    return [*result, image]


def test_the_distance_is_that_of_a_plain_computation():
    sets = [draw(0, 3), draw(1, 3)]
    pyramids = [[build_pyramid(image, 2) for image in images] for images in sets]
    wanted = []
    for level, side in enumerate((32, 16)):
        random = np.random.default_rng([7, side])
        rows, columns = random.integers(side - 6, size=(2, 3, 128))
        directions = random.standard_normal((4, 147, 128))
        directions /= np.sqrt(np.sum(directions**2, axis=1, keepdims=True))
        coordinates = []
        for pyramid in pyramids:
            patches = np.array(
                [
                    pyramid[n][level][y : y + 7, x : x + 7]
                    for n in range(3)
                    for y, x in zip(rows[n], columns[n], strict=True)
                ]
            )
            patches = (patches - patches.mean(axis=(0, 1, 2))) / patches.std(axis=(0, 1, 2))
            flat = patches.transpose(0, 3, 1, 2).reshape(len(patches), -1)
            coordinates.append(np.sort(np.concatenate([flat @ d for d in directions], 1), axis=0))
        wanted.append(1000 * np.mean(np.abs(coordinates[0] - coordinates[1])))
    result = sliced_wasserstein(*sets, seed=7)
    assert list(result.levels) == [32, 16]
    # Ours are sums of 147 numbers in float32.
    np.testing.assert_allclose(
        [interval.value for interval in result.levels.values()], wanted, rtol=1e-5
    )
    np.testing.assert_allclose(result.average.value, np.mean(wanted), rtol=1e-5)


def test_the_numbers_are_those_of_the_published_program():
    # What metrics/sliced_wasserstein.py of github.com/tkarras/progressive_growing_of_gans gives
    # for these pictures with these places and directions; it computes in float32 throughout.
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (10, 64, 64, 3)).astype(np.uint8)
    others = (random.integers(0, 256, (10, 64, 64, 3)) ** 2 // 255).astype(np.uint8)
    published = [48.580757, 53.23732, 88.8024]
    np.testing.assert_allclose(values(images, others, 3), published, rtol=1e-5)


def test_a_set_is_at_no_distance_from_itself():
    result = sliced_wasserstein(draw(0, 12), draw(0, 12))
    for interval in (*result.levels.values(), result.average):
        assert (interval.value, interval.low, interval.high, interval.count) == (0.0, 0.0, 0.0, 12)


def test_the_distance_is_symmetric():
    images, others = draw(0, 12), draw(1, 12)
    assert sliced_wasserstein(images, others) == sliced_wasserstein(others, images)


def test_the_seed_decides_all_draws():
    images, others = draw(0, 12), draw(1, 12)
    assert sliced_wasserstein(images, others, 1) == sliced_wasserstein(images, others, 1)
    assert sliced_wasserstein(images, others, 1) != sliced_wasserstein(images, others, 2)


def test_what_changes_shows_at_the_level_of_its_size():
    images, others = (draw(seed, 80, 64) // 2 + 64 for seed in (0, 1))
    floor = values(images, others)
    random = np.random.default_rng(2)
    dots = np.where(random.random(others.shape) < 0.01, 255, others).astype(np.uint8)
    for fine in (blur_rows(others).astype(np.uint8), dots):
        grown = values(images, fine) / floor
        assert grown[0] > 2
        assert grown[0] > grown[1] > 1.3
        assert grown[2] < 1.3
    wave = 50 * np.sin(np.arange(64) / 64 * 2 * np.pi)[:, None, None]
    grown = values(images, (others + wave).astype(np.uint8)) / floor
    assert grown[2] > 3
    assert grown[0] < 1.5


def test_the_more_blur_the_larger_the_distance():
    images, blurred = draw(0, 40), draw(1, 40)
    result = []
    for _ in range(3):
        result.append(values(images, blurred.astype(np.uint8))[0])
        blurred = blur_rows(blurred)
    assert result[0] < result[1] < result[2]


def test_brightness_and_contrast_of_a_channel_do_not_count():
    images = draw(0, 12) // 2
    changed = images * np.array([1, 2, 1], np.uint8) + np.array([0, 1, 9], np.uint8)
    # float32 of other numbers, up to 255 before they are normalized.
    np.testing.assert_allclose(values(images, changed), 0, atol=0.01)


def test_two_draws_of_one_distribution_are_closer_the_more_pictures_there_are():
    few, many = (values(draw(0, count), draw(1, count)) for count in (20, 320))
    # Sixteen times as many pictures: a quarter of the distance, give or take.
    assert np.all(many < few / 2)


def test_the_interval_is_no_narrower_than_other_pictures_would_have_it():
    result = [sliced_wasserstein(draw(2 * n, 40, 16), draw(2 * n + 1, 40, 16)) for n in range(30)]
    numbers = np.array(
        [
            (interval.average.value, interval.average.low, interval.average.high)
            for interval in result
        ]
    )
    mean = numbers[:, 0].mean()
    inside = np.mean((numbers[:, 1] <= mean) & (numbers[:, 2] >= mean))
    # 0.95 of 30, less two deviations of their binomial number.
    assert inside >= 0.87
    # As wide as it is because a jackknife errs upwards, and no wider than that.
    assert np.mean(numbers[:, 2] - numbers[:, 0]) < 6 * numbers[:, 0].std()


@pytest.mark.parametrize(
    ("side", "wanted"),
    [(7, [7]), (8, [8]), (16, [16]), (30, [30]), (36, [36, 18]), (128, [128, 64, 32, 16])],
)
def test_levels_halve_down_to_16_pixels(side, wanted):
    assert metric.level_sides(side) == wanted
    result = sliced_wasserstein(draw(0, 2, side), draw(1, 2, side))
    assert list(result.levels) == wanted
    assert np.isfinite(result.average.high)


def test_flat_pictures_are_at_a_finite_distance():
    flat = np.full((10, 32, 32, 3), 100, np.uint8)
    assert np.all(values(flat, flat + np.uint8(1)) == 0)
    result = values(draw(0, 10), flat)
    assert np.all(result > 100)
    assert np.isfinite(result).all()


def test_grey_pictures_have_one_channel():
    assert values(draw(0, 10)[..., :1], draw(1, 10)[..., :1]).shape == (2,)


@pytest.mark.parametrize(
    ("shape", "other", "words"),
    [
        ((4, 16, 16, 3), (5, 16, 16, 3), "same number of pictures"),
        ((4, 16, 16, 3), (4, 32, 32, 3), "same number of pictures"),
        ((4, 16, 8, 3), (4, 16, 8, 3), "same number of pictures"),
        ((4, 6, 6, 3), (4, 6, 6, 3), r"7 pixels wide or more\. Received: 6"),
        ((1, 16, 16, 3), (1, 16, 16, 3), r"two pictures or more\. Received: 1"),
    ],
)
def test_sets_that_cannot_be_compared_are_an_error(shape, other, words):
    with pytest.raises(ValueError, match=words):
        sliced_wasserstein(np.zeros(shape, np.uint8), np.zeros(other, np.uint8))


def test_pictures_are_integers():
    images = np.zeros((4, 16, 16, 3), np.float32)
    with pytest.raises(ValueError, match=r"uint8\. Received: float32"):
        sliced_wasserstein(images, images)
