"""Training of the classifier, and how it is kept."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tfgan.data.pipeline import PipelineOptions
from tfgan.data.sources import Picture
from tfgan.draws import Draws
from tfgan.evaluate import classifier
from tfgan.evaluate.classifier import Recipe, augment, classification_loss, kept_classifier
from tfgan.loading import ModelError
from tfgan.models.classifier import Classifier

SHORT = Recipe(images=400, batch_size=20, learning_rate=1e-2)
OPTIONS = PipelineOptions(8, 20, cache_gb=0.01)


class Tints:
    """Noisy pictures from memory, of two or more colours that are the classes."""

    class_names = ("red", "green", "blue")

    def __init__(self, count=60, name="tints", seed=0):
        self.name = name
        self.images = np.random.default_rng(seed).integers(0, 120, (count, 8, 8, 3), np.uint8)
        self._labels = np.arange(count, dtype=np.int32) % 3
        self.images[np.arange(count), ..., self._labels] += 60
        self.broken = ()

    def __len__(self):
        return len(self.images)

    def read(self, index):
        if index in self.broken:
            raise OSError("the disk is gone")
        return Picture(self.images[index], int(self._labels[index]), self.describe(index))

    def describe(self, index):
        return f"{self.name}#{index}"

    def labels(self):
        return self._labels

    def fingerprint(self):
        return "always the same"


def test_it_learns_classes_from_a_source():
    model = classifier.train(Tints(), OPTIONS, SHORT)
    unseen = Tints(90, seed=1)
    assert np.mean(classifier.classify(model, unseen.images) == unseen.labels()) > 0.95
    assert model.class_names == ("red", "green", "blue")


class Mixtures(Tints):
    """Noisy pictures with more red, more blue, both or neither, which are attributes."""

    class_names = ("Red", "Blue")

    def __init__(self, count=60, seed=0):
        super().__init__(count, seed=seed)
        random = np.random.default_rng(seed)
        self.images = random.integers(0, 120, (count, 8, 8, 3), np.uint8)
        self._labels = (random.random((count, 2)) < 0.5).astype(np.float32)
        self.images[..., ::2] += 60 * self._labels[:, None, None].astype(np.uint8)

    def read(self, index):
        return Picture(self.images[index], self._labels[index], self.describe(index))


def test_it_learns_attributes_that_do_not_exclude_one_another(tmp_path):
    model, _ = kept_classifier(Mixtures(), OPTIONS, tmp_path, SHORT, exclusive=False)
    assert (model.class_names, model.exclusive) == (("Red", "Blue"), False)
    unseen = Mixtures(90, seed=1)
    assert len({tuple(one) for one in unseen.labels()}) == 4
    found = classifier.classify(model, unseen.images)
    assert found.dtype == bool
    assert np.mean(found == unseen.labels()) > 0.95
    # Another attribute of a single picture is another classifier.
    changed = Mixtures()
    changed._labels[3, 1] = 1 - changed._labels[3, 1]
    keys = [classifier.classifier_key(one, OPTIONS, SHORT) for one in (Mixtures(), changed)]
    assert keys[0] != keys[1]


def test_the_same_recipe_gives_the_same_classifier():
    recipe = dataclasses.replace(SHORT, images=60)
    first, second = (classifier.train(Tints(), OPTIONS, recipe) for _ in range(2))
    other = classifier.train(Tints(), OPTIONS, dataclasses.replace(recipe, seed=1))
    for a, b in zip(first.variables, second.variables, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first.logits.kernel, other.logits.kernel)


def test_the_loss_is_cross_entropy_of_both_kinds():
    logits = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
    labels = np.array([0, 2, 1, 1])
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = -np.log(chances[np.arange(4), labels])
    np.testing.assert_allclose(classification_loss(logits, labels, True), expected, rtol=1e-5)
    spread = -0.1 * np.log(chances).mean(axis=1)
    found = classification_loss(logits, labels, True, smoothing=0.1)
    np.testing.assert_allclose(found, 0.9 * expected + spread, rtol=1e-5)
    truth = np.random.default_rng(1).random((4, 3)) < 0.5
    chances = 1 / (1 + np.exp(-logits))
    expected = -np.log(np.where(truth, chances, 1 - chances)).sum(axis=1)
    np.testing.assert_allclose(classification_loss(logits, truth, False), expected, rtol=1e-5)
    # Smoothing of 1 forgets the labels.
    one, other = (classification_loss(logits, x, False, smoothing=1.0) for x in (truth, ~truth))
    np.testing.assert_array_equal(one, other)


def test_every_other_picture_is_disturbed_in_its_own_way_and_the_same_again():
    # A ramp, so that turns, shifts and tints all show, and none costs more than it should.
    ramp = np.linspace(-1, 1, 32, dtype=np.float32)
    image = np.stack(np.broadcast_arrays(ramp[:, None], ramp[None, :], 0 * ramp[:, None]), axis=-1)
    images = tf.constant(np.stack([image] * 200))
    found = augment(images, Draws([0, 1], 200)).numpy()
    assert found.shape == images.shape
    np.testing.assert_array_equal(found, augment(images, Draws([0, 1], 200)))
    assert not np.array_equal(found, augment(images, Draws([0, 2], 200)))
    change = np.abs(found - images).mean(axis=(1, 2, 3))
    disturbed = change > 0
    # 200 tosses of a coin have a deviation of 7.
    assert 70 < np.sum(disturbed) < 130
    assert np.all(change[disturbed] > 0.01)
    assert np.all(change < 0.35)
    assert len(set(change[disturbed].tolist())) == np.sum(disturbed)
    assert np.ptp(found.mean(axis=(1, 2, 3))) > 0.05


def test_geometry_is_about_the_middle():
    image = np.full((1, 33, 33, 3), -1, np.float32)
    image[:, 13:20, 13:20] = 1
    images = tf.constant(np.repeat(image, 400, axis=0))
    found = augment(images, Draws([0, 1], 400)).numpy()
    disturbed = np.any(found != images, axis=(1, 2, 3))
    weights = np.maximum(found[disturbed].mean(axis=-1), 0)
    # Noise in the corners would count most.
    weights[:, [*range(8), *range(25, 33)]] = 0
    weights[:, :, [*range(8), *range(25, 33)]] = 0
    place = np.arange(33) - 16
    for axis in (1, 2):
        along = weights.sum(axis=axis)
        centres = (along * place).sum(axis=1) / along.sum(axis=1)
        # Shifts of up to 2 pixels have a deviation of 1.1, and about 200 of them a mean of 0.08.
        assert abs(centres.mean()) < 0.25
        assert 0.8 < centres.std() < 1.5


def test_a_classifier_is_trained_once(tmp_path, monkeypatch):
    recipe = dataclasses.replace(SHORT, images=40)
    first = kept_classifier(Tints(), OPTIONS, tmp_path / "kept", recipe)
    assert [first.path] == list((tmp_path / "kept").iterdir())
    monkeypatch.setattr(classifier, "train", lambda *_: pytest.fail("it is trained again"))
    # Where pictures lie makes no difference, nor does what only says how fast they are read.
    options = dataclasses.replace(OPTIONS, cache_gb=0.0, batch_size=4, seed=3)
    second = kept_classifier(Tints(name="moved"), options, tmp_path / "kept", recipe)
    images = Tints().images
    np.testing.assert_array_equal(
        classifier.classify(first.model, images), classifier.classify(second.model, images)
    )
    assert first.path == second.path


def changed_pixel():
    source = Tints()
    source.images[7, 3, 2, 1] ^= 1
    return source


def changed_label():
    source = Tints()
    source._labels[7] = 0
    return source


def changed_names():
    source = Tints()
    source.class_names = ("red", "green", "sky")
    return source


def broken():
    source = Tints()
    source.broken = (5,)
    return source


@pytest.mark.parametrize(
    ("source", "options", "recipe"),
    [
        (changed_pixel(), OPTIONS, SHORT),
        (changed_label(), OPTIONS, SHORT),
        (changed_names(), OPTIONS, SHORT),
        (broken(), OPTIONS, SHORT),
        (Tints(61), OPTIONS, SHORT),
        (Tints(), dataclasses.replace(OPTIONS, resolution=16), SHORT),
        (Tints(), dataclasses.replace(OPTIONS, resize="pad"), SHORT),
        (Tints(), dataclasses.replace(OPTIONS, flips=False), SHORT),
        *[
            (Tints(), OPTIONS, dataclasses.replace(SHORT, **{field.name: 7}))
            for field in dataclasses.fields(Recipe)
        ],
    ],
)
def test_the_key_changes_with_all_that_a_classifier_depends_on(source, options, recipe):
    key = classifier.classifier_key(Tints(), OPTIONS, SHORT)
    assert classifier.classifier_key(source, options, recipe) != key


def test_the_key_changes_with_the_code(monkeypatch, tmp_path):
    key = classifier.classifier_key(Tints(), OPTIONS, SHORT)
    (tmp_path / "code.py").write_text("pass")
    monkeypatch.setattr(classifier.network, "__file__", str(tmp_path / "code.py"))
    assert classifier.classifier_key(Tints(), OPTIONS, SHORT) != key


def test_a_training_that_fails_leaves_nothing(tmp_path, monkeypatch):
    def fail(self, path):
        path.write_bytes(b"half")
        raise OSError("the disk is full")

    monkeypatch.setattr(Classifier, "save", fail)
    with pytest.raises(OSError, match="full"):
        kept_classifier(Tints(), OPTIONS, tmp_path, dataclasses.replace(SHORT, images=20))
    assert not list(tmp_path.iterdir())


def test_a_kept_file_that_is_damaged_is_named(tmp_path):
    path = tmp_path / f"{classifier.classifier_key(Tints(), OPTIONS, SHORT)}.keras"
    path.write_bytes(b"nonsense")
    with pytest.raises(ModelError, match=path.name):
        kept_classifier(Tints(), OPTIONS, tmp_path, SHORT)
