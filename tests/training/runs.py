"""Small runs for tests of the loop: pictures from memory, one strategy per device count."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import keras
import numpy as np
import tensorflow as tf

from tfgan.data.pipeline import Pipeline
from tfgan.data.sources import Picture
from training.config import TrainingConfig
from training.loop import Reports, Trainer


@functools.cache
def mirrored(devices: int) -> tf.distribute.MirroredStrategy:
    """MirroredStrategy over the first `devices` logical CPUs.

    One for each count: TensorFlow numbers collective operations by strategy, and two strategies
    over the same devices of one process take each other's messages.
    """
    return tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(devices)])


@contextmanager
def eagerly() -> Iterator[None]:
    """Runs operator by operator what is compiled otherwise, for tests of a few steps.

    Building a graph takes ten times as long as one step. Each system trains as graphs in other
    tests, some of which give the numbers that these are compared with.
    """
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


class RandomPictures:
    """Twenty pictures of two classes from memory, so that no test waits for a disk."""

    name = "random"
    class_names = ("even", "odd")

    def __init__(self, size: int):
        self.size = size

    def __len__(self):
        return 20

    def describe(self, index):
        return f"random#{index}"

    def labels(self):
        return np.arange(20, dtype=np.int32) % 2

    def read(self, index):
        shape = (self.size, self.size, 3)
        pixels = np.random.default_rng(index).integers(0, 256, shape, np.uint8)
        return Picture(pixels, index % 2, self.describe(index))

    def fingerprint(self):
        return "random"


def make_trainer(
    folder: Path, system: ModuleType, config: TrainingConfig, devices: int = 1, **reports
) -> Trainer:
    """A trainer on random pictures; `system` is a module of training.systems."""
    folder.mkdir(parents=True, exist_ok=True)
    source = RandomPictures(config.resolution)
    pipeline = Pipeline(source, config.pipeline_options())
    keras.utils.set_random_seed(config.seed)
    strategy = mirrored(devices)
    class_names = source.class_names if config.conditional else ()
    with strategy.scope():
        made = system.create(config, class_names)
    return Trainer(made, pipeline, config, strategy, folder, reports=Reports(**reports))


def values(trainer: Trainer) -> dict[str, np.ndarray]:
    """All variables of a run."""
    return {name: np.array(v.numpy()) for name, v in trainer.variables.items()}


def checkpoint_values(trainer: Trainer, images_seen: int) -> dict[str, np.ndarray]:
    """All variables of a run as they were at a checkpoint."""
    path = trainer.checkpoint_folder / f"{images_seen:09d}.npz"
    with np.load(path) as archive:
        return {name: archive[name] for name in trainer.variables}


def too_far(
    actual: dict[str, np.ndarray], expected: dict[str, np.ndarray], tolerance: float = 1e-5
) -> dict[str, float]:
    """Variables that differ by more than a share of their largest value, and by how much."""
    errors = {
        name: float(np.max(np.abs(value - expected[name])) / (np.max(np.abs(value)) or 1.0))
        for name, value in actual.items()
    }
    return {name: error for name, error in errors.items() if not error <= tolerance}


def undone_biases(checkpoint: dict[str, np.ndarray]) -> set[str]:
    """Biases of the generator that the norms after them undo: "generator_..._bias".

    Their gradients are rounding errors alone. Adam makes steps of full length of those, so such
    biases go by chance, and without effect.
    """
    sizes = {
        n.split("/")[1].removesuffix("_momentum"): np.max(np.abs(v))
        for n, v in checkpoint.items()
        if n.startswith(("generator_optimizer/", "g_optimizer/")) and n.endswith("_momentum")
    }
    undone = {n for n, size in sizes.items() if 0 < size < 1e-6 * max(sizes.values())}
    assert all(name.endswith("_bias") for name in undone)
    return undone
