"""Checkpoints: every variable of a run in one file that is whole or absent.

A checkpoint is a NumPy `.npz` archive, written under another name, flushed to the disk, and
renamed: a kill or a full disk at any moment leaves the previous ones as they were. The archive
holds a checksum of each variable, so that a damaged file is known as such; it is set aside, and the
one before it taken.
"""

import os
import re
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence, Set
from pathlib import Path
from typing import IO, Any

import numpy as np

from tfgan.archives import check_archive
from tfgan.files import remove_partial, replacing
from tfgan.terminal import UserError

NAME = re.compile(r"^(\d{9})\.npz$")
# NumPy 2.1 wrote its option `allow_pickle` as one more array.
NOT_VARIABLES = ("images_seen", "step", "allow_pickle")


class CheckpointError(UserError):
    """A checkpoint is missing, damaged, or of another configuration."""


class DamagedError(CheckpointError):
    """A checkpoint cannot be read."""


class NotFiniteError(RuntimeError):
    """Weights are NaN or infinite: `names` of the variables."""

    def __init__(self, names: Sequence[str]):
        super().__init__(f"{', '.join(names[:5])} hold values that are not finite")
        self.names = list(names)


def all_variables(system: Any) -> dict[str, Any]:
    """Names and variables of everything that training changes: networks, optimisers, state."""
    found: dict[str, Any] = {}
    for name, network in system.networks.items():
        for variable in network.variables:
            found[f"{name}/{variable.path.split('/', 1)[-1]}"] = variable
    for name, optimizer in system.optimizers.items():
        for variable in optimizer.variables:
            found[f"{name}/{variable.path.split('/', 1)[-1]}"] = variable
    found.update({f"state/{name}": variable for name, variable in system.state.items()})
    return found


def list_checkpoints(folder: Path) -> list[Path]:
    """Finished checkpoints in a folder, oldest first."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if NAME.match(path.name))


def save(
    folder: Path, variables: Mapping[str, Any], images_seen: int, step: int, keep: int
) -> Path:
    """Writes a checkpoint and removes all but the newest `keep`.

    Args:
        folder: Made if absent.
        variables: Name -> variable.
        images_seen: Position in training; names the file.
        step: Number of steps behind it.
        keep: Checkpoints that stay, at least 1.

    Returns:
        Path of the new checkpoint.

    Raises:
        NotFiniteError: If a variable holds NaN or an infinity; nothing is written.
        OSError: If the disk does not take it; the older ones are all there.
    """
    arrays = {name: np.asarray(variable.numpy()) for name, variable in variables.items()}
    wrong = [
        name for name, a in arrays.items() if a.dtype.kind == "f" and not np.all(np.isfinite(a))
    ]
    if wrong:
        raise NotFiniteError(wrong)
    folder.mkdir(parents=True, exist_ok=True)
    arrays["images_seen"] = np.asarray(images_seen, np.int64)
    arrays["step"] = np.asarray(step, np.int64)
    path = folder / f"{images_seen:09d}.npz"
    with replacing(path) as partial, partial.open("wb") as file:
        _write(file, arrays)
        file.flush()
        os.fsync(file.fileno())
    for old in list_checkpoints(folder)[: -max(keep, 1)]:
        old.unlink()
    remove_partial(folder)
    return path


def _write(file: IO[bytes], arrays: Mapping[str, np.ndarray]) -> None:
    """Writes an `.npz` archive that holds no pickles, the same with every NumPy.

    `np.savez` of NumPy 2.1 has no option for that: it stores `allow_pickle` as one more array.
    """
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def _read(
    path: Path, prefixes: tuple[str, ...] = ("",)
) -> tuple[tuple[int, int], dict[str, np.ndarray]]:
    """Reads a checkpoint: images_seen and step, and the arrays whose names begin so.

    All others are read too, and dropped, so that damage shows wherever it is.

    Raises:
        DamagedError: If the file cannot be read.
    """
    arrays = {}
    try:
        if not zipfile.is_zipfile(path):  # NumPy takes it for a pickle, and advises to load that
            raise zipfile.BadZipFile("it is not there, cut short, or no archive")
        with zipfile.ZipFile(path) as members:
            check_archive(members)
        with np.load(path) as archive:
            position = int(archive["images_seen"]), int(archive["step"])
            for name in archive.files:
                array = archive[name]
                if name.startswith(prefixes) and name not in NOT_VARIABLES:
                    arrays[name] = array
    # A damaged header asks for a password, another compression or another zip version.
    except (
        OSError,
        ValueError,
        EOFError,
        KeyError,
        RuntimeError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise DamagedError(f"checkpoint {path} cannot be read ({error}).") from error
    return position, arrays


def restore(path: Path, variables: Mapping[str, Any]) -> tuple[int, int]:
    """Reads a checkpoint into variables; nothing is changed unless all of it fits.

    Args:
        path: A file that `save` wrote.
        variables: Name -> variable, exactly those of the checkpoint.

    Returns:
        images_seen and step.

    Raises:
        DamagedError: If the file cannot be read.
        CheckpointError: If names or shapes are not those of `variables`.
    """
    (images_seen, step), arrays = _read(path)
    arrays.update(_older_counts(arrays, set(variables) - set(arrays)))
    missing = sorted(set(variables) - set(arrays))
    unknown = sorted(set(arrays) - set(variables))
    shapes = [
        f"{name}: {arrays[name].shape} in the checkpoint, {tuple(variable.shape)} in the network"
        for name, variable in variables.items()
        if name in arrays and arrays[name].shape != tuple(variable.shape)
    ]
    if missing or unknown or shapes:
        raise CheckpointError(
            f"checkpoint {path} is of another configuration. Missing: {missing[:5]}. "
            f"Unknown: {unknown[:5]}. Other shapes: {shapes[:5]}."
        )
    for name, variable in variables.items():
        variable.assign(arrays[name])
    return images_seen, step


def _older_counts(arrays: Mapping[str, np.ndarray], missing: Set[str]) -> dict[str, np.ndarray]:
    """Updates of each variable, for checkpoints from when optimizers only counted their own.

    A variable whose second moment is 0 has not been updated yet, or never with a gradient.
    """
    counts = {}
    for name in missing:
        velocity = re.sub("_count$", "_velocity", name)
        updates = f"{name.split('/')[0]}/iteration"
        if velocity != name and {velocity, updates} <= set(arrays):
            counts[name] = arrays[updates] * np.any(arrays[velocity])
    return counts


def restore_newest(
    folder: Path, variables: Mapping[str, Any], say: Callable[[str], None]
) -> tuple[int, int]:
    """Reads the newest checkpoint that is whole; damaged ones after it are set aside.

    Args:
        folder: Where `save` wrote.
        variables: As `restore` takes them.
        say: Called with a line for each damaged checkpoint.

    Returns:
        images_seen and step.

    Raises:
        CheckpointError: If there is none that is whole, or it is of another configuration.
    """
    found = list_checkpoints(folder)
    if not found:
        raise CheckpointError(f"{folder} holds no checkpoint to go on from. Start a new run.")
    damaged: list[tuple[Path, DamagedError]] = []
    for path in reversed(found):
        try:
            position = restore(path, variables)
        except DamagedError as error:
            damaged.append((path, error))
            continue
        for other, reason in damaged:
            # Out of the list, or it would stay the newest, and push out those to come.
            aside = other.with_suffix(".damaged")
            os.replace(other, aside)
            say(f"{reason} It is kept as {aside.name}; {path.name}, from before, is taken.")
        return position
    raise CheckpointError(
        f"all {len(found)} checkpoints in {folder} are damaged. Received: {damaged[0][1]} Put a "
        "copy in place, or start a new run; `init` RUN begins it with the weights of model.keras."
    )


def read_newest(
    folder: Path, prefixes: tuple[str, ...], say: Callable[[str], None]
) -> tuple[Path, dict[str, np.ndarray]] | None:
    """Reads arrays of the newest checkpoint that is whole, and changes nothing in the folder.

    Args:
        folder: Where `save` wrote, or would have.
        prefixes: Of the names that are wanted.
        say: Called with a line for each damaged checkpoint.

    Returns:
        The file, and the arrays by name; None if no checkpoint is whole.
    """
    for path in reversed(list_checkpoints(folder)):
        try:
            return path, _read(path, prefixes)[1]
        except DamagedError as error:
            say(f"{error} It is passed over.")
    return None
