"""StyleGAN in training: the schedule of growth, fades, resuming in them, replicas, files."""

import dataclasses
import itertools
import json
import math
import shutil

import numpy as np
import pytest
import tensorflow as tf

from tests.training import runs
from tests.training.runs import checkpoint_values, too_far, undone_biases, values
from tfgan import figures
from tfgan.draws import Draws
from tfgan.loading import load_model
from training.config import ConfigError
from training.steps import compile_phase
from training.style_mixing import mixed_styles
from training.systems import stylegan
from training.systems.stylegan import fade_images, schedule

# One step at 8 pixels, four in which 16 fade in, three after that.
CONFIG = dataclasses.replace(
    stylegan.PRESETS["smoke"](),
    start_resolution=8,
    resolution=16,
    stable_kimg=0.016,
    fade_kimg=0.032,
    batch_sizes=("8:16",),
    batch_size=8,
    learning_rates=("8:0.001",),
    learning_rate=0.002,
    total_kimg=0.072,
    latent_dim=8,
    style_dim=8,
    mapping_layers=1,
    channel_base=64,
    channel_max=8,
    sample_rows=1,
    sample_columns=2,
    checkpoint_kimg=0.008,  # after every step
    log_seconds=0.0,
    keep=10,
    sample_kimg=0.032,
)


def make_trainer(folder, config=CONFIG):
    return runs.make_trainer(folder, stylegan, config)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A run through all three stages on one device, with a checkpoint after each step."""
    trainer = make_trainer(tmp_path_factory.mktemp("undisturbed"))
    assert trainer.train() == "finished"
    return trainer


def resumed(folder, undisturbed, images_seen, config=CONFIG):
    """A trainer that takes up the undisturbed run at a checkpoint."""
    name = f"{images_seen:09d}.npz"
    (folder / "checkpoints").mkdir(parents=True)
    shutil.copy(undisturbed.checkpoint_folder / name, folder / "checkpoints" / name)
    trainer = make_trainer(folder, config)
    trainer.restore()
    return trainer


# The schedule


def published_level(images_seen: int, resolution: int, start: int) -> float:
    """Level of detail of NVlabs/stylegan: 0 is the full resolution, 1 half of it, ..."""
    kimg = images_seen / 1000
    phase = math.floor(kimg / 1200)
    level = math.log2(resolution) - math.log2(start) - phase
    level -= max(kimg - phase * 1200 - 600, 0) / 600
    return max(level, 0.0)


@pytest.mark.parametrize("preset", [stylegan.PRESETS["ffhq-1024"], stylegan.PRESETS["ffhq-256"]])
def test_growth_follows_the_published_schedule(preset):
    config = preset()
    growths = schedule(config)
    assert growths[0].begins == 0
    for before, after in itertools.pairwise(growths):
        assert before.ends == after.begins
    # Steps of many sizes, so that fades are met at many places.
    for images_seen in [*range(0, 25_000_000, 37_531), 600_001, 1_199_999, 1_200_000]:
        level = published_level(images_seen, config.resolution, 8)
        (growth,) = [
            g for g in growths if g.begins <= images_seen and (images_seen < g.ends or g.last)
        ]
        shown = growth.size / config.resolution
        # The larger resolution counts from the first moment of its fade.
        at = images_seen in {g.begins for g in growths if g.fades}
        assert math.log2(shown) == -math.floor(level) + at
        share = level - math.floor(level)
        expected = 0.0 if at else 1.0 - share if share else 1.0
        assert growth.fade(images_seen) == pytest.approx(expected, abs=1e-9)


def test_batch_sizes_and_learning_rates_are_the_published_ones():
    batches = {4: 512, 8: 256, 16: 128, 32: 64, 64: 32, 128: 32, 256: 32, 512: 32, 1024: 32}
    rates = {128: 0.0015, 256: 0.002, 512: 0.003, 1024: 0.003}
    presets = (
        (stylegan.PRESETS["ffhq-1024"](), rates),
        (stylegan.PRESETS["ffhq-256"](), rates),
        (
            stylegan.PRESETS["celeba-hq-1024"](),
            {size: min(rate, 0.002) for size, rate in rates.items()},
        ),
    )
    for config, expected in presets:
        for growth in schedule(dataclasses.replace(config, start_resolution=4)):
            assert growth.batch_size == batches[growth.size]
            assert growth.learning_rate == expected.get(growth.size, 0.001)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [("8", 16), ("16 fade", 48), ("16", 72)]),
        ({"total_kimg": 0.04}, [("8", 16), ("16 fade", 40)]),
        ({"total_kimg": 0.048}, [("8", 16), ("16 fade", 48)]),
        ({"fade_kimg": 0.0}, [("8", 16), ("16", 72)]),
        ({"stable_kimg": 0.0}, [("16 fade", 32), ("16", 72)]),
        ({"start_resolution": 16}, [("16", 72)]),
    ],
)
def test_stages_that_are_empty_or_beyond_the_end_are_left_out(changes, expected):
    system = stylegan.create(dataclasses.replace(CONFIG, **changes))
    assert [(stage.name, stage.until_images) for stage in system.stages()] == expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"start_resolution": 2}, r"`start_resolution` must be one of 4, 8, 16.*Received: 2"),
        ({"start_resolution": 32}, r"Received: 32"),
        ({"batch_sizes": ("8:0",)}, r"`batch_sizes` must be.*at least 1.*Received: 8:0"),
        ({"batch_sizes": ("16",)}, r"as in 8:256. Received: 16"),
        ({"batch_sizes": ("12:8",)}, r"power of two from 4 to 1024.*Received: 12:8"),
        ({"batch_sizes": ("8:8", "8:4")}, r"each resolution once.*Received: 8:8 8:4"),
        (
            {"learning_rates": ("8:0.1", "16:nan")},
            r"`learning_rates`.*as in 128:0.0015.*8:0.1 16:nan",
        ),
        ({"stable_kimg": 0.0, "fade_kimg": 0.0}, r"`start_resolution` 16 to train without"),
    ],
)
def test_options_that_cannot_work_are_named(changes, message):
    with pytest.raises(ConfigError, match=message):
        dataclasses.replace(CONFIG, **changes).check()


# Growing


def test_a_run_that_ended_where_a_stage_does_goes_on_as_if_it_had_not(tmp_path, undisturbed):
    short = resumed(tmp_path, undisturbed, 40, dataclasses.replace(CONFIG, total_kimg=0.048))
    short.train()
    expected = checkpoint_values(undisturbed, 48)
    for name, value in values(short).items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)


@pytest.mark.parametrize(("images_seen", "until"), [(16, 32), (32, 72)])
def test_run_resumed_before_and_in_a_fade_is_bit_identical(
    tmp_path, undisturbed, images_seen, until
):
    config = dataclasses.replace(CONFIG, total_kimg=until / 1000)
    trainer = resumed(tmp_path, undisturbed, images_seen, config)
    assert trainer.images_seen == images_seen
    trainer.train()
    expected = checkpoint_values(undisturbed, until)
    for name, value in values(trainer).items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)


def test_a_step_within_a_fade_in_two_rounds_equals_one_in_one(tmp_path, undisturbed, eagerly):
    config = dataclasses.replace(CONFIG, total_kimg=0.032, accumulate=2)
    double = resumed(tmp_path, undisturbed, 24, config)
    before = values(double)
    double.train()
    expected, actual = checkpoint_values(undisturbed, 32), values(double)
    for name in ("generator", "average"):
        del actual[f"{name}/mapping/average"]  # each round moves it, as in the published code
    undone = undone_biases(expected)
    weights = {
        name: value
        for name, value in actual.items()
        if "_optimizer/" not in name
        and name.replace("average", "generator", 1).replace("/", "_") not in undone
    }
    # Adam divides gradients by their size, which magnifies the rounding of small ones.
    assert too_far(weights, expected, 1e-4) == {}
    assert sum(not np.array_equal(before[n], v) for n, v in weights.items()) > 20


def test_each_phase_changes_exactly_what_its_stage_uses(tmp_path, eagerly):
    trainer = make_trainer(tmp_path)
    system = trainer.system
    for stage in trainer.stages:
        batch = next(trainer.batches(trainer.pipeline.at(stage.resolution, stage.batch_size)))
        for index, phase in enumerate(stage.phases):
            system.alpha.assign(0.5)
            before = values(trainer)
            compile_phase(phase, index, trainer.strategy, 0, 1)(batch, tf.constant(0, tf.int64))
            after = values(trainer)
            moved = {n for n in after if not np.array_equal(before[n], after[n])}
            network = {"g": "generator", "d": "discriminator"}[phase.name]
            expected = {
                f"{network}/{v.path.split('/', 1)[-1]}"
                for v in getattr(system, network).in_use(stage.resolution, "fade" in stage.name)
            }
            found = {n for n in moved if "_optimizer/" not in n} - {"generator/mapping/average"}
            assert found == expected, (stage.name, phase.name)
            assert {n.split("/")[0] for n in moved if "_optimizer/" in n} == {
                f"{phase.name}_optimizer"
            }


def test_optimisers_begin_anew_with_each_stage(tmp_path, undisturbed, eagerly):
    for images_seen in (16, 48):
        found = checkpoint_values(undisturbed, images_seen)
        for name, value in found.items():
            if "_optimizer/" in name and not name.endswith("learning_rate"):
                assert not np.any(value), (images_seen, name)
        assert found["d_optimizer/learning_rate"] == np.float32(0.002)
    inside = checkpoint_values(undisturbed, 40)
    assert inside["g_optimizer/iteration"] == 3
    assert checkpoint_values(undisturbed, 0)["g_optimizer/learning_rate"] == np.float32(0.001)
    for images_seen, rate in ((15, 0.001), (16, 0.002)):
        found = undisturbed.system.learning_rates(images_seen)
        assert found == {"g_optimizer": rate, "d_optimizer": rate}
    config = dataclasses.replace(CONFIG, reset_optimizers=False, total_kimg=0.024)
    kept = make_trainer(tmp_path, config)
    kept.train()
    assert checkpoint_values(kept, 16)["g_optimizer/iteration"] == 1
    assert checkpoint_values(kept, 24)["g_optimizer/iteration"] == 2
    # Adam corrects each variable for the updates that it has had itself.
    counts = {n: v for n, v in checkpoint_values(kept, 24).items() if n.endswith("_count")}
    joined = {n for n in counts if "_b16_" in n}
    assert joined
    assert {int(counts[n]) for n in joined} == {1}
    assert {int(counts[n]) for n in counts if "_b8_conv" in n or "_b8_layer" in n} == {2}


def test_checkpoints_without_counts_of_each_variable_are_read(tmp_path, undisturbed):
    before = checkpoint_values(undisturbed, 40)
    counts = {n for n in before if n.endswith("_count")}
    (tmp_path / "checkpoints").mkdir()
    older = {n: v for n, v in before.items() if n not in counts}
    np.savez(tmp_path / "checkpoints" / "000000040.npz", images_seen=40, step=4, **older)
    trainer = make_trainer(tmp_path)
    trainer.restore()
    after = values(trainer)
    used = {n for n in counts if np.any(before[n.removesuffix("count") + "velocity"])}
    assert 20 < len(used) < len(counts)
    for name in before:
        expected = 0 if name in counts - used else before[name]
        np.testing.assert_array_equal(after[name], expected, err_msg=name)
        assert after[name].dtype == before[name].dtype


def test_curves_show_the_schedule_and_pictures_grow_in_place(undisturbed):
    lines = (undisturbed.folder / "stats.jsonl").read_text().splitlines()
    found = {line["images_seen"]: line for line in map(json.loads, lines)}
    assert list(found) == [16, 24, 32, 40, 48, 56, 64, 72]
    # Each point shows what the steps before it followed.
    alphas = [line["schedule/alpha"] for line in found.values()]
    assert alphas == [1.0, 0.0, 0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    for name, first, later in (
        ("resolution", 8, 16),
        ("batch_size", 16, 8),
        ("learning_rate", 0.001, 0.002),
    ):
        shown = [line[f"schedule/{name}"] for line in found.values()]
        assert shown == [first] + [later] * 7
    curves = "loss/g loss/d penalty/r1 score/real score/fake images_per_second"
    assert all(set(curves.split()) <= set(line) for line in found.values())
    shapes = set()
    for path in (undisturbed.folder / "samples").iterdir():
        with figures.Image.open(path) as picture:
            shapes.add(picture.size)
    assert len(shapes) == 1


def test_model_file_of_a_fade_draws_what_the_run_shows(tmp_path, undisturbed, eagerly):
    config = dataclasses.replace(CONFIG, total_kimg=0.04)
    trainer = resumed(tmp_path, undisturbed, 24, config)
    trainer.train()  # to alpha 0.75
    model = load_model(tmp_path)
    assert (model.resolution, model.fade) == (16, 0.75)
    average = trainer.system.average
    latents = np.random.default_rng(0).standard_normal((3, 8), np.float32)
    styles = average.truncate(average.mapping(latents), 0.6)
    expected = average.synthesis(styles, size=16, fade=0.75)
    np.testing.assert_allclose(model(latents, truncation_psi=0.6), expected, atol=1e-6)
    at_the_start = load_model(make_started(tmp_path / "start"))
    assert (at_the_start.resolution, at_the_start.fade) == (8, 1.0)


def make_started(folder):
    """A run folder as it is before the first step."""
    trainer = make_trainer(folder)
    trainer._save()
    return folder


def test_average_copies_what_is_not_in_use_and_moves_what_is(undisturbed):
    start, early, end = (checkpoint_values(undisturbed, n) for n in (0, 16, 72))
    unused = [n for n in start if n.startswith("average/synthesis/b16/") and "fixed" not in n]
    assert unused
    for name in unused:
        np.testing.assert_array_equal(start[name], early[name])
        assert not np.array_equal(early[name], end[name]), name
    for name in (n for n in start if n.startswith("average/synthesis/b8/layer")):
        moved = not np.array_equal(start[name], early[name])
        assert moved == ("fixed" not in name), name


@pytest.mark.parametrize(
    "changes",
    [
        {"loss": "wgan-gp"},
        {"form": "rosinality", "style_mixing_by": "resolution", "fade_reals": False},
        {"precision": "bfloat16"},
    ],
)
def test_other_losses_forms_and_precisions_train_what_is_in_use(tmp_path, eagerly, changes):
    config = dataclasses.replace(
        CONFIG, **changes, stable_kimg=0.0, total_kimg=0.016, style_mixing=1.0
    )
    trainer = make_trainer(tmp_path, config)
    before = values(trainer)
    trainer.train()  # the second step is in a fade, at alpha 0.25
    line = json.loads((tmp_path / "stats.jsonl").read_text().splitlines()[-1])
    if "loss" in changes:
        assert {"penalty/gradient", "penalty/drift"} <= set(line)
    after = values(trainer)
    for network in ("generator", "discriminator"):
        for variable in getattr(trainer.system, network).in_use(16, fades=True):
            name = f"{network}/{variable.path.split('/', 1)[-1]}"
            assert np.all(np.isfinite(after[name])), name
            assert not np.array_equal(before[name], after[name]), name


def test_faded_pictures_go_from_means_to_themselves():
    images = tf.constant(np.random.default_rng(0).uniform(-1, 1, (2, 4, 6, 3)), tf.float32)
    np.testing.assert_array_equal(fade_images(images, 1.0), images)
    np.testing.assert_allclose(fade_images(images, tf.constant(1.0)), images, atol=1e-6)
    coarse = fade_images(images, tf.constant(0.0)).numpy()
    for i, j in np.ndindex(2, 3):
        square = images[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].numpy()
        expected = np.broadcast_to(square.mean(axis=(1, 2), keepdims=True), square.shape)
        found = coarse[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        np.testing.assert_allclose(found, expected, atol=1e-6)
    between = fade_images(images, tf.constant(0.3))
    np.testing.assert_allclose(between, 0.7 * coarse + 0.3 * images, atol=1e-6)


@pytest.mark.parametrize(("layers", "together"), [(2, 1), (4, 1), (6, 2)])
def test_style_mixing_switches_once_within_the_layers_in_use(layers, together):
    system = stylegan.create(CONFIG)
    system.generator.mapping.average.assign(np.zeros(8))
    seen = set()
    for seed in range(60):
        draws = Draws([seed, 0], 3)
        styles = mixed_styles(system.generator, draws, None, 1.0, layers, together).numpy()
        assert styles.shape == (3, layers, 8)
        switches = [i for i in range(1, layers) if np.any(styles[:, i] != styles[:, i - 1])]
        assert len(switches) == 1
        seen.add(switches[0])
    assert seen == set(range(together, layers, together))
    assert np.any(system.generator.mapping.average.numpy())


def test_nothing_is_mixed_where_all_layers_stay_together_or_the_probability_is_zero():
    system = stylegan.create(CONFIG)
    for probability, together in ((0.0, 1), (1.0, 2)):
        styles = mixed_styles(system.generator, Draws([1, 0], 3), None, probability, 2, together)
        np.testing.assert_array_equal(styles[:, 0], styles[:, 1])
