"""The site: the app as npm builds it, the models, pictures to try, and icons."""

import gzip
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image

from mobile_demo.exports import MANIFEST, Export, check_file
from tfgan.data.avatars import draw, person_of
from tfgan.strict_json import write_json
from tfgan.terminal import UserError, install_line

APP = Path(__file__).parent
BUILT = APP / "dist"
NODE_VERSION = (20, 19)
# Files of which a browser loads half as many bytes when they are packed.
PACKED = {".css", ".html", ".js", ".json", ".tflite", ".txt", ".wasm", ".webmanifest"}

SAMPLES = 12
SAMPLE_SIZE = 128
# From here on are people that no set trains on.
FIRST_SAMPLE = 1_000_000
# Someone whose face stays within the circle that phones cut icons to.
ICON_PERSON = 7
ICON_SIZES = (192, 512)


class BuildError(UserError):
    """The app cannot be built."""


def _npm_environment() -> dict[str, str]:
    """With the node of this Python environment, where it has one, before that of the system."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**os.environ, "PATH": path}


def check_app(build: bool) -> None:
    """Looks for what makes the app, or for the app as it was made before; soon done.

    Args:
        build: Whether it will be built.

    Raises:
        BuildError: If node and npm are missing or too old, or nothing was built.
    """
    if build:
        _find_npm(_npm_environment())
    elif not (BUILT / "index.html").is_file():
        raise BuildError(
            f"a built app is expected in {BUILT}. Received: nothing. Leave --no-build out."
        )


def _find_npm(environment: dict[str, str]) -> str:
    """Path of an npm whose node is new enough."""
    npm = shutil.which("npm", path=environment["PATH"])
    node = shutil.which("node", path=environment["PATH"])
    needed = ".".join(map(str, NODE_VERSION))
    if npm is None or node is None:
        raise BuildError(
            f"building the app needs npm and node {needed} or newer, which are not on the path. "
            f"Use {install_line('demo')}"
        )
    version = subprocess.run(
        [node, "--version"], capture_output=True, text=True, check=False, env=environment
    ).stdout.strip()
    if tuple(map(int, re.findall(r"\d+", version)))[:2] < NODE_VERSION:
        raise BuildError(
            f"node {needed} or newer is expected. Received: {node}, version "
            f"{version or 'unknown'}. Use {install_line('demo')}"
        )
    return npm


def _npm(*arguments: str) -> None:
    environment = _npm_environment()
    npm = _find_npm(environment)
    done = subprocess.run(
        [npm, *arguments], cwd=APP, capture_output=True, text=True, check=False, env=environment
    )
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-12:]
        raise BuildError(
            f"npm {' '.join(arguments)} in {APP} is expected to end well. Received: exit status "
            f"{done.returncode}. Correct what it reports, then try again:\n" + "\n".join(last)
        )


def build_app() -> None:
    """Installs the packages that the lock file names, where they are not there, and builds.

    Raises:
        BuildError: If npm is missing or fails.
    """
    installed = APP / "node_modules" / ".package-lock.json"
    lock = APP / "package-lock.json"
    if not installed.is_file() or installed.stat().st_mtime < lock.stat().st_mtime:
        print("Installing the app's packages", flush=True)
        _npm("ci", "--no-audit", "--no-fund")
    print("Building the app", flush=True)
    _npm("run", "build")


def write_samples(folder: Path) -> list[dict]:
    """Draws the pictures to try; returns their paths, and the labels that are true of each."""
    (folder / "samples").mkdir()
    samples = []
    for index in range(SAMPLES):
        person = person_of(0, FIRST_SAMPLE + index)
        labels = person.labels()
        path = f"samples/{index}.png"
        draw(person, SAMPLE_SIZE).save(folder / path, optimize=True)
        true = [name for name, value in labels["attributes"].items() if value]
        samples.append({"path": path, "labels": [*true, labels["expression"], labels["domain"]]})
    return samples


def write_icons(folder: Path) -> None:
    """Draws the icons of the home screen."""
    (folder / "icons").mkdir()
    face = draw(person_of(0, ICON_PERSON), max(ICON_SIZES))
    for size in ICON_SIZES:
        icon = face.resize((size, size), Image.Resampling.LANCZOS)
        icon.save(folder / "icons" / f"{size}.png", optimize=True)


def _unique_names(exports: Sequence[Export]) -> list[str]:
    """Folder names for the models: their own, and a number where two are equal."""
    names: list[str] = []
    for export in exports:
        base = re.sub(r"[^\w.-]+", "-", export.name).strip("-.") or "model"
        number = 2
        name = base
        while name in names:
            name, number = f"{base}-{number}", number + 1
        names.append(name)
    return names


def write_site(exports: Sequence[Export], folder: Path) -> None:
    """Puts the built app and the models into a folder, as files for any web server.

    Args:
        exports: The models, in the order in which they are shown.
        folder: A new or empty folder.

    Raises:
        BuildError: If the app was not built.
        ExportError: If a model names a file that is not in its export folder.
    """
    for export in exports:
        for name in export.files:
            check_file(export.folder, name)
    check_app(build=False)
    shutil.copytree(BUILT, folder, dirs_exist_ok=True)
    places = [f"models/{name}" for name in _unique_names(exports)]
    for export, place in zip(exports, places, strict=True):
        (folder / place).mkdir(parents=True)
        write_json(folder / place / MANIFEST, export.manifest)
        for name in export.files:
            shutil.copyfile(export.folder / name, folder / place / name)
    write_icons(folder)
    listed = {"models": places, "samples": write_samples(folder)}
    write_json(folder / "models.json", listed)


def pack(folder: Path) -> None:
    """Writes FILE.gz beside each file that becomes smaller by it, for our own server."""

    def pack_one(path: Path) -> None:
        packed = gzip.compress(path.read_bytes(), compresslevel=6, mtime=0)
        path.with_name(path.name + ".gz").write_bytes(packed)

    files = [path for path in folder.rglob("*") if path.suffix in PACKED]
    with ThreadPoolExecutor() as threads:
        list(threads.map(pack_one, files))
