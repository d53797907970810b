"""Archives that unpack to more than anyone wants, whatever they say of it."""

import struct
import tracemalloc
import zipfile

import pytest

from tfgan.archives import check_archive, check_member, read_member

MOST = 10**5


def make(path, content, method=zipfile.ZIP_DEFLATED, promised=None):
    """An archive of one member, whose headers promise another size."""
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("a", content)
    data = bytearray(path.read_bytes())
    if promised is not None:
        for mark, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
            start = data.index(mark) + place
            data[start : start + 4] = struct.pack("<I", promised)
    path.write_bytes(data)
    return path


METHODS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]


@pytest.mark.parametrize("method", METHODS)
def test_members_within_bounds_are_read(method, tmp_path):
    content = bytes(range(256)) * 300
    with zipfile.ZipFile(make(tmp_path / "a.zip", content, method)) as archive:
        check_archive(archive)
        assert read_member(archive, "a", MOST) == content
        with pytest.raises(zipfile.BadZipFile, match="76,800 bytes, more than 76,799"):
            read_member(archive, "a", len(content) - 1)
        with pytest.raises(zipfile.BadZipFile, match="a unpacks to"):
            check_archive(archive, {"a": 1000})
        with pytest.raises(KeyError):
            read_member(archive, "b", MOST)


@pytest.mark.parametrize("promised", [0, 7, 50_000])
@pytest.mark.parametrize("method", METHODS[1:])
def test_headers_that_lie_are_found_out_in_little_memory(method, promised, tmp_path):
    path = make(tmp_path / "a.zip", bytes(2 * 10**7), method, promised)
    with zipfile.ZipFile(path) as archive:
        tracemalloc.start()
        try:
            with pytest.raises(zipfile.BadZipFile, match="not unpack to what the archive promises"):
                check_member(archive, archive.getinfo("a"), MOST)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    # Of the others 4 kB are unpacked at once, here the whole, and copied twice on the way.
    assert peak < (1e6 if method == zipfile.ZIP_DEFLATED else 7e7), peak


def test_archives_of_far_more_than_their_size_and_of_two_members_of_a_name_are_refused(tmp_path):
    make(tmp_path / "a.zip", bytes(4 * 10**7))
    with (
        zipfile.ZipFile(tmp_path / "a.zip") as archive,
        pytest.raises(zipfile.BadZipFile, match="40,000,000 bytes, more than"),
    ):
        check_archive(archive)
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("a", b"1")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a", b"2")
    with (
        zipfile.ZipFile(tmp_path / "b.zip") as archive,
        pytest.raises(zipfile.BadZipFile, match="two members"),
    ):
        check_archive(archive)
