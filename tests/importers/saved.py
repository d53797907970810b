"""Files as torch.save writes them, made without PyTorch."""

import io
import pickle
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C
TYPE_NAMES = {"<f4": "FloatStorage", "<i8": "LongStorage", ">f4": "FloatStorage"}


def text(value: str) -> bytes:
    data = value.encode()
    return pickle.BINUNICODE + struct.pack("<I", len(data)) + data


def number(value: int) -> bytes:
    return pickle.BININT + struct.pack("<i", value)


def row(*items: bytes) -> bytes:
    return pickle.MARK + b"".join(items) + pickle.TUPLE


def name(module: str, attribute: str) -> bytes:
    return pickle.GLOBAL + f"{module}\n{attribute}\n".encode()


def storage(key: str, type_name: str, count: int, part: bytes = b"") -> bytes:
    """What stands for a storage; `part` says that it is a part of the one of that key."""
    identity = row(
        text("storage"), name("torch", type_name), text(key), text("cpu"), number(count), part
    )
    return identity + pickle.BINPERSID


def tensor(stored: bytes, shape, strides, start: int = 0) -> bytes:
    """A pickled tensor; strides count values."""
    no_hooks = name("collections", "OrderedDict") + pickle.EMPTY_TUPLE + pickle.REDUCE
    sizes = [row(*map(number, values)) for values in (shape, strides)]
    arguments = row(stored, number(start), *sizes, pickle.NEWFALSE, no_hooks)
    return name("torch._utils", "_rebuild_tensor_v2") + arguments + pickle.REDUCE


def dictionary(items: Mapping[str, bytes]) -> bytes:
    pairs = b"".join(text(key) + value for key, value in items.items())
    return pickle.EMPTY_DICT + pickle.MARK + pairs + pickle.SETITEMS


def pairs(items: Mapping[str, bytes]) -> bytes:
    """A list of lists of a name and a value."""
    listed = b"".join(
        pickle.EMPTY_LIST + pickle.MARK + text(key) + value + pickle.APPENDS
        for key, value in items.items()
    )
    return pickle.EMPTY_LIST + pickle.MARK + listed + pickle.APPENDS


def dictionary_of_pairs(items: Mapping[str, bytes]) -> bytes:
    """An ordered dictionary as Python 2 writes it."""
    return name("collections", "OrderedDict") + pairs(items) + pickle.TUPLE1 + pickle.REDUCE


def whole(value: bytes) -> bytes:
    return b"\x80\x02" + value + pickle.STOP


def contiguous(key: str, array: np.ndarray) -> bytes:
    strides = [stride // array.itemsize for stride in array.strides]
    stored = storage(key, TYPE_NAMES[array.dtype.str], array.size)
    return tensor(stored, array.shape, strides)


def write_zip(
    path: Path, value: bytes, storages: Mapping[str, np.ndarray], compression=zipfile.ZIP_STORED,
    **others: bytes,
) -> None:  # fmt: skip
    """A zip archive of a pickled value."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", whole(value))
        for entry, content in others.items():
            archive.writestr(f"archive/{entry}", content)
        for key, array in storages.items():
            archive.writestr(f"archive/data/{key}", array.tobytes())


def stream(value: bytes, storages: Mapping[str, np.ndarray]) -> bytes:
    """The stream of before PyTorch 1.6 of a pickled value."""
    written = io.BytesIO()
    for head in (MAGIC, 1001, {"little_endian": True}):
        pickle.dump(head, written, protocol=2)
    written.write(whole(value))
    pickle.dump(list(storages), written, protocol=2)
    for array in storages.values():
        written.write(struct.pack("<q", array.size) + array.tobytes())
    return written.getvalue()


def write_stream(path: Path, value: bytes, storages: Mapping[str, np.ndarray]) -> None:
    """A file of such a stream."""
    path.write_bytes(stream(value, storages))


WRITERS = {"zip": write_zip, "stream": write_stream}


def states(
    networks: Mapping[str, Mapping[str, np.ndarray]],
) -> tuple[dict[str, bytes], dict[str, np.ndarray]]:
    """Name of a network -> pickled dictionary of its weights; and the storages of all."""
    storages: dict[str, np.ndarray] = {}
    pickled = {}
    for network, weights in networks.items():
        tensors = {}
        for name, value in weights.items():
            key = str(len(storages))
            storages[key] = np.ascontiguousarray(value)
            tensors[name] = contiguous(key, storages[key])
        pickled[network] = dictionary(tensors)
    return pickled, storages


def save_state(path: Path, weights: Mapping[str, np.ndarray]) -> None:
    """A file of weights by name alone."""
    pickled, storages = states({"alone": weights})
    write_zip(path, pickled["alone"], storages)


def save_networks(
    path: Path, networks: Mapping[str, Mapping[str, np.ndarray]], container: str = "zip"
) -> None:
    """A checkpoint of several networks: name -> weights by name."""
    pickled, storages = states(networks)
    WRITERS[container](path, dictionary(pickled), storages)


def save_weights(path: Path, weights: Mapping[str, np.ndarray], container: str = "zip") -> None:
    """A checkpoint {"state_dict": weights}."""
    save_networks(path, {"state_dict": weights}, container)
