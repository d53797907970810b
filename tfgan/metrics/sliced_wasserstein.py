"""Sliced Wasserstein distance of Laplacian pyramids: two sets of pictures -> numbers.

Patches of each level of a pyramid are the features, so no network is needed, and numbers of
different programs can be compared. Each level compares structure of one size: 7x7 patches of the
finest level see edges and noise, those at 16 pixels see large shapes and colours.
"""

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tfgan.metrics.intervals import GROUPS, Interval, jackknife
from tfgan.terminal import Progress

PATCH = 7  # pixels along a side
PATCHES = 128  # patches of each picture, at each level
REPEATS = 4
DIRECTIONS = 128  # directions of each repeat
SMALLEST = 16  # pixels along a side of the coarsest level
SCALE = 1000.0  # factor of published numbers

PIXELS = 2**20  # pixels of the pictures whose pyramids are in memory
BLOCK = 32  # directions at a time


class Distances(NamedTuple):
    """Sliced Wasserstein distances of two sets of pictures, times 1000.

    Attributes:
        levels: Distance by side of the level in pixels, from fine to coarse.
        average: Mean of the levels.
    """

    levels: dict[int, Interval]
    average: Interval


class Patches(NamedTuple):
    """Patches of one level of a set of pictures, with the sums that normalize them.

    Attributes:
        values: float32 [N, 128, C, 7, 7].
        sums: Sums of the values of each picture and channel, and of their squares, float64
            [2, N, C].
    """

    values: np.ndarray
    sums: np.ndarray


def level_sides(side: int) -> list[int]:
    """Sides of the levels in pixels: `side`, halved while it is even and the half is 16 or more.

    Raises:
        ValueError: If a patch does not fit.
    """
    if side < PATCH:
        raise ValueError(f"pictures must be {PATCH} pixels wide or more. Received: {side}.")
    sides = [side]
    while sides[-1] % 2 == 0 and sides[-1] // 2 >= SMALLEST:
        sides.append(sides[-1] // 2)
    return sides


def halve(images: np.ndarray) -> np.ndarray:
    """Blurs by [1, 4, 6, 4, 1] / 16 along H and W, and keeps every other pixel.

    Borders are reflected, without repeating the border pixel.

    Args:
        images: float32 [N, H, W, C], both sides even.

    Returns:
        float32 [N, H / 2, W / 2, C].
    """
    for _ in range(2):
        size = images.shape[1]
        x = np.pad(images, ((0, 0), (2, 2), (0, 0), (0, 0)), "reflect")
        taps = [x[:, start : start + size : 2] for start in range(5)]
        images = (taps[0] + taps[4] + 4 * (taps[1] + taps[3]) + 6 * taps[2]) / 16
        images = images.swapaxes(1, 2)
    return images


def double(images: np.ndarray) -> np.ndarray:
    """Puts zeros between pixels along H and W, and blurs by [1, 4, 6, 4, 1] / 8.

    Args:
        images: float32 [N, H, W, C].

    Returns:
        float32 [N, 2H, 2W, C].
    """
    for _ in range(2):
        # Reflects the borders as in `halve`, but of the picture with zeros, whose last row is zero:
        # so the last pixel is repeated, and the first is not.
        x = np.concatenate([images[:, 1:2], images, images[:, -1:]], axis=1)
        doubled = np.empty((len(x), 2 * images.shape[1], *images.shape[2:]), images.dtype)
        doubled[:, 0::2] = (x[:, :-2] + 6 * x[:, 1:-1] + x[:, 2:]) / 8
        doubled[:, 1::2] = (x[:, 1:-1] + x[:, 2:]) / 2
        images = doubled.swapaxes(1, 2)
    return images


def pyramid_level(images: np.ndarray, level: int, last: bool) -> np.ndarray:
    """One level of the Laplacian pyramids of pictures.

    Args:
        images: uint8 [N, H, W, C].
        level: Number of halvings.
        last: Whether it is the coarsest level, from which nothing is subtracted.

    Returns:
        float32 [N, H / 2^level, W / 2^level, C].

    Reference:
        Burt and Adelson 1983, IEEE Transactions on Communications 31, 532-540.
    """
    x = images.astype(np.float32)
    for _ in range(level):
        x = halve(x)
    return x if last else x - double(halve(x))


def draw_places(count: int, side: int, random: np.random.Generator) -> np.ndarray:
    """Upper left corners of 128 patches of each picture: int [2, N, 128], rows and columns."""
    return random.integers(side - PATCH + 1, size=(2, count, PATCHES))


def cut_patches(images: np.ndarray, level: int, last: bool, places: np.ndarray) -> Patches:
    """The features: patches of one level of a set.

    Args:
        images: uint8 [N, R, R, C].
        level: See `pyramid_level`.
        last: See `pyramid_level`.
        places: See `draw_places`.
    """
    count, channels = len(images), images.shape[-1]
    values = np.empty((count, places.shape[2], channels, PATCH, PATCH), np.float32)
    sums = np.empty((2, count, channels))
    batch = max(1, PIXELS // images.shape[1] ** 2)
    for start in range(0, count, batch):
        rows = slice(start, start + batch)
        pyramid = pyramid_level(images[rows], level, last)
        windows = sliding_window_view(pyramid, (PATCH, PATCH), axis=(1, 2))
        y, x = places[:, rows]
        cut = values[rows] = windows[np.arange(len(y))[:, None], y, x]
        sums[0, rows] = cut.sum(axis=(1, 3, 4), dtype=np.float64)
        sums[1, rows] = np.square(cut).sum(axis=(1, 3, 4), dtype=np.float64)
    return Patches(values, sums)


def sorted_projections(patches: Patches, rows: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """The statistics: sorted coordinates of normalized patches along each direction.

    Each channel has mean 0 and standard deviation 1 over all pixels of all patches; a constant
    channel becomes 0.

    Args:
        patches: Patches of a set of pictures.
        rows: The pictures that count, bool [N].
        directions: float64 [C * 7 * 7, D], each of length 1.

    Returns:
        float32 [D, M], M = 128 times the number of pictures.
    """
    values = patches.values if np.all(rows) else patches.values[rows]
    pixels = values.size / values.shape[2]
    mean, square = patches.sums[:, rows].sum(axis=1) / pixels
    # For a constant channel the difference is rounding at most.
    variance = square - mean**2
    scale = 1.0 / np.sqrt(np.where(variance > 1e-9, variance, np.inf))
    # ((x - mean) * scale) . d = x . (scale * d) - mean . (scale * d): no normalized copy is needed.
    scaled = directions * np.repeat(scale, PATCH * PATCH)[:, None]
    offset = np.repeat(mean, PATCH * PATCH) @ scaled
    flat = values.reshape(-1, len(directions))
    coordinates = scaled.T.astype(np.float32) @ flat.T - offset.astype(np.float32)[:, None]
    coordinates.sort(axis=1)
    return coordinates


def mean_distance(
    patches: Patches, others: Patches, rows: np.ndarray, directions: np.ndarray
) -> float:
    """The number: mean Wasserstein distance of the patches along directions.

    Along one direction it is mean |a_i - b_i|, with a and b the coordinates in rising order.

    Args:
        patches: Patches of one set.
        others: Patches of as many pictures.
        rows: The pictures of both sets that count, bool [N].
        directions: See `sorted_projections`.
    """
    means = []
    for start in range(0, directions.shape[1], BLOCK):
        block = directions[:, start : start + BLOCK]
        difference = sorted_projections(patches, rows, block)
        difference -= sorted_projections(others, rows, block)
        means.append(np.abs(difference, out=difference).mean(axis=1, dtype=np.float64))
    return float(np.mean(np.concatenate(means)))


def sliced_wasserstein(
    images: np.ndarray, others: np.ndarray, seed: int = 0, progress: str | None = None
) -> Distances:
    """Sliced Wasserstein distances of two sets of pictures, level by level.

    Computed as in the authors' program: 128 patches of 7x7 pixels at random places of each picture
    and level, normalized per channel over all patches of a set; the mean of the distances along 4
    times 128 random directions; times 1000. One difference: picture i has its patches at the same
    places in both sets, so that a set has distance 0 from itself.

    Two sets from the same distribution have a distance above 0, which grows as they get smaller:
    numbers of different counts cannot be compared. Measure two real sets for reference.

    The interval, of the distance between two sets of this size, is a jackknife's: it leaves out a
    tenth of both sets in turn, normalizes again, and takes Student's t with one degree of freedom
    less than groups. It is too wide rather than too narrow, by up to a factor of two for similar
    sets. For speed it uses only the first 32 directions.

    Args:
        images: uint8 [N, R, R, C], N >= 2 and R >= 7, in random order.
        others: As many pictures of the same size, likewise.
        seed: For places and directions.
        progress: Words before a progress bar, which shows after two seconds; None: no bar.

    Returns:
        `Distances` at sides R, R / 2, ... down to 16; for R from 7 to 16 only at R. `count` of an
        interval is N.

    Raises:
        ValueError: If the sets differ in shape, are not square, or are too small.

    Reference:
        Karras et al. 2017, arXiv:1710.10196, section 5. Intervals: Efron and Stein 1981, The Annals
        of Statistics 9, 586-596.
    """
    if images.shape != others.shape or images.ndim != 4 or images.shape[1] != images.shape[2]:
        raise ValueError(
            "both sets must have the same number of pictures of one size, [N, R, R, C]. Received: "
            f"{list(images.shape)} and {list(others.shape)}."
        )
    if images.dtype != np.uint8 or others.dtype != np.uint8:
        raise ValueError(f"pictures must be uint8. Received: {images.dtype} and {others.dtype}.")
    count = len(images)
    if count < 2:
        raise ValueError(f"each set must have two pictures or more. Received: {count}.")
    sides = level_sides(images.shape[1])
    groups = min(GROUPS, count)
    everything = np.ones(count, bool)
    values, leaving_out = np.empty(len(sides)), np.empty((len(sides), groups))
    total = len(sides) * (REPEATS + groups)
    with Progress(total=total, desc=progress, disable=progress is None) as bar:
        for level, side in enumerate(sides):
            random = np.random.default_rng([seed, side])
            last = level == len(sides) - 1
            places = draw_places(count, side, random)
            sets = [cut_patches(part, level, last, places) for part in (images, others)]
            directions = random.standard_normal(
                (REPEATS, images.shape[-1] * PATCH * PATCH, DIRECTIONS)
            )
            directions /= np.linalg.norm(directions, axis=1, keepdims=True)
            repeats = []
            for drawn in directions:
                repeats.append(mean_distance(sets[0], sets[1], everything, drawn))
                bar.update()
            values[level] = np.mean(repeats)
            for group in range(groups):
                rest = np.arange(count) % groups != group
                few = directions[0, :, :BLOCK]
                leaving_out[level, group] = mean_distance(sets[0], sets[1], rest, few)
                bar.update()
    intervals = [
        jackknife(SCALE * value, SCALE * without, count)
        for value, without in zip(values, leaving_out, strict=True)
    ]
    average = jackknife(SCALE * values.mean(), SCALE * leaving_out.mean(axis=0), count)
    return Distances(dict(zip(sides, intervals, strict=True)), average)
