"""python -m training.evaluate: measures how well a trained model does its work.

MODEL is a run folder, a .keras file, or "latest": the newest run under ./runs. A run knows its
data; a .keras file from elsewhere needs --data, and the options that say how to read it.

StarGAN and StarGAN v2: a small classifier learns from real pictures and their labels, and is kept
for the next time. How many of the real pictures that were held back it names rightly says how far
it can be trusted. Then those pictures are translated, and it says where they arrive: with StarGAN
v2 to every other domain, once by a random style and once by that of a random picture; with StarGAN
with each of their attributes reversed, one at a time, and to every other class, also to those of
another set. Where the background of pictures is known, as in the built-in avatars, what becomes of
it is measured too.

StyleGAN and StyleGAN2: the sliced Wasserstein distance between generated and real pictures, on
patches of Laplacian pyramids, level by level, times 1000. Beside it stands the distance between
those real pictures and as many other ones, which is what a perfect generator would get. The real
ones are held back from training where the data have a split test or val. Classes are drawn as often
as they are in the data. Numbers of different --count or --resize cannot be compared.

Examples:
  python -m training.evaluate latest
      Measures the newest run.
  python -m training.evaluate runs/00003-stargan-v2-avatars-32 --count 200 --seed 1
      Fewer pictures, other ones, and other styles.
  python -m training.evaluate animals.keras --data afhq
      A model from elsewhere, on a folder with one sub-folder for each domain.
  python -m training.evaluate faces.keras --data tfds:celeb_a --label-key attributes/Male
      The same on a set of tensorflow-datasets.
  python -m training.evaluate joint.keras --data celeba --data tfds:rafd
      A StarGAN from elsewhere, of a folder with an attribute table and of RaFD.
  python -m training.evaluate runs/00004-stylegan2-avatars-32 --psi 0.7
      What truncation costs a generator.
"""

import argparse
import dataclasses
import json
import math
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfgan.loading import check_writable, class_of, find_model, load_model
from tfgan.metrics.intervals import Interval
from tfgan.terminal import UserError, import_tensorflow
from training.evaluate.kinds import KINDS, EvaluationError, Kind, Request, kind_of

if TYPE_CHECKING:
    from training.config import TrainingConfig

# Options that stand in for those of a run.
DATA_OPTIONS = (
    "data",
    "attribute_table",
    "data_dir",
    "split",
    "image_key",
    "label_key",
    "avatars_count",
    "resize",
)
# Those of them that say how a set is read, and so go with its name.
READING_OPTIONS = ("attribute_table", "image_key", "label_key")
# Those that are for some kinds of models alone.
KIND_OPTIONS = ("cache", "psi")


def parse(argv: list[str]) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m training.evaluate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("model", metavar="MODEL", help='run folder, .keras file, or "latest"')
    add(
        "--count",
        type=int,
        help="most pictures of each domain or class, or of a set with attributes (default: 1000); "
        "of generated, of real and of other real ones (default: 2000)",
    )
    add("--seed", type=int, default=0, help="of all that is drawn (default: 0)")
    add("--psi", type=float, help="truncation, with StyleGAN and StyleGAN2 (default: 1, none)")
    add(
        "--out",
        type=Path,
        metavar="JSON",
        help="default: evaluation.json in the run folder, NAME-evaluation.json beside NAME.keras",
    )
    add(
        "--cache",
        type=Path,
        metavar="FOLDER",
        help="of classifiers, with StarGAN and StarGAN v2 (default: classifiers beside the run "
        "folder or the .keras file)",
    )
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
    options = parser.parse_args(argv)
    if options.count is not None and options.count < 2:
        raise EvaluationError(f"--count must be 2 or more. Received: {options.count}.")
    if options.seed < 0:
        raise EvaluationError(f"--seed must be 0 or more. Received: {options.seed}.")
    if options.psi is not None and not math.isfinite(options.psi):
        raise EvaluationError(f"--psi must be a number. Received: {options.psi}.")
    return options


def run_folder(file: Path) -> Path | None:
    """The run that a model file belongs to, if it does."""
    folder = file.parent
    return folder if file.name == "model.keras" and (folder / "config.json").is_file() else None


def find_places(options: argparse.Namespace, file: Path) -> tuple[Path, Path]:
    """Where the result goes and where classifiers are kept, checked before any work is done."""
    folder = run_folder(file)
    if folder is not None:
        out, cache = folder / "evaluation.json", folder.absolute().parent / "classifiers"
    else:
        out, cache = file.with_name(f"{file.stem}-evaluation.json"), file.parent / "classifiers"
    out, cache = options.out or out, options.cache or cache
    if out.suffix != ".json":
        raise EvaluationError(f"--out must end in .json. Received: {out}.")
    if out.is_dir():
        raise EvaluationError(f"--out must be a file, but {out} is a folder.")
    if cache.exists() and not cache.is_dir():
        raise EvaluationError(f"--cache must be a folder, but {cache} is a file.")
    check_writable(out.parent)
    return out, cache


def data_config(
    options: argparse.Namespace, file: Path, kind: Kind, resolution: int
) -> tuple["TrainingConfig", str | None]:
    """Options that say where the real pictures are, and the fingerprint of those of the run."""
    from training.config import flag, read_config, shared_config_from

    folder, fingerprint = run_folder(file), None
    given = {name: getattr(options, name) for name in DATA_OPTIONS}
    given = {name: value for name, value in given.items() if value is not None}
    known = {field.name for field in dataclasses.fields(kind.CONFIG)}
    unknown = set(given) - known
    if unknown:
        raise EvaluationError(
            f"{', '.join(map(flag, sorted(unknown)))} says nothing about the pictures of this kind "
            f"of model. Received: {file}. Leave it out."
        )
    if folder is not None:
        stored = read_config(folder / "config.json")
        config = shared_config_from(stored, folder / "config.json", kind.CONFIG)
        fingerprint = stored["fingerprint"]
    elif options.data is None:
        raise EvaluationError(
            f"--data is needed, for {file} is not the model of a run folder. Name the real "
            f"pictures: {kind.DATA}."
        )
    else:
        config = kind.CONFIG()
    if options.data is not None:
        anew = {name: None for name in READING_OPTIONS if name in known}
        given = {**anew, **given, "data": tuple(options.data)}
    config = dataclasses.replace(config, **given, conditional=True, resolution=resolution)
    config.check()
    return config, fingerprint


def check_options(options: argparse.Namespace, file: Path, kind: Kind) -> None:
    """Raises EvaluationError for an option that is for other kinds of models."""
    unknown = [
        f"--{name}"
        for name in KIND_OPTIONS
        if getattr(options, name) is not None and name not in kind.OPTIONS
    ]
    if unknown:
        raise EvaluationError(
            f"{', '.join(unknown)} says nothing about this kind of model. Received: {file}. Leave "
            "it out."
        )


def run(argv: list[str]) -> int:
    """Does what the command line says; returns the exit status."""
    options = parse(argv)
    file = find_model(options.model)
    out, cache = find_places(options, file)
    name = class_of(file)
    if name not in KINDS:
        raise EvaluationError(
            f"{file} holds a {name}, which cannot be measured. Give the model.keras of a run of "
            "StarGAN, StarGAN v2, StyleGAN or StyleGAN2."
        )
    print(f"Model       {file}", flush=True)
    import_tensorflow()
    kind = kind_of(name)
    check_options(options, file, kind)
    model = load_model(file)
    config, fingerprint = data_config(options, file, kind, model.resolution)
    count = kind.COUNT if options.count is None else options.count
    psi = 1.0 if options.psi is None else options.psi
    request = Request(config, fingerprint, count, options.seed, cache, psi)
    measured = kind.evaluate(model, request)
    print(kind.describe(measured))
    write_json(out, {"model": str(file), "seed": options.seed, **measured})
    print(f"\nWrote       {out}")
    return 0


def as_json(value: Any) -> Any:
    """Intervals as dictionaries, at any depth."""
    if isinstance(value, Interval):
        return dataclasses.asdict(value)
    if isinstance(value, Mapping):
        return {name: as_json(inner) for name, inner in value.items()}
    return value


def write_json(path: Path, result: Mapping[str, Any]) -> None:
    """Writes a result, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".partial-{os.getpid()}-{path.name}")
    try:
        partial.write_text(json.dumps(as_json(result), indent=2) + "\n", "utf-8")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def main(argv: list[str] | None = None) -> int:
    """Measures, and turns a user's mistake into one message and exit status 2."""
    try:
        return run(sys.argv[1:] if argv is None else argv)
    except (UserError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped; nothing was written.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
