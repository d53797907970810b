"""What the drawing of every part of a face needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfgan.data.avatars.canvas import (
    Canvas,
    Pose,
)
from tfgan.data.avatars.expressions import Muscles
from tfgan.data.avatars.palette import Color, Tones, mix, scale
from tfgan.data.avatars.person import Person

# Head units; the origin lies between the eyes and y points down.
EYE_X = 0.112
MOUTH_Y = 0.198

# Profiles of lids and lips from their left end to their right one.
ACROSS = np.linspace(-1.0, 1.0, 25)
ARCH = 1.0 - ACROSS**2
# Fuller than a parabola near the ends.
FULL = ARCH**0.72


@dataclass
class Sketch:
    """Canvas, pose, person and colours, which the drawing of every part needs."""

    canvas: Canvas
    pose: Pose
    person: Person
    muscles: Muscles
    skin: Tones
    hair: Tones

    @property
    def unit(self) -> float:
        """Pixels of the canvas per head unit."""
        return self.pose.unit

    @property
    def dark_line(self) -> Color:
        """The colour of lashes, creases of the lips and other thin dark lines."""
        return mix(scale(self.skin.deep, 0.6, 0.55, 0.6), (30, 20, 28), 0.45)
