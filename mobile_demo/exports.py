"""Which models the site shows: folders that `python -m export.run` has written."""

import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tfgan.inference import levels_of
from tfgan.strict_json import REASONS, finite_record
from tfgan.terminal import UserError, python_module

MANIFEST = "manifest.json"
# What people call each system, in the order in which the app shows them, and what training does.
SYSTEMS = {
    "StyleGAN2": "stylegan2",
    "StyleGAN": "stylegan",
    "StarGAN v2": "stargan-v2",
    "StarGAN": "stargan",
}
_STYLE_PANELS = ("seeds", "truncation", "noise", "mixing")
# What manifests of earlier versions did not say, by their `kind`: system and panels.
_BEFORE_PANELS = {
    "StyleGAN2Generator": ("StyleGAN2", _STYLE_PANELS),
    "StyleGANGenerator": ("StyleGAN", _STYLE_PANELS),
    "StarGANv2": ("StarGAN v2", ("domains",)),
    "StarGAN": ("StarGAN", ("labels",)),
}
SMOKE_FORMS = ("float32", "float16", "dynamic")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\.tflite")
_EXPORT = "Export a model: python -m export.run MODEL"


class ExportError(UserError):
    """A folder that is not an export which the app can show."""


class Export(NamedTuple):
    """An export folder.

    Attributes:
        folder: Where it is.
        name: What the model is called.
        system: What people call the system that it is of.
        files: Names of its `.tflite` files.
        manifest: What the app is told of it: the manifest without forms that failed.
    """

    folder: Path
    name: str
    system: str
    files: list[str]
    manifest: dict[str, Any]


def _digest(path: Path) -> str | None:
    """SHA-256 of a file; None where there is no file."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_file(folder: Path, name: str) -> None:
    """Raises ExportError unless a name is that of a `.tflite` file of a folder itself.

    The app makes addresses of names, so what means something there is refused as well.
    """
    if not _NAME.fullmatch(name):
        raise ExportError(
            "a form must be a file of its export folder, with a name of letters, digits, dots, "
            f"dashes and underscores that ends in .tflite. Received: {name!r:.200}. {_EXPORT}"
        )
    if (folder / name).is_symlink():
        raise ExportError(
            f"{folder / name} must be a file of its export folder. Received: a link to another "
            f"place. Put the file itself there, or export again. {_EXPORT}"
        )


def _is_usable(form: dict[str, Any]) -> bool:
    """Whether there is a file, and its comparison with Keras gave numbers.

    Manifests of earlier versions had NaN, which is not JSON, where it did not.
    """
    return form.get("status") != "failed" and REASONS not in finite_record(form)


def _completed(manifest: dict[str, Any]) -> dict[str, Any]:
    """A manifest of an earlier version with what the app reads now; others as they are."""
    if "panels" in manifest or manifest.get("kind") not in _BEFORE_PANELS:
        return manifest
    system, panels = _BEFORE_PANELS[manifest["kind"]]
    if manifest.get("class_names") and "seeds" in panels:
        panels = ("seeds", "truncation", "classes", "noise", "mixing")
    added: dict[str, Any] = {"system": system, "panels": list(panels)}
    if "mixing" in panels:
        # Two styles for each resolution from 4 on; StyleGAN2 has one of 4, and one for the picture.
        size = int(manifest["resolution"])
        each = [1 << i for i in range(2, size.bit_length()) for _ in range(2)]
        sizes = [*each[1:], size] if system == "StyleGAN2" else each
        added["style_levels"] = levels_of(sizes)
    return {**manifest, **added}


def read_export(folder: Path) -> Export:
    """Reads an export folder, and checks that its `.tflite` files are whole.

    Raises:
        ExportError: If it is not an export, says nothing that the app can show, or is not whole.
    """
    about = folder / MANIFEST
    if not about.is_file():
        raise ExportError(
            f"an export folder with a {MANIFEST} is expected. Received: {folder}. {_EXPORT}"
        )
    try:
        manifest = json.loads(about.read_text("utf-8"))
        name = str(manifest["name"])
        forms = [form for form in manifest["forms"] if _is_usable(form)]
        digests = {str(form["path"]): str(form["sha256"]) for form in forms}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ExportError(
            f"{about} must be as python -m export.run writes it. Received: "
            f"{error!r:.100}. {_EXPORT}"
        ) from error
    manifest = _completed(manifest)
    missing = [key for key in ("system", "panels") if not manifest.get(key)]
    if missing:
        raise ExportError(
            f"{about} must say what the app can show. Received: one without "
            f"{' and '.join(missing)}. Export the model again: python -m export.run MODEL"
        )
    # Other forms are not for phones.
    files = [path for path in digests if path.endswith(".tflite")]
    if not files:
        raise ExportError(
            f"an export with .tflite files is expected. Received: {folder}, which has none. "
            f"{_EXPORT} --formats float32"
        )
    for file in files:
        check_file(folder, file)
        digest = _digest(folder / file)
        if digest != digests[file]:
            raise ExportError(
                f"{folder / file} must have the SHA-256 of {MANIFEST}, which begins with "
                f"{digests[file][:8]}. Received: {(digest or 'no such file')[:12]}. {_EXPORT}"
            )
    system = str(manifest["system"])
    return Export(folder, name, system, files, finite_record({**manifest, "forms": forms}))


def newest_exports(runs: Path) -> list[Export]:
    """The newest export of each system under RUNS/*/export, those of `SYSTEMS` first.

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
        newest[export.system] = export
    return [newest[name] for name in dict.fromkeys([*SYSTEMS, *newest]) if name in newest]


def make_exports(runs: Path) -> list[Export]:
    """Trains the smallest model of each system, which takes seconds, and exports it.

    Args:
        runs: Folder of the runs.

    Raises:
        ExportError: If a training or an export fails.
    """
    for system in SYSTEMS.values():
        known = set(runs.glob("*"))
        train = ("training.run", "--model", system, "--preset", "smoke", "--runs", str(runs))
        _run(*train, accepted=(0,))
        (run,) = set(runs.glob("*")) - known
        # So little training may leave forms that look wrong, and 1 says so: the app says it too.
        _run("export.run", str(run), "--formats", *SMOKE_FORMS, accepted=(0, 1))
    return newest_exports(runs)


def _run(module: str, *options: str, accepted: Sequence[int]) -> None:
    """Runs a program of this project, whose lines show what it does.

    Raises:
        ExportError: If its exit status is not among those that are accepted.
    """
    shown = f"python -m {shlex.join([module, *options])}"
    print(shown, flush=True)
    process = subprocess.run([*python_module(module), *options], env=os.environ, check=False)
    if process.returncode not in accepted:
        raise ExportError(
            f"{shown} is expected to make a model to show. Received: exit status "
            f"{process.returncode}. Correct what it reports, or give an export folder."
        )
