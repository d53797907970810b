"""Label sets of folders: attributes from a table, expressions of RaFD, sub-folders as classes."""

import logging
import os
from collections.abc import Callable, Sequence

import numpy as np

from tfgan.data.attribute_tables import AttributeTable, find_table
from tfgan.data.folders import FolderSource
from tfgan.data.held_back import Subset
from tfgan.data.sources import (
    DECODERS,
    EXTENSIONS,
    DataError,
    DataName,
    DataOptions,
    LabelOffer,
    Source,
    list_names,
)

logger = logging.getLogger("tfgan")

_PICTURES = sum((decoder.endings for decoder in DECODERS.values()), EXTENSIONS)
_TABLE_WORDS = (
    'an attribute table (a file with "attr" in its name that ends in .txt or .csv, in the folder, '
    "beside it, or given by `attribute_table`)"
)


def parse_folder(text: str) -> tuple[str, str | None]:
    """Splits FOLDER:attributes and FOLDER:classes."""
    place, colon, labels = text.rpartition(":")
    if colon and not os.path.exists(text) and labels in ("attributes", "classes"):
        return place, labels
    return text, None


def offer_folder(
    name: DataName, options: DataOptions, open_once: Callable[[], Source]
) -> LabelOffer:
    """Offers the attributes of a table, the expressions of RaFD, or sub-folders as classes.

    See `SourceType.offer`.

    Raises:
        DataError: If the folder has no such labels.
    """
    text, path, labels = name.text, name.place, name.labels
    # A new source: making sub-folders classes changes a source.
    pictures = FolderSource(path)
    short_name = os.path.basename(os.path.abspath(os.path.expanduser(path)))
    short_name += f":{labels}" if labels else ""
    if labels != "classes":
        table_path = options.attribute_table or find_table(os.path.expanduser(path))
        if table_path is not None:
            logger.info("Reading the attributes of %s from %s", path, table_path)
            table = AttributeTable(table_path)

            def read_table(names: Sequence[str]) -> tuple[Source, np.ndarray]:
                return _match(pictures, table, names)

            return LabelOffer(text, short_name, "attributes", tuple(table.names), read_table)
        if labels == "attributes":
            raise DataError(
                field="data",
                named=text,
                expected=f"must have {_TABLE_WORDS}",
                received="a folder without one",
                advice=f"For sub-folders as classes use `data` {path}.",
            )
        from tfgan.data import rafd

        if rafd.read_name(os.path.basename(pictures.relative_path(0))):
            return LabelOffer(
                text, short_name, "classes", rafd.EXPRESSIONS, lambda _: _read_expressions(pictures)
            )
    pictures.find_classes(f"give {_TABLE_WORDS}")
    return LabelOffer(
        text, short_name, "classes", pictures.class_names, lambda _: (pictures, pictures.labels())
    )


def _read_expressions(pictures: FolderSource) -> tuple[Source, np.ndarray]:
    """Expressions by the names of RaFD's files; -1 for other files, and for profiles."""
    from tfgan.data import rafd

    labels = np.full(len(pictures), -1, np.int64)
    for index in range(len(pictures)):
        portrait = rafd.read_name(os.path.basename(pictures.relative_path(index)))
        if portrait is not None and portrait.camera in rafd.CAMERAS:
            labels[index] = rafd.EXPRESSIONS.index(portrait.expression)
    return pictures, labels


def _match(
    pictures: FolderSource, table: AttributeTable, names: Sequence[str]
) -> tuple[Source, np.ndarray]:
    """The pictures that have a row in a table, and these rows.

    A row is of the picture with that path below the folder, or below that of the table; or else of
    the one with that name, whatever its extension is: CelebA's table is also that of its PNG files.
    """
    files, values = table.read(names)
    rows = {file: row for row, file in enumerate(files)}
    for row, file in enumerate(files):
        rows.setdefault(_without_extension(file), row)
    above = os.path.relpath(pictures.describe(0), os.path.dirname(os.path.abspath(table.path)))
    above = above.removesuffix(pictures.relative_path(0))
    row_of = np.full(len(pictures), -1, np.int64)
    owners: dict[int, int] = {}
    for index in range(len(pictures)):
        path = pictures.relative_path(index)
        file = os.path.basename(path)
        keys = (path, above + path, file, _without_extension(file))
        row = next((rows[key] for key in keys if key in rows), -1)
        if row in owners:
            raise DataError(
                named=f"the attribute table {table.path}",
                expected=f"must say which picture of `data` {pictures.name} each row is of",
                received=f"{files[row]}, which may be {pictures.relative_path(owners[row])} or "
                f"{path}",
                advice="Write their paths, or name the folder of one of them.",
            )
        if row >= 0:
            owners[row] = index
        row_of[index] = row
    if not owners:
        raise DataError(
            named=f"the attribute table {table.path}",
            expected=f"must have rows for the pictures of `data` {pictures.name}",
            received=f"rows for {list_names(files, 2)}, and pictures such as "
            f"{pictures.relative_path(0)}",
            advice="Name the table that belongs to them with `attribute_table`.",
        )
    if len(owners) < len(files):
        example = next(file for row, file in enumerate(files) if row not in owners)
        logger.warning(
            "%d of the %d rows of %s are of files that are not in %s, such as %s.",
            len(files) - len(owners),
            len(files),
            table.path,
            pictures.name,
            example,
        )
    kept = np.flatnonzero(row_of >= 0)
    if len(kept) < len(pictures):
        without = int(np.flatnonzero(row_of < 0)[0])
        logger.warning(
            "%d of the %d pictures of %s have no row in %s and are left out, such as %s.",
            len(pictures) - len(kept),
            len(pictures),
            pictures.name,
            table.path,
            pictures.relative_path(without),
        )
        return Subset(pictures, kept), values[row_of[kept]]
    return pictures, values[row_of]


def _without_extension(file: str) -> str:
    return os.path.splitext(file)[0] if file.lower().endswith(_PICTURES) else file
