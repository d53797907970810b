"""Names of the labels that every avatar carries."""

from __future__ import annotations

from typing import TypedDict

# Spelled as CelebA spells them, in CelebA's order: a subset that the drawing truly shows.
ATTRIBUTES = (
    "5_o_Clock_Shadow",
    "Bags_Under_Eyes",
    "Bald",
    "Bangs",
    "Black_Hair",
    "Blond_Hair",
    "Brown_Hair",
    "Bushy_Eyebrows",
    "Eyeglasses",
    "Goatee",
    "Gray_Hair",
    "Male",
    "Mouth_Slightly_Open",
    "Mustache",
    "No_Beard",
    "Pale_Skin",
    "Rosy_Cheeks",
    "Smiling",
    "Wavy_Hair",
    "Wearing_Earrings",
    "Wearing_Hat",
    "Wearing_Lipstick",
    "Wearing_Necktie",
    "Young",
)

# The eight of RaFD.
EXPRESSIONS = (
    "angry",
    "contemptuous",
    "disgusted",
    "fearful",
    "happy",
    "neutral",
    "sad",
    "surprised",
)

DOMAINS = ("female", "male")


class Labels(TypedDict):
    """Labels of one picture."""

    attributes: dict[str, bool]
    expression: str
    domain: str
