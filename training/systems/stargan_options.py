"""StarGAN: options and presets; imported without TensorFlow."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Self

import tyro

from training.config import (
    BELOW_ONE,
    COUNT,
    NOT_NEGATIVE,
    POSITIVE,
    ConfigError,
    Rule,
    TrainingConfig,
)


@dataclass(frozen=True)
class StarGANConfig(TrainingConfig):
    """Everything a StarGAN run depends on."""

    conditional: bool = True  # always on: labels say what is translated to what
    # pictures and their labels, one or several sets: avatars:attributes, avatars:expression,
    # tfds:NAME:LABELS, or a folder
    data: tuple[str, ...] = ("avatars:attributes",)
    # attributes to learn; default: colours of hair, Male and Young where there are such, else all
    attributes: tuple[str, ...] = ()
    exclusive: Annotated[tuple[tuple[str, ...], ...], tyro.conf.UseAppendAction] = ()
    """Attributes of which at most one is true, once for each group; default: colours of hair."""
    # list of the attributes of a folder, CelebA's or a CSV; default: one in the folder or beside it
    attribute_table: str | None = None
    # width of the generator: channels at full resolution, twice and four times as many below
    conv_dim: int = 64
    # residual blocks in the middle of the generator: more can change more, and take longer
    num_blocks: int = 6
    # width of the discriminator: channels of its first layer, doubled at each halving
    discriminator_conv_dim: int = 64
    # halvings of the picture in the discriminator; default: until 2 x 2 are left
    discriminator_levels: int | None = None
    # number format of the feature maps: half precision takes less memory, and on GPUs less time
    precision: Literal["float32", "float16", "bfloat16"] = "float32"
    # step size of Adam, of generator and discriminator; falls to 0 over the second half of
    # --decay-kimg
    learning_rate: float = 1e-4
    # thousands of images after which the step size is 0; default: --total-kimg of the first call
    decay_kimg: float | None = None
    beta_1: float = 0.5  # decay of Adam's mean of gradients, per step
    beta_2: float = 0.999  # decay of Adam's mean of squared gradients, per step
    # updates of the discriminator for each of the generator; 1 learns most in a short time
    n_critic: int = 5
    label_weight: float = 1.0  # weight of showing the labels that were asked for: more changes more
    # weight of getting the source back from its translation: more keeps the person, and changes
    # less
    reconstruction_weight: float = 10.0
    # weight of leaving a picture as it is when told its own labels, which keeps colours; 0: none,
    # as published
    identity_weight: float = 0.0
    # weight of the penalty that keeps the discriminator's slopes near 1, without which training
    # fails
    penalty_weight: float = 10.0
    # decay of the averaged generator, which is what is saved, per step: higher is smoother; 0: save
    # the last one, as published
    ema_decay: float = 0.999

    takes_several: ClassVar[bool] = True
    rules: ClassVar[Mapping[str, Rule]] = {
        **TrainingConfig.rules,
        "conv_dim": COUNT,
        "num_blocks": COUNT,
        "discriminator_conv_dim": COUNT,
        "discriminator_levels": COUNT,
        "learning_rate": POSITIVE,
        "decay_kimg": POSITIVE,
        "beta_1": BELOW_ONE,
        "beta_2": BELOW_ONE,
        "n_critic": COUNT,
        "label_weight": NOT_NEGATIVE,
        "reconstruction_weight": NOT_NEGATIVE,
        "identity_weight": NOT_NEGATIVE,
        "penalty_weight": NOT_NEGATIVE,
        "ema_decay": BELOW_ONE,
    }

    def check(self) -> None:
        """Raises ConfigError for values that cannot work."""
        super().check()
        if not self.conditional:
            raise ConfigError("StarGAN translates between labels: leave `no_conditional` out.")
        if self.label_key is not None:
            raise ConfigError(
                field="label_key",
                expected="is part of `data` with StarGAN, such as `data` tfds:NAME:KEY",
                received=f"`label_key` {self.label_key}",
            )
        if not 32 <= self.resolution <= 512:
            raise ConfigError(
                field="resolution",
                expected="must be from 32 to 512 for StarGAN",
                received=self.resolution,
            )
        most = int(math.log2(self.resolution))
        if self.discriminator_levels is not None and self.discriminator_levels > most:
            raise ConfigError(
                field="discriminator_levels",
                expected=f"must be at most {most} at {self.resolution} pixels",
                received=self.discriminator_levels,
            )

    @property
    def decay_images(self) -> int:
        """Images seen when the learning rate is 0."""
        return round(1000 * (self.decay_kimg or self.total_kimg))

    def settled(self) -> Self:
        """With the length of the decay that the run has begun with."""
        return dataclasses.replace(self, decay_kimg=self.decay_kimg or self.total_kimg)

    def notes(self) -> list[str]:
        """Warns of training that can change nothing."""
        total = round(1000 * self.total_kimg)
        if self.decay_images >= total:
            return []
        return [
            f"the learning rate is 0 from image {self.decay_images:,} of {total:,} on, and the "
            f"networks learn nothing more there. `decay_kimg` {self.total_kimg:g} lets it fall to "
            "0 at the end (a resumed run needs `override` for that)."
        ]


def avatars() -> StarGANConfig:
    """Drawn faces at 32 pixels, five attributes.

    Hardware: 2 CPU cores. Time: 12 minutes for 60,000 images; --max-minutes only guards. Aims at
    translations in which the attribute visibly changes and the person stays, not at a published
    number.

    In so short a time the generator learns most with an update in every step. It is then free to
    invert colours, twice of which is no change, until the identity term forbids it.
    """
    return StarGANConfig(
        preset="avatars",
        data=("avatars:attributes",),
        avatars_count=24_000,
        resolution=32,
        batch_size=16,
        total_kimg=60.0,
        max_minutes=60.0,
        conv_dim=24,
        num_blocks=4,
        discriminator_conv_dim=32,
        learning_rate=4e-4,
        beta_1=0.0,
        beta_2=0.99,
        n_critic=1,
        identity_weight=1.0,
        ema_decay=0.995,
        sample_kimg=8.0,
        checkpoint_kimg=16.0,
    )


def celeba_128() -> StarGANConfig:
    """CelebA at 128 pixels, five attributes.

    Hardware: one GPU with 12 GB. Time: about a day for 200,000 iterations of 16 images. Aims at the
    figures of the paper.
    """
    return StarGANConfig(
        preset="celeba-128", data=(), resolution=128, batch_size=16, total_kimg=3200.0
    )


def celeba_rafd_128() -> StarGANConfig:
    """CelebA and RaFD together at 128 pixels, five attributes and eight expressions.

    Hardware: one GPU with 12 GB. Time: about two days for 200,000 iterations of 16 images of each.
    Aims at the figures of the paper.
    """
    return StarGANConfig(
        preset="celeba-rafd-128", data=(), resolution=128, batch_size=16, total_kimg=6400.0
    )


def smoke() -> StarGANConfig:
    """Everything once, tiny: for tests.

    Hardware: any CPU. Time: seconds once the graph is built. Aims at nothing to look at.
    """
    return StarGANConfig(
        preset="smoke",
        data=("avatars:attributes",),
        avatars_count=64,
        resolution=32,
        batch_size=4,
        total_kimg=0.064,
        conv_dim=4,
        num_blocks=1,
        discriminator_conv_dim=4,
        n_critic=2,
        sample_kimg=0.032,
        checkpoint_kimg=0.032,
    )


PRESETS = {
    "avatars": avatars,
    "celeba-128": celeba_128,
    "celeba-rafd-128": celeba_rafd_128,
    "smoke": smoke,
}
