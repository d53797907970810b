"""Published weights of StyleGAN and StyleGAN2 in the layouts of several code bases, as imports find
them."""

import zlib
from pathlib import Path
from typing import ClassVar

import numpy as np

from tests.parity.published import DATA, Case
from tfgan.importers import network_pickle, stylegan, stylegan2
from tfgan.importers.parts import DISCRIMINATOR


def models(parts) -> dict[str, object]:
    """Our models of the parts of a published file: "generator" and "discriminator"."""
    keys = {"": "generator", DISCRIMINATOR: "discriminator"}
    return {keys[part.ending]: part.make()[0] for part in parts if part.ending in keys}


class AdaCase(Case):
    """A case in the layout of NVlabs/stylegan2-ada-pytorch."""

    @property
    def published(self) -> stylegan2.Weights:
        """What an import would find."""
        return stylegan2.Weights(
            "parity",
            self.weights("generator"),
            {},
            self.weights("discriminator"),
            stylegan2.ADA,
            stylegan2.ADA,
            {},
            {"group_size": self.config["mbstd_group_size"]},
        )


class RosinalityCase(Case):
    """A case in the layout of rosinality/stylegan2-pytorch."""

    @property
    def published(self) -> stylegan2.Weights:
        contents = {
            "g_ema": self.weights("generator"),
            "d": self.weights("discriminator"),
            # The average is an entry of the checkpoint beside the generator's state.
            "latent_avg": self.arrays["latent_avg"],
        }
        published = stylegan2.find({Path("drawn.pt"): contents})
        assert published is not None
        return published


class PickleCase(Case):
    """A case whose weights are a pickle."""

    def __init__(self, name: str, path: Path):
        super().__init__(name)
        self.path = path

    @property
    def published(self) -> stylegan2.Weights:
        published = stylegan2.find({self.path: network_pickle.read(self.path)})
        assert published is not None
        return published


def tf1_case() -> PickleCase:
    """The pickle of TensorFlow 1."""
    return PickleCase("stylegan2_tf1_small", DATA / "stylegan2_tf1_small" / "checkpoint.pkl")


def ada_pickle_case() -> PickleCase:
    """The pickle of StyleGAN2-ADA, which holds the drawn weights of a case."""
    return PickleCase("stylegan2_small", DATA / "checkpoints" / "stylegan2_ada_small.pkl")


class StyleGANCase(Case):
    """A case of rosinality/style-based-gan-pytorch, whose networks always go up to 1024 pixels."""

    NAMES: ClassVar = {
        "generator": stylegan.ROSINALITY_GENERATOR,
        "discriminator": stylegan.ROSINALITY_DISCRIMINATOR,
    }

    @property
    def published(self) -> stylegan.Weights:
        """What an import would find."""
        contents = {
            "g_running": self.weights("generator"),
            "discriminator": self.weights("discriminator"),
        }
        published = stylegan.find({Path("drawn.model"): contents})
        assert published is not None
        return published

    def noise(self, size: int, rows: int) -> list[np.ndarray]:
        """The maps of both layers of each resolution up to a size."""
        maps = []
        for i in range(size.bit_length() - 2):
            seed = [self.config["noise_seed"], zlib.crc32(f"noise{i}".encode())]
            shape = (rows, 1, 4 << i, 4 << i)
            drawn = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
            maps += [drawn.transpose(0, 2, 3, 1)] * 2
        return maps


class OfficialStyleGANCase(Case):
    """A case of NVlabs/stylegan; its names count levels of detail from the full resolution down."""

    @property
    def published(self) -> stylegan.Weights:
        """What an import would find, but for the average style, which the case does not use."""
        weights = {
            "generator": {
                **self.weights("generator"),
                "dlatent_avg": np.zeros(self.config["style_dim"], np.float32),
            },
            "discriminator": self.weights("discriminator"),
        }
        names = {key: stylegan.official_names(drawn) for key, drawn in weights.items()}
        return stylegan.Weights(
            "parity", "official", weights["generator"], {}, weights["discriminator"],
            names["generator"], names["discriminator"], 0.0, 4,
        )  # fmt: skip
