"""Measuring translations: by models whose results are known beforehand."""

import dataclasses

import numpy as np
import pytest

from tfgan.data.avatars import find_background, person_of
from tfgan.data.held_back import Subset, hold_back
from tfgan.data.sources import DataError, FolderSource
from tfgan.metrics.translation import Interval
from tfgan.models.stargan_v2 import StarGANv2
from training.config import TrainingConfig
from training.translation import (
    Pictures,
    StyleTranslator,
    find_backgrounds,
    measure_translations,
    read_domains,
)

NAMES = ("dark", "bright", "white")
SIZE = 6


@pytest.fixture(scope="module")
def domains():
    """Grey pictures of three domains, that brightness tells apart, each with its own background."""
    random = np.random.default_rng(0)
    made = []
    for domain in range(3):
        images = random.integers(80 * domain, 80 * domain + 60, (200, SIZE, SIZE, 3), np.uint8)
        made.append(Pictures(images, np.arange(200)))
    return made


@pytest.fixture(scope="module")
def masks(domains):
    random = np.random.default_rng(1)
    return [random.random(pictures.images.shape[:3]) < 0.5 for pictures in domains]


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

    def __init__(self, domains):
        self.domains = domains

    def translate(self, guide, images, source, target, random):
        return random.permutation(self.domains[target].images)

    def reconstruct(self, images, translations, source):
        return images


def test_a_model_that_copies_arrives_nowhere_and_changes_nothing(domains, masks):
    found = measure_translations(Copies(), classify, domains, masks, NAMES, 0)["copy"]
    assert found["share"].count == 1200
    # Only where the classifier is wrong about the picture itself: to one of two other domains.
    assert 0 < found["share"].value < 0.08
    assert found["background"]["own"] == Interval(0.0, 0.0, 0.0, 1200)
    assert found["reconstruction"] == Interval(0.0, 0.0, 0.0, 1200)
    shuffled, margin = found["background"]["shuffled"], found["background"]["margin"]
    assert shuffled == margin
    # Two draws from 60 values lie a third of 60 apart.
    np.testing.assert_allclose(shuffled.value, 20 / 127.5, rtol=0.02)


def test_a_model_that_knows_arrives_as_often_as_the_classifier_is_right(domains, masks):
    found = measure_translations(Knows(domains), classify, domains, masks, NAMES, 0)
    assert list(found) == ["first", "second"]
    right = [np.mean(classify(p.images) == domain) for domain, p in enumerate(domains)]
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


def test_only_pixels_that_are_background_in_both_pictures_count(domains):
    images = np.zeros([2, SIZE, SIZE, 3], np.uint8)
    images[0, 0, 0] = 255
    masks = np.zeros([2, SIZE, SIZE], bool)
    masks[:, 0, 0] = True
    masks[0, 1] = masks[1, 2] = True

    class Inverts(Copies):
        def translate(self, guide, images, source, target, random):
            return ~images

    two = [Pictures(images, np.arange(2))] * 2
    found = measure_translations(Inverts(), classify, two, [masks] * 2, NAMES[:2], 0)
    background = found["copy"]["background"]
    # One pixel: it differs from its own by 2, and from that of the other picture not at all.
    assert background["own"] == Interval(2.0, 2.0, 2.0, 4)
    assert background["shuffled"].value == 0
    assert background["margin"].value == -2


def test_a_background_that_is_not_known_says_why(domains):
    found = measure_translations(Copies(), classify, domains, "not known, for", NAMES, 0)
    assert found["copy"]["background"] == "not known, for"


def test_the_same_seed_gives_the_same_numbers(domains, masks):
    first, second, other = (
        measure_translations(
            Knows([p._replace(images=p.images[:50]) for p in domains]),
            classify,
            [p._replace(images=p.images[:50]) for p in domains],
            [m[:50] for m in masks],
            NAMES,
            seed,
        )
        for seed in (1, 1, 2)
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


AVATARS = TrainingConfig(data="avatars", avatars_count=40, resolution=16, conditional=True)


@pytest.fixture(scope="module")
def avatars(tmp_path_factory):
    """A few avatars, and the option that says where they are."""
    config = dataclasses.replace(AVATARS, data_dir=str(tmp_path_factory.mktemp("sets")))
    return config, config.open_source()


def test_backgrounds_of_avatars_are_those_of_the_people_in_them(avatars):
    config, source = avatars
    test = Subset(source, np.arange(5, 40))
    domains = read_domains(test, config, 3, 0)
    found = find_backgrounds(config, "train", domains)
    for domain, (pictures, masks) in enumerate(zip(domains, found, strict=True)):
        assert pictures.images.shape == (3, 16, 16, 3)
        for index, mask in zip(pictures.indices, masks, strict=True):
            person = person_of(0, int(index))
            assert person.male == bool(domain)
            np.testing.assert_array_equal(mask, find_background(person, 16))


def test_backgrounds_of_pictures_that_were_not_drawn_here_are_not_known(avatars):
    config, source = avatars
    domains = read_domains(Subset(source, np.arange(40)), config, 3, 0)
    domains[1].images[2, 0, 0, 0] ^= 1
    assert "another version" in find_backgrounds(config, "train", domains)
    other = dataclasses.replace(config, data="some/folder")
    assert find_backgrounds(other, "train", domains) == (
        "not known, for some/folder does not say where it is"
    )


def test_pictures_are_drawn_by_the_seed_and_read_as_training_reads_them(avatars):
    config, source = avatars
    test = hold_back(source).test
    everything = read_domains(test, config, 1000, 0)
    labels = source.labels()
    for domain, pictures in enumerate(everything):
        assert set(pictures.indices) <= set(np.flatnonzero(labels == domain))
    assert sum(len(p.images) for p in everything) == len(test)
    whole = Subset(source, np.arange(40))
    first, second, other = (read_domains(whole, config, 8, seed) for seed in (1, 1, 2))
    for a, b, c in zip(first, second, other, strict=True):
        np.testing.assert_array_equal(a.indices, b.indices)
        np.testing.assert_array_equal(a.images, b.images)
        assert a.indices.tolist() != c.indices.tolist()


def test_broken_pictures_are_left_out_by_name(tmp_path, capsys):
    from PIL import Image

    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for i in range(3):
            Image.new("RGB", (9, 9)).save(tmp_path / name / f"{i}.png")
    (tmp_path / "b" / "1.png").write_bytes(b"nonsense")
    config = dataclasses.replace(AVATARS, data=str(tmp_path))
    test = Subset(FolderSource(str(tmp_path), conditional=True), np.arange(6))
    found = read_domains(test, config, 10, 0)
    assert [sorted(p.indices) for p in found] == [[0, 1, 2], [3, 5]]
    assert "b/1.png" in capsys.readouterr().err
    (tmp_path / "b" / "2.png").write_bytes(b"")
    with pytest.raises(DataError, match="Received: 1 of b"):
        read_domains(test, config, 10, 0)
