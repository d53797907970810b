"""A person: every number that a picture is drawn from, and how to sample one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tfgan.data.avatars.labels import EXPRESSIONS, Labels
from tfgan.data.avatars.palette import (
    BACKDROP_COLORS,
    CLOTH_COLORS,
    EYE_COLORS,
    LIPSTICKS,
    Color,
    mix,
)

# Hair without any strand on top of the head.
BARE_HAIR = ("bald", "horseshoe")
HAIR_STYLES = (
    "buzz",
    "short",
    "side_part",
    "quiff",
    "receding",
    "pixie",
    "curly",
    "afro",
    "bob",
    "long",
    "wavy",
    "bun",
    "ponytail",
    *BARE_HAIR,
)
LONG_STYLES = ("long", "wavy")
WAVY_STYLES = ("curly", "afro", "wavy")
FACIAL_HAIR = ("none", "stubble", "mustache", "goatee", "beard")
GLASSES = ("none", "round", "square", "cat")
HATS = ("none", "beanie", "cap", "brim")
CLOTHES = ("crew", "v_neck", "shirt", "tie", "hoodie", "turtleneck")
BACKDROPS = ("plain", "gradient", "shapes", "rays")

# Below this tone skin is labelled pale; below this age a person is labelled young.
_PALE_TONE = 0.14
_YOUNG_YEARS = 42.0


@dataclass(frozen=True)
class Person:
    """All parameters of one picture.

    Numbers without a unit are signed amounts about 0 (plain) in [-1, 1], or fractions in [0, 1].
    """

    male: bool
    years: float

    skin_tone: float  # 0 palest, 1 darkest
    warmth: float
    face_width: float
    jaw: float  # -1 pointed, 1 square
    chin: float
    freckles: bool
    rosy_cheeks: bool
    eye_bags: bool

    hair_style: str
    hair_color: str
    hair_shade: float
    hair_volume: float
    bangs: bool
    part: float  # where the hair parts; the sign is the side
    locks_in_front: bool  # long hair falls in front of the shoulders
    facial_hair: str

    eye_color: Color
    eye_size: float
    eye_slant: float
    eyes_shut: bool
    bushy_eyebrows: bool
    brow_arch: float
    nose_size: float
    lip_fullness: float
    lipstick: Color | None

    expression: str
    intensity: float
    mouth_open: bool

    glasses: str
    glasses_color: Color
    hat: str
    hat_color: Color
    earrings: bool
    clothes: str
    clothes_color: Color
    accent_color: Color

    yaw: float  # radians
    pitch: float
    roll: float
    offset: tuple[float, float]
    zoom: float
    light: float  # -1 from the left, 1 from the right

    backdrop: str
    backdrop_colors: tuple[Color, Color]
    backdrop_seed: int

    def labels(self) -> Labels:
        """Returns what the picture of this person shows."""
        has_hair = self.hair_style != "bald"
        bare = self.hair_style in BARE_HAIR
        return {
            "attributes": {
                "5_o_Clock_Shadow": self.facial_hair == "stubble",
                "Bags_Under_Eyes": self.eye_bags,
                "Bald": bare and self.hat == "none",
                "Bangs": self.bangs,
                "Black_Hair": has_hair and self.hair_color == "black",
                "Blond_Hair": has_hair and self.hair_color == "blond",
                "Brown_Hair": has_hair and self.hair_color == "brown",
                "Bushy_Eyebrows": self.bushy_eyebrows,
                "Eyeglasses": self.glasses != "none",
                "Goatee": self.facial_hair == "goatee",
                "Gray_Hair": has_hair and self.hair_color == "gray",
                "Male": self.male,
                "Mouth_Slightly_Open": self.mouth_open,
                "Mustache": self.facial_hair in ("mustache", "goatee", "beard"),
                "No_Beard": self.facial_hair in ("none", "mustache"),
                "Pale_Skin": self.skin_tone < _PALE_TONE,
                "Rosy_Cheeks": self.rosy_cheeks,
                "Smiling": self.expression == "happy",
                "Wavy_Hair": self.hair_style in WAVY_STYLES,
                "Wearing_Earrings": self.earrings,
                "Wearing_Hat": self.hat != "none",
                "Wearing_Lipstick": self.lipstick is not None,
                "Wearing_Necktie": self.clothes == "tie",
                "Young": self.years < _YOUNG_YEARS,
            },
            "expression": self.expression,
            "domain": "male" if self.male else "female",
        }

    @property
    def wrinkles(self) -> float:
        """How deep the lines of age are: 0 for the young, 1 at 80 years."""
        return min(1.0, max(0.0, (self.years - _YOUNG_YEARS + 4.0) / 34.0))


def sample_person(rng: np.random.Generator) -> Person:
    """Draws a person from the distribution of the data set.

    Traits depend on each other as they do among people (gray hair on age, hair colour on skin,
    facial hair on sex), but weakly, so that combinations which are rare among people still occur.

    Args:
        rng: Source of randomness; equal states give equal persons.
    """
    uniform = rng.random(48).tolist()
    normal = np.clip(rng.standard_normal(20), -2.2, 2.2).tolist()

    def chance(probability: float) -> bool:
        return uniform.pop() < probability

    def choose(weights: dict[str, float]) -> str:
        remaining = uniform.pop() * sum(weights.values())
        for name, weight in weights.items():
            remaining -= weight
            if remaining < 0:
                return name
        return next(reversed(weights))

    def pick(colors: tuple[Color, ...]) -> Color:
        return colors[int(uniform.pop() * len(colors))]

    def signed() -> float:
        return 2.0 * uniform.pop() - 1.0

    male = chance(0.5)
    years = 18.0 + 62.0 * uniform.pop() ** 1.25
    skin_tone = uniform.pop() ** 1.1

    pale = 1.0 - skin_tone
    hair_color = choose(
        {
            "black": 0.15 + 0.55 * skin_tone,
            "brown": 0.32,
            "blond": 0.06 + 0.34 * pale,
            "red": 0.02 + 0.12 * pale,
        }
    )
    if chance(1.0 / (1.0 + math.exp(-(years - 58.0) / 6.5))):
        hair_color = "gray"
    if male:
        hair_style = choose(
            {
                "short": 20,
                "side_part": 18,
                "quiff": 13,
                "buzz": 8,
                "curly": 9,
                "afro": 4,
                "receding": 4 + 10 * (years > 42),
                "bald": 6 + 4 * (years > 42),
                "horseshoe": 1 + 7 * (years > 50),
                "long": 4,
                "wavy": 5,
                "bun": 2,
            }
        )
    else:
        hair_style = choose(
            {
                "long": 22,
                "wavy": 21,
                "bob": 17,
                "bun": 9,
                "ponytail": 9,
                "pixie": 8,
                "curly": 8,
                "afro": 6,
                "bald": 1,
            }
        )
    hat = choose({"none": 84, "beanie": 6, "cap": 5, "brim": 5})
    may_have_bangs = hair_style not in (*BARE_HAIR, "buzz", "receding", "quiff", "afro")
    bangs = chance(0.2 if male else 0.38) and may_have_bangs
    facial_hair = "none"
    if male:
        facial_hair = choose({"none": 40, "stubble": 15, "mustache": 12, "goatee": 14, "beard": 19})
    expression = choose({name: {"happy": 26, "neutral": 20}.get(name, 9) for name in EXPRESSIONS})
    open_chance = {
        "happy": 0.65,
        "surprised": 0.9,
        "fearful": 0.75,
        "angry": 0.4,
        "disgusted": 0.45,
        "sad": 0.15,
        "neutral": 0.12,
        "contemptuous": 0.0,
    }[expression]
    lipstick = pick(LIPSTICKS) if chance(0.02 if male else 0.46) else None
    first, second = pick(BACKDROP_COLORS), pick(BACKDROP_COLORS)
    clothes = choose(
        {"crew": 22, "v_neck": 17, "shirt": 18, "tie": 16, "hoodie": 14, "turtleneck": 13}
        if male
        else {"crew": 22, "v_neck": 30, "shirt": 15, "tie": 3, "hoodie": 12, "turtleneck": 18}
    )
    dark_frames: tuple[Color, ...] = ((34, 32, 40), (92, 50, 30), (150, 30, 44), (46, 66, 120))
    return Person(
        male=male,
        years=years,
        skin_tone=skin_tone,
        warmth=signed(),
        face_width=0.5 * normal.pop(),
        jaw=(0.45 if male else -0.35) + 0.35 * normal.pop(),
        chin=(0.2 if male else -0.2) + 0.4 * normal.pop(),
        freckles=chance(0.22 * pale),
        rosy_cheeks=chance(0.18 if male else 0.34),
        eye_bags=chance(0.08 + 0.4 * (years > 45)),
        hair_style=hair_style,
        hair_color=hair_color,
        hair_shade=uniform.pop(),
        hair_volume=0.5 * normal.pop(),
        bangs=bangs,
        part=signed(),
        locks_in_front=chance(0.6),
        facial_hair=facial_hair,
        eye_color=pick(EYE_COLORS[:2] if chance(0.85 * skin_tone + 0.1) else EYE_COLORS),
        eye_size=0.45 * normal.pop() + (-0.1 if male else 0.25),
        eye_slant=0.45 * normal.pop(),
        eyes_shut=chance(0.14 if expression == "happy" else 0.0),
        bushy_eyebrows=chance(0.42 if male else 0.12),
        brow_arch=(-0.2 if male else 0.3) + 0.35 * normal.pop(),
        nose_size=(0.15 if male else -0.2) + 0.45 * normal.pop(),
        lip_fullness=(-0.25 if male else 0.3) + 0.35 * normal.pop(),
        lipstick=lipstick,
        expression=expression,
        intensity=0.75 + 0.35 * uniform.pop(),
        mouth_open=chance(open_chance),
        glasses=choose({"none": 76, "round": 9, "square": 10, "cat": 2 if male else 8}),
        glasses_color=pick(dark_frames),
        hat=hat,
        hat_color=pick(CLOTH_COLORS),
        earrings=chance(0.05 if male else 0.42),
        clothes=clothes,
        clothes_color=pick(CLOTH_COLORS),
        accent_color=pick(CLOTH_COLORS),
        yaw=0.12 * normal.pop(),
        pitch=0.07 * normal.pop(),
        roll=0.045 * normal.pop(),
        offset=(0.006 * normal.pop(), 0.006 * normal.pop()),
        zoom=1.0 + 0.02 * normal.pop(),
        light=signed(),
        backdrop=choose({"plain": 20, "gradient": 34, "shapes": 30, "rays": 16}),
        backdrop_colors=(first, mix(first, second, 0.6)),
        backdrop_seed=int(uniform.pop() * 2**31),
    )
