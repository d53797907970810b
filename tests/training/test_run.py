"""The command line of training, as a user meets it."""

import dataclasses
import importlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import typing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tfgan.loading import load_model
from tfgan.runs import config_from, read_config, save_config
from training import run
from training.systems import stylegan2

# The smallest run there is; one device, because the suite splits the CPU into two.
TINY = [
    *["--model", "stylegan2", "--preset", "smoke", "--devices", "1", "--resolution", "8"],
    *["--latent-dim", "8", "--style-dim", "8", "--mapping-layers", "1", "--channel-base", "64"],
    *["--channel-max", "8", "--no-ada", "--pl-weight", "0"],
]


@pytest.fixture
def pictures(tmp_path):
    """Two classes of six pictures each, of several shapes."""
    root = tmp_path / "pictures"
    for name, color in (("red", (200, 30, 30)), ("blue", (30, 30, 200))):
        (root / name).mkdir(parents=True)
        for i in range(6):
            Image.new("RGB", (9 + i, 12), color).save(root / name / f"{i}.png")
    return root


def test_help_teaches_without_a_model_and_lists_every_option_with_one(capsys):
    for arguments, words in (
        (
            ["--help"],
            ["--model {stargan,stargan-v2,stylegan,stylegan2}", "--resume latest", "--dry-run"],
        ),
        (["--model", "stylegan2", "--help"], ["--r1-gamma", "ffhq-1024: ", "9 days", "--keep"]),
        (["--model", "stylegan", "--help"], ["--fade-kimg", "--batch-sizes", "celeba-hq-1024: "]),
    ):
        with pytest.raises(SystemExit) as stopped:
            run.main(arguments)
        assert stopped.value.code == 0
        shown = capsys.readouterr().out
        for word in words:
            assert word in shown


@pytest.mark.parametrize("model", run.SYSTEMS)
def test_every_option_says_what_it_does_in_words_that_need_no_paper(model, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit):
        run.main(["--model", model, "--help"])
    options: list[str] = []
    for line in capsys.readouterr().out.split("Options of --model")[1].splitlines():
        text = line.strip("│| ")
        if re.match(r"[^\w-]{0,2}--[a-z]", line):  # within the box, where there is one
            options.append(text)
        elif options:
            options[-1] += f" {text}"
    system = importlib.import_module(run.SYSTEMS[model])
    # All but the preset, which the first pass takes.
    assert len(options) == len(dataclasses.fields(system.PRESETS["smoke"]())) - 1
    for option in options:
        said = option.partition(" (default: ")[0]
        words = [
            word for word in said.split() if not re.match(r"--|[{\[]|[A-Z]+[|\]]|STR|INT", word)
        ]
        assert len(words) >= 5, option
        for letters in ("(paper", " Z ", " W ", " G and D", " of D ", " p "):
            assert letters not in said, option
    (minutes,) = [option for option in options if option.startswith("--max-minutes")]
    assert "--resume starts the clock anew" in minutes


@pytest.fixture
def hasty(monkeypatch):
    """A dry run that times the first phase alone."""
    monkeypatch.setattr("training.dry_run.BUDGET_SECONDS", 0.0)
    monkeypatch.setattr("training.dry_run.PHASE_SECONDS", 0.0)
    monkeypatch.setattr("training.dry_run.READING_SECONDS", 0.1)


def test_dry_run_of_networks_that_grow_prints_their_stages(
    tmp_path, pictures, capsys, eagerly, hasty
):
    arguments = ["--model", "stylegan", "--preset", "smoke", "--devices", "1", "--dry-run"]
    arguments += ["--data", str(pictures), "--runs", str(tmp_path / "runs")]
    assert run.main(arguments) == 0
    captured = capsys.readouterr()
    stages = [line.split() for line in captured.out.split("Stages\n")[1].splitlines()[:3]]
    assert [" ".join(words) for words in stages] == [
        "8 to 0.032 kimg: 8 pixels, batch 16, learning rate 0.001",
        "16 fade to 0.064 kimg: 16 pixels, batch 8, learning rate 0.001",
        "16 to 0.128 kimg: 16 pixels, batch 8, learning rate 0.001",
    ]
    assert "image    uint8 [16, 8, 8, 3]" in captured.out
    assert "Note" not in captured.err
    assert "counted as slow as the next: 8, 16 fade\n" in captured.out
    assert re.search(
        r"Time      at least .*\n.*not timed, for it takes too long: g of stage 16\n", captured.out
    )
    assert run.main([*arguments, "--total-kimg", "0.032"]) == 0
    assert "training ends at 8 of 16 pixels" in capsys.readouterr().err


def test_dry_run_prints_options_networks_and_first_batch_and_writes_nothing(
    tmp_path, pictures, capsys, eagerly, hasty
):
    arguments = ["--data", str(pictures), "--runs", str(tmp_path / "runs"), "--dry-run"]
    assert run.main([*TINY, *arguments]) == 0
    shown = capsys.readouterr().out
    assert "12 pictures" in shown
    assert "discriminator" in shown
    assert "trained parameters" in shown
    assert "r1_interval" in shown
    assert "uint8 [8, 8, 8, 3]" in shown
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("model", "sizes"),
    [
        ("stargan", []),
        ("stargan-v2", ["--channel-max", "4", "--channel-base", "64", "--mapping-width", "6"]),
        ("stylegan", []),
        ("stylegan2", TINY[6:]),
    ],
)
def test_dry_run_tells_speed_time_and_memory_of_every_system(
    tmp_path, pictures, capsys, eagerly, monkeypatch, model, sizes
):
    monkeypatch.setattr("training.dry_run.PHASE_SECONDS", 0.0)  # each phase is timed once
    monkeypatch.setattr("training.dry_run.READING_SECONDS", 0.1)
    arguments = ["--model", model, "--preset", "smoke", "--devices", "1", "--dry-run"]
    arguments += ["--data", str(pictures), "--runs", str(tmp_path / "runs")]
    assert run.main([*arguments, *sizes]) == 0
    shown = capsys.readouterr()
    lines = dict(line.split(maxsplit=1) for line in shown.out.splitlines() if " " in line.strip())
    assert re.fullmatch(r"[\d.,]+ images per second", lines["Speed"])
    assert re.match(r"about [\d.]+ (s|min) for 0.\d+ kimg", lines["Time"])
    assert re.match(r"\d\.\d GB of process", lines["Memory"])
    phases = re.findall(r"Timing    (\S+) of stage", shown.err)
    assert phases
    assert all(re.fullmatch(r"[\d.e-]+ s, in .*", lines[phase]) for phase in phases)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--resolution", "100"], "must be a power of two from 8 to 1024. Received: 100"),
        (["--resolution", "2048"], "Received: 2048"),
        (["--data", "{tmp}/nothing"], "{tmp}/nothing"),
        (["--data", "{tmp}/empty"], "{tmp}/empty"),
        (["--data", "tfds:no_such_set"], "no_such_set"),
        (["--data", "{tmp}/flat", "--conditional"], "sub-folders"),
        (["--preset", "huge"], "--preset must be one of"),
        (["--batch-size", "0"], "--batch-size must be at least 1. Received: 0"),
        (["--batch-size", "8", "--accumulate", "3"], "Use --batch-size 9"),
        (["--channel-base", "4"], "--channel-base must be at least the resolution"),
        (["--style-mixing", "2"], "--style-mixing must be from 0 to 1"),
        (["--devices", "5"], "--devices must be at most 2"),
        (["--max-minutes", "-1"], "--max-minutes must be positive"),
        (["--learning-rate", "nan"], "--learning-rate must be positive. Received: nan"),
        (["--seed", "-1"], "--seed must be from 0 to 4294967295"),
        (["--total-kimg", "0.001"], "--total-kimg must be at least one batch of 8 images, 0.008"),
        (["--sample-rows", "500"], "--sample-rows must be from 1 to 32"),
        (["--virtual-devices", "0"], "--virtual-devices must be from 1 to 64"),
        (["--preset", "small-data"], "give --data FOLDER"),
        (["--runs", "{tmp}/flat/a.png"], "--runs must be a folder"),
        (["--runs", "{tmp}/flat/a.png/x"], "Choose another place with --runs"),
        (["--override"], "--override belongs to --resume"),
        (["--resume", ""], "--resume needs a run folder"),
        (["--resume", "{tmp}/flat/a.png"], "is not a run folder"),
        (["--resume", "{tmp}/none"], "is not a run folder"),
        (["--resume", "latest"], "--resume latest needs a run"),
    ],
)
def test_a_mistake_gives_one_message_and_no_run_folder(tmp_path, capsys, arguments, words):
    (tmp_path / "empty").mkdir()
    (tmp_path / "flat").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "flat" / "a.png")
    given = [text.format(tmp=tmp_path) for text in arguments]
    base = TINY
    if "--preset" in given:
        base = TINY[:2]
    elif "--resume" in given:
        base = []
    elif "--data" not in given:
        given += ["--data", str(tmp_path / "flat")]
    if "--runs" not in given:
        given += ["--runs", str(tmp_path / "runs")]
    assert run.main([*base, *given]) == 2
    error = capsys.readouterr().err
    assert words.format(tmp=tmp_path) in error
    assert "Traceback" not in error
    assert not list((tmp_path / "runs").glob("*"))


@pytest.mark.parametrize("model", list(run.SYSTEMS))
def test_every_number_has_bounds(model):
    system = importlib.import_module(run.SYSTEMS[model])
    for make in system.PRESETS.values():
        config = make()
        numbers = {
            field.name
            for field in dataclasses.fields(config)
            if {int, float} & {field.type, *typing.get_args(field.type)}
        }
        assert set(config.rules) == numbers
        dataclasses.replace(config, data=("avatars",)).check()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda stored: "{", "it is not JSON"),
        (lambda stored: "[]", "does not name a model"),
        (lambda stored: json.dumps({**stored, "model": "foo"}), "run of foo"),
        (lambda stored: json.dumps({**stored, "resolution": "abc"}), "resolution='abc'"),
        (lambda stored: json.dumps({**stored, "precision": "float99"}), "precision='float99'"),
        (lambda stored: json.dumps({**stored, "unheard": 1}), "unheard"),
    ],
)
def test_damaged_options_of_a_run_are_one_message(tmp_path, capsys, change, words):
    path = tmp_path / "config.json"
    save_config(path, "stylegan2", stylegan2.PRESETS["smoke"](), "0" * 12)
    stored = json.loads(path.read_text())
    path.write_text(json.dumps(stored))
    assert (
        config_from(
            {k: v for k, v in stored.items() if k not in ("model", "fingerprint", "changes")},
            stylegan2.StyleGAN2Config,
            path,
        )
        == stylegan2.PRESETS["smoke"]()
    )
    # A run that is older than an option has done what its default does.
    older = {k: v for k, v in stored.items() if k not in ("changes", "seed", "r1_interval")}
    path.write_text(json.dumps(older))
    found = read_config(path)
    assert (found.pop("model"), found.pop("changes")) == ("stylegan2", [])
    del found["fingerprint"]
    default = stylegan2.StyleGAN2Config()
    assert config_from(found, stylegan2.StyleGAN2Config, path) == dataclasses.replace(
        stylegan2.PRESETS["smoke"](), seed=default.seed, r1_interval=default.r1_interval
    )
    path.write_text(change(stored))
    assert run.main(["--resume", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert len(error.strip().splitlines()) == 1


def test_classes_of_a_folder_are_trained_saved_and_resumed(tmp_path, pictures, capsys, eagerly):
    runs = ["--runs", str(tmp_path / "runs")]
    arguments = ["--data", str(pictures), "--conditional", "--total-kimg", "0.008"]
    assert run.main([*TINY, *arguments, *runs]) == 0
    (folder,) = (tmp_path / "runs").iterdir()
    assert (folder / "reals.png").is_file()
    model = load_model(folder)
    assert model.class_names == ("blue", "red")
    latents = np.zeros([2, 8], np.float32)
    blue, red = np.asarray(model(latents, np.array([0, 1])))
    assert np.max(np.abs(blue - red)) > 0
    capsys.readouterr()
    # Longer is the same run; another batch size would be another.
    assert run.main(["--resume", "latest", "--batch-size", "16", *runs]) == 2
    assert "--batch-size: 8 -> 16" in capsys.readouterr().err
    # Pictures may move, and a user is told where they are not the same ones.
    moved = pictures.rename(tmp_path / "moved")
    resume = ["--resume", "latest", "--data", str(moved), "--devices", "1", *runs]
    assert run.main([*resume, "--total-kimg", "0.016"]) == 0
    shown = capsys.readouterr()
    assert "Finished at 16 images" in shown.out
    assert "not those that this run began with" not in shown.err
    assert json.loads((folder / "config.json").read_text())["total_kimg"] == 0.016
    (moved / "red" / "5.png").rename(moved / "red" / "6.png")
    assert run.main(resume) == 0
    assert "not those that this run began with" in capsys.readouterr().err


def test_an_overridden_option_is_recorded_and_one_of_other_weights_is_refused(
    tmp_path, pictures, capsys, eagerly
):
    runs = ["--runs", str(tmp_path / "runs"), "--devices", "1"]
    arguments = ["--data", str(pictures), "--total-kimg", "0.008"]
    assert run.main([*TINY, *arguments, *runs]) == 0
    (folder,) = (tmp_path / "runs").iterdir()
    resume = ["--resume", "latest", *runs, "--total-kimg", "0.016"]
    assert run.main([*resume, "--learning-rate", "0.5", "--seed", "3"]) == 2
    refused = capsys.readouterr().err
    assert "Changed: --seed: 0 -> 3, --learning-rate: 0.002 -> 0.5. A resumed run may" in refused
    before = (folder / "config.json").read_text()
    assert run.main([*resume, "--override", "--channel-max", "4"]) == 2
    assert "is of another configuration" in capsys.readouterr().err
    assert run.main([*resume, "--override", "--init", "faces.keras"]) == 2
    assert "has begun already" in capsys.readouterr().err
    assert (folder / "config.json").read_text() == before
    assert run.main([*resume, "--override", "--learning-rate", "0.5"]) == 0
    assert "--learning-rate: 0.002 -> 0.5, from image 8 on" in capsys.readouterr().out
    stored = json.loads((folder / "config.json").read_text())
    assert stored["learning_rate"] == 0.5
    with np.load(folder / "checkpoints" / "000000016.npz") as archive:
        assert archive["g_optimizer/learning_rate"] == 0.5
    assert stored["changes"] == [
        {"images_seen": 8, "total_kimg": [0.008, 0.016], "learning_rate": [0.002, 0.5]}
    ]


def test_a_run_that_the_clock_stopped_says_how_far_it_is_and_how_it_goes_on(
    tmp_path, pictures, capsys, eagerly
):
    arguments = ["--data", str(pictures), "--runs", str(tmp_path / "runs")]
    assert run.main([*TINY, *arguments, "--total-kimg", "1", "--max-minutes", "0.0001"]) == 0
    said = capsys.readouterr().out
    (folder,) = (tmp_path / "runs").iterdir()
    assert "Stopped by --max-minutes 0.0001 at 0 of 1,000 images: another machine would" in said
    assert said.splitlines()[-1].endswith(f"training.run --resume {folder} --max-minutes 0.0002")


def test_a_second_signal_stops_at_once_and_says_how_to_go_on(tmp_path, pictures, capsys, eagerly):
    def interrupt(*_):
        raise KeyboardInterrupt

    arguments = ["--data", str(pictures), "--runs", str(tmp_path / "my runs")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.systems.stylegan2.StyleGAN2System.after_step", interrupt)
        assert run.main([*TINY, *arguments]) == 130
    error = capsys.readouterr().err
    assert "Stopped at once" in error
    assert f"--resume '{tmp_path}/my runs/00000-stylegan2-pictures-8'  # from image 0" in error


def start(tmp_path: Path, pictures: Path) -> subprocess.Popen:
    """Starts an endless run and waits until it has trained a little."""
    command = [sys.executable, "-m", "training.run", *TINY, "--data", str(pictures)]
    command += ["--runs", str(tmp_path / "runs"), "--total-kimg", "1000", "--log-seconds", "0.1"]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    until = time.time() + 300
    while not list((tmp_path / "runs").glob("*/stats.jsonl")) or not any(
        path.stat().st_size for path in (tmp_path / "runs").glob("*/stats.jsonl")
    ):
        assert process.poll() is None, (tmp_path / "log").read_text()
        assert time.time() < until, (tmp_path / "log").read_text()
        time.sleep(0.1)
    return process


def check_a_stopped_run(tmp_path, name, said):
    """What a run says and leaves that was stopped by a signal: its folder, images seen."""
    (folder,) = (tmp_path / "runs").iterdir()
    assert f"Stopped by {name} at" in said
    assert f"--resume {folder}" in said
    stopped_at = int(sorted((folder / "checkpoints").iterdir())[-1].stem)
    assert stopped_at > 0
    assert list((folder / "samples").glob(f"*-{stopped_at:09d}.png"))
    return folder, stopped_at


def test_ctrl_c_saves_and_the_run_goes_on_from_there(tmp_path, pictures, capsys):
    process = start(tmp_path, pictures)
    process.send_signal(signal.SIGINT)
    try:
        assert process.wait(60) == 130  # so that a command after && does not run
    finally:
        process.kill()
    folder, stopped_at = check_a_stopped_run(tmp_path, "SIGINT", (tmp_path / "log").read_text())
    arguments = ["--resume", str(folder), "--devices", "1"]
    assert run.main([*arguments, "--total-kimg", str((stopped_at + 8) / 1000)]) == 0
    assert f"Finished at {stopped_at + 8:,} images" in capsys.readouterr().out


def test_sigterm_saves_as_ctrl_c_does(tmp_path, pictures, capsys, monkeypatch, eagerly):
    monkeypatch.setattr(
        "training.systems.stylegan2.StyleGAN2System.after_step",
        lambda *_: os.kill(os.getpid(), signal.SIGTERM),
    )
    arguments = ["--data", str(pictures), "--runs", str(tmp_path / "runs")]
    assert run.main([*TINY, *arguments]) == 143
    shown = capsys.readouterr()
    _, stopped_at = check_a_stopped_run(tmp_path, "SIGTERM", shown.out + shown.err)
    assert stopped_at == 8
