"""The face landmark network and its masks against the published implementation."""

import re

import numpy as np

from tests.parity.published import DATA, Case, assert_close
from tfgan.models.landmarks import FaceLandmarks, landmark_masks

OUTPUT = 1e-4  # of the parity data's README (float32 on a CPU)


def published_name(path: str) -> str:
    """Name in the published checkpoint of one of our variables.

    "face_landmarks/hourglass/inner/skip/norm1/gamma" -> "m0.b1_3.bn1.weight".
    """
    name = path.split("/", 1)[1]
    level = 4 - name.count("inner/")
    if level == 0:  # the innermost is a block, not an hourglass
        name = name.replace("inner/", "plus_1/")
        level = 1
    for ours, theirs in [
        (r"kernel|gamma", "weight"),
        ("beta", "bias"),
        ("moving_mean", "running_mean"),
        ("moving_variance", "running_var"),
        ("shortcut_norm", "downsample/0"),
        (r"shortcut", "downsample/2"),
        ("^conv2", "conv_last0"),
        ("^norm2", "bn_end0"),
        ("norm", "bn"),
        (r"^block(\d)", r"conv\1"),
        ("^coordinates", "m0/coordconv"),
        ("^top", "top_m_0"),
        ("^to_heatmaps", "l0"),
        ("^hourglass/", "m0/"),
        (r"(inner/)+", ""),
        ("m0/skip", f"m0/b1_{level}"),
        ("m0/before", f"m0/b2_{level}"),
        ("m0/after", f"m0/b3_{level}"),
        (r"m0/(plus_1/)+", "m0/b2_plus_1/"),
    ]:
        name = re.sub(ours, theirs, name)
    return name.replace("/", ".")


def make_landmarks(case: Case) -> FaceLandmarks:
    """The network with the published weights; each name must be used exactly once."""
    layer = FaceLandmarks(name="landmarks")
    layer.build()
    weights = case.weights("fan")
    for variable in layer.variables:
        value = weights.pop(published_name(variable.path))
        variable.assign(value.transpose(2, 3, 1, 0) if value.ndim == 4 else value)
    assert not weights, f"unused: {list(weights)}"
    return layer


def test_network_gives_published_heat_maps_and_masks():
    case = Case("stargan_v2_landmarks")
    layer = make_landmarks(case)
    assert_close(layer(case.arrays["x"]), case.arrays["heatmaps_raw"], OUTPUT, "heatmaps")
    for i, mask in enumerate(layer.masks(case.arrays["x"])):
        assert_close(mask, case.arrays[f"mask{i}"], OUTPUT, f"mask{i}")


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
