"""StyleGAN2: configuration, presets, networks and losses, as phases for the loop.

Reference:
    Karras et al. 2020, arXiv:1912.04958; adaptive augmentation: arXiv:2006.06676. Behaviour follows
    NVlabs/stylegan2-ada-pytorch, training/loss.py and training/training_loop.py.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import tensorflow as tf

from tfgan.models.stylegan2 import StyleGAN2Generator
from tfgan.models.stylegan2_discriminator import StyleGAN2Discriminator
from training import losses
from training.augment import augment, update_p
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
from training.optimizers import Adam, initial_rates
from training.phases import Average, Draws, Phase, Stage, Update
from training.sample_grid import sample_grid
from training.style_mixing import mixed_styles
from training.transfer import freeze

ADA_INTERVAL = 4  # steps between updates of the augmentation probability
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
    sample_psi: float = 0.7

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

    Hardware: 2 CPU cores. Time: 7.4 minutes for 45,000 images; --max-minutes only guards. Aims at
    faces that a stranger recognises, not at a published number: small batches, a high learning rate
    and a light R1 make the most of 5,600 steps. For 64 pixels: --resolution 64 --r1-gamma 0.05
    --learning-rate 0.004 --total-kimg 200 --max-minutes 240. For own pictures take
    small-data-cpu.
    """
    return StyleGAN2Config(
        preset="avatars",
        data=("avatars",),
        resolution=32,
        batch_size=8,
        total_kimg=45.0,
        max_minutes=30.0,
        latent_dim=64,
        style_dim=64,
        mapping_layers=2,
        channel_base=1024,
        channel_max=64,
        learning_rate=0.006,
        r1_gamma=0.01,
        style_mixing=0.5,
        ema_kimg=1.0,
        ema_rampup=None,
        sample_kimg=3.0,
        checkpoint_kimg=9.0,
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
    a published number: the networks of avatars, and a faster adaptation, because the run is short.
    """
    return dataclasses.replace(
        avatars(),
        preset="small-data-cpu",
        data=(),
        resolution=64,
        total_kimg=100.0,
        max_minutes=None,
        learning_rate=0.004,
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


def adam(config: StyleGAN2Config, interval: int | None) -> Adam:
    """Adam with the correction for lazy regularisation every `interval` steps.

    lr * c and beta^c with c = interval / (interval + 1), because interval + 1 updates happen where
    interval would. None: no correction.

    Reference:
        Karras et al. 2020, arXiv:1912.04958, appendix B.
    """
    c = 1.0 if interval is None else interval / (interval + 1)
    return Adam(config.learning_rate * c, beta_1=0.0, beta_2=config.beta_2**c, epsilon=1e-8)


class StyleGAN2System:
    """Networks, losses and schedule of StyleGAN2.

    Args:
        config: All options.
        class_names: Of the data set where the run is conditional, else empty.
    """

    def __init__(self, config: StyleGAN2Config, class_names: Sequence[str] = ()):
        self.config = config
        self.generator = self._make_generator(class_names, "generator")
        self.average = self._make_generator(class_names, "average")
        self.discriminator = StyleGAN2Discriminator(
            config.resolution,
            len(class_names),
            config.channel_base,
            config.channel_max,
            config.d_architecture,
            config.group_size,
            precision=config.precision,
            half_resolutions=config.half_resolutions,
            name="discriminator",
        )
        for network in (self.generator, self.average, self.discriminator):
            network.build()
        freeze(self.discriminator, config.freeze_d)
        self.average.set_weights(self.generator.get_weights())
        self.networks = {
            "generator": self.generator,
            "average": self.average,
            "discriminator": self.discriminator,
        }
        self.g_optimizer = adam(config, config.pl_interval if config.pl_weight else None)
        self.d_optimizer = adam(config, config.r1_interval)
        self.g_optimizer.build(self.generator.trainable_variables)
        self.d_optimizer.build(self.discriminator.trainable_variables)
        self.optimizers = {"g_optimizer": self.g_optimizer, "d_optimizer": self.d_optimizer}
        self._rates = initial_rates(self.optimizers)
        mean = tf.VariableAggregation.MEAN
        self.path_length_mean = tf.Variable(0.0, trainable=False, aggregation=mean)
        self.ada_p = tf.Variable(0.0, trainable=False)
        # Sum of the mean signs of D on real pictures, and how many there are, since p was moved.
        self.real_signs = tf.Variable([0.0, 0.0], trainable=False, aggregation=mean)
        self.state = {
            "path_length_mean": self.path_length_mean,
            "ada_p": self.ada_p,
            "real_signs": self.real_signs,
        }
        self.averages = [Average(self.average, self.generator, self._ema_decay)]

    def _make_generator(self, class_names: Sequence[str], name: str) -> StyleGAN2Generator:
        config = self.config
        return StyleGAN2Generator(
            config.resolution,
            config.latent_dim,
            config.style_dim,
            class_names,
            config.mapping_layers,
            config.channel_base,
            config.channel_max,
            config.g_architecture,
            config.precision,
            config.half_resolutions,
            style_average_decay=config.style_average_decay,
            name=name,
        )

    def _ema_decay(self, images_seen: int, batch_size: int) -> float:
        half_life = self.config.ema_kimg * 1000
        if self.config.ema_rampup is not None:
            half_life = min(half_life, images_seen * self.config.ema_rampup)
        return 0.5 ** (batch_size / max(half_life, 1e-8))

    def stages(self) -> Sequence[Stage]:
        """One stage: StyleGAN2 does not grow."""
        config = self.config
        half = config.precision == "float16"
        g_update = [Update(self.g_optimizer, self.generator.trainable_variables)]
        d_update = [Update(self.d_optimizer, self.discriminator.trainable_variables)]
        phases = [
            Phase("g_main", self.g_main, g_update, bounded_gradients=half),
            Phase("g_path_length", self.g_path_length, g_update, config.pl_interval, 0, half),
            Phase("d_main", self.d_main, d_update, bounded_gradients=half),
            Phase("d_r1", self.d_r1, d_update, config.r1_interval, 0, half),
        ]
        phases = [p for p in phases if p.name != "g_path_length" or config.pl_weight]
        images = round(config.total_kimg * 1000)
        return [Stage("train", images, config.batch_size, config.resolution, phases)]

    def styles(self, draws: Draws, labels):
        """Styles [b, L, W] of new latents, with style mixing."""
        generator = self.generator
        return mixed_styles(
            generator, draws, labels, self.config.style_mixing, generator.num_styles
        )

    def images(self, draws: Draws, styles):
        """Generated images with random noise, [b, R, R, 3]."""
        noise = [draws.normal([n, n, 1]) for n in self.generator.synthesis.noise_sizes]
        return self.generator.synthesis(styles, noise)

    def scores(self, draws: Draws, images, labels):
        """Discriminator logits [b, 1] of augmented images."""
        if self.config.ada:
            images = augment(images, tf.convert_to_tensor(self.ada_p), draws)
        return self.discriminator(images, labels if self.discriminator.num_classes else None)

    def g_main(self, batch, draws: Draws):
        """Non-saturating loss of the generator."""
        labels = batch["label"]
        images = self.images(draws, self.styles(draws, labels))
        logits = self.scores(draws, images, labels)
        loss = losses.nonsaturating_generator_loss(logits)
        return loss, {"loss/g": loss, "score/fake": logits}

    def g_path_length(self, batch, draws: Draws):
        """Path length regularisation, on a smaller batch."""
        rows = max(draws.rows // self.config.pl_batch_shrink, 1)
        draws = draws.fewer(rows)
        styles = self.styles(draws, batch["label"][:rows])
        size = self.config.resolution
        lengths = self.style_path_lengths(
            styles, lambda s: self.images(draws, s), draws.normal([size, size, 3])
        )
        penalty = self.path_length_penalty(lengths)
        weight = self.config.pl_weight * self.config.pl_interval
        return penalty * weight, {"penalty/path_length": penalty, "path_length": lengths}

    @staticmethod
    def style_path_lengths(styles, synthesize, image_noise):
        """Lengths [b] of the pull of noise [b, R, R, 3] in image space on `styles` [b, L, W]."""
        size = image_noise.shape[1]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(styles)
            pull = tf.reduce_sum(synthesize(styles) * image_noise) / size
        return losses.path_lengths(tape.gradient(pull, styles))

    def path_length_penalty(self, lengths):
        """(length - running mean)^2 [b]; moves the running mean, over all replicas, first.

        The gradient passes through the new mean too, as published.
        """
        batch_mean = tf.reduce_mean(lengths)
        replicas = tf.distribute.get_replica_context()
        if replicas is not None and replicas.num_replicas_in_sync > 1:
            batch_mean = replicas.all_reduce(tf.distribute.ReduceOp.MEAN, batch_mean)
        before = tf.convert_to_tensor(self.path_length_mean)
        mean = before + (batch_mean - before) * self.config.pl_decay
        self.path_length_mean.assign(mean)
        return tf.square(lengths - mean)

    def d_main(self, batch, draws: Draws):
        """Logistic loss of the discriminator."""
        labels = batch["label"]
        fakes = tf.stop_gradient(self.images(draws, self.styles(draws, labels)))
        fake_logits = self.scores(draws, fakes, labels)
        real_logits = self.scores(draws, batch["image"], labels)
        loss = losses.logistic_discriminator_loss(real_logits, fake_logits)
        sign = tf.sign(real_logits)
        if self.config.ada:
            self.real_signs.assign_add(tf.stack([tf.reduce_mean(sign), 1.0]))
        return loss, {"loss/d": loss, "score/real": real_logits, "score/real_sign": sign}

    def d_r1(self, batch, draws: Draws):
        """R1 penalty on real pictures, through the augmentation."""
        images = batch["image"]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            total = tf.reduce_sum(self.scores(draws, images, batch["label"]))
        penalty = losses.squared_gradient_norm(tape.gradient(total, images))
        weight = 0.5 * self.config.gamma * self.config.r1_interval
        return penalty * weight, {"penalty/r1": penalty}

    def after_step(self, step: int, images_seen: int, batch_size: int) -> None:
        """Adapts the augmentation probability every few steps."""
        if self.config.ada and step % ADA_INTERVAL == 0:
            p = update_p(
                self.ada_p,
                self.real_signs[0] / self.real_signs[1],
                ADA_INTERVAL * batch_size,
                self.config.ada_target,
                self.config.ada_kimg,
            )
            self.ada_p.assign(p)
            self.real_signs.assign([0.0, 0.0])

    def learning_rates(self, images_seen: int) -> dict[str, float]:
        """Of each optimizer; they stay."""
        return self._rates

    def scalars(self) -> dict[str, float]:
        """State that is worth a curve."""
        values = {
            "path_length_mean": float(self.path_length_mean.numpy()),
            "learning_rate/g": float(self.g_optimizer.learning_rate.numpy()),
            "learning_rate/d": float(self.d_optimizer.learning_rate.numpy()),
        }
        if self.config.ada:
            values["augment_p"] = float(self.ada_p.numpy())
        return values

    def sample(self, images: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
        """A grid of the averaged generator on fixed latents; with classes, one class a row."""
        del images, labels  # It draws from latents alone.
        classes = len(self.average.class_names)
        return {"average": sample_grid(self.average, self.config, classes)}

    def inference_model(self) -> StyleGAN2Generator:
        """The averaged generator."""
        return self.average


def create(config: StyleGAN2Config, class_names: Sequence[str] = ()) -> StyleGAN2System:
    """Makes the system; call it under the strategy's scope."""
    return StyleGAN2System(config, class_names)


__all__ = ["PRESETS", "StyleGAN2Config", "StyleGAN2System", "create"]
