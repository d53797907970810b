"""StyleGAN: options and presets; imported without TensorFlow."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from tfgan.inference import TRUNCATION_PSI
from tfgan.layers.widths import resolutions_to
from training.config import (
    ANY,
    BELOW_ONE,
    COUNT,
    NOT_NEGATIVE,
    POSITIVE,
    SHARE,
    ConfigError,
    Rule,
    TrainingConfig,
    check_channels,
)


@dataclass(frozen=True)
class StyleGANConfig(TrainingConfig):
    """Everything a StyleGAN run depends on."""

    # resolution to begin with, from 4 on: finer layers are added on the way; as --resolution: no
    # growing
    start_resolution: int = 8
    stable_kimg: float = 600.0  # thousands of images at each resolution, once it is faded in
    fade_kimg: float = 600.0  # thousands of images in which each next resolution is faded in
    # batch sizes of single resolutions, as 8:256 for 256 at 8 pixels; elsewhere --batch-size
    batch_sizes: tuple[str, ...] = ()
    # learning rates of single resolutions, as 128:0.0015; elsewhere --learning-rate
    learning_rates: tuple[str, ...] = ()
    # step size of Adam, of generator and discriminator; lower it if training becomes unstable
    learning_rate: float = 0.001
    beta_2: float = 0.99  # decay of Adam's mean of squared gradients, per step; beta_1 is 0
    # forget Adam's means at each new resolution, as published; the PyTorch port does not
    reset_optimizers: bool = True
    # fade real pictures in as generated ones are, as published; the PyTorch port does not
    fade_reals: bool = True
    latent_dim: int = 512  # length of the random vector that each picture is made from
    style_dim: int = 512  # length of the style vector that steers the layers of the generator
    mapping_layers: int = 8  # dense layers that turn the random vector into a style
    # learning rate of the mapping layers, as a share of the others'
    mapping_lr_multiplier: float = 0.01
    # width of the networks: a layer has this number / its resolution channels, --channel-max at
    # most
    channel_base: int = 16384
    # most channels of a layer; half as many take about a quarter of the time where they bound it
    channel_max: int = 512
    # networks as in NVlabs' code or as in rosinality's PyTorch port, to go on with weights of
    # either
    form: Literal["official", "rosinality"] = "official"
    # images that the discriminator compares with one another, to notice that all look alike; the
    # PyTorch port takes the whole batch
    group_size: int = 4
    # number format of all above 4 x 4 pixels: bfloat16 takes less memory, and less time where the
    # processor has it
    precision: Literal["float32", "bfloat16"] = "float32"
    # what the networks are trained by: logistic, with R1; wgan-gp, the Wasserstein distance with a
    # gradient penalty
    loss: Literal["logistic", "wgan-gp"] = "logistic"
    # with the logistic loss, weight of R1, which keeps the discriminator's slopes on real pictures
    # flat: more is steadier, less is sharper
    r1_gamma: float = 10.0
    # with wgan-gp, weight of the penalty that keeps the discriminator's slopes near 1
    gp_weight: float = 10.0
    # with wgan-gp, weight of squared scores of real pictures, which keeps them near 0
    drift_weight: float = 0.001
    # network that knows such pictures, a .keras file of python -m training.features, whose features
    # are discriminated too: variety comes many times sooner; default: pixels alone, as published
    features: str | None = None
    # share of the steps in which coarse and fine layers get styles of two faces, so that they can
    # be combined
    style_mixing: float = 0.9
    # where two styles may meet: between any two layers, or resolutions alone as in the PyTorch port
    style_mixing_by: Literal["layer", "resolution"] = "layer"
    # decay of the average style, which truncation goes towards, per step
    style_average_decay: float = 0.995
    # half-life of the averaged generator, which is what is saved, in thousands of images: longer is
    # smoother, and later
    ema_kimg: float = 10.0
    # how close sample pictures are to the average: 1 shows all variety, 0.7 fewer failures; in the
    # first 8 layers
    sample_psi: float = TRUNCATION_PSI

    rules: ClassVar[Mapping[str, Rule]] = {
        **TrainingConfig.rules,
        "start_resolution": COUNT,  # `check` knows more of it
        "stable_kimg": NOT_NEGATIVE,
        "fade_kimg": NOT_NEGATIVE,
        "learning_rate": POSITIVE,
        "beta_2": BELOW_ONE,
        "latent_dim": COUNT,
        "style_dim": COUNT,
        "mapping_layers": COUNT,
        "mapping_lr_multiplier": POSITIVE,
        "channel_base": COUNT,
        "channel_max": COUNT,
        "group_size": COUNT,
        "r1_gamma": NOT_NEGATIVE,
        "gp_weight": NOT_NEGATIVE,
        "drift_weight": NOT_NEGATIVE,
        "style_mixing": SHARE,
        "style_average_decay": BELOW_ONE,
        "ema_kimg": NOT_NEGATIVE,
        "sample_psi": ANY,
    }

    def check(self) -> None:
        """Raises ConfigError for values that cannot work."""
        super().check()
        check_channels(self.channel_base, self.resolution)
        sizes = resolutions_to(self.resolution)
        if self.start_resolution not in sizes:
            raise ConfigError(
                field="start_resolution",
                expected=f"must be one of {', '.join(map(str, sizes))}: a power of two from 4 to "
                "`resolution`",
                received=self.start_resolution,
            )
        self.batch_size_at(self.resolution)
        self.learning_rate_at(self.resolution)
        grows = self.start_resolution < self.resolution
        if grows and not self.stable_kimg and not self.fade_kimg:
            raise ConfigError(
                "`stable_kimg` or `fade_kimg` must be above 0 where the networks grow. Use "
                f"`start_resolution` {self.resolution} to train without growing."
            )

    def batch_size_at(self, size: int) -> int:
        """Batch size at a resolution."""
        sizes = by_resolution("batch_sizes", self.batch_sizes, COUNT, int, "8:256")
        return sizes.get(size, self.batch_size)

    def learning_rate_at(self, size: int) -> float:
        """Learning rate at a resolution."""
        rates = by_resolution("learning_rates", self.learning_rates, POSITIVE, float, "128:0.0015")
        return rates.get(size, self.learning_rate)


def by_resolution(
    name: str, texts: Sequence[str], rule: Rule, number: Callable[[str], float], example: str
) -> dict[int, Any]:
    """Reads values of an option that are written RESOLUTION:VALUE.

    Args:
        name: Of the option's field.
        texts: What is read.
        rule: What a value must be.
        number: Makes a value of its text.
        example: Of a right one.

    Raises:
        ConfigError: If one cannot be read, or a resolution comes twice.
    """
    values: dict[int, Any] = {}
    for text in texts:
        size, _, value = text.partition(":")
        try:
            resolution, parsed = int(size), number(value)
        except ValueError:
            resolution, parsed = 0, 0
        holds = math.isfinite(parsed) and rule.holds(parsed)
        if not holds or resolution not in resolutions_to(1024) or resolution in values:
            raise ConfigError(
                field=name,
                expected="must be RESOLUTION:VALUE, each resolution once, a power of two from 4 to "
                f"1024, and each value {rule.words}, as in {example}",
                received=" ".join(texts),
            )
        values[resolution] = parsed
    return values


# Of NVlabs/stylegan, train.py, for 8 GPUs; elsewhere 32 and 0.001.
PUBLISHED_BATCH_SIZES = ("4:512", "8:256", "16:128", "32:64")
PUBLISHED_LEARNING_RATES = ("128:0.0015", "256:0.002", "512:0.003", "1024:0.003")


def avatars() -> StyleGANConfig:
    """Drawn faces, from 8 to 32 pixels.

    Hardware: 2 CPU cores. Time: 13 minutes for 80,000 images; --max-minutes only guards. Aims at
    faces that a stranger recognises, not at a published number: short stages and a high learning
    rate. For 64 pixels: --resolution 64 --channel-base 2048 --total-kimg 200 --max-minutes 240.
    """
    return StyleGANConfig(
        preset="avatars",
        data=("avatars",),
        resolution=32,
        stable_kimg=10.0,
        fade_kimg=10.0,
        batch_sizes=("8:16", "16:16"),
        batch_size=8,
        total_kimg=80.0,
        max_minutes=60.0,
        latent_dim=64,
        style_dim=64,
        mapping_layers=4,
        channel_base=1024,
        channel_max=64,
        learning_rate=0.004,
        r1_gamma=5.0,
        style_mixing=0.5,
        ema_kimg=1.0,
        sample_kimg=2.5,
        checkpoint_kimg=10.0,
    )


def ffhq_256() -> StyleGANConfig:
    """FFHQ or any large set of faces at 256 pixels, with the paper's settings.

    Hardware: 8 V100 with 16 GB. Time: 3 days 8 hours for 25 million images, as published.
    """
    return StyleGANConfig(
        preset="ffhq-256",
        data=(),
        resolution=256,
        total_kimg=25000.0,
        batch_sizes=PUBLISHED_BATCH_SIZES,
        batch_size=32,
        learning_rates=PUBLISHED_LEARNING_RATES,
    )


def ffhq_1024() -> StyleGANConfig:
    """FFHQ at 1024 pixels, configuration F of the paper.

    Hardware: 8 V100 with 16 GB. Time: 6 days 14 hours for 25 million images, as published. Aims at
    FID 4.40, PPL 234 (full, W).
    """
    return StyleGANConfig(
        preset="ffhq-1024",
        data=(),
        resolution=1024,
        total_kimg=25000.0,
        batch_sizes=PUBLISHED_BATCH_SIZES,
        batch_size=32,
        learning_rates=PUBLISHED_LEARNING_RATES,
    )


def celeba_hq_1024() -> StyleGANConfig:
    """CelebA-HQ at 1024 pixels with WGAN-GP, as published for this set.

    Hardware: 8 V100 with 16 GB. Time: 6 days 14 hours for 25 million images, as published for
    FFHQ. Aims at FID 5.17.
    """
    return StyleGANConfig(
        preset="celeba-hq-1024",
        data=(),
        resolution=1024,
        total_kimg=25000.0,
        batch_sizes=PUBLISHED_BATCH_SIZES,
        batch_size=32,
        learning_rates=("128:0.0015", "256:0.002", "512:0.002", "1024:0.002"),
        loss="wgan-gp",
    )


def smoke() -> StyleGANConfig:
    """Everything once, tiny: for tests.

    Hardware: any CPU. Time: seconds once the graphs are built. Aims at nothing to look at.
    """
    return StyleGANConfig(
        preset="smoke",
        data=("avatars",),
        avatars_count=64,
        resolution=16,
        stable_kimg=0.032,
        fade_kimg=0.032,
        batch_sizes=("8:16",),
        batch_size=8,
        total_kimg=0.128,
        latent_dim=16,
        style_dim=16,
        mapping_layers=2,
        channel_base=128,
        channel_max=16,
        ema_kimg=0.1,
        sample_kimg=0.032,
        checkpoint_kimg=0.032,
    )


PRESETS = {
    "avatars": avatars,
    "ffhq-256": ffhq_256,
    "ffhq-1024": ffhq_1024,
    "celeba-hq-1024": celeba_hq_1024,
    "smoke": smoke,
}
