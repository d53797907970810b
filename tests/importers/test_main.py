"""The command line that imports published checkpoints."""

import dataclasses
import shutil

import numpy as np
import pytest

from tests.importers import saved
from tests.parity.published import DATA, Case
from tfgan.importers.__main__ import main
from tfgan.importers.face_landmarks import NAMES
from tfgan.loading import load_model
from tfgan.models.landmarks import FaceLandmarks


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
        stargan_v2.smoke(), w_hpf=1.0, landmarks=str(landmarks), channel_max=4
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
        ("whole.ckpt", "-o", "taken.keras"): "taken.keras is a folder",
    }.items():
        assert main(list(arguments)) == 2, arguments
        told = capsys.readouterr().err
        assert told.startswith("error: "), told
        assert expected in told
        assert sorted(tmp_path.iterdir()) == before, arguments


def test_help_warns_of_licences(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "Published weights carry licences of their own" in told
    assert "No code of the file is ever run" in told
