"""Pictures to batches: decode, crop and resize, flip, batch, shard.

Every training position 0, 1, 2, ... (the number of images seen so far) names one picture and one
flip, and nothing else is remembered. A run that resumes at position p therefore sees exactly what
an uninterrupted run would have seen, at once, with no buffer to fill.
"""

import copy
import dataclasses
import functools
import logging
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tfgan.data.decoding import CROP_TRIES, decode_picture, explain, picture_for_crops
from tfgan.data.feed import Feed, PipelineOptions
from tfgan.data.order import epoch_order, random_bits
from tfgan.data.sources import DataError, Source
from tfgan.errors import as_flags

if TYPE_CHECKING:  # options are read, and shown by --help, without it
    pass

logger = logging.getLogger("tfgan")


_FLIP_STREAM = 2
_FEW = 10  # pictures of a class, drawn in equal shares, that deserve a word
# Image and label of a batch with references; the random streams of class, picture, mirror, crop.
# The streams of epochs are odd, so these are even; both references are of one class.
_BALANCED = (
    ("image", "label", (4, 6, 2, 18)),
    ("reference", "reference_label", (8, 10, 12, 20)),
    ("reference2", "reference_label", (8, 14, 16, 22)),
)


def reduce_by_means(image: np.ndarray, factor: int) -> np.ndarray:
    """Rounded means of squares of factor x factor pixels, uint8 [H / factor, W / factor, C]."""
    if factor == 1:
        return image
    height, width, channels = image.shape
    squares = image.reshape(height // factor, factor, width // factor, factor, channels)
    return np.rint(squares.mean(axis=(1, 3), dtype=np.float32)).astype(np.uint8)


def too_many_broken(
    pictures: str, max_broken: int, broken: Sequence[tuple[str, str]], count: int
) -> str:
    """What a user is told of more broken pictures than `max_broken`.

    Args:
        pictures: Where they are, such as "`data` FOLDER".
        max_broken: That was asked for.
        broken: Names and reasons.
        count: Of the broken pictures.
    """
    return (
        f"{count} of the pictures of {pictures} cannot be read. Received: `max_broken` "
        f"{max_broken}. Remove or replace them, or raise `max_broken` to have them skipped."
        + list_broken(broken)
    )


def list_broken(broken: Sequence[tuple[str, str]]) -> str:
    """Lines with the names of broken pictures and the reasons."""
    return "".join(f"\n  {name}: {reason}" for name, reason in broken)


class Pipeline(Feed):
    """Serves the images of any training position, in order or at random.

    Position p belongs to epoch `p // n` of n pictures and shows picture
    `epoch_order(seed, epoch, n)[p % n]`, mirrored if a hash of (seed, p) says so. A picture that
    cannot be read is named in the log and replaced by the next readable one.

    Args:
        source: Where the pictures come from.
        options: What happens to them.
    """

    def __init__(self, source: Source, options: PipelineOptions) -> None:
        self.source = source
        self.options = options
        self._count = len(source)
        if self._count < 1:
            raise DataError(
                field="data",
                named=source.name,
                expected="holds no pictures",
                advice="Name one that does.",
            )
        # A batch can straddle two epochs, and parallel readers are a few batches apart.
        self._order = functools.lru_cache(maxsize=4)(
            lambda epoch: epoch_order(options.seed, epoch, self._count)
        )
        self._lock = threading.Lock()
        self._broken: dict[int, tuple[str, str]] = {}
        self._decoded = 0
        self._enlarged = 0
        self._warned_of_enlarging = False
        self._make_cache()
        if options.references:
            self._members = source.labels()
            self._by_class = [
                np.flatnonzero(self._members == c) for c in range(len(source.class_names))
            ]
            empty = [
                n for n, m in zip(source.class_names, self._by_class, strict=True) if not len(m)
            ]
            if len(self._by_class) < 2 or empty:
                raise DataError(
                    field="data",
                    named=source.name,
                    expected="must have pictures of two or more classes",
                    received=f"{len(self._by_class) - len(empty)} such classes"
                    + (f"; none of {', '.join(empty)}" if empty else ""),
                    advice="Make a sub-folder for each class, or name another `label_key`.",
                )

    def _make_cache(self) -> None:
        # The first pictures of the listing are kept rather than the latest used: in shuffled
        # epochs that hits as often, and needs no eviction. Pages are only taken up when written.
        size = self.options.resolution
        rows = min(self._count, int(self.options.cache_gb * 1e9) // (size * size * 3))
        self._cache = np.empty((rows, size, size, 3), np.uint8)
        self._cache_labels: list[int | np.ndarray] = [0] * rows
        self._cached = np.zeros(rows, bool)
        # What random boxes are cut from, as far as there is room left.
        self._large: dict[int, tuple[np.ndarray, int | np.ndarray]] = {}
        self._large_room = int(self.options.cache_gb * 1e9) - self._cache.nbytes

    def at(self, resolution: int, batch_size: int) -> "Pipeline":
        """The same pictures in the same order, smaller by a power of two, in batches of any size.

        Broken pictures are counted together.

        Raises:
            ValueError: If the resolution is not this one divided by a power of two.
        """
        factor, rest = divmod(self.options.resolution, resolution)
        if rest or factor & (factor - 1):
            raise ValueError(
                f"resolution must be {self.options.resolution} divided by a power of two. "
                f"Received: {resolution}."
            )
        if (resolution, batch_size) == (self.options.resolution, self.options.batch_size):
            return self
        other = copy.copy(self)
        other.options = dataclasses.replace(
            self.options,
            resolution=resolution,
            batch_size=batch_size,
            reduction=self.options.reduction * factor,
        )
        other._make_cache()
        return other

    @property
    def broken(self) -> list[tuple[str, str]]:
        with self._lock:
            return [self._broken[index] for index in sorted(self._broken)]

    def images(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Images and labels of any training positions.

        Args:
            positions: Integers [B], each 0 or more.

        Returns:
            Images, uint8 [B, H, W, 3], and labels, int32 [B] or float32 [B, n] as the source has
            them.

        Raises:
            DataError: If more pictures are broken than `max_broken`.
        """
        positions = np.asarray(positions, np.int64)
        return self._read(self.indices(positions), positions, _FLIP_STREAM)

    def indices(self, positions: np.ndarray) -> np.ndarray:
        """Which pictures of the source training positions show, unless broken: [B] -> int64 [B]."""
        epochs, places = np.divmod(positions, self._count)
        indices = np.empty(len(positions), np.int64)
        for epoch in np.unique(epochs):
            rows = epochs == epoch
            indices[rows] = self._order(int(epoch))[places[rows]]
        return indices

    def batch(self, positions: np.ndarray) -> dict[str, np.ndarray]:
        """What one step of training sees at some positions.

        Args:
            positions: Integers [B], each 0 or more.

        Returns:
            "image" and "label", as `images` returns them; with `references` also "reference" and
            "reference2", uint8 [B, H, W, 3], of the classes "reference_label", int32 [B].

        Raises:
            DataError: If more pictures are broken than `max_broken`.
        """
        if not self.options.references:
            images, labels = self.images(positions)
            return {"image": images, "label": labels}
        positions = np.asarray(positions, np.int64)
        batch: dict[str, np.ndarray] = {}
        for name, label_name, streams in _BALANCED:
            indices = self._balanced(positions, *streams[:2])
            crops = self._crops(positions, streams[3])
            images, labels = self._read(indices, positions, streams[2], crops)
            batch |= {name: images, label_name: labels}
        return batch

    def _balanced(self, positions: np.ndarray, class_stream: int, stream: int) -> np.ndarray:
        """Indices of pictures: a class in equal shares, then any picture of it."""
        seed = self.options.seed
        drawn = random_bits(seed, class_stream, positions) % np.uint64(len(self._by_class))
        bits = random_bits(seed, stream, positions)
        counts = np.array([len(members) for members in self._by_class], np.uint64)
        places = (bits % counts[drawn]).astype(np.int64)
        return np.array(
            [self._by_class[c][place] for c, place in zip(drawn, places, strict=True)], np.int64
        )

    def _crops(self, positions: np.ndarray, stream: int) -> list[np.ndarray | None]:
        """For each image the numbers of its random box; None where it is not cropped."""
        count = 2 * CROP_TRIES + 2
        counters = 32 * positions[:, None] + np.arange(count + 1)
        bits = random_bits(self.options.seed, stream, counters)
        chances, *numbers = bits.T.astype(np.float64) / 2.0**64
        rows = np.stack(numbers, axis=-1)
        cropped = chances < self.options.random_crop
        return [row if chosen else None for row, chosen in zip(rows, cropped, strict=True)]

    def _read(
        self,
        indices: np.ndarray,
        positions: np.ndarray,
        flip_stream: int,
        crops: Sequence[np.ndarray | None] = (),
    ) -> tuple[np.ndarray, np.ndarray]:
        """Pictures by index, mirrored by position; of some a random box."""
        self._stop_if_too_many_are_broken()
        size = self.options.resolution
        images = np.empty((len(positions), size, size, 3), np.uint8)
        label_of: list[int | np.ndarray] = [0] * len(positions)
        keepable = indices < len(self._cache)
        hits = np.zeros(len(positions), bool)
        hits[keepable] = self._cached[indices[keepable]]
        images[hits] = self._cache[indices[hits]]
        crops = crops or [None] * len(positions)
        for row, (index, crop) in enumerate(zip(indices.tolist(), crops, strict=True)):
            if crop is not None:
                images[row], label_of[row] = self._cropped(index, crop)
            elif hits[row]:
                label_of[row] = self._cache_labels[index]
            else:
                images[row], label_of[row] = self._readable(index)
        # After the whole batch, so that the counts in the one warning say something.
        self._warn_of_enlarging()

        if self.options.flips:
            bits = random_bits(self.options.seed, flip_stream, positions)
            mirrored = bits >> np.uint64(63) == 1
            images[mirrored] = images[mirrored, :, ::-1]
        labels = np.array(label_of)
        return images, labels.astype(np.int32 if labels.ndim == 1 else np.float32)

    def _cropped(self, index: int, crop: np.ndarray) -> tuple[np.ndarray, int | np.ndarray]:
        """A random box of the picture of `index`, or else of the next one that can be read."""
        if index not in self._large:
            return self._readable(index, crop)
        picture, label = self._large[index]
        return self._decode(picture, crop)[0], label

    def _decode(
        self, content: bytes | np.ndarray, crop: np.ndarray | None
    ) -> tuple[np.ndarray, bool]:
        options = self.options
        size = options.resolution * options.reduction
        image, enlarged = decode_picture(content, size, options.resize, crop)
        return reduce_by_means(image, options.reduction), enlarged

    def probe(self, count: int = 32) -> None:
        """Reads the first few pictures, so that mistakes show before anything is compiled.

        Raises:
            DataError: If more of them are broken than `max_broken`, or, with references, all of a
                class.
        """
        self.images(np.arange(min(count, self._count)))
        if self.options.references:
            for name, group in zip(self.source.class_names, self._by_class, strict=True):
                self._readable(int(group[0]))
                if len(group) < _FEW:
                    logger.warning(
                        "The class %s has %d pictures, which are shown as often as all others.",
                        name,
                        len(group),
                    )

    def _readable(
        self, index: int, crop: np.ndarray | None = None
    ) -> tuple[np.ndarray, int | np.ndarray]:
        """The picture of `index`, or else the next one that can be read; or a random box of it."""
        for candidate in self._candidates(index):
            with self._lock:
                known_broken = candidate in self._broken
            if known_broken:
                # Another thread may have found the one that was too many.
                self._stop_if_too_many_are_broken()
                continue
            try:
                picture = self.source.read(candidate)
            except MemoryError:
                raise
            except Exception as error:
                self._report_broken(candidate, self.source.describe(candidate), error)
                continue
            try:
                content = picture.content
                if crop is not None:
                    content = self._keep_large(candidate, content, picture.label)
                image, enlarged = self._decode(content, crop)
            except MemoryError:
                raise
            except Exception as error:  # Pillow's plugins raise nearly anything on damaged files.
                self._report_broken(candidate, self.source.describe(candidate), error)
                continue
            with self._lock:
                self._decoded += 1
                self._enlarged += enlarged
            if crop is None:
                self._keep(candidate, image, picture.label)
            return image, picture.label
        what = f"{self._count:,} pictures"
        if self.options.references:
            label = self._members[index]
            what = f"{len(self._by_class[label]):,} pictures of {self.source.class_names[label]}"
        raise DataError(
            f"None of the {what} in `data` {self.source.name} can be read."
            + list_broken(self.broken)
        )

    def _candidates(self, index: int) -> Iterator[int]:
        """A picture and, in order, those that stand in for it; with references, of its class."""
        if self.options.references:
            group = self._by_class[self._members[index]]
            first = int(np.searchsorted(group, index))
            yield from np.roll(group, -first).tolist()
        else:
            yield from ((index + step) % self._count for step in range(self._count))

    def _keep(self, index: int, image: np.ndarray, label: int | np.ndarray) -> None:
        if index < len(self._cache):
            self._cache[index] = image
            self._cache_labels[index] = label
            # Last, because other threads take the row as soon as they see this.
            self._cached[index] = True

    def _keep_large(
        self, index: int, content: bytes | np.ndarray, label: int | np.ndarray
    ) -> bytes | np.ndarray:
        """Keeps what random boxes of a picture are cut from while there is room, and returns it."""
        if self._large_room <= 0:
            return content
        options = self.options
        size = options.resolution * options.reduction
        picture = picture_for_crops(content, size, options.resize)
        with self._lock:
            if index not in self._large and picture.nbytes <= self._large_room:
                self._large_room -= picture.nbytes
                self._large[index] = picture, label
        return picture

    def _warn_of_enlarging(self) -> None:
        with self._lock:
            if self._warned_of_enlarging or not self._enlarged:
                return
            self._warned_of_enlarging = True
            enlarged, decoded = self._enlarged, self._decoded
        logger.warning(
            as_flags(
                "%d of the first %d pictures read from `data` %s are smaller than `resolution` %d "
                "and are scaled up, which blurs them. A smaller `resolution` would show what they "
                "hold."
            ),
            enlarged,
            decoded,
            self.source.name,
            self.options.resolution * self.options.reduction,
        )

    def _report_broken(self, index: int, name: str, error: Exception) -> None:
        reason = explain(error)
        with self._lock:
            known = index in self._broken
            self._broken[index] = (name, reason)
            count = len(self._broken)
        if not known:
            logger.warning("Broken picture (%d so far): %s: %s", count, name, reason)
        self._stop_if_too_many_are_broken()

    def _stop_if_too_many_are_broken(self) -> None:
        count = len(self._broken)
        if count > self.options.max_broken:
            raise DataError(
                too_many_broken(
                    f"`data` {self.source.name}", self.options.max_broken, self.broken, count
                )
            )
