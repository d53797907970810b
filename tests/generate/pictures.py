"""Reads pictures that go into the command line or come out of it."""

import numpy as np
from PIL import Image

from tfgan.data.decoding import decode_picture


def read(path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def decoded(path) -> np.ndarray:
    """A source as a model of 32 pixels is given it: cropped and resized."""
    return decode_picture(path.read_bytes(), 32)[0]
