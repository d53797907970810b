"""StarGAN in the loop: turns of data sets, replicas, resuming, learning rates, samples."""

import copy
import dataclasses
import json
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.training.runs import RandomPictures, checkpoint_values, mirrored, too_far, values
from tfgan import figures, inference
from tfgan.data.joint import JointPipeline
from tfgan.label_sets import LabelSet, encode_labels, one_label_changed
from tfgan.loading import load_model
from tfgan.runs import save_config
from training import run
from training.config import ConfigError
from training.loop import Reports, Trainer
from training.monitor import Monitor
from training.steps import compile_phase
from training.systems import stargan

FACES = LabelSet("faces", "attributes", ("Black", "Blond", "Male"), (("Black", "Blond"),))
MOODS = LabelSet("moods", "classes", ("angry", "happy"))
SETS = (FACES, MOODS)
CONFIG = dataclasses.replace(
    stargan.PRESETS["smoke"](),
    conv_dim=2,
    discriminator_conv_dim=2,
    learning_rate=1e-3,
    ema_decay=0.9,
    total_kimg=0.032,  # eight steps, four of each set
    sample_rows=2,
    sample_columns=4,
    checkpoint_kimg=0.004,  # after every step
    keep=10,
    log_seconds=0.0,
)


class LabelledPictures(RandomPictures):
    """Twenty pictures from memory, each with one label of a set, in turn."""

    def __init__(self, size, label_set):
        super().__init__(size)
        self.class_names = label_set.names
        self._labels = np.arange(20, dtype=np.int32) % len(label_set.names)
        if label_set.kind == "attributes":
            self._labels = np.eye(len(label_set.names), dtype=np.float32)[self._labels]

    def labels(self):
        return self._labels

    def read(self, index):
        return super().read(index)._replace(label=self._labels[index])


def make_trainer(folder, config=CONFIG, label_sets=SETS, **reports):
    folder.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(config.seed)
    strategy = mirrored(1)
    with strategy.scope():
        system = stargan.create(config, label_sets)
    sources = [LabelledPictures(config.resolution, label_set) for label_set in label_sets]
    pipeline = JointPipeline(sources, label_sets, config.pipeline_options())
    return Trainer(system, pipeline, config, strategy, folder, reports=Reports(**reports))


def stats_of(trainer):
    return [json.loads(line) for line in (trainer.folder / "stats.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A run of eight steps on one device, with a checkpoint after each."""
    trainer = make_trainer(tmp_path_factory.mktemp("undisturbed"))
    assert trainer.train() == "finished"
    return trainer


# In the middle of the generator's turn, when one of the two sets has had it.
@pytest.mark.parametrize("images", [12, 20])
def test_resumed_run_is_bit_identical_to_an_undisturbed_one(tmp_path, undisturbed, images):
    (tmp_path / "checkpoints").mkdir()
    name = f"{images:09d}.npz"
    shutil.copy(undisturbed.checkpoint_folder / name, tmp_path / "checkpoints" / name)
    resumed = make_trainer(tmp_path)
    resumed.restore()
    resumed.train()
    expected = values(undisturbed)
    assert len(expected) > 100
    for name, value in values(resumed).items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)


# Both updates in the first step.
EVERY_STEP = dataclasses.replace(CONFIG, n_critic=1, total_kimg=0.004)


@pytest.fixture(scope="module")
def one_step(tmp_path_factory):
    """A run of one step with both updates."""
    trainer = make_trainer(tmp_path_factory.mktemp("one_step"), EVERY_STEP)
    trainer.train()
    return trainer


def test_one_step_in_two_rounds_equals_one_step_in_one(tmp_path, one_step):
    double = make_trainer(tmp_path, dataclasses.replace(EVERY_STEP, accumulate=2))
    before = values(double)
    double.train()
    expected, actual = checkpoint_values(one_step, 4), values(double)
    weights = {n: v for n, v in actual.items() if n.split("/")[0] in double.system.networks}
    assert len(weights) > 30
    assert all(np.any(value != before[name]) for name, value in weights.items())
    # What the central tap of a label adds is the same at every pixel, and the instance norm after
    # it takes that away. Its gradients are rounding errors alone, of which Adam makes full steps.
    for name, value in weights.items():
        if name.endswith("from_rgb/kernel"):
            value[3, 3, 3:] = expected[name][3, 3, 3:]
    assert too_far(weights, expected) == {}


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_half_precision_steps_as_float32_does(tmp_path, one_step, eagerly, precision):
    half = make_trainer(tmp_path, dataclasses.replace(EVERY_STEP, precision=precision))
    half.train()
    assert {v.numpy().dtype.name for v in half.variables.values()} <= {"float32", "int64"}
    (rounded,), (exact,) = stats_of(half), stats_of(one_step)
    for name in ("label/real", "penalty/gradient", "label/fake", "reconstruction"):
        # bfloat16 keeps 8 bits of each feature map.
        assert rounded[name] == pytest.approx(exact[name], rel=0.05), name
        assert rounded[name] != exact[name], name


def test_each_update_changes_exactly_its_network(tmp_path, eagerly):
    trainer = make_trainer(tmp_path)
    (stage,) = trainer.stages
    batch = next(trainer.batches(trainer.pipeline))
    expected = {
        "d": {"discriminator", "discriminator_optimizer"},
        "g": {"model", "generator_optimizer"},
    }
    for index, phase in enumerate(stage.phases):
        before = values(trainer)
        step = compile_phase(phase, index, trainer.strategy, seed=0, rounds=1)
        step(batch, tf.constant(0, tf.int64))
        after = values(trainer)
        moved = {n for n in after if not np.array_equal(before[n], after[n])}
        assert {n.split("/")[0] for n in moved} == expected.pop(phase.name)
        weights = {n for n in after if n.split("/")[0] in ("discriminator", "model")} & moved
        (network,) = {n.split("/")[0] for n in weights}
        assert weights == {n for n in after if n.split("/")[0] == network}
    assert not expected


def test_identity_is_added_where_it_is_asked_for(undisturbed):
    system, draws = undisturbed.system, None
    images = np.random.default_rng(0).uniform(-1, 1, (4, 32, 32, 3)).astype(np.float32)
    own = encode_labels(SETS, 0, np.eye(4, 3, dtype=np.float32))
    batch = {"image": images, "label": own, "target": own[::-1]}
    plain, plain_terms = system.g(batch, draws)
    asked = dataclasses.replace(system.config, identity_weight=3.0)
    changed = copy.copy(system)
    changed.config = asked
    loss, terms = changed.g(batch, draws)
    difference = np.abs(system.model.translate(images, own) - images).mean(axis=(1, 2, 3))
    assert set(terms) == {*plain_terms, "identity"}
    np.testing.assert_allclose(terms["identity"], difference, rtol=1e-5)
    np.testing.assert_allclose(loss - plain, 3 * difference, rtol=1e-4)
    for name, value in plain_terms.items():
        np.testing.assert_allclose(terms[name], value, rtol=1e-5, atol=1e-6)


def test_generator_learns_from_each_set_after_as_many_turns_of_the_discriminator(undisturbed):
    # Two sets, n_critic 2: both sets twice, and the second time the generator too.
    learned = ["loss/g" in line for line in stats_of(undisturbed)]
    assert learned == [False, False, True, True, False, False, True, True]
    assert all(np.isfinite(line["loss/d"]) for line in stats_of(undisturbed))


def test_graphs_of_both_updates_are_shown_though_one_begins_later(tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(Monitor, "graph", lambda self, function, _: shown.append(function))
    config = dataclasses.replace(CONFIG, total_kimg=0.016)
    make_trainer(tmp_path, config, graph=True).train()
    assert len(shown) == len(set(map(id, shown))) == 2


@pytest.mark.parametrize(("sets", "n_critic"), [(1, 5), (3, 5), (2, 1), (1, 1)])
def test_any_number_of_sets_takes_turns_as_published(sets, n_critic):
    config = dataclasses.replace(CONFIG, n_critic=n_critic)
    label_sets = [LabelSet(str(i), "attributes", ("a",)) for i in range(sets)]
    d, g = stargan.create(config, label_sets).stages()[0].phases
    published = [
        (iteration + 1) % n_critic == 0 for iteration in range(3 * n_critic) for _ in range(sets)
    ]
    steps = range(len(published))
    assert [g.runs_at(step) for step in steps] == published
    assert all(d.runs_at(step) for step in steps)


def test_learning_rate_falls_over_the_second_half_of_training(undisturbed):
    # The rate of the next step, after each of eight.
    rates = [line["learning_rate"] for line in stats_of(undisturbed)]
    np.testing.assert_allclose(rates, np.array([4, 4, 4, 4, 3, 2, 1, 0]) * 2.5e-4, rtol=1e-6)
    for step, rate in enumerate(rates):
        saved = checkpoint_values(undisturbed, 4 * (step + 1))
        for name in ("generator", "discriminator"):
            assert saved[f"{name}_optimizer/learning_rate"] == np.float32(rate)
        # What an overridden option would be followed with.
        found = undisturbed.system.learning_rates(4 * (step + 1))
        assert found == dict.fromkeys(found, pytest.approx(rate))


def test_a_run_that_is_resumed_with_another_length_keeps_its_learning_rates(tmp_path):
    save_config(tmp_path / "config.json", "stargan", CONFIG, "0" * 12)
    stored = json.loads((tmp_path / "config.json").read_text())
    stored.pop("decay_kimg", None)  # as in runs from before there was such an option
    (tmp_path / "config.json").write_text(json.dumps(stored))
    system = stargan.create(CONFIG, SETS)

    def rates(*options):
        _, _, system.config = run.parse(["--resume", str(tmp_path), *options])
        return [system.learning_rates(images)["generator_optimizer"] for images in range(0, 65, 4)]

    expected = rates()
    assert expected[:9] == pytest.approx(np.array([8, 8, 8, 8, 8, 6, 4, 2, 0]) * 1.25e-4)
    assert not any(expected[9:])
    assert rates("--total-kimg", "0.064") == rates("--total-kimg", "0.024") == expected
    # Only where it is said does the rate rise again.
    longer = ["--total-kimg", "0.064", "--decay-kimg", "0.064"]
    with pytest.raises(ConfigError, match=r"`decay_kimg`: 0\.032 -> 0\.064"):
        rates(*longer)
    assert rates(*longer, "--override")[8] == CONFIG.learning_rate


def test_training_without_a_learning_rate_is_told_of_beforehand(tmp_path, capsys):
    for name in ("red", "blue"):
        (tmp_path / "data" / name).mkdir(parents=True)
        Image.new("RGB", (32, 32), name).save(tmp_path / "data" / name / "0.png")
    command = ["--model", "stargan", "--preset", "smoke", "--devices", "1", "--dry-run"]
    command += ["--data", str(tmp_path / "data"), "--runs", str(tmp_path), "--total-kimg", "0.064"]
    assert run.main([*command, "--decay-kimg", "0.032"]) == 0
    told = capsys.readouterr().err
    assert "the learning rate is 0 from image 32 of 64 on" in told
    assert "--decay-kimg 0.064" in told
    assert run.main(command) == 0
    assert "learning rate" not in capsys.readouterr().err


def test_curves_of_all_losses_and_accuracies_are_written(undisturbed):
    # Sets take turns, and the generator learns in the third and fourth step.
    first, second, third, fourth = stats_of(undisturbed)[:4]
    of_d = {"loss/d", "label/real", "penalty/gradient", "score/real", "score/fake"}
    of_g = {"loss/g", "label/fake", "reconstruction"}
    assert of_d <= set(first)
    assert not of_g & set(first)
    assert of_d | of_g <= set(third)
    for line, name, other in ((first, "faces", "moods"), (second, "moods", "faces")):
        assert 0 <= line[f"accuracy/real/{name}"] <= 1
        assert f"accuracy/real/{other}" not in line
    assert "accuracy/fake/faces" in third
    assert "accuracy/fake/moods" in fourth


def test_accuracies_of_one_set_need_no_name(tmp_path, eagerly):
    trainer = make_trainer(tmp_path, EVERY_STEP, label_sets=[FACES])
    trainer.train()
    (line,) = stats_of(trainer)
    assert {name for name in line if name.startswith("accuracy")} == {
        "accuracy/real",
        "accuracy/fake",
    }


def test_average_follows_the_generator_where_it_is_asked_for():
    config = dataclasses.replace(CONFIG, ema_decay=0.0)
    without = stargan.create(config, SETS)
    assert without.inference_model() is without.model
    assert not without.averages
    assert set(without.networks) == {"model", "discriminator"}
    system = stargan.create(CONFIG, SETS)
    assert system.inference_model() is system.networks["average"] is not system.model
    (average,) = system.averages
    assert average.decay(0, 4) == 0.9
    for ours, theirs in zip(average.target.variables, system.model.variables, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_model_file_holds_the_average_and_what_its_labels_mean(undisturbed):
    model = load_model(undisturbed.folder)
    assert model.label_sets == SETS
    average, trained = (undisturbed.system.networks[name] for name in ("average", "model"))
    for ours, theirs in zip(model.variables, average.variables, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    assert any(
        np.any(a.numpy() != b.numpy())
        for a, b in zip(average.variables, trained.variables, strict=True)
    )


def test_samples_show_pictures_of_each_set_with_one_label_changed_after_another(undisturbed):
    system = undisturbed.system
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (6, 32, 32, 3), np.uint8)
    labels = np.concatenate(
        [encode_labels(SETS, 0, [[1, 0, 1]] * 4), encode_labels(SETS, 1, [[0, 1]] * 2)]
    )
    sheet = system.sample(images, labels)["translations"]
    rows = [0, 4]  # the first of each set
    targets = one_label_changed(SETS, labels[rows])
    assert len(targets) == 5
    cells = [[image] for image in images[rows]]
    for _, vectors in targets:
        translations = inference.translate(system.inference_model(), images[rows], vectors)
        for row, image in zip(cells, translations, strict=True):
            row.append(image)
    expected = figures.figure(
        [[figures.enlarge(cell, 3) for cell in row] for row in cells],
        figures.headings(["", "Black", "Blond", "Male reversed", "angry", "happy"]),
        breaks=([], [1]),
    )
    # Batches of other sizes round float32 otherwise, by one step of 256 here and there.
    assert sheet.shape == expected.shape
    assert np.max(np.abs(sheet.astype(int) - expected)) <= 1
    assert (undisturbed.folder / "samples" / "translations-000000032.png").is_file()


def test_samples_of_one_set_fill_all_rows(tmp_path):
    system = stargan.create(dataclasses.replace(CONFIG, sample_rows=3), [FACES])
    images = np.zeros((12, 32, 32, 3), np.uint8)
    labels = encode_labels([FACES], 0, np.zeros((12, 3)))
    # One cell of 96 pixels is a row of it; headings and margins are less than that.
    height, width, _ = system.sample(images, labels)["translations"].shape
    assert (height // 96, width // 96) == (3, 4)


def test_values_that_cannot_work_are_refused():
    for changes, message in [
        ({"conditional": False}, "leave `no_conditional` out"),
        ({"resolution": 16}, "from 32 to 512 for StarGAN. Received: 16"),
        ({"resolution": 1024}, "Received: 1024"),
        ({"discriminator_levels": 6}, "at most 5 at 32 pixels. Received: 6"),
        ({"n_critic": 0}, "`n_critic` must be at least 1"),
        ({"ema_decay": 1.0}, "`ema_decay` must be at least 0 and below 1"),
    ]:
        with pytest.raises(ConfigError, match=message):
            dataclasses.replace(CONFIG, **changes).check()
    for make in stargan.PRESETS.values():
        dataclasses.replace(make(), data=("avatars",)).check()
