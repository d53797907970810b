"""Folders of pictures as tensorflow-datasets files: written in shards, read like any other source.

`tfgan.data.prepare` is the command line. A prepared folder holds `prepared.json`, the files that
tensorflow-datasets needs to know it, and shards in its ArrayRecord format, in which each picture
stands as the file it was, behind a hash that is checked whenever it is read.
"""

import dataclasses
import errno
import hashlib
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfgan.data.sources import DataError, DataOptions, list_names, make_fingerprint
from tfgan.data.tfds_sets import TfdsSource
from tfgan.files import replacing
from tfgan.strict_json import json_text, write_json

FACTS = "prepared.json"
SUMS = "SHA256SUMS"
SPLIT = "train"
_TRIED = 8  # pixels of the image that a picture is decoded to, to see that it can be


def is_prepared(path: str) -> bool:
    """Whether a folder holds a set of TensorFlow Datasets rather than pictures."""
    return os.path.isfile(os.path.join(os.path.expanduser(path), "dataset_info.json"))


@dataclasses.dataclass(frozen=True)
class Facts:
    """What `prepared.json` says.

    Attributes:
        source: Folder that the pictures are from.
        pictures: Their number.
        shards: Number of files that they are in.
        classes: Names of the classes, in the order of their indices.
        attributes: Names of the attributes, in the order of the table.
        fingerprint: Of the pictures as they were without labels.
        fingerprint_of_classes: Of the same with classes; empty without.
    """

    source: str
    pictures: int
    shards: int
    classes: tuple[str, ...]
    attributes: tuple[str, ...]
    fingerprint: str
    fingerprint_of_classes: str

    def features(self) -> Any:
        """The features of a picture as tensorflow-datasets has them."""
        import tensorflow_datasets as tfds

        features: dict[str, Any] = {"image": tfds.features.Image(), "file": tfds.features.Text()}
        if self.classes:
            features["label"] = tfds.features.ClassLabel(names=list(self.classes))
        if self.attributes:
            features["attributes"] = {name: np.bool_ for name in self.attributes}
        return tfds.features.FeaturesDict(features)


@dataclasses.dataclass(frozen=True)
class Shard:
    """One file to write, with all that a process of its own needs to know.

    Attributes:
        path: Of the file.
        facts: Of the set.
        pictures: Paths of its pictures.
        files: What they are called in the set: their paths below the folder.
        labels: The class index of each, or the truth of its attributes.
    """

    path: str
    facts: Facts
    pictures: Sequence[str]
    files: Sequence[str]
    labels: Sequence[Any]

    @property
    def sum_path(self) -> str:
        """File with its SHA-256; where it is there, the shard is whole."""
        return self.path + ".sha256"

    @property
    def broken_path(self) -> str:
        """File that names the broken pictures of a whole shard; absent where there are none."""
        return self.path + ".broken"


# Paths of pictures that cannot be decoded, and why.
Broken = list[tuple[str, str]]


def write_facts(path: Path, facts: Facts) -> None:
    """Writes `prepared.json`: the whole file or none."""
    write_json(path, dataclasses.asdict(facts))


def read_facts(path: Path) -> Facts:
    """Reads `prepared.json`.

    Raises:
        DataError: If it is damaged.
    """
    try:
        stored = json.loads(path.read_text())
        for name in ("classes", "attributes"):
            stored[name] = tuple(stored[name])
        return Facts(**stored)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(
            field="data",
            named=path.parent,
            expected="is damaged",
            received=f"{path.name}: {error}",
            advice="Prepare it again.",
        ) from error


def read_broken(shard: Shard) -> Broken:
    """The broken pictures of a shard that is whole."""
    try:
        text = Path(shard.broken_path).read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return []
    return [(path, reason) for path, reason in json.loads(text)]


def write_shard(shard: Shard) -> tuple[int, Broken]:
    """Writes a shard, and then its checksum.

    Returns:
        The number of its pictures, and those that are broken, which stand in it as they are.

    Raises:
        OSError: If a picture cannot be read, or the disk takes no more.
    """
    digest = hashlib.sha256()
    with replacing(shard.path) as partial:
        broken = _write_pictures(shard, str(partial))
        with partial.open("r+b") as written:
            os.fsync(written.fileno())
            while block := written.read(1 << 20):
                digest.update(block)
    if broken:
        with replacing(shard.broken_path) as partial:
            partial.write_text(json_text(broken), "utf-8")
    # Last, for it says that the shard is whole.
    with replacing(shard.sum_path) as partial:
        partial.write_text(f"{digest.hexdigest()}  {os.path.basename(shard.path)}\n", "ascii")
    return len(shard.pictures), broken


def _write_pictures(shard: Shard, target: str) -> Broken:
    from array_record.python import array_record_module

    from tfgan.data.decoding import decode_picture, explain

    broken: Broken = []
    features = shard.facts.features()
    # Pictures are compressed already.
    writer = array_record_module.ArrayRecordWriter(target, "group_size:1,uncompressed")
    try:
        for path, file, label in zip(shard.pictures, shard.files, shard.labels, strict=True):
            content = Path(path).read_bytes()
            try:
                decode_picture(content, _TRIED)
            except MemoryError:
                raise
            except Exception as error:  # Pillow's plugins raise nearly anything on damaged files.
                broken.append((path, explain(error)))
            example: dict[str, Any] = {"image": io.BytesIO(content), "file": file}
            if shard.facts.classes:
                example["label"] = int(label)
            if shard.facts.attributes:
                truth = (bool(value) for value in label)
                example["attributes"] = dict(zip(shard.facts.attributes, truth, strict=True))
            writer.write(features.serialize_example(example))
        writer.close()
    except RuntimeError as error:  # whatever is wrong with the file
        raise OSError(errno.EIO, str(error).partition(";")[0], shard.path) from error
    return broken


class PreparedSource(TfdsSource):
    """A prepared folder: the pictures, labels and order of the folder that it was made of.

    Args:
        path: Of the prepared folder, or of any folder with a version of a TFDS set.
        split: See `DataOptions`.
        conditional: See `DataOptions`.
        image_key: See `DataOptions`.
        label_key: See `DataOptions`.

    Raises:
        DataError: If it is damaged, or has no such split or features.
    """

    def __init__(
        self,
        path: str,
        split: str = SPLIT,
        conditional: bool = False,
        image_key: str | None = None,
        label_key: str | None = None,
    ) -> None:
        import tensorflow_datasets as tfds

        folder = Path(path).expanduser()
        self._facts = read_facts(folder / FACTS) if (folder / FACTS).exists() else None
        try:
            builder = tfds.builder_from_directory(folder)
        except Exception as error:  # It reads several files, each of which may be damaged.
            raise DataError(
                field="data",
                named=path,
                expected="is damaged",
                received=str(error).splitlines()[0],
                advice="Prepare it again.",
            ) from error
        if self._facts is not None:
            _check_sizes(path, builder.info)
        super().__init__(path, builder, split, conditional, image_key, label_key)
        if self._facts is not None:
            # In the order of the table, which is that of the labels.
            places = {f"attributes/{name}": i for i, name in enumerate(self._facts.attributes)}
            self.flags = tuple(sorted(self.flags, key=lambda key: places.get(key, -1)))

    def describe(self, index: int) -> str:
        file = self.file_of(index)
        if self._facts is None or not file:
            return super().describe(index)
        return f"{os.path.join(self._facts.source, file)} in {self.name}"

    def fingerprint(self) -> str:
        if self._facts is None or self._split != SPLIT or self._label_key not in (None, "label"):
            return make_fingerprint(super().fingerprint(), self._facts)
        # That of the folder: a run may begin with the one, and go on with the other.
        facts = self._facts
        return facts.fingerprint if self._label_key is None else facts.fingerprint_of_classes


def _check_sizes(path: str, info: Any) -> None:
    """Raises a `DataError` if a shard is absent, or all are not of the size that was written."""
    files = [file for split in info.splits.values() for file in split.filepaths]
    absent = [file.name for file in files if not os.path.isfile(file)]
    size = sum(os.path.getsize(file) for file in files) if not absent else 0
    written = sum(split.num_bytes for split in info.splits.values())
    if size != written:
        received = f"no {list_names(absent, 3)}" if absent else f"{size:,} bytes of {written:,}"
        raise DataError(
            field="data",
            named=path,
            expected="is damaged",
            received=received,
            advice="Prepare it again, or copy it anew.",
        )


def open_prepared(path: str, options: DataOptions) -> PreparedSource:
    """Opens a prepared folder; see `SourceType.open`."""
    return PreparedSource(
        path, options.split, options.conditional, options.image_key, options.label_key
    )
