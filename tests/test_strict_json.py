"""JSON that every reader takes, wherever the program writes it."""

import ast
import json
import math

import numpy as np
import pytest

from tests.test_architecture import PACKAGES, ROOT
from tfgan.strict_json import finite_record, json_text, write_json
from training.monitor import Monitor

WRITERS = ("json.dump", "json.dumps", "json.JSONEncoder")


def refuse(name):
    raise AssertionError(f"{name} is not JSON")


def strict(text):
    """Reads as JavaScript does."""
    return json.loads(text, parse_constant=refuse)


def test_null_stands_for_numbers_that_are_not_finite_and_the_record_says_what_they_were():
    record = {"a": math.nan, "b": {"c": [1.0, -math.inf], "d": np.float64("inf")}, "e": 2}
    found = finite_record(record)
    assert found == {
        "a": None,
        "b": {"c": [1.0, None], "d": None},
        "e": 2,
        "not_finite": {"a": "nan", "b.c.1": "-inf", "b.d": "inf"},
    }
    assert strict(json_text(found)) == found


def test_a_record_of_finite_numbers_stays_as_it_is():
    record = {"a": 1.5, "b": {"c": [1, None], "d": "nan"}, "e": True}
    assert finite_record(record) == record


def test_a_number_that_is_not_finite_is_never_written_and_leaves_nothing_behind(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"a": math.nan})
    assert not list(tmp_path.iterdir())
    write_json(tmp_path / "a.json", {"a": "ä\n"})
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"a": math.inf})
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert strict((tmp_path / "a.json").read_text()) == {"a": "ä\n"}


def test_json_is_written_in_one_place():
    found = set()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Attribute) and ast.unparse(node) in WRITERS:
                    found.add(path.relative_to(ROOT).as_posix())
                assert not isinstance(node, ast.ImportFrom) or node.module != "json"
    assert found == {"tfgan/strict_json.py"}


def test_a_curve_that_is_not_finite_leaves_a_line_that_every_reader_takes(tmp_path):
    monitor = Monitor(tmp_path, 16)
    monitor.scalars(8, {"loss/generator": math.nan, "loss/discriminator": 1.5})
    monitor.close()
    (line,) = (tmp_path / "stats.jsonl").read_text().splitlines()
    found = strict(line)
    assert (found["loss/generator"], found["loss/discriminator"]) == (None, 1.5)
    assert found["not_finite"] == {"loss/generator": "nan"}
