"""Label sets of TensorFlow Datasets: flags as attributes, a `ClassLabel` as classes."""

import os
import re
from collections.abc import Callable, Sequence

import numpy as np

from tfgan.data.prepared import is_prepared
from tfgan.data.sources import DataError, DataName, DataOptions, LabelOffer, Source, list_names
from tfgan.data.tfds_sets import TfdsSource

# TensorFlow Datasets' own suffixes of a name: versions such as 1.0.0, 2.*.* and this one.
_VERSION = re.compile(r"(\d+|\*)\.(\d+|\*)\.(\d+|\*).*|experimental_latest")


def parse_avatars(text: str) -> tuple[str, str | None]:
    """Splits avatars:LABELS; `avatars` alone means its attributes."""
    if text == "avatars":
        return text, "attributes"
    name, colon, labels = text.partition(":")
    return (name, labels) if colon and name == "avatars" else (text, None)


def parse_tfds(text: str) -> tuple[str, str | None]:
    """Splits tfds:NAME:LABELS, whose name may hold a version after another colon."""
    name, _, labels = text.rpartition(":")
    # The first colon belongs to the prefix.
    return (text, None) if name == "tfds" or _VERSION.fullmatch(labels) else (name, labels)


def parse_prepared(text: str) -> tuple[str, str | None]:
    """Splits FOLDER:LABELS of a prepared folder."""
    place, colon, labels = text.rpartition(":")
    return (place, labels) if colon and not os.path.exists(text) else (text, None)


def offer_tfds(name: DataName, options: DataOptions, open_once: Callable[[], Source]) -> LabelOffer:
    """Offers a `ClassLabel`, a `bool`, or a dictionary of `bool` features; see `SourceType.offer`.

    Raises:
        DataError: If the set has no such labels, or has several and none are named.
    """
    source = open_once()
    assert isinstance(source, TfdsSource)
    text, place, labels = name.text, name.place, name.labels
    groups: dict[str, list[str]] = {}
    for key in source.flags:
        groups.setdefault(key.rpartition("/")[0], []).append(key)
    # Flags beside the picture have no name together.
    alone = groups.pop("", [])
    usable = [*groups, *source.classes, *alone]
    if labels is None and len(usable) == 1:
        labels = usable[0]
    elif labels is None and not groups and not source.classes and alone:
        groups["attributes"], labels = alone, "attributes"
    elif labels is not None and labels not in (*usable, *source.flags):
        labels = labels.removesuffix("s")  # The plural says the same.
    if labels is None or labels not in (*groups, *source.classes, *source.flags):
        received = text if labels is None else text.rpartition(":")[2]
        examples = [f"{place}:{name}" for name in usable]
        raise DataError(
            field="data",
            named=f"{place}:LABELS",
            expected="must name labels of the set",
            received=received,
            advice=f"Use one of: {list_names(examples)}."
            if examples
            else "It has no ClassLabel and no bool features; use another set.",
        )
    short = os.path.basename(os.path.abspath(place)) if is_prepared(place) else place
    short_name = f"{short.removeprefix('tfds:')}:{labels}"
    if labels in source.classes:
        key = labels
        if len(source.classes[key]) < 2:
            raise DataError(
                field="data",
                named=text,
                expected="must have two or more classes",
                received=list_names(source.classes[key]) or "none",
                advice="Name other labels, or another set.",
            )

        def read_classes(_: Sequence[str]) -> tuple[Source, np.ndarray]:
            return source, source.read_values([key])[:, 0]

        return LabelOffer(text, short_name, "classes", source.classes[labels], read_classes)
    keys = {key.rpartition("/")[2]: key for key in groups.get(labels, [labels])}

    def read_flags(names: Sequence[str]) -> tuple[Source, np.ndarray]:
        return source, source.read_values([keys[name] for name in names])

    return LabelOffer(text, short_name, "attributes", tuple(keys), read_flags)
