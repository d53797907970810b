"""The classifier's network."""

import keras
import numpy as np
import pytest

from tfgan.loading import load_model
from tfgan.models.classifier import Classifier, width_at


@pytest.fixture(scope="module")
def model():
    """A classifier whose weights and statistics are all off their first values."""
    keras.utils.set_random_seed(0)
    classifier = Classifier(16, ("cat", "dog", "wild"))
    classifier.build()
    random = np.random.default_rng(0)
    for variable in classifier.variables:
        variable.assign(np.abs(variable + 0.1 * random.standard_normal(variable.shape)))
    return classifier


def pictures(count, size=16):
    return np.random.default_rng(1).uniform(-1, 1, (count, size, size, 3)).astype(np.float32)


@pytest.mark.parametrize("resolution", [8, 32, 64])
def test_every_resolution_gives_logits_and_features(resolution):
    classifier = Classifier(resolution, ("a", "b"))
    classifier.build()
    images = pictures(2, resolution)
    assert classifier(images).shape == (2, 2)
    assert classifier.features(images).shape == (2, width_at(4))


def test_widths_double_within_bounds():
    assert [width_at(size) for size in (4, 8, 16, 32, 64, 1024)] == [128, 128, 64, 32, 16, 16]


def test_logits_are_linear_in_features(model):
    images = pictures(3)
    expected = model.features(images).numpy() @ model.logits.kernel.numpy()
    expected = expected + model.logits.bias.numpy()
    np.testing.assert_allclose(model(images), expected, rtol=1e-5)


def test_features_are_those_of_a_loop():
    classifier = Classifier(8, ("a", "b"))
    classifier.build()
    random = np.random.default_rng(0)
    for variable in classifier.variables:
        variable.assign(random.uniform(0.5, 1.5, variable.shape) - 0.5 * (variable.ndim == 4))
    x = pictures(1, 8).astype(np.float64)
    for conv, norm in zip(classifier.convs, classifier.norms, strict=True):
        kernel = conv.kernel.numpy().astype(np.float64)
        size = x.shape[1]
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        y = np.zeros((1, size, size, kernel.shape[-1]))
        for i, j in np.ndindex(3, 3):
            y += padded[:, i : i + size, j : j + size] @ kernel[i, j]
        spread = np.sqrt(norm.moving_variance.numpy() + norm.epsilon)
        y = (y - norm.moving_mean.numpy()) / spread * norm.gamma.numpy() + norm.beta.numpy()
        x = np.maximum(y, 0)
        if size > 4:
            x = x.reshape(1, size // 2, 2, size // 2, 2, -1).max(axis=(2, 4))
    # Sums of up to 1152 products in float32.
    np.testing.assert_allclose(classifier.features(pictures(1, 8)), x.mean(axis=(1, 2)), rtol=1e-4)


def test_a_picture_is_judged_alike_in_any_company(model):
    images = pictures(6)
    np.testing.assert_allclose(model(images)[:1], model(images[:1]), rtol=1e-5)


def test_decisions_are_one_class_or_the_truth_of_each_label():
    logits = np.array([[1.0, -2.0, 3.0], [0.5, 0.2, -1.0]], np.float32)
    exclusive = Classifier(8, ("a", "b", "c"))
    np.testing.assert_array_equal(exclusive.decide(logits), [2, 0])
    attributes = Classifier(8, ("a", "b", "c"), exclusive=False)
    expected = [[True, False, True], [True, True, False]]
    np.testing.assert_array_equal(attributes.decide(logits), expected)


def test_a_saved_classifier_reads_back_equal(model, tmp_path):
    model.save(tmp_path / "classifier.keras")
    read = load_model(tmp_path / "classifier.keras")
    assert read.class_names == ("cat", "dog", "wild")
    assert (read.resolution, read.exclusive) == (16, True)
    np.testing.assert_array_equal(read(pictures(2)), model(pictures(2)))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((12, ("a", "b")), "power of two from 8 to 1024. Received: 12"),
        ((4, ("a", "b")), "Received: 4"),
        ((8, ("a",)), "two or more, all different"),
        ((8, ("a", "a")), "two or more, all different"),
        ((8, (), False), "one or more, all different"),
    ],
)
def test_what_cannot_be_classified_is_an_error(arguments, words):
    with pytest.raises(ValueError, match=words):
        Classifier(*arguments)
