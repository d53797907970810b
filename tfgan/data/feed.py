"""Batches by training position: what happens to pictures, and how replicas share them."""

import abc
import contextlib
import dataclasses
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from tfgan.data.decoding import RESIZES
from tfgan.data.sources import DataError, check_resolution

if TYPE_CHECKING:  # options are read, and shown by --help, without it
    import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class PipelineOptions:
    """What happens between a source and a batch.

    Args:
        resolution: Height and width of the images, a power of two from 8 to 1024.
        batch_size: Global batch size, over all replicas.
        resize: `"crop"` cuts the centre square out, `"pad"` adds white on the short sides and
            `"stretch"` changes the aspect ratio; then comes a Lanczos resize.
        flips: Whether to mirror images left to right with probability 1/2.
        seed: Decides the order of the pictures and the flips.
        max_broken: Broken pictures that are skipped before training stops; 0 stops at the first.
        cache_gb: Decoded pictures are kept in memory up to this size, in gigabytes (1e9 bytes).
        references: Whether classes are drawn in equal shares, with replacement, and each picture
            comes with two reference pictures of one other drawn class, as image-to-image
            translation needs them. Else every epoch shows every picture once.
        random_crop: With `references`, probability that a random box of a picture becomes the
            image; see `random_box`. It is cut before the resize, of a picture of up to `CROP_SCALE`
            times the resolution, which is kept in memory too where `cache_gb` has room.
        reduction: Images are made larger by this factor, a power of two, and each square of so many
            pixels becomes one, their mean: the smaller images of a network that grows.
    """

    resolution: int
    batch_size: int
    resize: str = "crop"
    flips: bool = True
    seed: int = 0
    max_broken: int = 10
    cache_gb: float = 1.0
    references: bool = False
    random_crop: float = 0.0
    reduction: int = 1

    def __post_init__(self) -> None:
        check_resolution(self.resolution * self.reduction)
        if self.resize not in RESIZES:
            raise DataError(
                field="resize",
                expected=f"must be one of {', '.join(RESIZES)}",
                received=self.resize,
                advice="Use `resize` crop unless the pictures' edges matter.",
            )
        if self.batch_size < 1:
            raise DataError(
                field="batch_size",
                expected="must be at least 1",
                received=self.batch_size,
                advice="Use `batch_size` 8 to begin with.",
            )
        if self.max_broken < 0:
            raise DataError(
                field="max_broken",
                expected="must be 0 or more",
                received=self.max_broken,
                advice="Use `max_broken` 0 to stop at the first broken picture.",
            )
        if not self.cache_gb >= 0:
            raise DataError(
                field="cache_gb",
                expected="must be 0 or more",
                received=self.cache_gb,
                advice="Use `cache_gb` 0 to keep no pictures in memory.",
            )


class Feed(abc.ABC):
    """Training batches by position, in order and shared by replicas.

    Attributes:
        options: What happens to the pictures.
        error: The `DataError` that ended a dataset, or `None`.
    """

    options: PipelineOptions
    error: DataError | None = None

    @property
    @abc.abstractmethod
    def broken(self) -> list[tuple[str, str]]:
        """(name, reason) of each picture that could not be read so far."""

    @abc.abstractmethod
    def images(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Images, uint8 [B, H, W, 3], and labels, [B] or [B, n], of any training positions [B]."""

    def examples(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Images and labels to show, of training positions: as `images` gives them."""
        return self.images(np.arange(count))

    @abc.abstractmethod
    def batch(self, positions: np.ndarray) -> dict[str, np.ndarray]:
        """What one step of training sees at some positions [B]: name -> [B, ...]."""

    @abc.abstractmethod
    def probe(self, count: int = 32) -> None:
        """Reads the first few pictures, so that mistakes show before anything is compiled."""

    def dataset(
        self,
        start_position: int,
        *,
        replicas: int = 1,
        first_replica: int = 0,
        total_replicas: int | None = None,
    ) -> "tf.data.Dataset":
        """An endless dataset of per-replica batches.

        In global batch t of B images over R replicas, row j of replica r is position
        `start_position + t * B + j * R + r`. Replicas take turns rather than blocks because the
        groups of the minibatch standard deviation are strided: so R replicas equal one. Each
        global batch gives one element for every local replica in order, as
        `Strategy.distribute_datasets_from_function` hands them out.

        Args:
            start_position: Images seen before the first global batch.
            replicas: Replicas that this process feeds.
            first_replica: The first of them among all replicas.
            total_replicas: Replicas of all processes. Defaults to `replicas`.

        Returns:
            Elements as `batch` gives them, of B / R rows. When reading one fails for good, its
            iterator raises a TensorFlow error; see `plain_errors`.

        Raises:
            DataError: If the batch cannot be shared evenly by the replicas, or more pictures are
                broken than `max_broken`.
            ValueError: If the replicas are not among all replicas.
        """
        import tensorflow as tf

        total = replicas if total_replicas is None else total_replicas
        if replicas < 1 or first_replica < 0 or first_replica + replicas > total:
            raise ValueError(
                "replicas from first_replica on must be among total_replicas. Received: "
                f"replicas={replicas}, first_replica={first_replica}, total_replicas={total}."
            )
        if start_position < 0:
            raise ValueError(f"start_position must be 0 or more. Received: {start_position}.")
        batch = self.options.batch_size
        if batch % total:
            below, above = batch // total * total, (batch // total + 1) * total
            raise DataError(
                field="batch_size",
                expected=f"must be a multiple of the number of replicas, {total}",
                received=batch,
                advice=f"Use `batch_size` {below or above}.",
            )
        rows = np.arange(batch // total) * total

        # One row tells the types and shapes of all.
        row = self.batch(np.array([start_position]))

        def read(element: np.int64) -> list[np.ndarray]:
            step, replica = divmod(int(element), replicas)
            first = start_position + step * batch + first_replica + replica
            try:
                batch_rows = self.batch(first + rows)
                return [batch_rows[key] for key in row]
            except DataError as error:
                self.error = self.error or error
                raise

        def to_element(element: "tf.Tensor") -> dict[str, "tf.Tensor"]:
            types = [tf.as_dtype(value.dtype) for value in row.values()]
            tensors = dict(zip(row, tf.numpy_function(read, [element], types), strict=True))
            for key, value in tensors.items():
                value.set_shape((len(rows), *row[key].shape[1:]))
            return tensors

        # Pillow releases the interpreter's lock while it decodes and resizes, so whole batches
        # are made side by side; more of them than this would only hold memory.
        parallel = min(os.cpu_count() or 1, 16)
        # Endless by its type: of any other, workers ask each other before each batch if it ended.
        numbers = tf.data.Dataset.counter()
        return numbers.map(to_element, num_parallel_calls=parallel, deterministic=True).prefetch(2)

    def at(self, resolution: int, batch_size: int) -> "Feed":
        """The same pictures in the same order, for a stage of training.

        Args:
            resolution: Height and width of the images.
            batch_size: Global batch size.

        Raises:
            ValueError: If the feed has another size, and cannot be had in that one.
        """
        if (resolution, batch_size) != (self.options.resolution, self.options.batch_size):
            raise ValueError(
                f"this feed has batches of {self.options.batch_size} images of "
                f"{self.options.resolution} pixels. Received: {batch_size} of {resolution}."
            )
        return self

    def check(self) -> None:
        """Raises the `DataError` that ended a dataset, if one did."""
        if self.error is not None:
            raise self.error

    @contextlib.contextmanager
    def plain_errors(self) -> Iterator[None]:
        """Turns TensorFlow's error from a dataset that failed into the `DataError` behind it.

        tf.data wraps what its Python functions raise into one of its own errors, whose message
        is a traceback.
        """
        import tensorflow as tf

        try:
            yield
        except tf.errors.OpError:
            if self.error is not None:
                raise self.error from None
            raise
