"""StarGAN: configuration, presets, networks and losses, as phases for the loop.

Reference:
    Choi et al. 2018, arXiv:1711.09020. Behaviour follows yunjey/stargan, solver.py, but for the
    learning rate, which falls as the paper says.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import tensorflow as tf
import tyro

from tfgan import figures
from tfgan.data.joint import JointPipeline
from tfgan.data.labelled import open_labelled
from tfgan.data.sources import Source, make_fingerprint
from tfgan.label_sets import LabelSet, change_words, label_count, one_label_changed, set_indices
from tfgan.models.stargan import StarGAN, StarGANDiscriminator
from training import losses
from training.config import (
    BELOW_ONE,
    COUNT,
    NOT_NEGATIVE,
    POSITIVE,
    ConfigError,
    Data,
    Rule,
    TrainingConfig,
)
from training.optimizers import Adam
from training.phases import Average, Draws, Phase, Stage, Update
from training.transfer import freeze


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

    def open_data(self) -> Data:
        """Batches of all data sets in turn, with their label sets."""
        sources, label_sets = self.open_labelled()
        feed = JointPipeline(sources, label_sets, self.pipeline_options())
        about = "; ".join(
            f"{len(label_set.names)} {label_set.kind}: {', '.join(label_set.names[:8])}"
            for label_set in label_sets
        )
        return Data(
            feed,
            label_sets,
            " and ".join(source.name for source in sources),
            sum(len(source) for source in sources),
            f"with {about}",
            make_fingerprint(*[source.fingerprint() for source in sources]),
        )

    def open_labelled(self, split: str | None = None) -> tuple[list[Source], list[LabelSet]]:
        """Opens the data sets; `split` stands in for the one that is trained on.

        Raises:
            DataError: If there is nothing to read there, and why.
        """
        return open_labelled(
            self.data,
            resolution=self.resolution,
            attributes=self.attributes or None,
            exclusive=self.exclusive,
            attribute_table=self.attribute_table,
            split=split or self.split,
            image_key=self.image_key,
            data_dir=self.data_dir,
            avatars_count=self.avatars_count,
        )

    def check(self) -> None:
        """Raises ConfigError for values that cannot work."""
        super().check()
        if not self.conditional:
            raise ConfigError("StarGAN translates between labels: leave --no-conditional out.")
        if self.label_key is not None:
            raise ConfigError(
                "--label-key is part of --data with StarGAN, such as --data tfds:NAME:KEY. "
                f"Received: --label-key {self.label_key}."
            )
        if not 32 <= self.resolution <= 512:
            raise ConfigError(
                f"--resolution must be from 32 to 512 for StarGAN. Received: {self.resolution}."
            )
        most = int(math.log2(self.resolution))
        if self.discriminator_levels is not None and self.discriminator_levels > most:
            raise ConfigError(
                f"--discriminator-levels must be at most {most} at {self.resolution} pixels. "
                f"Received: {self.discriminator_levels}."
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
            f"networks learn nothing more there. --decay-kimg {self.total_kimg:g} lets it fall to "
            "0 at the end (a resumed run needs --override for that)."
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
            Phase("d", self.d, [self._updates["discriminator"]], bounded_gradients=half),
            Phase(
                "g",
                self.g,
                [self._updates["generator"]],
                interval=config.n_critic * turns,
                offset=(config.n_critic - 1) * turns,
                bounded_gradients=half,
                steps=turns,
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
        """A curve for each set, of the steps that show it."""
        found = losses.label_accuracies(logits, labels, self.label_sets)
        if len(self.label_sets) == 1:
            return {f"accuracy/{of}": found[:, 0]}
        return {
            f"accuracy/{of}/{label_set.name}": found[:, index]
            for index, label_set in enumerate(self.label_sets)
        }

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
        made = figures.translate(
            self.shown,
            np.repeat(images[rows], len(targets), axis=0),
            np.stack([vectors for _, vectors in targets], axis=1).reshape(-1, labels.shape[1]),
        )
        table = made.reshape(len(rows), len(targets), *images.shape[1:])
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
