"""Command line: a trained model as SavedModel and `.tflite` files, each compared with Keras."""

import argparse
import contextlib
import functools
import math
import shlex
import signal
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from export.compare import expect
from export.examples import drawn_faces, examples_of
from export.families import FAMILIES, ModelFamily, family_of
from export.folder import PAGE, STOPS, find_earlier
from export.formats import FORMATS, Materials
from export.metrics import LPIPS_SMALLEST, TAKEN, evaluate, lpips_files, open_lpips
from export.pictures import read_pictures
from tfgan.arithmetic import in_float32, without_tf32
from tfgan.loading import check_writable, find_model, load_model, results_folder
from tfgan.runs import LATEST, trained_on
from tfgan.terminal import (
    CommandParser,
    UserError,
    command,
    import_tensorflow,
    quiet,
    require,
    run_command,
)

SLOW = "int16x8"

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
            f"must be options of python -m tfgan.evaluate but {', '.join(TAKEN)}. Received: "
            f"{' '.join(taken)}. Leave it out."
        )
    return options


def _parser() -> CommandParser:
    formats = _listed({name: entry.about for name, entry in FORMATS.items()})
    families = _listed({name: family.about for name, family in FAMILIES.items()})
    parser = CommandParser(
        prog="python -m export.run",
        description=_ABOUT,
        epilog=f"formats:\n{formats}\n\nmodels and their signatures:\n{families}\n\n"
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
        choices=list(FORMATS),
        default=[name for name in FORMATS if name != SLOW],
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
        help="weights of LPIPS on AlexNet, to report it as well; see python -m tfgan.evaluate "
        "--help (default: the files in TFGAN_LPIPS_ALEX)",
    )
    parser.add_argument(
        "--evaluate",
        metavar="OPTIONS",
        type=_evaluate_options,
        help="also measure Keras and each .tflite with python -m tfgan.evaluate MODEL OPTIONS, "
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
    is_run = given == LATEST or Path(given).is_dir()
    place = results_folder(model_file)
    if place != model_file.parent:
        return place / f"{given}-export"
    return place / ("export" if is_run else f"{model_file.stem}-export")


def picture_sets(
    given: Sequence[str] | None, model_file: Path, family: ModelFamily, formats: Sequence[str]
) -> list[str]:
    """The data sets whose pictures are looked at; empty where drawn faces do.

    Raises:
        UserError: If a form is calibrated with pictures, and none are named.
    """
    if not family.takes_pictures:
        if given:
            raise UserError(
                f"--pictures belongs to models that change pictures. Received: {model_file}, which "
                "draws its own. Leave it out."
            )
        return []
    names = list(given or trained_on(model_file))
    calibrated = [name for name in formats if FORMATS[name].calibrated]
    if calibrated and not names:
        free = " ".join(name for name in FORMATS if not FORMATS[name].calibrated)
        raise UserError(
            f"--formats {' '.join(calibrated)} must be calibrated with pictures like those that "
            f"the model will see. Received: {model_file}, which is of no run that names any. Give "
            f"--pictures FOLDER, or --formats {free}."
        )
    return names


def check_packages(formats: Sequence[str]) -> None:
    """Raises MissingPackageError unless the packages that make these forms are installed."""
    free = " ".join(name for name, entry in FORMATS.items() if not entry.modules)
    require(
        f"--formats {' '.join(name for name in formats if FORMATS[name].modules)}",
        *{module for name in formats for module in FORMATS[name].modules},
        instead=f"Without them there is --formats {free}.",
    )


def _pictures(sets: list[str], family: ModelFamily, resolution: int, count: int) -> np.ndarray:
    """Pictures for all examples, float32 [count, R, R, 3]; none for models that take none."""
    if sets:
        return read_pictures(sets, resolution, count)
    if family.takes_pictures:
        return drawn_faces(range(count), resolution)
    return np.empty((0, resolution, resolution, 3), np.float32)


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
    from export.build import build_export
    from export.manifest import facts_of
    from export.report import machine, metrics_table, needless_text, table

    with quiet():
        exportable = family.describe(in_float32(load_model(model_file)))
    resolution = exportable.model.resolution
    examples = examples_of(exportable.choices)
    if options.lpips and resolution < LPIPS_SMALLEST:
        raise UserError(
            f"--lpips needs pictures of {LPIPS_SMALLEST} pixels or more. Received: {model_file}, "
            f"of {resolution} pixels. Leave it out."
        )
    distance = open_lpips(weights) if weights and resolution >= LPIPS_SMALLEST else None
    pictures = _pictures(sets, family, resolution, examples.total)
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
    floors = {name: FORMATS[name].floor(family, options.min_psnr) for name in formats}
    results = build_export(materials, distance, floors, metrics, metrics_of, about, out)
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


@command(
    stopped="Stopped; nothing was written.",
    flags={"data": "--pictures", "data_dir": "TFDS_DATA_DIR"},
)
def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    heeded = {number: signal.getsignal(number) for number in STOPS}
    try:
        with contextlib.ExitStack() as until_end:
            return _run(options, until_end)
    finally:
        for number, handler in heeded.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    run_command(main)
