"""Which exported file is recommended, and what is said of the others."""

import dataclasses
import math

from export import report
from export.report import Result, recommend

FILES = ("float32", "float16", "dynamic", "int8", "int16x8")


def form(name, size, psnr, ms, status="good"):
    return Result(name, f"{name}.tflite", status, None, 0.0, size, psnr_db=psnr, ms_per_picture=ms)


def test_the_recommended_form_is_small_then_fast_then_like_keras():
    big = form("float16", 50, 70.0, {"1": 5.0})
    dynamic = form("dynamic", 26, 44.0, {"1": 9.0, "2": 5.0})
    int8 = form("int8", 25, 33.0, {"1": 4.0})
    slow = form("int16x8", 26, 48.0, {"1": 90.0})
    assert recommend([big, dynamic, int8, slow], FILES) == "dynamic"
    assert recommend([big, int8, slow], FILES) == "int8"
    assert recommend([big, dataclasses.replace(dynamic, status="poor"), slow], FILES) == "int16x8"
    assert recommend([form("saved-model", 9, math.inf, {"2": 1.0}), big], FILES) == "float16"
    assert recommend([dataclasses.replace(big, status="failed")], FILES) is None
    # Equal to Keras in every value is as like as can be.
    assert (
        recommend([big, dataclasses.replace(big, form="float32", psnr_db=None)], FILES) == "float32"
    )


def test_a_form_with_no_advantage_names_the_one_that_is_better_in_every_respect():
    big = form("float16", 50, 40.0, {"1": 9.0, "2": 8.0})
    small = form("dynamic", 26, 44.0, {"1": 10.0, "2": 7.0})
    best = form("int8", 27, 48.0, {"1": 6.0})
    failed = Result("int16x8", "int16x8.tflite", "failed", "it broke", 32.0)
    served = form("saved-model", 90, 30.0, {"2": 90.0})

    def found(*results):
        marked = report.mark_needless(results, FILES)
        assert [r.form for r in marked] == [r.form for r in results]
        return {r.form: r.no_advantage_over for r in marked if r.no_advantage_over}

    # What serves is for other purposes, and what failed is no form.
    assert found(big, small, best, failed, served) == {"float16": "int8"}
    assert found(big, small) == {"float16": "dynamic"}
    # Smaller, faster or more like Keras is an advantage, and so is being good.
    for change in ({"bytes": 20}, {"ms_per_picture": {"1": 1.0}}, {"psnr_db": None}):
        assert found(dataclasses.replace(big, **change), small) == {}
    assert found(big, dataclasses.replace(small, status="poor")) == {}
    poor = [dataclasses.replace(one, status="poor") for one in (big, small)]
    assert found(*poor) == {"float16": "dynamic"}
    (marked, _) = report.mark_needless([big, small], FILES)
    assert report.needless_text(marked).startswith("no advantage here; dynamic is smaller")


def test_the_table_shows_forms_that_failed():
    results = [form("dynamic", 26, 44.0, {"1": 9.0, "2": 5.0})]
    results.append(Result("int8", "int8.tflite", "failed", "it broke", 32.0))
    lines = report.table(results).splitlines()
    assert lines[0].split()[:3] == ["form", "status", "PSNR"]
    assert lines[1].split()[:4] == ["dynamic", "good", "44.0", "dB"]
    assert lines[2].split()[:3] == ["int8", "failed", "-"]
