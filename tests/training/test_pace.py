"""How long a run takes, and what is said of one that takes over a week."""

import dataclasses
import os
import re
import time
from signal import SIGTERM

from tests.training import runs
from tests.training.test_loop import CONFIG
from training.pace import CPU_PRESET, Pace, advice_for, speed
from training.phases import Phase, Stage
from training.systems import stylegan, stylegan2


class Scalar(float):
    """A statistic, as a phase gives it."""

    def numpy(self):
        return self


def test_phases_count_as_often_as_steps_run_them_and_their_first_call_does_not():
    phases = [
        Phase("main", lambda *_: None, []),
        Phase("seldom", lambda *_: None, [], interval=4),
        Phase("in a row", lambda *_: None, [], interval=4, steps=2),
        Phase("late", lambda *_: None, [], interval=16),
    ]
    pace = Pace(Stage("train", 1000, 8, 32, phases))
    waits = {"main": 0.01, "seldom": 0.02, "in a row": 0.03, "late": 1.0}

    def graph(name):
        begun = []

        def call():
            time.sleep(waits[name] if begun else 0.3)
            begun.append(True)
            return {"loss": Scalar(1.0)}

        return pace.timed(name, call)

    calls = {name: graph(name) for name in waits}
    for name, call in calls.items():
        for _ in range(1 if name == "late" else 6):
            assert call() == {"loss": 1.0}
    assert pace.untimed == ["late"]
    assert pace.begun == set(waits)
    assert [len(pace.seconds[name]) for name in waits] == [3, 3, 3, 0]
    expected = (0.01 + 0.02 / 4 + 0.03 / 2) / 8
    # Sleeps last as long as they are told or longer, by what a busy machine makes of it.
    assert expected <= pace.seconds_per_image < expected + 0.02


def test_speeds_have_two_digits():
    assert [speed(x) for x in (0.0312, 0.5, 7.25, 61.2, 1234.0)] == [
        f"{shown} images per second" for shown in ("0.031", "0.5", "7.2", "61", "1,234")
    ]


def test_a_run_of_over_a_week_is_said_once_with_what_to_do_instead(tmp_path, capsys, eagerly):
    config = dataclasses.replace(CONFIG, pl_weight=0.0, ada=False, total_kimg=1e8)
    advice = advice_for("CPU", "small-data", stylegan2.PRESETS)
    trainer = runs.make_trainer(tmp_path, stylegan2, config, slow_advice=advice)
    trainer.system.after_step = lambda step, *_: step < 3 or os.kill(os.getpid(), SIGTERM)
    assert trainer.train() == "SIGTERM"
    assert trainer.images_seen == 24
    (note,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Note")]
    assert re.fullmatch(
        r"Note      100,000,000 kimg take at least [\d,]+ days here, at [\d.,]+ images per second. "
        r"Without a GPU, --preset small-data-cpu shows pictures within minutes.",
        note,
    )


def test_nothing_is_said_of_a_run_of_a_week():
    pace = Pace(Stage("train", 1000, 8, 32, [Phase("main", lambda *_: None, [])]))
    assert pace.note(10**9, "advice") is None  # nothing is known yet
    pace.seconds["main"].append(8.0)
    assert pace.note(7 * 24 * 3600, "advice") is None
    assert pace.note(7 * 24 * 3600 + 1, "advice").endswith(
        "7 days here, at 1 images per second. advice"
    )


def test_advice_names_presets_that_there_are():
    assert CPU_PRESET in stylegan2.PRESETS
    assert CPU_PRESET in advice_for("CPU", "ffhq-256", stylegan2.PRESETS)
    for device, preset, presets in (
        ("GPU", "ffhq-256", stylegan2.PRESETS),
        ("CPU", CPU_PRESET, stylegan2.PRESETS),
        ("CPU", "ffhq-256", stylegan.PRESETS),
    ):
        assert "lower --resolution or --total-kimg" in advice_for(device, preset, presets)


def test_the_preset_for_own_pictures_on_a_cpu_adapts_augmentation_and_knows_no_drawn_faces():
    config = dataclasses.replace(stylegan2.PRESETS["small-data-cpu"](), data=("x",))
    config.check()
    avatars = dataclasses.asdict(stylegan2.PRESETS["avatars"]())
    options = dataclasses.asdict(config)
    assert {name: options[name] for name in options if options[name] != avatars[name]} == {
        "preset": "small-data-cpu",
        "data": ("x",),
        "resolution": 64,
        "batch_size": 8,
        "total_kimg": 100.0,
        "max_minutes": None,
        "sample_kimg": 5.0,
        "checkpoint_kimg": 10.0,
        "channel_base": 1024,
        "features": None,  # few pictures of users are of drawn faces
        "r1_gamma": 0.05,
        "pl_weight": 2.0,
        "style_mixing": 0.5,
        "ema_kimg": 1.0,
        "ada": True,
        "ada_kimg": 100.0,
    }
