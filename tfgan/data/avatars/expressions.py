"""The muscles of the face that each expression pulls."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Muscles:
    """Displacements from the face at rest.

    Args:
        inner_brow: Raises the inner ends of the brows (negative lowers them), head units.
        outer_brow: Raises the outer ends.
        brow_skew: Raises one whole brow more than the other.
        frown: Draws the brows together, fraction.
        upper_lid: Opening of the upper lid; 1 is at rest.
        lower_lid: Raises the lower lid, fraction of the opening.
        corners: Raises the corners of the mouth, head units.
        skew: Raises one corner more than the other, head units.
        width: Width of the mouth; 1 is at rest.
        drop: Drops the jaw when the mouth is open, head units.
        raise_lip: Raises the upper lip when the mouth is open, head units.
        square: How flat the opening is: 0 an oval, 1 a box with both rows of teeth.
        wrinkle: Wrinkles the nose, fraction.
        cheek: Raises the cheeks, fraction.
        pout: Pushes the lower lip out, fraction.
    """

    inner_brow: float = 0.0
    outer_brow: float = 0.0
    brow_skew: float = 0.0
    frown: float = 0.0
    upper_lid: float = 1.0
    lower_lid: float = 0.0
    corners: float = 0.004
    skew: float = 0.0
    width: float = 1.0
    drop: float = 0.022
    raise_lip: float = 0.004
    square: float = 0.2
    wrinkle: float = 0.0
    cheek: float = 0.0
    pout: float = 0.0

    def scaled(self, intensity: float) -> Muscles:
        """Returns the same expression, weaker or stronger."""
        rest = Muscles()
        values = {
            name: getattr(rest, name) + intensity * (getattr(self, name) - getattr(rest, name))
            for name in self.__dataclass_fields__
        }
        return Muscles(**values)


MUSCLES: dict[str, Muscles] = {
    "neutral": Muscles(),
    "happy": Muscles(
        inner_brow=0.006,
        outer_brow=0.01,
        upper_lid=0.94,
        lower_lid=0.3,
        corners=0.044,
        width=1.28,
        drop=0.062,
        raise_lip=0.0,
        square=0.35,
        cheek=1.0,
    ),
    "sad": Muscles(
        inner_brow=0.036,
        outer_brow=-0.02,
        frown=0.3,
        upper_lid=0.68,
        lower_lid=0.12,
        corners=-0.036,
        width=0.92,
        pout=0.8,
    ),
    "angry": Muscles(
        inner_brow=-0.036,
        outer_brow=0.02,
        frown=1.0,
        upper_lid=0.74,
        lower_lid=0.25,
        corners=-0.018,
        width=1.0,
        drop=0.034,
        raise_lip=0.014,
        square=1.0,
        wrinkle=0.4,
    ),
    "surprised": Muscles(
        inner_brow=0.05,
        outer_brow=0.05,
        upper_lid=1.42,
        lower_lid=-0.15,
        corners=0.0,
        width=0.66,
        drop=0.092,
        raise_lip=0.014,
        square=0.0,
    ),
    "fearful": Muscles(
        inner_brow=0.052,
        outer_brow=-0.004,
        frown=0.5,
        upper_lid=1.4,
        lower_lid=-0.02,
        corners=-0.016,
        width=1.04,
        drop=0.056,
        raise_lip=0.004,
        square=0.55,
    ),
    "disgusted": Muscles(
        inner_brow=-0.024,
        outer_brow=-0.008,
        frown=0.6,
        upper_lid=0.6,
        lower_lid=0.42,
        corners=-0.026,
        skew=0.012,
        width=0.92,
        drop=0.03,
        raise_lip=0.03,
        square=0.3,
        wrinkle=1.0,
        cheek=0.4,
        pout=0.6,
    ),
    "contemptuous": Muscles(
        inner_brow=-0.006,
        outer_brow=0.0,
        brow_skew=0.028,
        upper_lid=0.68,
        lower_lid=0.1,
        corners=0.004,
        skew=0.046,
        width=1.0,
    ),
}
