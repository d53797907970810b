"""Real pictures that models of translations are compared and calibrated with."""

import numpy as np
from PIL import Image

from export.pictures import read_pictures


def fill(folder, name, level, count):
    (folder / name).mkdir(parents=True)
    for i in range(count):
        Image.new("RGB", (8, 8), (level, i, 0)).save(folder / name / f"{i}.png")


def test_pictures_of_all_sub_folders_come_in_turn(tmp_path):
    for name, level, count in (("cat", 10, 40), ("dog", 100, 6), ("fox/deep", 200, 9)):
        fill(tmp_path, name, level, count)
    images = read_pictures([str(tmp_path)], 8, 22)
    levels = np.rint((images[:, 0, 0, 0] + 1) * 127.5).astype(int).tolist()
    # A random order would have hardly a dog among the first, as one picture of nine is of one.
    assert all(set(levels[i : i + 3]) == {10, 100, 200} for i in range(0, 18, 3))
    assert levels[:3] * 6 == levels[:18]
    # Where one has no more, the others go on.
    assert set(levels[18:]) == {10, 200}
    np.testing.assert_array_equal(images, read_pictures([str(tmp_path)], 8, 22))
    # All are different ones.
    assert len({image.tobytes() for image in images}) == 22


def test_a_folder_without_sub_folders_is_read_in_a_random_order(tmp_path):
    for i in range(30):
        Image.new("RGB", (8, 8), (0, 8 * i, 0)).save(tmp_path / f"{i:02d}.png")
    images = read_pictures([str(tmp_path)], 8, 10)
    numbers = np.rint((images[:, 0, 0, 1] + 1) * 127.5 / 8).astype(int).tolist()
    assert len(set(numbers)) == 10
    assert numbers != sorted(numbers)
