"""The Radboud Faces Database, as distributed, for TensorFlow Datasets: `rafd`."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from typing import Any, ClassVar, NamedTuple

import numpy as np
import tensorflow_datasets as tfds

from tfgan.data.avatars.labels import EXPRESSIONS
from tfgan.data.manual_sets import Layout, ManualSet, is_hidden

HOMEPAGE = "https://rafd.socsci.ru.nl"

# Degrees; 90 is from the front, and 0 and 180 show profiles, which StarGAN was not trained on.
CAMERAS = (45, 90, 135)

_TRAIN, _TEST = "train", "test"
_EXAMPLE = "Rafd090_01_Caucasian_female_angry_frontal.jpg"
_NAME = re.compile(
    r"Rafd(?P<camera>\d{3})_(?P<person>\d+)_(?P<group>[A-Za-z]+)_(?P<gender>female|male)"
    rf"_(?P<expression>{'|'.join(EXPRESSIONS)})_(?P<gaze>frontal|left|right)\.jpe?g",
    re.IGNORECASE,
)


class Portrait(NamedTuple):
    """What the name of a file says of the picture.

    Attributes:
        camera: Angle in degrees: 0, 45, 90 (from the front), 135 or 180.
        person: Number of the model.
        group: Caucasian, Kid or Moroccan.
        gender: female or male.
        expression: One of `EXPRESSIONS`.
        gaze: frontal, left or right.
    """

    camera: int
    person: int
    group: str
    gender: str
    expression: str
    gaze: str


def read_name(file_name: str) -> Portrait | None:
    """What the name of a file says, such as Rafd090_01_Caucasian_female_angry_frontal.jpg.

    Returns:
        A `Portrait`, or `None` for names of another kind.
    """
    match = _NAME.fullmatch(file_name)
    if match is None:
        return None
    camera, person, group, gender, expression, gaze = match.groups()
    return Portrait(
        int(camera), int(person), group, gender.lower(), expression.lower(), gaze.lower()
    )


class Rafd(ManualSet):
    """67 people with eight expressions each, in three gaze directions, from three angles.

    As in StarGAN's paper these are the cameras at 45, 90 and 135 degrees: 4,824 pictures. The
    paper tests on a tenth without saying which; here that is every tenth person in `test`, so that
    no face is in both splits.

    The pictures stay as distributed: upright, 1024 pixels high, with the shoulders. The paper cuts
    256 x 256 pixels around the face, at places that were not published. `--resize crop` takes the
    square of full width in the middle instead, which holds the head and some of the neck. For
    pictures like the paper's cut the faces out and train on the folder of them: their names say
    the expressions there too.

    Features: `image`, `expression`, `file_name`, and the parts of a `Portrait`; see `ManualSet`.

    Reference:
        Langner et al. 2010, doi:10.1080/02699930903485076; Choi et al. 2018, arXiv:1711.09020,
        section 5.2.
    """

    about = "Radboud Faces Database: 67 adults and children with eight expressions each."
    license = "scientific research only (Radboud University)"
    homepage = HOMEPAGE
    citation = """@article{langner2010rafd,
  title={Presentation and validation of the Radboud Faces Database},
  author={Langner, Oliver and Dotsch, Ron and Bijlstra, Gijsbert and Wigboldus, Daniel H. J. and
          Hawk, Skyler T. and van Knippenberg, Ad},
  journal={Cognition and Emotion},
  volume={24},
  number={8},
  pages={1377--1388},
  year={2010}
}"""
    label = "expression"
    classes = EXPRESSIONS
    splits = (_TRAIN, _TEST)
    held_out = (_TEST,)
    counts: ClassVar[dict[str, int]] = {"train": 60 * 72, "test": 7 * 72}
    patterns = ("[Rr]afd*",)
    files = f"its pictures, {_EXAMPLE} and others"
    place = f"with names such as {_EXAMPLE}"
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"Ask for the Radboud Faces Database at {HOMEPAGE} and put the archive, or the pictures "
        f"from it, there. License: {license}."
    )

    def find_layouts(self, names: Iterable[str]) -> dict[str, Layout]:
        """Finds pictures by their names, wherever they are: they are distributed in several parts.

        Args:
            names: Of all files of an archive or folder, with slashes.
        """
        portraits: dict[str, tuple[str, Portrait]] = {}
        for name in sorted(names):
            portrait = read_name(posixpath.basename(name))
            if portrait and portrait.camera in CAMERAS and not is_hidden(name.split("/")):
                # A file that was unpacked twice counts once.
                portraits.setdefault(posixpath.basename(name), (name, portrait))
        persons = sorted({portrait.person for _, portrait in portraits.values()})
        layout: Layout = {}
        for name, portrait in portraits.values():
            split = _TEST if portrait.person in persons[::10] else _TRAIN
            layout.setdefault((split, portrait.expression), []).append(name)
        return {"": layout} if layout else {}

    def extra_features(self) -> dict[str, Any]:
        """What the names say beside the expression."""
        text = tfds.features.Text()
        return {
            "camera": np.int64,
            "person": np.int64,
            "group": text,
            "gender": text,
            "gaze": text,
        }

    def extra_values(self, file_name: str) -> dict[str, Any]:
        """Values of `extra_features` for a picture."""
        portrait = read_name(file_name)
        assert portrait is not None
        return {key: value for key, value in portrait._asdict().items() if key != "expression"}
