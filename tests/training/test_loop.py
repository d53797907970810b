"""The loop with a real system: resuming, replicas, accumulation, and its guards."""

import dataclasses
import json
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgan.data.pipeline import Pipeline, PipelineOptions
from tfgan.data.sources import Picture
from training import checkpoints
from training.config import ConfigError
from training.loop import Trainer, TrainingError
from training.steps import compile_phase
from training.systems import stylegan2


class RandomPictures:
    """Pictures from memory, so that no test waits for a disk."""

    name = "random"
    class_names = ()

    def __len__(self):
        return 20

    def describe(self, index):
        return f"random#{index}"

    def read(self, index):
        pixels = np.random.default_rng(index).integers(0, 256, (8, 8, 3), np.uint8)
        return Picture(pixels, 0, self.describe(index))

    def fingerprint(self):
        return "random"


# Every kind of update happens within four steps: path length every second, R1 every second.
CONFIG = dataclasses.replace(
    stylegan2.smoke(),
    resolution=8,
    batch_size=8,
    latent_dim=8,
    style_dim=8,
    mapping_layers=1,
    channel_base=64,
    channel_max=8,
    r1_interval=2,
    pl_interval=2,
    ada=False,
    total_kimg=0.032,
    sample_rows=1,
    sample_columns=2,
    checkpoint_kimg=0.008,  # after every step
    keep=10,
    sample_kimg=1000.0,
)


def make_trainer(folder, config=CONFIG, devices=1):
    folder.mkdir(exist_ok=True)
    strategy = tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(devices)])
    options = PipelineOptions(config.resolution, config.batch_size, seed=config.seed)
    keras.utils.set_random_seed(config.seed)
    with strategy.scope():
        system = stylegan2.create(config)
    return Trainer(system, Pipeline(RandomPictures(), options), config, strategy, folder)


def values(trainer):
    return {name: np.array(v.numpy()) for name, v in trainer.variables.items()}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A run of four steps on one device, with a checkpoint after each."""
    trainer = make_trainer(tmp_path_factory.mktemp("undisturbed"))
    before = values(trainer)
    assert trainer.train() == "finished"
    return trainer, before


def checkpoint_values(trainer, images_seen):
    path = trainer.checkpoint_folder / f"{images_seen:09d}.npz"
    with np.load(path) as archive:
        return {name: archive[name] for name in trainer.variables}


def test_resumed_run_is_bit_identical_to_an_undisturbed_one(tmp_path, undisturbed):
    trainer, _ = undisturbed
    halfway = "000000016.npz"
    (tmp_path / "checkpoints").mkdir()
    shutil.copy(trainer.checkpoint_folder / halfway, tmp_path / "checkpoints" / halfway)
    resumed = make_trainer(tmp_path)
    resumed.restore()
    assert (resumed.images_seen, resumed.step) == (16, 2)
    resumed.train()
    expected = values(trainer)
    for name, value in values(resumed).items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)


def test_one_step_on_two_replicas_equals_one_step_on_one(tmp_path, undisturbed):
    trainer, before = undisturbed
    one_step = dataclasses.replace(CONFIG, total_kimg=0.008)  # runs all four phases
    double = make_trainer(tmp_path, one_step, devices=2)
    double.train()
    expected = checkpoint_values(trainer, 8)
    errors = {
        name: np.max(np.abs(value - expected[name])) / (np.max(np.abs(expected[name])) or 1.0)
        for name, value in values(double).items()
    }
    assert {name: float(error) for name, error in errors.items() if error > 1e-5} == {}
    moved = [name for name, value in expected.items() if not np.array_equal(value, before[name])]
    assert {"generator", "discriminator"} <= {name.split("/")[0] for name in moved}


def test_every_trained_weight_and_the_averages_move(undisturbed):
    trainer, before = undisturbed
    after = values(trainer)
    system = trainer.system
    for network in ("generator", "average", "discriminator"):
        for variable in system.networks[network].trainable_variables:
            name = f"{network}/{variable.path.split('/', 1)[-1]}"
            assert not np.array_equal(before[name], after[name]), name
    assert after["state/path_length_mean"] > 0


def test_run_folder_holds_model_checkpoint_curves_and_pictures(undisturbed):
    trainer, _ = undisturbed
    folder = trainer.folder
    assert (folder / "model.keras").is_file()
    assert [p.name for p in checkpoints.list_checkpoints(folder / "checkpoints")] == [
        f"{images_seen:09d}.npz" for images_seen in (0, 8, 16, 24, 32)
    ]
    assert sorted(p.name for p in (folder / "samples").iterdir()) == [
        "average-000000000.png",
        "average-000000032.png",
    ]
    assert list(folder.glob("events.out.tfevents.*"))
    for line in (folder / "stats.jsonl").read_text().splitlines():
        assert json.loads(line)["images_seen"] <= 32


def test_each_phase_changes_only_the_variables_that_it_names(tmp_path):
    trainer = make_trainer(tmp_path)
    (stage,) = trainer.stages
    batch = next(trainer._batches(stage.batch_size))
    # State that a phase may move beside its variables.
    state = {"generator/mapping/average", "state/path_length_mean"}
    for index, phase in enumerate(stage.phases):
        before = values(trainer)
        step = compile_phase(phase, index, trainer.strategy, seed=0, rounds=1)
        step(batch, tf.constant(0, tf.int64))
        after = values(trainer)
        moved = {n for n in after if not np.array_equal(before[n], after[n])} - state
        network = "generator" if phase.name.startswith("g_") else "discriminator"
        optimizer = network[0] + "_optimizer"
        assert moved, phase.name
        assert {n.split("/")[0] for n in moved} <= {network, optimizer}, phase.name


def test_a_loss_that_is_not_finite_stops_and_names_a_usable_checkpoint(tmp_path):
    trainer = make_trainer(tmp_path, dataclasses.replace(CONFIG, learning_rate=1e30))
    with pytest.raises(TrainingError, match=r"stopped being finite.*image 0 is from before"):
        trainer.train()
    (usable,) = checkpoints.list_checkpoints(tmp_path / "checkpoints")
    with np.load(usable) as archive:
        assert all(np.all(np.isfinite(archive[name])) for name in archive.files)


def test_batch_that_devices_and_rounds_do_not_divide_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"Received: 8\. Use --batch-size 9"):
        make_trainer(tmp_path, dataclasses.replace(CONFIG, accumulate=3))
