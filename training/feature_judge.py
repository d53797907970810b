"""Discriminates by the features of a trained network, beside the discriminator of a system."""

from collections.abc import Mapping
from typing import Any

from tfgan.layers.resample import mean_down, nearest_up
from tfgan.loading import class_of, find_model, load_model
from tfgan.models.classifier import Classifier
from tfgan.models.feature_discriminator import FeatureDiscriminator
from training import losses
from training.config import ConfigError


class FeatureJudge:
    """Heads that learn to tell generated pictures by what a network that stays as it is sees.

    The largest maps are left out: they show little more than pixels do, at most of the cost.

    Args:
        network: Gives the feature maps.

    Attributes:
        networks: What a checkpoint holds of it, by name.
    """

    def __init__(self, network: Classifier):
        network.trainable = False
        self.network = network
        convolutions = network.convs[1:]
        self.discriminator = FeatureDiscriminator(
            [network.resolution >> i for i in range(1, len(network.convs))],
            [layer.filters for layer in convolutions],
            name="feature_discriminator",
        )
        self.discriminator.build()
        self.networks = {"features": network, "feature_discriminator": self.discriminator}

    @property
    def trainable_variables(self) -> list:
        """Of the heads."""
        return self.discriminator.trainable_variables

    def __call__(self, images):
        """Logits of images [B, R, R, 3] in [-1, 1]: float32 [B, maps].

        Pixels are repeated, or averaged, until images have the network's resolution.
        """
        while images.shape[1] < self.network.resolution:
            images = nearest_up(images)
        while images.shape[1] > self.network.resolution:
            images = mean_down(images)
        return self.discriminator(self.network.feature_maps(images)[1:], training=True)

    def with_generator_loss(self, loss, stats: Mapping[str, Any], images):
        """Adds the losses of all heads to that of a generator, [B], and to its statistics."""
        part = losses.nonsaturating_generator_loss(self(images))
        return loss + part, {**stats, "loss/g_features": part}

    def with_discriminator_loss(self, loss, stats: Mapping[str, Any], reals, fakes):
        """Adds the losses of all heads to that of a discriminator, [B], and to its statistics."""
        part = losses.logistic_discriminator_loss(self(reals), self(fakes))
        return loss + part, {**stats, "loss/d_features": part}


class NoJudge:
    """Stands where pixels alone are judged, as published."""

    def __init__(self) -> None:
        self.networks: dict[str, Any] = {}
        self.trainable_variables: list = []

    def with_generator_loss(self, loss, stats, images):
        """Adds nothing."""
        del images
        return loss, stats

    def with_discriminator_loss(self, loss, stats, reals, fakes):
        """Adds nothing."""
        del reals, fakes
        return loss, stats


def open_judge(name: str | None) -> FeatureJudge | NoJudge:
    """Opens the network of `features`; without a name nothing is added to any loss.

    Raises:
        UserError: If it is no network whose features can be used.
    """
    if name is None:
        return NoJudge()
    file = find_model(name)
    held = class_of(file)
    if held != "Classifier":
        raise ConfigError(
            field="features",
            expected="must hold a Classifier",
            received=f"{file}, which holds a {held}",
            advice="Train one with python -m training.features, or leave it out.",
        )
    return FeatureJudge(load_model(file))
