"""What a run folder holds, by name, and which run is the latest.

Training writes run folders, and everything else reads them.
"""

import contextlib
import dataclasses
import json
import re
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from tfgan.strict_json import write_json
from tfgan.terminal import UserError

RUNS = Path("runs")  # folder of all runs, unless another is named
LATEST = "latest"  # how users name the newest run

MODEL = "model.keras"  # the model that is drawn from
CONFIG = "config.json"  # system, options, fingerprint of the pictures, and what was changed
STATS = "stats.jsonl"  # a line for each point of the curves
CHECKPOINTS = "checkpoints"  # folder, to resume from
SAMPLES = "samples"  # folder of pictures that were drawn during training
LOGS = "logs"  # folder of what each worker printed

Options = TypeVar("Options")


class RunError(UserError):
    """A run folder is missing, damaged, or of another version of this program."""


def latest_run(runs: Path, holding: str) -> Path | None:
    """Finds the newest run.

    Args:
        runs: Folder of all runs.
        holding: File that it must hold, such as `MODEL`, whose age counts.

    Returns:
        Its folder; None where there is no such run.
    """
    files = [path for path in runs.glob(f"*/{holding}") if path.is_file()]
    return max(files, key=lambda path: path.stat().st_mtime).parent if files else None


def make_run(runs: Path, name: str) -> Path:
    """Makes the next numbered run folder: runs/00007-NAME.

    Raises:
        OSError: If it cannot be made.
    """
    runs.mkdir(parents=True, exist_ok=True)
    while True:
        matches = [re.match(r"(\d{5})-", path.name) for path in runs.iterdir()]
        number = max((int(match.group(1)) for match in matches if match), default=-1) + 1
        folder = runs / f"{number:05d}-{name}"
        with contextlib.suppress(FileExistsError):  # made by another run in this moment
            folder.mkdir()
            return folder


def run_of(model_file: Path) -> Path | None:
    """The run folder that a model file is the model of; None where it is of none."""
    folder = model_file.parent
    return folder if model_file.name == MODEL and (folder / CONFIG).is_file() else None


def trained_on(model_file: Path) -> list[str]:
    """Names of the data sets that a model was trained on, as after `--data`.

    Empty where its folder does not say that; a damaged configuration is `read_config`'s to refuse.
    """
    try:
        stored = json.loads((model_file.parent / CONFIG).read_text("utf-8"))
        return [str(name) for name in stored["data"]]
    except (OSError, ValueError, LookupError, TypeError):
        return []


def save_config(
    path: Path,
    model: str,
    config: Any,
    fingerprint: str,
    changes: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Writes the options of a run as JSON: the whole file, or nothing.

    Args:
        path: Of the file.
        model: Name of the system.
        config: The options, a dataclass.
        fingerprint: Of the pictures.
        changes: What was changed when the run was resumed: "images_seen" at that moment, and the
            name of each option with its values before and after.
    """
    stored = {"model": model, "fingerprint": fingerprint, **dataclasses.asdict(config)}
    stored["changes"] = list(changes)
    write_json(path, stored)


def read_config(path: Path) -> dict[str, Any]:
    """Reads what `save_config` wrote.

    Raises:
        RunError: If the file is missing or damaged.
    """
    try:
        stored = json.loads(path.read_text("utf-8"))
    except OSError:
        raise RunError(f"{path.parent} is not a run folder: it has no {path.name}.") from None
    except ValueError as error:
        raise RunError(f"{path} is damaged: it is not JSON ({error}).") from None
    if not isinstance(stored, dict) or not {"model", "fingerprint"} <= set(stored):
        raise RunError(f"{path} is damaged: it does not name a model and its pictures.")
    return {"changes": [], **stored}  # runs from before they were kept have none


def config_from(stored: Mapping[str, Any], options: type[Options], path: Path) -> Options:
    """Makes all the options of a run again.

    What is not stored has the default: options that are newer than the run change nothing by
    default.

    Args:
        stored: What `read_config` gave, without what is no option.
        options: A dataclass with these fields.
        path: Where it is from.

    Raises:
        RunError: If an option is unknown or of another type.
    """
    hints = typing.get_type_hints(options)
    names = _field_names(options)
    wrong = sorted(set(stored) - set(names))
    values = {}
    for name in set(names) & set(stored):
        values[name] = _read(stored[name], hints[name])
        if values[name] is _MISFIT:
            wrong.append(f"{name}={stored[name]!r}")
    if wrong:
        raise RunError(
            f"{path} is damaged, or of another version of this program. Unknown or wrong: "
            f"{', '.join(wrong)}."
        )
    return options(**values)


def options_from(stored: Mapping[str, Any], options: type[Options], path: Path) -> Options:
    """Makes some of the options of a run again, whatever its system.

    Args:
        stored: What `read_config` gave.
        options: A dataclass with the fields that are wanted, such as `DataOptions`.
        path: Where it is from.

    Raises:
        RunError: If one of them is of another type.
    """
    names = _field_names(options)
    return config_from({n: v for n, v in stored.items() if n in names}, options, path)


def _field_names(options: Any) -> list[str]:
    return [field.name for field in dataclasses.fields(options)]


_MISFIT = object()


def _read(value: Any, annotation: Any) -> Any:
    """A value of JSON as a value of a type, or _MISFIT. JSON has lists for tuples."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return value if value in arguments else _MISFIT
    if origin is tuple:
        items = [_read(item, arguments[0]) for item in value] if isinstance(value, list) else None
        return _MISFIT if items is None or _MISFIT in items else tuple(items)
    if origin in (types.UnionType, typing.Union):
        choices = [_read(value, choice) for choice in arguments]
        return next((choice for choice in choices if choice is not _MISFIT), _MISFIT)
    if annotation is float:
        annotation = int | float
    fits = isinstance(value, annotation) and (annotation is bool or not isinstance(value, bool))
    return value if fits else _MISFIT
