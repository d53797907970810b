"""StyleGAN: networks that grow, and losses, as stages for the loop.

Reference:
    Karras et al. 2018, arXiv:1812.04948; growing: Karras et al. 2017, arXiv:1710.10196. Behaviour
    follows NVlabs/stylegan, training/training_loop.py and training/loss.py; options tell where
    rosinality/style-based-gan-pytorch differs.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfgan.draws import Draws
from tfgan.layers.resample import mean_down, nearest_up
from tfgan.layers.widths import resolutions_to
from tfgan.models.stylegan import StyleGANGenerator, fade_in
from tfgan.models.stylegan_discriminator import StyleGANDiscriminator
from tfgan.optimizers import Adam
from training import losses
from training.feature_judge import open_judge
from training.phases import Average, Phase, Stage, Update
from training.sample_grid import sample_grid
from training.style_mixing import mixed_styles
from training.systems.stylegan_options import PRESETS, StyleGANConfig
from training.transfer import freeze


class Growth(NamedTuple):
    """What holds at one resolution, while it is faded in or once it is.

    Attributes:
        name: Shown with the stage.
        begins: Images seen before it.
        ends: Images seen after it; the last one goes on.
        size: Resolution in use.
        fades: Whether it is faded in.
        batch_size: Over all devices.
        learning_rate: Of both optimisers.
        last: Whether it is the last one, in which training stays.
    """

    name: str
    begins: int
    ends: int
    size: int
    fades: bool
    batch_size: int
    learning_rate: float
    last: bool

    def fade(self, images_seen: int) -> float:
        """How far the resolution is faded in."""
        if not self.fades:
            return 1.0
        return min(max((images_seen - self.begins) / (self.ends - self.begins), 0.0), 1.0)


def schedule(config: StyleGANConfig) -> list[Growth]:
    """Growth by images seen: the first resolution, then a fade and a rest at each next one.

    It does not depend on `total_kimg`, so that a run may be resumed with another one.
    """
    sizes = [n for n in resolutions_to(config.resolution) if n >= config.start_resolution]
    found, begins = [], 0
    for size in sizes:
        batch, rate = config.batch_size_at(size), config.learning_rate_at(size)
        lengths = [("", False, config.stable_kimg)]
        if size > config.start_resolution:
            lengths.insert(0, (" fade", True, config.fade_kimg))
        for word, fades, kimg in lengths:
            ends = begins + round(kimg * 1000)
            last = size == config.resolution and not fades
            if ends > begins or last:
                name = f"{size}{word}"
                found.append(Growth(name, begins, ends, size, fades, batch, rate, last))
            begins = ends
    return found


class _InUse:
    """A generator at the resolution in use, as `tfgan.inference` draws from it.

    Args:
        generator: One that grows.
        growth: What is in use.
        alpha: The variable that says how far it is faded in.
    """

    def __init__(self, generator: StyleGANGenerator, growth: Growth, alpha: tf.Variable):
        self.generator = generator
        self.resolution = growth.size
        self.mapping = generator.mapping
        self.latent_dim = generator.latent_dim
        self.fade = alpha if growth.fades else 1.0

    def truncate(self, styles, psi, cutoff):
        return self.generator.truncate(styles, psi, cutoff)

    def make_noise(self, noise, batch_size: int):
        return self.generator.make_noise(noise, batch_size)

    def synthesis(self, styles, noise):
        return self.generator.synthesis(styles, noise, size=self.resolution, fade=self.fade)


def logistic_d_loss(config: StyleGANConfig, score, reals, fakes, share):
    """Logistic loss and R1 on real images.

    Args:
        config: With the weights.
        score: Images -> logits [b, 1].
        reals: [b, H, W, 3].
        fakes: [b, H, W, 3].
        share: Not used.

    Returns:
        Per-example loss [b], and statistics.
    """
    del share
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(reals)
        real_logits = score(reals)
        total = tf.reduce_sum(real_logits)
    penalty = losses.squared_gradient_norm(tape.gradient(total, reals))
    fake_logits = score(fakes)
    loss = losses.logistic_discriminator_loss(real_logits, fake_logits)
    return loss + 0.5 * config.r1_gamma * penalty, {
        "loss/d": loss,
        "penalty/r1": penalty,
        "score/real": real_logits,
        "score/real_sign": tf.sign(real_logits),
    }


def wgan_gp_d_loss(config: StyleGANConfig, score, reals, fakes, share):
    """Wasserstein loss, gradient penalty between reals and fakes, and drift.

    Args:
        config: With the weights.
        score: Images -> logits [b, 1].
        reals: [b, H, W, 3].
        fakes: [b, H, W, 3].
        share: Of the reals in images between, [b, 1, 1, 1].

    Returns:
        Per-example loss [b], and statistics.
    """
    real, fake = score(reals), score(fakes)
    between = share * reals + (1.0 - share) * fakes
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(between)
        total = tf.reduce_sum(score(between))
    penalty = losses.gradient_penalty(tape.gradient(total, between))
    drift = losses.drift_penalty(real)
    loss = losses.mean_score(fake) - losses.mean_score(real)
    return loss + config.drift_weight * drift + config.gp_weight * penalty, {
        "loss/d": loss,
        "penalty/gradient": penalty,
        "penalty/drift": drift,
        "score/real": real,
    }


class StyleGANSystem:
    """Networks, losses and schedule of StyleGAN.

    Args:
        config: All options.
        class_names: Of the data set where the run is conditional, else empty.
    """

    def __init__(self, config: StyleGANConfig, class_names: Sequence[str] = ()):
        self.config = config
        self.class_names = tuple(class_names)
        self.schedule = schedule(config)
        self.generator = self._make_generator(config.resolution, name="generator")
        self.average = self._make_generator(config.resolution, name="average")
        self.discriminator = StyleGANDiscriminator(
            config.resolution,
            len(class_names),
            config.channel_base,
            config.channel_max,
            config.group_size,
            config.precision,
            config.form,
            name="discriminator",
        )
        self.discriminator.build()
        freeze(self.discriminator, config.freeze_d)
        self.average.set_weights(self.generator.get_weights())
        self.networks = {
            "generator": self.generator,
            "average": self.average,
            "discriminator": self.discriminator,
        }
        self.judge = open_judge(config.features)
        self.networks |= self.judge.networks
        self.optimizers = {}
        trained = {
            "g": self.generator.trainable_variables,
            "d": self.discriminator.trainable_variables + self.judge.trainable_variables,
        }
        for name, variables in trained.items():
            optimizer = Adam(
                self.schedule[0].learning_rate,
                beta_1=0.0,
                beta_2=config.beta_2,
                epsilon=1e-8,
                counts_each=True,  # variables join as the networks grow
            )
            optimizer.build(variables)
            self.optimizers[f"{name}_optimizer"] = optimizer
        self.alpha = tf.Variable(self.schedule[0].fade(0), trainable=False)
        self.stage = tf.Variable(0, trainable=False, dtype=tf.int64)
        self.state = {"alpha": self.alpha, "stage": self.stage}
        self.averages = [Average(self.average, self.generator, self._ema_decay)]
        self._shown: dict[int, _InUse] = {}
        self._used = self._schedule_in_use()

    def _make_generator(self, resolution: int, fade: float = 1.0, **kwargs) -> StyleGANGenerator:
        config = self.config
        made = StyleGANGenerator(
            resolution,
            config.latent_dim,
            config.style_dim,
            self.class_names,
            config.mapping_layers,
            config.channel_base,
            config.channel_max,
            config.precision,
            config.form,
            fade,
            config.mapping_lr_multiplier,
            config.style_average_decay,
            **kwargs,
        )
        made.build()
        return made

    def _ema_decay(self, images_seen: int, batch_size: int) -> float:
        return 0.5 ** (batch_size / max(self.config.ema_kimg * 1000, 1e-8))

    @property
    def growth(self) -> Growth:
        """What is in use."""
        return self.schedule[int(self.stage.numpy())]

    def stages(self) -> Sequence[Stage]:
        """A stage for each fade, and for each rest at a resolution."""
        total = round(self.config.total_kimg * 1000)
        return [
            Stage(
                growth.name,
                total if growth.last else min(growth.ends, total),
                growth.batch_size,
                growth.size,
                self._phases(growth),
                f"learning rate {growth.learning_rate:g}",
                f"--batch-size {{0}}, --batch-sizes {growth.size}:{{0}}, or other --devices",
            )
            for growth in self.schedule
            if growth.begins < total
        ]

    def _phases(self, growth: Growth) -> list[Phase]:
        """Discriminator, then generator; each changes what is in use."""
        d_loss = {"logistic": logistic_d_loss, "wgan-gp": wgan_gp_d_loss}
        g_loss = {
            "logistic": losses.nonsaturating_generator_loss,
            "wgan-gp": lambda logits: -losses.mean_score(logits),
        }
        fade = self.alpha if growth.fades else 1.0
        d = partial(
            self.d,
            size=growth.size,
            fade=fade,
            loss_of=partial(d_loss[self.config.loss], self.config),
        )
        g = partial(self.g, size=growth.size, fade=fade, loss_of=g_loss[self.config.loss])
        g_variables, d_variables = (
            network.in_use(growth.size, growth.fades)
            for network in (self.generator, self.discriminator)
        )
        d_variables = [*d_variables, *self.judge.trainable_variables]
        return [
            Phase("d", d, [Update(self.optimizers["d_optimizer"], d_variables)]),
            Phase("g", g, [Update(self.optimizers["g_optimizer"], g_variables)]),
        ]

    def images(self, draws: Draws, labels, size: int, fade):
        """Generated images with mixed styles and random noise, [b, size, size, 3]."""
        config, synthesis = self.config, self.generator.synthesis
        noise_sizes = [n for n in synthesis.noise_sizes if n <= size]
        styles = mixed_styles(
            self.generator,
            draws,
            labels,
            config.style_mixing,
            len(noise_sizes),
            {"layer": 1, "resolution": 2}[config.style_mixing_by],
        )
        noise = [draws.normal([n, n, 1]) for n in noise_sizes]
        return synthesis(styles, noise, size=size, fade=fade)

    def scores(self, images, labels, fade):
        """Logits [b, 1] of images at the resolution in use."""
        labels = labels if self.discriminator.num_classes else None
        return self.discriminator(images, labels, fade=fade)

    def g(self, batch, draws: Draws, size: int, fade, loss_of):
        """Loss of the generator."""
        labels = batch["label"]
        images = self.images(draws, labels, size, fade)
        logits = self.scores(images, labels, fade)
        loss = loss_of(logits)
        stats = {"loss/g": loss, "score/fake": logits}
        return self.judge.with_generator_loss(loss, stats, images)

    def d(self, batch, draws: Draws, size: int, fade, loss_of):
        """Loss of the discriminator, with its penalty in every step."""
        labels, reals = batch["label"], batch["image"]
        if self.config.fade_reals:
            reals = fade_images(reals, fade)
        fakes = tf.stop_gradient(self.images(draws, labels, size, fade))
        loss, stats = loss_of(
            partial(self.scores, labels=labels, fade=fade), reals, fakes, draws.uniform([1, 1, 1])
        )
        return self.judge.with_discriminator_loss(loss, stats, reals, fakes)

    def after_step(self, step: int, images_seen: int, batch_size: int) -> None:
        """Fades in by images seen; where a stage begins, sets its learning rate."""
        self._used = self._schedule_in_use()
        ended = self._ended(images_seen)
        if ended != int(self.stage.numpy()):
            self.stage.assign(ended)
            for name, rate in self.learning_rates(images_seen).items():
                self.optimizers[name].learning_rate.assign(rate)
                if self.config.reset_optimizers:
                    self.optimizers[name].reset()
        self.alpha.assign(self.schedule[ended].fade(images_seen))

    def _ended(self, images_seen: int) -> int:
        """Number of stages that are over."""
        return sum(growth.ends <= images_seen for growth in self.schedule[:-1])

    def learning_rates(self, images_seen: int) -> dict[str, float]:
        """Of each optimizer, at a position."""
        rate = self.schedule[self._ended(images_seen)].learning_rate
        return dict.fromkeys(self.optimizers, rate)

    def _schedule_in_use(self) -> dict[str, float]:
        growth = self.growth
        return {
            "schedule/resolution": growth.size,
            "schedule/alpha": float(self.alpha.numpy()),
            "schedule/batch_size": growth.batch_size,
            "schedule/learning_rate": growth.learning_rate,
        }

    def scalars(self) -> dict[str, float]:
        """The schedule that the last step followed."""
        return self._used

    def sample(self, images: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
        """A grid of the averaged generator on fixed latents; with classes, one class a row."""
        del images, labels  # It draws from latents alone.
        stage = int(self.stage.numpy())
        if stage not in self._shown:
            self._shown = {stage: _InUse(self.average, self.growth, self.alpha)}
        return {"average": sample_grid(self._shown[stage], self.config, len(self.class_names))}

    def inference_model(self) -> StyleGANGenerator:
        """The averaged generator as far as it has grown; in a fade, with how far that has gone."""
        growth = self.growth
        model = self._make_generator(growth.size, float(self.alpha.numpy()))
        grown = {v.path.split("/", 1)[1]: v for v in self.average.variables}
        for variable in model.variables:
            variable.assign(grown[variable.path.split("/", 1)[1]].numpy())
        return model


def fade_images(images, fade):
    """Images [B, H, W, 3] between themselves, at fade 1, and their means of 2x2 pixels, at 0.

    Reference:
        NVlabs/stylegan, training/training_loop.py, process_reals.
    """
    if isinstance(fade, float) and fade == 1.0:
        return images
    return fade_in(images, nearest_up(mean_down(images)), fade)


def create(config: StyleGANConfig, class_names: Sequence[str] = ()) -> StyleGANSystem:
    """Makes the system; call it under the strategy's scope."""
    return StyleGANSystem(config, class_names)


__all__ = ["PRESETS", "StyleGANConfig", "StyleGANSystem", "create"]
