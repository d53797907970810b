"""The face landmark network and its masks against the published implementation."""

import numpy as np

from tests.parity.published import DATA, Case, assert_close
from tfgan.importers.face_landmarks import convert
from tfgan.models.landmarks import find_landmarks, landmark_masks

OUTPUT = 1e-4  # of the parity data's README (float32 on a CPU)


ALIGNMENT = DATA / "stargan_v2_alignment.npz"


def test_network_gives_published_heat_maps_masks_and_landmarks():
    case = Case("stargan_v2_landmarks")
    layer, _ = convert(case.weights("fan"))
    assert_close(layer(case.arrays["x"]), case.arrays["heatmaps_raw"], OUTPUT, "heatmaps")
    for i, mask in enumerate(layer.masks(case.arrays["x"])):
        assert_close(mask, case.arrays[f"mask{i}"], OUTPUT, f"mask{i}")
    places, heat = layer.landmarks(case.arrays["x"])
    # Two of the 98 hang by less than OUTPUT: a second cell is as hot, or both neighbours are.
    moved = np.any(places != np.load(ALIGNMENT)["landmarks"], axis=-1)
    assert np.sum(moved) <= 2
    raw = case.arrays["heatmaps_raw"][..., :98]
    np.testing.assert_allclose(heat, np.max(raw, axis=(1, 2)), rtol=OUTPUT)


def test_masks_of_drawn_heat_maps_are_the_published_ones():
    # The masks of the parity data are 1 everywhere. These are core/wing.py's, of one hill of heat
    # for each landmark, at every second pixel.
    random = np.random.default_rng(0)
    places, heights = random.integers(20, 236, (98, 2)), random.uniform(0.3, 1.1, 98)
    y, x = np.mgrid[:256, :256][..., None]
    squares = (y - places[:, 0]) ** 2 + (x - places[:, 1]) ** 2
    heat = (heights * np.exp(-squares / 32)).astype(np.float32)
    expected = np.load(DATA / "stargan_v2_masks.npz")
    for mask, name in zip(landmark_masks(heat[None]), ("mask0", "mask1"), strict=True):
        assert_close(np.asarray(mask)[0, ::2, ::2, 0], expected[name], OUTPUT, name)


def test_landmarks_of_drawn_heat_maps_are_the_published_ones():
    # Those of core/wing.py, on noise; the second picture's is rounded, so that many neighbours are
    # equal, and in the first some landmarks are at and near the border.
    heat = np.random.default_rng(1).standard_normal((2, 64, 64, 98)).astype(np.float32)
    heat[1] = np.round(heat[1] * 2) / 2
    cells = [(0, 0), (0, 5), (63, 63), (7, 63), (63, 9), (5, 0), (62, 62), (1, 1)]
    for landmark, (row, column) in enumerate(cells):
        heat[0, row, column, landmark] = 9
    places, _ = find_landmarks(heat)
    np.testing.assert_array_equal(places, np.load(ALIGNMENT)["drawn_landmarks"])
