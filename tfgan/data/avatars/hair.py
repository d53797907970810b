"""Hair on top of the head and around the face: top, bangs and locks."""

from __future__ import annotations

import math

import numpy as np

from tfgan.data.avatars.bald import draw_horseshoe, draw_scalp_shine
from tfgan.data.avatars.canvas import (
    Canvas,
    Points,
    closed_curve,
    open_curve,
    scalloped,
)
from tfgan.data.avatars.hair_texture import draw_curls, waved
from tfgan.data.avatars.hats import hat_outlines
from tfgan.data.avatars.person import BARE_HAIR, LONG_STYLES, Person
from tfgan.data.avatars.sketch import Sketch


def _crown(person: Person) -> tuple[float, float]:
    """Half width and top of the hair over the skull, head units."""
    v = 0.020 * person.hair_volume
    wide, top = {
        "buzz": (0.232, -0.306),
        "short": (0.244, -0.338),
        "side_part": (0.246, -0.352),
        "quiff": (0.240, -0.385),
        "receding": (0.243, -0.322),
        "pixie": (0.252, -0.352),
        "curly": (0.268, -0.362),
        "afro": (0.275, -0.350),
        "bob": (0.264, -0.348),
        "long": (0.262, -0.346),
        "wavy": (0.266, -0.354),
        "bun": (0.240, -0.332),
        "ponytail": (0.242, -0.336),
    }[person.hair_style]
    if person.hair_style == "buzz":
        v = 0.0
    if person.hat != "none":
        top = max(top, -0.33)
        v = min(v, 0.0)
    return wide * (1.0 + 0.04 * person.face_width) + 0.5 * v, top - v


def _top(person: Person) -> Points:
    """Returns the outline of the hair on top: silhouette above, hairline below."""
    wide, top = _crown(person)
    style = person.hair_style
    side = 1.0 if person.part >= 0 else -1.0
    burn = {"buzz": 0.01, "short": 0.035, "receding": 0.03}.get(style, 0.045)
    if not person.male:
        burn = 0.03
    lift = 0.045 * (style == "quiff")
    outer = [
        (-wide + 0.004, burn - 0.01),
        (-wide, -0.07),
        (-wide * 0.93, -0.19),
        (-wide * 0.66, 0.86 * top + 0.01),
        (-wide * 0.3, top * 0.985 - lift * (side < 0)),
        (0.0, top),
        (wide * 0.3, top * 0.985 - lift * (side > 0)),
        (wide * 0.66, 0.86 * top + 0.01),
        (wide * 0.93, -0.19),
        (wide, -0.07),
        (wide - 0.004, burn - 0.01),
    ]
    if style == "receding":
        inner = [
            (0.212, burn),
            (0.206, -0.08),
            (0.186, -0.155),
            (0.132, -0.258),
            (0.066, -0.232),
            (0.0, -0.222),
            (-0.066, -0.232),
            (-0.132, -0.258),
            (-0.186, -0.155),
            (-0.206, -0.08),
            (-0.212, burn),
        ]
    elif style in ("buzz", "short", "quiff", "afro", "curly"):
        inner = [
            (0.208, burn),
            (0.204, -0.07),
            (0.184, -0.145),
            (0.128, -0.192),
            (0.0, -0.205),
            (-0.128, -0.192),
            (-0.184, -0.145),
            (-0.204, -0.07),
            (-0.208, burn),
        ]
    elif style in ("bun", "ponytail"):
        inner = [
            (0.214, burn),
            (0.206, -0.07),
            (0.180, -0.165),
            (0.110, -0.222),
            (0.0, -0.232),
            (-0.110, -0.222),
            (-0.180, -0.165),
            (-0.206, -0.07),
            (-0.214, burn),
        ]
    elif abs(person.part) < 0.35 and style != "side_part":
        # Parted in the middle, as a curtain.
        inner = [
            (0.218, burn),
            (0.204, -0.03),
            (0.174, -0.105),
            (0.098, -0.180),
            (0.018, -0.242),
            (0.0, -0.256),
            (-0.018, -0.242),
            (-0.098, -0.180),
            (-0.174, -0.105),
            (-0.204, -0.03),
            (-0.218, burn),
        ]
    else:
        p = 0.105
        inner = [
            (0.214, burn),
            (0.206, -0.06),
            (0.186, -0.135),
            (0.148, -0.196),
            (p, -0.246),
            (p - 0.03, -0.222),
            (0.0, -0.176),
            (-0.09, -0.138),
            (-0.166, -0.098),
            (-0.206, -0.03),
            (-0.214, burn),
        ]
        if side < 0:
            inner = [(-x, y) for x, y in reversed(inner)]
    outline = np.array(outer + inner)
    if style in ("curly", "afro"):
        return _curled(outline)
    return closed_curve(outline)


def _curled(outline: Points) -> Points:
    dense = closed_curve(outline)
    angle = np.arctan2(dense[:, 1] + 0.05, dense[:, 0])
    push = 1.0 + 0.055 * (np.abs(np.sin(angle * 11.0)) - 0.4)
    return dense * push[:, None] + (0.0, -0.05) * (push - 1.0)[:, None]


def _hairline_depth(points: Points) -> Points:
    """Depth of the points of the hair's front: the silhouette lies on the axis, not before it."""
    radius = np.sqrt((points[:, 0] / 0.25) ** 2 + ((points[:, 1] + 0.05) / 0.30) ** 2)
    return 0.15 * np.clip(1.9 - 1.9 * radius, 0.0, 1.0)


def _bangs(person: Person) -> Points:
    """Returns the outline of hair that falls over the forehead."""
    wide, top = _crown(person)
    side = 1.0 if person.part >= 0 else -1.0
    curly = person.hair_style == "curly"
    swept = abs(person.part) > 0.45 and not curly
    tips = 6
    lower = []
    for k in range(tips * 2 + 1):
        t = k / tips - 1.0
        x = 0.200 * t
        if swept:
            y = -0.098 - 0.050 * (0.5 + 0.5 * t) + 0.035 * abs(t) ** 3
        else:
            y = -0.104 + 0.052 * abs(t) ** 3
        # Tufts of unequal length.
        notch = 0.024 + 0.014 * math.sin(3.1 * k + 9.0 * person.part) if k % 2 == 0 else 0.0
        lower.append((x * side, y - notch))
    upper = [
        (0.216 * side, -0.10),
        (0.90 * wide * side * 0.9, -0.21),
        (0.09 * side, 0.86 * top),
        (0.0, 0.9 * top),
        (-0.09 * side, 0.86 * top),
        (-0.90 * wide * side * 0.9, -0.21),
        (-0.216 * side, -0.10),
    ]
    return closed_curve(lower + upper)


def _locks(person: Person) -> list[Points]:
    """Returns the hair that falls beside the face, left and right."""
    style, v = person.hair_style, 0.018 * person.hair_volume
    scale = 1.0 + 0.04 * person.face_width
    if style == "bob":
        outer = [
            (0.235, -0.20),
            (0.270 + v, -0.04),
            (0.290 + v, 0.13),
            (0.280 + v, 0.25),
            (0.235, 0.300),
        ]
        inner = [(0.200, 0.285), (0.206, 0.18), (0.212, 0.06), (0.200, -0.05), (0.190, -0.12)]
    elif style in LONG_STYLES:
        outer = [(0.235, -0.20), (0.268 + v, -0.04), (0.288 + v, 0.14), (0.302 + v, 0.32)]
        inner = [(0.205, 0.17), (0.212, 0.06), (0.200, -0.05), (0.190, -0.12)]
        if person.locks_in_front:
            outer += [(0.308 + v, 0.48), (0.285, 0.62)]
            inner = [(0.165, 0.63), (0.172, 0.46), (0.196, 0.30), *inner]
        else:
            outer += [(0.272, 0.395)]
            inner = [(0.226, 0.30), *inner]
    elif style == "curly" and not person.male:
        outer = [(0.25, -0.20), (0.305 + v, -0.03), (0.325 + v, 0.16), (0.29, 0.31)]
        inner = [(0.215, 0.27), (0.222, 0.13), (0.212, 0.02), (0.196, -0.12)]
    else:
        return []
    half = np.array(outer + inner) * (scale, 1.0)
    shapes = []
    for side in (-1.0, 1.0):
        outline = closed_curve(half * (side, 1.0))
        if style == "wavy":
            outline = waved(outline)
        elif style == "curly":
            outline = scalloped(half * (side, 1.0), 13, 0.14)
        shapes.append(outline)
    return shapes


def front_outlines(sketch: Sketch) -> list[Points]:
    """Returns the outlines of the hair in front, canvas pixels: top, bangs if any, locks if any."""
    person, pose = sketch.person, sketch.pose
    if person.hair_style in BARE_HAIR:
        return []
    top = _top(person)
    shapes = [pose.place(top, _hairline_depth(top))]
    if person.bangs:
        bangs = _bangs(person)
        shapes.append(pose.place(bangs, _hairline_depth(bangs)))
    shapes += [pose.place(lock, 0.02) for lock in _locks(person)]
    return shapes


def draw_hair_shadow(sketch: Sketch, face: Points, hair: list[Points]) -> None:
    """Draws the shadow that hair, given by its outlines, and hat cast on the face."""
    person, unit = sketch.person, sketch.unit
    fall = np.array((-0.012 * person.light, 0.020)) * unit
    shapes = [shape + fall for shape in hair]
    if person.hat != "none":
        shapes += [shape + 1.5 * fall for shape in hat_outlines(sketch)]
    if not shapes:
        return
    with sketch.canvas.clip(sketch.pose.place(face)) as skin, skin.clip(*shapes) as shade:
        shade.cover(sketch.skin.deep, 0.36)


def draw_hair_front(sketch: Sketch, shapes: list[Points]) -> None:
    """Draws the hair on top of and around the face, given by its outlines."""
    person, pose, unit, hair = sketch.person, sketch.pose, sketch.unit, sketch.hair
    if person.hair_style == "bald":
        draw_scalp_shine(sketch)
        return
    if person.hair_style == "horseshoe":
        draw_scalp_shine(sketch)
        draw_horseshoe(sketch)
        return
    with sketch.canvas.clip(*shapes) as mass:
        for shape in shapes:
            mass.fill(shape, hair.base)
        wide, top = _crown(person)
        left, above = pose.point(-wide - 0.03, top - 0.05)
        right, below = pose.point(wide + 0.03, 0.30)
        with mass.clip(*shapes[: 1 + person.bangs]) as crown:
            crown.shade((left, above, right, below), person.light, hair.deep, 0.85)
        for lock in shapes[1 + person.bangs :]:
            away = (lock[0, 0] > shapes[0][:, 0].mean()) != (person.light > 0)
            mass.fill(lock, hair.deep, (0.12 + 0.4 * abs(person.light)) if away else 0.12)
        if person.hair_style in ("curly", "afro"):
            draw_curls(sketch, mass)
        elif person.hair_style != "buzz":
            _comb_top(sketch, mass, top)
            _comb_locks(sketch, mass)
        if person.bangs:
            _comb_bangs(sketch, mass, shapes[1])
        _draw_gloss(sketch, mass, wide, top)
    if person.hair_style == "buzz":
        return
    # A dark edge sets hair off from a face of the same darkness.
    count = len(shapes[0])
    edge = shapes[0][count // 2 :]
    if not person.bangs:
        sketch.canvas.stroke(edge, 0.007 * unit, hair.deep, 0.6)


def _part_x(person: Person) -> float:
    if person.hair_style in ("bun", "ponytail", "quiff", "receding", "short", "afro", "curly"):
        return 0.0
    if abs(person.part) < 0.35 and person.hair_style != "side_part":
        return 0.0
    return 0.105 if person.part >= 0 else -0.105


def _comb_top(sketch: Sketch, mass: Canvas, top: float) -> None:
    person, pose, unit, hair = sketch.person, sketch.pose, sketch.unit, sketch.hair
    part = _part_x(person)
    angle = math.pi * np.linspace(0.04, 0.96, 18)
    x, y = -0.245 * np.cos(angle), -0.02 - 0.20 * np.sin(angle)
    strands = np.empty((18, 3, 2))
    if person.hair_style in ("bun", "ponytail", "quiff", "receding"):
        # Combed up and back.
        strands[..., 0] = x[:, None] * (0.95, 0.78, 0.32)
        strands[:, 0, 1], strands[:, 1, 1], strands[:, 2, 1] = y, 0.55 * y + 0.45 * top, top
    else:
        strands[:, 0] = (part, 0.80 * top)
        strands[:, 1, 0], strands[:, 1, 1] = 0.45 * part + 0.68 * x, 0.82 * top + 0.08 * abs(x)
        strands[:, 2, 0], strands[:, 2, 1] = x, y + 0.04
    colors = (hair.deep, hair.light, hair.deep, hair.shadow)
    mass.strokes(pose.place(open_curve(strands), 0.02), 0.0135 * unit, colors, 0.40)
    if part and not person.bangs:
        line = open_curve([(part, -0.24), (0.96 * part, 0.84 * top), (0.86 * part, 0.95 * top)])
        mass.stroke(pose.place(line, 0.06), 0.010 * unit, hair.deep, 0.7, ends=(0.8, 0.0))


def _comb_locks(sketch: Sketch, mass: Canvas) -> None:
    person, pose, unit, hair = sketch.person, sketch.pose, sketch.unit, sketch.hair
    if person.hair_style not in ("bob", *LONG_STYLES):
        return
    x = 0.205 + 0.018 * np.arange(6)
    strands = np.empty((2, 6, 4, 2))
    strands[..., 0] = x[:, None] + (-0.01, 0.0, 0.004, -0.01)
    strands[0, ..., 0] *= -1.0
    strands[..., 1] = (-0.16, 0.05, 0.28, 0.60)
    curves = open_curve(strands.reshape(12, 4, 2))
    if person.hair_style == "wavy":
        curves = waved(curves)
    colors = (hair.light, hair.deep, hair.shadow)
    mass.strokes(pose.place(curves, 0.02), 0.013 * unit, colors, 0.42)


def _comb_bangs(sketch: Sketch, mass: Canvas, outline: Points) -> None:
    pose, unit, hair, person = sketch.pose, sketch.unit, sketch.hair, sketch.person
    lean = 0.03 * (1.0 if person.part >= 0 else -1.0) * (abs(person.part) > 0.45)
    x = 0.19 * np.linspace(-1.0, 1.0, 11)
    strands = np.empty((11, 3, 2))
    strands[..., 0] = x[:, None] * (0.55, 0.9, 1.0) + (lean, 0.5 * lean, 0.0)
    strands[..., 1] = (-0.30, -0.20, -0.085)
    with mass.clip(outline) as fringe:
        colors = (hair.deep, hair.light, hair.shadow, hair.base)
        fringe.strokes(pose.place(open_curve(strands), 0.14), 0.0135 * unit, colors, 0.5)


def _draw_gloss(sketch: Sketch, mass: Canvas, wide: float, top: float) -> None:
    """Draws the band of light across the top of the head."""
    person, pose, unit, hair = sketch.person, sketch.pose, sketch.unit, sketch.hair
    if person.hair_style == "buzz":
        mass.glow(pose.point(0.1 * person.light, -0.26), (0.1 * unit, 0.05 * unit), hair.light, 0.5)
        return
    centre = -math.pi / 2 + 0.55 * person.light
    angle = np.linspace(centre - 0.62, centre + 0.62, 16)
    band = np.stack([0.78 * wide * np.cos(angle), -0.02 + (0.83 * -top) * np.sin(angle)], axis=1)
    strength = 0.35 if person.hair_style in ("curly", "afro") else 0.55
    placed = pose.place(band, 0.05)
    mass.glow(placed[8], (0.15 * unit, 0.075 * unit), hair.light, strength)
    if person.hair_style not in ("curly", "afro"):
        mass.stroke(placed, 0.030 * unit, hair.light, 0.42)
