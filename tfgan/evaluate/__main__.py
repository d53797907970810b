"""python -m tfgan.evaluate: measures how well a trained model does its work.

MODEL is a run folder, a .keras file, or "latest": the newest run under ./runs. A run knows its
data; a .keras file from elsewhere needs --data, and the options that say how to read it.

{metrics}

The metrics of published numbers need networks that others have trained: --inception, --vgg16,
--lpips-alex and --lpips-vgg say what to get. All others run as they are. swd and avatar-* compare
as many pictures that are held back from training, where the data have a split test or val, with
generated ones and with other real ones: what a perfect generator would get. avatar-* measure the
built-in drawn faces alone. fid and kid compare with all pictures that were learned from, pr and
pr-vgg16 with at most 50,000 of them. Numbers of different counts, feature networks, --resize or
--psi cannot be compared; they are all printed. Of precision and recall pr-vgg16 is the published
one.

Whatever precision a model was trained in, all networks are measured in float32, with TF32 off.

Features are kept in --cache, under keys that change with all that they were made of. So a second
measurement is quick, and one that was interrupted goes on where it was.

Examples:
  python -m tfgan.evaluate latest
      Measures the newest run.
  python -m tfgan.evaluate latest --metrics swd avatar-fd avatar-pr
      What can be measured of the built-in faces without any file from elsewhere.
  python -m tfgan.evaluate faces.keras --data my_faces --metrics fid kid pr \\
      --inception pt_inception-2015-12-05-6726825d.pth
      The numbers of the papers, of 50,000 generated pictures; pr is on Inception.
  python -m tfgan.evaluate faces.keras --data my_faces --metrics pr-vgg16 \\
      --vgg16 vgg16-397923af.pth
      Precision and recall as StyleGAN2's paper has them.
  python -m tfgan.evaluate runs/00004-stylegan2-avatars-32 --psi 0.7
      What truncation costs a generator.
  python -m tfgan.evaluate runs/00003-stargan-v2-avatars-32 --count 200 --seed 1
      Fewer pictures, other ones, and other styles.
  python -m tfgan.evaluate animals.keras --data afhq --metrics fid lpips \\
      --inception inception_v3_google-0cc3c7bd.pth --lpips-alex alexnet-owt-7be5be79.pth alex.pth
      The protocol of StarGAN v2, on a folder with one sub-folder for each domain.
  python -m tfgan.evaluate faces.keras --data tfds:celeb_a --label-key attributes/Male
      A StarGAN v2 on a set of tensorflow-datasets.
  python -m tfgan.evaluate joint.keras --data celeba --data tfds:rafd
      A StarGAN from elsewhere, of a folder with an attribute table and of RaFD.
"""

import argparse
import contextlib
import dataclasses
import json
import math
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from tfgan.arithmetic import ARITHMETIC, in_float32, without_tf32
from tfgan.data.opening import are_drawn
from tfgan.digests import model_key
from tfgan.evaluate import tables
from tfgan.evaluate.metric import (
    CACHE,
    NETWORKS,
    EvaluationError,
    Metric,
    PathLengths,
    PictureOptions,
    Request,
)
from tfgan.evaluate.systems import (
    SYSTEMS,
    System,
    check_packages,
)
from tfgan.loading import check_writable, class_of, find_model, load_model, results_folder
from tfgan.metrics.intervals import Interval
from tfgan.runs import CONFIG, options_from, read_config, run_of, trained_on
from tfgan.strict_json import finite_record, without_non_finite, write_json
from tfgan.terminal import CommandParser, command, import_tensorflow, require, run_command

# Bounds of numbers, in words and as tests.
RULES = {
    "avatars_count": ("from 1 to 1,000,000", lambda value: 1 <= value <= 1_000_000),
    "count": ("2 or more", lambda value: value >= 2),
    "real_count": ("2 or more", lambda value: value >= 2),
    "outputs": ("from 2 to 100", lambda value: 2 <= value <= 100),
    "seed": ("0 or more", lambda value: value >= 0),
    "psi": ("a number", lambda value: True),
    "batch_size": ("1 or more", lambda value: value >= 1),
    "ppl_epsilon": ("above 0 and at most 0.1", lambda value: 0 < value <= 0.1),
}
# Options of a request, by the name of its field; and of path lengths.
CLASSIFIER_OPTIONS = ("classifier", "labelled", "labelled_table")
REQUEST_OPTIONS = ("psi", "noise", "real_count", "outputs", *CLASSIFIER_OPTIONS)
PATH_OPTIONS = ("ppl_space", "ppl_sampling", "ppl_epsilon", "ppl_crop")
# Options that say how a data set is read, and so go with its name.
READING_OPTIONS = ("attribute_table", "image_key", "label_key")
# Options that stand in for those of a run.
DATA_OPTIONS = ("data", *READING_OPTIONS, "data_dir", "split", "avatars_count", "resize")


class Parser(CommandParser):
    """Says what is wrong in one line, as other mistakes are said."""

    def error(self, message: str) -> NoReturn:
        near = self.suggestions()
        raise EvaluationError(f"{message}. {near + ' ' * bool(near)}See {self.prog} --help.")


def describe_metrics() -> str:
    """The metrics of each system, as the help shows them."""
    sharing: dict[tuple[Metric, ...], list[str]] = {}
    for system in SYSTEMS.values():
        sharing.setdefault(tuple(system.metrics.values()), []).append(system.name)
    lines = []
    for metrics, names in sharing.items():
        lines.append(f"Metrics of {' and '.join(names)}:")
        for number, metric in enumerate(metrics):
            of = f"{metric.count:,} {metric.counted}" + ("; default" if number == 0 else "")
            lines.append(f"  {metric.name:<13} {metric.about} ({of})")
    return "\n".join(lines)


def parse(argv: list[str]) -> argparse.Namespace:
    """Reads the command line."""
    parser = Parser(
        prog="python -m tfgan.evaluate",
        description=(__doc__ or "").format(metrics=describe_metrics()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("model", metavar="MODEL", help='run folder, .keras file, or "latest"')
    add("--metrics", nargs="+", metavar="NAME", help="what is measured; see above")
    add("--count", type=int, help="most pictures, pairs or the like; see above for the defaults")
    add("--seed", type=int, default=0, help="of all that is drawn (default: 0)")
    add("--psi", type=float, help="truncation, with StyleGAN and StyleGAN2 (default: 1, none)")
    add(
        "--noise",
        choices=("random", "fixed"),
        help="per-pixel noise, with StyleGAN and StyleGAN2: drawn for each picture, or the fixed "
        "maps of the model, as --tflite has them (default: random)",
    )
    add(
        "--tflite",
        type=Path,
        metavar="FILE",
        help="an export of MODEL, which then makes the pictures in its place",
    )
    add("--outputs", type=int, help="outputs of each picture, with StarGAN v2 (default: 10)")
    add(
        "--out",
        type=Path,
        metavar="JSON",
        help="default: evaluation.json in the run folder, NAME-evaluation.json beside NAME.keras "
        "or NAME.tflite",
    )
    add(
        "--cache",
        type=Path,
        metavar="FOLDER",
        help=f"of classifiers and features (default: {CACHE} beside the run folder or the .keras "
        "file); it may be removed at any time",
    )
    devices = parser.add_argument_group("devices")
    add = devices.add_argument
    add("--devices", type=int, default=0, help="number of devices (default: all)")
    add("--virtual-devices", type=int, default=1, help="split the CPU, to try several devices")
    add("--batch-size", type=int, default=32, help="most pictures at a time (default: 32)")
    networks = parser.add_argument_group(
        "networks of published numbers",
        "A .keras file that python -m tfgan.importers made, or the published files themselves.",
    )
    for option, network in NETWORKS.items():
        networks.add_argument(
            flag(option),
            nargs="+",
            type=Path,
            metavar="FILE",
            help=f"{network.name}: {network.source}. Default: what {network.variable} names",
        )
    paths = parser.add_argument_group("ppl")
    add = paths.add_argument
    add("--ppl-space", choices=("z", "w"), help="where paths are (default: w)")
    add(
        "--ppl-sampling",
        choices=("full", "end"),
        help="places on paths: anywhere, or their beginnings as StyleGAN2 has it (default: end)",
    )
    add("--ppl-epsilon", type=float, help="length of a step (default: 1e-4)")
    add("--ppl-crop", action="store_true", default=None, help="cut faces out, as FFHQ has them")
    planes = parser.add_argument_group(
        "separability", "The default is a classifier of the avatars' attributes, of avatars alone."
    )
    add = planes.add_argument
    add("--classifier", type=Path, metavar="KERAS", help="a Classifier, of the cache of another")
    add("--labelled", metavar="DATA", help="set that one is trained on, as StarGAN's --data")
    add("--labelled-table", metavar="FILE", help="list of attributes of such a folder")
    data = parser.add_argument_group(
        "data",
        "The defaults are the options of the run, but no keys or table where --data is given.",
    )
    add = data.add_argument
    add(
        "--data",
        action="append",
        help="avatars, tfds:NAME, or a folder, with one sub-folder for each domain or class; with "
        "StarGAN as in training, and once for each label set of the model",
    )
    add("--attribute-table", metavar="FILE", help="list of attributes of a folder, with StarGAN")
    add("--data-dir", metavar="FOLDER", help="where tensorflow-datasets keeps its sets")
    add("--split", help="split to learn from; test or val is held back, where there is one")
    add("--image-key", metavar="KEY", help="feature of the set with the picture")
    add("--label-key", metavar="KEY", help="feature of the set with the domain or class")
    add("--avatars-count", type=int, metavar="N", help="pictures that the built-in set draws")
    add("--resize", choices=("crop", "pad", "stretch"), help="how pictures are made square")
    add(
        "--real-count",
        type=int,
        metavar="N",
        help="most real pictures for fid and kid (all), and for pr and pr-vgg16 (50,000)",
    )
    options = parser.parse_args(argv)
    for name, (words, holds) in RULES.items():
        value = getattr(options, name)
        if value is not None and not (math.isfinite(value) and holds(value)):
            raise EvaluationError(f"{flag(name)} must be {words}. Received: {value}.")
    if options.tflite is not None and options.noise == "random":
        raise EvaluationError(
            "--noise must be fixed with --tflite, for the file has no other. Received: random. "
            "Leave it out."
        )
    return options


def flag(name: str) -> str:
    """Command line flag of an option."""
    return "--" + name.replace("_", "-")


def find_places(options: argparse.Namespace, file: Path) -> tuple[Path, Path]:
    """Where the result goes and where classifiers are kept, checked before any work is done."""
    folder, place = run_of(file), results_folder(file)
    if folder is None:
        out, cache = place / f"{file.stem}-evaluation.json", place / CACHE
    elif place == folder:
        out, cache = folder / "evaluation.json", folder.absolute().parent / CACHE
    else:
        out, cache = place / f"{folder.name}-evaluation.json", place / CACHE
    if options.tflite is not None:
        out = options.tflite.with_name(f"{options.tflite.stem}-evaluation.json")
    out, cache = options.out or out, options.cache or cache
    if out.suffix != ".json":
        raise EvaluationError(f"--out must end in .json. Received: {out}.")
    if out.is_dir():
        raise EvaluationError(f"--out must be a file, but {out} is a folder.")
    if cache.exists() and not cache.is_dir():
        raise EvaluationError(f"--cache must be a folder, but {cache} is a file.")
    check_writable(out.parent)
    return out, cache


def options_set(options: argparse.Namespace, names: Iterable[str]) -> dict[str, Any]:
    """Those of some options that the command line gave."""
    values = {name: getattr(options, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def picture_options(
    options: argparse.Namespace, file: Path, system: System, resolution: int
) -> tuple[PictureOptions, str | None]:
    """Which the real pictures are, and the fingerprint of those of the run.

    Args:
        options: The command line.
        file: The model.
        system: Of the model.
        resolution: Of the model.
    """
    folder, fingerprint = run_of(file), None
    overrides = options_set(options, DATA_OPTIONS)
    special = {name for other in SYSTEMS.values() for name in other.data_options}
    unknown = set(overrides) & special - set(system.data_options)
    if unknown:
        raise EvaluationError(
            f"{', '.join(map(flag, sorted(unknown)))} says nothing about the pictures of this kind "
            f"of model. Received: {file}. Leave it out."
        )
    data = PictureOptions()
    if folder is not None:
        stored = read_config(folder / CONFIG)
        data = options_from(stored, PictureOptions, folder / CONFIG)
        fingerprint = stored["fingerprint"]
    elif options.data is None:
        raise EvaluationError(
            f"--data is needed, for {file} is not the model of a run folder. Name the real "
            f"pictures: {system.data}."
        )
    if options.data is not None:
        overrides = {**dict.fromkeys(READING_OPTIONS), **overrides, "data": tuple(options.data)}
    data = dataclasses.replace(data, **overrides, conditional=True, resolution=resolution)
    return data, fingerprint


def choose_metrics(options: argparse.Namespace, file: Path, system: System) -> tuple[str, ...]:
    """The metrics that are asked for, or the default.

    Raises:
        EvaluationError: If one of them, or an option, is not for such a model.
    """
    chosen = system.check_metrics(options.metrics or ())
    fits = set(system.options)
    for metric in map(system.metrics.__getitem__, chosen):
        fits.update(metric.options, filter(None, [metric.network]))
    special = set(NETWORKS)
    for other in SYSTEMS.values():
        special.update(other.options, *(metric.options for metric in other.metrics.values()))
    wrong = sorted(options_set(options, special - fits))
    if wrong:
        raise EvaluationError(
            f"{', '.join(map(flag, wrong))} says nothing about --metrics {' '.join(chosen)} of "
            f"this kind of model. Received: {file}. Leave it out."
        )
    return chosen


def run(argv: list[str], until_end: contextlib.ExitStack) -> int:
    """Does what the command line says; returns the exit status.

    Args:
        argv: The command line.
        until_end: Closed when all is done: TensorFlow's settings are what they were after it.
    """
    options = parse(argv)
    check_packages(options.metrics or ())
    if options.tflite is not None:
        require("--tflite", "ai_edge_litert")
    file = find_model(options.model)
    out, cache = find_places(options, file)
    name = class_of(file)
    if name not in SYSTEMS:
        raise EvaluationError(
            f"{file} holds a {name}, which cannot be measured. Give the model.keras of a run of "
            "StarGAN, StarGAN v2, StyleGAN or StyleGAN2."
        )
    system = SYSTEMS[name]
    chosen = choose_metrics(options, file, system)
    data = tuple(options.data or (trained_on(file) if run_of(file) is not None else ()))
    files = {option: getattr(options, option) for option in NETWORKS}
    networks = system.find_networks(files, chosen, data)
    system.check_faces(chosen, data, list(options_set(options, vars(options))))
    beside = system.cautions(chosen, data)
    print(f"Model       {options.tflite or file}", flush=True)
    import_tensorflow()
    import tensorflow as tf

    from tfgan.devices import Replicas, make_strategy

    until_end.enter_context(without_tf32())
    # Grappler's remapper gives up on some of these networks with an error, and gains nothing.
    tf.config.optimizer.set_experimental_options({"remapping": False})
    strategy = make_strategy(options.devices, options.virtual_devices)
    with strategy.scope():
        model = in_float32(load_model(file))
    arithmetic = ARITHMETIC
    if options.tflite is not None:
        from tfgan.evaluate.exported import open_exported

        model = open_exported(model, file, options.tflite)
        options.noise = "fixed"
        arithmetic = f"{ARITHMETIC}, but pictures by {options.tflite.name}"
    pictures, fingerprint = picture_options(options, file, system, model.resolution)
    paths = options_set(options, PATH_OPTIONS)
    request = Request(
        pictures,
        fingerprint,
        Replicas(strategy, options.batch_size),
        {name: options.count or metric.count for name, metric in system.metrics.items()},
        options.seed,
        cache,
        networks,
        paths=PathLengths(**{name.removeprefix("ppl_"): paths[name] for name in paths}),
        arithmetic=arithmetic,
        **options_set(options, REQUEST_OPTIONS),
    )
    module = system.open()
    reals = module.open_reals(model, request)
    print("\n".join(reals.about()), flush=True)
    reals.networks.open_all(system.metrics, chosen)
    # Known before minutes of training a network for nothing.
    useless = [name for name in chosen if system.metrics[name].faces and beside[name]]
    if useless and not are_drawn(data):
        words = f"{', '.join(useless)}: {beside[useless[0]]}"
        print(f"Note        {words}", file=sys.stderr, flush=True)
    result = kept_result(out, {"model": str(file), "key": model_key(model), "seed": options.seed})
    subject = module.Subject(model, reals, cache)
    for metric in map(system.metrics.__getitem__, chosen):
        measure_metric(metric, subject, beside[metric.name], out, result)
    print(f"\nWrote       {out}")
    return 0


def measure_metric(
    metric: Metric, subject: Any, caution: str, out: Path, result: dict[str, Any]
) -> None:
    """Adds a metric to the results, writes them, and shows it."""
    measured = metric.measure(subject)
    if caution:
        measured = {**measured, "caution": caution}
    result["metrics"][metric.name] = finite_record(as_json(measured))
    result["curves"].update(without_non_finite(metric.curves(measured)))
    # At once, for the next one may take hours.
    out.parent.mkdir(parents=True, exist_ok=True)
    write_json(out, result)
    print(metric.describe(measured), flush=True)
    if caution:
        print(tables.note(caution), flush=True)


def kept_result(out: Path, head: Mapping[str, Any]) -> dict[str, Any]:
    """What a file holds of the same model and seed, to be added to; else nothing but the head."""
    try:
        before = json.loads(out.read_text("utf-8"))
        if all(before[name] == value for name, value in head.items()):
            return {**head, **{part: dict(before[part]) for part in ("metrics", "curves")}}
    except (OSError, ValueError, KeyError, TypeError):  # there is none, or it is of something else
        pass
    return {**head, "metrics": {}, "curves": {}}


def as_json(value: Any) -> Any:
    """Intervals as dictionaries, at any depth."""
    if isinstance(value, Interval):
        return dataclasses.asdict(value)
    if isinstance(value, Mapping):
        return {name: as_json(inner) for name, inner in value.items()}
    return value


@command(stopped="Stopped; results and features that were finished are kept for the next time.")
def main(argv: list[str] | None = None) -> int:
    """Measures; returns the exit status."""
    with contextlib.ExitStack() as until_end:
        return run(sys.argv[1:] if argv is None else argv, until_end)


if __name__ == "__main__":
    run_command(main)
