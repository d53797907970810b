"""Discriminating by the features of a trained network, beside the discriminator."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.training.runs import eagerly, make_trainer, too_far, values
from tfgan.draws import Draws
from tfgan.models.classifier import Classifier
from training.config import ConfigError
from training.feature_judge import open_judge
from training.systems import stylegan, stylegan2

GROWING = dataclasses.replace(
    stylegan.PRESETS["smoke"](), total_kimg=0.016, sample_kimg=1.0, checkpoint_kimg=1.0
)
CONFIG = dataclasses.replace(
    stylegan2.PRESETS["smoke"](),
    total_kimg=0.016,
    sample_kimg=1.0,
    checkpoint_kimg=0.008,
    ada=False,
)


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    """A file of a network for pictures of 16 pixels, not trained."""
    keras.utils.set_random_seed(0)
    network = Classifier(16, ("cat", "dog"))
    network.build()
    file = tmp_path_factory.mktemp("features") / "features.keras"
    network.save(file)
    return str(file)


def test_scores_are_those_of_the_heads_on_all_maps_but_the_largest(features):
    judge = open_judge(features)
    images = tf.random.stateless_uniform([2, 16, 16, 3], [0, 1], -1, 1)
    maps = judge.network.feature_maps(images)
    assert [m.shape[1] for m in maps] == [16, 8, 4]
    # Before the singular vectors move.
    expected = judge.discriminator(maps[1:])
    np.testing.assert_array_equal(judge(images), expected)


@pytest.mark.parametrize("size", [8, 32])
def test_images_of_other_sizes_are_judged_as_their_pixels_repeated_or_averaged(features, size):
    judge = open_judge(features)
    images = tf.random.stateless_uniform([2, size, size, 3], [0, 1], -1, 1)
    if size == 8:
        fitted = np.repeat(np.repeat(images, 2, axis=1), 2, axis=2)
    else:
        fitted = np.reshape(images, [2, 16, 2, 16, 2, 3]).mean(axis=(2, 4))
    expected = judge.discriminator(judge.network.feature_maps(fitted)[1:])
    np.testing.assert_allclose(judge(images), expected, rtol=1e-4)


def test_losses_of_heads_are_added_to_those_of_pixels(features):
    judge = open_judge(features)
    reals, fakes = tf.random.stateless_uniform([2, 3, 16, 16, 3], [0, 1], -1, 1)
    # The singular vectors have come to rest, so that scores stay as they are.
    for _ in range(100):
        judge(reals)
    real, fake = np.asarray(judge(reals)), np.asarray(judge(fakes))
    before = tf.constant([1.0, 2.0, 3.0])
    loss, stats = judge.with_generator_loss(before, {"a": 1}, fakes)
    added = np.log1p(np.exp(-fake)).sum(axis=1)
    np.testing.assert_allclose(loss, before + added, rtol=1e-4)
    np.testing.assert_allclose(stats["loss/g_features"], added, rtol=1e-4)
    loss, stats = judge.with_discriminator_loss(before, {"a": 1}, reals, fakes)
    added = (np.log1p(np.exp(-real)) + np.log1p(np.exp(fake))).sum(axis=1)
    np.testing.assert_allclose(loss, before + added, rtol=1e-4)
    assert sorted(stats) == ["a", "loss/d_features"]


@pytest.mark.parametrize(("system", "config"), [(stylegan, GROWING), (stylegan2, CONFIG)])
def test_training_moves_the_heads_and_leaves_the_network(tmp_path, features, system, config):
    with eagerly():
        trainer = make_trainer(tmp_path, system, dataclasses.replace(config, features=features))
        before = values(trainer)
        trainer.train()
        after = values(trainer)
    moved = {name for name in before if np.any(before[name] != after[name])}
    frozen = {name for name in before if name.startswith("features/")}
    heads = {name for name in before if name.startswith("feature_discriminator/")}
    assert len(frozen) == 17
    assert not moved & frozen
    assert heads
    assert heads <= moved


def test_two_devices_train_as_one_does(tmp_path, features):
    config = dataclasses.replace(CONFIG, features=features, total_kimg=0.008)
    trained = []
    for devices in (1, 2):
        with eagerly():
            trainer = make_trainer(tmp_path / str(devices), stylegan2, config, devices)
            trainer.train()
        trained.append(values(trainer))
    heads = {n: v for n, v in trained[1].items() if n.startswith("feature_discriminator/")}
    # Adam magnifies rounding where gradients are small.
    assert not too_far(heads, trained[0], 1e-3)


def test_generator_learns_from_the_features(features):
    """The gradient of its loss differs from that of the discriminator of pixels alone."""
    gradients = []
    for name in (None, features):
        keras.utils.set_random_seed(0)
        system = stylegan2.create(dataclasses.replace(CONFIG, features=name))
        variables = [v.value for v in system.generator.trainable_variables]
        with eagerly(), tf.GradientTape() as tape:
            loss, _ = system.g_main({"label": tf.zeros([4, 0])}, Draws([0, 0], 4))
            total = tf.reduce_mean(loss)
        gradients.append(tape.gradient(total, variables))
    differ = [np.abs(a - b).max() > 1e-7 for a, b in zip(*gradients, strict=True) if a is not None]
    assert np.mean(differ) > 0.5


def test_r1_is_of_the_discriminator_of_pixels_alone(features):
    stats = []
    for name in (None, features):
        keras.utils.set_random_seed(0)
        system = stylegan2.create(dataclasses.replace(CONFIG, features=name))
        batch = {
            "image": tf.random.stateless_uniform([4, 16, 16, 3], [1, 2], -1, 1),
            "label": tf.zeros([4, 0]),
        }
        with eagerly():
            stats.append(np.asarray(system.d_r1(batch, Draws([0, 0], 4))[0]))
    np.testing.assert_array_equal(*stats)


def test_a_resumed_run_is_bit_identical(tmp_path, features):
    config = dataclasses.replace(CONFIG, features=features)
    with eagerly():
        whole = make_trainer(tmp_path / "whole", stylegan2, config)
        whole.train()
        part = make_trainer(
            tmp_path / "part", stylegan2, dataclasses.replace(config, total_kimg=0.016)
        )
        part.train()
        rest = make_trainer(tmp_path / "part", stylegan2, config)
        rest.restore()
        rest.train()
    expected = values(whole)
    for name, value in values(rest).items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)


def test_networks_that_do_not_fit_are_refused(tmp_path, features):
    generator = stylegan2.create(CONFIG).inference_model()
    generator.save(tmp_path / "generator.keras")
    with pytest.raises(ConfigError, match="must hold a Classifier"):
        open_judge(str(tmp_path / "generator.keras"))
