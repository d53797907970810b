"""The alignment of faces against the published implementation.

The expected pictures are those of core/wing.py's FaceAligner, given the same landmarks, at every
second pixel. OpenCV 5.0 (4.10 gives the same) and scikit-image 0.26 did the sampling.
"""

import numpy as np
import pytest

from tests import faces
from tests.parity.published import DATA
from tfgan.face_alignment import align, alignment

CASES = {
    "tilted": {"angle": 17.0, "scale": 0.8, "move": (9.0, -6.0)},
    "edge": {"angle": -35.0, "scale": 0.7, "move": (-70.0, 55.0)},
    "far": {"angle": 70.0, "scale": 0.4, "move": (-110.0, -80.0)},
}


@pytest.fixture(scope="module")
def expected():
    return np.load(DATA / "stargan_v2_alignment.npz")


@pytest.mark.parametrize("case", CASES)
def test_the_movement_is_the_published_one(case, expected):
    landmarks = faces.moved(faces.mean_face(), **CASES[case])
    matrix = alignment(landmarks, faces.mean_face())
    # The published code computes in float32, with moves of up to 300 pixels.
    np.testing.assert_allclose(matrix, expected[f"{case}_matrix"], rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("case", CASES)
def test_aligned_pictures_are_the_published_ones(case, expected):
    landmarks = faces.moved(faces.mean_face(), **CASES[case])
    aligned = align(faces.draw(landmarks), landmarks, faces.mean_face(), antialias=False)
    difference = np.abs(aligned[::2, ::2].astype(int) - expected[case])
    # Of 255. The published code cuts off rather than rounds on its way to bytes, which darkens a
    # quarter of the values by one; and its float32 matrix puts some pixels on the next step of
    # 1/32 pixel, where the picture has changed by one at most (on white noise by up to 11).
    assert difference.max() <= 2
    assert difference.mean() <= 0.25
