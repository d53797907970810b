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

from tfgan import inference
from tfgan.arithmetic import ARITHMETIC
from tfgan.digests import make_key
from tfgan.evaluate import tables
from tfgan.evaluate.metric import MEASURES, Metric
from tfgan.inference import to_float, to_uint8
from tfgan.metrics.diversity import diversity, output_pairs
from tfgan.metrics.frechet import feature_distance
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
        for source, source_name in enumerate(names):
            for target, target_name in enumerate(names):
                if source != target:
                    yield Pair(f"{source_name} -> {target_name}", guide, source, target)


def output_rows(
    subject: Any, pair: Pair, key: str, width: int, function: Callable[[Any], Any], words: str
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
        import tensorflow as tf  # which --help does without

        rows = images.shape[0]
        domains = tf.fill([rows * count], pair.target)
        flat = tf.reshape(guides, [rows * count, *guides.shape[2:]])
        if pair.guide == "latent":
            styles = model.style_from_latent(flat, domains)
        else:
            styles = model.style_from_reference(to_float(flat), domains)
        translations = model.translate(tf.repeat(to_float(images), count, axis=0), styles)
        return function(tf.reshape(translations, [rows, count, *translations.shape[1:]]))

    def make(start: int, stop: int) -> np.ndarray:
        return run(images[start:stop], np.stack([draw(i) for i in range(start, stop)]))

    run = request.replicas.over_rows(outputs, pictures=count)
    facts = real.facts()
    code = (sys.modules[type(model).__module__], inference, sys.modules[__name__])
    settings = (subject.key, request.seed, request.data.resize, count, pair, len(images))
    key = make_key(key, *settings, facts["fingerprint"], facts["held_back"], *code, ARITHMETIC)
    rows = Rows(subject.folder / f"outputs-{key}.rows", width, key)
    rows.fill(len(images), make, run.batch_size, f"{words}, {pair.guide}: {pair.name}")
    return rows.read(len(images))


def feature_rows(subject: Any, pair: Pair, network: Any, words: str) -> np.ndarray:
    """Features of all outputs of a pair, float32 [N * K, C]."""
    count = subject.request.outputs

    def features(outputs: Any) -> Any:
        import tensorflow as tf

        flat = tf.reshape(to_uint8(outputs), [-1, *outputs.shape[2:]])
        return tf.reshape(network.features(flat), [-1, count * network.width])

    rows = output_rows(subject, pair, network.key, count * network.width, features, words)
    return rows.reshape(-1, network.width)


def measure_distances(name: str, option: str, subject: Any) -> dict[str, Any]:
    """Frechet distances of outputs to the pictures of their domain that are learned from.

    Returns:
        "pairs", by guide and pair; "mean" of these, by guide; and "facts".
    """
    network, (real,) = subject.reals.networks.open(option), subject.reals.sets
    labels = real.source.labels()
    domains = [
        subject.reals.networks.real_features(
            option, real.source, np.flatnonzero(labels == i), f"Real {domain}"
        )
        for i, domain in enumerate(real.label_set.names)
    ]
    pairs: dict[str, dict[str, float]] = {guide: {} for guide in GUIDES}
    for pair in all_pairs(real.label_set.names):
        features = feature_rows(subject, pair, network, name)
        pairs[pair.guide][pair.name] = feature_distance(domains[pair.target].values, features)
    counts = {
        domain: len(real_features.values)
        for domain, real_features in zip(real.label_set.names, domains, strict=True)
    }
    least = min(*counts.values(), *[c * subject.request.outputs for c in real.counts().values()])
    return {
        "pairs": pairs,
        "mean": {guide: float(np.mean(list(numbers.values()))) for guide, numbers in pairs.items()},
        "facts": {
            **output_facts(subject, network.name),
            "real": {"counts": counts},
            "too_few": least < network.width,
        },
    }


def measure_diversity(subject: Any) -> dict[str, Any]:
    """LPIPS between the outputs of one picture, averaged over pictures.

    Returns:
        See `measure_distances`; each with its interval but the means, which are over pairs.
    """
    network, (real,) = subject.reals.networks.open("lpips_alex"), subject.reals.sets
    count = subject.request.outputs
    first, second = output_pairs(count).T

    def distances(outputs: Any) -> Any:
        import tensorflow as tf

        rows = outputs.shape[0]
        maps = network.model.features(tf.reshape(outputs, [-1, *outputs.shape[2:]]))
        places = tf.range(rows)[:, None] * count
        sides = [
            [tf.gather(layer, tf.reshape(places + side, [-1])) for layer in maps]
            for side in (first, second)
        ]
        return tf.reshape(network.model.distance(*sides), [rows, len(first)])

    pairs: dict[str, dict[str, Any]] = {guide: {} for guide in GUIDES}
    for pair in all_pairs(real.label_set.names):
        rows = output_rows(subject, pair, network.key, len(first), distances, "lpips")
        pairs[pair.guide][pair.name] = diversity(rows, subject.request.seed)
    return {
        "pairs": pairs,
        "mean": {
            guide: float(np.mean([number.value for number in numbers.values()]))
            for guide, numbers in pairs.items()
        },
        "facts": output_facts(subject, network.name),
    }


def output_facts(subject: Any, features: str) -> dict[str, Any]:
    """What results say of outputs."""
    (real,) = subject.reals.sets
    return {
        "features": features,
        "data": {**real.facts(), **subject.sampling()},
        "outputs": subject.request.outputs,
    }


def describe(title: str, digits: int, result: Mapping[str, Any]) -> str:
    """The number of each pair and guide, and their means."""
    rows = [["", *GUIDES]]
    for pair in next(iter(result["pairs"].values())):
        cells = [tables.show_number(result["pairs"][guide][pair], digits) for guide in GUIDES]
        rows.append([pair, *cells])
    rows.append(["mean", *[f"{result['mean'][guide]:.{digits}f}" for guide in GUIDES]])
    facts = result["facts"]
    sources = sum(facts["data"]["counts"].values())
    words = [facts["features"], f"{facts['outputs']} outputs of each of {sources:,} pictures"]
    if "real" in facts:
        counts = facts["real"]["counts"].items()
        words.append("against " + ", ".join(f"{count:,} {name}" for name, count in counts))
    if facts.get("too_few"):
        words.append(tables.TOO_FEW)
    return f"{tables.lay_out(title, rows)}\n{tables.facts_line(words, facts['data'])}"


def curves(name: str, result: Mapping[str, Any]) -> dict[str, float]:
    """The mean of each guide."""
    return {f"{name}_{guide}": value for guide, value in result["mean"].items()}


def _metric(name: str, about: str, measure: Any, title: str, digits: int, **more) -> Metric:
    return Metric(
        name,
        about,
        1000,
        "of each domain",
        measure,
        functools.partial(describe, title, digits),
        functools.partial(curves, name),
        **more,
    )


AVATAR_FD = _metric(
    "avatar-fd",
    "Frechet distance to the target domain, avatar network",
    functools.partial(measure_distances, "avatar-fd", "avatar"),
    "Frechet distance of avatar features to pictures of the target domain",
    2,
    faces=MEASURES,
)
FID = _metric(
    "fid",
    "Frechet inception distance to the target domain",
    functools.partial(measure_distances, "fid", "inception"),
    "FID to pictures of the target domain",
    2,
    network="inception",
)
LPIPS = _metric(
    "lpips",
    "diversity: LPIPS of outputs of one picture",
    measure_diversity,
    "Diversity: LPIPS between outputs of one picture [bootstrap 95 %]",
    4,
    network="lpips_alex",
    caution="diversity is no measure of picture quality: noise is diverse too. fid is one.",
)
