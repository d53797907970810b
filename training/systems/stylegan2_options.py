"""StyleGAN2: options and presets; imported without TensorFlow."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from tfgan.inference import TRUNCATION_PSI
from training.config import (
    ANY,
    BELOW_ONE,
    COUNT,
    NOT_NEGATIVE,
    POSITIVE,
    SHARE,
    Rule,
    TrainingConfig,
    check_channels,
)

PUBLISHED_AVERAGE_DECAY = 0.995  # of the styles, in NVlabs/stylegan2 and stylegan2-ada-pytorch


@dataclass(frozen=True)
class StyleGAN2Config(TrainingConfig):
    """Everything a StyleGAN2 run depends on."""

    latent_dim: int = 512  # length of the random vector that each picture is made from
    style_dim: int = 512  # length of the style vector that steers the layers of the generator
    mapping_layers: int = 8  # dense layers that turn the random vector into a style
    # width of the networks: a layer has this number / its resolution channels, --channel-max at
    # most (32768 is the paper's configuration F, 16384 E)
    channel_base: int = 32768
    # most channels of a layer; half as many take about a quarter of the time where they bound it
    channel_max: int = 512
    # how the generator makes the picture: orig at its last layer; skip as a sum of pictures of all
    # resolutions; resnet with residual blocks
    g_architecture: Literal["orig", "skip", "resnet"] = "skip"
    # how the discriminator sees the picture: orig at its first layer; skip at every resolution;
    # resnet with residual blocks
    d_architecture: Literal["orig", "skip", "resnet"] = "resnet"
    # images that the discriminator compares with one another, to notice that all look alike
    group_size: int = 4
    # number format of the finest resolutions: half precision takes less memory, and on GPUs less
    # time
    precision: Literal["float32", "float16", "bfloat16"] = "float32"
    half_resolutions: int = 4  # how many resolutions --precision is for, the finest first
    # step size of Adam, of generator and discriminator; lower it if training becomes unstable
    learning_rate: float = 0.002
    beta_2: float = 0.99  # decay of Adam's mean of squared gradients, per step; beta_1 is 0
    # weight of R1, which keeps the discriminator's slopes on real pictures flat: more is steadier,
    # less is sharper; default: 0.0002 * resolution^2 / batch
    r1_gamma: float | None = None
    r1_interval: int = 16  # steps between updates with R1; it is scaled to match
    # weight of the path length penalty, for which equal steps of the style change the picture
    # equally; 0: none, which saves time
    pl_weight: float = 2.0
    # steps between updates with the path length penalty; it is scaled to match
    pl_interval: int = 4
    # share that a new path length has in the running mean that others are compared with
    pl_decay: float = 0.01
    # path lengths are taken of a batch that is smaller by this factor, to save memory
    pl_batch_shrink: int = 2
    # share of the steps in which coarse and fine layers get styles of two faces, so that they can
    # be combined
    style_mixing: float = 0.9
    # decay of the running average of styles that truncation moves to, per step
    style_average_decay: float = 0.998
    # half-life of the averaged generator, which is what is saved, in thousands of images: longer is
    # smoother, and later
    ema_kimg: float = 10.0
    # let the half-life of --ema-kimg be at most this share of the images seen so far, to forget the
    # beginning sooner; None: no such bound, which is the default with --init
    ema_rampup: float | None = 0.05
    # network that knows such pictures, a .keras file of python -m training.features, whose features
    # are discriminated too: variety comes many times sooner; default: pixels alone, as published
    features: str | None = None
    # show the discriminator distorted pictures, as strongly as it needs not to learn them by heart;
    # for small data sets
    ada: bool = False
    # with --ada, the mean sign of the discriminator on real pictures that is aimed at: above it,
    # distort more
    ada_target: float = 0.6
    # with --ada, thousands of images in which the share of distortions may go from 0 to 1; default
    # with --init: 100
    ada_kimg: float = 500.0
    # how close sample pictures are to the average: 1 shows all variety, 0.7 fewer failures
    sample_psi: float = TRUNCATION_PSI

    # A ramp-up would replace the average that was taken over with the weights of the first step.
    # Both as in NVlabs/stylegan2-ada-pytorch, train.py, with --resume.
    with_init: ClassVar[Mapping[str, Any]] = {"ema_rampup": None, "ada_kimg": 100.0}
    rules: ClassVar[Mapping[str, Rule]] = {
        **TrainingConfig.rules,
        "latent_dim": COUNT,
        "style_dim": COUNT,
        "mapping_layers": COUNT,
        "channel_base": COUNT,
        "channel_max": COUNT,
        "group_size": COUNT,
        "half_resolutions": NOT_NEGATIVE,
        "learning_rate": POSITIVE,
        "beta_2": BELOW_ONE,
        "r1_gamma": NOT_NEGATIVE,
        "r1_interval": COUNT,
        "pl_weight": NOT_NEGATIVE,
        "pl_interval": COUNT,
        "pl_decay": SHARE,
        "pl_batch_shrink": COUNT,
        "style_mixing": SHARE,
        "style_average_decay": BELOW_ONE,
        "ema_kimg": NOT_NEGATIVE,
        "ema_rampup": POSITIVE,
        "ada_target": SHARE,
        "ada_kimg": POSITIVE,
        "sample_psi": ANY,
    }

    @property
    def gamma(self) -> float:
        """R1 weight in force."""
        if self.r1_gamma is not None:
            return self.r1_gamma
        return 0.0002 * self.resolution**2 / self.batch_size

    def check(self) -> None:
        """Raises ConfigError for values that cannot work."""
        super().check()
        check_channels(self.channel_base, self.resolution)


def avatars() -> StyleGAN2Config:
    """Drawn faces at 32 pixels.

    Hardware: 2 CPU cores. Time: 9 minutes; --max-minutes only guards. Aims at faces of all kinds
    that a stranger recognises, not at a published number: their features are discriminated too,
    and what costs updates is left out, path lengths and style mixing. For 64 pixels: --resolution
    64 --features avatar-features-64 --channel-base 1024. For own pictures take small-data-cpu.
    """
    return StyleGAN2Config(
        preset="avatars",
        data=("avatars",),
        resolution=32,
        batch_size=16,
        total_kimg=75.0,
        max_minutes=60.0,
        latent_dim=64,
        style_dim=64,
        mapping_layers=2,
        channel_base=512,
        channel_max=64,
        features="avatar-features-32",
        learning_rate=0.004,
        r1_gamma=0.02,
        pl_weight=0.0,
        style_mixing=0.0,
        ema_kimg=2.0,
        ema_rampup=None,
        sample_kimg=6.0,
        checkpoint_kimg=15.0,
    )


def ffhq_256() -> StyleGAN2Config:
    """FFHQ or any large set of faces at 256 pixels, `paper256` of NVlabs/stylegan2-ada-pytorch.

    Hardware: 8 GPUs with 16 GB. Time: about 3 days for 25 million images. Aims at FID 3.8 to 4.5,
    as reported by the ports at this size.
    """
    return StyleGAN2Config(
        preset="ffhq-256",
        data=(),
        resolution=256,
        batch_size=64,
        total_kimg=25000.0,
        channel_base=16384,
        group_size=8,
        r1_gamma=1.0,
        style_average_decay=PUBLISHED_AVERAGE_DECAY,
        ema_kimg=20.0,
        ema_rampup=None,
        learning_rate=0.0025,
        precision="float16",
    )


def ffhq_1024() -> StyleGAN2Config:
    """FFHQ at 1024 pixels, config f of the paper.

    Hardware: 8 V100 with 16 GB. Time: 9 days 18 hours for 25 million images. Aims at FID 2.84,
    PPL 145, precision 0.689, recall 0.492 (metric pr-vgg16).
    """
    return StyleGAN2Config(
        preset="ffhq-1024",
        data=(),
        resolution=1024,
        batch_size=32,
        total_kimg=25000.0,
        r1_gamma=10.0,
        style_average_decay=PUBLISHED_AVERAGE_DECAY,
        ema_kimg=10.0,
        ema_rampup=None,
        precision="float16",
    )


def small_data() -> StyleGAN2Config:
    """Hundreds to thousands of own pictures at 256 pixels, with adaptive augmentation.

    Hardware: one GPU with 16 GB. Time: about 2 days for 5 million images. Aims at what
    arXiv:2006.06676 reports for 1,000 to 5,000 pictures of FFHQ at 256: FID 21.3 to 11.0.

    The settings are those of `auto` of NVlabs/stylegan2-ada-pytorch on one GPU, except for two: the
    mapping network has 8 layers as in `ffhq-256` (there 2), so that --init can take such a model,
    and the length is a fifth of 25 million images.
    """
    return StyleGAN2Config(
        preset="small-data",
        data=(),
        resolution=256,
        batch_size=16,
        total_kimg=5000.0,
        channel_base=16384,
        learning_rate=0.0025,
        style_average_decay=PUBLISHED_AVERAGE_DECAY,
        ema_kimg=5.0,
        ada=True,
        precision="float16",
    )


def small_data_cpu() -> StyleGAN2Config:
    """Hundreds to thousands of own pictures at 64 pixels without a GPU, with adaptive augmentation.

    Hardware: 2 CPU cores. Time: half an hour. Aims at pictures that a stranger recognises, not at
    a published number: small networks, and a faster adaptation, because the run is short. For
    faces: --features avatar-features-64.
    """
    return StyleGAN2Config(
        preset="small-data-cpu",
        data=(),
        resolution=64,
        batch_size=8,
        total_kimg=100.0,
        latent_dim=64,
        style_dim=64,
        mapping_layers=2,
        channel_base=1024,
        channel_max=64,
        learning_rate=0.004,
        style_mixing=0.5,
        ema_kimg=1.0,
        ema_rampup=None,
        r1_gamma=0.05,
        ada=True,
        ada_kimg=100.0,
        sample_kimg=5.0,
        checkpoint_kimg=10.0,
    )


def smoke() -> StyleGAN2Config:
    """Everything once, tiny: for tests.

    Hardware: any CPU. Time: seconds once the graph is built. Aims at nothing to look at.
    """
    return StyleGAN2Config(
        preset="smoke",
        data=("avatars",),
        avatars_count=64,
        resolution=16,
        batch_size=8,
        total_kimg=0.128,
        latent_dim=16,
        style_dim=16,
        mapping_layers=2,
        channel_base=128,
        channel_max=16,
        r1_interval=4,
        ema_kimg=0.1,
        sample_kimg=0.064,
        checkpoint_kimg=0.064,
        ada=True,
        ada_kimg=1.0,
    )


PRESETS = {
    "avatars": avatars,
    "ffhq-256": ffhq_256,
    "ffhq-1024": ffhq_1024,
    "small-data": small_data,
    "small-data-cpu": small_data_cpu,
    "smoke": smoke,
}
