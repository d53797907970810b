"""Reads published files of every known format."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tfgan.importers import CheckpointError, named_arrays, network_pickle, torch_file
from tfgan.terminal import UserError


class Reader(NamedTuple):
    """A file format.

    Attributes:
        about: The format, as messages call it.
        matches: Whether a file may have this format, by its first 300 bytes.
        read: Reads the contents: plain data and arrays.
    """

    about: str
    matches: Callable[[bytes], bool]
    read: Callable[[Path], Any]


_HEAD = 300

READERS = (
    Reader("arrays by name in .npz of NumPy", named_arrays.is_npz, named_arrays.read_npz),
    Reader(
        "torch.save of PyTorch, zip archives and the stream of before 1.6",
        torch_file.matches,
        torch_file.read,
    ),
    Reader(
        "pickled networks of NVIDIA's StyleGANs (.pkl), of PyTorch and of TensorFlow 1",
        network_pickle.matches,
        network_pickle.read,
    ),
    Reader(
        "arrays by name in .safetensors",
        named_arrays.is_safetensors,
        named_arrays.read_safetensors,
    ),
)


def read(path: Path) -> Any:
    """The contents of a published file: plain data and arrays.

    Raises:
        CheckpointError: If its format is unknown, it is damaged, or asks for code.
        OSError: If it cannot be read.
    """
    if not path.exists():
        raise CheckpointError("there is no such file.")
    if path.is_dir():
        raise CheckpointError("it is a folder. Give the checkpoint file in it.")
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head:
        raise CheckpointError("it is empty. Fetch it again.")
    for reader in READERS:
        if reader.matches(head):
            return reader.read(path)
    raise CheckpointError(
        "it is no checkpoint of a known kind, or its beginning is damaged. Known are: "
        f"{'; '.join(reader.about for reader in READERS)}."
    )


def read_each(paths: Sequence[Path]) -> dict[Path, Any]:
    """The contents of published files.

    Raises:
        UserError: If a file cannot be used; the message names it.
        OSError: If a file cannot be read.
    """
    contents = {}
    for path in paths:
        try:
            contents[path] = read(path)
        except CheckpointError as error:
            raise UserError(f"{path}: {error}") from error
    return contents


def merge(files: Mapping[Path, Any]) -> Any:
    """The contents of a published file, or of several files as one dictionary.

    Raises:
        UserError: If two files hold the same name, or one holds no names; the message names it.
    """
    if len(files) == 1:
        return next(iter(files.values()))
    merged: dict[Any, Any] = {}
    for path, contents in files.items():
        if not isinstance(contents, dict):
            raise UserError(
                f"{path}: it must hold weights by name where several files are given. "
                f"Received: a {type(contents).__name__}."
            )
        twice = [str(name)[:40] for name in contents if name in merged]
        if twice:
            raise UserError(
                f"{path}: it holds names that a file before it has as well: {', '.join(twice[:8])}"
                f"{', ...' * (len(twice) > 8)}. Give files of different parts of one network."
            )
        merged |= contents
    return merged


def read_together(paths: Sequence[Path]) -> Any:
    """The contents of a published file, or of several files as one dictionary.

    Raises:
        UserError: If a file cannot be used, or two hold the same name; the message names it.
        OSError: If a file cannot be read.
    """
    return merge(read_each(paths))
