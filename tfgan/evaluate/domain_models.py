"""How to draw from StarGAN v2: translations to styles of latents and of reference pictures."""

import dataclasses
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from tfgan import inference
from tfgan.data.opening import open_source
from tfgan.data.sources import DataError, DataOptions, Source
from tfgan.evaluate import translated
from tfgan.evaluate.domains import domain_changes
from tfgan.evaluate.identity import AttributeChange, Route
from tfgan.evaluate.metric import Request
from tfgan.evaluate.real_pictures import Opener
from tfgan.evaluate.translation import BATCH
from tfgan.inference import latent_styles, reference_styles
from tfgan.label_sets import LabelSet


def open_reals(model: Any, request: Request) -> translated.Reals:
    """Opens the real pictures of each domain of a model."""
    request.data.check_single()
    label_set = LabelSet("domains", "classes", model.domain_names)
    return translated.open_sets(
        request, [label_set], make_opener, lambda sources: sources[0].fingerprint()
    )


def make_opener(options: DataOptions, data: str, label_set: LabelSet) -> Opener:
    """Says how the pictures of a set are opened.

    Args:
        options: Which the real pictures are.
        data: Name of the set, which is that of `options`.
        label_set: What the model knows of.
    """

    def opener(split: str | None = None) -> Source:
        source = open_source(dataclasses.replace(options, split=split or options.split))
        if source.class_names != label_set.names:
            raise DataError(
                f"--data {data} must have the domains of the model: "
                f"{', '.join(label_set.names)}. Received: {', '.join(source.class_names)}. Name "
                "the data that it was trained on, and their --label-key."
            )
        return source

    return opener


class StyleTranslator:
    """A model that translates to styles, as StarGAN v2 does.

    Args:
        model: With `translate`, `style_from_latent` and `style_from_reference`.
        references: Pictures of each domain, uint8 [N, R, R, 3].
    """

    guides: Sequence[str] = ("latent", "reference")

    def __init__(self, model: Any, references: Sequence[np.ndarray]):
        self.model = model
        self.references = references

    def translate(
        self,
        guide: str,
        images: np.ndarray,
        source: int,
        target: int,
        random: np.random.Generator,
    ) -> np.ndarray:
        if guide == "latent":
            latents = random.standard_normal((len(images), self.model.latent_dim), np.float32)
            styles = self._in_batches(latents, target)
        else:
            drawn = random.integers(len(self.references[target]), size=len(images))
            styles = self._styles_of(self.references[target][drawn], target)
        progress = f"Translating by {guide}"
        return inference.translate(self.model, images, styles, batch_size=BATCH, progress=progress)

    def reconstruct(self, images: np.ndarray, translations: np.ndarray, source: int) -> np.ndarray:
        styles = self._styles_of(images, source)
        return inference.translate(
            self.model, translations, styles, batch_size=BATCH, progress="Translating back"
        )

    def _styles_of(self, images: np.ndarray, domain: int) -> np.ndarray:
        return reference_styles(self.model, images, domain, BATCH)

    def _in_batches(self, latents: np.ndarray, domain: int) -> np.ndarray:
        starts = range(0, len(latents), BATCH)
        batches = [latents[start : start + BATCH] for start in starts]
        return np.concatenate([latent_styles(self.model, batch, domain) for batch in batches])


class Subject(translated.Subject):
    """A StarGAN v2 beside real pictures."""

    @cached_property
    def translator(self) -> StyleTranslator:
        (real,) = self.reals.sets
        return StyleTranslator(self.model, real.pictures.of_classes(len(real.label_set.names)))

    def identity_routes(self) -> list[Route]:
        """By each guide, every picture to every other domain."""
        (real,) = self.reals.sets
        pictures, names, seed = real.pictures, real.label_set.names, self.request.seed
        routes = []
        for number, guide in enumerate(self.translator.guides):
            requests = [
                AttributeChange(change, np.flatnonzero(pictures.labels == change.target), {})
                for change in domain_changes(pictures, names, [seed, number])
            ]
            routes.append(Route(guide, real, self.translator, guide, requests))
        return routes
