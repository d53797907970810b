"""Reading one published file, or several together."""

import numpy as np
import pytest

from tests.importers import saved
from tfgan.importers.files import read_together
from tfgan.terminal import UserError


def save(path, **weights):
    saved.save_state(path, {n: np.full(2, value, np.float32) for n, value in weights.items()})


def test_dictionaries_of_several_files_become_one(tmp_path):
    save(tmp_path / "a.pth", x=1, y=2)
    save(tmp_path / "b.pth", z=3)
    contents = read_together([tmp_path / "a.pth", tmp_path / "b.pth"])
    assert {name: float(value[0]) for name, value in contents.items()} == {"x": 1, "y": 2, "z": 3}
    assert set(read_together([tmp_path / "b.pth"])) == {"z"}


def test_a_single_file_may_hold_anything(tmp_path):
    saved.write_zip(tmp_path / "a.pt", saved.number(7), {})
    assert read_together([tmp_path / "a.pt"]) == 7


def test_the_file_that_does_not_go_with_the_others_is_named(tmp_path):
    save(tmp_path / "a.pth", x=1, y=2)
    save(tmp_path / "b.pth", y=3, z=4)
    saved.write_zip(tmp_path / "number.pt", saved.number(7), {})
    for second, told in {
        "b.pth": "that a file before it has as well: y. Give files of different parts",
        "number.pt": "must hold weights by name where several files are given. Received: a int",
        "none.pth": "there is no such file",
    }.items():
        with pytest.raises(UserError) as caught:
            read_together([tmp_path / "a.pth", tmp_path / second])
        assert str(caught.value).startswith(f"{tmp_path / second}: ")
        assert told in str(caught.value)
