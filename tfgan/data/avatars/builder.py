"""The data set `avatars` for TensorFlow Datasets."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from etils import epath

from tfgan.data.avatars.drawing import check_size
from tfgan.data.avatars.labels import ATTRIBUTES, DOMAINS, EXPRESSIONS
from tfgan.data.avatars.workers import draw_examples
from tfgan.terminal import Progress

MAX_COUNT = 1_000_000

_DESCRIPTION = """
Faces drawn by a program: people of both sexes, all ages and skin tones, with eight expressions,
many kinds of hair, beards, glasses, hats and clothes. Every picture carries attributes named as
in CelebA, an expression as in RaFD, and a domain. Nobody in it exists.
"""


class AvatarsConfig(tfds.core.BuilderConfig):
    """Which avatars to draw.

    Args:
        size: Side of the pictures in pixels, a power of two from 16 to 1024.
        count: Number of pictures in the split `train`; `test` has a tenth as many.
        seed: Chooses the people. Sets with the same seed start with the same pictures.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(self, size: int = 64, count: int = 8000, seed: int = 0):
        check_size(size)
        if not 1 <= count <= MAX_COUNT:
            raise ValueError(
                f"`count` must be from 1 to {MAX_COUNT}. Received: {count}. "
                "Give the number of training pictures to draw, such as 8000."
            )
        if seed < 0:
            raise ValueError(f"`seed` must be at least 0. Received: {seed}.")
        name = f"{size}px_{count}" + (f"_seed{seed}" if seed else "")
        super().__init__(name=name, description=f"{count} avatars of {size} by {size} pixels.")
        self.size = size
        self.count = count
        self.seed = seed


class Avatars(tfds.core.GeneratorBasedBuilder):
    """Draws the avatars and stores them.

    `Avatars(config=AvatarsConfig(size=128, count=20000))` makes any size and count; `prepare`
    does that and stores the set in a format that gives random access.

    Args:
        processes: How many processes draw; 0 draws in this one. Defaults to one per core.
        config: An `AvatarsConfig` or the name of one in `BUILDER_CONFIGS`.
        data_dir: Folder of data sets. Defaults to that of TensorFlow Datasets.
        version: Defaults to the latest.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First drawing."}  # noqa: RUF012 (overrides a plain dict)
    # Without this, TensorFlow Datasets 4.9.10 looks for this file with importlib_resources, which
    # it does not require on this Python.
    code_path = epath.Path(__file__)
    BUILDER_CONFIGS = [AvatarsConfig()]  # noqa: RUF012 (overrides a plain list)

    def __init__(
        self,
        *,
        processes: int | None = None,
        config: AvatarsConfig | str | None = None,
        data_dir: str | os.PathLike[str] | None = None,
        version: str | None = None,
    ):
        self._processes = processes
        if isinstance(config, AvatarsConfig):
            # A custom configuration may not share its name with one of the class.
            config = {c.name: c for c in self.BUILDER_CONFIGS}.get(config.name, config)
        super().__init__(config=config, data_dir=data_dir, version=version)

    def _info(self) -> tfds.core.DatasetInfo:
        size = self.builder_config.size
        return tfds.core.DatasetInfo(
            builder=self,
            description=_DESCRIPTION,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(size, size, 3), encoding_format="png"),
                    "attributes": dict.fromkeys(ATTRIBUTES, np.bool_),
                    "expression": tfds.features.ClassLabel(names=EXPRESSIONS),
                    "domain": tfds.features.ClassLabel(names=DOMAINS),
                    "id": np.int64,
                }
            ),
            # Pictures are independent of each other, so their order is already random.
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        del dl_manager  # Nothing is downloaded.
        count = self.builder_config.count
        # Beyond any `train`, so that no set tests on what a larger one trains on.
        test = range(MAX_COUNT, MAX_COUNT + max(1, count // 10))
        return {
            "train": self._generate_examples(range(count), "train"),
            "test": self._generate_examples(test, "test"),
        }

    def _generate_examples(
        self, indices: range, split: str
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        config = self.builder_config
        examples = draw_examples(config.size, indices, config.seed, self._processes)
        title = f"Drawing avatars ({split})"
        progress = Progress(examples, title, len(indices), unit="img")
        for index, png, labels in progress:
            yield index, {"image": png, "id": index, **labels}


def prepare(
    size: int = 64,
    count: int = 8000,
    seed: int = 0,
    data_dir: str | os.PathLike[str] | None = None,
    processes: int | None = None,
) -> tfds.core.DatasetBuilder:
    """Draws a set of avatars unless it exists.

    An interrupted set is drawn again.

    Args:
        size: Side of the pictures in pixels, a power of two from 16 to 1024.
        count: Number of pictures in the split `train`.
        seed: Chooses the people.
        data_dir: Where data sets are stored. Defaults to the environment variable
            TFDS_DATA_DIR, else `~/tensorflow_datasets`.
        processes: How many processes draw; 0 draws in this one. Defaults to one per core.

    Returns:
        A builder, prepared; `builder.as_data_source("train")[i]` reads example `i`.

    Raises:
        ValueError: If `size`, `count` or `seed` is out of range.
        OSError: If `data_dir` cannot be written.
    """
    config = AvatarsConfig(size=size, count=count, seed=seed)
    builder = Avatars(config=config, data_dir=data_dir, processes=processes)
    if not Path(builder.data_dir).exists():
        _check_writable(Path(builder.data_dir))
    # Hides messages about downloads, of which there are none, and two nested progress bars.
    tfds.disable_progress_bar()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            builder.download_and_prepare(
                file_format=tfds.core.FileFormat.ARRAY_RECORD,
                download_config=tfds.download.DownloadConfig(try_download_gcs=False),
            )
    finally:
        tfds.enable_progress_bar()
    return builder


def read_ids(builder: tfds.core.DatasetBuilder, split: str, indices: Sequence[int]) -> list[int]:
    """Reads which people some pictures of a prepared set show: `person_of(seed, id)`.

    Args:
        builder: Result of `prepare`; its `builder_config` has the seed.
        split: Split, or slices and sums of splits.
        indices: Positions in the split.
    """
    pictures = builder.as_data_source(split, decoders={"image": tfds.decode.SkipDecoding()})
    return [int(pictures[int(index)]["id"]) for index in indices]


def _check_writable(path: Path) -> None:
    """Raises an error unless a folder can be made at `path`."""
    existing = path
    while not existing.exists():
        existing = existing.parent
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise OSError(
            f"The data set cannot be stored: {existing} is not a folder that this user can write "
            f"to. Received: {path}. Give another folder as `data_dir`, or in the environment "
            "variable TFDS_DATA_DIR."
        )
