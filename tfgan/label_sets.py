"""What pictures are labelled with, and the label vectors that StarGAN reads and is told.

A label vector, float32 [C], holds the labels of all sets one after the other: 0 or 1 for each
attribute, one-hot for classes, zeros for the sets that the picture is not of. Where there are two
or more sets a mask follows, one-hot over the sets, which says whose labels are known.

Reference:
    Choi et al. 2018, arXiv:1711.09020, section 3.2, "Mask vector".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np


@dataclass(frozen=True)
class LabelSet:
    """The labels of one data set.

    Attributes:
        name: Of the set.
        kind: "attributes", each true or not by itself, or "classes", of which exactly one is true.
        names: Of the labels, all different.
        exclusive: Groups of attributes of which at most one is true, such as colours of hair.

    Raises:
        ValueError: If a value is out of range.
    """

    name: str
    kind: Literal["attributes", "classes"]
    names: tuple[str, ...]
    exclusive: tuple[tuple[str, ...], ...] = ()

    def __post_init__(self) -> None:
        # JSON has no tuples.
        object.__setattr__(self, "names", tuple(self.names))
        object.__setattr__(self, "exclusive", tuple(tuple(group) for group in self.exclusive))
        if self.kind not in ("attributes", "classes"):
            raise ValueError(f"kind must be attributes or classes. Received: {self.kind!r}.")
        least = 2 if self.kind == "classes" else 1
        if len(self.names) < least or len(set(self.names)) < len(self.names):
            raise ValueError(
                f"the {self.kind} of {self.name} must be {least} or more, all different. "
                f"Received: {self.names}."
            )
        grouped = [name for group in self.exclusive for name in group]
        if self.exclusive and self.kind == "classes":
            raise ValueError(
                f"exclusive groups are of attributes, and {self.name} has classes, which exclude "
                f"one another anyway. Received: {self.exclusive}."
            )
        if not set(grouped) <= set(self.names) or len(set(grouped)) < len(grouped):
            raise ValueError(
                f"exclusive groups must be of the attributes of {self.name}, each in one group at "
                f"most. Received: {self.exclusive} of {self.names}."
            )

    def rivals(self, name: str) -> tuple[str, ...]:
        """The other labels that cannot be true where `name` is."""
        groups = [self.names] if self.kind == "classes" else self.exclusive
        return tuple(other for group in groups if name in group for other in group if other != name)


def label_slices(label_sets: Sequence[LabelSet]) -> list[slice]:
    """Where the labels of each set stand in a label vector."""
    ends = np.cumsum([len(label_set.names) for label_set in label_sets]).tolist()
    return [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]


def label_count(label_sets: Sequence[LabelSet]) -> int:
    """Number of labels of all sets, which stand in front of the mask."""
    return sum(len(label_set.names) for label_set in label_sets)


def vector_width(label_sets: Sequence[LabelSet]) -> int:
    """Width C of a label vector: all labels and, for two or more sets, the mask."""
    return label_count(label_sets) + (len(label_sets) if len(label_sets) > 1 else 0)


def encode_labels(label_sets: Sequence[LabelSet], index: int, values) -> np.ndarray:
    """Makes label vectors of the labels of one set.

    Args:
        label_sets: All sets, in order.
        index: Of the set that the labels are of.
        values: Its labels, [N, labels of the set]; classes are one-hot.

    Returns:
        float32 [N, C].
    """
    vectors = np.zeros((len(values), vector_width(label_sets)), np.float32)
    vectors[:, label_slices(label_sets)[index]] = values
    if len(label_sets) > 1:
        vectors[:, label_count(label_sets) + index] = 1.0
    return vectors


def set_indices(label_sets: Sequence[LabelSet], vectors: np.ndarray) -> np.ndarray:
    """Index of the set that each label vector is of: [N, C] -> int64 [N]."""
    if len(label_sets) == 1:
        return np.zeros(len(vectors), np.int64)
    return np.argmax(vectors[:, label_count(label_sets) :], axis=1)


def with_label(
    label_sets: Sequence[LabelSet], vectors: np.ndarray, index: int, name: str, value=1.0
) -> np.ndarray:
    """Asks for one label, and for what else is known.

    Labels of the same set stay, except that those which exclude the wanted one become 0. Labels of
    another set than the wanted one's are not asked for, so they and their mask become 0.

    Args:
        label_sets: All sets, in order.
        vectors: Label vectors of the pictures, [N, C].
        index: Of the set that the label is of.
        name: Of the label.
        value: 1 for yes, 0 for no, one number or [N].

    Returns:
        float32 [N, C].
    """
    label_set = label_sets[index]
    values = vectors[:, label_slices(label_sets)[index]].copy()
    wanted = np.broadcast_to(np.asarray(value, np.float32), len(vectors))
    for rival in label_set.rivals(name):
        values[wanted > 0, label_set.names.index(rival)] = 0.0
    values[:, label_set.names.index(name)] = wanted
    return encode_labels(label_sets, index, values)


def change_words(label_set: LabelSet, name: str) -> str:
    """What the paper's figures do with a label: attributes without rivals are reversed."""
    return name if label_set.rivals(name) else f"{name} reversed"


def one_label_changed(
    label_sets: Sequence[LabelSet], vectors: np.ndarray
) -> list[tuple[str, np.ndarray]]:
    """The targets of the paper's figures: each attribute reversed, each class.

    Attributes of an exclusive group become true rather than reversed. What is not known of a
    picture counts as 0.

    Args:
        label_sets: All sets, in order.
        vectors: Label vectors of the pictures, [N, C].

    Returns:
        Name of the label and target vectors, float32 [N, C], for each label of each set.

    Reference:
        Choi et al. 2018, arXiv:1711.09020, figures 4 to 6.
    """
    targets = []
    for index, (label_set, part) in enumerate(
        zip(label_sets, label_slices(label_sets), strict=True)
    ):
        for place, name in enumerate(label_set.names):
            value = 1.0 if label_set.rivals(name) else 1.0 - vectors[:, part][:, place]
            targets.append((name, with_label(label_sets, vectors, index, name, value)))
    return targets
