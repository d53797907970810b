"""The run folder while a run is in it: held by one process alone, and a disk that may be full."""

import contextlib
import errno
import fcntl
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from tfgan.files import remove_partial
from tfgan.loading import OutputError, check_writable
from tfgan.runs import CHECKPOINTS, CONFIG, MODEL, SAMPLES, STATS
from tfgan.terminal import UserError
from training.checkpoints import list_checkpoints

LOCK = "lock"
# What file systems answer that cannot lock; some network file systems are mounted so.
_CANNOT_LOCK = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


class BusyError(UserError):
    """Another process trains in the run folder."""


@contextlib.contextmanager
def use_folder(folder: Path) -> Iterator[None]:
    """Holds a run folder for this process; what the disk does not take becomes one message.

    The lock is the kernel's, on `folder/lock`: it ends with the process, however that ends, so that
    nothing has to be removed after a kill. NFS passes it on to its server, so it holds between
    hosts too. Where a file system cannot lock, a note says so, and the run goes on without.

    Args:
        folder: A run folder, which exists.

    Raises:
        BusyError: If another process holds it.
        OutputError: If it cannot be written to, on entry or later.
    """
    for place in (folder, folder / CHECKPOINTS, folder / SAMPLES):
        check_writable(place, "runs", "make room there")
    with _plain_write_errors(folder), (folder / LOCK).open("a+") as file:
        _lock(file, folder)
        # Evaluations write into the same folder, whoever holds it.
        remove_partial(folder, MODEL, STATS, CONFIG)
        remove_partial(folder / SAMPLES)
        try:
            yield
        finally:
            file.truncate(0)


def _lock(file: IO[str], folder: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or "another process, which has just begun"
        raise BusyError(
            f"{folder} must be free. Received: it is used by {holder}. Wait until that run ends, "
            "stop it, or resume another run."
        ) from None
    except OSError as error:
        if error.errno not in _CANNOT_LOCK:
            raise
        print(
            f"Note      {folder} cannot be locked ({error.strerror}): take care that no other "
            "process resumes this run.",
            file=sys.stderr,
        )
    file.truncate(0)
    now = time.strftime("%Y-%m-%d %H:%M:%S")
    file.write(f"process {os.getpid()} on {socket.gethostname()} since {now}")
    file.flush()


@contextlib.contextmanager
def _plain_write_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        kept = list_checkpoints(folder / CHECKPOINTS)
        advice = "start again"
        if kept:
            advice = f"go on from image {int(kept[-1].stem)} with --resume {folder}"
        raise OutputError(
            f"{error.filename or folder} cannot be written ({error.strerror or error}). Make room "
            f"or choose another disk, and {advice}."
        ) from error
