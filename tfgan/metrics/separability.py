"""Linear separability: latents and attributes -> sides of planes -> entropies -> number."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from tfgan.metrics import MetricError
from tfgan.metrics.intervals import Interval, mean
from tfgan.terminal import Progress, require

PACKAGES = ("scipy", "sklearn")


class Attribute(NamedTuple):
    """How well a plane separates an attribute in latent space.

    Attributes:
        entropy: H(Y|X) in bits, of the class Y given the side X: 0 for a plane that is always
            right, 1 for a useless plane and two equally frequent classes.
        accuracy: Proportion of the latents on the side of their class.
        one_class: Whether all kept samples have the same class: then no plane is needed, and the
            entropy is 0.
    """

    entropy: float
    accuracy: float
    one_class: bool


class Separability(NamedTuple):
    """Linear separability of latents.

    Attributes:
        score: 2^sum H(Y|X); 1 is the best.
        attributes: By name.
    """

    score: Interval
    attributes: dict[str, Attribute]


def surprisals(sides: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """-log2 p(class | side) of each pair, whose mean is H(Y|X): bool [N] and [N] -> float64 [N]."""
    counts = np.zeros((2, 2))
    np.add.at(counts, (sides.astype(int), classes.astype(int)), 1)
    same_class, all_of_side = counts[sides.astype(int), classes.astype(int)], counts.sum(axis=1)
    return np.log2(all_of_side[sides.astype(int)] / same_class)


def find_sides(latents: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Side of each latent at the plane of a linear support vector machine: bool [N]."""
    require("linear separability", *PACKAGES)
    from sklearn.svm import LinearSVC

    return LinearSVC(random_state=0).fit(latents, classes).predict(latents)


def separability(
    latents: np.ndarray,
    logits: Mapping[str, np.ndarray],
    seed: int = 0,
    progress: str | None = None,
) -> Separability:
    """Linear separability: how well planes in latent space separate the attributes of pictures.

    For each attribute, the half of the samples with the most confident classification is kept, a
    linear support vector machine with scikit-learn's defaults learns the class from the latent, and
    H(Y|X) is measured on its training samples. The sum over the attributes is in bits, and the
    score 2^sum, as in the published code; it equals exp of the sum in nats, as in the paper. It
    grows with the number of attributes.

    The interval keeps planes and selected samples fixed, which is cheap: H(Y|X) is the mean of
    -log2 p(class | side) over the kept samples, so the sum is a mean over samples, which are
    resampled, each with all its attributes.

    Args:
        latents: Z or W of the samples, float [N, Z], N >= 2.
        logits: By attribute, logits of its classifier for each sample's picture, float [N]; above 0
            is one class, and the absolute value is the confidence.
        seed: For the resampling.
        progress: Words before a progress bar, which shows after two seconds; None: no bar.

    Raises:
        MetricError: If there is no attribute, there are fewer than two samples, a logit is missing
            or not finite.
        MissingPackageError: If scikit-learn is not installed.

    Reference:
        Karras et al. 2018, arXiv:1812.04948, section 4.2 and appendix B.
    """
    count = len(latents)
    if count < 2 or not logits:
        raise MetricError(
            "linear separability needs two samples and one attribute or more. "
            f"Received: {count} samples, {len(logits)} attributes."
        )
    for name, values in logits.items():
        if values.shape != (count,) or not np.all(np.isfinite(values)):
            raise MetricError(
                f"{name} must have a finite number for each of {count} samples. "
                f"Received: {list(values.shape)}, {np.sum(~np.isfinite(values))} not finite."
            )
    added = np.zeros(count)
    attributes = {}
    for name, values in Progress(logits.items(), progress, disable=progress is None):
        kept = np.argsort(-np.abs(values), kind="stable")[: count // 2]
        classes = values[kept] > 0
        one_class = bool(classes.all() or not classes.any())
        sides = classes if one_class else find_sides(latents[kept], classes)
        bits = surprisals(sides, classes)
        added[kept] += bits * (count / len(kept))
        attributes[name] = Attribute(
            float(bits.mean()), float(np.mean(sides == classes)), one_class
        )
    total = mean(added, seed)
    score = Interval(2**total.value, 2**total.low, 2**total.high, count)
    return Separability(score, attributes)
