"""Measures generators that draw pictures from latents, as StyleGAN and StyleGAN2 do."""

import dataclasses
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from tfgan import figures
from tfgan.arithmetic import ARITHMETIC
from tfgan.data.sources import DataError, Source, list_names
from tfgan.metrics import sliced_wasserstein
from tfgan.metrics.frechet import frechet_interval
from tfgan.metrics.inception_score import inception_score
from tfgan.metrics.intervals import GROUPS
from tfgan.metrics.kernel import kernel_distance
from tfgan.metrics.precision_recall import precision_recall
from tfgan.metrics.sliced_wasserstein import Distances
from tfgan.metrics.stored_rows import Rows
from tfgan.terminal import Progress
from training.config import TrainingConfig
from training.evaluate import generators, path_lengths, separability, tables
from training.evaluate.digests import make_key, model_key
from training.evaluate.features import (
    Networks,
    RealFeatures,
    blocks_of,
    features_of,
    frechet_of,
    real_features,
)
from training.evaluate.generators import Generator
from training.evaluate.kinds import Measure, Request
from training.evaluate.real_pictures import (
    TwoDraws,
    disk_array,
    note_other_pictures,
    read_two_draws,
)

CONFIG = TrainingConfig
DATA = "avatars, tfds:NAME, or a folder of pictures"
MOST_NEIGHBOURS = 50_000
# What generated pictures and other real ones are called in results.
SETS = ("generated", "other_real")


class Reals:
    """Real pictures, and what several metrics take of them, whatever the generator is.

    Args:
        request: How generators are measured.
        source: The pictures that they may have learned from.
        names: Of the classes; none where there are none.
    """

    def __init__(self, request: Request, source: Source, names: tuple[str, ...]):
        self.request = request
        self.networks = Networks(request)
        self.source = source
        self.names = names
        self._features: dict[str, RealFeatures] = {}

    def about(self) -> list[str]:
        """What they are, in lines."""
        return [f"Data        {self.source.name}: {len(self.source):,} pictures"]

    @cached_property
    def labels(self) -> np.ndarray | None:
        """Classes of all pictures that have one; None without classes."""
        labels = self.source.labels() if self.names else None
        return None if labels is None else labels[labels >= 0]

    @cached_property
    def held_back(self) -> TwoDraws:
        """Real pictures that are held back from training, and as many others."""
        request, count = self.request, self.request.counts["swd"]
        found = read_two_draws(self.source, request.config, len(self.names), count, request.seed)
        if len(found.images) < count:
            there = f"{found.where} has {len(found.images):,} pictures: as many of each set"
            Progress.write(f"Note        {there} are compared, not {count:,}", sys.stderr)
        return found

    def features(self, option: str) -> RealFeatures:
        """Features of real pictures, all that may be learned from unless said.

        Args:
            option: The network, one of `NETWORKS`.
        """
        if option not in self._features:
            request, network, total = self.request, getattr(self.networks, option), len(self.source)
            places = draw_rows(total, request.real_count or total, request.seed)
            words = f"{option.capitalize()}, real"
            self._features[option] = real_features(request, network, self.source, places, words)
        return self._features[option]


def open_reals(model: Any, request: Request) -> Reals:
    """See `Kind`.

    Raises:
        DataError: If there are no such pictures or classes.
    """
    names = tuple(model.class_names)
    config = dataclasses.replace(request.config, conditional=bool(names))
    source = config.open_source()
    if names and source.class_names != names:
        raise DataError(
            f"--data {source.name} must have the classes of the model: {list_names(names)}. "
            f"Received: {list_names(source.class_names)}. Name the data that it was trained on, "
            "and their --label-key."
        )
    note_other_pictures(request.fingerprint, source.fingerprint())
    return Reals(dataclasses.replace(request, config=config), source, names)


class Subject:
    """A generator, and what several metrics take of its pictures.

    Args:
        model: A generator, as `Generator` takes it.
        reals: The pictures that it is compared with.
        made: Folder that keeps what was made of generated pictures.
    """

    def __init__(self, model: Any, reals: Reals, made: Path):
        self.model = model
        self.reals = reals
        self.made = made
        self.request = reals.request
        self._features: dict[tuple[str, int], np.ndarray] = {}
        told = (self.request.psi, self.request.seed, self.request.noise)
        self.generator = Generator(model, reals.labels, *told)
        # Whatever changes the pictures that are drawn.
        code = (sys.modules[type(model).__module__], generators, figures)
        labels = None if reals.labels is None else reals.labels.tolist()
        self.key = make_key(model_key(model), *told, labels, *code, ARITHMETIC)

    def facts(self, count: int) -> dict[str, Any]:
        """What results say of so many generated pictures."""
        return {**self.generator.facts(count), "arithmetic": self.request.arithmetic}

    @cached_property
    def pictures(self) -> np.ndarray:
        """As many generated pictures as are held back, uint8 [N, R, R, 3]."""
        run = self.request.replicas.over_rows(self.generator.pictures)
        made = disk_array(self.reals.held_back.images.shape, np.uint8)
        with Progress(total=len(made), desc="Generating", unit="img") as bar:
            for start in range(0, len(made), run.batch_size):
                stop = min(start + run.batch_size, len(made))
                made[start:stop] = run(*self.generator.inputs(start, stop))
                bar.update(stop - start)
        return made

    @cached_property
    def avatar_features(self) -> dict[str, np.ndarray]:
        """Features of the held-back pictures, "real", and of both sets beside them."""
        reals = self.reals
        sets = (reals.held_back.images, self.pictures, reals.held_back.others)
        return {
            name: features_of(self.request, reals.networks.avatar, images)
            for name, images in zip(("real", *SETS), sets, strict=True)
        }

    def features(self, option: str, name: str) -> np.ndarray:
        """Features of generated pictures, float32 [N, C], on disk.

        Args:
            option: The network, one of `NETWORKS`.
            name: The metric, whose count they have.
        """
        network, count = getattr(self.reals.networks, option), self.request.counts[name]
        if (option, count) not in self._features:
            self._features[option, count] = self.rows(
                option,
                network.key,
                network.width,
                self.generator.then(network.features),
                count,
                f"{option.capitalize()}, generated",
            )
        return self._features[option, count]

    def rows(
        self,
        name: str,
        key: str,
        width: int,
        function: Callable[..., Any],
        count: int,
        words: str,
        inputs: Callable[[int, int], Sequence[np.ndarray]] | None = None,
    ) -> np.ndarray:
        """What a function makes of each generated picture, kept on disk.

        Args:
            name: Of what is made.
            key: Changes with the function.
            width: Numbers C of each row.
            function: Runs on replicas: the inputs -> float32 [B, C].
            count: Number N of rows.
            words: Before the progress bar.
            inputs: What it takes of rows from a first to before a last one; None: what
                `Generator.pictures` takes.

        Returns:
            float32 [N, C], on disk.
        """
        inputs = inputs or self.generator.inputs
        key = make_key(name, key, self.key)
        run = self.request.replicas.over_rows(function)
        rows = Rows(self.made / f"{name}-{key}.rows", width, key)
        rows.fill(
            count,
            lambda start, stop: run(*inputs(start, stop)),
            run.batch_size,
            words,
        )
        return rows.read(count)


def data_facts(subject: Subject) -> dict[str, Any]:
    """What results say of the real pictures."""
    config = subject.request.config
    return {
        "name": subject.reals.source.name,
        "fingerprint": subject.reals.source.fingerprint(),
        "label_key": config.label_key,
        "resolution": config.resolution,
        "resize": config.resize,
    }


def held_back_facts(subject: Subject, features: str) -> dict[str, Any]:
    """What results say of the sets that are compared with held-back pictures."""
    found = subject.reals.held_back
    count = len(found.images)
    return {
        "features": features,
        "data": data_facts(subject),
        "real": {"from": found.where, "count": count, "apart": found.apart},
        "other_real": {"from": found.others_where, "count": count},
        "generated": subject.facts(count),
    }


def find_swd(subject: Subject, name: str) -> dict[str, Any]:
    """Sliced Wasserstein distances to held-back pictures."""
    real, seed = subject.reals.held_back, subject.request.seed
    distances = {
        which: sliced_wasserstein.sliced_wasserstein(
            real.images, pictures, seed, f"Comparing {which.replace('_', ' ')}"
        )
        for which, pictures in zip(SETS, (subject.pictures, real.others), strict=True)
    }
    return {
        **{which: by_level(found) for which, found in distances.items()},
        "interval": f"jackknife, {GROUPS} groups of pictures, 95 %",
        "facts": held_back_facts(subject, "7x7 patches of Laplacian pyramids, no network"),
    }


def by_level(found: Distances) -> dict[str, Any]:
    """Distances as results keep them: by pixels along the side, and "average"."""
    levels = {str(side): interval for side, interval in found.levels.items()}
    return {**levels, "average": found.average}


def frechet_numbers(real: np.ndarray, made: np.ndarray, seed: int) -> dict[str, Any]:
    """The Frechet distance of two sets of features, with an interval where it is cheap."""
    found: Any = frechet_interval(real, made)
    if found is None:
        found = frechet_of(real, made)
    return {"distance": found}


def kernel_numbers(real: np.ndarray, made: np.ndarray, seed: int) -> dict[str, Any]:
    """The kernel distance of two sets of features."""
    return {"distance": kernel_distance(real, made, seed, "Kernel distance")}


def precision_numbers(real: np.ndarray, made: np.ndarray, seed: int) -> dict[str, Any]:
    """Precision and recall of two sets of features."""
    found = precision_recall(real, made, "Precision and recall")
    return {"precision": found.precision, "recall": found.recall}


def find_avatar(numbers: Any, subject: Subject, name: str) -> dict[str, Any]:
    """Numbers of features of the avatar network, of generated and of other real pictures."""
    features, seed = subject.avatar_features, subject.request.seed
    return {
        **{which: numbers(features["real"], features[which], seed) for which in SETS},
        "facts": held_back_facts(subject, subject.reals.networks.avatar.name),
    }


def draw_rows(total: int, count: int, seed: int) -> np.ndarray:
    """So many of all rows in rising order, int [n]: all of them, or those that the seed draws."""
    if count >= total:
        return np.arange(total)
    return np.sort(np.random.default_rng(seed).permutation(total)[:count])


def find_features(numbers: Any, option: str, subject: Subject, name: str) -> dict[str, Any]:
    """Numbers of the features of a network, of generated and of real pictures.

    Published precision and recall compare 50,000 pictures of each: of more, so many are drawn,
    unless --real-count asks for more real ones.
    """
    request, network = subject.request, getattr(subject.reals.networks, option)
    found, made = subject.reals.features(option), subject.features(option, name)
    real = found.values
    if numbers is precision_numbers:
        most = max(MOST_NEIGHBOURS, request.real_count or 0)
        if most < len(real):
            real = real[draw_rows(len(real), most, request.seed)]
        made = made[:MOST_NEIGHBOURS]
    facts = {
        "features": network.name,
        "data": data_facts(subject),
        "real": {"from": request.config.split, "count": len(real), "broken": found.broken},
        "generated": subject.facts(len(made)),
    }
    if numbers is frechet_numbers:
        facts["too_few"] = min(len(real), len(made)) < network.width
    return {"generated": numbers(real, made, request.seed), "facts": facts}


def find_inception_score(subject: Subject, name: str) -> dict[str, Any]:
    """The inception score of generated pictures."""
    made, network = subject.features("inception", name), subject.reals.networks.inception
    blocks = (np.asarray(network.model.probabilities(block)) for block in blocks_of(made))
    return {
        "generated": {"score": inception_score(blocks, len(made)).mean},
        "facts": {
            "features": network.name,
            "data": data_facts(subject),
            "generated": subject.facts(len(made)),
        },
    }


def describe_swd(found: Mapping[str, Any]) -> str:
    """What `find_swd` gave, as a user sees it."""
    rows = [["", *[which.replace("_", " ") for which in SETS]]]
    for level in found["generated"]:
        words = level if level == "average" else f"{level} pixels"
        rows.append([words, *[tables.show(found[which][level], digits=2) for which in SETS]])
    title = "Sliced Wasserstein distance to real pictures, x 1000 [jackknife 95 %]"
    return f"{tables.lay_out(title, rows)}\n{facts_line(found['facts'])}"


def describe_numbers(title: str, digits: int, found: Mapping[str, Any]) -> str:
    """What was found of features, as a user sees it."""
    sets = [which for which in SETS if which in found]
    rows = [["", *[which.replace("_", " ") for which in sets]]]
    for name in found["generated"]:
        cells = [tables.show_number(found[which][name], digits) for which in sets]
        rows.append([name, *cells])
    return f"{tables.lay_out(title, rows)}\n{facts_line(found['facts'])}"


def facts_line(facts: Mapping[str, Any]) -> str:
    """What a number is of, in words."""
    words = [facts["features"], f"{facts['generated']['count']:,} generated"]
    for which in ("real", "other_real"):
        if which in facts:
            one = facts[which]
            words.append(f"{one['count']:,} {which.replace('_', ' ')} of {one['from']}")
            if one.get("broken"):
                words.append(f"{one['broken']:,} unreadable left out")
    if facts.get("too_few"):
        words.append(tables.TOO_FEW)
    if not facts.get("real", {}).get("apart", True):
        words.append("the model may have been trained on these")
    if "real" in facts:
        data = facts["data"]
        words.append(f"{data['resolution']} pixels; --resize {data['resize']}, Lanczos")
    return tables.made_line(words, facts["generated"])


def curves_of(name: str, found: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of generated pictures; one that is alone has the name of its metric."""
    numbers = found["generated"]
    if "average" in numbers:
        return {name: numbers["average"].value}
    values = {key: getattr(value, "value", value) for key, value in numbers.items()}
    return {name if len(values) == 1 else f"{name}_{key}": value for key, value in values.items()}


def _measure(name: str, title: str, digits: int, find: Any) -> Measure:
    return Measure(find, partial(describe_numbers, title, digits), partial(curves_of, name))


MEASURES = {
    "swd": Measure(find_swd, describe_swd, partial(curves_of, "swd")),
    **{
        name: _measure(name, title, digits, partial(find, numbers))
        for name, title, digits, find, numbers in (
            (
                "avatar-fd",
                "Frechet distance of avatar features [jackknife 95 %]",
                3,
                find_avatar,
                frechet_numbers,
            ),
            (
                "avatar-kd",
                "Kernel distance of avatar features [subsets, 95 %]",
                5,
                find_avatar,
                kernel_numbers,
            ),
            (
                "avatar-pr",
                "Precision and recall of avatar features [Wilson 95 %]",
                3,
                find_avatar,
                precision_numbers,
            ),
        )
    },
    **{
        name: _measure(name, title, digits, partial(find_features, numbers, option))
        for name, title, digits, option, numbers in (
            ("fid", "FID: Frechet inception distance", 3, "inception", frechet_numbers),
            (
                "kid",
                "KID: kernel inception distance [subsets, 95 %]",
                5,
                "inception",
                kernel_numbers,
            ),
            (
                "pr",
                "Precision and recall of Inception features [Wilson 95 %]",
                3,
                "inception",
                precision_numbers,
            ),
            (
                "pr-vgg16",
                "Precision and recall of VGG16 features, as published [Wilson 95 %]",
                3,
                "vgg16",
                precision_numbers,
            ),
        )
    },
    "is": _measure("is", "Inception score [t of 10 splits, 95 %]", 3, find_inception_score),
    "ppl": path_lengths.MEASURE,
    "separability": separability.MEASURE,
}
