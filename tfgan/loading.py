"""Finds and opens `.keras` files for the command lines, with messages that a user can act on."""

import hashlib
import importlib
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from tfgan.archives import BROKEN, check_archive, read_member
from tfgan.runs import LATEST, MODEL, RUNS, latest_run
from tfgan.terminal import UserError

# Importing a module registers its classes with Keras, which then reads them from files.
MODULES = (
    "tfgan.models.classifier",
    "tfgan.models.feature_discriminator",
    "tfgan.models.inception",
    "tfgan.models.landmarks",
    "tfgan.models.lpips",
    "tfgan.models.stargan",
    "tfgan.models.stargan_v2",
    "tfgan.models.stylegan",
    "tfgan.models.stylegan2",
    "tfgan.models.stylegan2_discriminator",
    "tfgan.models.stylegan_discriminator",
    "tfgan.models.vgg",
)
PRETRAINED = Path(__file__).parent / "pretrained"  # models that come with the package, and cards
# Bytes of what is no weights: a StyleGAN2 of 1024 pixels has a config.json of 5,000. As Python's
# dictionaries a text can take forty times its size.
_LIMITS = {"config.json": 2**20, "metadata.json": 2**20}


class ModelError(UserError):
    """A model file is missing, damaged, or of another kind than asked for."""


class OutputError(UserError):
    """A result cannot be written where it is wanted."""


def check_writable(folder: Path, field: str = "out", advice: str = "") -> None:
    """Raises OutputError if files cannot be made in a folder, or the folder itself cannot be.

    Args:
        folder: Where files are to be written.
        field: Option that names another place.
        advice: What else can be done, such as "make room there".
    """
    existing = folder.absolute()
    while not existing.exists():
        existing = existing.parent
    try:
        # Permission bits say little: root passes them, and read-only disks ignore them.
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise OutputError(
            named=existing,
            expected=f"cannot be written to ({error.strerror})",
            advice=f"Choose another place with `{field}`{advice and ', or ' + advice}.",
        ) from error


def pretrained_names() -> list[str]:
    """Names of the models that come with the package, each a folder like that of a run."""
    return sorted(file.parent.name for file in PRETRAINED.glob(f"*/{MODEL}"))


def results_folder(model_file: Path) -> Path:
    """Where results of a model go by default: beside it, or where the user is if it is ours."""
    ours = PRETRAINED in model_file.absolute().parents
    return Path() if ours else model_file.parent


def find_model(name: str | Path) -> Path:
    """Returns the file that a user means.

    Args:
        name: A `.keras` file, a run folder (its model.keras), or where no file or folder has that
            name, "latest" (the newest run with a model.keras under ./runs) or the name of a model
            that comes with the package.

    Raises:
        ModelError: If there is no such file.
    """
    path = Path(name)
    if str(name) in pretrained_names() and not path.exists():
        return PRETRAINED / name / MODEL
    if str(name) == LATEST and not path.exists():
        folder = latest_run(RUNS, MODEL)
        if folder is None:
            raise ModelError(
                f"there is no run with a {MODEL} under {RUNS.absolute()}. Train one, or give "
                "the path of a .keras file."
            )
        return folder / MODEL
    if path.is_dir():
        if not (path / MODEL).is_file():
            raise ModelError(
                f"{path} is a folder without {MODEL}. Give a run folder or a .keras file."
            )
        return path / MODEL
    if not path.is_file():
        raise ModelError(
            f"there is no file {path}. Give a .keras file, a run folder, or the name of a model of "
            f"the package: {', '.join(pretrained_names()) or 'there is none'}."
        )
    if path.suffix != ".keras":
        raise ModelError(
            f"the model must be a .keras file or a run folder. Received: {path}. Of a published "
            "checkpoint python -m tfgan.importers makes one."
        )
    return path


def class_of(path: str | Path) -> str:
    """Name of the class of the model in a `.keras` file, without building it.

    Raises:
        ModelError: If the file is missing or is not a `.keras` file.
    """
    path = find_model(path)
    try:
        with zipfile.ZipFile(path) as archive:
            config = read_member(archive, "config.json", _LIMITS["config.json"])
            return str(json.loads(config)["class_name"])
    except (*BROKEN, KeyError, TypeError, RecursionError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> ModelError:
    reason = str(error).strip("'") or type(error).__name__
    return ModelError(f"{path} is not a .keras file, or was cut short: {reason}.")


def load_model(path: str | Path) -> Any:
    """Opens a `.keras` file of any model of this package.

    Raises:
        ModelError: If the file is missing or cannot be read.
    """
    import keras

    path = find_model(path)
    class_of(path)
    try:
        with zipfile.ZipFile(path) as archive:
            check_archive(archive, _LIMITS)
    except BROKEN as error:
        raise _damaged(path, error) from error
    for module in MODULES:
        importlib.import_module(module)
    try:
        return keras.saving.load_model(path, compile=False)
    # A damaged archive, or one of another program, fails in as many ways as Keras has readers.
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(f"{path} cannot be read as a model of this package: {reason}") from error


def weights_digest(model: Any) -> str:
    """Sixteen hexadecimal digits that change with the weights of a model, whatever file has them.

    SHA-256 of all variables' paths below the model, shapes and values. So results that were made
    with a network can be kept, and found again.
    """
    digest = hashlib.sha256()
    for variable in sorted(model.variables, key=lambda variable: variable.path):
        value = variable.numpy()
        path = variable.path.partition("/")[2]
        digest.update(f"{path} {value.dtype} {value.shape}\n".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()[:16]
