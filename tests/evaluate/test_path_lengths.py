"""Path lengths of generators whose pictures are known beforehand."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from tests.training.runs import mirrored
from tfgan.devices import Replicas
from tfgan.evaluate.generators import Reals, Subject
from tfgan.evaluate.metric import PathLengths, PictureOptions, Request
from tfgan.evaluate.networks import FeatureNetwork
from tfgan.evaluate.path_lengths import describe, measure, prepare
from tfgan.metrics import path_length

Z, COUNT = 6, 40


class Linear:
    """Pictures are their styles, and styles twice their latents."""

    latent_dim = Z
    truncation_cutoff = None
    class_names = ()
    synthesis = SimpleNamespace(noise_sizes=())

    def mapping(self, latents, labels):
        return 2.0 * latents

    def truncate(self, styles, psi, cutoff):
        return psi * tf.repeat(styles[:, None], 2, axis=1)

    def get_config(self):
        return {}

    variables = ()


class Pictures(Linear):
    def __init__(self):
        self.synthesis = Synthesis()


class Synthesis:
    noise_sizes = (4,)

    def __call__(self, styles, noise):
        (one,) = noise
        return tf.reshape(styles[:, 0], [-1, 1, 2, 3]) + one[:, :1, :2]


def squares(x, y):
    return tf.reduce_sum((x - y) ** 2, axis=[1, 2, 3])


@pytest.fixture
def subject_of(tmp_path, monkeypatch):
    def make(devices=1, batch_size=8, psi=1.0, **paths):
        config = PictureOptions(resolution=32)
        replicas = Replicas(mirrored(devices), batch_size)
        request = Request(
            config, None, replicas, {"ppl": COUNT}, 0, tmp_path, psi=psi, paths=PathLengths(**paths)
        )
        reals = Reals(request, None, ())
        reals.networks.opened["lpips_vgg"] = FeatureNetwork("squares", "0", 0, None, squares)
        return Subject(Pictures(), reals, tmp_path / f"{devices}{batch_size}")

    return make


def drawn(sampling):
    return path_length.draw_paths(np.arange(COUNT), Z, sampling, 0)


def trimmed(values):
    low, high = (len(values) - 1) // 100, len(values) - 1 - (len(values) - 1) // 100
    return np.sort(values)[low : high + 1].mean()


@pytest.mark.parametrize(("devices", "batch_size"), [(1, 8), (2, 6)])
@pytest.mark.parametrize("sampling", ["full", "end"])
def test_in_w_it_is_the_square_of_the_way_between_styles(subject_of, devices, batch_size, sampling):
    found = measure(subject_of(devices, batch_size, psi=0.5, sampling=sampling, epsilon=0.01))
    paths = drawn(sampling)
    # Wherever a straight line is entered, a step is as long; noise is the same on both sides.
    expected = np.sum((0.5 * 2 * (paths.end - paths.start)) ** 2, axis=1)
    np.testing.assert_allclose(found["length"].value, trimmed(expected), rtol=2e-3)
    assert found["length"].count == COUNT
    assert found["facts"]["paths"] == {
        "space": "w",
        "sampling": sampling,
        "epsilon": 0.01,
        "crop": False,
    }


def test_in_z_it_is_the_square_of_the_arc(subject_of):
    found = measure(subject_of(space="z", sampling="full", epsilon=0.01))
    paths = drawn("full")
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (paths.start, paths.end)]
    angles = np.arccos(np.sum(unit[0] * unit[1], axis=1))
    expected = (2 * 2 * np.sin(angles * 0.01 / 2) / 0.01) ** 2
    np.testing.assert_allclose(found["length"].value, trimmed(expected), rtol=2e-3)


def test_what_was_measured_is_told(subject_of):
    shown = " ".join(describe(measure(subject_of(psi=0.5))).split())
    words = "squares; 40 pairs; steps of 0.0001 in W, at the beginnings of paths; the 1st to the"
    assert words in shown
    assert "whole pictures; seed 0; psi 0.5; random noise" in shown


@pytest.mark.parametrize(
    ("side", "crop", "shape"),
    [
        (64, False, 64),
        (64, True, 32),
        (256, False, 256),
        (512, False, 256),
        (512, True, 256),
        (1024, True, 256),
        (1024, False, 256),
    ],
)
def test_faces_are_cut_out_and_large_pictures_are_averaged(side, crop, shape):
    images = np.random.default_rng(0).standard_normal((1, side, side, 3)).astype(np.float32)
    found = prepare(tf.constant(images), crop).numpy()
    assert found.shape == (1, shape, shape, 3)
    c = side // 8
    kept = images[:, 3 * c : 7 * c, 2 * c : 6 * c] if crop else images
    factor = kept.shape[1] // shape
    expected = kept.reshape(1, shape, factor, shape, factor, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(found, expected, atol=1e-5)
