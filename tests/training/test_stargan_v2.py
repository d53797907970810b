"""StarGAN v2 in the loop: its four updates, replicas, resuming, the decay of diversity."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from tests.training import runs
from tests.training.runs import checkpoint_values, too_far, undone_biases, values
from tfgan.loading import load_model
from training.config import ConfigError
from training.data import check_networks
from training.steps import compile_phase
from training.systems import stargan_v2

CONFIG = dataclasses.replace(
    stargan_v2.PRESETS["smoke"](),
    latent_dim=3,
    style_dim=4,
    mapping_width=6,
    channel_max=4,
    channel_base=64,
    total_kimg=0.016,
    diversity_kimg=0.032,
    sample_rows=2,
    sample_columns=2,
    checkpoint_kimg=0.004,  # after every step
    keep=10,
    log_seconds=0.0,
)


def make_trainer(folder, config=CONFIG):
    return runs.make_trainer(folder, stargan_v2, config)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A run of four steps on one device, with a checkpoint after each."""
    trainer = make_trainer(tmp_path_factory.mktemp("undisturbed"))
    assert trainer.train() == "finished"
    return trainer


def test_resumed_run_is_bit_identical_to_an_undisturbed_one(tmp_path, undisturbed):
    (tmp_path / "checkpoints").mkdir()
    halfway = "000000008.npz"
    shutil.copy(undisturbed.checkpoint_folder / halfway, tmp_path / "checkpoints" / halfway)
    resumed = make_trainer(tmp_path)
    resumed.restore()
    resumed.train()
    expected = values(undisturbed)
    for name, value in values(resumed).items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)


def test_one_step_in_two_rounds_equals_one_step_in_one(tmp_path, undisturbed, eagerly):
    config = dataclasses.replace(CONFIG, total_kimg=0.004, accumulate=2)
    double = make_trainer(tmp_path, config)
    double.train()
    expected, actual = checkpoint_values(undisturbed, 4), values(double)
    undone = undone_biases(expected)
    weights = {
        name: value
        for name, value in actual.items()
        if name.split("/")[0] in double.system.networks
        and name.replace("average", "model", 1).replace("/", "_") not in undone
    }
    assert len(weights) > len(actual) / 4
    # Adam divides gradients by their size, which magnifies the rounding of small ones: 1e-5 here.
    assert too_far(weights, expected, 1e-4) == {}


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_half_precision_steps_as_float32_does(tmp_path, undisturbed, eagerly, precision):
    config = dataclasses.replace(CONFIG, total_kimg=0.004, precision=precision)
    half = make_trainer(tmp_path, config)
    half.train()
    assert {v.numpy().dtype.name for v in half.variables.values()} <= {"float32", "int64"}
    stats = [trainer.folder / "stats.jsonl" for trainer in (half, undisturbed)]
    rounded, exact = (json.loads(path.read_text().splitlines()[0]) for path in stats)
    curves = [name for name in exact if name.split("/")[0] in ("loss", "style", "cycle")]
    assert len(curves) == 8
    # bfloat16 keeps 8 bits of each feature map.
    for name in curves:
        assert rounded[name] == pytest.approx(exact[name], rel=0.05), name
    assert any(rounded[name] != exact[name] for name in curves)


def test_each_update_changes_exactly_the_networks_that_it_names(tmp_path, eagerly):
    trainer = make_trainer(tmp_path)
    (stage,) = trainer.stages
    batch = next(trainer.batches(trainer.pipeline))
    expected = {
        "d_latent": {"discriminator"},
        "d_reference": {"discriminator"},
        "g_latent": {"model/generator", "model/mapping", "model/style_encoder"},
        "g_reference": {"model/generator"},
    }
    for index, phase in enumerate(stage.phases):
        before = values(trainer)
        step = compile_phase(phase, index, trainer.strategy, seed=0, rounds=1)
        step(batch, tf.constant(0, tf.int64))
        after = values(trainer)
        moved = {n for n in after if not np.array_equal(before[n], after[n])}
        networks = {n for n in moved if "_optimizer/" not in n}
        depth = {"model": 2, "discriminator": 1}
        found = {"/".join(n.split("/")[: depth[n.split("/")[0]]]) for n in networks}
        assert found == expected[phase.name], phase.name
        owners = {name.split("/")[-1] + "_optimizer" for name in expected[phase.name]}
        assert {n.split("/")[0] for n in moved - networks} == owners, phase.name


def test_diversity_fades_with_the_images_seen_and_all_curves_are_written(undisturbed):
    folder = undisturbed.folder
    lines = [json.loads(line) for line in (folder / "stats.jsonl").read_text().splitlines()]
    assert [line["diversity_weight"] for line in lines] == [0.875, 0.75, 0.625, 0.5]
    for kind in ("latent", "reference"):
        for curve in ("loss/d", "penalty/r1", "loss/g", "style", "diversity", "cycle"):
            name = f"{curve}_{kind}" if curve.startswith(("loss", "penalty")) else f"{curve}/{kind}"
            assert np.isfinite(lines[0][name])
        assert (folder / "samples" / f"{kind}-000000016.png").is_file()


def test_model_file_translates_by_latent_and_by_reference(undisturbed):
    model = load_model(undisturbed.folder)
    assert model.domain_names == ("even", "odd")
    images = np.random.default_rng(0).uniform(-1, 1, (2, 32, 32, 3)).astype(np.float32)
    styles = model.style_from_latent(np.ones((2, 3), np.float32), np.array([0, 1]))
    assert model.translate(images, styles).shape == (2, 32, 32, 3)
    read = model.style_from_reference(images, np.array([1, 0]))
    assert read.shape == (2, 4)
    average = undisturbed.system.average
    np.testing.assert_array_equal(
        model.translate(images, styles), average.translate(images, styles)
    )


def test_landmarks_must_be_landmarks_and_be_used(undisturbed):
    path = str(undisturbed.folder / "model.keras")
    with pytest.raises(ConfigError, match="which holds a StarGANv2"):
        check_networks(dataclasses.replace(CONFIG, w_hpf=1.0, landmarks=path))
    with pytest.raises(ConfigError, match="leave `landmarks` out"):
        dataclasses.replace(CONFIG, landmarks=path).check()


def test_high_pass_without_landmarks_and_runs_without_domains_are_refused():
    with pytest.raises(ConfigError, match=r"`landmarks` FILE.*use `w_hpf` 0"):
        dataclasses.replace(CONFIG, w_hpf=1.0).check()
    with pytest.raises(ConfigError, match="leave `no_conditional` out"):
        dataclasses.replace(CONFIG, conditional=False).check()
