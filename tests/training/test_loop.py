"""The loop with a real system: resuming, replicas, accumulation, and its guards."""

import dataclasses
import json
import os
import shutil
import signal
import time

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorflow.python.data.ops import multi_device_iterator_ops

from tests.training import runs
from tests.training.runs import checkpoint_values, too_far, values
from training import checkpoints, curves
from training.config import ConfigError
from training.loop import TrainingError, check_batch_sizes
from training.monitor import Monitor
from training.phases import Stage
from training.steps import compile_phase
from training.systems import stylegan2

# Every kind of update happens within four steps: path length every second, R1 every second.
CONFIG = dataclasses.replace(
    stylegan2.PRESETS["smoke"](),
    resolution=8,
    batch_size=8,
    latent_dim=8,
    style_dim=8,
    mapping_layers=1,
    channel_base=64,
    channel_max=8,
    r1_interval=2,
    pl_interval=2,
    ada=True,
    ada_kimg=0.128,  # p moves by 0.25 in the fourth step
    total_kimg=0.032,
    sample_rows=1,
    sample_columns=2,
    checkpoint_kimg=0.008,  # after every step
    log_seconds=0.0,
    keep=10,
    sample_kimg=1000.0,
)


def make_trainer(folder, config=CONFIG, devices=1, **reports):
    trainer = runs.make_trainer(folder, stylegan2, config, devices, **reports)
    trainer.system.ada_p.assign(0.5)  # from the first step on, half of the augmentations happen
    return trainer


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A run of four steps on one device, with a checkpoint after each."""
    trainer = make_trainer(tmp_path_factory.mktemp("undisturbed"))
    before = values(trainer)
    assert trainer.train() == "finished"
    return trainer, before


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


def test_each_phase_on_two_replicas_equals_that_on_one(tmp_path):
    trainers = [make_trainer(tmp_path / str(devices), devices=devices) for devices in (1, 2)]
    single, double = trainers
    batches = [next(trainer.batches(trainer.pipeline)) for trainer in trainers]
    for index, phase in enumerate(single.stages[0].phases):
        # From the same values again: Adam's steps magnify rounding errors of small gradients, and
        # the gradient of R1, the last phase, would be off by up to 1e-4 after them.
        before = values(single)
        for name, variable in double.variables.items():
            variable.assign(before[name])
        steps = [
            compile_phase(trainer.stages[0].phases[index], index, trainer.strategy, 0, rounds=1)
            for trainer in trainers
        ]
        with runs.eagerly():
            steps[0](batches[0], tf.constant(0, tf.int64))
        steps[1](batches[1], tf.constant(0, tf.int64))
        expected = values(single)
        assert too_far(values(double), expected) == {}, phase.name
        network = "generator" if phase.name.startswith("g_") else "discriminator"
        moved = {name for name in expected if not np.array_equal(expected[name], before[name])}
        assert network in {name.split("/")[0] for name in moved}, phase.name


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


def test_each_phase_changes_only_the_variables_that_it_names(tmp_path, eagerly):
    trainer = make_trainer(tmp_path)
    (stage,) = trainer.stages
    batch = next(trainer.batches(trainer.pipeline))
    # State that a phase may move beside its variables.
    state = {"generator/mapping/average", "state/path_length_mean", "state/real_signs"}
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


def test_two_rounds_give_the_update_of_one(tmp_path, eagerly):
    whole, halves = (make_trainer(tmp_path / str(rounds)) for rounds in (1, 2))
    batch = next(whole.batches(whole.pipeline))
    for index, name in ((0, "g_main"), (2, "d_main"), (3, "d_r1")):
        for rounds, trainer in ((1, whole), (2, halves)):
            phase = trainer.stages[0].phases[index]
            assert phase.name == name
            compile_phase(phase, index, trainer.strategy, 0, rounds)(
                batch, tf.constant(8, tf.int64)
            )
    actual, expected = values(halves), values(whole)
    weights = {n: v for n, v in actual.items() if n.startswith(("generator/", "discriminator/"))}
    # Each round moves it once, as in the published code.
    del weights["generator/mapping/average"]
    assert too_far(weights, expected) == {}
    signs, counts = actual["state/real_signs"]
    assert counts == 2.0
    assert signs / counts == expected["state/real_signs"][0]


def test_augmentation_follows_the_scores_of_real_pictures(undisturbed):
    trainer, _ = undisturbed
    before, after = (checkpoint_values(trainer, images_seen) for images_seen in (24, 32))
    assert before["state/ada_p"] == 0.5
    # 32 images are a quarter of ada_kimg: p moves so far, by the sign of (mean sign - target).
    signs = [
        line["score/real_sign"]
        for line in map(json.loads, (trainer.folder / "stats.jsonl").read_text().splitlines())
    ]
    wanted = 0.75 if np.mean(signs) > CONFIG.ada_target else 0.25
    assert after["state/ada_p"] == wanted
    np.testing.assert_array_equal(after["state/real_signs"], [0.0, 0.0])
    assert before["state/real_signs"][1] == 3.0


def test_tensorboard_shows_curves_pictures_options_graph_and_profile(tmp_path):
    config = dataclasses.replace(CONFIG, pl_weight=0.0, total_kimg=0.112)
    config = dataclasses.replace(config, checkpoint_kimg=1000.0, sample_kimg=0.056)
    trainer = make_trainer(tmp_path, config, profile=True, graph=True)
    trainer.train()
    shown = EventAccumulator(str(tmp_path), size_guidance={"images": 0, "scalars": 0})
    shown.Reload()
    tags = shown.Tags()
    assert tags["graph"]
    tensors = set(tags["tensors"])
    names = "loss/g loss/d penalty/r1 score/real score/fake learning_rate/g learning_rate/d"
    names += " gradient_norm/g_main gradient_norm/d_r1 augment_p path_length_mean"
    names += " images_per_second memory/process_gb"
    assert {curves.number(name).tag for name in names.split()} <= tensors
    assert "options/text_summary" in tensors or "options" in tensors
    # TensorBoard opens the first two groups, capitals first; pictures stand beside the real ones.
    drawn = sorted(tag for tag in tensors if not tag.startswith("options"))
    assert drawn[:4] == ["Losses/d", "Losses/g", "Pictures/average", "Pictures/real"]
    assert {"augmentation/p", "augmentation/sign_of_real"} <= tensors
    assert [event.step for event in shown.Tensors("Pictures/average")] == [0, 56, 112]
    assert [event.step for event in shown.Tensors("Pictures/real")] == [0]
    for tag in drawn:
        assert shown.SummaryMetadata(tag).summary_description, tag
    real = Image.open(tmp_path / "reals.png")
    assert real.size == Image.open(tmp_path / "samples" / "average-000000000.png").size
    lines = [json.loads(line) for line in (tmp_path / "stats.jsonl").read_text().splitlines()]
    assert [line["images_seen"] for line in lines] == list(range(8, 113, 8))
    assert set(names.split()) <= set().union(*lines)
    assert list(tmp_path.glob("plugins/profile/*/*.xplane.pb"))


def test_a_step_in_float16_moves_every_weight_and_leaves_it_finite(tmp_path, eagerly):
    config = dataclasses.replace(CONFIG, precision="float16", half_resolutions=1)
    trainer = make_trainer(tmp_path, dataclasses.replace(config, total_kimg=0.008))
    before = values(trainer)
    trainer.train()
    for name, value in values(trainer).items():
        assert np.all(np.isfinite(value)), name
    for network in ("generator", "discriminator"):
        for variable in trainer.system.networks[network].trainable_variables:
            name = f"{network}/{variable.path.split('/', 1)[-1]}"
            assert not np.array_equal(before[name], np.array(variable)), name


def test_images_per_second_are_those_of_the_steps_alone(tmp_path, eagerly, monkeypatch):
    pause = 0.1  # s, each time something is measured, shown or saved

    def slowly(function):
        def slow(*arguments):
            time.sleep(pause)
            return function(*arguments)

        return slow

    class Watched(Monitor):
        def close(self):
            watched.append(self.bar.format_dict["elapsed"])
            super().close()

    watched = []
    monkeypatch.setattr("training.loop.Monitor", Watched)
    config = dataclasses.replace(CONFIG, sample_kimg=0.008, evaluate_every=0.008)
    config = dataclasses.replace(config, total_kimg=0.016, pl_weight=0.0, r1_interval=100)
    trainer = make_trainer(tmp_path, config, measure=slowly(lambda model: {"size": 8.0}))
    monkeypatch.setattr(trainer.system, "sample", slowly(trainer.system.sample))
    monkeypatch.setattr(trainer, "_save", slowly(trainer._save))
    began = time.time()
    trainer.train()
    took = time.time() - began
    lines = map(json.loads, (tmp_path / "stats.jsonl").read_text().splitlines())
    first, last = [line for line in lines if "images_per_second" in line]
    # 0.02 s, because times are noted in hundredths.
    assert 8 / last["images_per_second"] < last["time"] - first["time"] - 3 * pause + 0.02
    # The bar counts as the curve does, and leaves out what comes before the first step too.
    (shown,) = watched
    assert sum(8 / line["images_per_second"] for line in (first, last)) <= shown < took - 8 * pause


def test_curves_go_on_where_a_resumed_run_takes_up(tmp_path):
    lines = [f'{{"images_seen": {n}}}\n' for n in (8, 16, 24)]
    (tmp_path / "stats.jsonl").write_text("".join(lines) + '{"images_s')
    Monitor(tmp_path, 32, images_seen=16).close()
    assert (tmp_path / "stats.jsonl").read_text() == "".join(lines[:2])


def test_a_run_goes_on_from_the_newest_checkpoint_that_is_whole(tmp_path, undisturbed, capsys):
    trainer, _ = undisturbed
    folder = shutil.copytree(trainer.checkpoint_folder, tmp_path / "checkpoints")
    cut, empty = folder / "000000032.npz", folder / "000000024.npz"
    cut.write_bytes(cut.read_bytes()[:-100])
    empty.write_bytes(b"")
    resumed = make_trainer(tmp_path)
    resumed.restore()
    assert (resumed.images_seen, resumed.step) == (16, 2)
    for name, value in checkpoint_values(trainer, 16).items():
        np.testing.assert_array_equal(values(resumed)[name], value)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    for line, path in zip(said, (cut, empty), strict=True):
        assert str(path) in line
        assert f"kept as {path.stem}.damaged; 000000016.npz, from before, is taken." in line
    # The next ones are written and counted as if the damaged ones had never been.
    assert [path.name for path in checkpoints.list_checkpoints(folder)] == [
        f"{images_seen:09d}.npz" for images_seen in (0, 8, 16)
    ]
    for path in checkpoints.list_checkpoints(folder):
        path.write_bytes(b"")
    with pytest.raises(checkpoints.CheckpointError, match=r"all 3 checkpoints .* are damaged"):
        resumed.restore()
    shutil.rmtree(folder)
    with pytest.raises(checkpoints.CheckpointError, match="holds no checkpoint to go on from"):
        resumed.restore()


def test_a_loss_that_is_not_finite_stops_and_names_a_usable_checkpoint(tmp_path, eagerly):
    trainer = make_trainer(tmp_path, dataclasses.replace(CONFIG, learning_rate=1e30))
    with pytest.raises(TrainingError, match=r" of phase \w+ stopped being finite.*image 0 is"):
        trainer.train()
    # Weights are not finite either, and would not be saved.
    with pytest.raises(TrainingError, match=r"/.* stopped being finite"):
        trainer._save()
    (usable,) = checkpoints.list_checkpoints(tmp_path / "checkpoints")
    with np.load(usable) as archive:
        assert all(np.all(np.isfinite(archive[name])) for name in archive.files)


def test_time_that_is_up_before_the_first_step_ends_training_without_one(tmp_path, eagerly):
    trainer = make_trainer(tmp_path, dataclasses.replace(CONFIG, max_minutes=1e-6))
    before = values(trainer)
    assert trainer.train() == "time"
    assert trainer.images_seen == 0
    assert not too_far(checkpoint_values(trainer, 0), before, 0.0)


def test_a_signal_during_the_first_step_is_answered_and_ends_it_between_phases(
    tmp_path, eagerly, capsys, monkeypatch
):
    called = []

    def interrupted(self, batch, draws):
        os.kill(os.getpid(), signal.SIGINT)
        called.append("g_main")
        return g_main(self, batch, draws)

    g_main = stylegan2.StyleGAN2System.g_main
    monkeypatch.setattr(stylegan2.StyleGAN2System, "g_main", interrupted)
    monkeypatch.setattr(
        stylegan2.StyleGAN2System, "d_main", lambda *_: pytest.fail("the step went on")
    )
    trainer = make_trainer(tmp_path)
    assert trainer.train() == "SIGINT"
    assert called == ["g_main"]
    assert trainer.images_seen == 0
    assert [path.name for path in trainer.checkpoint_folder.iterdir()] == ["000000000.npz"]
    words = "Stopping once phase g_main has run for the first time, which also builds its graph."
    assert words in capsys.readouterr().out


def test_batch_that_devices_and_rounds_do_not_divide_is_refused():
    stage = Stage("train", 100, 8, 16, ())
    check_batch_sizes([stage], replicas=2, accumulate=2)
    with pytest.raises(ConfigError, match=r"Received: 8\. Use --batch-size 12"):
        check_batch_sizes([stage], replicas=2, accumulate=3)
    early = Stage("8", 50, 16, 8, ())
    late = dataclasses.replace(stage, batch_advice="--batch-sizes 16:{0}, or --batch-size {0}")
    words = r"Received: 8 in stage train\. Use --batch-sizes 16:16, or --batch-size 16\."
    with pytest.raises(ConfigError, match=words):
        check_batch_sizes([early, late], replicas=4, accumulate=4)


def test_replicas_on_cpus_take_turns_without_the_iterator_that_holds_a_process_up(
    tmp_path, monkeypatch
):
    # Freeing it takes up to a minute and a half: at the end of a run, or in the middle of a test.
    monkeypatch.setattr(
        multi_device_iterator_ops.OwnedMultiDeviceIterator,
        "__init__",
        lambda *_, **__: pytest.fail("TensorFlow's iterator for several devices is made"),
    )
    trainer = make_trainer(tmp_path, devices=2)
    trainer.images_seen = 16
    batches = trainer.batches(trainer.pipeline)
    for first in (16, 24):
        expected = trainer.pipeline.batch(np.arange(first, first + CONFIG.batch_size))
        batch = next(batches)
        for name, rows in expected.items():
            for replica, value in enumerate(
                trainer.strategy.experimental_local_results(batch[name])
            ):
                np.testing.assert_array_equal(value, rows[replica::2])


def test_all_is_saved_before_the_pictures_of_a_stage_are_let_go(tmp_path, eagerly):
    # TensorFlow may wait for up to a minute where an iterator is freed: a container may be killed.
    events = []

    class Watched:
        def __init__(self, batches):
            self.batches = batches

        def __next__(self):
            return next(self.batches)

        def __del__(self):
            events.append("freed")

    trainer = runs.make_trainer(tmp_path, stylegan2, CONFIG)
    batches, save = trainer.batches, trainer._save
    trainer.batches = lambda feed: Watched(batches(feed))
    trainer._save = lambda: (save(), events.append("saved"))
    trainer.system.after_step = lambda step, *_: step < 3 or os.kill(os.getpid(), signal.SIGTERM)
    assert trainer.train() == "SIGTERM"
    assert events[-1] == "saved"
    assert "freed" not in events
