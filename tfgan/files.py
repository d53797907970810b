"""Files that are whole or not there: written beside their place, then renamed."""

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

PARTIAL = ".partial-"  # how the names of files begin that are not whole yet


def remove_partial(folder: Path, *names: str) -> None:
    """Removes what was left in a folder by processes that were killed while they wrote files.

    Args:
        folder: The folder; it need not be there.
        names: Of files that nobody else may be writing now; none: of all files.
    """
    for name in names or ("*",):
        for leftover in folder.glob(f"{PARTIAL}*-{name}"):
            leftover.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Gives the path of a new file to write, which then takes the place of another.

    The new file stands in the same folder and its name ends in the same way; no two are alike, so
    processes on several hosts may write the same file at once. If the block raises an error, or
    the process is stopped in it, `path` stays as it was. Several that are entered through one
    `contextlib.ExitStack` are renamed once all are written.

    Args:
        path: The file that is written or replaced; its folder exists.

    Raises:
        OSError: If the file cannot be renamed.
    """
    path = Path(path)
    partial = path.with_name(f"{PARTIAL}{uuid.uuid4().hex[:12]}-{path.name}")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
