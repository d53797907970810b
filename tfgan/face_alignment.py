"""Geometry and sampling of aligned faces.

A picture is turned, scaled and moved so that eyes and mouth come to lie where a mean face has them.
Agrees with clovaai/stargan-v2, core/wing.py.
"""

from typing import NamedTuple

import numpy as np
from PIL import Image

UNIT = 256  # pixels of the picture that landmarks and their mean are measured in
# Landmarks as WFLW numbers them: rims of the eyes with the pupil, corners of the mouth, pupils.
_LEFT_EYE, _RIGHT_EYE = [*range(60, 68), 96], [*range(68, 76), 97]
_MOUTH_LEFT, _MOUTH_RIGHT = 76, 82
_SCALED_BY = [96, 97, _MOUTH_LEFT, _MOUTH_RIGHT]

# Pixels are taken at multiples of 1/32, as OpenCV takes them: the weights then come from a table.
_STEPS = 32
_TAPS = np.arange(-3, 5)
_TOGETHER = 2**14  # pixels that are interpolated at a time: few enough for the processor's cache


# Geometry


def across(landmarks: np.ndarray) -> np.ndarray:
    """Unit vector from the left to the right of a face, [2], as eyes and mouth say it.

    With e the vector from eye to eye, and d that from the middle of the mouth to the middle of the
    eyes turned by a right angle, it is the direction of e + d.

    Args:
        landmarks: [98, 2], x and y.

    Reference:
        Karras et al. 2018, arXiv:1710.10196, appendix C.
    """
    left, right = (landmarks[eye].mean(axis=0) for eye in (_LEFT_EYE, _RIGHT_EYE))
    mouth = (landmarks[_MOUTH_LEFT] + landmarks[_MOUTH_RIGHT]) / 2
    up_x, up_y = (left + right) / 2 - mouth
    direction = right - left + [-up_y, up_x]
    return direction / np.linalg.norm(direction)


def alignment(landmarks: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The rotation, scaling and move that bring a face onto another one.

    x -> s R (x - mean(landmarks)) + mean(target). R turns `across` of the one into that of the
    other. s is the mean ratio of distances from the middle, of pupils and corners of the mouth.

    Args:
        landmarks: [98, 2], x and y in pixels of a picture.
        target: [98, 2], where they should come to lie.

    Returns:
        [2, 3]: x and y of the new place are its product with (x, y, 1).

    Raises:
        ValueError: If the landmarks are not those of a face: points that coincide.
    """
    landmarks, target = np.asarray(landmarks, np.float64), np.asarray(target, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        (x0, y0), (x1, y1) = across(landmarks), across(target)
        cosine, sine = x0 * x1 + y0 * y1, x0 * y1 - y0 * x1
        radii, wanted = (
            np.linalg.norm(points[_SCALED_BY] - points.mean(axis=0), axis=1)
            for points in (landmarks, target)
        )
        turn = np.mean(wanted / radii) * np.array([[cosine, -sine], [sine, cosine]])
    if not np.all(np.isfinite(turn)):
        raise ValueError("no face is found in it: landmarks of eyes and mouth coincide")
    return np.column_stack([turn, target.mean(axis=0) - turn @ landmarks.mean(axis=0)])


# Sampling


def _reflect(places: np.ndarray, length: int) -> np.ndarray:
    """Indices into a row that goes on beyond its ends as in a mirror, whose last pixel is once."""
    period = max(2 * length - 2, 1)
    places = np.abs(places) % period
    return np.minimum(places, period - places)


class _Halved(NamedTuple):
    """What places in a row of pixels, mirrored for half its length at either end, come from.

    The row is halved, smoothed and doubled again.

    Attributes:
        pairs: Of each halved pixel, the two that it is the mean of, [2, P].
        low: Index in `pairs`, less the margins of the filter, of the halved pixel before a place.
        share: Of the halved pixel behind it.
        sigma: Of the Gaussian, in halved pixels; cut off at 4 sigma.
    """

    pairs: np.ndarray
    low: np.ndarray
    share: np.ndarray
    sigma: int


def _halve(count: int, places: np.ndarray, sigma: int) -> _Halved:
    """Prepares `_blurred` at some places of a row of `count` pixels.

    Args:
        count: N.
        places: Integers, from -(N // 2) to N + N // 2 - 1.
        sigma: See `_Halved`.
    """
    radius = 4 * sigma
    halves = np.clip((places + count // 2 + 0.5) / 2 - 0.5, 0, count - 1)
    low = np.floor(halves).astype(int)
    first = low.min() - radius
    pairs = 2 * np.clip(np.arange(first, low.max() + radius + 2), 0, count - 1) - count // 2
    pairs = np.stack([_reflect(pairs, count), _reflect(pairs + 1, count)])
    return _Halved(pairs, low - first - radius, (halves - low).astype(np.float32), sigma)


def _blurred(values: np.ndarray, halved: _Halved) -> np.ndarray:
    """Halves, smooths and doubles the first axis of [N, ...]; float32 [places, ...]."""
    radius = 4 * halved.sigma
    means = (
        values[halved.pairs[0]].astype(np.float32) + values[halved.pairs[1]].astype(np.float32)
    ) / 2
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / max(halved.sigma, 1)) ** 2)
    kernel = (kernel / kernel.sum()).astype(np.float32)
    rows = len(means) - 2 * radius
    smooth = np.zeros((rows, *means.shape[1:]), np.float32)
    for shift, weight in enumerate(kernel):
        smooth += weight * means[shift : shift + rows]
    share = halved.share.reshape(-1, *[1] * (values.ndim - 1))
    return smooth[halved.low] * (1 - share) + smooth[halved.low + 1] * share


def _extended(picture: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """A part of a picture that goes on beyond its edges: mirrored, and more and more blurred.

    Args:
        picture: uint8 [H, W, 3].
        rows: Consecutive integers, from -(H // 2) to H + H // 2 - 1.
        columns: Likewise, of W.

    Returns:
        float32 [rows, columns, 3] from 0 to 255.
    """
    sizes = picture.shape[:2]
    sharp = picture[np.ix_(_reflect(rows, sizes[0]), _reflect(columns, sizes[1]))]
    sharp = sharp.astype(np.float32)
    # 1 inside, falling to 0 at the end of the mirrored part.
    weights = [
        np.clip(np.minimum(places + size // 2, size + size // 2 - 1 - places) / (size // 2), 0, 1)
        if size > 1
        else np.ones(len(places))
        for places, size in zip((rows, columns), sizes, strict=True)
    ]
    weight = (np.minimum(weights[0][:, None], weights[1]) ** 4).astype(np.float32)[..., None]
    if np.all(weight == 1):
        return sharp
    sigma = min(sizes) // 100
    by_row, by_column = _halve(sizes[0], rows, sigma), _halve(sizes[1], columns, sigma)
    # Of a very wide picture only the columns that are looked at.
    seen, pairs = np.unique(by_column.pairs, return_inverse=True)
    by_column = by_column._replace(pairs=pairs.reshape(2, -1))
    blurred = _blurred(picture[:, seen], by_row).swapaxes(0, 1)
    blurred = _blurred(blurred, by_column).swapaxes(0, 1)
    return sharp * weight + blurred * (1 - weight)


def _lanczos() -> np.ndarray:
    """Weights [32, 8] of a pixel's 8 neighbours, by its distance from the fourth in 1/32."""
    distances = np.arange(_STEPS)[:, None] / _STEPS - _TAPS
    weights = np.sinc(distances) * np.sinc(distances / 4)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def warp(picture: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """Moves a picture, with Lanczos interpolation (a = 4).

    Beyond its edges it goes on for half its size, mirrored and blurred; then comes black.

    Args:
        picture: uint8 [H, W, 3].
        matrix: [2, 3], from places in the picture to places in the result.
        size: Height and width of the result.

    Returns:
        uint8 [size, size, 3].
    """
    turn, move = matrix[:, :2], matrix[:, 2]
    grid = np.stack(np.meshgrid(np.arange(size), np.arange(size)), axis=-1)
    places = (grid - move) @ np.linalg.inv(turn).T
    steps = np.rint(np.clip(places, -1e7, 1e7) * _STEPS).astype(np.int32).reshape(-1, 2)
    del grid, places
    table = _lanczos()
    firsts, ranges = [], []
    for axis, length in enumerate(picture.shape[1::-1]):
        # As far outside as this, all taps are on black.
        middle = np.clip(steps[:, axis] // _STEPS, -(length // 2) - 5, length + length // 2 + 3)
        firsts.append(middle + _TAPS[0])
        ranges.append(np.arange(firsts[-1].min(), firsts[-1].max() + len(_TAPS)))
    columns, rows = ranges
    known = [
        (places >= -(length // 2)) & (places < length + length // 2)
        for places, length in zip((rows, columns), picture.shape, strict=False)
    ]
    canvas = np.zeros((len(rows), len(columns), 3), np.float32)
    if all(np.any(part) for part in known):
        canvas[np.ix_(*known)] = _extended(picture, rows[known[0]], columns[known[1]])
    corners = (firsts[1] - rows[0]) * len(columns) + firsts[0] - columns[0]
    taps = len(_TAPS)
    # Eight pixels in a row, as seen from each pixel.
    windows = np.lib.stride_tricks.sliding_window_view(canvas.reshape(-1), 3 * taps)[::3]
    result = np.zeros((size * size, 3), np.float32)
    for start in range(0, size * size, _TOGETHER):
        part = slice(start, start + _TOGETHER)
        across, down = (table[steps[part, axis] % _STEPS] for axis in (0, 1))
        for i in range(taps):
            row = windows[corners[part] + i * len(columns)].reshape(-1, taps, 3)
            row = np.einsum("pxc,px->pc", row, across)
            result[part] += row * down[:, i, None]
    result += 0.5
    result = np.clip(np.floor(result, out=result), 0, 255, out=result).astype(np.uint8)
    return result.reshape(size, size, 3)


def align(
    picture: np.ndarray,
    landmarks: np.ndarray,
    mean_landmarks: np.ndarray,
    size: int = UNIT,
    antialias: bool = True,
) -> np.ndarray:
    """Cuts a face out of a picture, so that it lies as the mean face does.

    Args:
        picture: uint8 [H, W, 3].
        landmarks: [98, 2], x and y in pixels of the picture.
        mean_landmarks: [98, 2], in pixels of 256 by 256.
        size: Height and width of the result.
        antialias: Whether a picture that is made smaller is smoothed for that, by a Lanczos
            resize. The published tool does without.

    Returns:
        uint8 [size, size, 3].

    Raises:
        ValueError: If the landmarks are not those of a face.
    """
    target = np.asarray(mean_landmarks, np.float64) * size / UNIT
    matrix = alignment(landmarks, target)
    scale = np.hypot(*matrix[:, 0])
    if antialias and scale < 1:
        old = np.array(picture.shape[1::-1])
        new = np.maximum(np.rint(old * scale), 1).astype(int)
        smaller = Image.fromarray(picture).resize(tuple(new), Image.Resampling.LANCZOS)
        picture, landmarks = np.asarray(smaller), landmarks * (new / old)
        matrix = alignment(landmarks, target)
    return warp(picture, matrix, size)
