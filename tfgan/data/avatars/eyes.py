"""Eyes, brows and glasses."""

from __future__ import annotations

import numpy as np

from tfgan.data.avatars.canvas import (
    Points,
    brush,
    closed_curve,
    ellipse,
    open_curve,
    shifted,
)
from tfgan.data.avatars.palette import WHITE, mix, scale
from tfgan.data.avatars.sketch import ACROSS, ARCH, EYE_X, FULL, Sketch

_ROUND = np.sqrt(ARCH)


def draw_eyes(sketch: Sketch) -> None:
    """Draws both eyes, open or shut in a laugh."""
    for side in (-1.0, 1.0):
        if sketch.person.eyes_shut:
            _draw_shut_eye(sketch, side)
        else:
            _draw_eye(sketch, side)


def _eye_curves(sketch: Sketch, side: float) -> tuple[Points, Points]:
    """Upper and lower lid of one eye from its left end to its right end, head units."""
    person, muscles = sketch.person, sketch.muscles
    size = 1.0 + 0.11 * person.eye_size
    w = 0.060 * size
    up = 0.037 * size * min(muscles.upper_lid, 1.5)
    down = 0.026 * size * (1.0 - muscles.lower_lid)
    # The outer corner stands a little higher than the inner one.
    slant = (0.006 + 0.008 * person.eye_slant) * side
    x = side * EYE_X + w * ACROSS
    middle = -slant * ACROSS
    return (
        np.stack([x, middle - up * _ROUND], axis=1),
        np.stack([x, middle + down * FULL], axis=1),
    )


def _draw_eye(sketch: Sketch, side: float) -> None:
    pose, unit, person, skin = sketch.pose, sketch.unit, sketch.person, sketch.skin
    upper, lower = _eye_curves(sketch, side)
    upper_px, lower_px = pose.place(upper, 0.14), pose.place(lower, 0.14)
    size = 1.0 + 0.11 * person.eye_size
    made_up = person.lipstick is not None

    if made_up:
        lid_color = mix(person.lipstick or WHITE, (96, 60, 120), 0.45)
        lid = np.concatenate([upper_px, (shifted(upper_px, 0.0, -0.030 * unit))[::-1]])
        with sketch.canvas.clip(closed_curve(lid[::3])) as shadow:
            shadow.fill(lid, lid_color, 0.42)

    with sketch.canvas.clip(np.concatenate([upper_px, lower_px[::-1]])) as eye:
        eye.fill(np.concatenate([upper_px, lower_px[::-1]]), (250, 248, 246))
        gaze = side * EYE_X + 0.003 * side * -1.0
        # Wide eyes show white above the iris; at rest the upper lid covers a little of it.
        centre = pose.point(gaze, -0.004, 0.15)
        radius = 0.0335 * size * unit
        iris = ellipse(*centre, radius, radius)
        eye.fill(iris, scale(person.eye_color, 0.42, 0.42, 0.46))
        eye.fill(ellipse(*centre, radius * 0.86, radius * 0.86), person.eye_color)
        eye.glow(
            (centre[0] - 0.2 * person.light * radius, centre[1] + 0.5 * radius),
            (radius * 0.8, radius * 0.62),
            mix(person.eye_color, (255, 244, 214), 0.62),
            0.85,
        )
        eye.fill(ellipse(*centre, radius * 0.48, radius * 0.48), (16, 12, 18))
        # The lid's shadow on the ball.
        eye.stroke(
            shifted(upper_px, 0.0, 0.004 * unit), 0.026 * unit, (60, 44, 66), 0.42, ends=(1, 1)
        )
        spark = -0.36 if person.light <= 0 else 0.36
        eye.fill(
            ellipse(
                centre[0] + spark * radius, centre[1] - 0.36 * radius, radius * 0.27, radius * 0.27
            ),
            WHITE,
            0.97,
        )
        eye.fill(
            ellipse(
                centre[0] - spark * radius, centre[1] + 0.42 * radius, radius * 0.13, radius * 0.13
            ),
            WHITE,
            0.7,
        )

    line = sketch.dark_line
    weight = 0.0165 if person.male else 0.0215
    sketch.canvas.stroke(upper_px, weight * unit, line, ends=(0.35, 0.35))
    sketch.canvas.stroke(lower_px[3:-3], 0.007 * unit, skin.deep, 0.6)
    if not person.male:
        outer = upper[-1] if side > 0 else upper[0]
        for k, (dx, dy) in enumerate(((0.026, -0.020), (0.018, -0.030))):
            root = outer - np.array([side * (0.003 + 0.012 * k), 0.001 + 0.011 * k])
            tip = root + np.array([side * dx, dy])
            bend = 0.5 * (root + tip) + np.array([side * 0.004, 0.004])
            lash = pose.place(open_curve(np.array([root, bend, tip])), 0.13)
            sketch.canvas.stroke(lash, 0.0125 * unit, line, ends=(1.0, 0.0))
    crease = pose.place(shifted(upper[3:-3], 0.0, -0.0155), 0.14)
    sketch.canvas.stroke(crease, 0.0075 * unit, skin.deep, 0.55)


def _draw_shut_eye(sketch: Sketch, side: float) -> None:
    pose, unit = sketch.pose, sketch.unit
    x = side * EYE_X
    arc = open_curve(
        [
            (x - 0.058, 0.018),
            (x - 0.034, -0.012),
            (x, -0.022),
            (x + 0.034, -0.012),
            (x + 0.058, 0.018),
        ]
    )
    placed = pose.place(arc, 0.14)
    sketch.canvas.stroke(placed, 0.022 * unit, sketch.dark_line, ends=(0.3, 0.3))
    if not sketch.person.male:
        for reach in (0.0, 0.014):
            lash = [(x + side * 0.050, 0.008 - reach), (x + side * 0.074, -0.004 - 1.6 * reach)]
            sketch.canvas.stroke(
                pose.place(open_curve(lash), 0.13), 0.012 * unit, sketch.dark_line, ends=(0.9, 0)
            )
    fold = pose.place(arc * (1.0, 0.6) + (0.0, -0.03), 0.14)
    sketch.canvas.stroke(fold, 0.008 * unit, sketch.skin.deep, 0.4)


def draw_brows(sketch: Sketch) -> None:
    """Draws the eyebrows where the expression puts them."""
    pose, unit, person, muscles = sketch.pose, sketch.unit, sketch.person, sketch.muscles
    color = mix(sketch.hair.shadow, sketch.hair.deep, 0.4)
    if person.hair_color in ("blond", "gray"):
        color = scale(color, 0.82, 0.78, 0.76)
    if person.skin_tone > 0.6:
        color = scale(color, 0.6, 0.55, 0.55)
    thickness = 0.0205 if person.male else 0.0155
    if person.bushy_eyebrows:
        thickness = 0.037 if person.male else 0.032
    for side in (-1.0, 1.0):
        skew = muscles.brow_skew * (1.0 if side > 0 else -0.25)
        y = -0.083 - 0.012 * (muscles.upper_lid - 1.0) - skew
        inner_x = 0.052 - 0.016 * muscles.frown
        inner = (side * inner_x, y + 0.006 - muscles.inner_brow)
        middle_y = y - 0.012 - 0.008 * person.brow_arch
        middle = (
            side * 0.118,
            middle_y - 0.45 * muscles.inner_brow - 0.55 * muscles.outer_brow,
        )
        outer = (side * 0.180, y + 0.016 - muscles.outer_brow)
        curve = pose.place(open_curve([inner, middle, outer]), 0.15)
        sketch.canvas.stroke(curve, thickness * unit, color, 0.96, ends=(0.72, 0.0))
        if person.bushy_eyebrows:
            roots = curve[:-2:2]
            lean = np.empty_like(roots)
            lean[:, 0] = side * np.linspace(0.006, 0.020, len(roots)) * unit
            lean[:, 1] = -0.020 * unit
            tufts = np.stack([roots - 0.2 * lean, roots + lean], axis=1)
            sketch.canvas.strokes(tufts, 0.009 * unit, (color,), ends=(1.0, 0.2))


def draw_glasses(sketch: Sketch) -> None:
    """Draws spectacles with a faint reflection."""
    person, pose, unit, canvas = sketch.person, sketch.pose, sketch.unit, sketch.canvas
    if person.glasses == "none":
        return
    color = person.glasses_color
    x = EYE_X + 0.002
    for side in (-1.0, 1.0):
        if person.glasses == "round":
            rim = ellipse(side * x, 0.008, 0.085, 0.082)
        elif person.glasses == "square":
            corners = [
                (-0.084, -0.056),
                (0.0, -0.062),
                (0.084, -0.056),
                (0.086, 0.02),
                (0.068, 0.066),
                (0.0, 0.072),
                (-0.068, 0.066),
                (-0.086, 0.02),
            ]
            rim = closed_curve(shifted(np.array(corners), side * x, 0.004))
        else:
            corners = [
                (-0.076, -0.050),
                (0.0, -0.052),
                (0.100, -0.082),
                (0.096, -0.01),
                (0.062, 0.062),
                (0.0, 0.07),
                (-0.066, 0.048),
                (-0.082, -0.01),
            ]
            rim = closed_curve(np.array(corners) * (side, 1.0) + (side * x, 0.004))
        placed = pose.place(rim, 0.19)
        canvas.fill(placed, (224, 240, 252), 0.13)
        with canvas.clip(placed) as lens:
            left, top = placed.min(axis=0)
            width, height = placed.max(axis=0) - (left, top)
            for start, breadth in ((0.10, 0.20), (0.38, 0.07)):
                streak = np.array(
                    [
                        (start + 0.28, 0.0),
                        (start + 0.28 + breadth, 0.0),
                        (start + breadth, 1.0),
                        (start, 1.0),
                    ]
                )
                lens.fill(streak * (width, height) + (left, top), WHITE, 0.2)
        ring = np.concatenate([placed, placed[:2]])
        canvas.stroke(
            shifted(ring, 0.0, 0.006 * unit), 0.016 * unit, sketch.skin.deep, 0.3, ends=(1, 1)
        )
        canvas.stroke(ring, 0.0165 * unit, color, ends=(1, 1))
        arm = pose.place(np.array([(side * (x + 0.083), -0.012), (side * 0.20, -0.014)]), 0.16)
        ear = pose.place(np.array([(side * 0.236, -0.012)]), -0.02)
        canvas.fill(brush(np.concatenate([arm, ear]), 0.014 * unit, (1, 1)), color)
    bridge = open_curve([(-0.034, -0.004), (0.0, -0.020), (0.034, -0.004)])
    canvas.stroke(pose.place(bridge, 0.2), 0.015 * unit, color, ends=(1, 1))
