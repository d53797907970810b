"""The report as people see it."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from playwright.sync_api import sync_playwright

from export import page
from export.formats import FORMATS
from export.page import Row
from export.report import Result
from export.signatures import Shown
from tests.mobile_demo.conftest import launch_browser

FACTS = {
    "name": "<b>mine</b>",
    "kind": "StarGAN",
    "resolution": 8,
    "value_range": (-1.0, 1.0),
    "provenance": {"model": "a & b.keras"},
}


class Reader(HTMLParser):
    """Collects pictures and text, and holds that what is opened is closed in order."""

    EMPTY = ("img", "meta", "br")

    def __init__(self, text):
        super().__init__()
        self.open, self.images, self.text = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        if tag not in self.EMPTY:
            self.open.append(tag)
        if tag == "img":
            self.images.append(dict(attrs))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style",):
            self.text.append(data)


@pytest.fixture
def shown():
    good = Result(
        "dynamic",
        "dynamic.tflite",
        "good",
        None,
        38.0,
        2_500_000,
        "ab",
        44.4,
        0.99,
        None,
        0.1,
        0.01,
        {"translate": 0.1},
        {"1": 9.0, "2": 5.04},
        "translate",
        {"translate": {"GATHER": 2}, "map": {}},
        {"float16": ["synthesis/b4", *map(str, range(9))]},
        {"swd": 12.5},
    )
    failed = Result("int8", "int8.tflite", "failed", "no <operator>", 32.0)
    face = np.zeros((8, 8, 3), np.float32)
    told = [Shown("<blond> 1", {"source": face}), Shown("to cat", {"source": face, "style": face})]
    rows = [Row(shown, face, {"dynamic": face + 0.1}) for shown in told]
    usages = {"dynamic.tflite": "use('<x>')"}
    return page.page(FACTS, [good, failed], "dynamic", rows, {"cores": "2"}, usages, {"swd": 9.75})


def test_every_form_is_told_and_every_picture_has_words(shown):
    reader = Reader(shown)
    text = " ".join(reader.text)
    for words in ("Ship dynamic.tflite", "2.50 MB", "44.4 dB", "5.0 ms", "12.500", "failed"):
        assert words in text
    for words in (
        "no <operator>",
        "translate: 2 GATHER",
        "synthesis/b4",
        "6 and 2 more",
        "use('<x>')",
        "a & b",
    ):
        assert words in text
    # Two rows of a source, Keras, a form and its difference; the second has a style as well.
    assert len(reader.images) == 9
    assert all(image["alt"] for image in reader.images)
    assert all(image["src"].startswith("data:image/png;base64,") for image in reader.images)


def test_names_are_never_markup(shown):
    assert "<b>mine" not in shown
    assert "&lt;b&gt;mine" in shown


WORDS = ("blond", "a_name_without_any_space_that_goes_on_for_long" * 3, "<i>long</i> " * 20)
WIDE = [*FORMATS]


def wide_page():
    """A page of all forms, long names, long lists, many metrics and large numbers."""
    face = np.zeros((64, 64, 3), np.float32)
    metrics = {f"metric_{i}_of_the_pictures": 12345.678 for i in range(9)}
    results = [
        Result(
            name,
            FORMATS[name].path,
            "poor",
            " ".join(WORDS),
            100.0,
            923_456_789,
            "ab" * 32,
            psnr_db=41.5,
            ssim=0.9876,
            lpips=0.1234,
            largest_error=0.1234,
            mean_error=0.01234,
            ms_per_picture={"1": 12345.6, "2": 6543.2, "64": 1234.5},
            timed_signature="translate_to_domain",
            not_accelerated={name: {"STRIDED_SLICE": 12} for name in WORDS},
            higher_precision_layers={"float16": list(WORDS)},
            metrics=metrics,
            worst_psnr_db=40.0,
            no_advantage_over=WORDS[1],
        )
        for name in WIDE
    ]
    shown = Shown(", ".join(WORDS * 8), {"source": face, "reference": face})
    rows = [Row(shown, face, dict.fromkeys(WIDE, face))]
    usages = {"float32.tflite": "\n".join(f"    0,  # {name!r}" for name in WORDS * 8)}
    facts = {**FACTS, "name": WORDS[1], "provenance": {"model": WORDS[1]}}
    return page.page(facts, results, "int8", rows, {"pictures": WORDS[1]}, usages, metrics)


def test_nothing_is_cut_off_on_a_screen_of_1100_pixels_and_the_page_fits_a_phone(tmp_path):
    path = tmp_path / "report.html"
    path.write_text(wide_page())
    # What can only be seen by scrolling to the side.
    wider = """() => [...document.querySelectorAll("*")]
        .filter((one) => one.clientWidth && one.scrollWidth > one.clientWidth)
        .map((one) => one.outerHTML.slice(0, 90))"""
    with sync_playwright() as playwright, launch_browser(playwright) as browser:
        screen = browser.new_page(viewport={"width": 1100, "height": 800})
        screen.goto(path.as_uri())
        assert screen.evaluate(wider) == []
        screen.set_viewport_size({"width": 390, "height": 800})
        assert screen.evaluate("document.documentElement.scrollWidth") == 390


def test_a_form_without_advantage_says_which_is_better_and_kept_layers_are_told_in_words(shown):
    text = " ".join(Reader(wide_page()).text)
    better = f"no advantage here; {WORDS[1]} is smaller, faster and more like Keras"
    assert text.count(better) == len(WIDE)
    assert "layers kept in higher precision (float16, because 8 bits spoil the picture)" in text
    assert "no advantage" not in " ".join(Reader(shown).text)
    assert "spared" not in text


def test_nothing_to_ship_is_said(shown):
    face = np.zeros((8, 8, 3), np.float32)
    failed = Result("int8", "int8.tflite", "failed", "it broke", 32.0)
    text = page.page(FACTS, [failed], None, [Row(Shown("", {}), face, {})], {}, {}, {})
    assert "No .tflite file is good enough" in " ".join(Reader(text).text)
    assert "How to run it" not in text


@pytest.mark.parametrize(
    ("statuses", "said", "never"),
    [
        ({"saved-model": "good"}, "Serve saved_model/1", "good enough"),
        ({"saved-model": "good", "int8": "failed"}, "Serve saved_model/1", "--formats"),
        ({"saved-model": "good", "int8": "failed"}, "No .tflite file is good enough", "--formats"),
        ({"saved-model": "failed"}, "Nothing is good enough to serve", ".tflite"),
    ],
)
def test_a_saved_model_is_served_where_there_is_no_file_to_ship(statuses, said, never):
    results = [
        Result(name, FORMATS[name].path, status, None, 100.0) for name, status in statuses.items()
    ]
    text = page._choice(results, None)
    assert said in text
    assert never not in text
    assert page._notes(results) == ""


def table_rows(shown, start):
    """Texts of the cells of the rows of the first table behind some words."""
    table = shown[shown.index(start) :].partition("</table>")[0]
    return [
        [re.sub("<.*?>", "", cell) for cell in re.findall(r"<t[dh].*?>(.*?)</t[dh]>", row)]
        for row in re.findall("<tr.*?>(.*?)</tr>", table)
    ]


def test_the_table_has_keras_and_the_psnr_from_which_each_form_is_good(shown):
    heads, dynamic, int8 = table_rows(shown, "<h2>Forms</h2>")
    dynamic, int8 = (dict(zip(heads, row, strict=True)) for row in (dynamic, int8))
    assert (dynamic["good from"], int8["good from"]) == ("38 dB", "32 dB")
    metrics = table_rows(shown, "<h2>Metrics</h2>")
    assert metrics == [["metric", "Keras", "dynamic"], ["swd", "9.750", "12.500"]]
    assert "Times are of one picture in translate alone" in shown


def test_each_row_of_pictures_says_what_it_was_given(shown):
    rows = table_rows(shown, "<h2>Pictures</h2>")
    assert rows[0] == ["", "source", "style", "Keras", "dynamic"]
    assert [row for row in rows if len(row) == 1] == [["1. &lt;blond&gt; 1"], ["2. to cat"]]
    assert [len(row) for row in rows[1:]] == [1, 5, 5] * 2
    # Styles are above one another, and the first row has none.
    assert [image["alt"] for image in Reader(shown).images[4:8]] == [
        "source, row 2",
        "style, row 2",
        "Keras, row 2",
        "dynamic, row 2",
    ]


def test_scroll_bars_are_dark_where_the_page_is(shown):
    assert "color-scheme: light dark" in shown


def test_differences_are_white_from_an_eighth_of_the_range_on():
    expected = np.zeros((4, 4, 3), np.float32)
    image = expected.copy()
    image[0, 0] = [0.0, -0.125, 0.0]  # a sixteenth of a range of 2
    image[1, 1] = 1.0
    found = page._difference(image, expected, 2.0)
    assert found[0, 0].tolist() == [128] * 3
    assert found[1, 1].tolist() == [255] * 3
    assert np.count_nonzero(found) == 6


def test_a_single_wrong_pixel_of_a_large_picture_is_still_seen():
    expected = np.zeros((1024, 1024, 3), np.float32)
    image = expected.copy()
    image[1023, 5] = 1.0
    found = page._difference(image, expected, 2.0)
    assert found.shape == (256, 256, 3)
    assert found[255, 1].tolist() == [255] * 3
    assert np.count_nonzero(found) == 3
