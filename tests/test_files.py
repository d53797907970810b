"""Files that are whole or not there."""

import contextlib
import os

import pytest

from tfgan.files import PARTIAL, remove_partial, replacing


def test_a_file_is_replaced_once_it_is_written(tmp_path):
    path = tmp_path / "a.keras"
    path.write_text("old")
    with replacing(path) as partial:
        assert (partial.parent, partial.suffix) == (tmp_path, ".keras")
        partial.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["a.keras"]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "a"
    path.write_text("old")
    with contextlib.suppress(error), replacing(path) as partial:
        partial.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a"]


def test_two_may_write_one_file_at_once(tmp_path):
    path = tmp_path / "a"
    with replacing(path) as first:
        first.write_text("first")
        with replacing(path) as second:
            second.write_text("second")
    assert path.read_text() == "first"
    assert os.listdir(tmp_path) == ["a"]


def test_files_that_belong_together_are_renamed_once_all_are_written(tmp_path):
    def write(names, last):
        with contextlib.ExitStack() as files:
            for name in names:
                files.enter_context(replacing(tmp_path / name)).write_text(name)
            last()

    with pytest.raises(OSError, match="full"):
        write("ab", lambda: (_ for _ in ()).throw(OSError("full")))
    assert not os.listdir(tmp_path)
    write("ab", lambda: None)
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


def test_what_killed_processes_left_is_removed_by_the_name_of_the_file(tmp_path):
    for name in ("a.json", "b.keras"):
        (tmp_path / f"{PARTIAL}0123456789ab-{name}").touch()
        (tmp_path / name).touch()
    remove_partial(tmp_path, "a.json")
    assert sorted(os.listdir(tmp_path)) == [f"{PARTIAL}0123456789ab-b.keras", "a.json", "b.keras"]
    remove_partial(tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["a.json", "b.keras"]
    remove_partial(tmp_path / "none")
