"""StarGAN v2's protocol: several outputs of each picture in each other domain.

Their distance to pictures of that domain says how real they look, and their distance to one another
how diverse they are. Both are measured for each pair of domains, with styles of random latents and
with those of random references, and averaged over the pairs.

Reference:
    Choi et al. 2020, arXiv:1912.01865, section 3 and appendix A.1; clovaai/stargan-v2,
    metrics/eval.py.
"""

import functools
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfgan.arithmetic import ARITHMETIC
from tfgan.evaluate import generators, tables
from tfgan.evaluate.digests import make_key
from tfgan.evaluate.feature_networks import FeatureNetwork
from tfgan.evaluate.features import frechet_of, real_features
from tfgan.evaluate.generators import to_uint8
from tfgan.evaluate.judged import Reals, Subject
from tfgan.evaluate.kinds import Measure
from tfgan.metrics.diversity import diversity, output_pairs
from tfgan.metrics.stored_rows import Rows

GUIDES = ("latent", "reference")


class Pair(NamedTuple):
    """Outputs of pictures of one domain in another one.

    Attributes:
        name: "source -> target".
        guide: What styles are of: one of `GUIDES`.
        source: Index of the domain of the pictures.
        target: Index of that of the outputs.
    """

    name: str
    guide: str
    source: int
    target: int


def all_pairs(names: Any) -> Iterator[Pair]:
    """Every domain to every other one, by each guide."""
    for guide in GUIDES:
        for source, here in enumerate(names):
            for target, there in enumerate(names):
                if source != target:
                    yield Pair(f"{here} -> {there}", guide, source, target)


def to_float(images):
    """`tfgan.figures.to_float` of a tensor."""
    return tf.cast(images, tf.float32) / 127.5 - 1.0


def output_rows(
    subject: Subject, pair: Pair, key: str, width: int, function: Callable[[Any], Any], words: str
) -> np.ndarray:
    """What a function makes of all outputs of each picture, kept in the cache.

    Args:
        subject: The model and its pictures.
        pair: Which outputs.
        key: Changes with the function.
        width: Numbers C of each row.
        function: Runs on replicas: outputs, float32 [B, K, R, R, 3] -> float32 [B, C].
        words: Before the progress bar.

    Returns:
        float32 [N, C], a row of each held-back picture of the source domain.
    """
    model, request, (real,) = subject.model, subject.request, subject.reals.sets
    images, references = (
        real.pictures.of_classes(len(model.domain_names))[i] for i in (pair.source, pair.target)
    )
    count = request.outputs

    def draw(i: int) -> np.ndarray:
        numbers = [request.seed, GUIDES.index(pair.guide), pair.source, pair.target, i, 1]
        random = np.random.default_rng(numbers)
        if pair.guide == "latent":
            return random.standard_normal((count, model.latent_dim), np.float32)
        return references[random.integers(len(references), size=count)]

    def outputs(images: Any, guides: Any) -> Any:
        rows = images.shape[0]
        domains = tf.fill([rows * count], pair.target)
        flat = tf.reshape(guides, [rows * count, *guides.shape[2:]])
        if pair.guide == "latent":
            styles = model.style_from_latent(flat, domains)
        else:
            styles = model.style_from_reference(to_float(flat), domains)
        made = model.translate(tf.repeat(to_float(images), count, axis=0), styles)
        return function(tf.reshape(made, [rows, count, *made.shape[1:]]))

    def make(start: int, stop: int) -> np.ndarray:
        return run(images[start:stop], np.stack([draw(i) for i in range(start, stop)]))

    run = request.replicas.over_rows(outputs, pictures=count)
    facts = real.facts()
    code = (sys.modules[type(model).__module__], generators, sys.modules[__name__])
    told = (subject.key, request.seed, request.config.resize, count, pair, len(images))
    key = make_key(key, *told, facts["fingerprint"], facts["held_back"], *code, ARITHMETIC)
    rows = Rows(subject.made / f"outputs-{key}.rows", width, key)
    rows.fill(len(images), make, run.batch_size, f"{words}, {pair.guide}: {pair.name}")
    return rows.read(len(images))


def feature_rows(subject: Subject, pair: Pair, network: FeatureNetwork, words: str) -> np.ndarray:
    """Features of all outputs of a pair, float32 [N * K, C]."""
    count = subject.request.outputs

    def features(outputs: Any) -> Any:
        flat = tf.reshape(to_uint8(outputs), [-1, *outputs.shape[2:]])
        return tf.reshape(network.features(flat), [-1, count * network.width])

    rows = output_rows(subject, pair, network.key, count * network.width, features, words)
    return rows.reshape(-1, network.width)


def find_distances(
    network_of: Callable[[Reals], FeatureNetwork], subject: Subject, name: str
) -> dict[str, Any]:
    """Frechet distances of outputs to the pictures of their domain that are learned from.

    Returns:
        "pairs", by guide and pair; "mean" of these, by guide; and "facts".
    """
    network, (real,) = network_of(subject.reals), subject.reals.sets
    labels = real.source.labels()
    domains = [
        real_features(
            subject.request, network, real.source, np.flatnonzero(labels == i), f"Real {domain}"
        )
        for i, domain in enumerate(real.label_set.names)
    ]
    pairs: dict[str, dict[str, float]] = {guide: {} for guide in GUIDES}
    for pair in all_pairs(real.label_set.names):
        made = feature_rows(subject, pair, network, name)
        pairs[pair.guide][pair.name] = frechet_of(domains[pair.target].values, made)
    counts = {
        domain: len(one.values) for domain, one in zip(real.label_set.names, domains, strict=True)
    }
    least = min(*counts.values(), *[c * subject.request.outputs for c in real.counts().values()])
    return {
        "pairs": pairs,
        "mean": {guide: float(np.mean(list(own.values()))) for guide, own in pairs.items()},
        "facts": {
            **output_facts(subject, network.name),
            "real": {"counts": counts},
            "too_few": least < network.width,
        },
    }


def find_diversity(subject: Subject, name: str) -> dict[str, Any]:
    """LPIPS between the outputs of one picture, averaged over pictures.

    Returns:
        See `find_distances`; each with its interval but the means, which are over pairs.
    """
    network, (real,) = subject.reals.networks.lpips_alex, subject.reals.sets
    count = subject.request.outputs
    first, second = output_pairs(count).T

    def distances(outputs: Any) -> Any:
        rows = outputs.shape[0]
        maps = network.model.features(tf.reshape(outputs, [-1, *outputs.shape[2:]]))
        places = tf.range(rows)[:, None] * count
        sides = [
            [tf.gather(one, tf.reshape(places + side, [-1])) for one in maps]
            for side in (first, second)
        ]
        return tf.reshape(network.model.distance(*sides), [rows, len(first)])

    pairs: dict[str, dict[str, Any]] = {guide: {} for guide in GUIDES}
    for pair in all_pairs(real.label_set.names):
        rows = output_rows(subject, pair, network.key, len(first), distances, name)
        pairs[pair.guide][pair.name] = diversity(rows, subject.request.seed)
    return {
        "pairs": pairs,
        "mean": {
            guide: float(np.mean([one.value for one in own.values()]))
            for guide, own in pairs.items()
        },
        "facts": output_facts(subject, network.name),
    }


def output_facts(subject: Subject, features: str) -> dict[str, Any]:
    """What results say of outputs."""
    (real,) = subject.reals.sets
    return {
        "features": features,
        "data": {**real.facts(), **subject.sampling()},
        "outputs": subject.request.outputs,
    }


def describe(title: str, digits: int, found: Mapping[str, Any]) -> str:
    """What was found of all pairs, as a user sees it."""
    rows = [["", *GUIDES]]
    for pair in next(iter(found["pairs"].values())):
        cells = [tables.show_number(found["pairs"][guide][pair], digits) for guide in GUIDES]
        rows.append([pair, *cells])
    rows.append(["mean", *[f"{found['mean'][guide]:.{digits}f}" for guide in GUIDES]])
    facts = found["facts"]
    sources = sum(facts["data"]["counts"].values())
    words = [facts["features"], f"{facts['outputs']} outputs of each of {sources:,} pictures"]
    if "real" in facts:
        counts = facts["real"]["counts"].items()
        words.append("against " + ", ".join(f"{count:,} {name}" for name, count in counts))
    if facts.get("too_few"):
        words.append(tables.TOO_FEW)
    return f"{tables.lay_out(title, rows)}\n{tables.facts_line(words, facts['data'])}"


def curves(name: str, found: Mapping[str, Any]) -> dict[str, float]:
    """The mean of each guide."""
    return {f"{name}_{guide}": value for guide, value in found["mean"].items()}


def _measure(name: str, title: str, digits: int, find: Any) -> Measure:
    return Measure(
        find, functools.partial(describe, title, digits), functools.partial(curves, name)
    )


MEASURES = {
    "avatar-fd": _measure(
        "avatar-fd",
        "Frechet distance of avatar features to pictures of the target domain",
        2,
        functools.partial(find_distances, lambda reals: reals.networks.avatar),
    ),
    "fid": _measure(
        "fid",
        "FID to pictures of the target domain",
        2,
        functools.partial(find_distances, lambda reals: reals.networks.inception),
    ),
    "lpips": _measure(
        "lpips",
        "Diversity: LPIPS between outputs of one picture [bootstrap 95 %]",
        4,
        find_diversity,
    ),
}
