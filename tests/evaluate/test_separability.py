"""Separability of generators whose attributes are known beforehand, and who names these."""

import numpy as np
import pytest
import tensorflow as tf

from tests.training.runs import mirrored
from tfgan.devices import Replicas
from tfgan.evaluate import classifier
from tfgan.evaluate.generators import Reals, Subject
from tfgan.evaluate.metric import EvaluationError, PictureOptions, Request
from tfgan.evaluate.networks import FeatureNetwork
from tfgan.evaluate.separability import describe, measure
from tfgan.inference import to_float
from tfgan.models.classifier import Classifier

Z, SIZE, COUNT = 4, 8, 400


class Painter:
    """The first style is the brightness; styles are latents, the first of them squared."""

    latent_dim = Z
    truncation_cutoff = None
    class_names = ()
    variables = ()

    def __init__(self):
        self.synthesis = Synthesis()
        self.mapping = Mapping()

    def truncate(self, styles, psi, cutoff):
        return styles[:, None]

    def get_config(self):
        return {}


class Mapping:
    average = tf.zeros([Z])

    def __call__(self, latents, labels):
        return tf.concat([latents[:, :1] ** 2 - 0.5, latents[:, 1:]], axis=1)


class Synthesis:
    noise_sizes = ()

    def __call__(self, styles, noise):
        return tf.tanh(styles[:, :, :1, None] * tf.ones([1, SIZE, SIZE, 3]))


class Brightness(Classifier):
    """Says how bright a picture is, and always that it is red."""

    def call(self, images, training=False):
        bright = tf.reduce_mean(images, axis=[1, 2, 3])
        return tf.stack([bright, 1.0 + 0.0 * bright], axis=1)


@pytest.fixture
def reals_of(tmp_path):
    def make(resolution=SIZE, data="faces", **options):
        config = PictureOptions(
            data=(data,), resolution=resolution, data_dir=str(tmp_path / "sets"), avatars_count=60
        )
        replicas = Replicas(mirrored(1), 50)
        cache = tmp_path / "cache"
        counts = {"separability": COUNT}
        return Reals(Request(config, None, replicas, counts, 0, cache, **options), None, ())

    return make


def test_what_styles_say_in_a_line_is_separable_in_w_alone(reals_of, tmp_path):
    judge = Brightness(SIZE, ("Bright", "Red"), exclusive=False)
    reals = reals_of()
    name, network = "2 attributes at 8 pixels (k)", lambda images: judge(to_float(images))
    reals.networks.attributes = FeatureNetwork(name, "k", 2, network, judge)
    found = measure(Subject(Painter(), reals, tmp_path))
    bright, red = (found["attributes"][name] for name in ("Bright", "Red"))
    # z^2 > 1/2 is no half-space of Z, but one of W.
    assert bright["z"]["entropy"] > 0.5
    assert bright["w"]["entropy"] < 0.05
    assert red["z"]["one_class"]
    assert red["w"]["entropy"] == 0
    for space in "zw":
        np.testing.assert_allclose(found["score"][space].value, 2 ** bright[space]["entropy"])
    assert found["facts"]["generated"]["count"] == COUNT
    shown = describe(found)
    assert "all samples alike" in shown
    assert "2 attributes at 8 pixels (k)" in shown


def test_a_classifier_is_taken_from_a_file(reals_of, tmp_path):
    judge = Classifier(8, ("a", "b"), exclusive=False)
    judge.build()
    judge.save(tmp_path / "judge.keras")
    network = reals_of(32, classifier=tmp_path / "judge.keras").networks.attributes
    assert network.model.class_names == ("a", "b")
    judge.logits.bias.assign([1.0, 1.0])
    judge.save(tmp_path / "other.keras")
    other = reals_of(classifier=tmp_path / "other.keras").networks.attributes
    assert other.key != network.key


def test_a_classifier_of_larger_pictures_is_a_mistake(reals_of, tmp_path):
    judge = Classifier(16, ("a", "b"))
    judge.build()
    judge.save(tmp_path / "judge.keras")
    with pytest.raises(EvaluationError, match=r"8 pixels or smaller.*takes 16"):
        _ = reals_of(classifier=tmp_path / "judge.keras").networks.attributes


def test_a_classifier_is_trained_on_a_labelled_set(reals_of, monkeypatch):
    monkeypatch.setattr(classifier, "RECIPE", classifier.Recipe(images=20, batch_size=10))
    model = reals_of(16, labelled="avatars:expression").networks.attributes.model
    assert len(model.class_names) == 8
    assert model.exclusive


def test_avatars_have_their_own_classifier(reals_of):
    reals = reals_of(data="avatars")
    judge = Classifier(8, ("a", "b"), exclusive=False)
    reals.networks.opened["avatar"] = FeatureNetwork("avatars", "its key", 5, None, judge)
    network = reals.networks.attributes
    assert (network.model, network.key, network.width) == (judge, "its key", 2)
