"""StyleGAN2: networks and losses, as phases for the loop.

Reference:
    Karras et al. 2020, arXiv:1912.04958; adaptive augmentation: arXiv:2006.06676. Behaviour follows
    NVlabs/stylegan2-ada-pytorch, training/loss.py and training/training_loop.py.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfgan.draws import Draws
from tfgan.models.stylegan2 import StyleGAN2Generator
from tfgan.models.stylegan2_discriminator import StyleGAN2Discriminator
from tfgan.optimizers import Adam, initial_rates
from training import losses
from training.augment import augment, update_p
from training.feature_judge import open_judge
from training.phases import Average, Phase, Stage, Update
from training.sample_grid import sample_grid
from training.style_mixing import mixed_styles
from training.systems.stylegan2_options import PRESETS, StyleGAN2Config
from training.transfer import freeze

ADA_INTERVAL = 4  # steps between updates of the augmentation probability


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
        self.judge = open_judge(config.features)
        self.networks |= self.judge.networks
        self.d_variables = self.discriminator.trainable_variables + self.judge.trainable_variables
        self.g_optimizer = adam(config, config.pl_interval if config.pl_weight else None)
        self.d_optimizer = adam(config, config.r1_interval)
        self.g_optimizer.build(self.generator.trainable_variables)
        self.d_optimizer.build(self.d_variables)
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
        r1_update = [Update(self.d_optimizer, self.discriminator.trainable_variables)]
        d_update = [Update(self.d_optimizer, self.d_variables)]
        phases = [
            Phase("g_main", self.g_main, g_update, bounded_gradients=half),
            Phase("g_path_length", self.g_path_length, g_update, config.pl_interval, 0, half),
            Phase("d_main", self.d_main, d_update, bounded_gradients=half),
            Phase("d_r1", self.d_r1, r1_update, config.r1_interval, 0, half),
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

    def augmented(self, draws: Draws, images):
        """Images as discriminators see them."""
        if self.config.ada:
            images = augment(images, tf.convert_to_tensor(self.ada_p), draws)
        return images

    def scores(self, images, labels):
        """Discriminator logits [b, 1]."""
        return self.discriminator(images, labels if self.discriminator.num_classes else None)

    def g_main(self, batch, draws: Draws):
        """Non-saturating loss of the generator."""
        labels = batch["label"]
        images = self.images(draws, self.styles(draws, labels))
        images = self.augmented(draws, images)
        logits = self.scores(images, labels)
        loss = losses.nonsaturating_generator_loss(logits)
        stats = {"loss/g": loss, "score/fake": logits}
        return self.judge.with_generator_loss(loss, stats, images)

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
        fakes = self.augmented(draws, fakes)
        reals = self.augmented(draws, batch["image"])
        real_logits = self.scores(reals, labels)
        loss = losses.logistic_discriminator_loss(real_logits, self.scores(fakes, labels))
        sign = tf.sign(real_logits)
        if self.config.ada:
            self.real_signs.assign_add(tf.stack([tf.reduce_mean(sign), 1.0]))
        stats = {"loss/d": loss, "score/real": real_logits, "score/real_sign": sign}
        return self.judge.with_discriminator_loss(loss, stats, reals, fakes)

    def d_r1(self, batch, draws: Draws):
        """R1 penalty on real pictures, through the augmentation."""
        images = batch["image"]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            logits = self.scores(self.augmented(draws, images), batch["label"])
            total = tf.reduce_sum(logits)
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
