"""Which models can be exported, and as what."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from export.signatures import Exportable
from export.stargan import stargan
from export.stargan_v2 import stargan_v2
from export.style_generators import style_generator
from tfgan.loading import ModelError, class_of


class ModelFamily(NamedTuple):
    """Models that are exported alike.

    Attributes:
        about: The names of their signatures, for --help.
        describe: Takes a float32 model.
        takes_pictures: Whether they make their pictures of others.
        floor: PSNR in dB that forms of 8 bits should reach.
    """

    about: str
    describe: Callable[[Any], Exportable]
    takes_pictures: bool
    floor: float


def _style_generators(system: str) -> ModelFamily:
    return ModelFamily(
        "map, truncate, synthesize, generate (SavedModel alone)",
        functools.partial(style_generator, system=system),
        takes_pictures=False,
        floor=38.0,
    )


# By class of the model.
FAMILIES = {
    "StyleGANGenerator": _style_generators("StyleGAN"),
    "StyleGAN2Generator": _style_generators("StyleGAN2"),
    "StarGAN": ModelFamily("translate", stargan, takes_pictures=True, floor=35.0),
    "StarGANv2": ModelFamily(
        "style_from_latent, style_from_reference, translate,\n"
        "translate_to_domain (SavedModel alone)",
        stargan_v2,
        takes_pictures=True,
        floor=35.0,
    ),
}


def family_of(path: Path) -> ModelFamily:
    """The family of the model in a `.keras` file.

    Raises:
        ModelError: If models of its class are not exported, or the file is not a `.keras` file.
    """
    name = class_of(path)
    if name not in FAMILIES:
        raise ModelError(
            f"{', '.join(FAMILIES)} can be exported. Received: {path}, which holds a {name}. "
            "Give the model.keras of a training run."
        )
    return FAMILIES[name]
