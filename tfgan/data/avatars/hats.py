"""Hats."""

from __future__ import annotations

import numpy as np

from tfgan.data.avatars.canvas import (
    Points,
    closed_curve,
    ellipse,
    mirrored,
    open_curve,
    scalloped,
)
from tfgan.data.avatars.palette import Tones, cloth_tones
from tfgan.data.avatars.sketch import Sketch


def hat_outlines(sketch: Sketch) -> list[Points]:
    """Outlines of crown and then band or brim, canvas pixels."""
    person, pose = sketch.person, sketch.pose
    big = 0.018 if person.hair_style in ("afro", "curly", "wavy", "long", "bob") else 0.0
    if person.hat == "beanie":
        dome = [
            (0.0, -0.455),
            (0.13, -0.43),
            (0.225 + big, -0.33),
            (0.258 + big, -0.19),
            (0.16, -0.16),
            (0.0, -0.165),
        ]
        band = [
            (0.0, -0.222),
            (0.15, -0.208),
            (0.262 + big, -0.168),
            (0.268 + big, -0.105),
            (0.15, -0.128),
            (0.0, -0.136),
        ]
    elif person.hat == "cap":
        dome = [
            (0.0, -0.425),
            (0.13, -0.405),
            (0.225 + big, -0.31),
            (0.250 + big, -0.17),
            (0.15, -0.165),
            (0.0, -0.18),
        ]
        band = [
            (0.0, -0.238),
            (0.13, -0.228),
            (0.232, -0.165),
            (0.285, -0.098),
            (0.15, -0.125),
            (0.0, -0.132),
        ]
    else:
        dome = [
            (0.0, -0.43),
            (0.06, -0.462),
            (0.15, -0.455),
            (0.20 + big, -0.34),
            (0.236 + big, -0.19),
            (0.12, -0.15),
            (0.0, -0.145),
        ]
        band = [
            (0.0, -0.205),
            (0.20, -0.215),
            (0.34, -0.185),
            (0.425, -0.185),
            (0.38, -0.125),
            (0.22, -0.105),
            (0.0, -0.118),
        ]
    return [
        pose.place(closed_curve(mirrored(dome)), 0.03),
        pose.place(closed_curve(mirrored(band)), 0.06),
    ]


def draw_hat(sketch: Sketch) -> None:
    """Draws a hat over the hair."""
    person = sketch.person
    if person.hat == "none":
        return
    dome, band = hat_outlines(sketch)
    cloth = cloth_tones(person.hat_color)
    trim = cloth if person.hat != "beanie" else cloth_tones(person.accent_color)
    low, high = dome.min(axis=0), dome.max(axis=0)
    unit, pose, light = sketch.unit, sketch.pose, person.light
    with sketch.canvas.clip(dome) as hat:
        hat.fill(dome, cloth.base)
        hat.shade((low[0], low[1], high[0], high[1] + 0.15 * unit), light, cloth.deep, 0.9)
        hat.glow(pose.point(0.1 * light, -0.36), (0.13 * unit, 0.07 * unit), cloth.light, 0.6)
        if person.hat == "beanie":
            ribs = np.empty((9, 3, 2))
            ribs[..., 0] = 0.24 * np.linspace(-1.0, 1.0, 9)[:, None] * (0.25, 0.85, 1.0)
            ribs[..., 1] = (-0.46, -0.34, -0.20)
            hat.strokes(pose.place(open_curve(ribs), 0.03), 0.012 * unit, (cloth.deep,), 0.35)
        elif person.hat == "cap":
            for x in (-0.09, 0.0, 0.09):
                seam = open_curve([(0.1 * x, -0.43), (0.9 * x, -0.34), (1.35 * x, -0.2)])
                hat.stroke(pose.place(seam, 0.05), 0.007 * unit, cloth.deep, 0.6)
        else:
            strip = open_curve([(-0.26, -0.195), (0.0, -0.172), (0.26, -0.195)])
            accent = cloth_tones(person.accent_color)
            hat.stroke(pose.place(strip, 0.05), 0.062 * unit, accent.shadow, ends=(1, 1))
    _draw_band(sketch, band, trim)
    if person.hat == "beanie" and person.backdrop_seed % 2:
        ball = scalloped(ellipse(0.0, -0.465, 0.062, 0.056)[::3], 9, 0.1)
        placed = pose.place(ball, 0.0)
        with sketch.canvas.clip(placed) as pom:
            pom.fill(placed, trim.base)
            box = (*placed.min(axis=0).tolist(), *placed.max(axis=0).tolist())
            pom.shade((box[0], box[1], box[2], box[3]), light, trim.deep, 0.8)
            pom.glow(placed.mean(axis=0), (0.04 * unit, 0.03 * unit), trim.light, 0.5)


def _draw_band(sketch: Sketch, band: Points, tones: Tones) -> None:
    unit, pose, person = sketch.unit, sketch.pose, sketch.person
    low, high = band.min(axis=0), band.max(axis=0)
    with sketch.canvas.clip(band) as brim:
        brim.fill(band, tones.base)
        brim.shade(
            (low[0], low[1] - 0.10 * unit, high[0], high[1] + 0.04 * unit),
            person.light,
            tones.deep,
            0.75,
        )
        middle = pose.point(0.08 * person.light, -0.19, 0.1)
        brim.glow(middle, (0.16 * unit, 0.035 * unit), tones.light, 0.6)
        if person.hat == "beanie":
            ribs = np.empty((15, 3, 2))
            ribs[..., 0] = 0.262 * np.linspace(-1.0, 1.0, 15)[:, None]
            ribs[..., 1] = (-0.24, -0.17, -0.09)
            brim.strokes(pose.place(ribs, 0.06), 0.009 * unit, (tones.deep,), 0.4)
        else:
            lower = open_curve(
                [(-0.42, -0.12), (-0.2, -0.106), (0.0, -0.122), (0.2, -0.106), (0.42, -0.12)]
            )
            brim.stroke(pose.place(lower, 0.06), 0.016 * unit, tones.deep, 0.5)
