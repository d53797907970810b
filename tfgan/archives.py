"""Zip archives of unknown origin: what they unpack to is bounded before any of it is read.

A thousand bytes of one can unpack to a million, and its directory can say anything about that.
"""

import copy
import os
import zipfile
import zlib
from collections.abc import Mapping

# What zipfile raises on archives that are damaged, encrypted or of an unknown kind.
BROKEN = (OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error)

_BLOCK = 2**12  # of other methods than deflate, that many bytes are unpacked at once
# Weights hardly compress; only the zeros of new biases do, which are small.
_LARGEST_RATIO = 16


def check_member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int) -> None:
    """Raises BadZipFile if a member unpacks to more than some bytes, or not to what it promises.

    Args:
        archive: That it is in.
        entry: Of the member.
        most: Bytes.
    """
    if entry.file_size > most:
        raise zipfile.BadZipFile(
            f"{entry.filename} unpacks to {entry.file_size:,} bytes, more than {most:,}"
        )
    size = entry.compress_size
    if entry.compress_type != zipfile.ZIP_STORED:
        # zipfile unpacks far more than the directory promises, before it cuts off the rest.
        unbound = copy.copy(entry)
        unbound.file_size = entry.file_size + 1
        del unbound.CRC
        size = 0
        with archive.open(unbound) as member:
            while block := member.read(_BLOCK):
                size += len(block)
    if size != entry.file_size:
        raise zipfile.BadZipFile(f"{entry.filename} does not unpack to what the archive promises")


def read_member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """A member of an archive.

    Raises:
        KeyError: If there is none of that name.
        BadZipFile: As `check_member`; or another of `BROKEN`.
    """
    entry = archive.getinfo(name)
    check_member(archive, entry, most)
    return archive.read(entry)


def check_archive(archive: zipfile.ZipFile, limits: Mapping[str, int] | None = None) -> None:
    """Raises BadZipFile, or another of `BROKEN`, if an archive of weights unpacks to too much.

    All of it may be 16 MiB and 16 times the file, for weights hardly compress.

    Args:
        archive: Opened from a file.
        limits: Name of a member -> bytes that it may unpack to.
    """
    assert archive.fp is not None
    place = archive.fp.tell()
    size = archive.fp.seek(0, os.SEEK_END)
    archive.fp.seek(place)
    entries = archive.infolist()
    if len({entry.filename for entry in entries}) < len(entries):
        raise zipfile.BadZipFile("it has two members of one name")
    if sum(e.file_size for e in entries if e.compress_type == zipfile.ZIP_STORED) > size:
        raise zipfile.BadZipFile("its members are larger than the whole")
    left = _LARGEST_RATIO * (size + 2**20)
    for entry in entries:
        check_member(archive, entry, min(left, (limits or {}).get(entry.filename, left)))
        left -= entry.file_size
