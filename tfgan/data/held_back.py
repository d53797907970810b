"""Keeps pictures back from training, for tests."""

import hashlib
from typing import NamedTuple

import numpy as np

from tfgan.data.order import epoch_order
from tfgan.data.sources import DataError, Picture, Source


class Subset:
    """Some pictures of a source.

    Args:
        source: All pictures.
        indices: Which of them, int [N].
    """

    def __init__(self, source: Source, indices: np.ndarray) -> None:
        self.name = source.name
        self.class_names = source.class_names
        self.source = source
        self.indices = indices

    def __len__(self) -> int:
        return len(self.indices)

    def read(self, index: int) -> Picture:
        return self.source.read(int(self.indices[index]))

    def describe(self, index: int) -> str:
        return self.source.describe(int(self.indices[index]))

    def labels(self) -> np.ndarray:
        return self.source.labels()[self.indices]

    def fingerprint(self) -> str:
        parts = f"{self.source.fingerprint()} {self.indices.tolist()}"
        return hashlib.sha256(parts.encode()).hexdigest()[:12]


class HeldBack(NamedTuple):
    """Pictures to learn from and pictures to test on.

    Attributes:
        train: What may be learned from.
        test: The others.
        where: What `test` is, in words.
    """

    train: Source
    test: Subset
    where: str


def hold_back(source: Source, test: Source | None = None, split: str = "test") -> HeldBack:
    """Splits pictures with labels into those to learn from and those to test on.

    Args:
        source: Pictures with classes or attributes.
        test: Pictures that are held back already, such as the test split of a set; where there
            are none, a tenth of each class of `source`, or of all pictures with attributes, is
            held back, at least two pictures. Which ones depends on their number and order alone.
        split: What `test` is called.

    Raises:
        DataError: If there are fewer than three pictures to split, of a class or in all.
    """
    if test is not None:
        return HeldBack(source, Subset(test, np.arange(len(test))), f"the split {split}")
    labels = source.labels()
    order = epoch_order(0, 0, len(source))
    # Attributes overlap, so they are no parts to take a tenth of each.
    parts = {"": order}
    if labels.ndim == 1:
        parts = {
            f" of {name}": order[labels[order] == label]
            for label, name in enumerate(source.class_names)
        }
    held = []
    for name, members in parts.items():
        if len(members) < 3:
            raise DataError(
                field="data",
                named=source.name,
                expected=f"must have three pictures or more{' of each class' if name else ''}, to "
                "learn from and to test on",
                received=f"{len(members)}{name}",
            )
        held.append(members[: max(2, len(members) // 10)])
    indices = np.sort(np.concatenate(held))
    rest = np.setdiff1d(np.arange(len(source)), indices)
    where = "a tenth of each class" if labels.ndim == 1 else "a tenth of the pictures"
    return HeldBack(Subset(source, rest), Subset(source, indices), where)
