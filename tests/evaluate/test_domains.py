"""Measuring translation between domains: by models whose results are known beforehand."""

import numpy as np
import pytest

from tfgan.evaluate.domain_models import StyleTranslator
from tfgan.evaluate.domains import measure_domains
from tfgan.evaluate.real_pictures import Pictures
from tfgan.metrics.intervals import Interval
from tfgan.models.stargan_v2 import StarGANv2

NAMES = ("dark", "bright", "white")
SIZE = 6


@pytest.fixture(scope="module")
def pictures():
    """Grey pictures of three domains, that brightness tells apart."""
    random = np.random.default_rng(0)
    images = [
        random.integers(80 * domain, 80 * domain + 60, (200, SIZE, SIZE, 3), np.uint8)
        for domain in range(3)
    ]
    return Pictures(np.concatenate(images), np.arange(600), np.repeat(np.arange(3), 200))


@pytest.fixture(scope="module")
def masks(pictures):
    """The background of each."""
    return np.random.default_rng(1).random(pictures.images.shape[:3]) < 0.5


def classify(images):
    """Tells domains by brightness, and is wrong about every tenth picture or so."""
    found = np.round((images.mean(axis=(1, 2, 3)) - 30) / 80).astype(int)
    wrong = images[:, 0, 0, 0] % 10 == 3
    return np.where(wrong, (found + 1) % 3, found)


class Copies:
    """Gives back what it is given."""

    guides = ("copy",)

    def translate(self, guide, images, source, target, random):
        return images.copy()

    def reconstruct(self, images, translations, source):
        return translations


class Knows:
    """Gives back a real picture of the target domain, and remembers how to go back."""

    guides = ("first", "second")

    def __init__(self, pictures):
        self.pictures = pictures

    def translate(self, guide, images, source, target, random):
        return random.permutation(self.pictures.images[self.pictures.labels == target])

    def reconstruct(self, images, translations, source):
        return images


def test_a_model_that_copies_arrives_nowhere_and_changes_nothing(pictures, masks):
    found = measure_domains(Copies(), classify, pictures, masks, NAMES, 0)["copy"]
    assert found["share"].count == 1200
    # Only where the classifier is wrong about the picture itself: to one of two other domains.
    assert 0 < found["share"].value < 0.08
    assert found["background"]["own"] == Interval(0.0, 0.0, 0.0, 1200)
    assert found["reconstruction"] == Interval(0.0, 0.0, 0.0, 1200)
    shuffled, margin = found["background"]["shuffled"], found["background"]["margin"]
    assert shuffled == margin
    # Two draws from 60 values lie a third of 60 apart.
    np.testing.assert_allclose(shuffled.value, 20 / 127.5, rtol=0.02)


def test_a_model_that_knows_arrives_as_often_as_the_classifier_is_right(pictures, masks):
    found = measure_domains(Knows(pictures), classify, pictures, masks, NAMES, 0)
    assert list(found) == ["first", "second"]
    named = classify(pictures.images) == pictures.labels
    right = [np.mean(named[pictures.labels == domain]) for domain in range(3)]
    for column in found.values():
        # Every picture of each domain is shown once from each of the two others.
        np.testing.assert_allclose(column["share"].value, np.mean(right))
        for source, name in enumerate(NAMES):
            for target, other in enumerate(NAMES):
                if source != target:
                    pair = column["pairs"][f"{name} -> {other}"]
                    np.testing.assert_allclose(pair.value, right[target])
                    assert pair.count == 200
        assert len(column["pairs"]) == 6
        # It knows nothing of the background, so its own is as far away as any other.
        margin = column["background"]["margin"]
        assert margin.low < 0 < margin.high
        assert column["background"]["own"].value > 0.5
        assert column["reconstruction"].value == 0


def test_the_same_seed_gives_the_same_numbers(pictures, masks):
    some = np.arange(0, 600, 4)
    few = Pictures(*[part[some] for part in pictures])
    first, second, other = (
        measure_domains(Knows(few), classify, few, masks[some], NAMES, seed) for seed in (1, 1, 2)
    )
    assert first == second
    assert first["first"]["background"] != first["second"]["background"]
    assert first["first"]["background"] != other["first"]["background"]


@pytest.fixture(scope="module")
def model():
    """A tiny StarGAN v2 whose weights are all off their first values."""
    made = StarGANv2(32, ("a", "b"), 4, 8, mapping_width=8, channel_base=64, channel_max=8)
    made.build()
    random = np.random.default_rng(0)
    for variable in made.variables:
        variable.assign(variable + 0.3 * random.standard_normal(variable.shape))
    return made


def test_styles_of_latents_and_of_pictures_of_the_target_domain_guide_a_model(model):
    images = np.random.default_rng(0).integers(0, 256, (4, 5, 32, 32, 3), np.uint8)
    translator = StyleTranslator(model, [images[0][:1], images[1][:1]])
    sources = images[2]
    x = sources.astype(np.float32) / 127.5 - 1
    made = translator.translate("reference", sources, 0, 1, np.random.default_rng(0))
    # There is one reference of each domain, so which one is drawn is known.
    reference = np.repeat(images[1][:1], 5, axis=0).astype(np.float32) / 127.5 - 1
    style = model.style_from_reference(reference, np.full(5, 1))
    expected = np.clip((np.asarray(model.translate(x, style)) + 1) * 127.5, 0, 255)
    # Rounding to whole values, and at most one off where the sums differ in their last digits.
    np.testing.assert_allclose(made, expected, atol=0.51)
    by_latent = [
        translator.translate("latent", sources, 0, target, np.random.default_rng(seed))
        for target, seed in ((1, 0), (1, 0), (0, 0), (1, 1))
    ]
    np.testing.assert_array_equal(by_latent[0], by_latent[1])
    assert not np.array_equal(by_latent[0], by_latent[2])
    assert not np.array_equal(by_latent[0], by_latent[3])
    own = model.style_from_reference(x, np.zeros(5, int))
    expected = model.translate(made.astype(np.float32) / 127.5 - 1, own)
    expected = np.clip((np.asarray(expected) + 1) * 127.5, 0, 255)
    np.testing.assert_allclose(translator.reconstruct(sources, made, 0), expected, atol=0.51)
