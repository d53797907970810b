"""Several workers, as processes of their own: the same weights, and what they do when one ends."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import nullcontext

import numpy as np
import pytest

from tests.training import four_systems
from tests.training.runs import eagerly, mirrored, too_far
from tests.training.test_run import pictures  # noqa: F401
from training import curves
from training.checkpoints import list_checkpoints
from training.launch import free_ports


def start_workers(folder, count=2):
    """Starts processes that train all four systems together."""
    cluster = {"worker": [f"127.0.0.1:{port}" for port in free_ports(count)]}
    processes = []
    for index in range(count):
        config = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})
        with (folder / f"{index}.log").open("w") as log:
            processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", "tests.training.four_systems", folder],
                    env={**os.environ, "TF_CONFIG": config},
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            )
    return processes


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Folders of runs on 2 workers x 1 device, 1 x 2, and 1 x 1."""
    folders = {spread: tmp_path_factory.mktemp(spread) for spread in ("2x1", "1x2", "1x1")}
    workers = start_workers(folders["2x1"])
    try:
        for name in four_systems.SYSTEMS:
            # Operator by operator is quicker for all others.
            with nullcontext() if name == "stargan-v2" else eagerly():
                four_systems.train(name, folders["1x2"], mirrored(2))
            with eagerly():
                four_systems.train(name, folders["1x1"], mirrored(1))
        for index, worker in enumerate(workers):
            said = folders["2x1"] / f"{index}.log"
            assert worker.wait(300) == 0, said.read_text()
    finally:
        for worker in workers:
            worker.kill()
    return folders


def read(folder):
    """Weights, averages and state at the end of a run; not what optimizers keep."""
    (*_, newest) = list_checkpoints(folder / "checkpoints")
    with np.load(newest) as archive:
        return {name: archive[name] for name in archive.files if "_optimizer/" not in name}


@pytest.mark.parametrize("name", four_systems.SYSTEMS)
def test_two_workers_give_the_weights_of_two_devices_and_of_one(trained, name):
    found = {spread: read(folder / name) for spread, folder in trained.items()}
    assert {"images_seen", "step"} < set(found["2x1"])
    assert found["2x1"]["step"] >= 3
    # The same sums in the same order.
    assert too_far(found["2x1"], found["1x2"], 1e-6) == {}
    # Sums over a batch in another order, after several steps.
    assert too_far(found["2x1"], found["1x1"], 1e-5) == {}


def test_all_that_is_more_than_weights_has_moved(trained):
    state = read(trained["2x1"] / "stylegan2")
    assert state["state/path_length_mean"] > 0
    assert state["state/ada_p"] in (0.25, 0.75)
    assert 0 < read(trained["2x1"] / "stylegan")["state/alpha"] < 1


@pytest.mark.parametrize("name", four_systems.SYSTEMS)
def test_tensorboard_says_of_every_curve_and_picture_what_it_is(trained, name):
    folder = trained["1x1"] / name
    lines = [json.loads(line) for line in (folder / "stats.jsonl").read_text().splitlines()]
    names = set().union(*lines) - {"images_seen", "time"}
    assert {"loss/d" if name != "stargan-v2" else "loss/d_latent", "metrics/resolution"} < names
    assert [one for one in sorted(names) if not curves.number(one).about] == []
    drawn = {path.stem.rpartition("-")[0] for path in (folder / "samples").iterdir()}
    assert drawn
    assert [one for one in sorted(drawn) if not curves.picture(one).about] == []


def launch(log, *options):
    """Starts two workers of a run, as a user does."""
    command = [sys.executable, "-m", "training.launch", "--workers", "2", "--", *options]
    with log.open("w") as file:
        return subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)


def wait_for(found, process, log):
    until = time.monotonic() + 300
    while not (value := found()):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.1)
    return value


def worker_process(folder, index):
    """Number of the process of a worker, of those that it said last."""
    said = (folder / "logs" / f"worker-{index}.log").read_text()
    return int(re.findall(rf"^Worker    {index} of 2, process (\d+)", said, re.M)[-1])


def test_what_is_left_when_a_worker_is_killed_or_told_to_end(tmp_path, pictures):  # noqa: F811
    runs, log = tmp_path / "runs", tmp_path / "log"
    # The system whose graphs are built in the shortest time; a checkpoint after each step.
    options = ["--model", "stargan", "--preset", "smoke", "--conv-dim", "2"]
    options += ["--discriminator-conv-dim", "2", "--data", str(pictures), "--runs", str(runs)]
    options += ["--total-kimg", "1000", "--checkpoint-kimg", "0.004", "--sample-kimg", "1000"]
    options += ["--keep", "1000"]

    def newest(images=0):
        found = sorted(runs.glob("*/checkpoints/*.npz"))
        return found and int(found[-1].stem) > images and found[-1]

    process = launch(log, *options)
    try:
        wait_for(lambda: newest(24), process, log)
        (folder,) = runs.iterdir()
        os.kill(worker_process(folder, 1), signal.SIGKILL)
        killed_at = time.monotonic()
        assert process.wait(120) == 128 + signal.SIGKILL, log.read_text()
        # 20 s of silence, and what else the machine does.
        assert time.monotonic() - killed_at < 40
    finally:
        process.terminate()
    undisturbed = newest()
    # What is left in pipes when processes end comes a moment later.
    time.sleep(1)
    said = [line for line in log.read_text().splitlines() if line.startswith("error: ")]
    assert len(said) == 1
    assert re.search(r"worker 1 \(127\.0\.0\.1:\d+\) is gone", said[0])
    assert f"--resume {folder}, to go on from image {int(undisturbed.stem)}" in said[0]
    assert said[0] in (folder / "logs" / "worker-0.log").read_text()

    # From an earlier checkpoint, the resumed run must come through the same weights.
    with np.load(undisturbed) as archive:
        expected = {name: archive[name] for name in archive.files}
    for path in (folder / "checkpoints").iterdir():
        if int(path.stem) > 8:
            path.unlink()
    process = launch(log, "--resume", str(folder))
    try:
        wait_for(lambda: newest(int(undisturbed.stem)), process, log)
        os.kill(worker_process(folder, 1), signal.SIGTERM)
        assert process.wait(120) == 128 + signal.SIGTERM, log.read_text()
    finally:
        process.terminate()
    with np.load(undisturbed) as archive:
        for name, value in expected.items():
            np.testing.assert_array_equal(archive[name], value, err_msg=name)
    time.sleep(1)
    ends = [
        re.findall(r"Stopped by SIGTERM at ([\d,]+) images", said.read_text())
        for said in (folder / "logs").iterdir()
    ]
    assert ends[0] == ends[1] == [f"{int(newest().stem):,}"]
