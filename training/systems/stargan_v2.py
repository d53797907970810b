"""StarGAN v2: networks and losses, as phases for the loop.

Reference:
    Choi et al. 2020, arXiv:1912.01865. Behaviour follows clovaai/stargan-v2, core/solver.py, where
    it and the paper differ.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfgan import figures, inference
from tfgan.draws import Draws
from tfgan.loading import load_model
from tfgan.models.stargan_v2 import StarGANv2, StarGANv2Discriminator
from tfgan.optimizers import Adam, initial_rates
from training import losses
from training.phases import Average, Phase, Stage, Update
from training.systems.stargan_v2_options import PRESETS, StarGANv2Config
from training.transfer import freeze


class StarGANv2System:
    """Networks, losses and schedule of StarGAN v2.

    Args:
        config: All options.
        domain_names: Names of the domains, two or more.
    """

    def __init__(self, config: StarGANv2Config, domain_names: Sequence[str]):
        self.config = config
        self.model = self._make_model(domain_names, "model")
        self.average = self._make_model(domain_names, "average")
        self.discriminator = StarGANv2Discriminator(
            config.resolution,
            len(domain_names),
            config.channel_base,
            config.channel_max,
            config.precision,
            name="discriminator",
        )
        for network in (self.model, self.average, self.discriminator):
            network.build()
        freeze(self.discriminator, config.freeze_d)
        self.average.set_weights(self.model.get_weights())
        self.networks = {
            "model": self.model,
            "average": self.average,
            "discriminator": self.discriminator,
        }
        self.optimizers = {}
        self._updates = {}
        for name, network, rate in (
            ("generator", self.model.generator, config.learning_rate),
            ("mapping", self.model.mapping, config.mapping_learning_rate),
            ("style_encoder", self.model.style_encoder, config.learning_rate),
            ("discriminator", self.discriminator, config.learning_rate),
        ):
            optimizer = Adam(
                rate,
                beta_1=0.0,
                beta_2=config.beta_2,
                epsilon=1e-8,
                coupled_decay=config.coupled_decay,
            )
            optimizer.build(network.trainable_variables)
            self.optimizers[f"{name}_optimizer"] = optimizer
            self._updates[name] = Update(optimizer, network.trainable_variables)
        self._rates = initial_rates(self.optimizers)
        self.diversity_weight = tf.Variable(config.diversity_weight, trainable=False)
        self.state = {"diversity_weight": self.diversity_weight}
        self.averages = [Average(self.average, self.model, lambda *_: config.ema_decay)]

    def _make_model(self, domain_names: Sequence[str], name: str) -> StarGANv2:
        config = self.config
        return StarGANv2(
            config.resolution,
            domain_names,
            config.latent_dim,
            config.style_dim,
            config.w_hpf,
            self._load_landmarks(),
            config.mapping_width,
            config.channel_base,
            config.channel_max,
            config.precision,
            name=name,
        )

    def _load_landmarks(self):
        if not self.config.w_hpf:
            return None
        assert self.config.landmarks is not None  # `check` has seen to it
        return load_model(self.config.landmarks)

    def stages(self) -> Sequence[Stage]:
        """One stage of four updates a step, in the published order."""
        config, updates = self.config, self._updates
        half = config.precision == "float16"
        critic, generator = [updates["discriminator"]], [updates["generator"]]
        # Mapping network and style encoder learn from latents alone.
        all_three = [*generator, updates["mapping"], updates["style_encoder"]]
        phases = [
            Phase("d_latent", self.d_latent, critic, bounded_gradients=half),
            Phase("d_reference", self.d_reference, critic, bounded_gradients=half),
            Phase("g_latent", self.g_latent, all_three, bounded_gradients=half),
            Phase("g_reference", self.g_reference, generator, bounded_gradients=half),
        ]
        images = round(config.total_kimg * 1000)
        return [Stage("train", images, config.batch_size, config.resolution, phases)]

    def latent_styles(self, batch, draws: Draws):
        """Two styles [b, S] of new latents in each example's target domain."""
        shape = [self.config.latent_dim]
        domains = batch["reference_label"]
        return [self.model.mapping(draws.normal(shape), domains) for _ in range(2)]

    def reference_styles(self, batch):
        """The styles [b, S] of each example's two references."""
        domains = batch["reference_label"]
        return [
            self.model.style_encoder(batch[name], domains) for name in ("reference", "reference2")
        ]

    def d_latent(self, batch, draws: Draws):
        """Discriminator, against translations to the styles of latents."""
        return self._discriminator_loss("latent", batch, self.latent_styles(batch, draws)[0])

    def d_reference(self, batch, draws: Draws):
        """Discriminator, against translations to the styles of references."""
        return self._discriminator_loss("reference", batch, self.reference_styles(batch)[0])

    def g_latent(self, batch, draws: Draws):
        """Generator, mapping network and style encoder, with the styles of latents."""
        return self._generator_loss("latent", batch, *self.latent_styles(batch, draws))

    def g_reference(self, batch, draws: Draws):
        """Generator, with the styles of references."""
        return self._generator_loss("reference", batch, *self.reference_styles(batch))

    def _discriminator_loss(self, kind: str, batch, styles):
        images = batch["image"]
        fakes = tf.stop_gradient(self.model.translate(images, styles))
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            real = self.discriminator(images, batch["label"])
            total = tf.reduce_sum(real)
        penalty = losses.squared_gradient_norm(tape.gradient(total, images))
        fake = self.discriminator(fakes, batch["reference_label"])
        loss = losses.logistic_discriminator_loss(real, fake)
        return loss + 0.5 * self.config.r1_weight * penalty, {
            f"loss/d_{kind}": loss,
            f"penalty/r1_{kind}": penalty,
            f"score/real_{kind}": real,
            f"score/fake_{kind}": fake,
        }

    def _generator_loss(self, kind: str, batch, styles, other_styles):
        config, model, images = self.config, self.model, batch["image"]
        target = batch["reference_label"]
        masks = model.masks(images)
        fakes = model.generator(images, styles, masks)
        adversarial = losses.nonsaturating_generator_loss(self.discriminator(fakes, target))
        style = losses.mean_absolute(model.style_encoder(fakes, target), styles)
        others = tf.stop_gradient(model.generator(images, other_styles, masks))
        diversity = losses.mean_absolute(fakes, others)
        own_styles = model.style_encoder(images, batch["label"])
        cycle = losses.mean_absolute(model.translate(fakes, own_styles), images)
        loss = (
            adversarial
            + config.style_weight * style
            - tf.convert_to_tensor(self.diversity_weight) * diversity
            + config.cycle_weight * cycle
        )
        return loss, {
            f"loss/g_{kind}": adversarial,
            f"style/{kind}": style,
            f"diversity/{kind}": diversity,
            f"cycle/{kind}": cycle,
        }

    def after_step(self, step: int, images_seen: int, batch_size: int) -> None:
        """Lets the weight of diversity fall, linearly with the images seen."""
        left = max(0.0, 1.0 - images_seen / (1000 * self.config.diversity_kimg))
        self.diversity_weight.assign(self.config.diversity_weight * left)

    def learning_rates(self, images_seen: int) -> dict[str, float]:
        """Of each optimizer; they stay."""
        return self._rates

    def scalars(self) -> dict[str, float]:
        """State that is worth a curve."""
        rates = {
            f"learning_rate/{name.removesuffix('_optimizer')}": float(
                optimizer.learning_rate.numpy()
            )
            for name, optimizer in self.optimizers.items()
        }
        return {"diversity_weight": float(self.diversity_weight.numpy()), **rates}

    def sample(self, images: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
        """Fixed pictures, translated by latents and by references, one domain after the other."""
        config, names = self.config, self.average.domain_names
        each = max(1, config.sample_rows // len(names))
        latents = inference.draw_latents(range(config.seed, config.seed + each), config.latent_dim)
        rows: dict[str, list[figures.StyleRow]] = {"latent": [], "reference": []}
        styles: dict[str, list[np.ndarray]] = {"latent": [], "reference": []}
        for domain, name in enumerate(names):
            rows["latent"] += [figures.StyleRow(name)] * each
            styles["latent"] += [*inference.latent_styles(self.average, latents, domain)]
            references = images[labels == domain][:each]
            if len(references):
                rows["reference"] += [figures.StyleRow(name, image) for image in references]
                codes = inference.reference_styles(self.average, references, domain)
                styles["reference"] += [*codes]
        sources = images[: config.sample_columns]
        return {
            name: figures.style_table(
                sources, table, inference.translate_to_each(self.average, sources, styles[name])
            )
            for name, table in rows.items()
        }

    def inference_model(self) -> StarGANv2:
        """The averaged networks."""
        return self.average


def create(config: StarGANv2Config, class_names: Sequence[str] = ()) -> StarGANv2System:
    """Makes the system; call it under the strategy's scope."""
    return StarGANv2System(config, class_names)


__all__ = ["PRESETS", "StarGANv2Config", "StarGANv2System", "create"]
