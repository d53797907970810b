"""StarGAN v2's protocol, with small networks whose results are known or made in another way."""

import io
import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.training.runs import mirrored
from tfgan import inference
from tfgan.devices import Replicas
from tfgan.evaluate import __main__ as evaluate
from tfgan.evaluate import classifier, domain_models, outputs
from tfgan.evaluate.metric import PictureOptions, Request
from tfgan.evaluate.networks import FeatureNetwork
from tfgan.evaluate.outputs import Pair, all_pairs, feature_rows, output_rows
from tfgan.evaluate.real_pictures import read_set
from tfgan.evaluate.systems import SYSTEMS
from tfgan.label_sets import LabelSet
from tfgan.models.lpips import LPIPS
from tfgan.models.stargan_v2 import StarGANv2

OUTPUTS = 3


def colours(images):
    return tf.reduce_mean(tf.cast(images, tf.float32), axis=[1, 2])


NETWORK = FeatureNetwork("colours", "0", 3, colours, None)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("domains")
    random = np.random.default_rng(0)
    for name, tint, count in (("blue", (0, 0, 90), 30), ("red", (90, 0, 0), 20)):
        (folder / name).mkdir()
        for i in range(count):
            pixels = random.integers(0, 120, (32, 32, 3)) + tint
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{i}.png")
    return folder


@pytest.fixture(scope="module")
def model():
    tf.keras.utils.set_random_seed(0)
    made = StarGANv2(32, ("blue", "red"), 4, 8, mapping_width=8, channel_base=64, channel_max=8)
    made.build()
    return made


@pytest.fixture
def subject_of(data, model, tmp_path):
    def make(devices=1, batch_size=6, folder="made"):
        config = PictureOptions(data=(str(data),), resolution=32, conditional=True)
        counts = {name: metric.count for name, metric in SYSTEMS["StarGANv2"].metrics.items()}
        replicas = Replicas(mirrored(devices), batch_size)
        request = Request(config, None, replicas, counts, 0, tmp_path / "cache", outputs=OUTPUTS)
        reals = domain_models.open_reals(model, request)
        return domain_models.Subject(model, reals, tmp_path / folder)

    return make


def test_every_domain_goes_to_every_other_one_by_each_guide():
    pairs = list(all_pairs("abc"))
    assert len(pairs) == len(set(pairs)) == 12
    assert pairs[0] == Pair("a -> b", "latent", 0, 1)
    assert all(pair.source != pair.target for pair in pairs)


@pytest.mark.parametrize("guide", ["latent", "reference"])
def test_outputs_are_translations_to_the_domain_each_of_its_own_style(subject_of, model, guide):
    subject = subject_of()
    pair = Pair("blue -> red", guide, 0, 1)
    width = OUTPUTS * 32 * 32 * 3
    rows = output_rows(
        subject, pair, "", width, lambda outputs: tf.reshape(outputs, [-1, width]), "test"
    )
    (real,) = subject.reals.sets
    blue, red = real.pictures.of_classes(2)
    assert rows.shape == (len(blue), width) == (3, width)
    for i, row in enumerate(rows):
        random = np.random.default_rng([0, ("latent", "reference").index(guide), 0, 1, i, 1])
        target = np.ones(OUTPUTS, np.int32)
        if guide == "latent":
            latents = random.standard_normal((OUTPUTS, 4), np.float32)
            styles = model.style_from_latent(latents, target)
        else:
            drawn = red[random.integers(len(red), size=OUTPUTS)]
            styles = model.style_from_reference(inference.to_float(drawn), target)
        source = np.repeat(inference.to_float(blue[i : i + 1]), OUTPUTS, axis=0)
        expected = np.asarray(model.translate(source, styles)).reshape(-1)
        # Sums of another batch, of values about 1.
        np.testing.assert_allclose(row, expected, atol=2e-5)


def test_devices_and_batches_do_not_matter(subject_of):
    pair = Pair("red -> blue", "latent", 1, 0)
    found = [
        feature_rows(subject_of(devices, size, f"{devices}{size}"), pair, NETWORK, "test")
        for devices, size in ((1, 3), (2, 12))
    ]
    assert found[0].shape == (2 * OUTPUTS, 3)
    # A pixel near a half may be rounded the other way; features are means of 1024.
    np.testing.assert_allclose(found[0], found[1], atol=2e-3)


def test_distances_are_those_of_the_features_to_pictures_that_are_learned_from(subject_of, eagerly):
    subject = subject_of()
    subject.reals.networks.opened["inception"] = NETWORK
    found = outputs.FID.measure(subject)
    assert found["facts"]["real"] == {"counts": {"blue": 30, "red": 20}}
    assert found["facts"]["outputs"] == OUTPUTS
    for guide, pairs in found["pairs"].items():
        assert list(pairs) == ["blue -> red", "red -> blue"]
        np.testing.assert_allclose(found["mean"][guide], np.mean(list(pairs.values())))
        for name, source, target in (("blue -> red", 0, 1), ("red -> blue", 1, 0)):
            made = feature_rows(subject, Pair(name, guide, source, target), NETWORK, "test")
            real = subject.reals.sets[0].source
            rows = np.flatnonzero(real.labels() == target)
            files = [io.BytesIO(real.read(int(row)).content) for row in rows]
            pictures = np.stack([np.asarray(Image.open(file)) for file in files])
            known = pictures.mean(axis=(1, 2))
            means = np.sum((made.mean(axis=0) - known.mean(axis=0)) ** 2)
            a, b = np.cov(made, rowvar=False), np.cov(known, rowvar=False)
            roots = np.sqrt(np.linalg.eigvals(a @ b).real.clip(0)).sum()
            expected = means + np.trace(a) + np.trace(b) - 2 * roots
            np.testing.assert_allclose(pairs[name], expected, rtol=1e-4)


def test_diversity_is_the_mean_distance_of_all_pairs_of_outputs(
    data, model, tmp_path, monkeypatch, eagerly
):
    tf.keras.utils.set_random_seed(1)
    network = LPIPS("alex")
    network.build()
    for variable in network.variables:
        variable.assign(np.abs(variable.numpy()) if "linear" in variable.path else variable)
    network.save(tmp_path / "lpips.keras")
    model.save(tmp_path / "model.keras")
    monkeypatch.setattr(classifier, "train", None)  # it is not needed
    out = tmp_path / "out.json"
    arguments = [str(tmp_path / "model.keras"), "--data", str(data), "--out", str(out)]
    arguments += ["--metrics", "lpips", "--lpips-alex", str(tmp_path / "lpips.keras")]
    assert evaluate.main([*arguments, "--outputs", str(OUTPUTS)]) == 0
    found = json.loads(out.read_text())["metrics"]["lpips"]
    assert found["pairs"]["latent"]["blue -> red"]["count"] == 3
    rows = []
    for i, picture in enumerate(held_back(data)):
        random = np.random.default_rng([0, 0, 0, 1, i, 1])
        latents = random.standard_normal((OUTPUTS, 4), np.float32)
        styles = model.style_from_latent(latents, np.ones(OUTPUTS, np.int32))
        source = np.repeat(inference.to_float(picture[None]), OUTPUTS, axis=0)
        rows.append(model.translate(source, styles))
    distances = [
        float(network(one[a : a + 1], one[b : b + 1])[0])
        for one in rows
        for a, b in ((0, 1), (0, 2), (1, 2))
    ]
    value = found["pairs"]["latent"]["blue -> red"]["value"]
    # Distances of nearly equal pictures are differences of nearly equal numbers.
    np.testing.assert_allclose(value, np.mean(distances), rtol=1e-3)


def held_back(data):
    """The blue pictures that are held back."""
    config = PictureOptions(data=(str(data),), resolution=32, conditional=True)
    label_set = LabelSet("domains", "classes", ("blue", "red"))
    opener = domain_models.make_opener(config, str(data), label_set)
    real = read_set(str(data), label_set, opener, opener(None), config, 1000, 0)
    return real.pictures.of_classes(2)[0]
