"""Measures translations: what becomes of pictures, on the way there and back.

A model is measured through a `Translator`, and what is asked of it is a list of `Change`s, so this
serves every system that translates pictures.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from tfgan.metrics.intervals import RESAMPLES
from tfgan.metrics.translation import differences, mean_difference

BATCH = 32  # pictures at a time
INTERVALS = {
    "share": "Wilson, 95 %",
    "mean": f"percentile bootstrap, {RESAMPLES} draws of the pictures, 95 %",
}


class Translator(Protocol):
    """A model that translates pictures, as it is measured.

    What pictures are, and what they become, is said in the system's own words: an index of a
    domain, or the label vectors of all pictures.

    Attributes:
        guides: What can tell it where to go, such as latents.
    """

    guides: Sequence[str]

    def translate(
        self,
        guide: str,
        images: np.ndarray,
        source: Any,
        target: Any,
        random: np.random.Generator,
    ) -> np.ndarray:
        """Pictures, uint8 [N, R, R, 3], as their target says."""
        ...

    def reconstruct(self, images: np.ndarray, translations: np.ndarray, source: Any) -> np.ndarray:
        """Translations as their pictures were: both as above."""
        ...


class Change(NamedTuple):
    """One thing that is asked of some pictures.

    Attributes:
        name: What it is called.
        rows: Which pictures, int [N].
        source: What they are, as the translator takes it.
        target: What they shall become, likewise.
        seed: Of what is drawn for it.
    """

    name: str
    rows: np.ndarray
    source: Any
    target: Any
    seed: Sequence[int]


class Measured(NamedTuple):
    """What `measure_changes` found.

    Attributes:
        hits: Of each change by name, what was confirmed of its translations.
        kept: "reconstruction", the mean difference between a picture and its translation back; and
            "background", mean differences over the pixels that show background both in the picture
            and in another one: "own", between picture and translation; "shuffled", between the
            other one and the translation; and "margin", by how much shuffled is larger. Where it
            is not known, "background" says why.
    """

    hits: dict[str, np.ndarray]
    kept: dict[str, Any]


def measure_changes(
    translator: Translator,
    guide: str,
    images: np.ndarray,
    backgrounds: np.ndarray | str,
    changes: Sequence[Change],
    confirm: Callable[[Change, np.ndarray], np.ndarray],
    seed: int,
) -> Measured:
    """Makes every change once, and undoes it.

    Args:
        translator: The model.
        guide: One of its guides.
        images: Pictures in random order, uint8 [N, R, R, 3].
        backgrounds: What `find_backgrounds` gave.
        changes: What is asked, one or more of different names.
        confirm: Whether translations became what was asked, uint8 [N, R, R, 3] -> bool [N, ...].
        seed: Of intervals.
    """
    hits = {}
    reconstructed, matched, shuffled = [], [], []
    for change in changes:
        sources = images[change.rows]
        random = np.random.default_rng(change.seed)
        translations = translator.translate(guide, sources, change.source, change.target, random)
        hits[change.name] = confirm(change, translations)
        back = translator.reconstruct(sources, translations, change.source)
        reconstructed.append(differences(sources, back))
        if not isinstance(backgrounds, str):
            masks = backgrounds[change.rows]
            # The order is random, so the next picture is any other one. The same pixels are on
            # both sides of the comparison, or where they lie would count: those near a head change
            # most.
            both = masks & np.roll(masks, 1, axis=0)
            matched.append(differences(sources, translations, both))
            shuffled.append(differences(np.roll(sources, 1, axis=0), translations, both))
    background: Any = backgrounds
    if not isinstance(backgrounds, str):
        near, far = np.concatenate(matched), np.concatenate(shuffled)
        background = {
            "own": mean_difference(near, seed),
            "shuffled": mean_difference(far, seed),
            "margin": mean_difference(np.stack([far[:, 0] - near[:, 0], far[:, 1]], 1), seed),
        }
    reconstruction = mean_difference(np.concatenate(reconstructed), seed)
    return Measured(hits, {"background": background, "reconstruction": reconstruction})
