"""What an export says of itself: in `manifest.json`, and within each `.tflite` file."""

import hashlib
import importlib.metadata
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from export.report import Result
from export.signatures import Case, Exportable, Spec

VERSION = 1


def digest_of(path: Path) -> str:
    """SHA-256 of a file."""
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
    in_run = model_file.name == "model.keras" and (model_file.parent / "config.json").is_file()
    return {
        "manifest_version": VERSION,
        "name": model_file.absolute().parent.name if in_run else model_file.stem,
        "kind": type(exportable.model).__name__,
        **exportable.facts,
        "signatures": _interface(exportable, cases),
        "default_signature": exportable.default,
        "provenance": {
            "model": model_file.name,
            "model_sha256": digest_of(model_file),
            **{name: importlib.metadata.version(name) for name in ("tfgan", "tensorflow")},
            "exported": datetime.now(UTC).isoformat(timespec="seconds"),
        },
    }


def manifest(
    facts: dict[str, Any], results: Sequence[Result], recommended: str | None
) -> dict[str, Any]:
    """The whole of `manifest.json`: the facts, and every form that there is.

    Args:
        facts: What `facts_of` gave.
        results: Of all forms.
        recommended: Name of one of them.
    """
    forms = [
        {
            "form": result.form,
            "path": result.path,
            "bytes": result.bytes,
            "sha256": result.sha256,
            "psnr_db": result.psnr_db,
            "ms_per_picture": min(result.ms_per_picture.values()),
            "status": result.status,
        }
        for result in results
        if result.status != "failed"
    ]
    return {**facts, "forms": forms, "recommended": recommended}
