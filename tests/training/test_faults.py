"""Bad days: full disks, two processes in one folder, clocks that jump, pictures that vanish."""

import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.training import runs
from tests.training.test_loop import CONFIG
from tests.training.test_run import TINY
from tfgan.loading import OutputError, load_model
from training import checkpoints, run
from training.monitor import Monitor
from training.run_folder import BusyError, use_folder
from training.systems import stylegan2

ROOT = Path(__file__).parents[2]
AFTER_STEP = "training.systems.stylegan2.StyleGAN2System.after_step"


@pytest.fixture
def command(tmp_path):
    """A tiny run on a folder of six pictures."""
    (tmp_path / "pictures").mkdir()
    for i in range(6):
        Image.new("RGB", (8, 8), (40 * i, 0, 0)).save(tmp_path / "pictures" / f"{i}.png")
    arguments = ["--data", str(tmp_path / "pictures"), "--runs", str(tmp_path / "runs")]
    return [*TINY, *arguments, "--log-seconds", "0"]


def only_run(tmp_path: Path) -> Path:
    (folder,) = (tmp_path / "runs").iterdir()
    return folder


def check_whole(folder: Path, images_seen: list[int]) -> None:
    """All that a stopped run left can be read, and no other file is there."""
    found = checkpoints.list_checkpoints(folder / "checkpoints")
    assert found == sorted((folder / "checkpoints").iterdir())
    assert [int(path.stem) for path in found] == images_seen
    for path in found:
        with np.load(path) as archive:
            assert all(np.all(np.isfinite(archive[name])) for name in archive.files)
    load_model(folder)
    for path in (folder / "samples").iterdir():
        Image.open(path).load()
    json.loads((folder / "config.json").read_text())
    assert not list(folder.rglob("*partial*"))


def test_full_disk_ends_a_run_in_one_line_and_leaves_the_last_checkpoint(
    tmp_path, command, capsys, eagerly, full_disk, monkeypatch
):
    steps = []

    def after_step(*_):
        steps.append(0)
        if len(steps) == 2:
            disk.__enter__()

    disk = full_disk(2000)
    monkeypatch.setattr(AFTER_STEP, after_step)
    try:
        assert run.main([*command, "--checkpoint-kimg", "0.008", "--total-kimg", "0.024"]) == 2
    finally:
        disk.__exit__(None, None, None)
    folder = only_run(tmp_path)
    (line,) = [x for x in capsys.readouterr().err.splitlines() if x.startswith("error: ")]
    assert "cannot be written (File too large). Make room" in line
    assert f"go on from image 8 with --resume {folder}" in line
    check_whole(folder, [0, 8])
    assert run.main(["--resume", str(folder), "--devices", "1"]) == 0
    assert "Finished at 24 images" in capsys.readouterr().out
    lines = (folder / "stats.jsonl").read_text().splitlines()
    assert [json.loads(line)["images_seen"] for line in lines] == [8, 16, 24]


def test_full_disk_is_an_error_of_every_file_that_shows_something(tmp_path, full_disk):
    pictures = {"noise": np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)}
    for write in (
        lambda monitor: monitor.scalars(8, {f"loss/{i}": 1.0 for i in range(200)}),
        lambda monitor: monitor.pictures(8, pictures),
    ):
        monitor = Monitor(tmp_path, 32)
        with full_disk(500), pytest.raises(OSError, match="File too large"):
            write(monitor)
        monitor.close()
    assert not list((tmp_path / "samples").iterdir())


@pytest.mark.parametrize("place", ["lock", "checkpoints", "samples"])
def test_folder_that_cannot_be_written_to_is_said_before_anything_is_opened(
    tmp_path, place, monkeypatch, capsys
):
    # A file in place of a folder, and the reverse: permissions do not bind root.
    if place == "lock":
        (tmp_path / place).mkdir()
    else:
        (tmp_path / place).write_text("")
    with pytest.raises(OutputError, match=rf"{place} cannot be written"), use_folder(tmp_path):
        pytest.fail("it was opened")


HOLDER = """
import sys, time
from pathlib import Path
from training.run_folder import use_folder
with use_folder(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_folder_is_used_by_one_process_until_that_is_killed(tmp_path):
    arguments = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(arguments, cwd=ROOT, text=True, stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout.readline() == "held\n"
            named = rf"process {holder.pid} on {os.uname().nodename} since \d{{4}}-\d\d-\d\d "
            with pytest.raises(BusyError, match=named), use_folder(tmp_path):
                pytest.fail("two processes hold it")
        finally:
            holder.send_signal(signal.SIGKILL)
    for _ in range(2):  # and it is free again after an end without a kill
        with use_folder(tmp_path):
            assert f"process {os.getpid()}" in (tmp_path / "lock").read_text()
    assert (tmp_path / "lock").read_text() == ""


def test_clock_that_jumps_neither_ends_a_run_nor_bends_its_rates(tmp_path, eagerly, monkeypatch):
    now, jumps = [time.time()], [5 * 3600, -9 * 3600]

    def jumping():
        now[0] += jumps[0]
        jumps.reverse()
        return now[0]

    monkeypatch.setattr(time, "time", jumping)
    config = dataclasses.replace(CONFIG, max_minutes=60.0, total_kimg=0.016, pl_weight=0.0)
    trainer = runs.make_trainer(tmp_path, stylegan2, config)
    assert trainer.train() == "finished"
    lines = [json.loads(x) for x in (tmp_path / "stats.jsonl").read_text().splitlines()]
    assert [line["images_seen"] for line in lines] == [8, 16]
    assert lines[1]["time"] != lines[0]["time"]
    assert all(0.1 < line["images_per_second"] < 1e5 for line in lines)


def test_pictures_that_vanish_stop_a_run_after_a_checkpoint_of_its_last_step(
    tmp_path, command, capsys, eagerly, monkeypatch
):
    pictures = tmp_path / "pictures"

    def after_step(*_):
        if pictures.exists():
            pictures.rename(tmp_path / "elsewhere")

    monkeypatch.setattr(AFTER_STEP, after_step)
    # More steps than there are batches made ahead.
    command += ["--cache-gb", "0", "--max-broken", "2", "--total-kimg", "0.4"]
    assert run.main([*command, "--checkpoint-kimg", "1"]) == 2
    folder = only_run(tmp_path)
    error = capsys.readouterr().err
    stopped_at = int(checkpoints.list_checkpoints(folder / "checkpoints")[-1].stem)
    assert stopped_at > 0
    check_whole(folder, [0, stopped_at])
    assert f"--resume {folder}  # from image {stopped_at}" in error
    assert "cannot be read. Received: --max-broken 2." in error
    assert re.search(rf"  {pictures}/\d.png: No such file or directory", error)
