"""Reads files of PyTorch's torch.save, without PyTorch and without running anything in them.

Both containers hold a pickle of dictionaries, lists and numbers. For each tensor the pickle has the
key of a storage, an offset, a shape and strides; several tensors may share a storage. The values
are stored beside the pickle: in a zip archive, one entry per storage; in the older stream (before
PyTorch 1.6), one storage after the other behind the pickles.
"""

import errno
import io
import math
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from tfgan.importers import CheckpointError, numpy_values, pickles
from tfgan.importers.pickles import Allowance, Record

_ZIP = b"PK\x03\x04"
_STREAM = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # a magic number, pickled
# A thousand tensors take some 200 kB. Without a bound, a hostile pickle of some gigabytes could ask
# for as many lists as it has bytes.
_LARGEST_PICKLE = 2 * 2**20

_PROGRAM = "__torch__."
_LISTS = ("int", "double", "bool", "tensor")

_DTYPES = {
    "torch.DoubleStorage": "<f8",
    "torch.FloatStorage": "<f4",
    "torch.HalfStorage": "<f2",
    "torch.BFloat16Storage": "<u2",  # the upper half of a float32; NumPy has no bfloat16
    "torch.LongStorage": "<i8",
    "torch.IntStorage": "<i4",
    "torch.ShortStorage": "<i2",
    "torch.CharStorage": "<i1",
    "torch.ByteStorage": "<u1",
    "torch.BoolStorage": "?",
    "torch.ComplexDoubleStorage": "<c16",
    "torch.ComplexFloatStorage": "<c8",
}


def widened(upper: np.ndarray) -> np.ndarray:
    """float32 from its upper half: bfloat16, which NumPy lacks."""
    return (upper.astype("<u4") << 16).view("<f4")


class _Storage:
    """Flat values that tensors are views of. They are read after the tensors are made."""

    def __init__(self, type_name: str, count: int):
        self.type_name = type_name
        self.is_read = False
        widened = "<f4" if type_name == "torch.BFloat16Storage" else _DTYPES[type_name]
        self.values = np.empty(count, widened)

    def read(self, stream: Any, byte_order: str = "little") -> None:
        """Reads the values from a stream; raises CheckpointError if it ends too early."""
        raw = self.values
        if self.type_name == "torch.BFloat16Storage":
            raw = np.empty(len(self.values), _DTYPES[self.type_name])
        if stream.readinto(raw.view(np.uint8).data) != raw.nbytes:
            raise CheckpointError("it was cut short: values of a tensor are missing.")
        if byte_order == "big":
            raw.byteswap(inplace=True)
        if raw is not self.values:
            self.values[:] = widened(raw)
        self.is_read = True


class _Storages:
    """The storages of one file, by key.

    Args:
        limit: Bytes of the file; more are never read into memory, whatever the file claims.
        added: Called with the key of each new storage.
    """

    def __init__(self, limit: int, added: Callable[[str], None] = lambda key: None):
        self.allowance = Allowance(limit)
        self.added = added
        self.by_key: dict[str, _Storage] = {}

    def find(self, identity: Any) -> np.ndarray:
        """Values of ("storage", type, key, device, count); older files may name a part of them."""
        word, type_name, key, _, count, *part = identity
        if word != "storage":
            raise CheckpointError("it holds a whole module with its source code, not only weights.")
        if type_name not in _DTYPES or not isinstance(key, str) or not _are_counts(count):
            raise ValueError(f"{identity} is no storage")
        if key not in self.by_key:
            self.allowance.take(count * np.dtype(_DTYPES[type_name]).itemsize)
            self.by_key[key] = _Storage(type_name, count)
            self.added(key)
        storage = self.by_key[key]
        if (storage.type_name, len(storage.values)) != (type_name, count):
            raise CheckpointError(f"it is damaged: storage {key[:40]!r} has two types or lengths.")
        if not part or part[0] is None:
            return storage.values
        _, start, length = part[0]
        if not _are_counts(start, length) or start + length > count:
            raise ValueError(f"{part} is no part of {count} values")
        return storage.values[start : start + length]


def _are_counts(*values: Any) -> bool:
    return all(type(value) is int and value >= 0 for value in values)


def _tensor(values: Any, start: Any, shape: Any, strides: Any, *_: Any) -> np.ndarray:
    """A view of some values; further arguments are about gradients."""
    if not isinstance(values, np.ndarray) or not isinstance(shape, tuple):
        raise ValueError("no storage, or no shape")
    if len(shape) != len(strides) or not _are_counts(start, *shape, *strides):
        raise ValueError(f"start {start}, shape {shape}, strides {strides}")
    last = start + sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
    if math.prod(shape) and last >= len(values):
        raise CheckpointError("it is damaged: a tensor reaches beyond the values it is made of.")
    # NumPy checks the bounds too, but its arithmetic may overflow. An empty tensor may start after
    # the last value, which NumPy refuses.
    size = values.itemsize
    start = start if math.prod(shape) else 0
    view = np.ndarray(shape, values.dtype, values, start * size, [s * size for s in strides])
    view.flags.writeable = False
    return view


def _dictionary(pairs: Any = None) -> dict:
    """A new dictionary; Python 2 passes a list of names and values."""
    dictionary: dict[Any, Any] = {}
    if pairs is None:
        return dictionary
    if not isinstance(pairs, list):
        raise ValueError(f"a {type(pairs).__name__} for a list of names and values")
    for name, value in pairs:
        if not isinstance(name, str):  # hashing other values may be costly
            raise ValueError(f"a {type(name).__name__} for a name")
        dictionary[name] = value
    # The list is emptied: dictionaries made repeatedly from a long list could fill the memory.
    pairs.clear()
    return dictionary


def rebuild(size: int) -> dict[str, Any]:
    """Functions for the names that tensors in the pickle of a file use.

    Args:
        size: Bytes of the file. Its tensors may overlap, but all copies together must fit into four
            times its size.
    """
    allowance = Allowance(4 * size)

    def tensor(*arguments: Any) -> np.ndarray:
        array = _tensor(*arguments)
        allowance.take(array.nbytes)
        return array

    return {
        **pickles.PLAIN,
        "collections.OrderedDict": _dictionary,
        "torch.Size": lambda sizes: sizes,
        "torch.nn.parameter.Parameter": lambda tensor: tensor,
        "torch._utils._rebuild_tensor": tensor,
        "torch._utils._rebuild_tensor_v2": tensor,
        "torch._utils._rebuild_parameter": lambda tensor, *_: tensor,
        "torch._utils._rebuild_parameter_with_state": lambda tensor, *_: tensor,
    }


class _Allowed(dict[str, Any]):
    """Functions by name; names of a TorchScript program stand for its modules."""

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or str(name).startswith(_PROGRAM)

    def __missing__(self, name: str) -> Any:
        return lambda *_: Record(name)


def _allowed(size: int) -> dict[str, Any]:
    """Functions for the names in a file of torch.save or torch.jit.save."""
    options = {"argparse.Namespace": lambda *_: Record("Namespace")}
    type_names = {type_name: type_name for type_name in _DTYPES}
    lists = {f"torch.jit._pickle.build_{item}list": lambda values: values for item in _LISTS}
    return _Allowed({**rebuild(size), **numpy_values.names(size), **type_names, **options, **lists})


def matches(head: bytes) -> bool:
    """Whether a file may be torch.save's, by its first 64 bytes."""
    return head.startswith(_ZIP) or _STREAM in head[:64]


def read(path: str | Path) -> Any:
    """Reads a file of torch.save.

    Args:
        path: A zip archive, or a stream from before PyTorch 1.6.

    Returns:
        The saved data: dictionaries (also ordered), lists, tuples, numbers and strings, with a
        read-only array for each tensor or parameter, and a `pickles.Record` for a Namespace, or for
        each module of a TorchScript archive, whose program is neither read nor run. Arrays
        of the same storage share memory. bfloat16 becomes float32, which holds the same values.

    Raises:
        CheckpointError: If the file is damaged, is another type of file, or asks for anything but
            harmless types.
        OSError: If it cannot be read.
    """
    with open(path, "rb") as file:
        head = file.read(64)
        file.seek(0)
        if not matches(head):
            raise CheckpointError("it is no file of torch.save, or its beginning is damaged.")
        limit = os.fstat(file.fileno()).st_size
        return (_read_zip if head.startswith(_ZIP) else _read_stream)(file, limit)


def _read_zip(file: BinaryIO, limit: int) -> Any:
    try:
        with zipfile.ZipFile(file) as archive:
            return _read_archive(archive, limit)
    except CheckpointError:
        raise
    # Errors of zipfile for damaged directories; OSError if an offset is negative.
    except (
        zipfile.BadZipFile, ValueError, EOFError, struct.error, NotImplementedError, OSError
    ) as error:  # fmt: skip
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise
        raise CheckpointError("it is a damaged zip archive, or was cut short.") from error


def _read_archive(archive: zipfile.ZipFile, limit: int) -> Any:
    entries = archive.infolist()
    pickled = [entry for entry in entries if entry.filename.split("/")[1:] == ["data.pkl"]]
    if len(pickled) != 1:
        raise CheckpointError(
            "it is a zip archive, but not one of torch.save: it has no data.pkl. A .keras file "
            "needs no import."
        )
    if any(entry.flag_bits & 1 for entry in entries):
        raise CheckpointError("it is encrypted. Decrypt it first.")
    # torch.save never compresses. So the contents cannot exceed the size of the archive, unless its
    # directory is wrong or names the same bytes repeatedly. torch.jit.save compresses the source
    # code, which is not read.
    entries = [entry for entry in entries if entry.filename.split("/")[1:2] != ["code"]]
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise CheckpointError("it was compressed again. Unpack it, and zip it without compression.")
    if sum(entry.file_size for entry in entries) > limit:
        raise CheckpointError("it is a damaged zip archive: its parts are larger than the whole.")
    if pickled[0].file_size > _LARGEST_PICKLE:
        raise CheckpointError("its pickle is larger than that of any model.")
    folder = pickled[0].filename.removesuffix("data.pkl")
    names = {entry.filename for entry in entries}
    order = "little"
    if folder + "byteorder" in names:
        order = archive.read(folder + "byteorder").decode("ascii", "replace")

    def take(key: str) -> None:
        if f"{folder}data/{key}" not in names:
            raise CheckpointError(f"it is incomplete: it has no entry data/{key[:40]}.")
        with archive.open(f"{folder}data/{key}") as entry:
            storages.by_key[key].read(entry, order)

    storages = _Storages(limit, take)
    data = io.BytesIO(archive.read(pickled[0]))
    return pickles.load(data, _allowed(limit), storages.find)


def _read_stream(file: BinaryIO, limit: int) -> Any:
    storages = _Storages(limit)
    allowed = _allowed(limit)

    def next_pickle() -> Any:
        start = file.tell()
        stream = io.BytesIO(file.read(_LARGEST_PICKLE))
        value = pickles.load(stream, allowed, storages.find)
        file.seek(start + stream.tell())
        return value

    for _ in range(3):  # the magic number, a version, sizes of C's types
        next_pickle()
    value = next_pickle()
    keys = next_pickle()
    if not isinstance(keys, list) or not set(map(str, keys)) <= set(storages.by_key):
        raise CheckpointError("it is damaged: its list of storages does not fit its tensors.")
    for key in keys:
        storage = storages.by_key[str(key)]
        if file.read(8) != struct.pack("<q", len(storage.values)):
            raise CheckpointError("it is damaged, or was cut short: a storage has another length.")
        storage.read(file)
    if not all(storage.is_read for storage in storages.by_key.values()):
        raise CheckpointError("it is damaged: its list of storages lacks some.")
    return value


def read_storage(data: bytes | memoryview) -> np.ndarray:
    """Reads a single storage that torch.save wrote, as plain pickles hold it within a tensor.

    Args:
        data: A stream as before PyTorch 1.6, which PyTorch still uses here.

    Returns:
        The flat values; a view of `data`, except for bfloat16.

    Raises:
        CheckpointError: If it is damaged, or holds anything else.
    """
    place = 0
    value: Any = None
    type_names = {type_name: type_name for type_name in _DTYPES}
    for part in range(5):  # magic number, version, C's sizes, the storage, a list of its key
        # Each of them takes less than two hundred bytes.
        head = io.BytesIO(data[place : place + 1000])
        unpickled = pickles.load(head, type_names, lambda identity: identity)
        place += head.tell()
        value = unpickled if part == 3 else value
    if not isinstance(value, tuple) or len(value) < 5 or value[0] != "storage":
        raise CheckpointError("it is damaged: a tensor has no storage.")
    type_name, count = value[1], value[4]
    if type_name not in _DTYPES or not _are_counts(count) or value[5:] not in ((), (None,)):
        raise CheckpointError("it is damaged: a tensor has a storage of an unknown type.")
    size = count * np.dtype(_DTYPES[type_name]).itemsize
    if len(data) != place + 8 + size:
        raise CheckpointError("it is damaged, or was cut short: a storage has another length.")
    values = np.frombuffer(data, _DTYPES[type_name], count, place + 8)
    return widened(values) if type_name == "torch.BFloat16Storage" else values
