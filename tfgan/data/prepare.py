"""Command line: a folder of pictures as tensorflow-datasets files, made once for many runs.

A folder of very many files is slow to list, to copy, and to read from network disks. Here its
pictures go, as they are, into a few large files with checksums, which --data reads with the same
pictures, labels and order as the folder. Each is decoded once, to see that it can be: broken ones
are named, and up to --max-broken of them are kept for the order and skipped in training. With more
of them nothing is made.

Examples:
  python -m tfgan.data.prepare photos /data/photos
      Pictures without labels; then: python -m training.run --data /data/photos ...
  python -m tfgan.data.prepare animals /data/animals --labels classes
      Sub-folders are classes, as --conditional, StarGAN v2 and StarGAN read them.
  python -m tfgan.data.prepare celeba/img_align_celeba /data/celeba --labels attributes
      With CelebA's table, which is found in the folder or beside it, or given by --attribute-table.
  python -m tfgan.data.prepare photos ~/tensorflow_datasets/photos/1.0.0
      Found by its name, too: --data tfds:photos.
  python -m tfgan.data.prepare photos /data/photos --beam --runner=DirectRunner
      On Apache Beam (pip install apache-beam), where folder and target are on shared disks.

A command that was stopped or killed goes on where it was when it is given again: until all is
whole, what there is stands in OUT.partial. (cd OUT && sha256sum -c SHA256SUMS) checks all files;
training checks the hash of each picture that it reads.
"""

import argparse
import importlib.util
import itertools
import logging
import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from tfgan.data import prepared
from tfgan.data.folders import FolderSource
from tfgan.data.opening import name_files
from tfgan.data.prepared import Broken, Facts, Shard
from tfgan.data.sources import DataOptions, Source, make_fingerprint
from tfgan.files import remove_partial, replacing
from tfgan.loading import check_writable
from tfgan.terminal import (
    CommandParser,
    Progress,
    UserError,
    command,
    import_tensorflow,
    run_command,
)

PER_SHARD = 1000  # pictures
MOST_SHARDS = 1024
NAME = "pictures"
MAX_BROKEN = 10


logger = logging.getLogger("tfgan")


class PrepareError(UserError):
    """Options that cannot work, or a target that holds something else."""


class TooManyBrokenError(PrepareError):
    """More pictures cannot be read than --max-broken, or all."""


class Tally:
    """Names broken pictures as they are found, and ends it when they are too many.

    Args:
        folder: Of the pictures, as the user typed it.
        max_broken: Most of them.
        bar: Counts all pictures.
    """

    def __init__(self, folder: str, max_broken: int, bar: Any):
        self.folder = folder
        self.max_broken = max_broken
        self.bar = bar
        self.broken: Broken = []

    def add(self, count: int, broken: Broken) -> None:
        """Counts the pictures of a shard; raises TooManyBrokenError."""
        from tfgan.data.pipeline import list_broken, too_many_broken

        self.bar.update(count)
        for name, reason in broken:
            self.broken.append((name, reason))
            logger.warning("Broken picture (%d so far): %s: %s", len(self.broken), name, reason)
            if len(self.broken) == self.bar.total:
                raise TooManyBrokenError(
                    f"None of the {self.bar.total:,} pictures in `data` {self.folder} can be read."
                    + list_broken(self.broken)
                )
            if len(self.broken) > self.max_broken:
                raise TooManyBrokenError(
                    too_many_broken(
                        f"`data` {self.folder}", self.max_broken, self.broken, len(self.broken)
                    )
                )


def open_folder(options: argparse.Namespace) -> tuple[Source, str, dict[str, Any]]:
    """Opens a folder with the labels that are asked for.

    Returns:
        The pictures, the folder that they are below, and what `Facts` says of labels and
        fingerprints.

    Raises:
        DataError: If there is nothing to read there, or no such labels.
    """
    name = name_files(options.source)
    data = DataOptions((options.source,), attribute_table=options.attribute_table)
    folder = name.source_type.open(name.place, data)
    assert isinstance(folder, FolderSource)
    facts: dict[str, Any] = {"classes": (), "attributes": (), "fingerprint_of_classes": ""}
    facts["fingerprint"] = folder.fingerprint()
    if options.labels == "classes":
        count = len(folder)
        folder.find_classes()
        facts["classes"] = folder.class_names
        facts["fingerprint_of_classes"] = folder.fingerprint()
        if len(folder) < count:  # Some stand beside the classes, and are left out.
            facts["fingerprint"] = make_fingerprint(folder.fingerprint(), "without classes")
    elif options.labels == "attributes":
        from tfgan.data.labelled import open_all_attributes

        labelled = open_all_attributes(name, data)
        facts["attributes"] = labelled.class_names
        facts["fingerprint"] = labelled.pictures.fingerprint()
        return labelled, folder.root, facts
    return folder, folder.root, facts


def shard_names(count: int) -> list[str]:
    """Names of so many shards, as tensorflow-datasets writes them."""
    start = f"{NAME}-{prepared.SPLIT}.array_record"
    return [f"{start}-{number:05d}-of-{count:05d}" for number in range(count)]


def shard_starts(facts: Facts) -> list[int]:
    """Index of the first picture of each shard, and the number of all pictures."""
    return [facts.pictures * number // facts.shards for number in range(facts.shards + 1)]


def all_shards(source: Source, root: str, facts: Facts, folder: Path) -> Iterator[Shard]:
    """The shards in order; pictures are read where they are written."""
    labels = source.labels()
    starts = shard_starts(facts)
    for name, (first, end) in zip(
        shard_names(facts.shards), itertools.pairwise(starts), strict=True
    ):
        paths = [source.describe(index) for index in range(first, end)]
        files = [os.path.relpath(path, root) for path in paths]
        yield Shard(str(folder / name), facts, paths, files, labels[first:end].tolist())


def missing_shards(shards: Iterator[Shard], tally: Tally) -> Iterator[Shard]:
    """Those that are not there yet; the others are counted."""
    for shard in shards:
        if os.path.exists(shard.sum_path):
            tally.add(len(shard.pictures), prepared.read_broken(shard))
        else:
            yield shard


def _start_worker() -> None:
    """Ends with the process that started it, which alone answers Ctrl-C."""
    import_tensorflow()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=end, daemon=True).start()


def write_here(shards: Iterator[Shard], workers: int, tally: Tally) -> None:
    """Writes shards in processes of this machine.

    Raises:
        PrepareError: If one of them is killed.
        TooManyBrokenError: See `Tally`.
    """
    if workers == 1:
        for shard in shards:
            tally.add(*prepared.write_shard(shard))
        return
    # Not by fork, which threads do not survive.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_start_worker) as pool:
        running: set[Any] = set()
        try:
            for shard in shards:
                running.add(pool.submit(prepared.write_shard, shard))
                if len(running) > 2 * workers:
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        tally.add(*future.result())
            for future in running:
                tally.add(*future.result())
        except BrokenProcessPool as error:
            raise PrepareError(
                "a process was killed, perhaps for want of memory. Go on with the same command and "
                "fewer `workers`."
            ) from error
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def write_on_beam(shards: Iterator[Shard], arguments: Sequence[str], tally: Tally) -> None:
    """Writes shards on Apache Beam; raises TooManyBrokenError once they are there."""
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions

    listed = list(shards)
    with beam.Pipeline(options=PipelineOptions(list(arguments))) as pipeline:
        every = pipeline | "Shards" >> beam.Create(listed)
        _ = every | "Apart" >> beam.Reshuffle() | "Write" >> beam.Map(prepared.write_shard)
    for shard in listed:
        tally.add(len(shard.pictures), prepared.read_broken(shard))


def finish(folder: Path, facts: Facts) -> None:
    """Writes what tensorflow-datasets must know of finished shards, and their checksums."""
    import tensorflow_datasets as tfds

    starts, names = shard_starts(facts), shard_names(facts.shards)
    split = tfds.core.SplitInfo(
        name=prepared.SPLIT,
        shard_lengths=[end - first for first, end in itertools.pairwise(starts)],
        num_bytes=sum((folder / name).stat().st_size for name in names),
    )
    sums = [folder / f"{name}.sha256" for name in names]
    with replacing(folder / prepared.SUMS) as partial:
        partial.write_text("".join(path.read_text() for path in sums))
    tfds.folder_dataset.write_metadata(
        data_dir=folder,
        features=facts.features(),
        split_infos=[split],
        version="1.0.0",
        check_data=False,
        description=f"Pictures of {facts.source}, prepared by tfgan.data.prepare.",
    )
    for path in [*sums, *folder.glob("*.broken")]:
        path.unlink()
    remove_partial(folder)


def prepare(options: argparse.Namespace) -> None:
    """Does what the command line says.

    Raises:
        UserError: If there is nothing to prepare, or no place for it; or if too many pictures are
            broken: then nothing is left of what was written.
    """
    out = options.out.expanduser()
    needed = ["array_record", *(["apache_beam"] if options.beam is not None else [])]
    absent = [name for name in needed if importlib.util.find_spec(name) is None]
    if absent:
        raise PrepareError(
            f"{' and '.join(absent)} must be installed. Received: no such package. Use pip install "
            f"{' '.join(absent)}."
        )
    if out.exists():
        raise PrepareError(
            field="out",
            expected="must be a folder that is not there yet",
            received=options.out,
            advice="Name another, or remove it.",
        )
    check_writable(out)
    source, root, labels = open_folder(options)
    count = len(source)
    shards = options.shards
    if shards is None:
        shards = min(-(-count // PER_SHARD), MOST_SHARDS)
    if shards > count:
        raise PrepareError(
            field="shards", expected=f"must be at most {count}, the pictures", received=shards
        )
    facts = Facts(options.source, count, shards, **labels)
    folder = out.with_name(out.name + ".partial")
    folder.mkdir(parents=True, exist_ok=True)
    plan = folder / prepared.FACTS
    if plan.exists() and prepared.read_facts(plan) != facts:
        raise PrepareError(
            f"{folder} must hold the beginning of the same pictures, labels and shards. Received: "
            "others. Remove it to begin anew."
        )
    if not plan.exists():
        prepared.write_facts(plan, facts)
    with Progress(total=count, desc="Preparing", unit="img") as bar:
        tally = Tally(options.source, options.max_broken, bar)
        missing = missing_shards(all_shards(source, root, facts, folder), tally)
        try:
            if options.beam is None:
                write_here(missing, options.workers, tally)
            else:
                write_on_beam(missing, options.beam, tally)
        except TooManyBrokenError:
            shutil.rmtree(folder)
            raise
    finish(folder, facts)
    folder.rename(out)
    broken = f" ({len(tally.broken)} of them broken)" if tally.broken else ""
    print(
        f"{count:,} pictures{broken} in {shards} shard{'s' * (shards != 1)}: --data {options.out}"
    )


def _parser() -> CommandParser:
    parser = CommandParser(
        prog="python -m tfgan.data.prepare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("source", metavar="SOURCE", help="folder of pictures, with sub-folders or without")
    add("out", metavar="OUT", type=Path, help="folder that is made")
    add(
        "--labels",
        choices=("none", "classes", "attributes"),
        default="none",
        help="what pictures are labelled with: nothing, their sub-folder, or a table (default: "
        "none); pictures that have no such label are left out, and counted",
    )
    add("--attribute-table", metavar="FILE", help="table for --labels attributes")
    add(
        "--max-broken",
        type=int,
        default=MAX_BROKEN,
        metavar="N",
        help=f"pictures that cannot be read before it ends (default: {MAX_BROKEN}, as in training)",
    )
    add("--shards", type=int, help="number of files (default: one per 1000 pictures)")
    add(
        "--workers",
        type=int,
        default=os.cpu_count() or 1,
        help="processes that read and write (default: one per processor)",
    )
    add(
        "--beam",
        nargs=argparse.REMAINDER,
        metavar="OPTION",
        help="write on Apache Beam; all that follows are Beam's own options",
    )
    return parser


def check(options: argparse.Namespace) -> None:
    """Raises PrepareError for values that cannot work."""
    for name in ("shards", "workers"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise PrepareError(field=name, expected="must be at least 1", received=value)
    if options.max_broken < 0:
        raise PrepareError(
            field="max_broken",
            expected="must be 0 or more",
            received=options.max_broken,
            advice="Use `max_broken` 0 to stop at the first broken picture.",
        )
    if options.attribute_table and options.labels != "attributes":
        raise PrepareError(
            field="attribute_table",
            expected="belongs to `labels` attributes",
            received=f"`labels` {options.labels}",
        )


@command(stopped="Stopped; the same command goes on.", flags={"data": "SOURCE", "out": "OUT"})
def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    check(options)
    import_tensorflow()
    try:
        prepare(options)
    except OSError as error:
        raise PrepareError(
            expected="pictures must be readable, and OUT writable",
            received=f"{error.filename or options.out}: {error.strerror or error}",
            advice="Repair it, and give the same command to go on.",
        ) from error
    return 0


if __name__ == "__main__":
    run_command(main)
