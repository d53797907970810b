"""StarGAN: networks and losses, as phases for the loop.

Reference:
    Choi et al. 2018, arXiv:1711.09020. Behaviour follows yunjey/stargan, solver.py, but for the
    learning rate, which falls as the paper says.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfgan import figures, inference
from tfgan.draws import Draws
from tfgan.label_sets import LabelSet, change_words, label_count, one_label_changed, set_indices
from tfgan.models.stargan import StarGAN, StarGANDiscriminator
from tfgan.optimizers import Adam
from training import losses
from training.phases import Average, Phase, Stage, Update
from training.systems.stargan_options import PRESETS, StarGANConfig
from training.transfer import freeze


class StarGANSystem:
    """Networks, losses and schedule of StarGAN.

    Args:
        config: All options.
        label_sets: The labels of each data set, in the order in which the sets take turns.
    """

    def __init__(self, config: StarGANConfig, label_sets: Sequence[LabelSet]):
        self.config = config
        self.label_sets = tuple(label_sets)
        self.model = self._make_model("model")
        self.discriminator = StarGANDiscriminator(
            config.resolution,
            label_count(self.label_sets),
            config.discriminator_conv_dim,
            config.discriminator_levels,
            config.precision,
            name="discriminator",
        )
        self.discriminator.build()
        freeze(self.discriminator, config.freeze_d)
        self.networks = {"model": self.model, "discriminator": self.discriminator}
        self.averages: list[Average] = []
        self.shown = self.model
        if config.ema_decay:
            self.shown = self.networks["average"] = self._make_model("average")
            self.shown.set_weights(self.model.get_weights())
            self.averages.append(Average(self.shown, self.model, lambda *_: config.ema_decay))
        self.optimizers = {}
        self._updates = {}
        for name, network in (
            ("generator", self.model.generator),
            ("discriminator", self.discriminator),
        ):
            optimizer = Adam(
                config.learning_rate, beta_1=config.beta_1, beta_2=config.beta_2, epsilon=1e-8
            )
            optimizer.build(network.trainable_variables)
            self.optimizers[f"{name}_optimizer"] = optimizer
            self._updates[name] = Update(optimizer, network.trainable_variables)
        self.state: dict[str, tf.Variable] = {}

    def _make_model(self, name: str) -> StarGAN:
        config = self.config
        model = StarGAN(
            config.resolution,
            self.label_sets,
            config.conv_dim,
            config.num_blocks,
            config.precision,
            name=name,
        )
        model.build()
        return model

    def stages(self) -> Sequence[Stage]:
        """One stage; after `n_critic` turns of all sets, each set also updates the generator."""
        config, turns = self.config, len(self.label_sets)
        half = config.precision == "float16"
        phases = [
            Phase(
                "d",
                self.d,
                [self._updates["discriminator"]],
                bounded_gradients=half,
                optional_statistics=self._accuracy_names("real"),
            ),
            Phase(
                "g",
                self.g,
                [self._updates["generator"]],
                interval=config.n_critic * turns,
                offset=(config.n_critic - 1) * turns,
                bounded_gradients=half,
                steps=turns,
                optional_statistics=self._accuracy_names("fake"),
            ),
        ]
        images = round(config.total_kimg * 1000)
        return [Stage("train", images, config.batch_size, config.resolution, phases)]

    def d(self, batch, draws: Draws):
        """Discriminator: scores, gradient penalty, and the labels of real pictures."""
        config, images = self.config, batch["image"]
        fakes = tf.stop_gradient(self.model.translate(images, batch["target"]))
        # Nothing in the network mixes examples, so one batch may hold both.
        scores, logits = self.discriminator(tf.concat([images, fakes], axis=0))
        (real, fake), logits = tf.split(scores, 2), tf.split(logits, 2)[0]
        score = losses.mean_score(fake) - losses.mean_score(real)
        label = losses.known_label_loss(logits, batch["label"], self.label_sets)
        share = draws.uniform([1, 1, 1])
        between = share * images + (1.0 - share) * fakes
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(between)
            # Summed over the patches, as published.
            total = tf.reduce_sum(self.discriminator(between)[0])
        penalty = losses.gradient_penalty(tape.gradient(total, between))
        loss = score + config.label_weight * label + config.penalty_weight * penalty
        return loss, {
            "loss/d": score,
            "label/real": label,
            "penalty/gradient": penalty,
            "score/real": real,
            "score/fake": fake,
            **self._accuracies("real", logits, batch["label"]),
        }

    def g(self, batch, draws: Draws):
        """Generator: scores, the labels of translations, and the way back."""
        config, images, target = self.config, batch["image"], batch["target"]
        fakes = self.model.translate(images, target)
        scores, logits = self.discriminator(fakes)
        score = -losses.mean_score(scores)
        label = losses.known_label_loss(logits, target, self.label_sets)
        loss = score + config.label_weight * label
        terms = {
            "loss/g": score,
            "label/fake": label,
            **self._accuracies("fake", logits, target),
        }
        # What shall become the sources again: translations, and where it is asked for, they.
        weights = {"reconstruction": config.reconstruction_weight}
        if config.identity_weight:
            weights["identity"] = config.identity_weight
        begun = tf.concat([fakes, images][: len(weights)], axis=0)
        back = self.model.translate(begun, tf.concat([batch["label"]] * len(weights), axis=0))
        for part, (name, weight) in zip(tf.split(back, len(weights)), weights.items(), strict=True):
            terms[name] = losses.mean_absolute(part, images)
            loss += weight * terms[name]
        return loss, terms

    def _accuracies(self, of: str, logits, labels) -> dict[str, Any]:
        accuracies = losses.label_accuracies(logits, labels, self.label_sets)
        return dict(zip(self._accuracy_names(of), tf.unstack(accuracies, axis=1), strict=True))

    def _accuracy_names(self, of: str) -> list[str]:
        """A curve for each set, of the steps that show it."""
        if len(self.label_sets) == 1:
            return [f"accuracy/{of}"]
        return [f"accuracy/{of}/{label_set.name}" for label_set in self.label_sets]

    def after_step(self, step: int, images_seen: int, batch_size: int) -> None:
        """Lets the learning rates fall to 0, linearly with the images seen."""
        for name, rate in self.learning_rates(images_seen).items():
            self.optimizers[name].learning_rate.assign(rate)

    def learning_rates(self, images_seen: int) -> dict[str, float]:
        """Of each optimizer, at a position: they fall over the second half of the decay."""
        left = 1.0 - images_seen / self.config.decay_images
        rate = self.config.learning_rate * min(1.0, 2.0 * max(0.0, left))
        return dict.fromkeys(self.optimizers, rate)

    def scalars(self) -> dict[str, float]:
        """State that is worth a curve."""
        rate = self.optimizers["generator_optimizer"].learning_rate  # the discriminator's as well
        return {"learning_rate": float(rate.numpy())}

    def sample(self, images: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
        """Fixed pictures of all sets, and beside each its translations to one label after another.

        Args:
            images: uint8 [N, R, R, 3].
            labels: Their label vectors, float32 [N, C].
        """
        rows = self._sample_rows(set_indices(self.label_sets, labels))
        targets = one_label_changed(self.label_sets, labels[rows])
        translations = inference.translate(
            self.shown,
            np.repeat(images[rows], len(targets), axis=0),
            np.stack([vectors for _, vectors in targets], axis=1).reshape(-1, labels.shape[1]),
        )
        table = translations.reshape(len(rows), len(targets), *images.shape[1:])
        scale = -(-96 // images.shape[1])
        cells = [
            [*figures.enlarge(np.concatenate([[source], row]), scale)]
            for source, row in zip(images[rows], table, strict=True)
        ]
        changes = [change_words(one, name) for one in self.label_sets for name in one.names]
        heads = figures.headings(["", *changes])
        return {"translations": figures.figure(cells, heads, breaks=([], [1]))}

    def _sample_rows(self, indices: np.ndarray) -> np.ndarray:
        """Places of the first pictures of each set, in equal numbers."""
        found = np.unique(indices)
        each = max(1, self.config.sample_rows // len(found))
        return np.concatenate([np.flatnonzero(indices == one)[:each] for one in found])

    def inference_model(self) -> StarGAN:
        """The averaged generator, or where nothing is averaged the trained one."""
        return self.shown


def create(config: StarGANConfig, label_sets: Sequence[LabelSet]) -> StarGANSystem:
    """Makes the system; call it under the strategy's scope."""
    return StarGANSystem(config, label_sets)


__all__ = ["PRESETS", "StarGANConfig", "StarGANSystem", "create"]
