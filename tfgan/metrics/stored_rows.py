"""Rows of numbers on disk, computed in order and resumed after an interruption."""

import os
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from tfgan.files import replacing
from tfgan.metrics import MetricError
from tfgan.strict_json import json_text
from tfgan.terminal import Progress

MAGIC = b"tfgan rows 2\n"
START = 4096  # bytes before the first row
LENGTHS = struct.Struct("<QQ")  # number of finished rows, and bytes of the key
BLOCK = 4096  # rows


class Rows:
    """A float32 array [N, width] in a file, which is filled up to the number of rows needed.

    The file records what its rows depend on, and how many are finished. A row counts only once it
    is on disk, so after a crash unfinished rows are computed again. A file with another key or
    width, or a damaged file, is replaced. Each row has a checksum (CRC-32); rows are computed again
    from the first wrong checksum on.

    Two processes may fill the same file: a row depends only on the key and its number, so they
    write the same values, and each continues where the other is. If their keys differ, the later
    process replaces the file, and the other continues in its file, which no longer has a name.

    Args:
        path: The file; its folder is made if absent.
        width: Numbers in a row; 1 for distances.
        key: Everything that the rows depend on, as text of up to 4000 bytes, such as a digest.

    Raises:
        MetricError: If the width or the key is out of bounds.
        OSError: If the file cannot be written.
    """

    def __init__(self, path: Path, width: int, key: str):
        written = json_text({"key": key, "width": width}, sort_keys=True).encode()
        room = START - len(MAGIC) - LENGTHS.size
        if width < 1 or len(written) > room:
            raise MetricError(
                f"rows need a width of 1 or more, and a key of {room} bytes or less. "
                f"Received: {width}, {len(written)} bytes."
            )
        self.path, self.width = path, width
        self._count = 0
        self._record = np.dtype([("values", "<f4", (width,)), ("checksum", "<u4")])
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._open(written)

    def _open(self, key: bytes) -> BinaryIO:
        """The file, empty or with rows of this key."""
        try:
            file = self.path.open("r+b", buffering=0)
        except FileNotFoundError:
            return self._create(key)
        head = file.read(START)
        size = file.seek(0, os.SEEK_END)
        count, length = LENGTHS.unpack_from(head.ljust(START), len(MAGIC))
        first = len(MAGIC) + LENGTHS.size
        if not head.startswith(MAGIC) or size < self._place(count) or size < START:
            print(f"Note        {self.path} is damaged; computing all rows again", file=sys.stderr)
        elif head[first : first + length] == key:
            sound = self._count_sound(file, count)
            if sound < count:
                what = f"{self.path} is damaged; computing its rows again from {sound} on"
                print(f"Note        {what}", file=sys.stderr)
                file.seek(len(MAGIC))
                file.write(struct.pack("<Q", sound))
            return file
        file.close()
        return self._create(key)

    def _count_sound(self, file: BinaryIO, count: int) -> int:
        """Number of finished rows before the first wrong checksum."""
        for start in range(0, count, BLOCK):
            size = min(BLOCK, count - start)
            file.seek(self._place(start))
            block = np.frombuffer(file.read(size * self._record.itemsize), self._record)
            wrong = np.flatnonzero(_checksums(block["values"]) != block["checksum"])
            if len(wrong):
                return start + int(wrong[0])
        return count

    def _create(self, key: bytes) -> BinaryIO:
        """A new file in its place."""
        with replacing(self.path) as partial:
            with partial.open("wb") as file:
                file.write((MAGIC + LENGTHS.pack(0, len(key)) + key).ljust(START, b"\0"))
                file.flush()
                os.fsync(file.fileno())
            return partial.open("r+b", buffering=0)

    def _place(self, row: int) -> int:
        """Position of a row, in bytes."""
        return START + self._record.itemsize * row

    def __len__(self) -> int:
        """Number of finished rows."""
        self._file.seek(len(MAGIC))
        written = LENGTHS.unpack(self._file.read(LENGTHS.size))[0]
        # A slower process may have written a smaller number since.
        self._count = max(self._count, written)
        return self._count

    def fill(
        self,
        count: int,
        make: Callable[[int, int], np.ndarray],
        batch: int,
        progress: str | None = None,
    ) -> None:
        """Computes the missing rows up to `count`, in order.

        Args:
            count: Number of rows needed; rows beyond it stay.
            make: First row and row after the last -> these rows, float [n, width].
            batch: Rows at a time.
            progress: Words before a progress bar, which shows after two seconds; None: no bar.

        Raises:
            MetricError: If a computed row is not finite.
            ValueError: If `make` returns another shape.
        """
        start = len(self)
        with Progress(
            total=count,
            desc=progress,
            initial=min(start, count),
            disable=progress is None,
        ) as bar:
            while start < count:
                stop = min(start + batch, count)
                rows = np.ascontiguousarray(make(start, stop), "<f4")
                if rows.shape != (stop - start, self.width):
                    raise ValueError(
                        f"rows must be {[stop - start, self.width]}. Received: {list(rows.shape)}."
                    )
                if not np.all(np.isfinite(rows)):
                    raise MetricError(
                        f"rows {start} to {stop - 1} of {self.path} must be finite. "
                        "Received: NaN or infinity. Look at the pictures of the model."
                    )
                records = np.empty(len(rows), self._record)
                records["values"], records["checksum"] = rows, _checksums(rows)
                self._write(self._place(start), records.tobytes())
                # The rows must be on the disk before they count.
                self._write(len(MAGIC), struct.pack("<Q", max(stop, len(self))))
                bar.update(stop - start)
                start = len(self)

    def _write(self, place: int, data: bytes) -> None:
        """Writes all data through to the disk."""
        self._file.seek(place)
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]
        os.fsync(self._file.fileno())

    def read(self, count: int) -> np.ndarray:
        """The first `count` rows, read-only, float32 [count, width], without loading them.

        Raises:
            ValueError: If there are fewer rows.
        """
        if not 1 <= count <= len(self):
            raise ValueError(
                f"{self.path} has {len(self)} rows; count must be 1 to that. Received: {count}."
            )
        return np.memmap(self._file, self._record, "r", START, (count,))["values"]


def _checksums(rows: np.ndarray) -> np.ndarray:
    """CRC-32 of each row: [n, width] -> uint32 [n]."""
    return np.array([zlib.crc32(row.tobytes()) for row in rows], np.uint32)
