"""Which models the site shows: folders that `python -m export.run` has written."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tfgan.terminal import UserError

MANIFEST = "manifest.json"
# What the app has screens for, with the name that training knows the system by.
KINDS = {
    "StyleGAN2Generator": "stylegan2",
    "StyleGANGenerator": "stylegan",
    "StarGANv2": "stargan-v2",
    "StarGAN": "stargan",
}
SMOKE_FORMS = ("float32", "float16", "dynamic")
_EXPORT = "Export a model: python -m export.run MODEL"


class ExportError(UserError):
    """A folder that is not an export which the app can show."""


class Export(NamedTuple):
    """An export folder.

    Attributes:
        folder: Where it is.
        name: What the model is called.
        kind: One of `KINDS`.
        files: Names of its `.tflite` files.
    """

    folder: Path
    name: str
    kind: str
    files: list[str]


def _digest(path: Path) -> str | None:
    """SHA-256 of a file; None where there is no file."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_export(folder: Path) -> Export:
    """Reads an export folder, and checks that its `.tflite` files are whole.

    Raises:
        ExportError: If it is not an export, not of a kind that the app shows, or not whole.
    """
    about = folder / MANIFEST
    if not about.is_file():
        raise ExportError(
            f"an export folder with a {MANIFEST} is expected. Received: {folder}. {_EXPORT}"
        )
    try:
        manifest = json.loads(about.read_text("utf-8"))
        name, kind = str(manifest["name"]), str(manifest["kind"])
        digests = {str(form["path"]): str(form["sha256"]) for form in manifest["forms"]}
    except (ValueError, KeyError, TypeError) as error:
        raise ExportError(
            f"{about} must be as python -m export.run writes it. Received: "
            f"{error!r:.100}. {_EXPORT}"
        ) from error
    if kind not in KINDS:
        raise ExportError(
            f"the app shows {', '.join(KINDS)}. Received: {folder}, of a {kind}. {_EXPORT}"
        )
    # Other forms are not for phones.
    files = [path for path in digests if path.endswith(".tflite")]
    if not files:
        raise ExportError(
            f"an export with .tflite files is expected. Received: {folder}, which has none. "
            f"{_EXPORT} --formats float32"
        )
    for file in files:
        found = _digest(folder / file)
        if found != digests[file]:
            raise ExportError(
                f"{folder / file} must have the SHA-256 of {MANIFEST}, which begins with "
                f"{digests[file][:8]}. Received: {(found or 'no such file')[:12]}. {_EXPORT}"
            )
    return Export(folder, name, kind, files)


def newest_exports(runs: Path) -> list[Export]:
    """The newest export of each kind of model under RUNS/*/export, in the order of `KINDS`.

    Those that the app cannot show are named, and left out.
    """
    newest: dict[str, Export] = {}
    manifests = runs.glob(f"*/export/{MANIFEST}")
    for path in sorted(manifests, key=lambda path: path.stat().st_mtime):
        try:
            export = read_export(path.parent)
        except ExportError as error:
            print(f"left out: {error}", file=sys.stderr, flush=True)
            continue
        newest[export.kind] = export
    return [newest[kind] for kind in KINDS if kind in newest]


def make_exports(runs: Path) -> list[Export]:
    """Trains the smallest model of each system, which takes seconds, and exports it.

    Args:
        runs: Folder of the runs.

    Raises:
        ExportError: If a training or an export fails.
    """
    for system in KINDS.values():
        known = set(runs.glob("*"))
        train = ("training.run", "--model", system, "--preset", "smoke", "--runs", str(runs))
        _run(*train, accepted=(0,))
        (made,) = set(runs.glob("*")) - known
        # So little training may leave forms that look wrong, and 1 says so: the app says it too.
        _run("export.run", str(made), "--formats", *SMOKE_FORMS, accepted=(0, 1))
    return newest_exports(runs)


def _run(*command: str, accepted: Sequence[int]) -> None:
    """Runs a program of this project, whose lines show what it does.

    Raises:
        ExportError: If its exit status is not among those that are accepted.
    """
    shown = f"python -m {' '.join(command)}"
    print(shown, flush=True)
    done = subprocess.run([sys.executable, "-m", *command], env=os.environ, check=False)
    if done.returncode not in accepted:
        raise ExportError(
            f"{shown} is expected to make a model to show. Received: exit status "
            f"{done.returncode}. Mend what it says, or give an export folder."
        )
