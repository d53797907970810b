"""A supersampled canvas, smooth curves, and the pose that puts parts on it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tfgan.data.avatars.palette import Color

Points = NDArray[np.float64]
Control = Sequence[tuple[float, float]] | Points

_SAMPLES = 5  # per span between two control points
_PIVOT = 0.12  # head units below the eyes


@lru_cache(maxsize=64)
def _spline_basis(count: int, closed: bool) -> Points:
    """Rows of weights that turn `count` control points into a Catmull-Rom curve."""
    spans = count if closed else count - 1
    t = np.arange(_SAMPLES) / _SAMPLES
    weights = 0.5 * np.stack(
        [-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, -(t**2) + t**3],
        axis=1,
    )
    basis = np.zeros((spans * _SAMPLES + (not closed), count))
    for span in range(spans):
        rows = slice(span * _SAMPLES, (span + 1) * _SAMPLES)
        for tap in range(4):
            index = span + tap - 1
            index = index % count if closed else min(max(index, 0), count - 1)
            basis[rows, index] += weights[:, tap]
    if not closed:
        basis[-1, -1] = 1.0
    return basis


def closed_curve(control: Control) -> Points:
    """Returns a smooth closed curve through the control points, [n, 2]."""
    return _spline_basis(len(control), True) @ np.asarray(control, np.float64)


def open_curve(control: Control) -> Points:
    """Returns a smooth curve from the first control point to the last, [n, 2].

    Many curves at once, [K, c, 2], give [K, n, 2].
    """
    points = np.asarray(control, np.float64)
    return _spline_basis(points.shape[-2], False) @ points


def mirrored(half: Control) -> Points:
    """Returns a closed outline from its right half, listed from the top to the bottom.

    The first and last points lie on the axis and are not repeated.
    """
    right = np.asarray(half, np.float64)
    left = right[-2:0:-1] * (-1.0, 1.0)
    return np.concatenate([right, left])


def shifted(points: Points, x: float, y: float) -> Points:
    """Returns the points moved by (x, y)."""
    return points + np.array((x, y))


@lru_cache(maxsize=8)
def _circle(count: int) -> Points:
    angle = np.arange(count) * (2 * math.pi / count)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def ellipse(x: float, y: float, rx: float, ry: float, tilt: float = 0.0) -> Points:
    """Returns the outline of an ellipse, turned by `tilt` radians, [n, 2]."""
    points = _circle(28) * (rx, ry)
    if tilt:
        c, s = math.cos(tilt), math.sin(tilt)
        points = points @ np.array([[c, s], [-s, c]])
    return shifted(points, x, y)


def scalloped(points: Points, bumps: int, depth: float, phase: float = 0.0) -> Points:
    """Returns a closed outline pushed in and out, as by curls."""
    dense = closed_curve(points)
    centre = dense.mean(axis=0)
    angle = np.arange(len(dense)) * (bumps * math.pi / len(dense)) + phase
    push = 1.0 + depth * (np.abs(np.sin(angle)) - 0.5)
    return centre + (dense - centre) * push[:, None]


@lru_cache(maxsize=1)
def _soft_blob() -> Image.Image:
    axis = (np.arange(64) + 0.5) / 32 - 1.0
    radius = np.sqrt(axis[:, None] ** 2 + axis[None, :] ** 2)
    falloff = 0.5 + 0.5 * np.cos(np.pi * np.clip(radius, 0, 1))
    return Image.fromarray((falloff * 255).astype(np.uint8))


@lru_cache(maxsize=2048)
def _blob_mask(width: int, height: int, strength: int) -> Image.Image:
    mask = _soft_blob().resize((width, height), Image.Resampling.BILINEAR)
    return mask.point(_dimming(strength))


@lru_cache(maxsize=64)
def _dimming(strength: int) -> list[int]:
    return [value * strength // 255 for value in range(256)]


@lru_cache(maxsize=64)
def _sphere(light: int, strength: int) -> Image.Image:
    """Shadow that a sphere lit from `light` eighths (-8 left to 8 right) and above carries."""
    axis = (np.arange(48) + 0.5) / 24 - 1.0
    x, y = axis[None, :], axis[:, None]
    z = np.sqrt(np.clip(1.0 - x**2 - y**2, 0.0, 1.0))
    direction = np.array([light / 8.0, -0.55, 0.75])
    direction /= np.linalg.norm(direction)
    lambert = x * direction[0] + y * direction[1] + z * direction[2]
    shadow = np.clip((0.62 - lambert) / 1.0, 0.0, 1.0)
    return Image.fromarray((shadow * strength).astype(np.uint8))


class Canvas:
    """An RGB picture to draw on, in supersampled pixels.

    Args:
        image: The picture, RGB.
        origin: Where its top left pixel lies on the whole canvas; not (0, 0) for the inside of
            a `clip`.
    """

    def __init__(self, image: Image.Image, origin: tuple[int, int] = (0, 0)):
        self.image = image
        self.origin = origin
        self._draw = ImageDraw.Draw(image, "RGBA")

    def fill(self, points: Points, color: Color, opacity: float = 1.0) -> None:
        """Fills a polygon."""
        flat = (points - self.origin).ravel().tolist()
        self._draw.polygon(flat, fill=(*color, int(opacity * 255)))

    def cover(self, color: Color, opacity: float) -> None:
        """Covers the whole canvas."""
        self._draw.rectangle((0, 0, *self.image.size), fill=(*color, int(opacity * 255)))

    def stroke(
        self,
        points: Points,
        width: float,
        color: Color,
        opacity: float = 1.0,
        ends: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        """Draws a curve as a brush does: `width` in the middle, `ends` times that at the ends."""
        self.fill(brush(points, width, ends), color, opacity)

    def strokes(
        self,
        curves: Points,
        width: float,
        colors: Sequence[Color],
        opacity: float = 1.0,
        ends: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        """Draws many curves, [K, n, 2], in turn with each of the colours."""
        outlines = brush(curves, width, ends) - self.origin
        fills = [(*color, int(opacity * 255)) for color in colors]
        for k, flat in enumerate(outlines.reshape(len(curves), -1).tolist()):
            self._draw.polygon(flat, fill=fills[k % len(fills)])

    def glow(
        self, centre: Sequence[float], radii: tuple[float, float], color: Color, strength: float
    ) -> None:
        """Blends in a soft spot: `strength` at its centre, nothing at its rim."""
        # Even sizes only, so that most masks are in the cache.
        width, height = 2 * max(1, round(radii[0])), 2 * max(1, round(radii[1]))
        x = round(centre[0] - radii[0]) - self.origin[0]
        y = round(centre[1] - radii[1]) - self.origin[1]
        mask = _blob_mask(width, height, int(strength * 32) * 8)
        self.image.paste(color, (x, y, x + width, y + height), mask)

    def shade(
        self, box: tuple[float, float, float, float], light: float, color: Color, strength: float
    ) -> None:
        """Shades a box as a ball lit from the side `light` (-1 left to 1 right) and from above."""
        left, top = round(box[0]) - self.origin[0], round(box[1]) - self.origin[1]
        width, height = max(2, round(box[2] - box[0])), max(2, round(box[3] - box[1]))
        ball = _sphere(round(light * 8), int(strength * 255))
        mask = ball.resize((width, height), Image.Resampling.BILINEAR)
        self.image.paste(color, (left, top, left + width, top + height), mask)

    @contextmanager
    def clip(self, *shapes: Points) -> Iterator[Canvas]:
        """Yields a canvas on which only the inside of the shapes changes this one."""
        points = shapes[0] if len(shapes) == 1 else np.concatenate(shapes)
        low, high = points.min(axis=0) - self.origin, points.max(axis=0) - self.origin
        left, top = max(0, int(low[0]) - 1), max(0, int(low[1]) - 1)
        right = max(left + 1, min(self.image.width, int(high[0]) + 2))
        bottom = max(top + 1, min(self.image.height, int(high[1]) + 2))
        mask = Image.new("L", (right - left, bottom - top))
        origin = (self.origin[0] + left, self.origin[1] + top)
        draw = ImageDraw.Draw(mask)
        for shape in shapes:
            draw.polygon((shape - origin).ravel().tolist(), fill=255)
        inside = Canvas(self.image.crop((left, top, right, bottom)), origin)
        yield inside
        self.image.paste(inside.image, (left, top), mask)


def brush(points: Points, width: float, ends: tuple[float, float] = (0.0, 0.0)) -> Points:
    """Returns the outline of a brush stroke along a curve, or of many, [K, n, 2]."""
    along = np.empty_like(points)
    np.subtract(points[..., 2:, :], points[..., :-2, :], out=along[..., 1:-1, :])
    along[..., 0, :] = points[..., 1, :] - points[..., 0, :]
    along[..., -1, :] = points[..., -1, :] - points[..., -2, :]
    x, y = along[..., 0], along[..., 1]
    reach = _brush_profile(points.shape[-2], ends) * (0.5 * width) / (np.sqrt(x * x + y * y) + 1e-9)
    offset = np.empty_like(points)
    offset[..., 0] = -y * reach
    offset[..., 1] = x * reach
    return np.concatenate([points + offset, (points - offset)[..., ::-1, :]], axis=-2)


@lru_cache(maxsize=256)
def _brush_profile(count: int, ends: tuple[float, float]) -> Points:
    t = np.linspace(0.0, 1.0, count)
    floor = ends[0] * (1 - t) + ends[1] * t
    return floor + (1.0 - floor) * np.sqrt(np.sin(np.pi * t).clip(0.0))


class Pose:
    """Puts points of the head, given in head units, on the canvas.

    Head units: the origin lies between the eyes, y points down, and 1 is about the height of
    the picture. Each point has a depth, its distance in front of the axis about which the head
    turns, so near parts move more than far ones when the head turns (parallax).

    Args:
        size: Side of the canvas in pixels.
        yaw: Turn to the right of the picture, radians.
        pitch: Nod downwards, radians.
        roll: Tilt towards the right shoulder of the picture, radians.
        offset: Shift of the head as a fraction of the picture.
        zoom: Size of the head; 1 is normal.
    """

    def __init__(
        self,
        size: int,
        yaw: float = 0.0,
        pitch: float = 0.0,
        roll: float = 0.0,
        offset: tuple[float, float] = (0.0, 0.0),
        zoom: float = 1.0,
    ):
        self.unit = 1.03 * size * zoom
        self._turn = math.sin(yaw)
        self._nod = math.sin(pitch)
        self._narrow = math.cos(yaw)
        c, s = math.cos(roll), math.sin(roll)
        self._rotation = np.array([[c, s], [-s, c]]) * self.unit
        # Portraits are aligned by the eyes, so most of the turn's shift is taken back.
        self._origin = np.array(
            [
                (0.5 + offset[0]) * size - 0.12 * self._turn * self.unit,
                (0.475 + offset[1]) * size + (_PIVOT - 0.10 * self._nod) * self.unit,
            ]
        )
        self._still = np.array([(0.5 + 0.5 * offset[0]) * size, (0.475 + 0.5 * offset[1]) * size])

    def place(self, points: Control, depth: float | Points = 0.0) -> Points:
        """Returns canvas pixels, [..., n, 2], of head points, [..., n, 2].

        Args:
            points: Points in head units.
            depth: Of all points or of each; a point in front (depth above 0) lies on a round
                face, so it is less deep near the sides.
        """
        points = np.asarray(points, np.float64)
        u, v = points[..., 0], points[..., 1]
        z = depth * (1.0 - np.minimum(u * u * 12.0, 0.9))
        placed = np.empty_like(points)
        placed[..., 0] = u * self._narrow + z * self._turn
        # The head tilts about a point on the nose, which keeps the eyes near their places.
        placed[..., 1] = v + z * self._nod - _PIVOT
        placed = placed @ self._rotation
        placed += self._origin
        return placed

    def place_body(self, points: Control) -> Points:
        """Returns canvas pixels, [n, 2], of points of the body, which does not turn."""
        return np.asarray(points, np.float64) * self.unit + self._still

    def point(self, x: float, y: float, depth: float = 0.0) -> tuple[float, float]:
        """Returns the canvas pixel of one head point."""
        placed = self.place([(x, y)], depth)
        return float(placed[0, 0]), float(placed[0, 1])
