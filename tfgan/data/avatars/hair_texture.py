"""Curls and waves, behind the head and in front."""

from __future__ import annotations

import numpy as np

from tfgan.data.avatars.canvas import Canvas, Points, ellipse
from tfgan.data.avatars.sketch import Sketch


def waved(outline: Points) -> Points:
    """Lets curves swing sideways on their way down."""
    x, y = outline[..., 0], outline[..., 1]
    swing = 0.018 * np.sin(y * 30.0) * np.clip(y * 3.0 + 0.6, 0.0, 1.0)
    return np.stack([x + swing * np.sign(x), y], axis=-1)


def draw_curls(sketch: Sketch, mass: Canvas) -> None:
    """Draws short arcs all over the hair."""
    pose, unit, hair, person = sketch.pose, sketch.unit, sketch.hair, sketch.person
    low = 0.36 if person.hair_style == "curly" and not person.male else 0.0
    places = np.random.default_rng(person.backdrop_seed + 1).random((44, 3))
    start = (places[:, 2] * 28).astype(int)
    arcs = ellipse(0.0, 0.0, 0.030, 0.028)[(start[:, None] + np.arange(11)) % 28]
    arcs[..., 0] += 0.66 * (places[:, :1] - 0.5)
    arcs[..., 1] += -0.42 + (0.42 + low) * places[:, 1:2]
    colors = (hair.light, hair.deep, hair.deep)
    mass.strokes(pose.place(arcs, 0.02), 0.0135 * unit, colors, 0.5)
