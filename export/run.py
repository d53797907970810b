"""Command line: a trained model as a SavedModel and as `.tflite`, checked against Keras."""

import argparse
import json
import os
import shutil
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from export.signatures import KINDS, Case, Exportable, in_float32, kind_of
from tfgan.loading import check_writable, find_model, load_model
from tfgan.terminal import UserError, import_tensorflow, quiet

LARGEST_DIFFERENCE = 1e-3  # share of the range of an output

_ABOUT = """Exports a trained model and checks every file against the Keras model.

MODEL is a .keras file, a run folder (its model.keras), or "latest": the newest run under ./runs.
Its uses become signatures of each file. export.json says what each takes and gives (null in a
shape is the batch size) and what the labels stand for.
"""


class CheckError(RuntimeError):
    """An exported file does not do what the Keras model does."""


@dataclass(frozen=True)
class Format:
    """A kind of file that a model can be exported to.

    Attributes:
        about: One line for --help.
        path: File or folder, relative to the output folder.
        write: Makes it.
        open_runner: Loads it, and returns what runs its signatures.
    """

    about: str
    path: str
    write: Callable[[Exportable, Path], None]
    open_runner: Callable[[Path], Any]


# The modules behind these load TensorFlow, which --help and early mistakes need not wait for.
def _write_saved_model(exportable: Exportable, path: Path) -> None:
    from export import saved_model

    saved_model.write(exportable, path)


def _open_saved_model(path: Path):
    from export import saved_model

    return saved_model.open_runner(path)


def _write_float32(exportable: Exportable, path: Path) -> None:
    from export import tflite

    tflite.write(exportable, path)


def _open_tflite(path: Path):
    from export import tflite

    return tflite.open_runner(path)


FORMATS = {
    "saved-model": Format(
        "for TensorFlow and TensorFlow Serving, any batch size",
        "saved_model/1",
        _write_saved_model,
        _open_saved_model,
    ),
    "float32": Format(
        ".tflite of built-in operators, one picture at a time",
        "float32.tflite",
        _write_float32,
        _open_tflite,
    ),
}


def _listed(about: dict[str, str]) -> str:
    """Names, and beside them what is said of each."""
    width = max(map(len, about)) + 2
    lines = (
        f"{name:<{width}}" + text.replace("\n", "\n" + " " * width) for name, text in about.items()
    )
    return textwrap.indent("\n".join(lines), "  ")


def _parser() -> argparse.ArgumentParser:
    formats = _listed({name: form.about for name, form in FORMATS.items()})
    kinds = _listed({name: kind.about for name, kind in KINDS.items()})
    parser = argparse.ArgumentParser(
        prog="python -m export.run",
        description=_ABOUT,
        epilog=f"formats:\n{formats}\n\nmodels and their signatures:\n{kinds}\n\n"
        "examples:\n  python -m export.run latest\n"
        "  python -m export.run model.keras --formats float32 -o phone\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL", help='.keras file, run folder, or "latest"')
    parser.add_argument(
        "--formats", nargs="+", choices=list(FORMATS), default=list(FORMATS), help="default: all"
    )
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        help="folder (default: export in the run folder, or NAME-export beside the .keras file)",
    )
    return parser


def output_folder(given: str, model_file: Path, out: Path | None) -> Path:
    """The folder to write to: as asked for, in the run folder, or beside the file."""
    if out is not None:
        return out
    is_run = given == "latest" or Path(given).is_dir()
    return model_file.parent / ("export" if is_run else f"{model_file.stem}-export")


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _replace(new: Path, target: Path) -> None:
    """Renames a file or folder to `target`, whatever stood there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    old = new.with_name(new.name + "-old")
    _remove(old)
    if target.exists():
        os.replace(target, old)
    os.replace(new, target)
    _remove(old)


def export(exportable: Exportable, cases: list[Case], formats: list[str], out: Path) -> list[Any]:
    """Writes and checks formats; files appear under their names only once all have passed.

    Args:
        exportable: A model and its uses.
        cases: Of all its signatures.
        formats: Keys of `FORMATS`.
        out: An existing folder.

    Returns:
        One `report.Result` per format.

    Raises:
        CheckError: If a file differs from Keras by more than `LARGEST_DIFFERENCE`.
    """
    from export.report import measure

    results = []
    partials = {name: out / f".partial-{os.getpid()}-{name}" for name in dict.fromkeys(formats)}
    try:
        for name, partial in partials.items():
            form = FORMATS[name]
            print(f"Writing {name}", flush=True)
            with quiet():
                form.write(exportable, partial)
            print(f"Checking {name} against Keras", flush=True)
            with quiet():
                runner = form.open_runner(partial)
            result = measure(exportable, cases, name, partial, form.path, runner)
            if not result.checked_difference <= LARGEST_DIFFERENCE:
                raise CheckError(
                    f"{result.worst_signature} of {name} differs from Keras by "
                    f"{result.checked_difference:.2g} of the range of its values; at most "
                    f"{LARGEST_DIFFERENCE:g} is allowed. Nothing was written."
                )
            results.append(result)
        for name, partial in partials.items():
            _replace(partial, out / FORMATS[name].path)
    finally:
        for partial in partials.values():
            _remove(partial)
    return results


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        model_file = find_model(options.model)
        out = output_folder(options.model, model_file, options.out)
        check_writable(out)
        kind = kind_of(model_file)
        print(f"Loading {model_file}", flush=True)
        import_tensorflow()
        exportable = kind.describe(in_float32(load_model(model_file)))
        examples = len(exportable.examples)
        cases = list(tqdm(exportable.cases(), "Running Keras", examples, delay=2))
        out.mkdir(parents=True, exist_ok=True)
        results = export(exportable, cases, options.formats, out)
    except (UserError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped; formats that were not ready are not there.", file=sys.stderr)
        return 130
    except RuntimeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    from export.report import interface, table

    model = exportable.model
    text = json.dumps(
        {
            "model": str(model_file),
            "kind": type(model).__name__,
            **exportable.facts,
            "signatures": interface(exportable, cases),
            "default_signature": exportable.default,
            "results": [result.as_json() for result in results],
        },
        indent=2,
    )
    partial = out / ".partial-export.json"
    partial.write_text(text + "\n")
    os.replace(partial, out / "export.json")
    print(table(results))
    print(f"Wrote {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
