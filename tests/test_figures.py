"""Grids, figures with headings, picture and video files."""

import imageio.v3 as iio
import numpy as np
import pytest
from PIL import Image

from tfgan import figures


def colours(count: int, height: int = 6, width: int = 10) -> np.ndarray:
    """Pictures of one colour each."""
    values = np.random.default_rng(1).integers(0, 250, (count, 1, 1, 3), np.uint8)
    return np.tile(values, (1, height, width, 1))


def test_grid_places_pictures_row_by_row_on_white():
    images = colours(5)
    sheet = figures.grid(images, columns=3, gap=2)
    assert sheet.shape == (2 * 6 + 2, 3 * 10 + 4, 3)
    np.testing.assert_array_equal(sheet[8:14, 12:22], images[4])
    assert np.all(sheet[6:8] == 255)
    assert np.all(sheet[8:, 22:] == 255)


def test_figure_shows_every_cell_and_leaves_the_missing_white():
    images = colours(3, 64, 64)
    sheet = figures.figure(
        [[None, images[0]], [images[1], images[2]]],
        figures.headings(["first", "second"]),
        [figures.Heading("both rows", 0, 1)],
        breaks=([1], [1]),
    )
    for image in images:
        assert np.sum(np.all(sheet == image[0, 0], axis=-1)) == 64 * 64
    ink = np.all(sheet < 128, axis=-1) & ~np.any(
        [np.all(sheet == image[0, 0], axis=-1) for image in images], axis=0
    )
    # Words above the cells and beside them.
    assert np.any(ink[:26])
    assert np.any(ink[30:, :26])


def test_enlarge_repeats_pixels():
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    large = figures.enlarge(image, 3)
    assert large.shape == (6, 6, 3)
    np.testing.assert_array_equal(large[::3, ::3], image)
    np.testing.assert_array_equal(large[2::3, 2::3], image)


def test_write_png_makes_the_folder_and_leaves_only_the_file(tmp_path):
    image = colours(1)[0]
    path = tmp_path / "new" / "a.png"
    figures.write_png(path, image)
    np.testing.assert_array_equal(np.asarray(Image.open(path)), image)
    assert [file.name for file in path.parent.iterdir()] == ["a.png"]


@pytest.mark.parametrize("ending", [".gif", ".mp4"])
def test_write_video_holds_every_frame(tmp_path, ending):
    path = tmp_path / f"a{ending}"
    figures.write_video(path, iter(colours(6, 31, 33)), fps=25)
    if ending == ".gif":
        with Image.open(path) as video:
            assert (video.n_frames, video.size, video.info["duration"]) == (6, (33, 31), 40)
            assert video.info["loop"] == 0
    else:
        frames = iio.imread(path, plugin="FFMPEG")
        assert frames.shape == (6, 32, 34, 3)


@pytest.mark.parametrize("ending", [".gif", ".mp4"])
def test_a_video_that_fails_leaves_no_file(tmp_path, ending):
    def frames():
        yield colours(1, 32, 32)[0]
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        figures.write_video(tmp_path / f"a{ending}", frames(), fps=25)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "fps"), [("a.avi", 25), ("a", 25), ("a.gif", 60), ("a.mp4", 0)])
def test_check_video_names_what_was_given(name, fps):
    with pytest.raises(ValueError, match="Received"):
        figures.check_video(name, fps)


def test_sheet_enlarges_small_pictures_to_96_pixels_and_leaves_large_ones():
    small, large = colours(4, 32, 32), colours(4, 128, 128)
    assert figures.sheet(small, columns=2).shape == (2 * 96 + 2, 2 * 96 + 2, 3)
    assert figures.sheet(large, columns=2).shape == (2 * 128 + 2, 2 * 128 + 2, 3)


def test_words_that_are_too_long_are_cut():
    text, font = figures._fit("x" * 80, 10, 64)
    assert text.endswith("...")
    assert 40 < font.getlength(text) <= 64


def test_long_headings_go_on_in_the_next_line():
    cells = [[np.zeros((64, 64, 3), np.uint8)] * 2]

    def drawn(text):
        return figures.figure(cells, figures.headings(["", text]))

    broken = drawn("Mouth_Slightly_Open reversed")
    np.testing.assert_array_equal(broken, drawn("Mouth_\nSlightly_\nOpen\nreversed"))
    assert len(broken) > len(drawn("Male")) > 64
    np.testing.assert_array_equal(drawn("Male reversed"), drawn("Male\nreversed"))
