"""Command line: a trained model as SavedModel and `.tflite` files, each compared with Keras."""

import argparse
import contextlib
import dataclasses
import functools
import json
import math
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from export.compare import Distance, Expected, expect
from export.examples import drawn_faces, examples_of
from export.families import FAMILIES, ModelFamily, family_of
from export.folder import (
    MANIFEST,
    PAGE,
    REPORT,
    STOPS,
    find_earlier,
    partial_folder,
    remove,
    replace_earlier,
)
from export.forms import FORMS, Materials
from export.pictures import data_of_run, read_pictures
from tfgan.arithmetic import in_float32, without_tf32
from tfgan.loading import check_writable, find_model, load_model
from tfgan.strict_json import write_json
from tfgan.terminal import (
    CommandParser,
    UserError,
    exit_status,
    import_tensorflow,
    python_module,
    quiet,
    require,
    run_command,
)

if TYPE_CHECKING:
    from export.report import Result

SLOW = "int16x8"
LPIPS_FILES = "TFGAN_LPIPS_ALEX"  # environment variable
LPIPS_SMALLEST = 32  # pixels of the smallest pictures that AlexNet takes
# Options of training.evaluate that are set here, or that measure nothing.
TAKEN = ("--out", "--tflite", "--noise", "--help", "-h")
SHOWN = 8  # examples of each way to pictures that the report shows, of those it compares

_ABOUT = """Exports a trained model in several forms, and compares each with the Keras model.

MODEL is a .keras file, a run folder (its model.keras), or "latest": the newest run under ./runs.
Its uses become signatures of each file. The folder then holds

  manifest.json  what the files take and give, what labels stand for, where they are from
  report.html    pictures of all forms side by side, sizes, times, and which file to ship
  report.json    the same numbers

and nothing of an earlier export, which is known by its manifest. All other files in the folder are
kept; where one has the name of a file to be written, that is an error. Forms of 8 bits keep the
layers that spoil the picture most in higher precision, as many as it takes to reach --min-psnr: the
smallest file that is good enough is found.

The exit status is 0 if every form is good, and 1 if one failed or looks wrong (the report says
which). It is 2 for a mistake in what was asked for, and 130 or 143 after Ctrl-C or SIGTERM; then
nothing is written.
"""


class ExportError(UserError):
    """Something was asked for that cannot be exported."""


def _listed(about: dict[str, str]) -> str:
    """Names, and beside them what is said of each."""
    width = max(map(len, about)) + 2
    lines = (
        f"{name:<{width}}" + text.replace("\n", "\n" + " " * width) for name, text in about.items()
    )
    return textwrap.indent("\n".join(lines), "  ")


def _decibels(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 10 <= value <= 100:
        raise argparse.ArgumentTypeError(f"must be from 10 to 100 dB. Received: {text}.")
    return value


def _evaluate_options(text: str) -> list[str]:
    try:
        options = shlex.split(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"must be options as a shell takes them. Received: {text} ({error})."
        ) from error
    taken = [option for option in options if option.partition("=")[0] in TAKEN]
    if taken:
        raise argparse.ArgumentTypeError(
            f"must be options of python -m training.evaluate but {', '.join(TAKEN)}. Received: "
            f"{' '.join(taken)}. Leave it out."
        )
    return options


def _parser() -> CommandParser:
    forms = _listed({name: form.about for name, form in FORMS.items()})
    families = _listed({name: family.about for name, family in FAMILIES.items()})
    parser = CommandParser(
        prog="python -m export.run",
        description=_ABOUT,
        epilog=f"formats:\n{forms}\n\nmodels and their signatures:\n{families}\n\n"
        "examples:\n  python -m export.run latest\n"
        "  python -m export.run model.keras --formats float16 dynamic -o phone\n"
        "  python -m export.run stargan.keras --pictures my_faces\n"
        "  python -m export.run model.keras --formats int8 --min-psnr 40\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL", help='.keras file, run folder, or "latest"')
    parser.add_argument(
        "--formats",
        nargs="+",
        metavar="FORMAT",
        choices=list(FORMS),
        default=[name for name in FORMS if name != SLOW],
        help=f"forms to write; see below (default: all but {SLOW}, which is slow on phones)",
    )
    parser.add_argument(
        "--min-psnr",
        type=_decibels,
        metavar="DB",
        help="likeness to Keras that forms of 8 bits must reach; layers that spoil it are kept in "
        "higher precision until they do (default: 38 for StyleGANs and 35 for StarGANs; int8 32, "
        "int16x8 38)",
    )
    parser.add_argument(
        "--pictures",
        nargs="+",
        metavar="DATA",
        help="for StarGANs, pictures to compare and to calibrate int8 and int16x8 with: a folder, "
        "tfds:NAME or avatars (default: what the run was trained on)",
    )
    parser.add_argument(
        "--lpips",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="weights of LPIPS on AlexNet, to report it as well; see python -m training.evaluate "
        "--help (default: the files in TFGAN_LPIPS_ALEX)",
    )
    parser.add_argument(
        "--evaluate",
        metavar="OPTIONS",
        type=_evaluate_options,
        help="also measure Keras and each .tflite with python -m training.evaluate MODEL OPTIONS, "
        'such as "--metrics swd avatar-fd --count 600"; StyleGANs with the fixed noise of the '
        "files, so that all can be compared",
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


def picture_sets(
    given: Sequence[str] | None, model_file: Path, family: ModelFamily, formats: Sequence[str]
) -> list[str]:
    """The data sets whose pictures are looked at; empty where drawn faces do.

    Raises:
        ExportError: If a form is calibrated with pictures, and none are named.
    """
    if not family.takes_pictures:
        if given:
            raise ExportError(
                f"--pictures belongs to models that change pictures. Received: {model_file}, which "
                "draws its own. Leave it out."
            )
        return []
    names = list(given or data_of_run(model_file))
    calibrated = [name for name in formats if FORMS[name].calibrated]
    if calibrated and not names:
        free = " ".join(name for name in FORMS if not FORMS[name].calibrated)
        raise ExportError(
            f"--formats {' '.join(calibrated)} must be calibrated with pictures like those that "
            f"the model will see. Received: {model_file}, which is of no run that names any. Give "
            f"--pictures FOLDER, or --formats {free}."
        )
    return names


def lpips_files(given: Sequence[Path] | None) -> list[Path]:
    """The weights of LPIPS: those given, or those of the environment; empty without any.

    Raises:
        ExportError: If one of them is not there.
    """
    named = os.environ.get(LPIPS_FILES, "")
    files = list(given or [Path(part) for part in named.split(os.pathsep) if part])
    for file in files:
        if not file.is_file():
            where = "--lpips" if given else LPIPS_FILES
            raise ExportError(f"{where} must name files. Received: {file}, which is none.")
    return files


def _open_lpips(files: Sequence[Path]) -> Distance:
    """Mean LPIPS of two stacks of pictures."""
    from tfgan.importers.feature_networks import load_lpips

    network = load_lpips("alex", files)
    return lambda images, others: float(np.mean(network(images, others)))


def evaluate(model_file: Path, options: Sequence[str], own: Sequence[str]) -> dict[str, float]:
    """What `training.evaluate` measures of a model, by name.

    Args:
        model_file: The `.keras` file.
        options: What the user asks for.
        own: Options of `TAKEN`: a `.tflite` file in place of the model, or which noise it has.

    Raises:
        ExportError: If it says that something is wrong.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "evaluation.json"
        command = [*python_module("training.evaluate"), str(model_file), *own, *options]
        done = subprocess.run(
            [*command, "--out", str(out)], check=False, stdout=subprocess.PIPE, text=True
        )
        # Nobody is sent to a file that is about to go.
        for line in done.stdout.splitlines():
            if not line.startswith("Wrote "):
                print(line, flush=True)
        if done.returncode != 0:
            raise ExportError(
                f"--evaluate must be options of python -m training.evaluate that it can do. "
                f'Received: "{shlex.join(options)}". The message above says what is wrong.'
            )
        return json.loads(out.read_text("utf-8"))["curves"]


def make_form(
    name: str,
    materials: Materials,
    expected: Sequence[Expected],
    distance: Distance | None,
    floor: float,
    folder: Path,
) -> tuple["Result", dict[int, np.ndarray]]:
    """Writes a form into a folder, and compares it with Keras.

    Returns:
        What was found, and its pictures, by place in `expected`; of a form that failed, why, and
        none.
    """
    from export.manifest import digest_of, size_of
    from export.report import Result, measure

    form = FORMS[name]
    path = folder / form.path
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        print(f"Writing {name}", flush=True)
        kept = form.write(materials, path, floor)
        print(f"Comparing {name} with Keras", flush=True)
        values, pictures = measure(materials.exportable, expected, distance, form, path, floor)
    except (MemoryError, OSError):
        raise
    # Converters fail in as many ways as models differ; the other forms may be had all the same.
    except Exception as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        reason = f"{type(error).__name__}: {lines[0].strip() if lines else 'no reason was given'}"
        values, pictures = {"status": "failed", "reason": reason}, {}
    if values["status"] == "failed":
        remove(path)
        return Result(name, form.path, floor_db=floor, **values), {}
    found = Result(
        form=name,
        path=form.path,
        floor_db=floor,
        bytes=size_of(path),
        sha256=digest_of(path),
        higher_precision_layers=kept,
        **values,
    )
    return found, pictures


def export(
    materials: Materials,
    expected: Sequence[Expected],
    distance: Distance | None,
    floors: dict[str, float],
    metrics: dict[str, float],
    metrics_of: Callable[[Sequence[str]], dict[str, float]] | None,
    about: dict[str, Any],
    out: Path,
) -> list["Result"]:
    """Writes forms, their report and their manifest; what an earlier export left is removed.

    Nothing appears under its name before all is there, and then all at once: signals to stop are
    not heeded any more.

    Args:
        materials: What they are made of.
        expected: What Keras makes of the inputs that they are compared on.
        distance: LPIPS; None without its network.
        floors: Forms to write, and the PSNR in dB that is good enough for each.
        metrics: What other means measure of Keras, by name.
        metrics_of: Measures the `.tflite` file that options name by the same means; None: nothing
            does.
        about: What the report says of how it was made.
        out: The folder; it is made if need be.

    Raises:
        OutputError: If a file stands in the way that no export wrote, or there is no room.
    """
    from export.manifest import manifest
    from export.page import Row, page
    from export.report import mark_needless, recommend
    from export.usage import snippet

    exportable = materials.exportable
    with partial_folder(out) as partial:
        results, made = [], {}
        for name, floor in floors.items():
            result, pictures = make_form(name, materials, expected, distance, floor, partial)
            if metrics_of and FORMS[name].in_tflite and pictures:
                found = metrics_of(["--tflite", str(partial / FORMS[name].path)])
                result = dataclasses.replace(result, metrics=found)
            results.append(result)
            made[name] = pictures
        tflite = [name for name in floors if FORMS[name].in_tflite]
        results = mark_needless(results, tflite)
        recommended = recommend(results, tflite)
        rows = [
            Row(
                shown,
                one.pictures[i],
                {name: found[place][i] for name, found in made.items() if place in found},
            )
            for place, one in enumerate(expected)
            if one.flow.shown is not None
            for i, shown in enumerate(one.flow.shown(one.drawn)[:SHOWN])
        ]
        facts = materials.facts
        texts = {
            REPORT: {
                "name": facts["name"],
                "kind": facts["kind"],
                "provenance": facts["provenance"],
                "made_with": about,
                "recommended": recommended,
                "keras": {"metrics": metrics},
                "forms": [result.as_json() for result in results],
            },
            MANIFEST: manifest(facts, exportable.default, results, recommended),
        }
        usable = [
            *(result for result in results if result.form == recommended),
            *(r for r in results if r.status == "good" and not FORMS[r.form].in_tflite),
        ]
        usages = {
            result.path: snippet(exportable, result.path, FORMS[result.form].in_tflite)
            for result in usable
        }
        (partial / PAGE).write_text(
            page(facts, results, recommended, rows, about, usages, metrics),
            encoding="utf-8",
            errors="backslashreplace",  # names of folders need not be text
        )
        for name, value in texts.items():
            write_json(partial / name, value)
        for name in replace_earlier(out, partial, list(floors)):
            print(f"Removed {out / name} of an earlier export", flush=True)
    return results


def check_packages(formats: Sequence[str]) -> None:
    """Raises MissingPackageError unless the packages that make these forms are installed."""
    free = " ".join(name for name, form in FORMS.items() if not form.modules)
    require(
        f"--formats {' '.join(name for name in formats if FORMS[name].modules)}",
        *{module for name in formats for module in FORMS[name].modules},
        instead=f"Without them there is --formats {free}.",
    )


def _run(options: argparse.Namespace, until_end: contextlib.ExitStack) -> int:
    formats = list(dict.fromkeys(options.formats))
    check_packages(formats)
    model_file = find_model(options.model)
    out = output_folder(options.model, model_file, options.out)
    check_writable(out)
    family = family_of(model_file)
    find_earlier(out, formats)
    weights = lpips_files(options.lpips)
    sets = picture_sets(options.pictures, model_file, family, formats)
    print(f"Loading {model_file}", flush=True)
    import_tensorflow()
    # Forms are compared with what the weights make, and not with what a GPU rounds that to.
    until_end.enter_context(without_tf32())
    from export.manifest import facts_of
    from export.report import machine, metrics_table, needless_text, table

    with quiet():
        exportable = family.describe(in_float32(load_model(model_file)))
    resolution = exportable.model.resolution
    examples = examples_of(exportable.choices)
    if options.lpips and resolution < LPIPS_SMALLEST:
        raise ExportError(
            f"--lpips needs pictures of {LPIPS_SMALLEST} pixels or more. Received: {model_file}, "
            f"of {resolution} pixels. Leave it out."
        )
    distance = _open_lpips(weights) if weights and resolution >= LPIPS_SMALLEST else None
    if sets:
        pictures = read_pictures(sets, resolution, examples.total)
    elif family.takes_pictures:
        pictures = drawn_faces(range(examples.total), resolution)
    else:
        pictures = np.empty((0, resolution, resolution, 3), np.float32)
    about: dict[str, Any] = {**machine(), "pictures": ", ".join(sets) or "drawn"}
    metrics: dict[str, float] = {}
    metrics_of = None
    if options.evaluate is not None:
        # First of all, for it may have been told something that cannot be. With the noise of the
        # files, or it would be of other pictures than theirs.
        noise = [] if family.takes_pictures else ["--noise", "fixed"]
        metrics_of = functools.partial(evaluate, model_file, options.evaluate)
        metrics = metrics_of(noise)
        about["metrics"] = shlex.join(options.evaluate)
    print("Running Keras", flush=True)
    drawn = exportable.draw(examples.compared, pictures[: len(examples.compared)])
    expected = expect(exportable, drawn)
    cases = {case.signature: case for one in expected for case in one.cases}
    facts = facts_of(exportable, list(cases.values()), model_file)
    materials = Materials(exportable, pictures, expected, facts)
    floors = {name: FORMS[name].floor(family, options.min_psnr) for name in formats}
    results = export(materials, expected, distance, floors, metrics, metrics_of, about, out)
    print(table(results))
    if metrics:
        print("\n" + metrics_table(metrics, results))
    for result in results:
        if result.status != "good":
            print(f"{result.form} {result.status}: {result.reason}", file=sys.stderr)
        if result.no_advantage_over:
            print(f"{result.form}: {needless_text(result)}")
    print(f"Wrote {out}; open {out / PAGE}")
    return int(any(result.status != "good" for result in results))


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    heeded = {number: signal.getsignal(number) for number in STOPS}
    try:
        with contextlib.ExitStack() as until_end:
            return _run(options, until_end)
    except (UserError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stop:
        print("Stopped; nothing was written.", file=sys.stderr)
        return exit_status(stop)
    finally:
        for number, handler in heeded.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    run_command(main)
