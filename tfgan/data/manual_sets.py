"""Data sets for TensorFlow Datasets that a user gets from their authors, and puts where it looks.

Authors who let nobody pass their pictures on give them as archives. The builders find one in the
folder of manual downloads, or what it unpacks to, and store its pictures as they are encoded, in a
format that gives random access.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import logging
import os
import posixpath
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import tensorflow_datasets as tfds

from tfgan.archives import BROKEN, read_member
from tfgan.data.sources import EXTENSIONS, LARGEST_FILE, DataError
from tfgan.terminal import Progress

logger = logging.getLogger("tfgan")

# TensorFlow Datasets holds the pictures of one shard in memory: 120 MB of the largest of them.
SHARD_SIZE = 256

# (split as the set calls it, class) -> names of files, such as afhq/train/cat/cat_000002.jpg.
Layout = dict[tuple[str, str], list[str]]


class ManualSet(tfds.core.ShardBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """Pictures of one class each, in two splits, from an archive or from folders.

    The manual folder (`downloads/manual` below the data folder) holds the archive, under any name
    that ends in .zip, or its files, below up to two folders of any name. The order of each split is
    shuffled, and the same from folders and from an archive.

    Features: `image`, encoded as it was distributed; a `ClassLabel`; `file_name`; and what a set
    adds to them.

    Raises:
        DataError: From `download_and_prepare`, if the manual folder holds no such set, or only a
            damaged one.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "As distributed."}

    about: ClassVar[str]
    license: ClassVar[str]
    homepage: ClassVar[str]
    citation: ClassVar[str]
    label: ClassVar[str]  # feature with the class
    classes: ClassVar[tuple[str, ...]]
    splits: ClassVar[tuple[str, str]]  # to learn from and held out
    held_out: ClassVar[tuple[str, ...]]  # what the set may call the second
    endings: ClassVar[tuple[str, ...]] = EXTENSIONS  # which the names of its pictures have
    counts: ClassVar[dict[str, int]]  # pictures of the splits of a whole set
    patterns: ClassVar[tuple[str, ...]]  # of its files, below up to two folders
    files: ClassVar[str]  # those files in words
    place: ClassVar[str]  # where an archive that has no picture should have some

    def find_layouts(self, names: Iterable[str]) -> dict[str, Layout]:
        """Sorts files into splits and classes.

        Args:
            names: Of all files of an archive or folder, with slashes.

        Returns:
            The layout below each folder that holds pictures of such a set.
        """
        raise NotImplementedError

    def extra_features(self) -> dict[str, Any]:
        """Features that the set has beside `image`, class and `file_name`."""
        return {}

    def extra_values(self, file_name: str) -> dict[str, Any]:
        """Values of `extra_features` for a picture."""
        return {}

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=self.about,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(),
                    self.label: tfds.features.ClassLabel(names=self.classes),
                    "file_name": tfds.features.Text(),
                    **self.extra_features(),
                }
            ),
            supervised_keys=("image", self.label),
            homepage=self.homepage,
            license=self.license,
            citation=self.citation,
        )

    def _shard_iterators_per_split(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, Sequence[Callable[[], Iterator[Any]]]]:
        path, layout = self._find(Path(dl_manager.manual_dir))
        logger.info("Reading %s from %s", self.name, path)
        return {split: self._shards(path, layout, split) for split in self.splits}

    def _find(self, manual: Path) -> tuple[Path, Layout]:
        """The archive or folder that holds this set, and what is where in it."""
        archives = [path for path in manual.glob("*.zip") if not path.name.startswith(".")]
        # Archives come before folders, because one that was cut off is no archive any more.
        archives.sort(key=lambda path: (path.stem != self.name, path.name))
        others = []
        for path in (*archives, manual):
            try:
                layouts = self.find_layouts(_list_names(path, self.patterns))
            except BROKEN as error:
                others.append(f"{path.name} is no archive that can be read ({error})")
                continue
            for root, layout in layouts.items():
                misfit = self._find_misfit(layout)
                if not misfit:
                    return path, layout
                others.append(f"{posixpath.join(path.name, root).rstrip('/')} {misfit}")
            if not layouts and path != manual:
                others.append(f"{path.name} holds no pictures {self.place}")
        received = "; ".join(others) or f"only {', '.join(sorted(os.listdir(manual))[:8])}"
        raise DataError(
            field="data",
            named=f"tfds:{self.name}",
            expected=f"is read from {manual}, which must hold {self.name}.zip or {self.files}",
            received=received,
            advice=self.MANUAL_DOWNLOAD_INSTRUCTIONS,
        )

    def _find_misfit(self, layout: Layout) -> str:
        """How a layout differs from that of this set; nothing if it does not."""
        train = self.splits[0]
        splits = sorted({split for split, _ in layout})
        if splits not in [sorted((train, held_out)) for held_out in self.held_out]:
            return f"has {' and '.join(splits)}, not {' and '.join(self.splits)}"
        wanted = set(itertools.product(splits, self.classes))
        for words, keys in (
            ("has no pictures in", wanted - layout.keys()),
            ("also holds", layout.keys() - wanted),
        ):
            if keys:
                return f"{words} {', '.join(sorted(map('/'.join, keys))[:8])}"
        endings = {posixpath.splitext(name)[1].lower() for part in layout.values() for name in part}
        if not endings <= set(self.endings):
            return f"holds {', '.join(sorted(endings))} files, not {', '.join(self.endings)}"
        return ""

    def _shards(
        self, path: Path, layout: Layout, split: str
    ) -> Sequence[Callable[[], Iterator[Any]]]:
        """A function for each shard of a split, to be called in order, that gives its examples."""
        train = self.splits[0]
        members = [
            (name, label)
            for (part, label), names in layout.items()
            if (part == train) == (split == train)
            for name in names
        ]
        if len(members) != self.counts[split]:
            logger.warning(
                "%s holds %d pictures for the split %s of %s, not the %d that a whole one has.",
                path,
                len(members),
                split,
                self.name,
                self.counts[split],
            )
        # So that a slice such as train[:90%] has all classes; TensorFlow Datasets' own shuffling
        # would hold up to 1 GB in memory.
        members.sort(key=lambda member: hashlib.sha256(_identity(*member)).digest())
        examples = self._read(path, members, split)
        # The last takes what is left, and by that ends the progress bar.
        sizes = [SHARD_SIZE] * ((len(members) - 1) // SHARD_SIZE)
        return [functools.partial(itertools.islice, examples, size) for size in (*sizes, None)]

    def _read(
        self, path: Path, members: Sequence[tuple[str, str]], split: str
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        contents = self._read_contents(path, [name for name, _ in members])
        progress = Progress(
            zip(members, contents, strict=True),
            f"Reading {self.name} ({split})",
            len(members),
            unit="img",
        )
        for index, ((name, label), content) in enumerate(progress):
            file_name = posixpath.basename(name)
            example = {"image": content, self.label: label, "file_name": file_name}
            yield index, example | self.extra_values(file_name)

    def _read_contents(self, path: Path, names: Sequence[str]) -> Iterator[bytes]:
        """The files of an archive or folder, one after the other."""
        name = ""
        try:
            if path.is_dir():
                for name in names:
                    yield (path / name).read_bytes()
            else:
                with zipfile.ZipFile(path) as archive:
                    for name in names:
                        yield read_member(archive, name, LARGEST_FILE)
        except BROKEN as error:
            raise DataError(
                named=path,
                expected="must hold files that can be read",
                received=f"{name}: {error}",
                advice=f"Get it again from {self.homepage}.",
            ) from error


def is_hidden(names: Iterable[str]) -> bool:
    """Whether macOS and others hide a file with one of these names among the pictures."""
    return any(name.startswith((".", "__MACOSX")) for name in names)


def _identity(name: str, label: str) -> bytes:
    """CLASS/PICTURE, which is the same in an archive and in any folder."""
    return os.fsencode(f"{label}/{posixpath.basename(name)}")


def _list_names(path: Path, patterns: Sequence[str]) -> Iterable[str]:
    """Names of the files of an archive, or of those in a folder that can belong to a set."""
    if not path.is_dir():
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    return (
        file.relative_to(path).as_posix()
        for above in ("", "*/", "*/*/")
        for pattern in patterns
        for file in path.glob(above + pattern)
    )
