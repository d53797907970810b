"""The command line that imports published checkpoints."""

import contextlib
import dataclasses
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.importers import pickled, saved
from tests.parity.published import DATA, Case
from tfgan.importers import CheckpointError, stargan, stargan_v2, stylegan, stylegan2
from tfgan.importers.__main__ import main
from tfgan.importers.face_landmarks import NAMES
from tfgan.importers.files import read_each
from tfgan.importers.parts import Labels, Options
from tfgan.importers.systems import find_parts
from tfgan.loading import load_model
from tfgan.models.landmarks import FaceLandmarks
from tfgan.terminal import UserError


@pytest.fixture(scope="module")
def weights():
    return Case("stargan_v2_landmarks").weights("fan")


@pytest.fixture(scope="module")
def landmarks(weights, tmp_path_factory):
    """A file that the command made of a stream, as the published one is."""
    folder = tmp_path_factory.mktemp("landmarks")
    saved.save_weights(folder / "wing.ckpt", weights, "stream")
    assert main([str(folder / "wing.ckpt"), "-o", str(folder / "new" / "landmarks.keras")]) == 0
    assert [path.name for path in (folder / "new").iterdir()] == ["landmarks.keras"]
    return folder / "new" / "landmarks.keras"


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_file_holds_the_published_weights(landmarks, weights):
    network = load_model(landmarks)
    assert isinstance(network, FaceLandmarks)
    values = {v.path.split("/", 1)[1]: v.numpy() for v in network.variables}
    for name, value in weights.items():
        np.testing.assert_array_equal(
            values[NAMES.path(name)], NAMES.layout(name, value), err_msg=name
        )


def test_training_takes_the_file(landmarks):
    from training.systems import stargan_v2

    config = dataclasses.replace(
        stargan_v2.PRESETS["smoke"](), w_hpf=1.0, landmarks=str(landmarks), channel_max=4
    )
    config.check()
    model = stargan_v2.create(config, ("a", "b")).average
    for variable, expected in zip(
        model.landmarks.variables, load_model(landmarks).variables, strict=True
    ):
        np.testing.assert_array_equal(variable, expected, err_msg=variable.path)
    assert not model.landmarks.trainable_variables


def test_it_says_what_it_found_and_how_to_go_on(weights, capsys):
    saved.save_weights("my wing.pt", {**weights, "bn1.num_batches_tracked": np.array([3])})
    assert main(["my wing.pt"]) == 0
    told = capsys.readouterr().out
    assert "face landmarks" in told
    assert "6,333,603 parameters" in told  # 6.33 million, as published
    assert "Left out: 1 counters" in told
    assert "Wrote my wing.keras" in told
    assert "training.run --model stargan-v2" in told
    assert "--w-hpf 1 --landmarks 'my wing.keras'" in told


def test_mistakes_are_told_in_a_message_and_leave_nothing(weights, tmp_path, capsys):
    saved.save_weights("whole.ckpt", weights)
    whole = (tmp_path / "whole.ckpt").read_bytes()
    (tmp_path / "cut.ckpt").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.ckpt").touch()
    (tmp_path / "garbage.ckpt").write_bytes(bytes(range(256)) * 9)
    (tmp_path / "folder.ckpt").mkdir()
    (tmp_path / "taken.keras").mkdir()
    saved.save_weights("other.ckpt", {"main.0.weight": np.ones(3, np.float32)})
    saved.save_weights("lacking.ckpt", {k: v for k, v in weights.items() if k != "l0.bias"})
    shutil.copy(DATA / "checkpoints" / "hostile_legacy.ckpt", "hostile.ckpt")
    shutil.copy("whole.ckpt", "whole.keras")
    before = sorted(tmp_path.iterdir())
    for arguments, expected in {
        ("none.ckpt",): "there is no such file",
        ("cut.ckpt",): "cut short",
        ("empty.ckpt",): "it is empty",
        ("garbage.ckpt",): "no checkpoint of a known kind",
        ("folder.ckpt",): "it is a folder",
        ("other.ckpt",): "Received: entries state_dict. Expected: StyleGAN2",
        ("lacking.ckpt",): "to_heatmaps/bias",
        ("hostile.ckpt",): "asks for posix.mkdir",
        ("whole.ckpt", "-o", "model.h5"): "must end in .keras. Received: model.h5",
        ("",): "FILE must name a published checkpoint",
        (
            "whole.keras",
            "-o",
            "whole.keras",
        ): "another file than FILE. Received: whole.keras as both",
        ("whole.ckpt", "--names", "a", ""): "must give names. Received: an empty one",
        ("whole.ckpt", "-o", "taken.keras"): "taken.keras is a folder",
    }.items():
        assert main(list(arguments)) == 2, arguments
        told = capsys.readouterr().err
        assert told.startswith("error: "), told
        assert expected in told
        assert sorted(tmp_path.iterdir()) == before, arguments


@pytest.mark.parametrize(
    "file", ["checkpoints/stylegan2_ada_small.pkl", "stylegan2_tf1_small/checkpoint.pkl"]
)
def test_published_pickles_give_published_pictures_and_logits(file, tmp_path, capsys):
    assert main([str(DATA / file), "-o", "faces.keras"]) == 0
    told = capsys.readouterr().out
    assert "32 x 32 pixels, no classes: 67,779 parameters" in told
    names = ["faces-discriminator.keras", "faces-raw.keras", "faces.keras"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert all(f"Wrote {name}" in told for name in names)
    case = Case("stylegan2_tf1_small" if "tf1" in file else "stylegan2_small")
    expected = case.arrays["img_const_noise"]
    bound = 1e-4 * np.max(np.abs(expected))  # the tolerance of the parity data
    for name in ("faces.keras", "faces-raw.keras"):  # these files hold the same twice
        np.testing.assert_allclose(load_model(name)(case.arrays["z"]), expected, atol=bound)
    logits = load_model("faces-discriminator.keras")(case.arrays["x"])
    np.testing.assert_allclose(logits, case.arrays["d_real"], atol=1e-4)


@pytest.mark.parametrize("file", ["hostile.pkl", "hostile_zip.pt", "hostile_legacy.ckpt"])
def test_hostile_files_are_refused_and_make_no_folder(file, tmp_path, capsys):
    assert main([str(DATA / "checkpoints" / file), "-o", "a.keras"]) == 2
    assert "asks for posix.mkdir" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert not (DATA / "checkpoints" / "pwned_by_checkpoint").exists()


damage = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=6)


@pytest.mark.parametrize(
    "name",
    [
        "checkpoints/stylegan2_ada_small.pkl",
        "stylegan2_tf1_small/checkpoint.pkl",
        "checkpoints/stargan_small-G.ckpt",
    ],
)
@settings(max_examples=30, deadline=None)
@given(changes=damage)
def test_damaged_files_give_parts_or_the_documented_error(name, changes, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "damaged"
    data = bytearray((DATA / name).read_bytes())
    for place, value in changes:
        data[place % len(data)] = value
    path.write_bytes(data)
    options = [Options(), Options(32, labels=[Labels("attributes", ())])]["stargan" in name]
    with contextlib.suppress(UserError):
        assert find_parts(read_each([path]), None, options)[1]


def test_known_names_with_senseless_contents_are_an_error_of_the_file(tmp_path):
    path, ragged = tmp_path / "a", [[1], [2, 3]]
    names = ("generator", "mapping_network", "style_encoder")
    for contents in (
        {name: {"a": ragged} for name in names},
        {"main.0.weight": ragged},
        {"g_ema": {"conv1.conv.modulation.weight": 3, "convs.0.conv.blur.kernel": ragged}},
        {"g_running": {"generator.progression.0.conv1.input": ragged}},
    ):
        with pytest.raises(CheckpointError):
            find_parts({path: contents}, None, Options())


@pytest.mark.parametrize("digits", ["9" * 9, "9" * 5000])
def test_numbers_in_names_are_bounded(digits):
    # Some are places, others powers of two: such a number could fill the memory.
    names = {
        stylegan2.ROSINALITY_GENERATOR: ["style.{}.bias", "convs.{}.bias", "noises.noise_{}"],
        stylegan2.TF1: ["synthesis/noise{}", "{0}x{0}/Conv0/bias"],
        stylegan.ROSINALITY_GENERATOR: ["style.{}.linear.bias", "generator.progression.{}.a"],
        stylegan.official_names({}): ["ToRGB_lod{}/bias", "synthesis/noise{}"],
        stargan.generator_names(2): ["main.{}.bias", "main.{}.main.0.weight"],
        stargan_v2.names({}): ["mapping_network.shared.{}.bias", "style_encoder.shared.{}.bias"],
    }
    for known, published in names.items():
        for name in published:
            assert len(known.path(name.format(digits))) < 20_100


def test_a_part_that_does_not_fit_leaves_nothing_of_the_others(tmp_path, capsys):
    case = Case("stylegan2_small")
    discriminator = case.weights("discriminator")
    del discriminator["b4.out.bias"]
    pickled.save_modules(
        tmp_path / "a.pkl",
        G_ema=("Generator", case.weights("generator")),
        D=("Discriminator", discriminator),
    )
    assert main(["a.pkl"]) == 2
    assert "missing (as they are called here):\n  out/bias" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["a.pkl"]


def test_weights_that_make_no_picture_are_refused(tmp_path, capsys):
    weights = Case("stylegan2_small").weights("generator")
    blank = {n: np.zeros_like(v) if "torgb" in n else v for n, v in weights.items()}
    huge = {n: v * np.float32(1e30) if "torgb" in n else v for n, v in weights.items()}
    for wrong in (blank, huge):
        pickled.save_modules(tmp_path / "a.pkl", G_ema=("Generator", wrong))
        assert main(["a.pkl"]) == 2
        assert "what they make is no picture" in capsys.readouterr().err
        assert [path.name for path in tmp_path.iterdir()] == ["a.pkl"]


def test_options_and_files_that_do_not_fit_are_told(weights, tmp_path, capsys):
    ada = str(DATA / "checkpoints" / "stylegan2_ada_small.pkl")
    generator = str(DATA / "checkpoints" / "stargan_small-G.ckpt")
    saved.save_weights("wing.ckpt", weights)
    shutil.copy(generator, "again.ckpt")
    for arguments, expected in {
        (ada, "--w-hpf", "1"): "--w-hpf must be left out for StyleGAN2",
        (ada, "--resolution", "32"): "--resolution must be left out",
        ("wing.ckpt", "--names", "a"): "--names and --attributes must be left out for face",
        (ada, "--as", "stargan"): "nothing that can be imported. Received: entries G, D",
        (generator,): "Give --attributes NAME",
        (generator, "again.ckpt"): "it holds names that a file before it has as well",
        (ada, generator): "it holds nothing that can be imported",
    }.items():
        assert main([*arguments, "-o", "x.keras"]) == 2, arguments
        assert expected in capsys.readouterr().err, arguments
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.ckpt", "wing.ckpt"]


def test_files_of_another_import_are_not_left_beside_a_new_one(weights, tmp_path, capsys):
    saved.save_weights("wing.ckpt", weights)
    (tmp_path / "new-discriminator.keras").touch()
    assert main(["wing.ckpt", "-o", "new.keras"]) == 2
    assert "new-discriminator.keras is of another import" in capsys.readouterr().err
    assert not (tmp_path / "new.keras").exists()
    (tmp_path / "new-discriminator.keras").unlink()
    assert main(["wing.ckpt", "-o", "new.keras"]) == 0


def test_names_are_told_to_the_model(tmp_path):
    generator = str(DATA / "checkpoints" / "stargan_small-G.ckpt")
    names = ["--attributes", "a", "b", "--names", "c", "--resolution", "32"]
    assert main([generator, *names, "-o", "a.keras"]) == 2  # classes are two or more
    names = ["--attributes", "a", "--names", "b", "c", "--resolution", "32"]
    assert main([generator, *names, "-o", "a.keras"]) == 0
    first, second = load_model("a.keras").label_sets
    assert (first.kind, first.names) == ("attributes", ("a",))
    assert (second.kind, second.names) == ("classes", ("b", "c"))


def test_help_warns_of_licences(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "Published weights carry licences of their own" in told
    assert "No code of the file is ever run" in told
