"""Colours: anchors for skin, hair, eyes, cloth, and how light and shadow change them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Color = tuple[int, int, int]

SKIN_ANCHORS: tuple[Color, ...] = (
    (255, 229, 213),
    (252, 212, 184),
    (241, 192, 155),
    (219, 165, 124),
    (186, 129, 90),
    (146, 96, 66),
    (104, 67, 49),
)

HAIR_COLORS: dict[str, tuple[Color, Color]] = {
    # Two ends of each range; a person's hair lies somewhere between.
    "black": ((24, 23, 30), (48, 40, 44)),
    "brown": ((74, 44, 28), (132, 82, 48)),
    "blond": ((206, 158, 82), (244, 212, 138)),
    "gray": ((138, 140, 148), (224, 224, 228)),
    "red": ((142, 52, 26), (200, 92, 44)),
}

EYE_COLORS: tuple[Color, ...] = (
    (92, 56, 32),
    (62, 40, 28),
    (70, 126, 178),
    (86, 142, 92),
    (120, 104, 58),
    (104, 124, 138),
)

CLOTH_COLORS: tuple[Color, ...] = (
    (232, 84, 80),
    (244, 148, 66),
    (246, 196, 84),
    (92, 168, 112),
    (62, 148, 156),
    (66, 112, 186),
    (104, 88, 176),
    (206, 102, 148),
    (58, 66, 92),
    (236, 234, 228),
    (122, 132, 142),
    (150, 84, 62),
)

BACKDROP_COLORS: tuple[Color, ...] = (
    (250, 214, 176),
    (248, 190, 176),
    (244, 206, 218),
    (206, 196, 236),
    (176, 206, 240),
    (166, 220, 222),
    (184, 226, 194),
    (226, 230, 172),
    (250, 226, 150),
    (226, 222, 214),
    (128, 158, 190),
    (112, 164, 158),
    (186, 132, 142),
    (144, 130, 176),
)

LIPSTICKS: tuple[Color, ...] = (
    (204, 30, 52),
    (186, 24, 84),
    (226, 62, 92),
    (150, 24, 48),
    (222, 76, 52),
)

WHITE: Color = (255, 255, 255)


def mix(a: Color, b: Color, t: float) -> Color:
    """Returns the colour a fraction `t` of the way from `a` to `b`."""
    s = 1.0 - t
    return (
        int(a[0] * s + b[0] * t + 0.5),
        int(a[1] * s + b[1] * t + 0.5),
        int(a[2] * s + b[2] * t + 0.5),
    )


def scale(color: Color, red: float, green: float, blue: float) -> Color:
    """Returns `color` with each channel multiplied and clipped to 255."""
    return (
        min(255, int(color[0] * red + 0.5)),
        min(255, int(color[1] * green + 0.5)),
        min(255, int(color[2] * blue + 0.5)),
    )


def luminance(color: Color) -> float:
    """Returns the Rec. 601 luma of `color`, 0 to 255."""
    return 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]


def ramp(anchors: Sequence[Color], t: float) -> Color:
    """Returns the colour at `t` in [0, 1] along evenly spaced anchors."""
    position = min(max(t, 0.0), 1.0) * (len(anchors) - 1)
    index = min(int(position), len(anchors) - 2)
    return mix(anchors[index], anchors[index + 1], position - index)


@dataclass(frozen=True)
class Tones:
    """One material under light: its own colour and the colours around it."""

    base: Color
    light: Color
    shadow: Color
    deep: Color


def skin_tones(tone: float, warmth: float) -> Tones:
    """Returns skin colours; shadows of skin turn red, not gray.

    Args:
        tone: 0 is the palest, 1 the darkest.
        warmth: -1 is rosy, 1 is golden.
    """
    base = ramp(SKIN_ANCHORS, tone)
    base = scale(base, 1.0, 1.0 + 0.012 * warmth, 1.0 - 0.04 * warmth)
    return Tones(
        base=base,
        light=mix(base, (255, 240, 214), 0.45 - 0.12 * tone),
        shadow=scale(base, 0.80, 0.66, 0.64),
        deep=scale(base, 0.52, 0.36, 0.36),
    )


def hair_tones(color: str, shade: float) -> Tones:
    """Returns hair colours for one of `HAIR_COLORS` at `shade` in [0, 1]."""
    dark, pale = HAIR_COLORS[color]
    base = mix(dark, pale, shade)
    # Black hair reflects the sky; other hair reflects its own colour.
    glint = (128, 138, 172) if color == "black" else (255, 236, 196)
    if color == "gray":
        glint = WHITE
    return Tones(
        base=base,
        light=mix(base, glint, 0.42),
        shadow=scale(base, 0.66, 0.62, 0.66),
        deep=scale(base, 0.44, 0.40, 0.46),
    )


def cloth_tones(color: Color) -> Tones:
    """Returns the colours of a cloth."""
    return Tones(
        base=color,
        light=mix(color, WHITE, 0.35),
        shadow=scale(color, 0.74, 0.70, 0.78),
        deep=scale(color, 0.52, 0.48, 0.58),
    )
