"""Training that starts from other weights, and parts of discriminators that stay as they are."""

import dataclasses
import json

import keras
import numpy as np
import pytest

from tests.training.runs import make_trainer, values
from tfgan.label_sets import LabelSet
from tfgan.models.stylegan2_discriminator import StyleGAN2Discriminator
from tfgan.runs import save_config
from training import run
from training.checkpoints import all_variables, list_checkpoints, save
from training.config import ConfigError
from training.systems import stargan, stargan_v2, stylegan, stylegan2
from training.transfer import read_model, start_from, take

SYSTEMS = {
    "stargan": (stargan, [LabelSet("looks", "attributes", ("a", "b"))]),
    "stargan-v2": (stargan_v2, ("a", "b")),
    "stylegan": (stylegan, ()),
    "stylegan2": (stylegan2, ()),
}


def make(name, seed=0, **options):
    module, labels = SYSTEMS[name]
    keras.utils.set_random_seed(seed)
    return module.create(dataclasses.replace(module.PRESETS["smoke"](), **options), labels)


def saved(name, folder, seed=1):
    """A model of other weights, its discriminator and its trained networks, in files."""
    made = make(name, seed)
    first, *_ = made.networks.values()
    for variable in first.variables:
        variable.assign(variable.numpy() + 0.25)
    # Of a network that grows, as it is at its full size.
    (average,) = [one.target for one in made.averages]
    average.save(folder / "model.keras")
    first.save(folder / "model-raw.keras")
    made.networks["discriminator"].save(folder / "model-discriminator.keras")
    return made


def asks(system, path):
    """The options of a system, with a model to start from."""
    return dataclasses.replace(system.config, init=str(path))


def start(system, path):
    return start_from(system, asks(system, path))


def parsed(name, *options):
    """The options of a run, as the command line gives them."""
    return run.parse(["--model", name, *options])[2]


def same(network, other):
    pairs = zip(network.variables, other.variables, strict=True)
    return all(np.array_equal(a.numpy(), b.numpy()) for a, b in pairs)


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_network_is_taken_from_its_file_and_the_average_stays(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = saved(name, tmp_path)
    config = parsed(name, "--preset", "smoke", "--init", "model.keras")
    module, labels = SYSTEMS[name]
    system = module.create(config, labels)
    lines = start_from(system, config)
    assert len(lines) == len(system.networks)
    assert not any("anew" in line for line in lines)
    for key, network in system.networks.items():
        assert same(network, source.networks[key]), key
    trained, average = [network for key, network in system.networks.items() if "d" not in key[:1]]
    assert not same(trained, average)
    # By the shortest half-life of these presets, 100 images, a first batch of 16 leaves 0.895.
    batch_size = system.stages()[0].batch_size
    assert system.averages[0].decay(batch_size, batch_size) > 0.89


def test_a_run_from_other_weights_has_no_ramp_up_and_fast_augmentation(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def settings(*options):
        config = parsed("stylegan2", "--preset", "small-data", "--data", "mine", *options)
        return config.ema_rampup, config.ada_kimg

    assert settings() == (0.05, 500.0)
    assert settings("--init", "faces.keras") == (None, 100.0)
    assert settings("--ada-kimg", "500", "--init", "faces.keras") == (None, 500.0)
    assert settings("--init", "faces.keras", "--ema-rampup", "0.05") == (0.05, 100.0)


def test_without_other_files_the_averages_are_trained_on_and_the_discriminator_is_new(tmp_path):
    source = saved("stylegan2", tmp_path)
    for part in ("raw", "discriminator"):
        (tmp_path / f"model-{part}.keras").unlink()
    system, fresh = make("stylegan2"), make("stylegan2")
    lines = start(system, tmp_path)
    assert same(system.generator, source.average)
    assert same(system.average, source.average)
    assert same(system.discriminator, fresh.discriminator)
    assert lines[-1] == "discriminator: made anew, for there is no model-discriminator.keras"


# Fewer parameters than smoke has.
SMALL = {"mapping_layers": 1, "channel_base": 64, "channel_max": 8}


def saved_run(name, folder, *positions):
    """A run folder with checkpoints, each of other weights; gives the system as it was last."""
    made = make(name, seed=1, **SMALL)
    save_config(folder / "config.json", name, made.config, "0" * 12)
    for images_seen in positions:
        for place, network in enumerate(made.networks.values(), start=1):
            for variable in network.variables:
                variable.assign(variable.numpy() + place)
        variables = all_variables(made)
        save(folder / "checkpoints", variables, images_seen, images_seen // 8, keep=len(positions))
    made.inference_model().save(folder / "model.keras")
    return made


@pytest.mark.parametrize("name", ["stylegan", "stylegan2"])
def test_a_run_gives_all_its_networks_from_its_newest_checkpoint(name, tmp_path):
    source = saved_run(name, tmp_path, 8)
    system = make(name, **SMALL)
    lines = start(system, tmp_path)
    assert not any("anew" in line for line in lines)
    for key, network in system.networks.items():
        assert same(network, source.networks[key]), key
    assert lines[-1].startswith("discriminator: ")
    assert lines[-1].endswith(" parameters of 000000008.npz")


def test_damaged_checkpoints_of_that_run_are_named_and_left_in_place(tmp_path):
    folder = tmp_path / "checkpoints"
    saved_run("stylegan2", tmp_path, 8, 16)
    first, last = list_checkpoints(folder)
    last.write_bytes(last.read_bytes()[:-100])
    system = make("stylegan2", **SMALL)
    named, *lines = start(system, tmp_path)
    assert f"{last} cannot be read" in named
    assert all("of 000000008.npz" in line for line in lines)
    assert list_checkpoints(folder) == [first, last]
    with np.load(first) as archive:
        kept = archive["discriminator/out/bias"]
    np.testing.assert_array_equal(system.discriminator.out.bias, kept)
    first.write_bytes(b"")
    lines = start(make("stylegan2", **SMALL), tmp_path)
    assert len(lines) == 5  # two are damaged, and a line for each network
    assert "parameters of model.keras" in lines[2]
    assert lines[-1].startswith("discriminator: made anew")
    with pytest.raises(ConfigError, match="`freeze_d` needs a discriminator that has learned"):
        start(make("stylegan2", **SMALL, freeze_d=1), tmp_path)


def test_a_run_of_other_widths_is_a_mistake_that_names_its_options(tmp_path):
    saved_run("stylegan2", tmp_path, 8)
    system = make("stylegan2", **{**SMALL, "channel_base": 128, "channel_max": 16})
    with pytest.raises(ConfigError, match=r"Use .*: `channel_base` 64 `channel_max` 8\.$"):
        start(system, tmp_path)


def test_what_does_not_fit_is_made_anew_and_named(tmp_path):
    saved("stargan-v2", tmp_path)
    keras.utils.set_random_seed(0)
    system = stargan_v2.create(stargan_v2.PRESETS["smoke"](), ("a", "b", "c"))
    before = values_of(system.model)
    (line, *_) = start(system, tmp_path / "model.keras")
    assert "made anew: " in line
    assert "heads" in line
    after = values_of(system.model)
    kept = [path for path in before if np.array_equal(before[path], after[path])]
    assert kept
    assert all("heads" in path for path in kept)


def values_of(network):
    return {variable.path: variable.numpy() for variable in network.variables}


def test_a_model_of_another_system_is_a_mistake(tmp_path):
    saved("stylegan", tmp_path)
    with pytest.raises(ConfigError, match=r"must hold a StyleGAN2Generator .*StyleGANGenerator"):
        start(make("stylegan2"), tmp_path / "model.keras")


def test_a_model_of_other_widths_is_a_mistake(tmp_path):
    saved("stylegan2", tmp_path)
    base = 2 * stylegan2.PRESETS["smoke"]().channel_base
    system = make(
        "stylegan2", channel_base=base, channel_max=2 * stylegan2.PRESETS["smoke"]().channel_max
    )
    before = values_of(system.generator)
    wanted = f"Use the settings that it has: `channel_base` {base // 2} `channel_max` [0-9]+.$"
    with pytest.raises(ConfigError, match=f"half of the parameters or more.*{wanted}"):
        start(system, tmp_path / "model.keras")
    assert before.keys() == values_of(system.generator).keys()


def test_another_network_under_the_name_of_the_discriminator_is_a_mistake(tmp_path):
    saved("stylegan2", tmp_path)
    (tmp_path / "model-raw.keras").replace(tmp_path / "model-discriminator.keras")
    with pytest.raises(ConfigError, match="must hold a StyleGAN2Discriminator"):
        start(make("stylegan2"), tmp_path / "model.keras")


def test_frozen_layers_need_a_discriminator_that_has_learned(tmp_path):
    saved("stylegan2", tmp_path)
    (tmp_path / "model-discriminator.keras").unlink()
    with pytest.raises(ConfigError, match=r"model-discriminator\.keras beside"):
        start(make("stylegan2", freeze_d=1), tmp_path / "model.keras")
    with pytest.raises(ConfigError, match="`freeze_d` belongs to `init`"):
        dataclasses.replace(stylegan2.PRESETS["smoke"](), freeze_d=1).check()


def test_all_parameters_are_counted(tmp_path):
    networks = [StyleGAN2Discriminator(8, channel_base=32, channel_max=4) for _ in range(2)]
    for network in networks:
        network.build()
    total = sum(int(np.prod(v.shape)) for v in networks[0].variables)
    networks[1].save(tmp_path / "d.keras")
    said = take(
        networks[0], read_model(tmp_path / "d.keras", networks[0]), stylegan2.PRESETS["smoke"]()
    )
    assert said == f"{total:,} of {total:,} parameters of d.keras"


@pytest.mark.parametrize("name", SYSTEMS)
def test_frozen_layers_are_those_nearest_to_the_images(name):
    whole, frozen = make(name), make(name, freeze_d=1)
    before, after = (
        {v.path.partition("/")[2] for v in one.networks["discriminator"].trainable_variables}
        for one in (whole, frozen)
    )
    left = before - after
    assert left
    first = {
        v.path.partition("/")[2]
        for layer in frozen.networks["discriminator"].lower_layers[0]
        for v in layer.variables
    }
    assert left == before & first
    updates = [update for stage in frozen.stages() for p in stage.phases for update in p.updates]
    changed = {v.path for update in updates for v in update.variables}
    assert not any(path.partition("/")[2] in left for path in changed if "discriminator" in path)


def test_frozen_layers_stay_while_others_learn(tmp_path, eagerly):
    config = dataclasses.replace(
        stylegan2.PRESETS["smoke"](), freeze_d=1, total_kimg=0.016, batch_size=8
    )
    trainer = make_trainer(tmp_path / "run", stylegan2, config)
    before = values(trainer)
    trainer.train()
    after = values(trainer)
    (block,) = trainer.system.discriminator.lower_layers[0]
    frozen = {v.path for v in block.variables}
    names = [name for name in before if "discriminator" in name.split("/")[0]]
    still = {name for name in names if np.array_equal(before[name], after[name])}
    assert len(frozen) == len(still)
    assert all(f"/{block.name}/" in f"/{name}" for name in still)


def test_more_layers_than_there_are_is_a_mistake():
    with pytest.raises(ConfigError, match=r"`freeze_d` must be at most 2.*Received: 9"):
        make("stylegan2", freeze_d=9)


def test_a_run_starts_from_a_model_and_resumes_without_it(tmp_path, monkeypatch, capsys, eagerly):
    monkeypatch.chdir(tmp_path)
    saved("stylegan2", tmp_path)
    arguments = [
        "--model",
        "stylegan2",
        "--preset",
        "smoke",
        "--data-dir",
        "sets",
        "--devices",
        "1",
    ]
    arguments += ["--total-kimg", "0.016", "--batch-size", "8", "--init", "model.keras"]
    assert run.main(arguments) == 0
    said = capsys.readouterr().out
    assert "Init      generator: " in said
    assert "did not set: --ema-rampup: 0.05 -> None, --ada-kimg: 1.0 -> 100.0" in said
    (folder,) = (tmp_path / "runs").iterdir()
    stored = json.loads((folder / "config.json").read_text())
    assert (stored["ema_rampup"], stored["ada_kimg"]) == (None, 100.0)
    (tmp_path / "model.keras").unlink()
    assert run.main(["--resume", "latest", "--total-kimg", "0.024", "--devices", "1"]) == 0
    assert "Init" not in capsys.readouterr().out
    assert run.main(arguments) == 2
    assert capsys.readouterr().err.startswith("error: there is no file model.keras")
