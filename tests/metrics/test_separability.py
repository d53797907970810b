"""Linear separability."""

import math
import sys

import numpy as np
import pytest

from tfgan.metrics import MetricError
from tfgan.metrics.separability import find_sides, separability, surprisals
from tfgan.terminal import MissingPackageError


def plain_entropy(sides, classes):
    """H(Y|X) = H(X, Y) - H(X) in bits, by loops."""
    total = 0.0
    for side in (False, True):
        of_side = sum(1 for x in sides if x == side) / len(sides)
        total += of_side * math.log2(of_side) if of_side else 0.0
        for label in (False, True):
            both = sum(1 for x, y in zip(sides, classes, strict=True) if (x, y) == (side, label))
            total -= both / len(sides) * math.log2(both / len(sides)) if both else 0.0
    return total


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.5])
def test_mean_surprisal_is_the_conditional_entropy(noise):
    random = np.random.default_rng(0)
    sides = random.random(300) < 0.3
    classes = sides ^ (random.random(300) < noise)
    result = surprisals(sides, classes).mean()
    np.testing.assert_allclose(result, plain_entropy(sides, classes), atol=1e-12)


def draw(count=600, noise=0.0):
    random = np.random.default_rng(1)
    latents = random.standard_normal((count, 4))
    logits = {
        "line": latents[:, 0] + noise * random.standard_normal(count),
        "ring": (latents[:, :2] ** 2).sum(axis=1) - 1.4,
    }
    return latents, logits


def test_the_score_is_two_to_the_entropies_of_the_surest_half():
    latents, logits = draw(noise=0.5)
    result = separability(latents, logits)
    total = 0.0
    for name, values in logits.items():
        kept = sorted(range(600), key=lambda i: -abs(values[i]))[:300]
        classes = values[kept] > 0
        sides = find_sides(latents[kept], classes)
        entropy = plain_entropy(sides, classes)
        np.testing.assert_allclose(result.attributes[name].entropy, entropy, atol=1e-12)
        assert result.attributes[name].accuracy == np.mean(sides == classes)
        assert not result.attributes[name].one_class
        total += entropy
    np.testing.assert_allclose(result.score.value, 2**total, rtol=1e-12)
    assert result.score.low < result.score.value < result.score.high
    assert result.score.count == 600


def test_a_plane_tells_a_line_and_not_a_ring():
    result = separability(*draw()).attributes
    # The machine gives a little of the margin away for few samples that are close to the plane.
    assert result["line"].entropy < 0.05
    assert result["line"].accuracy > 0.99
    assert result["ring"].entropy > 0.8


def test_the_interval_is_that_of_drawing_samples_anew():
    latents, logits = draw(1000, noise=1.0)
    result = separability(latents, {"line": logits["line"]})
    values = logits["line"]
    kept = np.argsort(-np.abs(values))[:500]
    classes = values[kept] > 0
    sides = find_sides(latents[kept], classes)
    random = np.random.default_rng(0)
    drawn = []
    for _ in range(200):
        rows = random.integers(500, size=500)
        drawn.append(2 ** plain_entropy(sides[rows], classes[rows]))
    # The one takes p(class | side) as it is, and lets the number of kept samples vary.
    wanted = np.quantile(drawn, 0.975) - np.quantile(drawn, 0.025)
    np.testing.assert_allclose(result.score.high - result.score.low, wanted, rtol=0.3)


def test_an_attribute_of_one_class_needs_no_plane():
    latents, logits = draw()
    logits["always"] = np.full(600, 2.0)
    result = separability(latents, logits)
    assert result.attributes["always"] == (0.0, 1.0, True)
    without = separability(latents, {name: logits[name] for name in ("line", "ring")})
    np.testing.assert_allclose(result.score.value, without.score.value, rtol=1e-12)


def test_unusable_input_is_an_error():
    latents, logits = draw()
    with pytest.raises(MetricError, match="600 samples, 0 attributes"):
        separability(latents, {})
    with pytest.raises(MetricError, match=r"line must have a finite number .* \[599\], 0 not"):
        separability(latents, {"line": logits["line"][1:]})
    logits["line"][3] = np.nan
    with pytest.raises(MetricError, match="1 not finite"):
        separability(latents, logits)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(MissingPackageError, match=r"scikit-learn.* pip install '\.\[metrics\]'"):
        separability(*draw())
