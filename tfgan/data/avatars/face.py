"""Skin, ears, nose, and the lines of age."""

from __future__ import annotations

import numpy as np

from tfgan.data.avatars.canvas import (
    Canvas,
    Points,
    closed_curve,
    ellipse,
    mirrored,
    open_curve,
)
from tfgan.data.avatars.palette import WHITE, Color, mix, scale
from tfgan.data.avatars.person import Person
from tfgan.data.avatars.sketch import EYE_X, Sketch


def face_outline(person: Person) -> Points:
    """Returns the outline of skull, cheeks and jaw, head units."""
    w = 1.0 + 0.055 * person.face_width
    jaw = 0.020 * person.jaw
    chin = 0.012 * person.chin
    half = [
        (0.0, -0.29),
        (0.125 * w, -0.266),
        (0.200 * w, -0.18),
        (0.226 * w, -0.06),
        (0.224 * w, 0.05),
        (0.207 * w + 0.5 * jaw, 0.145),
        (0.166 * w + 1.1 * jaw, 0.228),
        (0.100 * w + 1.3 * jaw, 0.293 + chin),
        (0.040 + 0.8 * jaw, 0.318 + chin),
        (0.0, 0.322 + chin),
    ]
    return closed_curve(mirrored(half))


def draw_ears(sketch: Sketch) -> None:
    """Draws both ears; they go under the face."""
    canvas, pose, skin, person = sketch.canvas, sketch.pose, sketch.skin, sketch.person
    x = 0.226 * (1.0 + 0.055 * person.face_width)
    for side in (-1.0, 1.0):
        outer = pose.place(ellipse(side * (x + 0.012), 0.035, 0.036, 0.066, side * 0.18), -0.05)
        inner = pose.place(ellipse(side * (x + 0.014), 0.035, 0.020, 0.043, side * 0.18), -0.05)
        away = side * person.light < 0
        with canvas.clip(outer) as ear:
            ear.fill(outer, mix(skin.base, skin.shadow, 0.45 if away else 0.12))
            ear.fill(inner, skin.shadow, 0.65)
            rim = pose.place([(side * (x + 0.024), 0.03), (side * (x + 0.002), 0.06)], -0.05)
            ear.glow(rim[0], (0.016 * sketch.unit, 0.03 * sketch.unit), skin.deep, 0.45)


def draw_earrings(sketch: Sketch) -> None:
    """Draws earrings below the lobes, over any hair."""
    person, unit = sketch.person, sketch.unit
    x = 0.238 * (1.0 + 0.055 * person.face_width)
    gold: Color = (250, 204, 84) if person.backdrop_seed % 3 else (236, 240, 248)
    shape = person.backdrop_seed % 4
    for side in (-1.0, 1.0):
        canvas = sketch.canvas
        if shape < 2:
            ring = ellipse(side * (x + 0.004), 0.142, 0.026, 0.034)
            ring = np.concatenate([ring, ring[:2]])
            placed = sketch.pose.place(ring, -0.02)
            canvas.stroke(placed, 0.017 * unit, scale(gold, 0.66, 0.58, 0.5), ends=(1, 1))
            canvas.stroke(placed, 0.010 * unit, gold, ends=(1, 1))
        else:
            stone = person.accent_color if shape == 3 else gold
            drop = ellipse(side * (x + 0.002), 0.128, 0.019, 0.030 if shape == 3 else 0.019)
            placed = sketch.pose.place(drop, -0.02)
            canvas.fill(placed, scale(stone, 0.6, 0.55, 0.6))
            canvas.fill(placed * 0.78 + placed.mean(axis=0) * 0.22, stone)
            centre = placed.mean(axis=0) - 0.006 * unit
            canvas.glow(centre, (0.011 * unit, 0.011 * unit), WHITE, 0.95)


def draw_skin(sketch: Sketch, outline: Points) -> None:
    """Draws the face itself: form shadow, light, blush, freckles, lines of age."""
    pose, skin, person, unit = sketch.pose, sketch.skin, sketch.person, sketch.unit
    placed = pose.place(outline)
    low, high = placed.min(axis=0), placed.max(axis=0)
    light = person.light
    with sketch.canvas.clip(placed) as face:
        face.fill(placed, skin.base)
        face.glow(
            pose.point(0.10 * light, -0.12, 0.15), (0.22 * unit, 0.16 * unit), skin.light, 0.6
        )
        pad = 0.02 * unit
        box = (low[0] - pad, low[1] - 2 * pad, high[0] + pad, high[1] + pad)
        face.shade(box, light, skin.shadow, 0.92)
        # Light from the ground keeps the jaw on the dark side from going flat.
        face.glow(pose.point(0, 0.30, 0.1), (0.10 * unit, 0.05 * unit), skin.light, 0.22)
        for side in (-1.0, 1.0):
            lift = 0.014 * sketch.muscles.cheek
            cheek = pose.point(side * 0.135, 0.115 - lift, 0.15)
            face.glow(cheek, (0.085 * unit, 0.07 * unit), (238, 96, 92), 0.17)
            if person.rosy_cheeks:
                face.glow(cheek, (0.086 * unit, 0.066 * unit), (238, 58, 76), 0.56)
            lit = max(0.0, side * light)
            shine = pose.point(side * 0.12, 0.068 - lift, 0.16)
            face.glow(shine, (0.055 * unit, 0.034 * unit), skin.light, 0.4 + 0.35 * lit)
            socket = pose.point(side * EYE_X, -0.02, 0.13)
            face.glow(socket, (0.095 * unit, 0.072 * unit), skin.shadow, 0.42)
        if person.freckles:
            _draw_freckles(sketch, face)
        _draw_age(sketch, face)


def _draw_freckles(sketch: Sketch, face: Canvas) -> None:
    dots = np.random.default_rng(sketch.person.backdrop_seed).random((22, 2))
    for u, v in dots.tolist():
        x = (u - 0.5) * 0.36
        dot = sketch.pose.place(ellipse(x, 0.06 + 0.075 * v, 0.0055, 0.0055)[::4], 0.15)
        face.fill(dot, sketch.skin.deep, 0.36)


def _draw_age(sketch: Sketch, face: Canvas) -> None:
    pose, unit, color = sketch.pose, sketch.unit, sketch.skin.deep
    age, muscles, person = sketch.person.wrinkles, sketch.muscles, sketch.person

    def crease(control: list[tuple[float, float]], width: float, opacity: float) -> None:
        face.stroke(pose.place(open_curve(control), 0.15), width * unit, color, opacity)

    raised = max(0.0, muscles.inner_brow + muscles.outer_brow) * 6.0
    lines = min(1.0, age + raised)
    if lines > 0.12:
        for y in (-0.195, -0.165, -0.137):
            crease([(-0.09, y + 0.008), (0.0, y), (0.09, y + 0.008)], 0.0085, 0.42 * lines)
    frown = muscles.frown * 0.8
    if frown > 0.2:
        for side in (-1.0, 1.0):
            crease([(side * 0.018, -0.085), (side * 0.015, -0.045)], 0.009, 0.6 * frown)
    for side in (-1.0, 1.0):
        fold = min(1.0, 0.75 * age + 0.5 * muscles.cheek + 0.5 * muscles.wrinkle)
        if fold > 0.1:
            crease(
                [(side * 0.056, 0.115), (side * 0.094, 0.15), (side * 0.108, 0.2)],
                0.0105,
                0.55 * fold,
            )
        if age > 0.2:
            for dy in (-0.014, 0.008, 0.028):
                crease(
                    [(side * 0.183, 0.002 + 0.4 * dy), (side * 0.206, 0.004 + 1.5 * dy)],
                    0.0075,
                    0.6 * age,
                )
            crease([(side * 0.10, 0.25), (side * 0.118, 0.275)], 0.009, 0.3 * age)
        if person.eye_bags:
            x = side * EYE_X
            centre = pose.point(x, 0.062, 0.14)
            face.glow(centre, (0.062 * unit, 0.03 * unit), scale(color, 1.0, 0.9, 1.25), 0.62)
            crease([(x - 0.05, 0.058), (x, 0.080), (x + 0.05, 0.06)], 0.011, 0.62)


def draw_nose(sketch: Sketch) -> None:
    """Draws the nose by its shadows and lights."""
    canvas, pose, skin, unit = sketch.canvas, sketch.pose, sketch.skin, sketch.unit
    size = 1.0 + 0.18 * sketch.person.nose_size
    light = sketch.person.light
    away = -1.0 if light > 0 else 1.0
    w = 0.040 * size
    tip = 0.122 + 0.008 * sketch.person.nose_size - 0.008 * sketch.muscles.wrinkle

    side = closed_curve(
        [
            (away * 0.016, -0.03),
            (away * 0.022, 0.04),
            (away * w * 1.02, tip - 0.012),
            (away * w * 0.7, tip + 0.012),
            (away * 0.004, tip + 0.016),
            (away * 0.012, tip - 0.03),
            (away * 0.008, 0.03),
        ]
    )
    canvas.fill(pose.place(side, 0.19), skin.shadow, 0.34 + 0.22 * abs(light))
    # The shadow that the nose casts on the lip.
    canvas.glow(
        pose.point(0.012 * away, tip + 0.022, 0.19), (w * 1.15 * unit, 0.022 * unit), skin.deep, 0.4
    )
    bridge = open_curve([(-0.25 * away * 0.02, -0.02), (-0.006 * away, 0.05), (0.0, tip - 0.03)])
    canvas.stroke(pose.place(bridge, 0.21), 0.017 * unit, skin.light, 0.55)
    canvas.glow(
        pose.point(-0.010 * away, tip - 0.016, 0.23), (0.024 * unit, 0.02 * unit), WHITE, 0.42
    )
    base = open_curve(
        [
            (-w, tip - 0.012),
            (-w * 0.86, tip + 0.008),
            (-w * 0.4, tip + 0.006),
            (0.0, tip + 0.015),
            (w * 0.4, tip + 0.006),
            (w * 0.86, tip + 0.008),
            (w, tip - 0.012),
        ]
    )
    canvas.stroke(pose.place(base, 0.2), 0.0115 * unit, skin.deep, 0.72, ends=(0.3, 0.3))
    for s in (-1.0, 1.0):
        nostril = ellipse(s * w * 0.5, tip + 0.007, w * 0.25, 0.0065, -s * 0.35)
        canvas.fill(pose.place(nostril, 0.2), sketch.dark_line, 0.72)
        if sketch.muscles.wrinkle > 0.25:
            for y in (-0.006, 0.018, 0.042):
                line = open_curve([(s * 0.006, y + 0.008), (s * 0.032, y - 0.006)])
                canvas.stroke(
                    pose.place(line, 0.19), 0.009 * unit, skin.deep, 0.6 * sketch.muscles.wrinkle
                )
