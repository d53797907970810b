"""Reads files of arrays by name: `.safetensors`, and `.npz` of NumPy."""

import io
import json
import math
import mmap
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfgan.archives import BROKEN, check_archive
from tfgan.importers import CheckpointError, torch_file

# A tensor takes some hundred bytes, and a network has some thousand.
_LARGEST_HEADER = 2 * 2**20
_DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",  # as in `torch_file`
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "<i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "<u1",
    "BOOL": "?",
}
# Networks that published checkpoints hold as nested dictionaries.
_NETWORKS = {
    *("g_ema", "g", "d", "g_running"),
    *("generator", "discriminator", "mapping_network", "style_encoder", "fan"),
}


def nested(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Arrays by network and name, if all names begin with the name of a network.

    Files of arrays have no nested dictionaries, so g_ema.conv1.bias or g_ema/conv1.bias stands for
    conv1.bias of g_ema.
    """
    parts = {name: name.replace("/", ".", 1).partition(".") for name in arrays}
    if not {network for network, _, rest in parts.values() if rest} <= _NETWORKS:
        return dict(arrays)
    nested_arrays: dict[str, Any] = {}
    for name, (network, _, rest) in parts.items():
        if rest:
            nested_arrays.setdefault(network, {})[name[len(network) + 1 :]] = arrays[name]
        else:
            nested_arrays[name] = arrays[name]
    return nested_arrays


def is_safetensors(head: bytes) -> bool:
    """Whether a file may be a `.safetensors`, by its first bytes."""
    return head[8:10] == b'{"' and int.from_bytes(head[:8], "little") < 2**32


def read_safetensors(path: str | Path) -> dict[str, Any]:
    """Reads a `.safetensors` file.

    Args:
        path: A file with the length of a header, the header in JSON, and the values.

    Returns:
        Read-only arrays, see `nested`. They take memory only while they are read; except that
        bfloat16 becomes float32, which holds the same values.

    Raises:
        CheckpointError: If it is damaged, or has numbers of another type.
        OSError: If it cannot be read.
    """
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > _LARGEST_HEADER:
            raise CheckpointError("it is damaged: its header is longer than that of any model.")
        text = file.read(length)
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    try:
        header = json.loads(text)
        header.pop("__metadata__", None)
        rows = sorted(
            (*about["data_offsets"], name, about["dtype"], tuple(about["shape"]))
            for name, about in header.items()
        )
        return nested(_view(content, 8 + length, rows))
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError("its header is damaged, or was cut short. Fetch it again.") from error


def _view(content: mmap.mmap, first: int, rows: list[tuple]) -> dict[str, np.ndarray]:
    """Arrays of (start, end, name, type, shape), which must fill a file without gaps."""
    arrays = {}
    reached = 0
    for start, end, name, code, shape in rows:
        if code not in _DTYPES:
            raise CheckpointError(
                f"its {name[:60]} holds {ascii(code)[:20]}, which weights here are not made of. "
                f"Expected: one of {', '.join(_DTYPES)}."
            )
        if not all(type(value) is int and value >= 0 for value in (start, end, *shape)):
            raise ValueError(f"{name} reaches from {start} to {end}, shape {shape}")
        if start != reached or end - start != math.prod(shape) * np.dtype(_DTYPES[code]).itemsize:
            raise CheckpointError(
                f"it is damaged: its {name[:60]} has another size than its shape {list(shape)}, or "
                "another place than behind the one before it."
            )
        reached = end
        if first + end > len(content):
            raise CheckpointError("it was cut short: it promises more values than it holds.")
        arrays[name] = np.ndarray(shape, _DTYPES[code], content, first + start)
        if code == "BF16":
            arrays[name] = torch_file.widened(arrays[name])
            arrays[name].flags.writeable = False
    if first + reached != len(content):
        raise CheckpointError("it is damaged: it holds more than the values that it tells of.")
    return arrays


def is_npz(head: bytes) -> bool:
    """Whether a file may be an `.npz`, by its first bytes: a zip that begins with an .npy file."""
    name = head[30 : 30 + int.from_bytes(head[26:28], "little")]
    return head.startswith(b"PK\x03\x04") and name.endswith(b".npy")


def read_npz(path: str | Path) -> dict[str, Any]:
    """Reads an `.npz` file of arrays of numbers, compressed or not.

    Args:
        path: The file.

    Returns:
        Read-only arrays, see `nested`.

    Raises:
        CheckpointError: If it is damaged, unpacks to far more than its size, or holds anything but
            numbers: Python's objects would have to be unpickled.
        OSError: If it cannot be read.
    """
    with open(path, "rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                check_archive(archive)
                return nested(
                    {
                        entry.filename.removesuffix(".npy"): _array(
                            entry.filename, archive.read(entry)
                        )
                        for entry in archive.infolist()
                    }
                )
        except CheckpointError:
            raise
        except BROKEN as error:
            raise CheckpointError(
                f"it is a damaged .npz file, or was cut short: {error}."
            ) from error


def _array(name: str, content: bytes) -> np.ndarray:
    """A view of an .npy file."""
    stream = io.BytesIO(content)
    if not name.endswith(".npy") or np.lib.format.read_magic(stream) not in ((1, 0), (2, 0)):
        raise ValueError(f"{name[:60]} is no array of numbers")
    read = np.lib.format.read_array_header_1_0
    if content[6] == 2:
        read = np.lib.format.read_array_header_2_0
    try:
        shape, turned, dtype = read(stream)
    except Exception as error:  # headers are read as Python, which fails in many ways
        raise ValueError(f"{name[:60]} has a damaged header") from error
    if dtype.kind not in "fiub":
        raise CheckpointError(
            f"its {name.removesuffix('.npy')[:60]} holds {str(dtype)[:20]}, not numbers. Save the "
            "weights alone."
        )
    if len(content) - stream.tell() != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{name[:60]} has another size than its shape")
    values = np.frombuffer(content, dtype, math.prod(shape), stream.tell())
    return values.reshape(shape, order="F" if turned else "C")
