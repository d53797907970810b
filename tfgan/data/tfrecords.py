"""Random access to the records of TFRecord files."""

import array
import bisect
import os
import struct
from collections.abc import Sequence


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
