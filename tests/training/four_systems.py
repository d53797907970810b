"""python -m tests.training.four_systems FOLDER: a few steps of each system, as TF_CONFIG says.

Batches, groups and intervals are such that every kind of update happens, and that two replicas have
the groups of the minibatch standard deviation that one has.
"""

import dataclasses
import os
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tests.training.runs import RandomPictures
from tfgan.data.joint import JointPipeline
from tfgan.data.pipeline import Pipeline
from tfgan.label_sets import LabelSet
from tfgan.terminal import import_tensorflow
from training.distribution import ALONE, join
from training.loop import Reports, Trainer
from training.systems import stargan, stargan_v2, stylegan, stylegan2

NAMES = ("even", "odd")
# Adam's step for a gradient g is about g / (|g| + epsilon): with the usual 1e-8, weights whose
# gradient is nothing but rounding move as far as all others, each time elsewhere.
EPSILON = 1e-3
TINY = {
    "sample_rows": 1,
    "sample_columns": 2,
    "checkpoint_kimg": 1000.0,
    "sample_kimg": 1000.0,
    "log_seconds": 0.0,
}
SYSTEMS = {
    # Two steps with the generator and two without.
    "stargan": (
        stargan,
        dataclasses.replace(
            stargan.PRESETS["smoke"](),
            conv_dim=2,
            discriminator_conv_dim=2,
            learning_rate=1e-3,
            ema_decay=0.9,
            total_kimg=0.016,
            **TINY,
        ),
    ),
    "stargan-v2": (
        stargan_v2,
        dataclasses.replace(
            stargan_v2.PRESETS["smoke"](),
            latent_dim=3,
            style_dim=4,
            mapping_width=6,
            channel_max=4,
            channel_base=64,
            # At its own 1e-6, weights would move by less than the tolerance.
            mapping_learning_rate=1e-4,
            total_kimg=0.012,
            **TINY,
        ),
    ),
    # A step at 8 pixels, and three in which 16 fade in.
    "stylegan": (
        stylegan,
        dataclasses.replace(
            stylegan.PRESETS["smoke"](),
            start_resolution=8,
            stable_kimg=0.008,
            batch_sizes=(),
            total_kimg=0.032,
            latent_dim=8,
            style_dim=8,
            mapping_layers=1,
            channel_base=64,
            channel_max=8,
            **TINY,
        ),
    ),
    # R1 and path lengths twice, and one change of the augmentation probability.
    "stylegan2": (
        stylegan2,
        dataclasses.replace(
            stylegan2.PRESETS["smoke"](),
            resolution=8,
            latent_dim=8,
            style_dim=8,
            mapping_layers=1,
            channel_base=64,
            channel_max=8,
            r1_interval=2,
            pl_interval=2,
            ada_kimg=0.128,
            total_kimg=0.032,
            **TINY,
        ),
    ),
}


def train(name, folder, strategy, workers=ALONE):
    """Trains one system in a folder of its own; the chief leaves a checkpoint there."""
    module, config = SYSTEMS[name]
    folder = folder / name
    folder.mkdir(parents=True, exist_ok=True)
    source, options = RandomPictures(config.resolution), config.pipeline_options()
    labels, feed = (NAMES if config.conditional else ()), Pipeline(source, options)
    if name == "stargan":
        labels = (LabelSet("random", "classes", NAMES),)
        feed = JointPipeline([source], labels, options)
    keras.utils.set_random_seed(config.seed)
    with strategy.scope():
        system = module.create(config, labels)
    for optimizer in system.optimizers.values():
        optimizer.epsilon = EPSILON
    # Maps that begin as constants would be divided by their deviation, which is rounding alone.
    draws = np.random.default_rng(0)
    for network in system.networks.values():
        for variable in network.trainable_variables:
            variable.assign(variable.numpy() + draws.normal(0.0, 0.1, variable.shape))
    if name == "stylegan2":
        system.ada_p.assign(0.5)
    # The chief alone measures, and makes a model for that, which the others must not wait for.
    measure = (lambda model: {"resolution": model.resolution}) if workers.is_chief else None
    trainer = Trainer(
        system, feed, config, strategy, folder, workers=workers, reports=Reports(measure=measure)
    )
    assert trainer.train() == "finished"
    return trainer


if __name__ == "__main__":
    import_tensorflow()
    # As in tests/conftest.py: graphs run as they are written.
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    found, all_workers = join("multi-worker", 0, 1, os.environ)
    for one in SYSTEMS:
        train(one, Path(sys.argv[1]), found, all_workers)
