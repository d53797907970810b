"""Run folders: which is the latest, and what their options say."""

import json
import os

import pytest

from tfgan.data.sources import DataOptions
from tfgan.loading import find_model
from tfgan.runs import (
    CONFIG,
    MODEL,
    RunError,
    latest_run,
    make_run,
    options_from,
    read_config,
    run_of,
    save_config,
    trained_on,
)


def test_the_latest_run_is_the_newest_that_holds_what_is_wanted(tmp_path, monkeypatch):
    assert latest_run(tmp_path / "none", CONFIG) is None
    folders = [make_run(tmp_path / "runs", "cats") for _ in range(3)]
    assert [folder.name for folder in folders] == ["00000-cats", "00001-cats", "00002-cats"]
    for age, folder in enumerate(folders[:2]):
        (folder / MODEL).touch()
        os.utime(folder / MODEL, (1000 - age, 1000 - age))
    (folders[2] / CONFIG).touch()
    assert latest_run(tmp_path / "runs", MODEL) == folders[0]
    assert latest_run(tmp_path / "runs", CONFIG) == folders[2]
    monkeypatch.chdir(tmp_path)
    assert find_model("latest").absolute() == folders[0] / MODEL


def test_a_model_belongs_to_the_run_whose_options_stand_beside_it(tmp_path):
    assert run_of(tmp_path / MODEL) is None
    (tmp_path / CONFIG).write_text('{"data": ["avatars:attributes", "faces"]}')
    assert run_of(tmp_path / MODEL) == tmp_path
    assert run_of(tmp_path / "other.keras") is None
    assert trained_on(tmp_path / MODEL) == ["avatars:attributes", "faces"]
    (tmp_path / CONFIG).write_text("{}")
    assert trained_on(tmp_path / MODEL) == []


def test_options_of_data_come_back_from_a_run_of_any_system(tmp_path):
    path = tmp_path / CONFIG
    options = DataOptions(
        ("faces", "tfds:rafd"), image_key="image", exclusive=(("a", "b"),), resize="pad"
    )
    save_config(path, "stargan", options, "0" * 12)
    stored = {**read_config(path), "unheard": 1}
    assert options_from(stored, DataOptions, path) == options
    del stored["resize"]
    assert options_from(stored, DataOptions, path).resize == "crop"
    with pytest.raises(RunError, match="resize='magnify'"):
        options_from({**stored, "resize": "magnify"}, DataOptions, path)
    path.write_text(json.dumps([]))
    with pytest.raises(RunError, match="does not name a model and its pictures"):
        read_config(path)
