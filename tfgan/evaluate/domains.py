"""Measures translation between domains, by latents and by references, as StarGAN v2 does it."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tfgan import figures
from tfgan.data.opening import open_source
from tfgan.data.sources import DataError, Source
from tfgan.evaluate import domain_outputs, identity, judged, tables
from tfgan.evaluate.judged import Subject
from tfgan.evaluate.kinds import Measure, PictureOptions, Request
from tfgan.evaluate.real_pictures import Opener, Pictures
from tfgan.evaluate.translation import BATCH, Change, Translator, measure_changes
from tfgan.label_sets import LabelSet
from tfgan.metrics.intervals import share

DATA = "avatars, tfds:NAME, or a folder with one sub-folder for each domain"


def label_sets_of(model: Any) -> Sequence[LabelSet]:
    """What pictures are labelled with: domains."""
    return [LabelSet("domains", "classes", model.domain_names)]


def make_opener(config: PictureOptions, data: str, label_set: LabelSet) -> Opener:
    """Says how the pictures of a set are opened.

    Args:
        config: The options of the run, or those that stand in for them.
        data: Name of the set, which is that of `config`.
        label_set: What the model knows of.
    """

    def opener(split: str | None = None) -> Source:
        source = open_source(dataclasses.replace(config, split=split or config.split))
        if source.class_names != label_set.names:
            raise DataError(
                f"--data {data} must have the domains of the model: "
                f"{', '.join(label_set.names)}. Received: {', '.join(source.class_names)}. Name "
                "the data that it was trained on, and their --label-key."
            )
        return source

    return opener


def fingerprint(sources: Sequence[Source]) -> str:
    """That which a run keeps of the pictures that it learns from."""
    (source,) = sources
    return source.fingerprint()


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


def domain_changes(pictures: Pictures, names: Sequence[str], seed: Sequence[int]) -> list[Change]:
    """Every picture to every other domain.

    Args:
        pictures: Of two or more domains, two or more each.
        names: Of the domains.
        seed: Where those of the changes begin.
    """
    return [
        Change(
            f"{names[source]} -> {names[target]}",
            np.flatnonzero(pictures.labels == source),
            source,
            target,
            [*seed, source, target],
        )
        for source in range(len(names))
        for target in range(len(names))
        if target != source
    ]


def measure_domains(
    translator: Translator,
    classify: Callable[[np.ndarray], np.ndarray],
    pictures: Pictures,
    backgrounds: np.ndarray | str,
    names: Sequence[str],
    seed: int,
) -> dict[str, Any]:
    """Translates every picture to every other domain once by each guide, and measures it.

    Args:
        translator: The model.
        classify: Says which domains pictures belong to: uint8 [N, R, R, 3] -> int [N].
        pictures: Of two or more domains, two or more each.
        backgrounds: What `find_backgrounds` gave.
        names: Of the domains.
        seed: Of latents, references and intervals.

    Returns:
        For each guide "share", the `Interval` of the translations that arrive; "pairs", the same
        of each "source -> target"; and what `Measured.kept` holds.
    """

    def arrives(change: Change, made: np.ndarray) -> np.ndarray:
        return classify(made) == change.target

    results = {}
    for number, guide in enumerate(translator.guides):
        changes = domain_changes(pictures, names, [seed, number])
        hits, kept = measure_changes(
            translator, guide, pictures.images, backgrounds, changes, arrives, seed
        )
        results[guide] = {
            "share": share(np.concatenate(list(hits.values()))),
            "pairs": {pair: share(found) for pair, found in hits.items()},
            **kept,
        }
    return results


def find_translation(subject: Subject, name: str) -> dict[str, Any]:
    """Where translations of held-back pictures arrive, and what they leave alone.

    Returns:
        "data"; "classifier", the file of the one that judges and how often it is right; and
        "translation", as `measure_domains` gives it.
    """
    (real,) = subject.reals.judged
    pictures, names = real.pictures, real.label_set.names
    right = real.classify(pictures.images) == pictures.labels
    domains = [pictures.labels == domain for domain in range(len(names))]
    accuracy = {
        "share": share(right),
        "domains": {name: share(right[rows]) for name, rows in zip(names, domains, strict=True)},
    }
    translator = StyleTranslator(subject.model, pictures.of_classes(len(names)))
    return {
        "intervals": judged.INTERVALS,
        "data": {**real.facts, **subject.sampling()},
        "classifier": {"file": real.classifier, "accuracy": accuracy},
        "translation": measure_domains(
            translator, real.classify, pictures, real.backgrounds, names, subject.request.seed
        ),
    }


def curves_of_translation(found: Mapping[str, Any]) -> dict[str, float]:
    """How often translations arrive, by guide."""
    return {f"arrived_{guide}": own["share"].value for guide, own in found["translation"].items()}


def identity_routes(subject: Subject) -> list[identity.Route]:
    """By each guide, every picture to every other domain."""
    (real,) = subject.reals.sets
    pictures, names = real.pictures, real.label_set.names
    translator = StyleTranslator(subject.model, pictures.of_classes(len(names)))
    routes = []
    for number, guide in enumerate(translator.guides):
        asked = [
            identity.Asked(change, np.flatnonzero(pictures.labels == change.target), {})
            for change in domain_changes(pictures, names, [subject.request.seed, number])
        ]
        routes.append(identity.Route(guide, real, translator, guide, asked))
    return routes


def open_reals(model: Any, request: Request) -> judged.Reals:
    """See `Kind`."""
    request.config.check_single()
    kind = judged.JudgedKind(label_sets_of, make_opener, fingerprint)
    return judged.open_reals(kind, model, request)


def describe_translation(measured: Mapping[str, Any]) -> str:
    """What `find_translation` gave, as a user sees it."""
    accuracy, translation = measured["classifier"]["accuracy"], measured["translation"]
    real = [["", "share", "pictures"]]
    for name, found in {**accuracy["domains"], "all": accuracy["share"]}.items():
        real.append([name, tables.show(found), f"{found.count:,}"])
    columns = list(translation.values())
    arrived = [["", *translation, "translations"]]
    for pair, found in columns[0]["pairs"].items():
        cells = [tables.show(column["pairs"][pair]) for column in columns]
        arrived.append([pair, *cells, f"{found.count:,}"])
    cells = [tables.show(column["share"]) for column in columns]
    arrived.append(["all", *cells, f"{columns[0]['share'].count:,}"])
    kept = [tables.kept_cells(column) for column in columns]
    if isinstance(columns[0]["background"], str):
        for others in kept[1:]:
            others["background"] = ""  # why it is not known is said once
    differences = [[words, *[column[words] for column in kept]] for words in kept[0]]
    return "\n".join(
        (
            tables.lay_out(
                "Held-back real pictures that the classifier names rightly [Wilson 95 %]", real
            ),
            tables.lay_out(
                "Translations that it assigns to the target domain [Wilson 95 %]", arrived
            ),
            tables.lay_out(tables.KEPT_TITLE, [["", *translation], *differences]),
            tables.facts_line([], measured["data"]),
        )
    )


MEASURES = {
    "translation": Measure(find_translation, describe_translation, curves_of_translation),
    "identity": identity.measure(identity_routes),
    **domain_outputs.MEASURES,
}
