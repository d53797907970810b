"""Where pictures come from: a folder, a TensorFlow Datasets set, or the built-in avatars.

A source knows how many pictures it has and reads any one of them by its index, still encoded;
`tfgan.data.pipeline` decodes them and makes batches.
"""

import array
import bisect
import contextlib
import difflib
import functools
import hashlib
import importlib.util
import logging
import os
import struct
import types
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from PIL import features

from tfgan.terminal import Progress, UserError

logger = logging.getLogger("tfgan")

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
        name: What an error message calls it: a path, or `tfds:celeb_a/train#17`.
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
        """The name of a picture, without reading it."""
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


def open_source(
    data: str,
    *,
    resolution: int,
    conditional: bool = False,
    split: str = "train",
    image_key: str | None = None,
    label_key: str | None = None,
    data_dir: str | None = None,
    avatars_count: int = 8_000,
) -> Source:
    """Opens what a user names with `--data`.

    Args:
        data: `avatars`, `tfds:NAME`, `tfds:NAME/CONFIG:VERSION`, or the path of a folder, of
            pictures or made by `tfgan.data.prepare`.
        resolution: Size of the images that will be made of the pictures.
        conditional: Whether the pictures need classes.
        split: Split of a TFDS set; slices such as `train[:90%]` and sums are understood.
        image_key: Feature of a TFDS set that holds the picture. Defaults to the only one, or to
            `image` among several.
        label_key: Feature of a TFDS set that holds the class, a `ClassLabel` or a `bool`, with
            slashes for nesting: `attributes/Male`. Naming one makes the source labelled.
            Defaults to the only `ClassLabel` (avatars: `domain`) when `conditional`.
        data_dir: Where TFDS keeps its sets. Defaults to its own choice.
        avatars_count: How many avatars are drawn.

    Returns:
        A `Source`.

    Raises:
        DataError: If there is nothing to read there, and why.
    """
    check_resolution(resolution)
    if data == "avatars":
        from tfgan.data import avatars

        try:
            # None are drawn smaller than 16; the pipeline makes 8 of them.
            builder = avatars.prepare(max(resolution, 16), avatars_count, 0, data_dir)
        except (OSError, ValueError) as error:
            raise DataError(f"--data avatars could not be drawn. Received: {error}") from error
        if conditional and label_key is None:
            label_key = "domain"
        return TfdsSource("avatars", builder, split, conditional, image_key, label_key)
    if data.startswith("tfds:"):
        builder = _prepare_tfds(data, data_dir)
        return TfdsSource(data, builder, split, conditional, image_key, label_key)
    if is_prepared(data):
        from tfgan.data.prepared import PreparedSource

        return PreparedSource(data, split, conditional, image_key, label_key)
    for option, value in (("--image-key", image_key), ("--label-key", label_key)):
        if value is not None:
            raise DataError(
                f"{option} belongs to --data tfds:NAME. Received: {option} {value} with --data "
                f"{data}. Leave it out; the classes of a folder are its sub-folders."
            )
    return FolderSource(data, conditional)


def is_prepared(path: str) -> bool:
    """Whether a folder holds a set of TensorFlow Datasets rather than pictures."""
    return os.path.isfile(os.path.join(os.path.expanduser(path), "dataset_info.json"))


def make_fingerprint(*parts: object) -> str:
    """Twelve hexadecimal digits of what the parts look like as text."""
    return hashlib.sha256("\0".join(map(str, parts)).encode("utf-8", "replace")).hexdigest()[:12]


def list_names(names: Sequence[str], limit: int = 20) -> str:
    """Names with commas, for a message; of many only the first."""
    shown = ", ".join(names[:limit])
    return f"{shown}, ... ({len(names)} in all)" if len(names) > limit else shown


class FolderSource:
    """Pictures in a folder and its sub-folders, in an order that is the same on every disk.

    Files are taken by their extension (`readable_endings`); hidden files and folders are passed
    over, links are followed. Pictures that need a package that is absent are counted and named.
    With classes, each sub-folder of the first level that holds a picture is one, in alphabetical
    order.

    Args:
        path: The folder.
        conditional: Whether sub-folders are classes.
        option: What the user named it with.

    Raises:
        DataError: If the folder cannot be read, or holds no pictures or fewer than two classes.
    """

    def __init__(self, path: str, conditional: bool = False, option: str = "--data") -> None:
        self.name = path
        self._option = option
        self._root = os.path.expanduser(path)
        if not os.path.exists(self._root):
            hint = f" Did you mean {option} tfds:{path}?" if _is_registered(path) else ""
            raise DataError(
                f"{option} must name a folder that exists, tfds:NAME or avatars. Received: {path}."
                + (hint or " Check the spelling and the working directory.")
            )
        if not os.path.isdir(self._root):
            raise DataError(
                f"{option} must name a folder, not a file. Received: {path}. "
                f"Use {option} {os.path.dirname(path) or '.'} or unpack an archive first."
            )
        # For millions of files: names stand behind one another in one buffer rather than in a
        # Python string each, and folders, which many files share, in a list.
        self._names = bytearray()
        self._ends = array.array("q")
        self._folders: list[str] = []
        self._folder_starts: list[int] = []
        self._others = 0
        self._undecodable: Counter[Decoder] = Counter()
        endings = readable_endings()
        with Progress(desc="Listing", unit=" files") as bar:
            for folder, names in self._walk("", (), bar, endings):
                self._folders.append(folder)
                self._folder_starts.append(len(self._ends))
                for name in names:
                    self._names += os.fsencode(name)
                    self._ends.append(len(self._names))
        advice = " ".join(
            f"{self._undecodable[decoder]} are {decoder.name}, which needs {decoder.install}; or "
            "convert them to JPEG."
            for decoder in DECODERS.values()
            if self._undecodable[decoder]
        )
        known = f"Files that end in {' '.join(endings)} are read, in sub-folders too."
        if not self._ends:
            raise DataError(
                f"{option} {path} holds no pictures. Received: a folder with {self._others} other "
                f"files. {advice or known}"
            )
        if advice:
            logger.warning("Pictures of %s that cannot be read are left out: %s", path, advice)
        self.class_names: tuple[str, ...] = ()
        if conditional:
            self.find_classes()

    def __len__(self) -> int:
        return len(self._ends)

    def describe(self, index: int) -> str:
        return os.path.join(self._root, self.relative_path(index))

    def read(self, index: int) -> Picture:
        path = self.describe(index)
        content = read_file(path)
        label = 0
        if self.class_names:
            label = bisect.bisect_right(self._class_starts, index) - 1
        return Picture(content, label, path)

    def labels(self) -> np.ndarray:
        if not self.class_names:
            return np.zeros(len(self), np.int32)
        counts = np.diff([*self._class_starts, len(self)])
        return np.repeat(np.arange(len(counts), dtype=np.int32), counts)

    def fingerprint(self) -> str:
        # Without the folder's own path: the same pictures may have moved.
        names = hashlib.sha256("\0".join(self._folders).encode("utf-8", "replace"))
        for part in (self._names, self._ends, array.array("q", self._folder_starts)):
            names.update(part)
        return make_fingerprint("folder", self.class_names, names.hexdigest())

    def relative_path(self, index: int) -> str:
        """The path of a picture below the folder."""
        start = self._ends[index - 1] if index else 0
        name = os.fsdecode(bytes(self._names[start : self._ends[index]]))
        folder = bisect.bisect_right(self._folder_starts, index) - 1
        return os.path.join(self._folders[folder], name)

    def _walk(
        self, folder: str, above: tuple[str, ...], bar: Progress, endings: tuple[str, ...]
    ) -> Iterator[tuple[str, list[str]]]:
        """Yields each folder that holds pictures, relative to the root, with their names."""
        path = os.path.join(self._root, folder)
        real_path = os.path.realpath(path)
        if real_path in above:
            return  # A link to a folder that it stands in.
        names, folders = [], []
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir():
                        folders.append(entry.name)
                    elif entry.is_file() and entry.name.lower().endswith(endings):
                        names.append(entry.name)
                        bar.update()
                    else:
                        self._others += 1
                        self._undecodable.update(
                            decoder
                            for decoder in DECODERS.values()
                            if entry.name.lower().endswith(decoder.endings)
                        )
        except OSError as error:
            raise DataError(
                f"{self._option} {self.name} must be readable. Received: {path}: {error.strerror}. "
                "Change its permissions or move it out of the folder."
            ) from error
        if names:
            names.sort()
            yield folder, names
        del names  # or it would last while the sub-folders are walked
        for name in sorted(folders):
            yield from self._walk(os.path.join(folder, name), (*above, real_path), bar, endings)

    def find_classes(self, otherwise: str = "train a model that needs none") -> None:
        """Makes the first level's folders classes and drops the pictures beside them.

        Args:
            otherwise: What else a user can do where there are no classes.

        Raises:
            DataError: If there are fewer than two classes.
        """
        beside = 0
        if self._folders[0] == "":
            beside = self._folder_starts[1] if len(self._folders) > 1 else len(self)
        names: list[str] = []
        self._class_starts: list[int] = []
        for folder, start in zip(self._folders, self._folder_starts, strict=True):
            name = folder.split(os.sep)[0]
            # The walk is in depth first order, so a class's folders stand together.
            if name and (not names or name != names[-1]):
                names.append(name)
                self._class_starts.append(start - beside)
        if len(names) < 2:
            raise DataError(
                f"--data {self.name} must have a sub-folder of pictures for each of two or more "
                f"classes. Received: {len(names)} such sub-folders"
                + (f" ({names[0]})" if names else "")
                + f" and {beside} pictures beside them. Sort the pictures into sub-folders, or "
                f"{otherwise}."
            )
        self.class_names = tuple(names)
        with os.scandir(self._root) as entries:
            empty = {e.name for e in entries if e.is_dir() and not e.name.startswith(".")}
        empty -= set(names)
        if empty:
            logger.warning(
                "Sub-folders without pictures are left out: %s.", ", ".join(sorted(empty))
            )
        if beside:
            logger.warning(
                "%d pictures stand in %s itself, in no class's sub-folder, and are left out.",
                beside,
                self.name,
            )
            del self._names[: self._ends[beside - 1]]
            shift = self._ends[beside - 1]
            self._ends = array.array("q", (end - shift for end in self._ends[beside:]))
            self._folders = self._folders[1:]
            self._folder_starts = [start - beside for start in self._folder_starts[1:]]


def _is_registered(name: str) -> bool:
    if not name.replace("/", "_").isidentifier():
        return False
    tfds = _import_builders()
    return name.split("/")[0] in tfds.list_builders(with_community_datasets=False)


def _import_builders() -> Any:
    """TensorFlow Datasets, which knows the builders of this program too from then on."""
    import tensorflow_datasets as tfds

    from tfgan.data import domain_sets, rafd  # noqa: F401 (importing a builder registers it)

    return tfds


class TfRecordIndex:
    """Random access to the records of TFRecord files, by where each one starts.

    A record is its length (8 bytes), a checksum of that (4), the data, and a checksum (4), so the
    files are indexed by hopping from length to length without reading the data.

    Args:
        files: (path, records to skip, records to take) of each file, in order.

    Raises:
        OSError: If a file ends within a record.
    """

    def __init__(self, files: Sequence[tuple[str, int, int]]) -> None:
        self._paths: list[str] = []
        self._file_starts: list[int] = []
        self._offsets = array.array("q")
        for path, skip, take in files:
            self._paths.append(path)
            self._file_starts.append(len(self._offsets))
            size, offset = os.path.getsize(path), 0
            with open(path, "rb") as file:
                for number in range(skip + take):
                    file.seek(offset)
                    header = file.read(8)
                    length = struct.unpack("<Q", header)[0] if len(header) == 8 else size
                    end = offset + length + 16
                    if end > size:
                        raise OSError(f"{path} ends within record {number}")
                    if number >= skip:
                        self._offsets.append(offset)
                    offset = end

    def __len__(self) -> int:
        return len(self._offsets)

    def __getitem__(self, index: int) -> bytes:
        path = self._paths[bisect.bisect_right(self._file_starts, index) - 1]
        with open(path, "rb") as file:
            file.seek(self._offsets[index])
            (length,) = struct.unpack("<Q", file.read(8))
            return file.read(4 + length)[4:]


class TfdsSource:
    """Pictures of a prepared TensorFlow Datasets set, by random access.

    Reads sets that are on disk as ArrayRecord or as TFRecord, and hands on the pictures as they
    are encoded there.

    Args:
        name: As the user typed it.
        builder: A `tfds.core.DatasetBuilder` that is prepared.
        split: See `open_source`.
        conditional: See `open_source`.
        image_key: See `open_source`.
        label_key: See `open_source`.

    Attributes:
        classes: Names of the classes of each `ClassLabel` feature, by its key; sorted by key.
        flags: Keys of the `bool` features, with slashes for nesting; sorted.

    Raises:
        DataError: If the set has no such split or features.
    """

    def __init__(
        self,
        name: str,
        builder: Any,
        split: str = "train",
        conditional: bool = False,
        image_key: str | None = None,
        label_key: str | None = None,
    ) -> None:
        import tensorflow_datasets as tfds

        self.name = name
        self._split = split
        self._builder = builder
        # Sorted, because TensorFlow Datasets gives them in any order when it reads them from disk.
        self._all_features = features = dict(sorted(_flatten_features(builder.info.features)))
        self.classes: dict[str, tuple[str, ...]] = {
            key: tuple(feature.names)
            for key, feature in features.items()
            if isinstance(feature, tfds.features.ClassLabel) and feature.num_classes
        }
        self.flags = tuple(
            key for key, f in features.items() if f.shape == () and f.np_dtype == np.bool_
        )
        self._image_key = _choose_image(name, features, image_key)
        self._label_key: str | None = None
        self.class_names: tuple[str, ...] = ()
        if conditional or label_key is not None:
            self._label_key, self.class_names = self._choose_label(label_key)
        # Only these two features are parsed; the picture is left as it is encoded.
        keys = [key for key in (self._image_key, self._label_key) if key is not None]
        self._features = tfds.features.FeaturesDict(_nest({key: features[key] for key in keys}))
        self._decoders = _nest({self._image_key: tfds.decode.SkipDecoding()})
        self._records = self._open_records()

    def __len__(self) -> int:
        return len(self._records)

    def describe(self, index: int) -> str:
        return f"{self.name}/{self._split}#{index}"

    def read(self, index: int) -> Picture:
        example = self._features.deserialize_example_np(
            self._records[index], decoders=self._decoders
        )
        label = 0 if self._label_key is None else int(_pick(example, self._label_key))
        if label < 0:
            raise ValueError(f"it has no label: {self._label_key} is {label}")
        return Picture(_pick(example, self._image_key), label, self.describe(index))

    def labels(self) -> np.ndarray:
        if self._label_key is None:
            return np.zeros(len(self), np.int32)
        return self.read_values([self._label_key])[:, 0].astype(np.int32)

    def read_values(self, keys: Sequence[str]) -> np.ndarray:
        """Some of `classes` and `flags` of all pictures, without decoding these.

        Args:
            keys: Of features, K.

        Returns:
            int64 [N, K]: class indices, -1 where there is none, and 0 or 1 for flags.
        """
        import tensorflow_datasets as tfds

        features = tfds.features.FeaturesDict(_nest({key: self._all_features[key] for key in keys}))
        values = np.zeros((len(self), len(keys)), np.int64)
        for index in Progress(range(len(self)), "Reading labels"):
            example = features.deserialize_example_np(self._records[index])
            values[index] = [int(_pick(example, key)) for key in keys]
        return values

    def fingerprint(self) -> str:
        return make_fingerprint(
            self._builder.info.full_name,
            self._split,
            len(self),
            self.class_names,
            self._image_key,
            self._label_key,
        )

    def _choose_label(self, label_key: str | None) -> tuple[str, tuple[str, ...]]:
        usable = [*self.classes, *self.flags]
        if label_key is None:
            if len(self.classes) == 1:
                label_key = next(iter(self.classes))
            elif usable:
                raise DataError(
                    f"--data {self.name} has several features that could be classes, or only "
                    "flags. Received: no --label-key. Use --label-key with one of: "
                    f"{list_names(usable)}."
                )
            else:
                raise DataError(
                    f"--data {self.name} must have a ClassLabel or bool feature. Received: "
                    f"features {list_names(sorted(self._all_features))}. Train without classes, "
                    "or use another set."
                )
        if label_key in self.flags:
            last = label_key.split("/")[-1]
            return label_key, (f"not {last}", last)
        if label_key not in self.classes:
            raise DataError(
                f"--label-key must be a ClassLabel or bool feature of {self.name}. Received: "
                f"{label_key}. "
                + (f"Use one of: {list_names(usable)}." if usable else "It has none.")
            )
        return label_key, self.classes[label_key]

    def _open_records(self) -> Any:
        import tensorflow_datasets as tfds

        info = self._builder.info
        splits = list_names(sorted(info.splits))
        try:
            chosen = info.splits[self._split]
        except (KeyError, ValueError) as error:
            raise DataError(
                f"--split must be a split of {self.name}, or a slice of one. Received: "
                f"{self._split}. Use one of: {splits}."
            ) from error
        if not chosen.num_examples:
            raise DataError(
                f"--split must hold pictures. Received: {self._split}, which is empty, of "
                f"{self.name}. Use one of: {splits}."
            )
        formats = {file_format.value for file_format in info.available_file_formats()}
        if "array_record" in formats and importlib.util.find_spec("array_record"):
            return self._builder.as_data_source(
                self._split,
                deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES,
                file_format="array_record",
            )
        if info.file_format is not None and info.file_format.value == "tfrecord":
            try:
                return TfRecordIndex(
                    [(str(f.filename), f.skip, f.take) for f in chosen.file_instructions]
                )
            except OSError as error:
                raise DataError(
                    f"--data {self.name} is damaged or not on this machine's disks. Received: "
                    f"{error}. Delete {self._builder.data_dir} and prepare it again."
                ) from error
        hint = " and pip install array_record" if "array_record" in formats else ""
        raise DataError(
            f"--data {self.name} must be on disk as array_record or tfrecord. Received: "
            f"{', '.join(sorted(formats))} in {self._builder.data_dir}. Choose another --data-dir "
            f"to prepare it again{hint}."
        )


def _prepare_tfds(data: str, data_dir: str | None) -> Any:
    """Opens a TFDS set, downloading and preparing it first where it is not on disk."""
    tfds = _import_builders()
    name = data.removeprefix("tfds:")
    if not name:
        raise DataError("--data tfds: lacks a name. Received: tfds:. Use --data tfds:celeb_a.")
    if data_dir is not None:
        data_dir = os.path.expanduser(data_dir)
    try:
        # Without a format it opens whatever is there.
        builder = tfds.builder(name, data_dir=data_dir)
        if builder.is_prepared():
            return builder
        if importlib.util.find_spec("array_record"):
            builder = tfds.builder(name, data_dir=data_dir, file_format="array_record")
    except tfds.core.registered.DatasetNotFoundError as error:
        names = tfds.list_builders(with_community_datasets=False)
        near = difflib.get_close_matches(name.split("/")[0].split(":")[0], names, 3, 0.5)
        advice = f"Did you mean {' or '.join(near)}?" if near else "Check the spelling."
        raise DataError(
            f"--data tfds:NAME must be a set that TFDS knows, or one in --data-dir. Received: "
            f"{name}. {advice}"
        ) from error
    except Exception as error:  # Builders raise anything on a wrong configuration or version.
        raise DataError(
            f"--data tfds:NAME/CONFIG:VERSION must be a set that TFDS can open. Received: {name}, "
            f"and TFDS says: {_first_line(error)}"
        ) from error
    logger.info("Preparing %s in %s", data, builder.data_dir)
    try:
        # Sets in the public bucket are copied as they are; here the format is chosen.
        with _bars_like_ours():
            builder.download_and_prepare(
                download_config=tfds.download.DownloadConfig(try_download_gcs=False)
            )
    except DataError:
        raise
    except Exception as error:  # Downloads and 300 different builders raise anything.
        manual = getattr(builder, "MANUAL_DOWNLOAD_INSTRUCTIONS", None)
        if manual and isinstance(error, AssertionError):
            raise DataError(
                f"--data {data} must be downloaded by hand first. Received: {_first_line(error)} "
                f"{' '.join(manual.split())}"
            ) from error
        raise DataError(
            f"--data {data} could not be downloaded and prepared in {builder.data_dir}. Received: "
            f"{type(error).__name__}: {_first_line(error)} Check the network and the disk, or copy "
            "a prepared set there from another machine."
        ) from error
    return builder


@contextlib.contextmanager
def _bars_like_ours() -> Iterator[None]:
    """Lets tensorflow-datasets show its downloads as other work is shown, in logs too."""
    from tensorflow_datasets.core.utils import tqdm_utils

    before, tqdm_utils.tqdm_lib = tqdm_utils.tqdm_lib, types.SimpleNamespace(tqdm=Progress)
    try:
        yield
    finally:
        tqdm_utils.tqdm_lib = before


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _flatten_features(feature: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(key, feature) of everything in nested dictionaries, keys joined with slashes."""
    import tensorflow_datasets as tfds

    # Exactly this class: sub-classes such as Translation are features of their own.
    if type(feature) is tfds.features.FeaturesDict:
        for key, inner in feature.items():
            yield from _flatten_features(inner, f"{prefix}/{key}" if prefix else key)
    else:
        yield prefix, feature


def _nest(flat: dict[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in flat.items():
        *outer, last = key.split("/")
        inner = nested
        for part in outer:
            inner = inner.setdefault(part, {})
        inner[last] = value
    return nested


def _pick(example: Any, key: str) -> Any:
    for part in key.split("/"):
        example = example[part]
    return example


def _choose_image(name: str, features: dict[str, Any], image_key: str | None) -> str:
    import tensorflow_datasets as tfds

    # Images of float32 are depth maps in TFDS, and labelled ones are segmentations.
    keys = [
        key
        for key, feature in features.items()
        if isinstance(feature, tfds.features.Image)
        and not isinstance(feature, tfds.features.LabeledImage)
        and feature.np_dtype in (np.uint8, np.uint16)
    ]
    if image_key is not None:
        if image_key in keys:
            return image_key
        raise DataError(
            f"--image-key must be a feature of {name} that holds pictures. Received: {image_key}. "
            + (f"Use one of: {list_names(keys)}." if keys else "It has none; use another set.")
        )
    if not keys:
        raise DataError(
            f"--data {name} must have a feature that holds pictures. Received: features "
            f"{list_names(sorted(features))}. Use another set."
        )
    if len(keys) > 1 and "image" not in keys:
        raise DataError(
            f"--data {name} has several features that hold pictures. Received: no --image-key. "
            f"Use --image-key with one of: {list_names(keys)}."
        )
    return keys[0] if len(keys) == 1 else "image"
