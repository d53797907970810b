"""What a source of pictures is, whatever it reads: `tfgan.data.opening` opens one.

A source knows how many pictures it has and reads any one of them by its index, still encoded;
`tfgan.data.pipeline` decodes them and makes batches. A type of source is a row of
`opening.SOURCE_TYPES`.
"""

import dataclasses
import functools
import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol, Self

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
    """A mistake with the data: what was expected of which field, and what to do."""


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


@dataclasses.dataclass(frozen=True)
class DataOptions:
    """Which pictures are read, and how: plain values, as options and config.json hold them.

    `tfgan.data.opening.open_source` opens one data set, with classes or without;
    `tfgan.data.labelled.open_labelled` one or several with label sets.

    Args:
        data: Names of the data sets: `avatars`, `tfds:NAME/CONFIG:VERSION`, or paths of folders, of
            pictures or made by `tfgan.data.prepare`. Where label sets are read, labels may follow a
            colon; see `open_labelled`.
        data_dir: Where TensorFlow Datasets keeps its sets. Defaults to its own choice.
        split: Split of a set that has splits; slices such as `train[:90%]` and sums are understood.
        image_key: Feature of a TFDS set that holds the picture. Defaults to the only one, or to
            `image` among several.
        label_key: Feature of a TFDS set that holds the class, a `ClassLabel` or a `bool`, with
            slashes for nesting: `attributes/Male`. Naming one makes the source labelled.
            Defaults to the only `ClassLabel` (avatars: `domain`) when `conditional`.
        avatars_count: How many avatars are drawn.
        conditional: Whether the pictures need classes.
        resolution: Height and width of the images that are made of the pictures.
        resize: How pictures are made square; see `tfgan.data.decoding.RESIZES`.
        attributes: Names of the binary attributes to learn; see `open_labelled`.
        exclusive: Groups of attributes of which at most one can be true; see `open_labelled`.
        attribute_table: File with the attributes of a folder; see `open_labelled`.
    """

    data: tuple[str, ...] = ("avatars",)
    data_dir: str | None = None
    split: str = "train"
    image_key: str | None = None
    label_key: str | None = None
    avatars_count: int = 6_000
    conditional: bool = False
    resolution: int = 64
    resize: Literal["crop", "pad", "stretch"] = "crop"
    attributes: tuple[str, ...] = ()
    exclusive: tuple[tuple[str, ...], ...] = ()
    attribute_table: str | None = None

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Self:
        """Takes the values that have the name of a field; the others are no options of data."""
        names = [field.name for field in dataclasses.fields(cls)]
        return cls(**{name: values[name] for name in names if name in values})


class LabelOffer(NamedTuple):
    """A label set that could be read.

    Attributes:
        data: As the user typed it.
        name: Short name of the set.
        kind: Of its labels.
        names: Of all its labels.
        read: Gives the pictures, and the labels of these names, int [N, n]; of classes, which are
            never chosen from, indices, int [N], with -1 where there is none.
    """

    data: str
    name: str
    kind: Literal["attributes", "classes"]
    names: tuple[str, ...]
    read: Callable[[Sequence[str]], tuple[Source, np.ndarray]]


class DataName(NamedTuple):
    """What a user named with `--data`.

    Attributes:
        text: As it was typed.
        place: What is opened.
        labels: Which of its labels, where that was said.
        source_type: What knows how.
    """

    text: str
    place: str
    labels: str | None
    source_type: "SourceType"


def offer_classes(
    name: DataName, options: DataOptions, open_once: Callable[[], Source]
) -> LabelOffer:
    """Offers the classes of a source of any type; see `SourceType.offer`."""
    if name.labels not in (None, "classes"):
        raise DataError(
            field="data",
            named=name.place,
            expected="has no labels but its classes",
            received=name.text,
            advice=f"Use `data` {name.place}.",
        )
    source = name.source_type.open(name.place, dataclasses.replace(options, conditional=True))
    return LabelOffer(
        name.text, name.place, "classes", source.class_names, lambda _: (source, source.labels())
    )


def without_labels(text: str) -> tuple[str, str | None]:
    """Parses names of a type that takes no labels; see `SourceType.parse`."""
    return text, None


@dataclasses.dataclass(frozen=True)
class SourceType:
    """A type of source: a row of `tfgan.data.opening.SOURCE_TYPES`.

    Args:
        usage: How users name one, such as "tfds:NAME".
        matches: Whether a name without labels is one of this type.
        open: Opens a name without labels. It gets the options of all data sets: their `data` may
            name others.
        parse: Splits what a user typed into such a name and the labels that follow it.
        offer: Offers a label set. The last argument opens the source with `open`, once for all
            names of it.
        sets_take: Those of `image_key` and `attribute_table` that say how label sets are read.
        has_splits: Whether pictures may be held back under another `split`.
        is_drawn: Whether pictures are drawn by `tfgan.data.avatars`: then all is known of them.
        is_files: Whether pictures are files of a `FolderSource`, which can be prepared.
    """

    usage: str
    matches: Callable[[str], bool]
    open: Callable[[str, DataOptions], Source]
    parse: Callable[[str], tuple[str, str | None]] = without_labels
    offer: Callable[[DataName, DataOptions, Callable[[], Source]], LabelOffer] = offer_classes
    sets_take: frozenset[str] = frozenset()
    has_splits: bool = False
    is_drawn: bool = False
    is_files: bool = False


def check_resolution(resolution: int) -> None:
    """Raises a `DataError` unless the four systems have a network of this size."""
    if resolution in (8, 16, 32, 64, 128, 256, 512, 1024):
        return
    nearest = 8
    while nearest < min(resolution, 1024):
        nearest *= 2
    raise DataError(
        field="resolution",
        expected="must be a power of two from 8 to 1024",
        received=resolution,
        advice=f"Use `resolution` {nearest} and let `resize` crop the images.",
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
