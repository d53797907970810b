"""Checkpoints: whole or absent, and nothing is changed by a bad one."""

import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from training.checkpoints import (
    CheckpointError,
    NotFiniteError,
    all_variables,
    list_checkpoints,
    restore,
    save,
)

ROOT = Path(__file__).parents[2]


class Variable:
    """The part of a variable that a checkpoint needs, without TensorFlow."""

    def __init__(self, value):
        self.value = np.asarray(value)
        self.shape = self.value.shape

    def numpy(self):
        return self.value

    def assign(self, value):
        self.value = np.asarray(value)


def make_variables(scale=1.0):
    return {
        "generator/kernel": Variable(scale * np.arange(12, dtype=np.float32).reshape(3, 4)),
        "generator/bias": Variable(np.full(4, scale, np.float32)),
        "state/seed": Variable(np.int64(round(5 * scale))),
    }


def values(variables):
    return {name: np.array(variable.numpy()) for name, variable in variables.items()}


def assert_same(variables, expected):
    assert set(variables) == set(expected)
    for name, variable in variables.items():
        np.testing.assert_array_equal(variable.numpy(), expected[name], name)


def test_restored_variables_are_those_that_were_saved(tmp_path):
    saved = make_variables(2.0)
    path = save(tmp_path / "new" / "folder", saved, images_seen=640, step=20, keep=3)
    other = make_variables(-1.0)
    assert restore(path, other) == (640, 20)
    assert_same(other, values(saved))


def test_checkpoints_that_numpy_2_1_wrote_are_read(tmp_path):
    saved = make_variables(2.0)
    path = tmp_path / "000000640.npz"
    np.savez(path, **values(saved), images_seen=640, step=20)
    # Its `savez` stored the option `allow_pickle` as one more array.
    with zipfile.ZipFile(path, "a") as archive, archive.open("allow_pickle.npy", "w") as member:
        np.lib.format.write_array(member, np.asarray(False))
    other = make_variables(-1.0)
    assert restore(path, other) == (640, 20)
    assert_same(other, values(saved))


def test_a_checkpoint_holds_the_variables_and_the_position_and_nothing_else(tmp_path):
    path = save(tmp_path, make_variables(), images_seen=640, step=20, keep=3)
    with np.load(path) as archive:
        assert set(archive.files) == {*make_variables(), "images_seen", "step"}


def test_keras_and_tensorflow_variables_survive_a_round_trip(tmp_path):
    def make(seed):
        keras.utils.set_random_seed(seed)
        model = keras.Sequential(
            [keras.Input((3,)), keras.layers.Dense(2, name="out")], name="critic"
        )
        optimizer = keras.optimizers.Adam(0.1, name="adam")
        optimizer.build(model.trainable_variables)
        gradients = [tf.ones(v.shape) * (seed + 1.0) for v in model.trainable_variables]
        for _ in range(seed + 1):
            optimizer.apply(gradients, model.trainable_variables)
        state = {"mean": tf.Variable(float(seed))}
        return SimpleNamespace(
            networks={"critic": model}, optimizers={"critic_adam": optimizer}, state=state
        )

    saved, other = all_variables(make(1)), all_variables(make(5))
    # Kernel and bias; iterations, learning rate, two moments each; one state.
    assert len(saved) == 2 + 2 + 4 + 1
    assert any(np.any(saved[name].numpy() != other[name].numpy()) for name in saved)
    path = save(tmp_path, saved, 10, 2, keep=1)
    assert restore(path, other) == (10, 2)
    assert_same(other, values(saved))


def test_only_the_newest_are_kept_and_listed_in_order(tmp_path):
    for images in (5, 1000, 40, 2000):
        save(tmp_path, make_variables(), images, images, keep=10)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "000000001.npz.txt").write_text("mine")
    assert [path.name for path in list_checkpoints(tmp_path)] == [
        "000000005.npz",
        "000000040.npz",
        "000001000.npz",
        "000002000.npz",
    ]
    save(tmp_path, make_variables(), 3000, 1, keep=2)
    assert [path.name for path in list_checkpoints(tmp_path)] == ["000002000.npz", "000003000.npz"]
    save(tmp_path, make_variables(), 4000, 1, keep=0)  # The one just written stays.
    assert [path.name for path in list_checkpoints(tmp_path)] == ["000004000.npz"]
    assert (tmp_path / "notes.txt").exists()


def test_folder_that_does_not_exist_has_no_checkpoints(tmp_path):
    assert list_checkpoints(tmp_path / "absent") == []


def test_leftover_of_an_interrupted_write_is_ignored_and_removed(tmp_path):
    leftover = tmp_path / ".partial-0123-000000007.npz"
    leftover.write_bytes(b"half")
    assert list_checkpoints(tmp_path) == []
    save(tmp_path, make_variables(), 8, 1, keep=1)
    assert not leftover.exists()


def test_weights_that_are_not_finite_are_never_written(tmp_path):
    before = save(tmp_path, make_variables(), 8, 1, keep=1)
    for value in (np.nan, np.inf):
        variables = make_variables()
        variables["generator/bias"].value[2] = value
        with pytest.raises(NotFiniteError, match="generator/bias"):
            save(tmp_path, variables, 16, 2, keep=1)
    assert list(tmp_path.iterdir()) == [before]


def test_full_disk_leaves_the_checkpoints_from_before_and_nothing_else(tmp_path, full_disk):
    before = [save(tmp_path, make_variables(), images, 1, keep=2) for images in (8, 16)]
    with full_disk(500), pytest.raises(OSError, match="File too large"):
        save(tmp_path, make_variables(), 24, 2, keep=1)
    assert sorted(tmp_path.iterdir()) == before
    assert restore(before[1], make_variables()) == (16, 1)


def drop(variables):
    del variables["generator/bias"]


def add(variables):
    variables["generator/new"] = Variable(np.zeros(2, np.float32))


def reshape(variables):
    # As many numbers in another shape, under a name that comes last.
    variables["state/seed"] = Variable(np.zeros((1,), np.int64))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop, r"Unknown: \['generator/bias'\]"),
        (add, r"Missing: \['generator/new'\]"),
        (reshape, r"state/seed: \(\) in the checkpoint, \(1,\) in the network"),
    ],
)
def test_another_configuration_is_refused_and_changes_nothing(change, message, tmp_path):
    path = save(tmp_path, make_variables(2.0), 8, 1, keep=1)
    variables = make_variables(-1.0)
    change(variables)
    before = values(variables)
    with pytest.raises(CheckpointError, match=message):
        restore(path, variables)
    assert_same(variables, before)


@pytest.mark.parametrize(
    "content",
    [b"", b"not a checkpoint", b"PK\x03\x04", None],
    ids=["empty", "text", "zip", "absent"],
)
def test_file_that_is_no_checkpoint_is_refused_and_changes_nothing(content, tmp_path):
    path = tmp_path / "000000008.npz"
    if content is not None:
        path.write_bytes(content)
    variables = make_variables()
    before = values(variables)
    with pytest.raises(CheckpointError, match=r"000000008.npz cannot be read"):
        restore(path, variables)
    assert_same(variables, before)


def test_archive_without_a_position_is_refused_and_changes_nothing(tmp_path):
    path = tmp_path / "000000008.npz"
    np.savez(path, **values(make_variables(2.0)))
    variables = make_variables()
    before = values(variables)
    with pytest.raises(CheckpointError):
        restore(path, variables)
    assert_same(variables, before)


def test_file_cut_at_any_length_is_refused_and_changes_nothing(tmp_path):
    path = save(tmp_path, make_variables(2.0), 8, 1, keep=1)
    whole = path.read_bytes()
    variables = make_variables(-1.0)
    before = values(variables)
    for length in range(0, len(whole), 11):
        path.write_bytes(whole[:length])
        with pytest.raises(CheckpointError):
            restore(path, variables)
        assert_same(variables, before)


@pytest.mark.parametrize("bits", [0xFF, 0x08])
def test_file_with_any_byte_damaged_is_refused_or_read_as_it_was_saved(bits, tmp_path):
    saved = make_variables(2.0)
    path = save(tmp_path, saved, 8, 1, keep=1)
    whole = path.read_bytes()
    expected, variables = values(saved), make_variables(-1.0)
    before, refused = values(variables), 0
    for position in range(0, len(whole), 4):
        damaged = bytearray(whole)
        damaged[position] ^= bits
        path.write_bytes(damaged)
        try:
            # Bytes that carry nothing, such as a date, may differ without harm.
            assert restore(path, variables) == (8, 1)
            assert_same(variables, expected)
            variables = make_variables(-1.0)
        except CheckpointError:
            refused += 1
            assert_same(variables, before)
    assert refused > len(whole) / 4 / 2


# Python starts once; each order then forks a process that writes until it is killed.
WRITER = """
import os
import sys
from pathlib import Path
import numpy as np
from training.checkpoints import save

class Variable:
    def __init__(self, images):
        self.images = images
    def numpy(self):
        return np.full(500_000, self.images, np.float32)

for line in sys.stdin:
    pid = os.fork()
    images = int(line)
    while pid == 0:
        images += 1
        variables = {f"v{i}": Variable(images) for i in range(4)}
        save(Path(sys.argv[1]), variables, images, images + 1, keep=2)
    print(pid, flush=True)
    os.waitpid(pid, 0)
    print("killed", flush=True)
"""


def test_writer_killed_at_any_moment_leaves_the_newest_checkpoint_usable(tmp_path):
    rng = random.Random(0)
    newest, interrupted, attempts = 0, 0, 0
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)],
        cwd=ROOT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with writer:
        while attempts < 10 or interrupted < 2:
            attempts += 1
            assert attempts <= 40, "no write was interrupted"
            writer.stdin.write(f"{newest}\n")
            writer.stdin.flush()
            pid = int(writer.stdout.readline())
            deadline = time.monotonic() + 60
            try:
                while not any(int(path.stem) > newest for path in list_checkpoints(tmp_path)):
                    assert time.monotonic() < deadline, "the writer wrote nothing"
                    time.sleep(0.002)
                time.sleep(rng.uniform(0.0, 0.05))
            finally:
                os.kill(pid, signal.SIGKILL)
            assert writer.stdout.readline() == "killed\n"
            interrupted += any(tmp_path.glob(".partial-*"))

            path = list_checkpoints(tmp_path)[-1]
            variables = {f"v{i}": Variable(np.zeros(500_000, np.float32)) for i in range(4)}
            images, step = restore(path, variables)
            assert images == int(path.stem) > newest
            assert step == images + 1
            for variable in variables.values():
                assert np.all(variable.value == images)
            newest = images
