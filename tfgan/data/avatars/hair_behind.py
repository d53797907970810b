"""Hair behind the head and the shoulders."""

from __future__ import annotations

import numpy as np

from tfgan.data.avatars.canvas import (
    Canvas,
    Points,
    closed_curve,
    ellipse,
    mirrored,
    open_curve,
    scalloped,
)
from tfgan.data.avatars.hair_texture import draw_curls, waved
from tfgan.data.avatars.palette import mix
from tfgan.data.avatars.person import LONG_STYLES, Person
from tfgan.data.avatars.sketch import Sketch


def draw_hair_behind(sketch: Sketch) -> None:
    """Draws the hair that the head and the shoulders cover."""
    person, pose, unit, hair = sketch.person, sketch.pose, sketch.unit, sketch.hair
    shapes = [pose.place(shape, -0.06) for shape in _masses_behind(person)]
    if not shapes:
        return
    with sketch.canvas.clip(*shapes) as mass:
        for shape in shapes:
            mass.fill(shape, mix(hair.base, hair.shadow, 0.6))
        if person.hair_style == "bun":
            centre = shapes[0].mean(axis=0)
            box = (*(centre - 0.11 * unit).tolist(), *(centre + 0.10 * unit).tolist())
            mass.shade((box[0], box[1], box[2], box[3]), person.light, hair.deep, 0.85)
            arcs = np.stack(
                [ellipse(0.0, -0.33, r, 0.9 * r)[14:] for r in (0.03, 0.06, 0.085, 0.1)]
            )
            mass.strokes(pose.place(arcs, -0.06), 0.012 * unit, (hair.light, hair.deep), 0.5)
        elif person.hair_style in ("curly", "afro"):
            draw_curls(sketch, mass)
        else:
            _comb_down(sketch, mass)
        # Darkest beside the neck, where no light falls.
        mass.glow(pose.point(0, 0.25), (0.27 * unit, 0.3 * unit), hair.deep, 0.85)


def _masses_behind(person: Person) -> list[Points]:
    style, v = person.hair_style, 0.018 * person.hair_volume
    if style == "bob":
        half = [
            (0.0, -0.30),
            (0.20, -0.22),
            (0.262 + v, -0.04),
            (0.285 + v, 0.14),
            (0.275 + v, 0.265),
            (0.20, 0.315),
            (0.0, 0.30),
        ]
        return [closed_curve(mirrored(half))]
    if style in LONG_STYLES:
        half = [
            (0.0, -0.30),
            (0.20, -0.22),
            (0.262 + v, -0.04),
            (0.285 + v, 0.16),
            (0.300 + v, 0.34),
            (0.305 + v, 0.50),
            (0.24, 0.64),
            (0.0, 0.66),
        ]
        outline = mirrored(half)
        return [closed_curve(outline) if style == "long" else waved(closed_curve(outline))]
    if style == "curly" and not person.male:
        half = [
            (0.0, -0.36),
            (0.25, -0.24),
            (0.33 + v, 0.02),
            (0.33 + v, 0.25),
            (0.22, 0.40),
            (0.0, 0.38),
        ]
        return [scalloped(mirrored(half), 19, 0.10)]
    if style == "afro":
        return [scalloped(ellipse(0.0, -0.105, 0.335 + v, 0.315 + v)[::2], 26, 0.06)]
    if style == "bun" and person.hat == "none":
        return [scalloped(ellipse(0.0, -0.372, 0.108 + v, 0.088 + v)[::3], 5, 0.04)]
    if style == "ponytail":
        side = 1.0 if person.part >= 0 else -1.0
        tail = [
            (0.12, -0.26),
            (0.26, -0.27),
            (0.36 + v, -0.10),
            (0.345 + v, 0.12),
            (0.375, 0.30),
            (0.27, 0.24),
            (0.25, 0.02),
            (0.20, -0.14),
        ]
        return [closed_curve(np.array(tail) * (side, 1.0))]
    return []


def _comb_down(sketch: Sketch, mass: Canvas) -> None:
    pose, unit, hair, person = sketch.pose, sketch.unit, sketch.hair, sketch.person
    if person.hair_style == "ponytail":
        side = 1.0 if person.part >= 0 else -1.0
        k = np.linspace(0.0, 1.0, 6)
        strands = np.empty((6, 4, 2))
        strands[:, 0] = (0.16, -0.24)
        strands[:, 1] = np.stack([0.25 + 0.09 * k, -0.14 - 0.06 * k], axis=1)
        strands[:, 2] = np.stack([0.26 + 0.09 * k, 0.06 + 0.0 * k], axis=1)
        strands[:, 3] = (0.36, 0.30)
        strands[..., 0] *= side
    else:
        x = 0.31 * (np.arange(14) / 6.5 - 1.0)
        strands = np.empty((14, 4, 2))
        strands[..., 0] = x[:, None] * (0.6, 0.9, 1.0, 0.98)
        strands[..., 1] = (-0.25, 0.05, 0.3, 0.62)
    curves = open_curve(strands)
    if person.hair_style == "wavy":
        curves = waved(curves)
    colors = (hair.light, hair.base, hair.deep)
    mass.strokes(pose.place(curves, -0.06), 0.020 * unit, colors, 0.42)
