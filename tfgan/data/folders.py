"""Pictures in folders, listed in an order that is the same on every disk."""

import array
import bisect
import hashlib
import logging
import os
from collections import Counter
from collections.abc import Iterator

import numpy as np

from tfgan.data.sources import (
    DECODERS,
    DataError,
    DataOptions,
    Decoder,
    Picture,
    make_fingerprint,
    read_file,
    readable_endings,
)
from tfgan.data.tfds_sets import is_registered
from tfgan.terminal import Progress

logger = logging.getLogger("tfgan")


class FolderSource:
    """Pictures in a folder and its sub-folders, in an order that is the same on every disk.

    Files are taken by their extension (`readable_endings`); hidden files and folders are passed
    over, links are followed. Pictures that need a package that is absent are counted and named.
    With classes, each sub-folder of the first level that holds a picture is one, in alphabetical
    order.

    Args:
        path: The folder, as the user named it.
        conditional: Whether sub-folders are classes.
        field: Option that named it, for messages.

    Attributes:
        root: Path of the folder.

    Raises:
        DataError: If the folder cannot be read, or holds no pictures or fewer than two classes.
    """

    def __init__(self, path: str, conditional: bool = False, field: str = "data") -> None:
        self.name = path
        self._field = field
        self.root = os.path.expanduser(path)
        if not os.path.exists(self.root):
            near = f"Did you mean `{field}` tfds:{path}?" if is_registered(path) else ""
            raise DataError(
                field=field,
                expected="must name a folder that exists"
                + (", tfds:NAME or avatars" if field == "data" else ""),
                received=path,
                advice=near or "Check the spelling and the working directory.",
            )
        if not os.path.isdir(self.root):
            raise DataError(
                field=field,
                expected="must name a folder, not a file",
                received=path,
                advice=f"Use `{field}` {os.path.dirname(path) or '.'} or unpack an archive first.",
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
                field=field,
                named=path,
                expected="holds no pictures",
                received=f"a folder with {self._others} other files",
                advice=advice or known,
            )
        if advice:
            logger.warning("Pictures of %s that cannot be read are left out: %s", path, advice)
        self.class_names: tuple[str, ...] = ()
        if conditional:
            self.find_classes()

    def __len__(self) -> int:
        return len(self._ends)

    def describe(self, index: int) -> str:
        return os.path.join(self.root, self.relative_path(index))

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
        path = os.path.join(self.root, folder)
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
                field=self._field,
                named=self.name,
                expected="must be readable",
                received=f"{path}: {error.strerror}",
                advice="Change its permissions or move it out of the folder.",
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
                field=self._field,
                named=self.name,
                expected="must have a sub-folder of pictures for each of two or more classes",
                received=f"{len(names)} such sub-folders"
                + (f" ({names[0]})" if names else "")
                + f" and {beside} pictures beside them",
                advice=f"Sort the pictures into sub-folders, or {otherwise}.",
            )
        self.class_names = tuple(names)
        with os.scandir(self.root) as entries:
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


def open_folder(path: str, options: DataOptions) -> FolderSource:
    """Opens a folder of pictures; see `SourceType.open`.

    Raises:
        DataError: If there is nothing to read there, or an option is not for folders.
    """
    for field in ("image_key", "label_key"):
        value = getattr(options, field)
        if value is not None:
            raise DataError(
                field=field,
                expected="belongs to `data` tfds:NAME",
                received=f"`{field}` {value} with `data` {path}",
                advice="Leave it out; the classes of a folder are its sub-folders.",
            )
    return FolderSource(path, options.conditional)
