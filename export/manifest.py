"""What an export says of itself: in `manifest.json`, and within each `.tflite` file."""

import hashlib
import importlib.metadata
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from export.formats import FORMATS
from export.report import Result
from export.signatures import Case, Exportable, Spec
from tfgan.runs import run_of

VERSION = 1

ABOUT = {
    "panels": "What an app lets users choose; the first says which screen it is.",
    "style_levels": "Places of the coarse, middle and fine styles, for style mixing.",
    "signatures": "Inputs and outputs by name; tensors says what they hold. Where a shape begins "
    "with null, that is the batch: batch_size of the form, or any where that is null too.",
    "ways_to_pictures": "Signatures in the order in which they are run; the last gives images.",
    "bytes": "Of the file, or of all files of the SavedModel together.",
    "sha256": "Of the file. Of the SavedModel, in its folder: "
    "find * -type f | LC_ALL=C sort | xargs sha256sum | sha256sum",
    "default_signature": "What TensorFlow Serving runs where none is named; .tflite files have "
    "none, so name one.",
    "psnr_db": "Peak signal-to-noise ratio of pictures against Keras in float32; null where every "
    "value is equal, which equal_to_keras says, and where the form failed.",
    "worst_psnr_db": "Of the picture that is least like Keras'.",
    "path": "File or folder beside this one; null where status is failed: there is none.",
    "floor_db": "PSNR from which the form is good.",
    "status": "good; poor, where floor_db is not reached; or failed, where the form could not be "
    "made, or gives values that are not finite.",
    "reason": "Why the form is not good; null where it is.",
    "no_advantage_over": "Name of a form that is smaller, faster and more like Keras; null where "
    "there is none.",
    "ms_per_picture": "Median time of timed_signature alone, batch 1, with timed_threads threads, "
    "on the machine that report.json names.",
}


def digest_of(path: Path) -> str:
    """SHA-256 of a file, or, of a folder, that of the lines which sha256sum prints of its files.

    They are sorted by their paths, relative to the folder.
    """
    if path.is_dir():
        files = (file for file in path.rglob("*") if file.is_file())
        names = {file.relative_to(path).as_posix(): file for file in files}
        lines = (f"{digest_of(file)}  {name}\n" for name, file in sorted(names.items()))
        return hashlib.sha256("".join(lines).encode()).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def _interface(exportable: Exportable, cases: Sequence[Case]) -> dict[str, Any]:
    """Inputs and outputs of all signatures; a shape starts with null for the batch."""
    described = {}
    for name, signature in exportable.signatures.items():
        case = next(case for case in cases if case.signature == name)
        described[name] = {
            "inputs": {key: spec._asdict() for key, spec in signature.inputs.items()},
            "outputs": {
                key: Spec((None, *value.shape[1:]), value.dtype.name)._asdict()
                for key, value in case.outputs.items()
            },
            "in_tflite": signature.in_tflite,
        }
    return described


def facts_of(exportable: Exportable, cases: Sequence[Case], model_file: Path) -> dict[str, Any]:
    """What every file of an export says: what the model is, takes and gives, and where it is from.

    Args:
        exportable: The model and its uses.
        cases: Of all its signatures.
        model_file: The `.keras` file.
    """
    in_run = run_of(model_file) is not None
    return {
        "manifest_version": VERSION,
        "name": model_file.absolute().parent.name if in_run else model_file.stem,
        "kind": type(exportable.model).__name__,
        "system": exportable.system,
        "panels": list(exportable.panels),
        **exportable.facts,
        "signatures": _interface(exportable, cases),
        "ways_to_pictures": [list(flow.signatures) for flow in exportable.flows],
        "provenance": {
            "model": model_file.name,
            "model_sha256": digest_of(model_file),
            **{name: importlib.metadata.version(name) for name in ("tfgan", "tensorflow")},
            "exported": datetime.now(UTC).isoformat(timespec="seconds"),
        },
    }


def _described(result: Result, facts: dict[str, Any], default: str) -> dict[str, Any]:
    """A form; where it failed, numbers and the path are null, for there is no file."""
    in_tflite, failed = FORMATS[result.form].in_tflite, result.status == "failed"
    threads, milliseconds = min(
        result.ms_per_picture.items(), key=lambda item: item[1], default=(None, None)
    )
    return {
        "form": result.form,
        "path": None if failed else result.path,
        "bytes": result.bytes,
        "sha256": result.sha256,
        "signatures": [
            name for name, one in facts["signatures"].items() if one["in_tflite"] or not in_tflite
        ],
        "default_signature": None if in_tflite else default,
        "batch_size": 1 if in_tflite else None,
        "status": result.status,
        "reason": result.reason,
        "psnr_db": result.psnr_db,
        "worst_psnr_db": result.worst_psnr_db,
        "no_advantage_over": result.no_advantage_over,
        "equal_to_keras": result.psnr_db is None and not failed,
        "floor_db": result.floor_db,
        "ms_per_picture": milliseconds,
        "timed_signature": result.timed_signature,
        "timed_threads": None if threads is None else int(threads),
    }


def manifest(
    facts: dict[str, Any], default: str, results: Sequence[Result], recommended: str | None
) -> dict[str, Any]:
    """The whole of `manifest.json`: the facts, and every form.

    Args:
        facts: What `facts_of` gave.
        default: The signature that a SavedModel answers with where none is named.
        results: Of all forms.
        recommended: Name of one of them.
    """
    forms = [_described(result, facts, default) for result in results]
    return {**facts, "forms": forms, "recommended": recommended, "about": ABOUT}
