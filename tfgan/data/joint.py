"""Batches of one or several label sets in turn, with label vectors and targets, as StarGAN trains.

Like `tfgan.data.pipeline` nothing is remembered: a training position names its step, the step names
the set, and the set's own position names the picture.
"""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tfgan.data.feed import Feed, PipelineOptions
from tfgan.data.order import random_bits
from tfgan.data.pipeline import Pipeline
from tfgan.data.sources import DataError, Source, list_names
from tfgan.label_sets import LabelSet, encode_labels

if TYPE_CHECKING:
    import tensorflow as tf

# The streams of a pipeline's epochs are odd, and its others below this one.
_TARGET_STREAM = 32


def share_cache(needs: Sequence[float], total: float) -> list[float]:
    """Shares memory: everyone takes up to an equal part, and what is left over goes to the others.

    Args:
        needs: What each could use.
        total: What there is.

    Returns:
        What each gets, at most its need.
    """
    shares = [0.0] * len(needs)
    left = total
    for count, index in enumerate(np.argsort(needs, kind="stable").tolist()):
        shares[index] = min(needs[index], left / (len(needs) - count))
        left -= shares[index]
    return shares


class JointPipeline(Feed):
    """Serves batches of K label sets in turn.

    Step s of B images, positions s * B to s * B + B - 1, shows set s % K, and of it the positions
    (s // K) * B to (s // K) * B + B - 1, in epochs of its own: so sets take turns whatever their
    sizes are. The target of a picture is the label vector of a picture of the same batch, by a
    permutation that is drawn for the step, as in the published code (a picture may be its own
    target). Where a picture is broken and replaced, "label" is that of the replacement, while
    targets are those of the pictures that the table or set names: so they depend on the position
    alone.

    Args:
        sources: Pictures of each set, with class indices or label vectors.
        label_sets: What they are labelled with, in order.
        options: What happens to the pictures; `cache_gb` is shared by the sets, `max_broken` is for
            each of them.

    Raises:
        DataError: If an attribute is always true or always false, or a class has no pictures.
        ValueError: If sources and label sets do not belong together.
    """

    def __init__(
        self, sources: Sequence[Source], label_sets: Sequence[LabelSet], options: PipelineOptions
    ) -> None:
        names = [tuple(source.class_names) for source in sources]
        if not names or names != [label_set.names for label_set in label_sets]:
            raise ValueError(
                "sources must have the names of label_sets, one or more. Received: "
                f"{names} and {[label_set.names for label_set in label_sets]}."
            )
        self.options = options
        self.label_sets = tuple(label_sets)
        self._truth = []
        for source, label_set in zip(sources, label_sets, strict=True):
            self._truth.append(_truth(label_set, source.labels()))
            _check_learnable(source, label_set, self._truth[-1])
        picture = options.resolution**2 * 3
        # One byte more than needed, or rounding may leave out a picture.
        needs = [(len(source) * picture + 1) / 1e9 for source in sources]
        shares = share_cache(needs, options.cache_gb)
        # Seeds below 2**32 are the user's; above them, sets that share their pictures are still
        # shuffled and mirrored each in its own way.
        self._pipelines = [
            Pipeline(
                source,
                dataclasses.replace(options, seed=options.seed + (index << 32), cache_gb=share),
            )
            for index, (source, share) in enumerate(zip(sources, shares, strict=True))
        ]

    @property
    def broken(self) -> list[tuple[str, str]]:
        # Two sets may show the same picture.
        return list(dict.fromkeys(pair for pipeline in self._pipelines for pair in pipeline.broken))

    def images(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Images and label vectors of any training positions.

        Args:
            positions: Integers [B], each 0 or more.

        Returns:
            Images, uint8 [B, H, W, 3], and label vectors, float32 [B, C].

        Raises:
            DataError: If more pictures of a set are broken than `max_broken`.
        """
        images, labels = [], []
        rows, parts = self._by_set(positions)
        for index, places in parts:
            set_images, values = self._pipelines[index].images(places)
            images.append(set_images)
            truth = _truth(self.label_sets[index], values)
            labels.append(encode_labels(self.label_sets, index, truth))
        return np.concatenate(images)[rows], np.concatenate(labels)[rows]

    def examples(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Images and label vectors to show, of all sets in turn: as `images` gives them."""
        turns, sets = np.divmod(np.arange(count), len(self.label_sets))
        batch = self.options.batch_size
        steps = turns // batch * len(self.label_sets) + sets
        return self.images(steps * batch + turns % batch)

    def batch(self, positions: np.ndarray) -> dict[str, np.ndarray]:
        """What one step of training sees at some positions.

        Args:
            positions: Integers [B], each 0 or more.

        Returns:
            "image", uint8 [B, H, W, 3], and the label vectors "label" and "target", float32
            [B, C].

        Raises:
            DataError: If more pictures of a set are broken than `max_broken`.
        """
        images, labels = self.images(positions)
        steps, rows = np.divmod(np.asarray(positions, np.int64), self.options.batch_size)
        targets = np.empty_like(steps)
        for step in np.unique(steps):
            in_step = steps == step
            first = int(step) * self.options.batch_size
            counters = np.arange(first, first + self.options.batch_size)
            bits = random_bits(self.options.seed, _TARGET_STREAM, counters)
            targets[in_step] = counters[np.argsort(bits, kind="stable")][rows[in_step]]
        return {"image": images, "label": labels, "target": self.label_vectors(targets)}

    def label_vectors(self, positions: np.ndarray) -> np.ndarray:
        """Label vectors of any training positions, float32 [B, C], without reading the pictures."""
        rows, parts = self._by_set(positions)
        vectors = [
            encode_labels(
                self.label_sets,
                index,
                self._truth[index][self._pipelines[index].indices(places)],
            )
            for index, places in parts
        ]
        return np.concatenate(vectors)[rows]

    def dataset(
        self,
        start_position: int,
        *,
        replicas: int = 1,
        first_replica: int = 0,
        total_replicas: int | None = None,
    ) -> "tf.data.Dataset":
        """An endless dataset of per-replica batches, each of one set; see `Feed.dataset`.

        Raises:
            DataError: As `Feed.dataset`, and if `start_position` is not where a step begins.
            ValueError: As `Feed.dataset`.
        """
        if start_position % self.options.batch_size:
            raise DataError(
                field="batch_size",
                expected=f"must divide the {start_position} images seen so far, or data sets would "
                "not take turns",
                received=self.options.batch_size,
            )
        return super().dataset(
            start_position,
            replicas=replicas,
            first_replica=first_replica,
            total_replicas=total_replicas,
        )

    def probe(self, count: int = 32) -> None:
        """Reads the first few pictures of each set, so that mistakes show early.

        Raises:
            DataError: If more of them are broken than `max_broken`.
        """
        for pipeline in self._pipelines:
            pipeline.probe(count)

    def _by_set(self, positions: np.ndarray) -> tuple[np.ndarray, list[tuple[int, np.ndarray]]]:
        """Positions within each set that is shown, and the order that makes rows of them again."""
        batch = self.options.batch_size
        steps, rows = np.divmod(np.asarray(positions, np.int64), batch)
        turns, sets = np.divmod(steps, len(self.label_sets))
        places = turns * batch + rows
        parts = [(int(index), places[sets == index]) for index in np.unique(sets)]
        return np.argsort(np.argsort(sets, kind="stable")), parts


def _truth(label_set: LabelSet, labels: np.ndarray) -> np.ndarray:
    """Labels as a source has them, as float32 [N, n]: classes become one-hot."""
    if label_set.kind == "classes":
        return np.eye(len(label_set.names), dtype=np.float32)[labels]
    return labels


def _check_learnable(source: Source, label_set: LabelSet, truth: np.ndarray) -> None:
    """Raises a `DataError` for labels of which there are no examples, or nothing else."""
    never, always = (
        [name for name, hit in zip(label_set.names, hits, strict=True) if hit]
        for hits in (np.all(truth == 0, axis=0), np.all(truth == 1, axis=0))
    )
    if label_set.kind == "classes" and never:
        raise DataError(
            field="data",
            named=source.name,
            expected="must have pictures of all its classes, or they cannot be learned",
            received=f"none of {list_names(never)} among {len(source):,} pictures",
            advice="Add some, or remove the class.",
        )
    if never or always:
        received = [f"{name}, always false" for name in never]
        received += [f"{name}, always true" for name in always]
        raise DataError(
            field="attributes",
            expected="must be true of some pictures and false of others, or they cannot be learned",
            received=f"{'; '.join(received[:8])} in the {len(source):,} pictures of `data` "
            f"{source.name}",
            advice="Choose others, or add pictures.",
        )
