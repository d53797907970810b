"""Heads without hair on top."""

from __future__ import annotations

import numpy as np

from tfgan.data.avatars.canvas import closed_curve, open_curve
from tfgan.data.avatars.sketch import Sketch


def draw_scalp_shine(sketch: Sketch) -> None:
    """Draws the light on bare skin above the forehead."""
    unit, skin = sketch.unit, sketch.skin
    spot = sketch.pose.point(0.085 * sketch.person.light, -0.225, 0.06)
    sketch.canvas.glow(spot, (0.10 * unit, 0.05 * unit), skin.light, 0.7)
    sketch.canvas.glow(spot, (0.045 * unit, 0.022 * unit), (255, 255, 255), 0.55)


def draw_horseshoe(sketch: Sketch) -> None:
    """Draws the hair above the ears of a head that is bald on top."""
    pose, unit, hair = sketch.pose, sketch.unit, sketch.hair
    scale = 1.0 + 0.05 * sketch.person.face_width
    half = [
        (0.196, -0.195),
        (0.236, -0.17),
        (0.258, -0.08),
        (0.250, 0.02),
        (0.214, 0.035),
        (0.208, -0.04),
        (0.196, -0.10),
    ]
    x = (0.205 + 0.012 * np.arange(5)) * scale
    strands = np.empty((5, 3, 2))
    strands[..., 0] = x[:, None] + (-0.01, 0.0, 0.0)
    strands[..., 1] = (-0.18, -0.06, 0.04)
    for side in (-1.0, 1.0):
        shape = pose.place(closed_curve(np.array(half) * (side * scale, 1.0)))
        with sketch.canvas.clip(shape) as patch:
            patch.fill(shape, hair.base)
            curves = pose.place(open_curve(strands * (side, 1.0)))
            patch.strokes(curves, 0.012 * unit, (hair.light, hair.deep), 0.55)
