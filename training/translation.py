"""Measures translation between domains: where pictures arrive, and what is left alone.

A model is measured through a `Translator`, so this serves every system that translates pictures
of one of several domains to another.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from tqdm import tqdm

from tfgan import figures
from tfgan.data.held_back import Subset
from tfgan.data.pipeline import decode_picture
from tfgan.data.sources import DataError
from tfgan.metrics.translation import differences, mean_difference, share
from training.config import TrainingConfig

BATCH = 32  # pictures at a time


class Translator(Protocol):
    """A model that translates pictures between domains, as it is measured.

    Attributes:
        guides: What can tell it where to go, such as latents.
    """

    guides: Sequence[str]

    def translate(
        self,
        guide: str,
        images: np.ndarray,
        source: int,
        target: int,
        random: np.random.Generator,
    ) -> np.ndarray:
        """Pictures of one domain, uint8 [N, R, R, 3], in another one."""
        ...

    def reconstruct(self, images: np.ndarray, translations: np.ndarray, source: int) -> np.ndarray:
        """Translations back in the domain, and in the style, of their pictures: both as above."""
        ...


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
            styles = self._in_batches(self.model.style_from_latent, latents, target)
        else:
            drawn = random.integers(len(self.references[target]), size=len(images))
            styles = self._styles_of(self.references[target][drawn], target)
        progress = f"Translating by {guide}"
        return figures.translate(self.model, images, styles, batch_size=BATCH, progress=progress)

    def reconstruct(self, images: np.ndarray, translations: np.ndarray, source: int) -> np.ndarray:
        styles = self._styles_of(images, source)
        return figures.translate(
            self.model, translations, styles, batch_size=BATCH, progress="Translating back"
        )

    def _styles_of(self, images: np.ndarray, domain: int) -> np.ndarray:
        def encode(rows: np.ndarray, domains: np.ndarray) -> Any:
            return self.model.style_from_reference(figures.to_float(rows), domains)

        return self._in_batches(encode, images, domain)

    def _in_batches(
        self, function: Callable[..., Any], inputs: np.ndarray, domain: int
    ) -> np.ndarray:
        parts = []
        for start in range(0, len(inputs), BATCH):
            rows = inputs[start : start + BATCH]
            parts.append(np.asarray(function(rows, np.full(len(rows), domain, np.int32))))
        return np.concatenate(parts)


class Pictures(NamedTuple):
    """Pictures of one domain, in random order.

    Attributes:
        images: uint8 [N, R, R, 3].
        indices: Where they are in their split, int [N].
    """

    images: np.ndarray
    indices: np.ndarray


def read_domains(test: Subset, config: TrainingConfig, count: int, seed: int) -> list[Pictures]:
    """Reads at most `count` pictures of each domain, drawn by the seed; broken ones are left out.

    Args:
        test: Pictures that are held back.
        config: How large pictures are made, and how square.
        count: Pictures of a domain.
        seed: Of the draw.

    Raises:
        DataError: If a domain has less than two readable pictures.
    """
    labels = test.labels()
    random = np.random.default_rng(seed)
    chosen = [
        random.permutation(np.flatnonzero(labels == domain))[:count]
        for domain in range(len(test.class_names))
    ]
    domains = []
    total = sum(map(len, chosen))
    with tqdm(total=total, desc="Reading pictures", delay=2, dynamic_ncols=True) as bar:
        for name, places in zip(test.class_names, chosen, strict=True):
            images, kept = [], []
            for place in places:
                bar.update()
                try:
                    content = test.read(int(place)).content
                    image, _ = decode_picture(content, config.resolution, config.resize)
                except MemoryError:
                    raise
                # Pillow's plugins raise nearly anything on damaged files.
                except Exception as error:
                    reason = (str(error).splitlines() or [type(error).__name__])[0]
                    bar.write(f"Left out  {test.describe(int(place))}: {reason}", sys.stderr)
                    continue
                images.append(image)
                kept.append(place)
            if len(images) < 2:
                raise DataError(
                    f"--data {test.name} must hold back two readable pictures or more of each "
                    f"domain. Received: {len(images)} of {name}. Add pictures of it."
                )
            domains.append(Pictures(np.stack(images), test.indices[kept]))
    return domains


def find_backgrounds(
    config: TrainingConfig, split: str, domains: Sequence[Pictures]
) -> list[np.ndarray] | str:
    """Finds the pixels of pictures that show their background and nothing else.

    Only of the built-in avatars is it known: each is drawn again, and compared.

    Args:
        config: Where the pictures are from.
        split: In which split `domains[i].indices` are places.
        domains: Pictures of each domain.

    Returns:
        bool [N, R, R] of each domain, or in words why it is not known.
    """
    if config.data != "avatars":
        return f"not known, for {config.data} does not say where it is"
    from tfgan.data import avatars

    builder = avatars.prepare(config.resolution, config.avatars_count, 0, config.data_dir)
    found = []
    total = sum(len(pictures.images) for pictures in domains)
    with tqdm(total=total, desc="Finding backgrounds", delay=2, dynamic_ncols=True) as bar:
        for pictures in domains:
            ids = avatars.read_ids(builder, split, pictures.indices.tolist())
            masks = []
            for number, image in zip(ids, pictures.images, strict=True):
                person = avatars.person_of(builder.builder_config.seed, number)
                drawn = np.asarray(avatars.draw(person, config.resolution))
                if not np.array_equal(drawn, image):
                    return "not known, for another version of this program drew these avatars"
                masks.append(avatars.find_background(person, config.resolution))
                bar.update()
            found.append(np.stack(masks))
    return found


def measure_translations(
    translator: Translator,
    classify: Callable[[np.ndarray], np.ndarray],
    domains: Sequence[Pictures],
    backgrounds: Sequence[np.ndarray] | str,
    names: Sequence[str],
    seed: int,
) -> dict[str, Any]:
    """Translates every picture to every other domain once by each guide, and measures it.

    Args:
        translator: The model.
        classify: Says which domains pictures belong to: uint8 [N, R, R, 3] -> int [N].
        domains: Pictures of each domain, two or more of two or more.
        backgrounds: What `find_backgrounds` gave.
        names: Of the domains.
        seed: Of latents, references and intervals.

    Returns:
        For each guide "share", the `Interval` of the translations that arrive; "pairs", the same
        of each "source -> target"; "reconstruction", the mean difference between a picture and
        its translation back; and "background", mean differences over the pixels that show
        background both in the picture and in another one of its domain: "own", between picture and
        translation; "shuffled", between the other one and the translation; and "margin", by how
        much shuffled is larger. Where it is not known, "background" says why.
    """
    results = {}
    for number, guide in enumerate(translator.guides):
        hits: dict[str, np.ndarray] = {}
        reconstructed, own, shuffled = [], [], []
        for source, (images, _) in enumerate(domains):
            # The order is random, so the next picture is any other one.
            others = np.roll(images, 1, axis=0)
            for target, name in enumerate(names):
                if target == source:
                    continue
                random = np.random.default_rng([seed, number, source, target])
                made = translator.translate(guide, images, source, target, random)
                hits[f"{names[source]} -> {name}"] = classify(made) == target
                back = translator.reconstruct(images, made, source)
                reconstructed.append(differences(images, back))
                if not isinstance(backgrounds, str):
                    # The same pixels on both sides of the comparison, or where they lie would
                    # count: those near a head change most.
                    both = backgrounds[source] & np.roll(backgrounds[source], 1, axis=0)
                    own.append(differences(images, made, both))
                    shuffled.append(differences(others, made, both))
        background: Any = backgrounds
        if not isinstance(backgrounds, str):
            near, far = np.concatenate(own), np.concatenate(shuffled)
            background = {
                "own": mean_difference(near, seed),
                "shuffled": mean_difference(far, seed),
                "margin": mean_difference(np.stack([far[:, 0] - near[:, 0], far[:, 1]], 1), seed),
            }
        results[guide] = {
            "share": share(np.concatenate(list(hits.values()))),
            "pairs": {pair: share(found) for pair, found in hits.items()},
            "background": background,
            "reconstruction": mean_difference(np.concatenate(reconstructed), seed),
        }
    return results
