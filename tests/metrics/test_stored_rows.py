"""Rows on a disk."""

import numpy as np
import pytest

from tfgan.metrics import MetricError
from tfgan.metrics.stored_rows import START, Rows


def make(start, stop):
    return np.arange(start, stop)[:, None] + np.array([0.0, 0.5, 0.25])


class Counted:
    """Makes rows, and remembers which; stops at a row like a power cut."""

    def __init__(self, stop_at=None):
        self.calls, self.stop_at = [], stop_at

    def __call__(self, start, stop):
        if self.stop_at is not None and stop > self.stop_at:
            raise KeyboardInterrupt
        self.calls.append((start, stop))
        return make(start, stop)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "folder" / "features.rows"


def test_rows_are_made_in_order_by_batches(path):
    rows, counted = Rows(path, 3, "key"), Counted()
    rows.fill(10, counted, 4)
    assert counted.calls == [(0, 4), (4, 8), (8, 10)]
    np.testing.assert_array_equal(rows.read(10), make(0, 10))
    np.testing.assert_array_equal(rows.read(7), make(0, 7))
    assert rows.read(10).dtype == np.float32


def test_what_is_read_cannot_be_changed(path):
    rows = Rows(path, 3, "key")
    rows.fill(2, make, 2)
    with pytest.raises(ValueError, match="read-only"):
        rows.read(2)[0, 0] = 1


def test_rows_go_on_after_an_interruption(path):
    with pytest.raises(KeyboardInterrupt):
        Rows(path, 3, "key").fill(10, Counted(stop_at=8), 4)
    again, counted = Rows(path, 3, "key"), Counted()
    assert len(again) == 8
    again.fill(10, counted, 4)
    assert counted.calls == [(8, 10)]
    np.testing.assert_array_equal(again.read(10), make(0, 10))


def test_more_rows_extend_the_file_and_fewer_leave_it(path):
    rows = Rows(path, 3, "key")
    rows.fill(3, make, 2)
    before = rows.read(3)
    counted = Counted()
    rows.fill(2, counted, 2)
    rows.fill(6, counted, 2)
    assert counted.calls == [(3, 5), (5, 6)]
    np.testing.assert_array_equal(before, make(0, 3))
    np.testing.assert_array_equal(rows.read(6), make(0, 6))


def test_bytes_of_a_row_that_was_not_finished_do_not_count(path):
    Rows(path, 3, "key").fill(4, make, 2)
    with path.open("ab") as file:
        file.write(b"\1" * 17)
    rows = Rows(path, 3, "key")
    assert len(rows) == 4
    rows.fill(6, make, 2)
    np.testing.assert_array_equal(rows.read(6), make(0, 6))


@pytest.mark.parametrize(("key", "width"), [("other", 3), ("key", 1), ("ke", 3)])
def test_rows_of_another_key_or_width_are_made_anew(path, capsys, key, width):
    Rows(path, 3, "key").fill(4, make, 2)
    assert len(Rows(path, width, key)) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("size", [0, 5, 20, START, START + 4 * 4 * 4 - 1])
def test_a_file_that_was_cut_off_is_made_anew_with_a_note(path, capsys, size):
    Rows(path, 3, "key").fill(4, make, 2)
    path.write_bytes(path.read_bytes()[:size])
    rows = Rows(path, 3, "key")
    assert len(rows) == 0
    assert f"{path} is damaged" in capsys.readouterr().err
    rows.fill(4, make, 2)
    np.testing.assert_array_equal(Rows(path, 3, "key").read(4), make(0, 4))


@pytest.mark.parametrize("byte", [0, 11, 12, 15])
def test_rows_from_the_first_changed_byte_on_are_made_anew(path, capsys, byte):
    Rows(path, 3, "key").fill(6, make, 3)
    data = bytearray(path.read_bytes())
    data[START + 2 * 16 + byte] ^= 1
    path.write_bytes(data)
    rows, counted = Rows(path, 3, "key"), Counted()
    assert len(rows) == 2
    assert "computing its rows again from 2 on" in capsys.readouterr().err
    rows.fill(6, counted, 3)
    assert counted.calls == [(2, 5), (5, 6)]
    np.testing.assert_array_equal(Rows(path, 3, "key").read(6), make(0, 6))


def test_a_file_of_something_else_is_made_anew_with_a_note(path, capsys):
    path.parent.mkdir()
    path.write_bytes(bytes(9000))
    assert len(Rows(path, 3, "key")) == 0
    assert "is damaged" in capsys.readouterr().err


def test_two_that_fill_one_file_share_the_work(path):
    first, second = Rows(path, 3, "key"), Rows(path, 3, "key")
    counted = Counted()

    def slow(start, stop):
        if start == 2:
            second.fill(8, counted, 2)
        return make(start, stop)

    first.fill(10, slow, 2)
    assert counted.calls == [(2, 4), (4, 6), (6, 8)]
    np.testing.assert_array_equal(first.read(10), make(0, 10))
    np.testing.assert_array_equal(second.read(10), make(0, 10))


def test_two_of_different_keys_do_not_disturb_each_other(path):
    first = Rows(path, 3, "key")
    first.fill(4, make, 2)
    second = Rows(path, 3, "other")
    second.fill(3, lambda start, stop: -make(start, stop), 2)
    first.fill(6, make, 2)
    np.testing.assert_array_equal(first.read(6), make(0, 6))
    np.testing.assert_array_equal(Rows(path, 3, "other").read(3), -make(0, 3))
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_rows_must_be_finite_and_of_their_shape(path):
    rows = Rows(path, 3, "key")
    with pytest.raises(MetricError, match=r"rows 2 to 3 of .* must be finite"):
        rows.fill(4, lambda start, stop: np.where(start < 2, make(start, stop), np.nan), 2)
    assert len(rows) == 2
    with pytest.raises(ValueError, match=r"\[2, 3\]. Received: \[1, 3\]"):
        rows.fill(4, lambda start, stop: make(start, stop)[1:], 2)
    with pytest.raises(ValueError, match="has 2 rows"):
        rows.read(3)
    with pytest.raises(MetricError, match="width of 1 or more"):
        Rows(path, 0, "key")
    with pytest.raises(MetricError, match="5023 bytes"):
        Rows(path, 3, "k" * 5000)
