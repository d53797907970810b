"""Tables that say which attributes each picture of a folder has.

Two kinds are read. CelebA's own, a text with a line that counts the pictures, a line with the names
of the attributes, and a line for each picture:

    202599
    5_o_Clock_Shadow Arched_Eyebrows Attractive
    000001.jpg -1  1  1

And a CSV, whose first line names the columns and whose first column holds the files; the delimiter
is a comma, semicolon, tab or bar:

    image_id,5_o_Clock_Shadow,Arched_Eyebrows,Attractive
    000001.jpg,-1,1,1

Values are 1 and -1, 1 and 0, or true and false.
"""

import array
import contextlib
import csv
import itertools
import logging
import os
from collections.abc import Generator, Sequence

import numpy as np

from tfgan.data.sources import DataError, list_names
from tfgan.terminal import Progress

logger = logging.getLogger("tfgan")

_DELIMITERS = ",;\t|"
_VALUES = {"1": 1, "-1": 0, "0": 0, "true": 1, "false": 0}


def find_table(folder: str) -> str | None:
    """Finds the attribute table of a folder: in it, or else beside it.

    Args:
        folder: Path of a folder.

    Returns:
        Path of the file there whose name has "attr" in it and ends in .txt or .csv, such as
        list_attr_celeba.txt; or `None`.

    Raises:
        DataError: If there are several.
    """
    folder = os.path.abspath(folder)
    for place in (folder, os.path.dirname(folder)):
        try:
            names = sorted(os.listdir(place))
        except OSError:
            continue  # A folder above one that is readable need not be.
        tables = [n for n in names if "attr" in n.lower() and n.lower().endswith((".txt", ".csv"))]
        if len(tables) > 1:
            raise DataError(
                named=place,
                expected="must hold one attribute table",
                received=list_names(tables),
                advice="Name one with `attribute_table`, or take sub-folders as classes with "
                "`data` FOLDER:classes.",
            )
        if tables:
            return os.path.join(place, tables[0])
    return None


class AttributeTable:
    """A table on disk, of which only the names of the attributes are in memory.

    Args:
        path: Of the file.

    Attributes:
        path: As given.
        names: Of the attributes, in the order of the table.

    Raises:
        DataError: If the file cannot be read, or its head is not one of a table.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        with contextlib.closing(self._rows()) as rows:
            _, self.names = next(rows)
        if not self.names:
            raise self._error("name the attributes after the column of files", "no names")
        repeated = sorted({name for name in self.names if self.names.count(name) > 1})
        if repeated or "" in self.names:
            raise self._error(
                "give every attribute a name of its own",
                f"{list_names(repeated)} more than once" if any(repeated) else "one without a name",
            )

    def read(self, names: Sequence[str]) -> tuple[list[str], np.ndarray]:
        """Reads some of the attributes.

        Args:
            names: Of the attributes n.

        Returns:
            The names of the files N, and what is true of each, bool [N, n].

        Raises:
            DataError: If a line lacks values, has other ones, or names a file again.
        """
        places = [self.names.index(name) + 1 for name in names]
        lines: dict[str, int] = {}
        values = array.array("B")
        seen: set[str] = set()
        title = f"Reading {os.path.basename(self.path)}"
        with contextlib.closing(self._rows()) as rows:
            next(rows)
            for line, cells in Progress(rows, title, unit="row"):
                file = cells[0].strip().replace("\\", "/").removeprefix("./")
                if len(cells) != len(self.names) + 1:
                    raise self._error(
                        f"have a file and {len(self.names)} values in every line",
                        f"{len(cells) - 1} values of {file} in line {line}",
                    )
                if file in lines:
                    raise self._error(
                        "name every file once", f"{file} in lines {lines[file]} and {line}"
                    )
                lines[file] = line
                chosen = [cells[place].strip().lower() for place in places]
                for name, value in zip(names, chosen, strict=True):
                    if value not in _VALUES:
                        raise self._error(
                            f"say 1 or -1, 1 or 0, or true or false of {name}",
                            f"{value or 'nothing'} in line {line} ({file})",
                            "Correct it, or train on other columns with `attributes`.",
                        )
                    values.append(_VALUES[value])
                seen.update(chosen)
        if {"0", "-1"} <= seen:
            # Some tables say by 0 that nobody knows.
            raise self._error("say either 0 or -1 of what is not true", "both")
        if not lines:
            raise self._error("have a line for each picture", "none")
        return list(lines), np.frombuffer(values, np.uint8).reshape(-1, len(names)).astype(bool)

    def _error(self, wanted: str, received: str, advice: str = "") -> DataError:
        return DataError(
            named=f"the attribute table {self.path}",
            expected=f"must {wanted}",
            received=received,
            advice=advice,
        )

    def _rows(self) -> Generator[tuple[int, list[str]], None, None]:
        """Lines by number, with their cells; the first are the names of the attributes."""
        try:
            with open(self.path, encoding="utf-8-sig", newline="") as file:
                first = file.readline()
                if first.strip().isdigit():
                    yield 2, file.readline().split()
                    count = 0
                    for number, line in enumerate(file, 3):
                        if line.strip():
                            yield number, line.split()
                            count += 1
                    if count != int(first):
                        logger.warning(
                            "%s announces %d files and has %d.", self.path, int(first), count
                        )
                    return
                delimiter = max(_DELIMITERS, key=first.count)
                if delimiter not in first:
                    raise self._error(
                        "begin with the number of pictures, as CelebA's does, or with the names "
                        "of columns, as a CSV does",
                        f"{first.strip()[:40]!r}",
                    )
                reader = csv.reader(itertools.chain([first], file), delimiter=delimiter)
                yield 1, [name.strip() for name in next(reader)[1:]]
                for cells in reader:
                    if cells:
                        yield reader.line_num, cells
        except OSError as error:
            raise self._error("be a file that can be read", error.strerror or str(error)) from error
        except (UnicodeDecodeError, csv.Error) as error:
            raise self._error("be text, in UTF-8", str(error)) from error
