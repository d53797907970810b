"""Every number of every metric of every system is what it was when the table was written.

The table, `numbers.json`, is written anew by `python -m tests.evaluate.test_numbers`. Do
that only where a number is meant to change, and say in the commit which one and why.
"""

import json
import tempfile
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.training.runs import eagerly
from tfgan.evaluate import __main__ as evaluate
from tfgan.evaluate import classifier, networks
from tfgan.evaluate.networks import FeatureNetwork
from tfgan.label_sets import LabelSet
from tfgan.models.classifier import Classifier
from tfgan.models.lpips import LPIPS
from tfgan.models.stargan import StarGAN
from tfgan.models.stargan_v2 import StarGANv2
from tfgan.models.stylegan import StyleGANGenerator
from tfgan.models.stylegan2 import StyleGAN2Generator

TABLE = Path(__file__).with_name("numbers.json")
STYLES = {"latent_dim": 4, "style_dim": 4, "channel_base": 64, "channel_max": 4}
SEXES = ("female", "male")
LABELS = (
    LabelSet("looks", "attributes", ("Smiling", "Male")),
    LabelSet("sexes", "classes", SEXES),
)
# Model, and options of the command line: every metric of every system, each in both of its settings
# where it has two.
CASES = {
    "stargan": (
        lambda: StarGAN(32, list(LABELS), conv_dim=2, num_blocks=1),
        "--data avatars:attributes --data avatars:domain --metrics translation identity --count 4",
    ),
    "stargan-v2": (
        lambda: StarGANv2(32, SEXES, mapping_width=8, **STYLES),
        "--data avatars --metrics translation identity avatar-fd --outputs 3 --count 2",
    ),
    "animals": (
        lambda: StarGANv2(32, ("blue", "red"), mapping_width=8, **STYLES),
        "--data {f}/animals --metrics translation fid lpips --outputs 4 --seed 1"
        " --inception {f}/lpips-alex.keras --lpips-alex {f}/lpips-alex.keras",
    ),
    "stylegan": (
        lambda: StyleGANGenerator(32, **STYLES),
        "--data avatars --metrics avatar-fd avatar-kd avatar-pr ppl --count 12 --ppl-space z"
        " --ppl-sampling full --ppl-epsilon 0.01 --ppl-crop --psi 0.7 --noise fixed"
        " --lpips-vgg {f}/lpips-vgg.keras",
    ),
    "stylegan2": (
        lambda: StyleGAN2Generator(32, class_names=SEXES, **STYLES),
        "--data avatars --metrics swd avatar-fd fid kid pr pr-vgg16 is --seed 3 --count 24"
        " --real-count 8 --inception {f}/judge.keras --vgg16 {f}/judge.keras",
    ),
    "planes": (
        lambda: StyleGAN2Generator(16, **STYLES),
        "--data avatars --metrics separability --count 48 --classifier {f}/judge.keras",
    ),
}
FILES = {
    "lpips-alex": lambda: LPIPS("alex"),
    "lpips-vgg": lambda: LPIPS("vgg"),
    "judge": lambda: Classifier(16, [f"Label_{i}" for i in range(9)], exclusive=False),
}
FEATURES = 24


def moved(model):
    """A model whose weights are all off their first values."""
    model.build()
    random = np.random.default_rng(0)
    for variable in model.variables:
        # Eight layers of four units would map all latents to nearly the same style.
        size = 1.6 if "mapping" in variable.path else 1.0
        variable.assign(size * variable + 0.3 * random.standard_normal(variable.shape))
    return model


def drawn(network):
    """A network of random weights that keeps the size of what it is shown."""
    network.build()
    random = np.random.default_rng(0)
    for variable in network.variables:
        if len(variable.shape) < 2:
            continue
        values = random.standard_normal(variable.shape).astype(np.float32)
        values *= np.sqrt(2 / np.prod(variable.shape[:-1]))
        # Weights of LPIPS are learned under the condition that none is negative.
        variable.assign(np.abs(values) if "linear" in variable.path else values)
    return network


class Squares:
    """Random features of 4 x 4 squares, in place of networks that need seconds for a picture."""

    def features(self, images):
        squares = tf.image.resize(tf.cast(images, tf.float32), (4, 4), "area")
        means = tf.reshape(squares, [-1, 4 * 4 * 3])
        # Of any contrast, for drawings and random pictures differ in nothing so much.
        means -= tf.reduce_mean(means, axis=1, keepdims=True)
        means /= tf.math.reduce_std(means, axis=1, keepdims=True)
        random = np.random.default_rng(0)
        return means @ random.standard_normal((4 * 4 * 3, FEATURES)).astype(np.float32) / 7

    def probabilities(self, features):
        return tf.nn.softmax(features)


def open_squares(request):
    return FeatureNetwork("squares", "0", FEATURES, Squares().features, Squares())


def measure(folder):
    """By case and name, all numbers that the command line writes: [value, low, high, count]."""
    random = np.random.default_rng(0)
    for name, tint in (("blue", (0, 0, 90)), ("red", (90, 0, 0))):
        (folder / "animals" / name).mkdir(parents=True)
        for i in range(4):
            pixels = random.integers(0, 120, (32, 32, 3)) + tint
            Image.fromarray(pixels.astype(np.uint8)).save(folder / "animals" / name / f"{i}.png")
    for name, make in FILES.items():
        drawn(make()).save(folder / f"{name}.keras")
    shared = f"--devices 1 --batch-size 4 --data-dir {folder}/sets --cache {folder}/cache"
    found = {}
    for name, (make, options) in CASES.items():
        keras.utils.set_random_seed(0)
        moved(make()).save(folder / f"{name}.keras")
        if "avatars" in options:
            options += " --avatars-count 60"
        arguments = f"{folder}/{name}.keras {options} {shared}".format(f=folder).split()
        assert evaluate.main(arguments) == 0
        written = json.loads((folder / f"{name}-evaluation.json").read_text())
        found[name] = dict(numbers({part: written[part] for part in ("metrics", "curves")}))
    return found


def numbers(value, path=""):
    """The numbers of nested dictionaries, with the way to each."""
    if isinstance(value, dict) and "low" in value:
        yield path, [float(f"{number:.7g}") for number in value.values()]
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from numbers(inner, f"{path}/{name}" if path else name)
    elif isinstance(value, int | float):
        yield path, [float(f"{value:.7g}")]


def prepare(setattr):
    """Makes what is trained small."""
    setattr(networks, "PICTURES", 60)
    networks.OPENERS.update(inception=open_squares, vgg16=open_squares)
    setattr(classifier, "RECIPE", classifier.Recipe(images=100, batch_size=20))


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    with pytest.MonkeyPatch.context() as monkeypatch, eagerly():
        monkeypatch.setattr(networks, "OPENERS", dict(networks.OPENERS))
        prepare(monkeypatch.setattr)
        return measure(tmp_path_factory.mktemp("numbers"))


@pytest.mark.parametrize("case", CASES)
def test_numbers_are_those_of_the_table(found, case):
    expected = json.loads(TABLE.read_text())[case]
    assert list(found[case]) == list(expected)
    for name, numbers in expected.items():
        # float32 on one type of machine: without oneDNN's kernels, which sum in another order, the
        # numbers differ by less than this.
        np.testing.assert_allclose(found[case][name], numbers, rtol=1e-4, atol=1e-5, err_msg=name)


def write_table():
    """Writes the table of what is measured now."""
    # As `tests.conftest` has it.
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    prepare(setattr)
    with tempfile.TemporaryDirectory() as folder, eagerly():
        cases = [
            f'"{case}": {{\n'
            + ",\n".join(f' "{name}": {json.dumps(numbers)}' for name, numbers in table.items())
            + "\n}"
            for case, table in measure(Path(folder)).items()
        ]
    TABLE.write_text("{\n" + ",\n".join(cases) + "\n}\n")


if __name__ == "__main__":
    write_table()
