"""Several workers on one machine: what they are given, and how they end together."""

import subprocess
import sys
import time

import pytest

from training import launch
from training.launch import free_ports, share_gpus, wait


def python(code):
    return subprocess.Popen([sys.executable, "-S", "-c", code])


def test_ports_are_as_many_as_asked_for():
    assert len(set(free_ports(4))) == 4


@pytest.mark.parametrize(
    ("visible", "shares"),
    [("0,1,2,3,4", ["0,1", "2,3"]), ("7,3", ["7", "3"]), ("", ["", ""]), ("-1", ["", ""])],
)
def test_gpus_are_shared_out_evenly(monkeypatch, visible, shares):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert share_gpus(2) == shares


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--workers", "1", "--", "--model", "x"], "--workers must be 2 or more. Received: 1"),
        (["--workers", "2"], "must follow --. Received: none"),
        (["--workers", "2", "--model", "x", "--devices", "1"], "follow --. Received: --model"),
        (["--workers", "3", "--", "--model", "x"], "the number of GPUs here. Received: 3"),
    ],
)
def test_a_mistake_gives_one_message(monkeypatch, capsys, arguments, words):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert launch.main(arguments) == 2
    error = capsys.readouterr().err
    assert words in error
    assert len(error.splitlines()) == 1


def test_help_teaches(capsys):
    with pytest.raises(SystemExit):
        launch.main(["--help"])
    shown = capsys.readouterr().out
    for words in ("-- --resume latest", "logs/worker-N.log", "Ctrl-C"):
        assert words in shown


def test_the_status_is_that_of_the_worker_that_failed_first(monkeypatch):
    assert wait([python(""), python("")]) == 0
    assert wait([python(""), python("import sys; sys.exit(3)")]) == 3
    assert wait([python("import os; os.kill(os.getpid(), 9)"), python("")]) == 137


def test_a_worker_that_outlasts_the_others_is_ended(monkeypatch):
    monkeypatch.setattr(launch, "GRACE_SECONDS", 0.2)
    started = time.monotonic()
    assert wait([python("import sys; sys.exit(3)"), python("import time; time.sleep(60)")]) == 3
    assert time.monotonic() - started < 30
