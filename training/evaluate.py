"""python -m training.evaluate: measures how well a trained model does its work.

MODEL is a run folder, a .keras file, or "latest": the newest run under ./runs. A run knows its
data; a .keras file from elsewhere needs --data, and the options that say how to read it.

A small classifier learns from real pictures and their domains, and is kept for the next time. How
many of the real pictures that were held back it names rightly says how far it can be trusted. Then
those pictures are translated to every other domain, once by a random style and once by that of a
random picture, and it says where they arrive. Where the background of pictures is known, as in the
built-in avatars, what becomes of it is measured too.

Examples:
  python -m training.evaluate latest
      Measures the newest run.
  python -m training.evaluate runs/00003-stargan-v2-avatars-32 --count 200 --seed 1
      Fewer pictures, other ones, and other styles.
  python -m training.evaluate animals.keras --data afhq
      A model from elsewhere, on a folder with one sub-folder for each domain.
  python -m training.evaluate faces.keras --data tfds:celeb_a --label-key attributes/Male
      The same on a set of tensorflow-datasets.
"""

import argparse
import dataclasses
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Any

import numpy as np

from tfgan.loading import check_writable, find_model, load_model
from tfgan.metrics.translation import RESAMPLES, Interval, share
from tfgan.terminal import UserError, import_tensorflow

if TYPE_CHECKING:
    from tfgan.data.sources import Source
    from training.config import TrainingConfig

INTERVALS = {
    "share": "Wilson, 95 %",
    "mean": f"percentile bootstrap, {RESAMPLES} draws of the pictures, 95 %",
}
# Names under which sets keep pictures back.
TEST_SPLITS = ("test", "val", "validation")
# Options that stand in for those of a run.
DATA_OPTIONS = ("data", "data_dir", "split", "image_key", "label_key", "avatars_count", "resize")


class EvaluationError(UserError):
    """A model cannot be measured as asked."""


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
    add("--count", type=int, default=1000, help="most pictures of each domain (default: 1000)")
    add("--seed", type=int, default=0, help="of pictures, latents and references (default: 0)")
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
        help="of classifiers (default: classifiers beside the run folder or the .keras file)",
    )
    data = parser.add_argument_group("data", "The defaults are the options of the run.")
    add = data.add_argument
    add("--data", help="avatars, tfds:NAME, or a folder with one sub-folder for each domain")
    add("--data-dir", metavar="FOLDER", help="where tensorflow-datasets keeps its sets")
    add("--split", help="split to learn from; test or val is held back, where there is one")
    add("--image-key", metavar="KEY", help="feature of the set with the picture")
    add("--label-key", metavar="KEY", help="feature of the set with the domain")
    add("--avatars-count", type=int, metavar="N", help="pictures that the built-in set draws")
    add("--resize", choices=("crop", "pad", "stretch"), help="how pictures are made square")
    options = parser.parse_args(argv)
    if options.count < 2:
        raise EvaluationError(f"--count must be 2 or more. Received: {options.count}.")
    if options.seed < 0:
        raise EvaluationError(f"--seed must be 0 or more. Received: {options.seed}.")
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
    options: argparse.Namespace, file: Path, resolution: int
) -> tuple["TrainingConfig", str | None]:
    """Options that say where the real pictures are, and the fingerprint of those of the run."""
    from training.config import TrainingConfig, read_config, shared_config_from

    folder, fingerprint = run_folder(file), None
    given = {name: getattr(options, name) for name in DATA_OPTIONS}
    given = {name: value for name, value in given.items() if value is not None}
    if folder is not None:
        stored = read_config(folder / "config.json")
        config = shared_config_from(stored, folder / "config.json")
        fingerprint = stored["fingerprint"]
    elif options.data is None:
        raise EvaluationError(
            f"--data is needed, for {file} is not the model of a run folder. Name the real "
            "pictures: avatars, tfds:NAME, or a folder with one sub-folder for each domain."
        )
    else:
        config = TrainingConfig()
    config = dataclasses.replace(config, **given, conditional=True, resolution=resolution)
    config.check()
    return config, fingerprint


def find_test_split(config: "TrainingConfig", class_count: int) -> "tuple[str, Source | None]":
    """Opens the split of a set that is kept back, or says that there is none of use.

    That is where a set has none, where it is learned from, or where a class is missing in it.

    Returns:
        Its name, and the split; or the name of the split that is learned from, and None.
    """
    from tfgan.data.sources import DataError

    if config.data == "avatars" or config.data.startswith("tfds:"):
        for name in TEST_SPLITS:
            if re.search(rf"\b{name}\b", config.split):
                continue
            try:
                test = config.open_source(name)
            except DataError:  # The set itself has been opened, so it has no such split.
                continue
            if set(test.labels().tolist()) == set(range(class_count)):
                return name, test
    return config.split, None


def run(argv: list[str]) -> int:
    """Does what the command line says; returns the exit status."""
    options = parse(argv)
    file = find_model(options.model)
    out, cache = find_places(options, file)
    print(f"Model       {file}", flush=True)
    import_tensorflow()
    from tfgan.data.held_back import hold_back
    from training import classifier
    from training.translation import (
        StyleTranslator,
        find_backgrounds,
        measure_translations,
        read_domains,
    )

    model = load_model(file)
    if not hasattr(model, "style_from_reference"):
        raise EvaluationError(
            f"{file} holds a {type(model).__name__}, but a model that translates is needed, such "
            "as the model.keras of a StarGAN v2 run."
        )
    config, fingerprint = data_config(options, file, model.resolution)
    source = config.open_source()
    names = tuple(source.class_names)
    if names != tuple(model.domain_names):
        raise EvaluationError(
            f"--data {config.data} must have the domains of the model: "
            f"{', '.join(model.domain_names)}. Received: {', '.join(names)}. Name the data that it "
            "was trained on, and their --label-key."
        )
    if fingerprint not in (None, source.fingerprint()):
        print("Note        the pictures are not those of the run", file=sys.stderr)
    split, test = find_test_split(config, len(names))
    held = hold_back(source, test, split)
    domains = read_domains(held.test, config, options.count, options.seed)
    counts = {name: len(found.images) for name, found in zip(names, domains, strict=True)}
    listed = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    print(f"Data        {source.name}, {held.where}: {listed}; seed {options.seed}")
    if test is None:
        print("Note        the model may have been trained on these; the classifier is not")
    judge, path = classifier.kept_classifier(
        held.train, config.pipeline_options(), cache, classifier.RECIPE
    )
    print(f"Classifier  {path}", flush=True)

    right = [
        classifier.classify(judge, found.images) == domain for domain, found in enumerate(domains)
    ]
    accuracy = {
        "share": share(np.concatenate(right)),
        "domains": {name: share(hits) for name, hits in zip(names, right, strict=True)},
    }
    translation = measure_translations(
        StyleTranslator(model, [found.images for found in domains]),
        lambda images: classifier.classify(judge, images),
        domains,
        find_backgrounds(config, split, domains),
        names,
        options.seed,
    )
    print(accuracy_table(accuracy), translation_tables(translation), sep="\n")
    data = {
        "name": source.name,
        "fingerprint": source.fingerprint(),
        "held_back": held.where,
        "counts": counts,
        "label_key": config.label_key,
        "resolution": config.resolution,
        "resize": config.resize,
    }
    result = {
        "model": str(file),
        "seed": options.seed,
        "data": data,
        "intervals": INTERVALS,
        "classifier": {"file": str(path), "accuracy": accuracy},
        "translation": translation,
    }
    write_json(out, result)
    print(f"\nWrote       {out}")
    return 0


def show(interval: Interval | None) -> str:
    """An interval as it stands in a table."""
    if interval is None:
        return "no pixel"
    return f"{interval.value:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def lay_out(title: str, rows: Sequence[Sequence[str]]) -> str:
    """A table of words under a title, all columns flush left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return f"\n{title}\n" + indent("\n".join(lines), "  ")


def accuracy_table(accuracy: Mapping[str, Any]) -> str:
    """How well the classifier does on real pictures, as a user sees it."""
    shares = {**accuracy["domains"], "all": accuracy["share"]}
    rows = [["", "share", "pictures"]]
    rows += [[name, show(found), f"{found.count:,}"] for name, found in shares.items()]
    return lay_out("Held-back real pictures that the classifier names rightly [Wilson 95 %]", rows)


def translation_tables(translation: Mapping[str, Any]) -> str:
    """What `measure_translations` gave, as a user sees it."""
    columns = list(translation.values())
    arrived = [["", *translation, "translations"]]
    for pair, found in columns[0]["pairs"].items():
        cells = [show(column["pairs"][pair]) for column in columns]
        arrived.append([pair, *cells, f"{found.count:,}"])
    cells = [show(column["share"]) for column in columns]
    arrived.append(["all", *cells, f"{columns[0]['share'].count:,}"])
    kept = [["", *translation]]
    if isinstance(columns[0]["background"], str):
        words = columns[0]["background"]
        kept.append(["background", words, *[""] * (len(columns) - 1)])
    else:
        for name, words in (
            ("own", "background"),
            ("shuffled", "background, shuffled pairs"),
            ("margin", "shuffled less own"),
        ):
            kept.append([words, *[show(column["background"][name]) for column in columns]])
    kept.append(["reconstruction", *[show(column["reconstruction"]) for column in columns]])
    return "\n".join(
        (
            lay_out("Translations that it assigns to the target domain [Wilson 95 %]", arrived),
            lay_out("Mean |source - translation|, values in [-1, 1] [bootstrap 95 %]", kept),
        )
    )


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
