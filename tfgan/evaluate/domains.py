"""Where translations between domains arrive, and what they leave alone, as with StarGAN v2."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tfgan.evaluate import tables
from tfgan.evaluate.metric import Metric
from tfgan.evaluate.real_pictures import Pictures
from tfgan.evaluate.translation import INTERVALS, Change, Translator, measure_changes
from tfgan.metrics.intervals import share


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

    def arrives(change: Change, translations: np.ndarray) -> np.ndarray:
        return classify(translations) == change.target

    results = {}
    for number, guide in enumerate(translator.guides):
        changes = domain_changes(pictures, names, [seed, number])
        hits, kept = measure_changes(
            translator, guide, pictures.images, backgrounds, changes, arrives, seed
        )
        results[guide] = {
            "share": share(np.concatenate(list(hits.values()))),
            "pairs": {pair: share(arrived) for pair, arrived in hits.items()},
            **kept,
        }
    return results


def measure(subject: Any) -> dict[str, Any]:
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
    return {
        "intervals": INTERVALS,
        "data": {**real.facts, **subject.sampling()},
        "classifier": {"file": real.classifier, "accuracy": accuracy},
        "translation": measure_domains(
            subject.translator,
            real.classify,
            pictures,
            real.backgrounds,
            names,
            subject.request.seed,
        ),
    }


def curves(result: Mapping[str, Any]) -> dict[str, float]:
    """How often translations arrive, by guide."""
    return {
        f"arrived_{guide}": numbers["share"].value
        for guide, numbers in result["translation"].items()
    }


def describe(result: Mapping[str, Any]) -> str:
    """How good the classifier is, where translations arrive, and what they leave alone."""
    accuracy, translation = result["classifier"]["accuracy"], result["translation"]
    real = [["", "share", "pictures"]]
    for name, numbers in {**accuracy["domains"], "all": accuracy["share"]}.items():
        real.append([name, tables.show(numbers), f"{numbers.count:,}"])
    columns = list(translation.values())
    arrived = [["", *translation, "translations"]]
    for pair, numbers in columns[0]["pairs"].items():
        cells = [tables.show(column["pairs"][pair]) for column in columns]
        arrived.append([pair, *cells, f"{numbers.count:,}"])
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
            tables.facts_line([], result["data"]),
        )
    )


TRANSLATION = Metric(
    "translation",
    "where translations arrive, and what they leave alone",
    1000,
    "of each domain",
    measure,
    describe,
    curves,
    caution="that translations arrive is no measure of picture quality: blurred ones may get "
    "1.000. fid is one, of the built-in faces avatar-fd too; and look at the pictures.",
)
