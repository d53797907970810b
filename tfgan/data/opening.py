"""Opens what a user names with `--data`: the only place that knows every type of source.

A new type is a file with what opens it, and a row of `SOURCE_TYPES`. Which pictures are read,
and how, is said by `DataOptions`.
"""

from collections.abc import Sequence

from tfgan.data.avatar_source import open_avatars
from tfgan.data.folder_labels import offer_folder, parse_folder
from tfgan.data.folders import open_folder
from tfgan.data.prepared import is_prepared, open_prepared
from tfgan.data.sources import (
    DataName,
    DataOptions,
    Source,
    SourceType,
    check_resolution,
)
from tfgan.data.tfds_labels import offer_tfds, parse_avatars, parse_prepared, parse_tfds
from tfgan.data.tfds_sets import open_tfds

# The first that matches a name opens it.
SOURCE_TYPES: list[SourceType] = [
    SourceType(
        "avatars",
        matches=lambda name: name == "avatars",
        open=open_avatars,
        parse=parse_avatars,
        offer=offer_tfds,
        has_splits=True,
        is_drawn=True,
    ),
    SourceType(
        "tfds:NAME",
        matches=lambda name: name.startswith("tfds:"),
        open=open_tfds,
        parse=parse_tfds,
        offer=offer_tfds,
        sets_take=frozenset(["image_key"]),
        has_splits=True,
    ),
    SourceType(
        "a prepared folder",
        matches=is_prepared,
        open=open_prepared,
        parse=parse_prepared,
        offer=offer_tfds,
    ),
    SourceType(
        "a folder",
        matches=lambda name: True,
        open=open_folder,
        parse=parse_folder,
        offer=offer_folder,
        sets_take=frozenset(["attribute_table"]),
        is_files=True,
    ),
]


def parse_name(text: str) -> DataName:
    """Splits what a user typed after `--data` into what is opened and labels of it."""
    for source_type in SOURCE_TYPES:
        place, labels = source_type.parse(text)
        if source_type.matches(place):
            return DataName(text, place, labels, source_type)
    raise AssertionError("the last row takes any name")


def name_files(text: str) -> DataName:
    """Names pictures that are files, though something else may have the same name."""
    source_type = next(row for row in SOURCE_TYPES if row.is_files and row.matches(text))
    return DataName(text, text, None, source_type)


def are_drawn(data: Sequence[str]) -> bool:
    """Whether data sets, as `--data` names them, are the built-in avatars and nothing else."""
    return all(parse_name(text).source_type.is_drawn for text in data)


def open_source(options: DataOptions) -> Source:
    """Opens one data set, with classes where `conditional` or `label_key` asks for them.

    Args:
        options: Whose `data` is one name, without labels.

    Returns:
        A `Source`.

    Raises:
        DataError: If there is nothing to read there, and why.
    """
    check_resolution(options.resolution)
    (name,) = options.data
    source_type = next(row for row in SOURCE_TYPES if row.matches(name))
    return source_type.open(name, options)


__all__ = [
    "SOURCE_TYPES",
    "DataName",
    "DataOptions",
    "SourceType",
    "are_drawn",
    "name_files",
    "open_source",
    "parse_name",
]
