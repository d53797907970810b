"""The console command: its verbs, from any folder, ending as the commands that it stands for."""

import configparser
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import tfgan.__main__ as console
from tfgan.terminal import python_module

ROOT = Path(__file__).parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.fixture
def other_project(tmp_path):
    """A folder with packages of its own that have the names of ours."""
    folder = tmp_path / "work"
    for room in ("training", "export", "mobile_demo"):
        (folder / room).mkdir(parents=True)
        for name in ("__init__", "__main__", "run", "evaluate"):
            (folder / room / f"{name}.py").write_text('raise SystemExit("not ours")\n')
    return folder


@pytest.fixture
def script(tmp_path):
    """The console command, as pip writes it in a folder for programs."""
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "setup.cfg")
    name, _, entry = config["options.entry_points"]["console_scripts"].strip().partition(" = ")
    module, _, function = entry.partition(":")
    path = tmp_path / "bin" / name
    path.parent.mkdir()
    path.write_text(f"import sys\nfrom {module} import {function}\nsys.exit({function}())\n")
    return path


def run(*command, cwd) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=cwd,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("verb", console.COMMANDS)
def test_each_verb_runs_its_command_from_a_folder_with_such_packages(verb, script, other_project):
    done = run(script, verb, "--help", cwd=other_project)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"usage: tfgan {verb}" in done.stdout
    assert "usage: python -m" not in done.stdout


def test_the_module_finds_the_same_packages(other_project):
    for verb in ("train", "export"):
        done = run("-m", "tfgan", verb, "--help", cwd=other_project)
        assert (done.returncode, done.stderr) == (0, "")
    assert run("-m", "training.run", "--help", cwd=other_project).stderr == "not ours\n"


def test_processes_of_commands_find_the_same_packages(other_project):
    for folder in (other_project, ROOT):
        done = run(*python_module_in(folder), "--help", cwd=folder)
        assert (done.returncode, done.stderr) == (0, "")
        assert "usage: python -m training.launch" in done.stdout


def python_module_in(folder: Path) -> list[str]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        return python_module("training.launch")[1:]
    finally:
        os.chdir(before)


def test_processes_that_read_pictures_start_from_the_console_command(script, other_project):
    (other_project / "pictures").mkdir()
    for name in ("a", "b"):
        Image.new("RGB", (8, 8)).save(other_project / "pictures" / f"{name}.png")
    done = run(script, "prepare", "pictures", "prepared", "--workers", "2", cwd=other_project)
    assert done.returncode == 0, done.stderr
    assert any((other_project / "prepared").iterdir())


def test_a_mistake_ends_as_it_does_without_the_console_command(script, tmp_path):
    words = ["missing.keras", "grid"]
    ours, plain = (
        run(*command, *words, cwd=tmp_path)
        for command in ([script, "generate"], ["-m", "tfgan.generate"])
    )
    assert ours.returncode == plain.returncode == 2
    assert ours.stderr == plain.stderr
    assert ours.stderr.startswith("error: there is no file missing.keras")


def test_mistakes_name_the_command_as_it_was_called(script, tmp_path):
    for words, said in (
        (["train", "--modle", "stylegan2"], "\ntfgan train: error: --model is needed"),
        (["evaluate", "--metrcs"], "See tfgan evaluate --help."),
    ):
        done = run(script, *words, cwd=tmp_path)
        assert done.returncode == 2
        assert said in done.stderr


def test_a_signal_ends_the_command_behind_the_verb(tmp_path):
    (tmp_path / "slow.py").write_text(
        "import time\nfrom tfgan.terminal import run_command\n"
        "def main():\n    print('begins', flush=True)\n    time.sleep(60)\n"
        "run_command(main)\n"
    )
    program = (
        "import sys\nimport tfgan.__main__ as console\n"
        "console.COMMANDS['train'] = console.Command('slow', '')\n"
        "sys.argv = ['tfgan', 'train']\nconsole.run()\n"
    )
    for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            env={**ENVIRONMENT, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout.readline() == b"begins\n"
        process.send_signal(number)
        assert process.communicate(timeout=20) == (b"", b"")
        assert process.returncode == status


def test_help_lists_every_verb_with_a_line_and_its_module(capsys, monkeypatch):
    for words, status in (["--help"], 0), (["-h"], 0), ([], 2):
        monkeypatch.setattr(sys, "argv", ["tfgan", *words])
        assert console.main() == status
        lines = capsys.readouterr().out.splitlines()
        for verb, command in console.COMMANDS.items():
            (line,) = (line for line in lines if line.startswith(f"  {verb} "))
            assert command.about in line
            assert line.endswith(f" python -m {command.module}")
            assert len(line) <= 100


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("trian", "Did you mean train?"),
        ("eval", "Did you mean evaluate?"),
        ("exprot", "Did you mean export?"),
        ("zebra", "See tfgan --help."),
        ("--version", "See tfgan --help."),
    ],
)
def test_the_right_verb_is_suggested_for_a_mistyped_one(word, said, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["tfgan", word])
    assert console.main() == 2
    error = capsys.readouterr().err
    assert f"Received: {word}. {said}" in error
    assert len(error.splitlines()) == 1
