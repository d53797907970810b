"""Command line: a trained generator as a SavedModel and as `.tflite`, checked against Keras."""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfgan.loading import check_writable, find_model, load_generator
from tfgan.terminal import UserError, import_tensorflow, quiet

LARGEST_DIFFERENCE = 1e-3  # share of the value range

_ABOUT = """Exports a trained generator and checks every file against the Keras model.

MODEL is a .keras file, a run folder (its model.keras), or "latest": the newest run under ./runs.
"""


class CheckError(RuntimeError):
    """An exported file does not do what the Keras model does."""


@dataclass(frozen=True)
class Format:
    """A kind of file that a generator can be exported to.

    Attributes:
        about: One line for --help.
        path: File or folder, relative to the output folder.
        write: Makes it from a float32 generator.
        open_runner: Loads it, and returns latents, psi, labels -> images.
    """

    about: str
    path: str
    write: Callable[[Any, Path], None]
    open_runner: Callable[[Path], Any]


# The modules behind these load TensorFlow, which --help and early mistakes need not wait for.
def _write_saved_model(model, path: Path) -> None:
    from export import saved_model

    saved_model.write(model, path)


def _open_saved_model(path: Path):
    from export import saved_model

    return saved_model.open_runner(path)


def _write_float32(model, path: Path) -> None:
    from export import tflite

    tflite.write(model, path)


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


def _parser() -> argparse.ArgumentParser:
    formats = "\n".join(f"  {name:<12} {form.about}" for name, form in FORMATS.items())
    parser = argparse.ArgumentParser(
        prog="python -m export.run",
        description=_ABOUT,
        epilog=f"formats:\n{formats}\n\nexamples:\n  python -m export.run latest\n"
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


def export(model, formats: list[str], out: Path) -> list[Any]:
    """Writes and checks formats; files appear under their names only once all have passed.

    Args:
        model: A generator.
        formats: Keys of `FORMATS`.
        out: An existing folder.

    Returns:
        One `report.Result` per format.

    Raises:
        CheckError: If a file differs from Keras by more than `LARGEST_DIFFERENCE` of the range.
    """
    from export.report import measure
    from export.saved_model import in_float32

    model = in_float32(model)
    results = []
    partials = {name: out / f".partial-{os.getpid()}-{name}" for name in dict.fromkeys(formats)}
    try:
        for name, partial in partials.items():
            form = FORMATS[name]
            print(f"Writing {name}", flush=True)
            with quiet():
                form.write(model, partial)
            print(f"Checking {name} against Keras", flush=True)
            with quiet():
                result = measure(model, name, partial, form.path, form.open_runner(partial))
            if not result.max_difference <= LARGEST_DIFFERENCE:
                raise CheckError(
                    f"{name} differs from Keras by {result.max_difference:.2g} of the value range; "
                    f"at most {LARGEST_DIFFERENCE:g} is allowed. Nothing was written."
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
        print(f"Loading {model_file}", flush=True)
        import_tensorflow()
        model = load_generator(model_file)
        out.mkdir(parents=True, exist_ok=True)
        results = export(model, options.formats, out)
    except (UserError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped; formats that were not ready are not there.", file=sys.stderr)
        return 130
    except RuntimeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    from export.report import table

    text = json.dumps(
        {
            "model": str(model_file),
            "resolution": model.resolution,
            "class_names": list(model.class_names),
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
