"""The folder of an export: what may be replaced there, and how it changes all at once.

An export writes into a hidden folder within the folder, and at its end swaps what it has written
for what the last export left. Only files that the manifest of the last export names are removed,
nothing is replaced that no export wrote, and nothing behind a link is touched.
"""

import contextlib
import errno
import json
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from export.formats import FORMATS
from tfgan.loading import OutputError

MANIFEST, REPORT, PAGE = "manifest.json", "report.json", "report.html"
STOPS = (signal.SIGINT, signal.SIGTERM)


def ignore_stops() -> None:
    """Ignores signals to stop from here on: the rest is quick, and half of it is worse than none.

    Who called must set the handlers again that were there before.
    """
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)


def remove(path: Path) -> None:
    """Removes a file, if there is one, or a folder."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _remove_leftovers(out: Path) -> None:
    """Removes what exports were writing into a folder when they were killed."""
    for path in out.glob(".partial-*"):
        number = path.name.removeprefix(".partial-")
        if not number.isdigit():
            continue
        try:
            # In a container, the number of one that is gone may be ours.
            alive = int(number) != os.getpid()
            os.kill(int(number), 0)
        except (ProcessLookupError, OverflowError):
            alive = False
        except PermissionError:  # it is another user's
            pass
        if not alive:
            remove(path)


@contextlib.contextmanager
def partial_folder(out: Path) -> Iterator[Path]:
    """A folder within `out` to write into; at the end it is gone, and signals to stop are ignored.

    So is `out` gone, if it was made for this and nothing was moved into it.

    Args:
        out: The folder of the export; it is made if need be.

    Raises:
        OutputError: If there is no room for what is written.
    """
    partial = out / f".partial-{os.getpid()}"
    is_new = not out.exists()
    _remove_leftovers(out)
    partial.mkdir(parents=True)
    try:
        yield partial
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise OutputError(
            f"an export needs room in {out}, and in {tempfile.gettempdir()} while it is made. "
            f"Received: {error.strerror}. Make room, or choose another folder with --out."
        ) from error
    finally:
        ignore_stops()
        remove(partial)
        if is_new and not any(out.iterdir()):
            out.rmdir()


def _written_before(out: Path) -> set[str]:
    """What an earlier export wrote into a folder, as its manifest says; nothing without one."""
    try:
        manifest = json.loads((out / MANIFEST).read_text("utf-8"))
        if "tfgan" in manifest["provenance"]:
            paths = [form["path"] for form in manifest["forms"]]
            return {MANIFEST, REPORT, PAGE, *(path for path in paths if isinstance(path, str))}
    except (OSError, ValueError, KeyError, TypeError):  # there is none, or it is not ours
        pass
    return set()


def find_earlier(out: Path, names: Sequence[str]) -> list[str]:
    """What an earlier export left in a folder, relative to it; the manifest first.

    Args:
        out: The folder.
        names: Forms that are about to be written.

    Raises:
        OutputError: If a file stands in the way that no export wrote.
    """
    before = _written_before(out)
    wanted = [MANIFEST, PAGE, REPORT, *(FORMATS[name].path for name in names)]
    known = [MANIFEST, PAGE, REPORT, *(form.path for form in FORMATS.values())]
    earlier = [name for name in known if name in before and os.path.lexists(out / name)]
    folders = [path for path in {(out / name).parent for name in wanted + earlier} if path != out]
    strange = [out / name for name in wanted if os.path.lexists(out / name) and name not in before]
    # What lies behind a link is not in this folder.
    strange += [
        path
        for path in folders
        if os.path.lexists(path) and (path.is_symlink() or not path.is_dir())
    ]
    if strange:
        raise OutputError(
            f"--out must be a folder without files in the way of an export. Received: {out}, with "
            f"{', '.join(path.relative_to(out).as_posix() for path in strange)}, which no export "
            "of this program wrote. Move what you need, or choose another folder with --out."
        )
    return earlier


def swap(out: Path, old: Sequence[str], partial: Path, new: Sequence[str]) -> None:
    """Moves files and folders out of a folder and new ones in: all of them, or none.

    Args:
        out: The folder.
        old: What leaves it, for a folder in `partial`.
        partial: Where the new ones are.
        new: What comes from there.
    """
    moves = [(out / name, partial / "old" / name) for name in old]
    moves += [(partial / name, out / name) for name in new]
    done: list[tuple[Path, Path]] = []
    try:
        for source, target in moves:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.rename(source, target)
            done.append((source, target))
    except OSError:
        for source, target in reversed(done):
            os.rename(target, source)
        raise
    finally:
        for folder in {(out / name).parent for name in (*old, *new)}:
            if folder != out and folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


def replace_earlier(out: Path, partial: Path, names: Sequence[str]) -> list[str]:
    """Swaps an export for what an earlier one left; signals to stop are ignored from here on.

    Args:
        out: The folder.
        partial: Where the new export is.
        names: Its forms; those that failed are not there.

    Returns:
        What is gone, relative to the folder.

    Raises:
        OutputError: If a file stands in the way that no export wrote.
    """
    ignore_stops()
    old = find_earlier(out, names)
    # The manifest last: who finds it finds what it names.
    paths = [*(FORMATS[name].path for name in names), REPORT, PAGE, MANIFEST]
    new = [path for path in paths if (partial / path).exists()]
    swap(out, old, partial, new)
    return [path for path in old if path not in new]
