"""The report as people see it."""

from html.parser import HTMLParser

import numpy as np
import pytest

from export import page
from export.page import Row
from export.report import Result

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
    rows = [Row(face, face, {"dynamic": face + 0.1}) for _ in range(2)]
    return page.page(FACTS, [good, failed], "dynamic", rows, {"cores": "2"}, "use('<x>')")


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
    # Two rows of a source, Keras, a form and its difference.
    assert len(reader.images) == 8
    assert all(image["alt"] for image in reader.images)
    assert all(image["src"].startswith("data:image/png;base64,") for image in reader.images)


def test_names_are_never_markup(shown):
    assert "<b>mine" not in shown
    assert "&lt;b&gt;mine" in shown


def test_nothing_to_ship_is_said(shown):
    face = np.zeros((8, 8, 3), np.float32)
    failed = Result("int8", "int8.tflite", "failed", "it broke", 32.0)
    text = page.page(FACTS, [failed], None, [Row(None, face, {})], {}, "")
    assert "No .tflite file is good enough" in " ".join(Reader(text).text)
    assert "How to run it" not in text


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
