"""Puts a picture together: backdrop, body, head, and the reduction to its final size."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from PIL import Image

from tfgan.data.avatars.canvas import (
    Canvas,
    Points,
    Pose,
    closed_curve,
    mirrored,
    open_curve,
    shifted,
)
from tfgan.data.avatars.expressions import MUSCLES
from tfgan.data.avatars.eyes import draw_brows, draw_eyes, draw_glasses
from tfgan.data.avatars.face import draw_earrings, draw_ears, draw_nose, draw_skin, face_outline
from tfgan.data.avatars.hair import draw_hair_front, draw_hair_shadow, front_outlines
from tfgan.data.avatars.hair_behind import draw_hair_behind
from tfgan.data.avatars.hats import draw_hat
from tfgan.data.avatars.mouth import draw_beard, draw_mouth, draw_mustache
from tfgan.data.avatars.palette import (
    WHITE,
    Color,
    cloth_tones,
    hair_tones,
    luminance,
    mix,
    scale,
    skin_tones,
)
from tfgan.data.avatars.person import Person, sample_person
from tfgan.data.avatars.sketch import Sketch

MIN_SIZE, MAX_SIZE = 16, 1024


def person_of(seed: int, index: int) -> Person:
    """Returns person `index` of the data set with `seed`.

    The person depends on nothing else, so a larger set starts with the smaller one.
    """
    return sample_person(np.random.default_rng([seed, index]))


def check_size(size: int) -> None:
    """Raises an error unless pictures can be drawn at `size` pixels.

    Raises:
        ValueError: If `size` is not a power of two in range.
    """
    if size < MIN_SIZE or size > MAX_SIZE or size & (size - 1):
        raise ValueError(
            f"`size` must be a power of two from {MIN_SIZE} to {MAX_SIZE}. Received: {size}. "
            "Draw at the next larger power of two and resize the pictures."
        )


def draw(person: Person, size: int) -> Image.Image:
    """Draws a person.

    Args:
        person: Whom to draw.
        size: Side of the picture in pixels, a power of two from 16 to 1024.

    Returns:
        An RGB picture, `size` by `size`. Equal arguments give equal pixels.

    Raises:
        ValueError: If `size` is not a power of two from 16 to 1024.
    """
    check_size(size)
    large = size * _supersampling(size)
    canvas = Canvas(_backdrop(person, size, large))
    _draw_person(canvas, person, large)
    # A box filter over whole blocks is exact area coverage, and by far the fastest.
    return canvas.image.reduce(large // size)


def find_background(person: Person, size: int) -> np.ndarray:
    """Finds the pixels of `draw(person, size)` that show the backdrop and nothing else.

    The person is drawn on black and on white: pixels that keep both colours were not drawn on. A
    pixel counts only if all the finer pixels that it averages do.

    Args:
        person: Who is drawn.
        size: Side of the picture in pixels, a power of two from 16 to 1024.

    Returns:
        bool [size, size], true on the background.

    Raises:
        ValueError: If `size` is not a power of two from 16 to 1024.
    """
    check_size(size)
    factor = _supersampling(size)
    touched = np.zeros((size, factor, size, factor), bool)
    for color in ((0, 0, 0), WHITE):
        canvas = Canvas(Image.new("RGB", (size * factor, size * factor), color))
        _draw_person(canvas, person, size * factor)
        touched |= np.any(np.asarray(canvas.image) != color, axis=-1).reshape(touched.shape)
    return np.logical_not(np.any(touched, axis=(1, 3)))


def _draw_person(canvas: Canvas, person: Person, large: int) -> None:
    """Draws body and head on a backdrop of `large` by `large` pixels."""
    pose = Pose(large, person.yaw, person.pitch, person.roll, person.offset, person.zoom)
    sketch = Sketch(
        canvas=canvas,
        pose=pose,
        person=person,
        muscles=MUSCLES[person.expression].scaled(person.intensity),
        skin=skin_tones(person.skin_tone, person.warmth),
        hair=hair_tones(person.hair_color, person.hair_shade),
    )
    outline = face_outline(person)
    draw_hair_behind(sketch)
    _draw_body(sketch, outline)
    draw_ears(sketch)
    draw_skin(sketch, outline)
    hair = front_outlines(sketch)
    draw_hair_shadow(sketch, outline, hair)
    draw_nose(sketch)
    draw_eyes(sketch)
    draw_beard(sketch, outline)
    draw_mouth(sketch)
    draw_mustache(sketch)
    draw_brows(sketch)
    draw_hair_front(sketch, hair)
    draw_hat(sketch)
    draw_glasses(sketch)
    if person.earrings:
        draw_earrings(sketch)


def _supersampling(size: int) -> int:
    return {16: 8, 32: 5}.get(size, 3 if size < 512 else 2)


@lru_cache(maxsize=8)
def _ramp(degrees: int) -> Image.Image:
    """A linear gradient from 0 to 255 towards a direction."""
    axis = (np.arange(64) + 0.5) / 64 - 0.5
    angle = math.radians(degrees)
    along = axis[None, :] * math.cos(angle) + axis[:, None] * math.sin(angle)
    along = (along - along.min()) / (along.max() - along.min())
    return Image.fromarray((along * 255).astype(np.uint8))


def _backdrop(person: Person, size: int, large_size: int) -> Image.Image:
    first, second = person.backdrop_colors
    if person.hair_color == "black" or person.skin_tone > 0.6:
        # Dark hair and skin need a light wall behind them.
        if luminance(first) < 150:
            first = mix(first, WHITE, 0.35)
        if luminance(second) < 150:
            second = mix(second, WHITE, 0.3)
    rng = np.random.default_rng(person.backdrop_seed)
    # Soft, so a small picture, enlarged, is enough.
    small = Image.new("RGB", (64, 64), first)
    canvas = Canvas(small)
    if person.backdrop != "plain":
        small.paste(scale(second, 0.86, 0.86, 0.92), (0, 0), _ramp(int(rng.integers(8)) * 45))
    canvas.glow((32.0 + 10.0 * person.light, 26.0), (42.0, 40.0), mix(first, WHITE, 0.65), 0.7)
    if size > 64:
        small = small.resize((size, size), Image.Resampling.BILINEAR)
    # The final reduction averages the copies of each pixel, so nothing finer is needed here.
    large = small.resize((large_size, large_size), Image.Resampling.NEAREST)
    canvas = Canvas(large)
    if person.backdrop == "shapes":
        _draw_shapes(canvas, rng, large_size, second)
    elif person.backdrop == "rays":
        _draw_rays(canvas, rng, large_size, second)
    return large


def _draw_shapes(canvas: Canvas, rng: np.random.Generator, size: int, color: Color) -> None:
    for x, y, r, tone in rng.random((6, 4)).tolist():
        radius = (0.05 + 0.16 * r) * size
        shade = mix(color, WHITE, 0.7) if tone > 0.45 else scale(color, 0.84, 0.82, 0.9)
        angle = np.arange(40) * (2 * math.pi / 40)
        circle = np.stack([np.cos(angle), np.sin(angle)], axis=1) * radius
        canvas.fill(circle + np.array((x, y)) * size, shade, 0.22 + 0.2 * tone)


def _draw_rays(canvas: Canvas, rng: np.random.Generator, size: int, color: Color) -> None:
    count = int(rng.integers(6, 10))
    start = float(rng.random())
    shade = mix(color, WHITE, 0.55)
    for k in range(count):
        a = (k + start) * 2 * math.pi / count
        b = a + math.pi / count
        ray = np.array(
            [
                (0.5, 0.5),
                (0.5 + math.cos(a), 0.5 + math.sin(a)),
                (0.5 + math.cos(b), 0.5 + math.sin(b)),
            ]
        )
        canvas.fill(ray * size, shade, 0.3)


def _draw_body(sketch: Sketch, outline: Points) -> None:
    person, pose, unit, skin, canvas = (
        sketch.person,
        sketch.pose,
        sketch.unit,
        sketch.skin,
        sketch.canvas,
    )
    neck = 0.128 if person.male else 0.102
    broad = 0.43 if person.male else 0.375
    slope = 0.028 if person.male else 0.046
    flesh = pose.place_body(
        closed_curve(
            mirrored(
                [
                    (0.0, 0.16),
                    (neck * 0.97, 0.18),
                    (neck * 0.96, 0.30),
                    (neck + 0.012, 0.365),
                    (neck + 0.10, 0.400 + slope * 0.5),
                    (broad - 0.04, 0.425 + slope),
                    (broad + 0.05, 0.56),
                    (broad + 0.06, 0.70),
                    (0.0, 0.72),
                ]
            )
        )
    )
    light = person.light
    with canvas.clip(flesh) as body:
        body.fill(flesh, skin.base)
        dark = pose.place_body([(-0.06 * light, 0.335), (-0.13 * (1 if light > 0 else -1), 0.32)])
        body.glow(dark[1], (0.10 * unit, 0.2 * unit), skin.shadow, 0.7)
        body.glow(dark[0], (0.19 * unit, 0.13 * unit), skin.deep, 0.52)
        # The chin's own shadow on the neck.
        chin = pose.place(outline) + np.array((-0.02 * light, 0.030)) * unit
        body.fill(chin, skin.deep, 0.30)
        bone = pose.place_body(open_curve([(0.03, 0.475), (0.12, 0.452), (0.24, 0.462)]))
        for flip in (1.0, -1.0):
            line = (bone - pose.place_body([(0.0, 0.0)])) * (flip, 1.0) + pose.place_body(
                [(0.0, 0.0)]
            )
            body.stroke(line, 0.012 * unit, skin.deep, 0.3)
    _draw_clothes(sketch, neck, broad, slope)


def _draw_clothes(sketch: Sketch, neck: float, broad: float, slope: float) -> None:
    person, pose, unit, canvas = sketch.person, sketch.pose, sketch.unit, sketch.canvas
    cloth = cloth_tones(person.clothes_color)
    if person.clothes == "tie":
        cloth = cloth_tones(mix(person.clothes_color, WHITE, 0.72))
    style = person.clothes
    shoulder = [
        (broad + 0.075, 0.72),
        (broad + 0.06, 0.56),
        (broad - 0.035, 0.420 + slope),
        (neck + 0.11, 0.392 + slope * 0.5),
    ]
    collar = {
        "crew": [(neck + 0.035, 0.375), (0.075, 0.432), (0.0, 0.444)],
        "v_neck": [(neck + 0.045, 0.378), (0.066, 0.47), (0.006, 0.535), (0.0, 0.54)],
        "shirt": [(neck + 0.02, 0.368), (0.05, 0.44), (0.004, 0.50), (0.0, 0.505)],
        "tie": [(neck + 0.016, 0.362), (0.06, 0.405), (0.0, 0.430)],
        "hoodie": [(neck + 0.040, 0.372), (0.085, 0.43), (0.0, 0.450)],
        "turtleneck": [(neck + 0.016, 0.318), (0.07, 0.338), (0.0, 0.345)],
    }[style]
    right = shoulder + collar
    left = [(-x, y) for x, y in reversed(right[:-1])]
    garment = pose.place_body(open_curve(right + left))
    light = person.light
    with canvas.clip(garment) as suit:
        suit.fill(garment, cloth.base)
        low, high = garment.min(axis=0), garment.max(axis=0)
        suit.shade((low[0], low[1], high[0], high[1] + 0.1 * unit), light, cloth.deep, 0.85)
        lit = pose.place_body([(0.26 * light, 0.47), (0.0, 0.45)])
        suit.glow(lit[0], (0.18 * unit, 0.10 * unit), cloth.light, 0.45)
        suit.glow(lit[1], (0.20 * unit, 0.06 * unit), cloth.deep, 0.4)
        if style == "turtleneck":
            for y in (0.372, 0.402):
                fold = open_curve([(-neck - 0.03, y - 0.022), (0.0, y), (neck + 0.03, y - 0.022)])
                suit.stroke(pose.place_body(fold), 0.013 * unit, cloth.deep, 0.5)
    trim = [*collar, *[(-x, y) for x, y in reversed(collar[:-1])]]
    edge = pose.place_body(open_curve(trim))
    if style in ("crew", "v_neck", "turtleneck"):
        canvas.stroke(edge, 0.020 * unit, cloth.shadow, 0.85, ends=(0.8, 0.8))
        canvas.stroke(edge, 0.008 * unit, cloth.light, 0.5, ends=(0.8, 0.8))
    elif style == "hoodie":
        canvas.stroke(edge, 0.062 * unit, cloth.shadow, ends=(0.9, 0.9))
        canvas.stroke(edge - (0.0, 0.006 * unit), 0.040 * unit, cloth.base, ends=(0.9, 0.9))
        for side in (-1.0, 1.0):
            cord = open_curve([(side * 0.055, 0.45), (side * 0.062, 0.50), (side * 0.058, 0.58)])
            canvas.stroke(pose.place_body(cord), 0.012 * unit, WHITE, 0.9, ends=(1, 1))
    else:
        _draw_collar(sketch, neck)


def _draw_collar(sketch: Sketch, neck: float) -> None:
    person, pose, unit, canvas = sketch.person, sketch.pose, sketch.unit, sketch.canvas
    shirt = person.clothes_color
    if person.clothes == "tie":
        shirt = mix(shirt, WHITE, 0.72)
        accent = cloth_tones(scale(person.accent_color, 0.86, 0.82, 0.86))
        knot = pose.place_body([(-0.034, 0.422), (0.034, 0.422), (0.022, 0.478), (-0.022, 0.478)])
        blade = pose.place_body([(-0.022, 0.474), (0.022, 0.474), (0.052, 0.70), (-0.052, 0.70)])
        canvas.fill(blade, accent.base)
        with canvas.clip(blade) as silk:
            for k in range(4):
                y = 0.49 + 0.035 * k
                stripe = [
                    (-0.06, y + 0.02),
                    (0.06, y - 0.02),
                    (0.06, y - 0.008),
                    (-0.06, y + 0.032),
                ]
                silk.fill(pose.place_body(stripe), accent.light, 0.7)
        canvas.fill(knot, accent.shadow)
        canvas.glow(knot.mean(axis=0), (0.03 * unit, 0.03 * unit), accent.base, 0.8)
    tones = cloth_tones(mix(shirt, WHITE, 0.3))
    for side in (-1.0, 1.0):
        lit = side * person.light > 0
        flap = pose.place_body(
            np.array([(neck - 0.004, 0.342), (neck + 0.058, 0.392), (0.108, 0.482), (0.006, 0.425)])
            * (side, 1.0)
        )
        if person.clothes == "shirt":
            flap = pose.place_body(
                np.array(
                    [(neck - 0.004, 0.345), (neck + 0.062, 0.392), (0.100, 0.510), (0.020, 0.470)]
                )
                * (side, 1.0)
            )
        canvas.fill(shifted(flap, 0.0, 0.010 * unit), tones.deep, 0.4)
        canvas.fill(flap, tones.base if lit else mix(tones.base, tones.shadow, 0.45))
