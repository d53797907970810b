"""A face in 98 landmarks, numbered as in WFLW, and pictures of it."""

import numpy as np


def ellipse(center, radii, start, end, count) -> np.ndarray:
    """Points [count, 2] along an arc; angles in degrees, 0 at the right, 90 below."""
    angles = np.deg2rad(np.linspace(start, end, count))
    return np.array(center) + np.array(radii) * np.stack([np.cos(angles), np.sin(angles)], -1)


def mean_face() -> np.ndarray:
    """Landmarks [98, 2] of an upright face in a picture of 256 by 256 pixels."""
    left_eye, right_eye = (98.0, 124.0), (158.0, 124.0)
    parts = [
        ellipse((128, 132), (62, 92), 190, -10, 33),  # face line, from the left over the chin
        ellipse((98, 112), (22, 12), 190, 340, 5),  # upper edge of the left brow
        ellipse((98, 114), (20, 8), 330, 200, 4),
        ellipse((158, 112), (22, 12), 200, 350, 5),
        ellipse((158, 114), (20, 8), 340, 210, 4),
        np.linspace((128, 126), (128, 154), 4),  # ridge of the nose
        ellipse((128, 156), (16, 8), 170, 10, 5),  # nostrils
        ellipse(left_eye, (13, 6), 180, 495, 8),  # left corner, over the upper rim, and back
        ellipse(right_eye, (13, 6), 180, 495, 8),
        ellipse((128, 188), (26, 10), 180, 510, 12),  # outer lips
        ellipse((128, 188), (20, 5), 180, 495, 8),  # inner lips
        np.array([left_eye, right_eye]),  # pupils
    ]
    return np.concatenate(parts)


def moved(landmarks, angle=0.0, scale=1.0, move=(0.0, 0.0)) -> np.ndarray:
    """Landmarks turned by an angle in degrees and scaled about their middle, then moved."""
    cosine, sine = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    turn = scale * np.array([[cosine, -sine], [sine, cosine]])
    middle = landmarks.mean(axis=0)
    return (landmarks - middle) @ turn.T + middle + move


def draw(landmarks, height=256, width=256) -> np.ndarray:
    """A picture uint8 [height, width, 3]: slow waves of colour, and a bright spot a landmark."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    phases = np.array([0.0, 2.0, 4.0])
    waves = np.sin(x[..., None] / 17 + phases) + np.cos(y[..., None] / 23 + 2 * phases)
    spots = np.zeros((height, width))
    for spot_x, spot_y in landmarks:
        spots += np.exp(-((x - spot_x) ** 2 + (y - spot_y) ** 2) / (2 * 2.0**2))
    picture = 110 + 35 * waves + 60 * np.minimum(spots, 1)[..., None]
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)
