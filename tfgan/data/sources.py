"""What a source of pictures is, whatever it reads: `tfgan.data.opening` opens one.

A source knows how many pictures it has and reads any one of them by its index, still encoded;
`tfgan.data.pipeline` decodes them and makes batches.
"""

import functools
import hashlib
import os
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from PIL import features

from tfgan.terminal import UserError

# Bytes of one picture: with those that it is decoded to, they stay below 1 GB.
LARGEST_FILE = 150_000_000
# What any installation reads.
EXTENSIONS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif")


class Decoder(NamedTuple):
    """A kind of picture that only some installations read.

    Attributes:
        name: What users call it.
        endings: Of its files.
        brands: Of its containers (ISO 14496-12), as they begin.
        is_installed: Whether Pillow reads it.
        install: The line that makes it so.
    """

    name: str
    endings: tuple[str, ...]
    brands: frozenset[bytes]
    is_installed: Callable[[], bool]
    install: str


def _reads_avif() -> bool:
    return "avif" in features.modules and features.check_module("avif")


def _reads_heif() -> bool:
    """Tells Pillow of the package that reads HEIC, if it is there."""
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener()
    return True


# By the name that Pillow gives the format.
DECODERS = {
    # First, for its containers may also have the general brands of HEIF.
    "AVIF": Decoder(
        "AVIF",
        (".avif",),
        frozenset([b"avif", b"avis"]),
        _reads_avif,
        "pip install --upgrade 'pillow>=11.3'",
    ),
    "HEIF": Decoder(
        "HEIC",
        (".heic", ".heif"),
        frozenset([b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"]),
        _reads_heif,
        "pip install pillow-heif",
    ),
}


@functools.cache
def readable_formats() -> tuple[str, ...]:
    """Keys of `DECODERS` that are installed."""
    return tuple(name for name, decoder in DECODERS.items() if decoder.is_installed())


def readable_endings() -> tuple[str, ...]:
    """`EXTENSIONS`, and those of `DECODERS` that are installed."""
    return EXTENSIONS + sum((DECODERS[name].endings for name in readable_formats()), ())


class DataError(UserError):
    """A user's mistake with the data; its message says what to do and is shown alone."""


class Picture(NamedTuple):
    """One example as it is stored.

    Args:
        content: The encoded file, or a decoded array [H, W, C].
        label: Class index, 0 when unlabelled; or float32 [n], 0 or 1 for each of n attributes.
        name: Where it is: a path, or `tfds:celeb_a/train#17`. `Source.describe` may say more.
    """

    content: bytes | np.ndarray
    label: int | np.ndarray
    name: str


class Source(Protocol):
    """Pictures that are read by index, from any thread.

    Attributes:
        name: As the user typed it after `--data`.
        class_names: Classes in the order of their indices, or attributes in the order of the label
            vectors; empty when the pictures are not labelled.
    """

    name: str
    class_names: tuple[str, ...]

    def __len__(self) -> int: ...

    def read(self, index: int) -> Picture:
        """The picture of an index from 0 to `len(self) - 1`."""
        ...

    def describe(self, index: int) -> str:
        """What an error message calls a picture, without decoding it."""
        ...

    def labels(self) -> np.ndarray:
        """The label of every picture, without decoding them.

        Classes are int32 [N], and 0 where there are none; n attributes are float32 [N, n].
        """
        ...

    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that change when other pictures are put in place."""
        ...


def check_resolution(resolution: int) -> None:
    """Raises a `DataError` unless the four systems have a network of this size."""
    if resolution in (8, 16, 32, 64, 128, 256, 512, 1024):
        return
    nearest = 8
    while nearest < min(resolution, 1024):
        nearest *= 2
    raise DataError(
        f"--resolution must be a power of two from 8 to 1024. Received: {resolution}. "
        f"Use --resolution {nearest} and let --resize crop the images."
    )


def check_file_size(size: int) -> None:
    """Raises ValueError if the file of a picture has too many bytes to be taken into memory."""
    if size > LARGEST_FILE:
        raise ValueError(
            f"its file has {size:,} bytes, more than {LARGEST_FILE:,}; compress it, or scale it "
            "down"
        )


def read_file(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a picture's file.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is too large.
    """
    with open(path, "rb") as file:
        check_file_size(os.fstat(file.fileno()).st_size)
        return file.read()


def make_fingerprint(*parts: object) -> str:
    """Twelve hexadecimal digits of what the parts look like as text."""
    return hashlib.sha256("\0".join(map(str, parts)).encode("utf-8", "replace")).hexdigest()[:12]


def list_names(names: Sequence[str], limit: int = 20) -> str:
    """Names with commas, for a message; of many only the first."""
    shown = ", ".join(names[:limit])
    return f"{shown}, ... ({len(names)} in all)" if len(names) > limit else shown
