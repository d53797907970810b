"""StarGAN v2: options and presets; imported without TensorFlow."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from tfgan.data.feed import PipelineOptions
from training.config import (
    BELOW_ONE,
    COUNT,
    NOT_NEGATIVE,
    POSITIVE,
    SHARE,
    ConfigError,
    Network,
    Rule,
    TrainingConfig,
    check_channels,
)


@dataclass(frozen=True)
class StarGANv2Config(TrainingConfig):
    """Everything a StarGAN v2 run depends on."""

    # always on: domains are the classes, sub-folders of the folder or --label-key
    conditional: bool = True
    latent_dim: int = 16  # length of the random vector that a style can be made from
    # length of the style vector, made from a random vector or a reference picture
    style_dim: int = 64
    mapping_width: int = 512  # width of the layers that turn random vectors into styles
    # width of the networks: the first layer has this number / resolution channels, and coarser ones
    # more
    channel_base: int = 16384
    channel_max: int = 512  # most channels of a layer
    # carry edges near landmarks of the face past the middle of the generator, divided by this: 1
    # for aligned faces, with --landmarks; 0 for anything else
    w_hpf: float = 0.0
    # network of face landmarks, which --w-hpf above 0 needs: what python -m tfgan.importers makes
    # of wing.ckpt
    landmarks: str | None = None
    # number format of the feature maps: half precision takes less memory, and on GPUs less time
    precision: Literal["float32", "float16", "bfloat16"] = "float32"
    learning_rate: float = 1e-4  # step size of Adam, of generator, style encoder and discriminator
    # step size of Adam, of the mapping network, which needs a smaller one
    mapping_learning_rate: float = 1e-6
    beta_2: float = 0.99  # decay of Adam's mean of squared gradients, per step; beta_1 is 0
    coupled_decay: float = 1e-4  # pull of all weights towards 0, added to their gradients
    # weight of R1, which keeps the discriminator's slopes on real pictures flat: more is steadier
    r1_weight: float = 1.0
    # weight of finding the style again in the translation: more obeys the style
    style_weight: float = 1.0
    # weight, at the start, of making different pictures from different styles: more varies more
    diversity_weight: float = 1.0
    diversity_kimg: float = 800.0  # thousands of images in which --diversity-weight falls to 0
    # weight of getting the source back from its translation: more keeps pose and background
    cycle_weight: float = 1.0
    # decay of the averaged networks, which are what is saved, per step: higher is smoother
    ema_decay: float = 0.999
    # share of the pictures that are cut at random, to see them larger and from the side
    random_crop: float = 0.5

    networks: ClassVar[Mapping[str, Network]] = {
        "landmarks": Network(
            "FaceLandmarks", "Make one of wing.ckpt with python -m tfgan.importers."
        )
    }
    rules: ClassVar[Mapping[str, Rule]] = {
        **TrainingConfig.rules,
        "latent_dim": COUNT,
        "style_dim": COUNT,
        "mapping_width": COUNT,
        "channel_base": COUNT,
        "channel_max": COUNT,
        "w_hpf": NOT_NEGATIVE,
        "learning_rate": POSITIVE,
        "mapping_learning_rate": POSITIVE,
        "beta_2": BELOW_ONE,
        "coupled_decay": NOT_NEGATIVE,
        "r1_weight": NOT_NEGATIVE,
        "style_weight": NOT_NEGATIVE,
        "diversity_weight": NOT_NEGATIVE,
        "diversity_kimg": POSITIVE,
        "cycle_weight": NOT_NEGATIVE,
        "ema_decay": SHARE,
        "random_crop": SHARE,
    }

    def pipeline_options(self) -> PipelineOptions:
        """Classes in equal shares, each picture with two references of a target domain."""
        options = super().pipeline_options()
        return dataclasses.replace(options, references=True, random_crop=self.random_crop)

    def check(self) -> None:
        """Raises ConfigError for values that cannot work."""
        super().check()
        if not self.conditional:
            raise ConfigError(
                "StarGAN v2 translates between domains, which are the classes of the data: leave "
                "`no_conditional` out."
            )
        if self.resolution < 32:
            raise ConfigError(
                field="resolution",
                expected="must be at least 32 for StarGAN v2",
                received=self.resolution,
            )
        check_channels(self.channel_base, self.resolution)
        if self.landmarks is not None and not self.w_hpf:
            raise ConfigError(
                field="landmarks",
                expected="is for `w_hpf` above 0",
                received=f"`w_hpf` {self.w_hpf:g}",
                advice="Use `w_hpf` 1 for aligned faces, or leave `landmarks` out.",
            )
        if self.w_hpf and self.landmarks is None:
            raise ConfigError(
                f"`w_hpf` {self.w_hpf:g} needs `landmarks` FILE, a .keras file of the network that "
                "finds face landmarks. Without one use `w_hpf` 0, which has no high-pass skips."
            )


def avatars() -> StarGANv2Config:
    """Drawn faces at 32 pixels, female and male.

    Hardware: 2 CPU cores. Time: 13 minutes for 20,000 images; --max-minutes only guards. Aims at
    translations in which the domain visibly changes and the pose stays, not at a published number.
    """
    return StarGANv2Config(
        preset="avatars",
        data=("avatars",),
        resolution=32,
        batch_size=8,
        total_kimg=20.0,
        max_minutes=60.0,
        mapping_width=64,
        style_dim=32,
        channel_base=1024,
        channel_max=64,
        learning_rate=1e-3,
        mapping_learning_rate=1e-4,
        diversity_kimg=21.0,
        ema_decay=0.995,
        sample_kimg=4.0,
        checkpoint_kimg=8.0,
    )


def celeba_hq_256() -> StarGANv2Config:
    """CelebA-HQ at 256 pixels, female and male.

    Hardware: one V100 with 32 GB. Time: about 3 days for 100,000 iterations of 8 images. Aims at
    FID 13.73 (latent) and 23.84 (reference), LPIPS 0.4515 and 0.3880, by the protocol of the paper.
    """
    return StarGANv2Config(
        preset="celeba-hq-256", data=(), resolution=256, batch_size=8, total_kimg=800.0
    )


def afhq_256() -> StarGANv2Config:
    """AFHQ at 256 pixels: cats, dogs and wild animals.

    Hardware: one V100 with 32 GB. Time: about 3 days for 100,000 iterations of 8 images. Aims at
    FID 16.18 (latent) and 19.78 (reference), LPIPS 0.4501 and 0.4315, by the protocol of the paper.
    """
    return StarGANv2Config(
        preset="afhq-256",
        data=(),
        resolution=256,
        batch_size=8,
        total_kimg=800.0,
        diversity_weight=2.0,
    )


def smoke() -> StarGANv2Config:
    """Everything once, tiny: for tests.

    Hardware: any CPU. Time: seconds once the graph is built. Aims at nothing to look at.
    """
    return StarGANv2Config(
        preset="smoke",
        data=("avatars",),
        avatars_count=64,
        resolution=32,
        batch_size=4,
        total_kimg=0.064,
        latent_dim=4,
        style_dim=8,
        mapping_width=16,
        channel_base=128,
        channel_max=16,
        diversity_kimg=0.128,
        sample_kimg=0.032,
        checkpoint_kimg=0.032,
    )


PRESETS = {
    "avatars": avatars,
    "celeba-hq-256": celeba_hq_256,
    "afhq-256": afhq_256,
    "smoke": smoke,
}
