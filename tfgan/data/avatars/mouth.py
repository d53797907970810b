"""Mouth and facial hair."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfgan.data.avatars.canvas import (
    Points,
    closed_curve,
    ellipse,
    mirrored,
    open_curve,
    shifted,
)
from tfgan.data.avatars.palette import WHITE, Tones, mix, scale
from tfgan.data.avatars.sketch import ACROSS, ARCH, FULL, MOUTH_Y, Sketch

# The upper lip dips beneath the nose and is fullest beside the dip.
_BOW = (
    ARCH**0.8
    - 0.30 * np.exp(-((ACROSS / 0.16) ** 2))
    + 0.1 * np.exp(-(((np.abs(ACROSS) - 0.26) / 0.2) ** 2))
)
_BOW[[0, -1]] = 0.0


@dataclass(frozen=True)
class Mouth:
    """Curves of the mouth from its left corner to its right one, canvas pixels."""

    upper: Points  # top of the upper lip
    inner_upper: Points
    inner_lower: Points
    lower: Points  # bottom of the lower lip


def mouth_of(sketch: Sketch) -> Mouth:
    """Returns the curves of the mouth for the expression."""
    person, muscles = sketch.person, sketch.muscles
    w = 0.079 * muscles.width
    full = 1.0 + 0.24 * person.lip_fullness
    bend = np.abs(ACROSS) ** 1.7
    skew = muscles.skew * np.clip(ACROSS, 0.0, 1.0) ** 1.4
    middle = MOUTH_Y + 0.012 * muscles.corners / 0.04 - muscles.corners * bend - skew
    box = (1.0 - ACROSS**8) ** 0.5
    shape = (1.0 - muscles.square) * FULL + muscles.square * 0.82 * box
    if person.mouth_open:
        top = middle - muscles.raise_lip * shape
        bottom = middle + muscles.drop * shape
    else:
        top = bottom = middle
        # A shut mouth that wants to snarl or sneer curls the upper lip instead.
        top = bottom = top - 0.3 * muscles.raise_lip * ARCH
    pout = 1.0 + 0.35 * muscles.pout
    x = w * ACROSS
    upper_lip = top - 0.0225 * full * _BOW
    lower_lip = bottom + 0.0275 * full * pout * FULL
    return Mouth(
        *(
            sketch.pose.place(np.stack([x, y], axis=1), 0.16)
            for y in (upper_lip, top, bottom, lower_lip)
        )
    )


def draw_mouth(sketch: Sketch) -> None:
    """Draws lips, and teeth and tongue if the mouth is open."""
    canvas, unit, person, skin = sketch.canvas, sketch.unit, sketch.person, sketch.skin
    mouth = mouth_of(sketch)
    lip = person.lipstick or mix(scale(skin.base, 0.84, 0.58, 0.58), (196, 84, 88), 0.35)
    dark_lip = scale(lip, 0.78, 0.68, 0.72)

    centre = 0.5 * (mouth.lower[12] + mouth.inner_lower[12])
    canvas.glow(
        (mouth.lower[12][0], mouth.lower[12][1] + 0.014 * unit),
        (0.055 * unit, 0.02 * unit),
        skin.deep,
        0.42,
    )
    canvas.fill(np.concatenate([mouth.upper, mouth.inner_upper[::-1]]), dark_lip)
    lower = np.concatenate([mouth.inner_lower, mouth.lower[::-1]])
    canvas.fill(lower, lip)
    glint = 0.75 if person.lipstick else 0.42
    canvas.glow(centre, (0.036 * unit, 0.011 * unit), WHITE, glint)

    line = mix(sketch.dark_line, (84, 16, 28), 0.4)
    if person.mouth_open:
        _draw_opening(sketch, mouth)
        canvas.stroke(mouth.inner_upper, 0.0075 * unit, line, ends=(0.6, 0.6))
    else:
        canvas.stroke(mouth.inner_upper, 0.0135 * unit, line, ends=(0.5, 0.5))
    for corner in (0, -1):
        canvas.glow(mouth.inner_upper[corner], (0.016 * unit, 0.014 * unit), line, 0.6)


def _draw_opening(sketch: Sketch, mouth: Mouth) -> None:
    unit, muscles = sketch.unit, sketch.muscles
    opening = np.concatenate([mouth.inner_upper, mouth.inner_lower[::-1]])
    height = float((mouth.inner_lower[12] - mouth.inner_upper[12])[1])
    with sketch.canvas.clip(opening) as inside:
        inside.fill(opening, (84, 20, 30))
        tongue = mouth.inner_lower[12]
        if muscles.square < 0.8:
            inside.fill(
                ellipse(tongue[0], tongue[1] + 0.004 * unit, 0.046 * unit, 0.42 * height),
                (222, 96, 104),
            )
        if height > 0.02 * unit:
            # Teeth follow the lip; a round, surprised mouth shows fewer.
            depth = 0.44 * height if muscles.square > 0.1 else 0.2 * height
            teeth = np.concatenate(
                [mouth.inner_upper, (shifted(mouth.inner_upper, 0.0, depth))[::-1]]
            )
            inside.fill(teeth, (252, 250, 246))
            if muscles.square > 0.6:
                gap = 0.34 * height
                row = np.concatenate([mouth.inner_lower, (mouth.inner_lower - (0.0, gap))[::-1]])
                inside.fill(row, (238, 234, 230))
        inside.stroke(
            shifted(mouth.inner_upper, 0.0, 0.004 * unit),
            0.014 * unit,
            (70, 20, 30),
            0.35,
            ends=(1, 1),
        )


def draw_beard(sketch: Sketch, outline: Points) -> None:
    """Draws the facial hair that lies under the mouth: stubble, goatee or beard."""
    person, pose, unit = sketch.person, sketch.pose, sketch.unit
    if person.facial_hair not in ("stubble", "goatee", "beard"):
        return
    bottom = float(outline[:, 1].max())
    w = 1.0 + 0.055 * person.face_width + 0.05 * person.jaw
    drop = 0.8 * sketch.muscles.drop if person.mouth_open else 0.0
    if person.facial_hair == "goatee":
        half = [
            (0.0, 0.224 + drop),
            (0.040, 0.232 + drop),
            (0.064, 0.190),
            (0.098, 0.172),
            (0.106, 0.215),
            (0.098, 0.270),
            (0.070, bottom + 0.004),
            (0.0, bottom + 0.028),
        ]
    else:
        grown = 0.030 if person.facial_hair == "beard" else 0.0
        half = [
            (0.0, 0.150),
            (0.050, 0.148),
            (0.104, 0.172),
            (0.146 * w, 0.150),
            (0.190 * w, 0.090),
            (0.208 * w, 0.000),
            (0.226 * w + 0.2 * grown, 0.03),
            (0.214 * w + 0.5 * grown, 0.130),
            (0.176 * w + 0.7 * grown, 0.226),
            (0.108 * w + 0.8 * grown, 0.300),
            (0.0, bottom + grown),
        ]
    depth = 0.14 if person.facial_hair == "goatee" else 0.09
    shape = pose.place(closed_curve(mirrored(half)), depth)
    if person.facial_hair == "stubble":
        with sketch.canvas.clip(pose.place(outline)) as skin:
            shade = mix(sketch.hair.deep, (60, 62, 76), 0.5)
            skin.fill(shape, shade, 0.34)
            skin.glow(pose.point(0, 0.28, 0.1), (0.15 * unit, 0.09 * unit), shade, 0.45)
        return
    tones = _beard_tones(sketch)
    low, high = shape.min(axis=0), shape.max(axis=0)
    with sketch.canvas.clip(shape) as beard:
        beard.fill(shape, tones.base)
        beard.shade((low[0], low[1], high[0], high[1]), person.light, tones.deep, 0.8)
        reach = 0.20 if person.facial_hair == "beard" else 0.09
        t = np.linspace(-1.0, 1.0, 15)
        strands = np.empty((15, 3, 2))
        strands[..., 0] = reach * t[:, None] * (0.8, 1.0, 0.92)
        strands[..., 1] = (1.0 - abs(t))[:, None] * (0.05, 0.03, 0.0) + (0.15, 0.24, bottom + 0.04)
        curves = pose.place(open_curve(strands), depth)
        beard.strokes(curves, 0.010 * unit, (tones.deep, tones.light), 0.34)
    below = pose.point(0, 0.236 + drop, 0.1)
    if person.facial_hair == "beard":
        # The bare spot beneath the lower lip.
        sketch.canvas.glow(below, (0.028 * unit, 0.02 * unit), sketch.skin.shadow, 0.5)


def _beard_tones(sketch: Sketch) -> Tones:
    hair = sketch.hair
    return Tones(
        mix(hair.base, hair.shadow, 0.55), mix(hair.base, hair.light, 0.5), hair.shadow, hair.deep
    )


def draw_mustache(sketch: Sketch) -> None:
    """Draws the moustache over the upper lip."""
    person, unit, pose = sketch.person, sketch.unit, sketch.pose
    if person.facial_hair not in ("mustache", "goatee", "beard"):
        return
    tones = _beard_tones(sketch)
    muscles = sketch.muscles
    lift = 0.5 * muscles.corners - (0.7 * muscles.raise_lip if person.mouth_open else 0.0)
    wide = 0.094 if person.facial_hair == "mustache" else 0.1
    wide *= 0.5 + 0.5 * muscles.width
    corner = MOUTH_Y - 0.2 * muscles.corners
    half = [
        (0.0, 0.150 - 0.4 * lift),
        (0.030, 0.144 - 0.4 * lift),
        (0.064, 0.160 - 0.4 * lift),
        (wide, corner + 0.006),
        (wide - 0.006, corner + 0.014),
        (0.060, corner - 0.010),
        (0.026, 0.187),
        (0.0, 0.178),
    ]
    shape = pose.place(closed_curve(mirrored(half)), 0.18)
    with sketch.canvas.clip(shape) as hair:
        hair.fill(shape, tones.base)
        strands = np.empty((11, 3, 2))
        strands[..., 0] = np.linspace(-1.0, 1.0, 11)[:, None] * (0.012, 0.06, 0.1)
        strands[..., 1] = (0.146, 0.164, 0.205)
        curves = pose.place(open_curve(strands), 0.18)
        hair.strokes(curves, 0.008 * unit, (tones.deep, tones.light), 0.42)
        hair.glow(pose.point(0.0, 0.196, 0.18), (0.09 * unit, 0.02 * unit), tones.deep, 0.55)
