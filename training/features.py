"""python -m training.features: trains a small network whose features --features discriminates by.

It learns to tell the classes or attributes of pictures. Generators that are judged by its features
as well as by pixels learn the variety of such pictures many times sooner. DATA needs labels: the
built-in avatars, a set of tensorflow-datasets, or a folder with sub-folders for classes or with a
table of attributes. It need not have seen the pictures of the run, but such ones: one network of
faces serves all runs on faces. It works best at the resolution of the run.

Examples:
  python -m training.features avatars --resolution 64 --avatars-count 20000 -o faces-64.keras
  python -m training.features tfds:celeb_a --resolution 128 -o celeba-128.keras
  python -m training.features my_animals --resolution 64 -o animals-64.keras
  python -m training.run --model stylegan2 --preset small-data-cpu --data my_faces \\
      --features faces-64.keras
"""

import argparse
import dataclasses
from pathlib import Path

from tfgan.data.feed import PipelineOptions
from tfgan.data.labelled import open_all_attributes, open_labelled
from tfgan.data.opening import parse_name
from tfgan.data.sources import DataOptions, Source
from tfgan.files import replacing
from tfgan.loading import OutputError, check_writable
from tfgan.terminal import CommandParser, UserError, command, import_tensorflow, run_command

HELD_BACK = 2000  # most pictures that it is tried on
SEED = 7  # not that of the networks that evaluation trains, which should judge independently


def open_labels(options: DataOptions) -> tuple[Source, bool]:
    """Opens the one data set of `options`; returns it, and whether its labels are classes.

    All attributes are read, not those alone that StarGAN takes by default.

    Raises:
        DataError: If there is nothing to read, or no labels.
    """
    (source,), (label_set,) = open_labelled(options)
    if label_set.kind == "classes":
        return source, True
    return open_all_attributes(parse_name(options.data[0]), options), False


def _parser() -> CommandParser:
    parser = CommandParser(
        prog="python -m training.features",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("data", metavar="DATA", help="labelled pictures, named as after --data of StarGAN")
    add("--resolution", type=int, default=64, help="of the run, in pixels (default: 64)")
    add("--attribute-table", metavar="FILE", help="list of attributes of a folder")
    add("--data-dir", metavar="FOLDER", help="where tensorflow-datasets keeps its sets")
    add("--avatars-count", type=int, default=6000, metavar="N", help="avatars drawn (default 6000)")
    add("--resize", choices=("crop", "pad", "stretch"), default="crop", help="how to make squares")
    add("--images", type=int, default=60_000, help="length of training (default: 60,000 images)")
    add("--seed", type=int, default=SEED, help=f"of all random numbers (default: {SEED})")
    add("-o", "--out", type=Path, required=True, metavar="FILE.keras", help="file to write")
    return parser


@command(stopped="Stopped; nothing was written.", flags={"data": "DATA"})
def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    parsed = _parser().parse_args(arguments)
    out = parsed.out.expanduser()
    if out.suffix != ".keras" or out.is_dir():
        raise OutputError(field="out", expected="must be a file that ends in .keras", received=out)
    check_writable(out.parent)
    for field, least in (("images", 1), ("seed", 0), ("avatars_count", 1)):
        if getattr(parsed, field) < least:
            raise UserError(
                field=field, expected=f"must be {least} or more", received=getattr(parsed, field)
            )
    values = {**vars(parsed), "data": (parsed.data,)}
    options = DataOptions.from_values(values)
    source, are_classes = open_labels(options)
    print(f"Data        {source.name}: {len(source):,} pictures, {len(source.class_names)} labels")
    import_tensorflow()
    from tfgan.data.pipeline import Pipeline
    from tfgan.evaluate import classifier

    recipe = dataclasses.replace(classifier.RECIPE, images=parsed.images, seed=parsed.seed)
    pipeline = PipelineOptions(options.resolution, recipe.batch_size, options.resize)
    network = classifier.train(source, pipeline, recipe, exclusive=are_classes)
    if parse_name(parsed.data).source_type.has_splits:
        test, _ = open_labels(dataclasses.replace(options, split="test"))
        images, labels = Pipeline(test, pipeline).examples(min(len(test), HELD_BACK))
        right = classifier.classify(network, images) == labels
        print(f"Right       {right.mean():.3f} of the labels of {len(images):,} held-back pictures")
    out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(out) as partial:
        network.save(partial)
    print(f"Wrote       {out}")
    return 0


if __name__ == "__main__":
    run_command(main)
