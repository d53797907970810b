"""Label sets from many kinds of data: attributes of TensorFlow Datasets, tables, sub-folders.

`open_labelled` opens what a user names with one or several `--data`: the pictures, and what they
are labelled with. `tfgan.data.joint` makes batches of them.
"""

import difflib
import hashlib
import logging
import os
import re
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np

from tfgan.data.attribute_tables import AttributeTable, find_table
from tfgan.data.folders import FolderSource
from tfgan.data.held_back import Subset
from tfgan.data.opening import open_source
from tfgan.data.prepared import is_prepared
from tfgan.data.sources import (
    DECODERS,
    EXTENSIONS,
    DataError,
    Picture,
    Source,
    check_resolution,
    list_names,
    make_fingerprint,
)
from tfgan.data.tfds_sets import TfdsSource
from tfgan.label_sets import LabelSet

logger = logging.getLogger("tfgan")

_PICTURES = sum((decoder.endings for decoder in DECODERS.values()), EXTENSIONS)

# Those of StarGAN's paper.
DEFAULT_ATTRIBUTES = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young")
# More than these are chosen by name, so that nobody learns all of a wide table by accident.
MOST_ATTRIBUTES = 20
# As CelebA means them: one colour of hair, none on a bald head, and either straight or wavy.
DEFAULT_EXCLUSIVE = (
    ("Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair", "Bald"),
    ("Straight_Hair", "Wavy_Hair"),
)

_TABLE_WORDS = (
    'an attribute table (a file with "attr" in its name that ends in .txt or .csv, in the folder, '
    "beside it, or given by --attribute-table)"
)
# TensorFlow Datasets' own suffixes of a name: versions such as 1.0.0, 2.*.* and this one.
_VERSION = re.compile(r"(\d+|\*)\.(\d+|\*)\.(\d+|\*).*|experimental_latest")


class Labelled:
    """Pictures of a source with labels that are known without reading them.

    Args:
        name: As the user typed it after `--data`.
        pictures: Where they come from.
        class_names: Of the classes, or of the attributes n.
        labels: Class indices, int32 [N], or truth of the attributes, float32 [N, n].
    """

    def __init__(
        self, name: str, pictures: Source, class_names: Sequence[str], labels: np.ndarray
    ) -> None:
        self.name = name
        self.class_names = tuple(class_names)
        self.pictures = pictures
        self._labels = labels

    def __len__(self) -> int:
        return len(self._labels)

    def read(self, index: int) -> Picture:
        label = self._labels[index]
        return self.pictures.read(index)._replace(label=label if label.ndim else int(label))

    def describe(self, index: int) -> str:
        return self.pictures.describe(index)

    def labels(self) -> np.ndarray:
        return self._labels

    def fingerprint(self) -> str:
        return make_fingerprint(
            self.pictures.fingerprint(),
            self.class_names,
            hashlib.sha256(self._labels.tobytes()).hexdigest(),
        )


class _Offer(NamedTuple):
    """A label set that could be read.

    Attributes:
        data: As the user typed it.
        name: Short name of the set.
        kind: Of its labels.
        names: Of all its labels.
        read: Gives the pictures, and the labels of these names, int [N, n]; of classes, which are
            never chosen from, indices, int [N], with -1 where there is none.
    """

    data: str
    name: str
    kind: Literal["attributes", "classes"]
    names: tuple[str, ...]
    read: Callable[[Sequence[str]], tuple[Source, np.ndarray]]


def open_labelled(
    data: Sequence[str],
    *,
    resolution: int,
    attributes: Sequence[str] | None = None,
    exclusive: Sequence[Sequence[str]] = (),
    attribute_table: str | None = None,
    split: str = "train",
    image_key: str | None = None,
    data_dir: str | None = None,
    avatars_count: int = 8_000,
) -> tuple[list[Source], list[LabelSet]]:
    """Opens one or several data sets with what their pictures are labelled with.

    Each name is one of:

    - `avatars:attributes`, the same as `avatars`; `avatars:expression`; `avatars:domain`;
    - `tfds:NAME[/CONFIG][:VERSION][:LABELS]`, with a `ClassLabel`, a `bool`, or a dictionary of
      `bool` features, as `tfds:celeb_a:attributes`. LABELS may be left out where a set has only
      one of them;
    - a folder that `tfgan.data.prepare` made, or `FOLDER:LABELS` where it has several kinds;
    - a folder. With an attribute table (see `tfgan.data.attribute_tables`) in it or beside it the
      labels are attributes; else the expressions of RaFD if its pictures are named so; else
      sub-folders are classes. `FOLDER:attributes` and `FOLDER:classes` insist on one.

    The same pictures may be named twice with different labels.

    Args:
        data: Names of the sets, one or more.
        resolution: Size of the images that will be made of the pictures.
        attributes: Names of the binary attributes to learn, in this order; each set takes those
            that it has. Defaults to those of StarGAN's paper, or all, up to 20, of a set that has
            not all of these, less those that are true or false of all its pictures. Classes are
            not chosen from.
        exclusive: Groups of attributes of which at most one can be true of a picture. Defaults to
            colours of hair and the like, as far as they are learned; one empty group stands for
            none.
        attribute_table: File with the attributes of the folder, of which there must be one.
        split: Split of TFDS sets.
        image_key: Feature of TFDS sets that holds the picture; see `open_source`.
        data_dir: Where TFDS keeps its sets.
        avatars_count: How many avatars are drawn.

    Returns:
        The sources, and the label set of each. A source gives class indices or label vectors in
        the order of `LabelSet.names`.

    Raises:
        DataError: If there is nothing to read there, or the labels are not as asked for.
    """
    check_resolution(resolution)
    names = [split_labels(text) for text in data]
    if not names:
        raise DataError("--data must name one or more data sets. Received: none.")
    folders = [place for place, _ in names if not _is_tfds(place)]
    if attribute_table is not None and len(folders) != 1:
        raise DataError(
            f"--attribute-table belongs to one folder. Received: {attribute_table} with "
            f"{len(folders)} folders. Put a table into each folder, or beside it."
        )
    if image_key is not None and not any(place.startswith("tfds:") for place, _ in names):
        raise DataError(
            f"--image-key belongs to --data tfds:NAME. Received: --image-key {image_key} with "
            f"--data {data[0]}. Leave it out."
        )
    opened: dict[str, TfdsSource] = {}
    offers = []
    for text, (place, labels) in zip(data, names, strict=True):
        if not _is_tfds(place):
            offers.append(_offer_folder(text, place, labels, attribute_table))
            continue
        if place not in opened:
            source = open_source(
                place,
                resolution=resolution,
                split=split,
                image_key=image_key if place.startswith("tfds:") else None,
                data_dir=data_dir,
                avatars_count=avatars_count,
            )
            assert isinstance(source, TfdsSource)
            opened[place] = source
        offers.append(_offer_tfds(text, place, labels, opened[place]))
    offers = _with_names_of_their_own(offers)
    sources = [
        _read(offer, wanted)
        for offer, wanted in zip(offers, _choose_attributes(offers, attributes), strict=True)
    ]
    if not attributes:
        sources = [_without_constants(source) for source in sources]
    groups = _choose_exclusive(offers, [source.class_names for source in sources], exclusive)
    label_sets = [
        LabelSet(offer.name, offer.kind, source.class_names, own)
        for offer, source, own in zip(offers, sources, groups, strict=True)
    ]
    for source, label_set in zip(sources, label_sets, strict=True):
        _warn_of_contradictions(source, label_set)
    return list(sources), label_sets


def open_all_attributes(path: str, attribute_table: str | None = None) -> Labelled:
    """Opens a folder with all the attributes of its table, in the order of the table.

    Args:
        path: Of the folder.
        attribute_table: File with the attributes. Defaults to the one in the folder or beside it.

    Raises:
        DataError: If there is none, or it is not of these pictures.
    """
    offer = _offer_folder(path, path, "attributes", attribute_table)
    return _read(offer, offer.names)


def _is_tfds(place: str) -> bool:
    return place == "avatars" or place.startswith("tfds:") or is_prepared(place)


def split_labels(text: str) -> tuple[str, str | None]:
    """What `--data` names, and which of its labels, if that is said."""
    place, colon, labels = text.rpartition(":")
    if text == "avatars":
        return text, "attributes"
    if text.startswith("avatars:"):
        return "avatars", text.removeprefix("avatars:")
    if text.startswith("tfds:"):
        # The first colon belongs to the prefix.
        says_labels = place != "tfds" and not _VERSION.fullmatch(labels)
        return (place, labels) if says_labels else (text, None)
    if (
        colon
        and not os.path.exists(text)
        and (labels in ("attributes", "classes") or is_prepared(place))
    ):
        return place, labels
    return text, None


def _offer_tfds(text: str, place: str, labels: str | None, source: TfdsSource) -> _Offer:
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
            f"--data {place}:LABELS must name labels of the set. Received: {received}. "
            + (
                f"Use one of: {list_names(examples)}."
                if examples
                else "It has no ClassLabel and no bool features; use another set."
            )
        )
    short = os.path.basename(os.path.abspath(place)) if is_prepared(place) else place
    name = f"{short.removeprefix('tfds:')}:{labels}"
    if labels in source.classes:
        key = labels
        if len(source.classes[key]) < 2:
            raise DataError(
                f"--data {text} must have two or more classes. Received: "
                f"{list_names(source.classes[key]) or 'none'}. Name other labels, or another set."
            )

        def read_classes(_: Sequence[str]) -> tuple[Source, np.ndarray]:
            return source, source.read_values([key])[:, 0]

        return _Offer(text, name, "classes", source.classes[labels], read_classes)
    keys = {key.rpartition("/")[2]: key for key in groups.get(labels, [labels])}

    def read_flags(names: Sequence[str]) -> tuple[Source, np.ndarray]:
        return source, source.read_values([keys[name] for name in names])

    return _Offer(text, name, "attributes", tuple(keys), read_flags)


def _offer_folder(text: str, path: str, labels: str | None, table_path: str | None) -> _Offer:
    pictures = FolderSource(path)
    name = os.path.basename(os.path.abspath(os.path.expanduser(path)))
    name += f":{labels}" if labels else ""
    if labels != "classes":
        table_path = table_path or find_table(os.path.expanduser(path))
        if table_path is not None:
            logger.info("Reading the attributes of %s from %s", path, table_path)
            table = AttributeTable(table_path)

            def read_table(names: Sequence[str]) -> tuple[Source, np.ndarray]:
                return _match(pictures, table, names)

            return _Offer(text, name, "attributes", tuple(table.names), read_table)
        if labels == "attributes":
            raise DataError(
                f"--data {text} must have {_TABLE_WORDS}. Received: a folder without one. For "
                f"sub-folders as classes use --data {path}."
            )
        from tfgan.data import rafd

        if rafd.read_name(os.path.basename(pictures.relative_path(0))):
            return _Offer(
                text, name, "classes", rafd.EXPRESSIONS, lambda _: _read_expressions(pictures)
            )
    pictures.find_classes(f"give {_TABLE_WORDS}")
    return _Offer(
        text, name, "classes", pictures.class_names, lambda _: (pictures, pictures.labels())
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
    found = np.full(len(pictures), -1, np.int64)
    owners: dict[int, int] = {}
    for index in range(len(pictures)):
        path = pictures.relative_path(index)
        file = os.path.basename(path)
        keys = (path, above + path, file, _without_extension(file))
        row = next((rows[key] for key in keys if key in rows), -1)
        if row in owners:
            raise DataError(
                f"the attribute table {table.path} must say which picture of --data "
                f"{pictures.name} each row is of. Received: {files[row]}, which may be "
                f"{pictures.relative_path(owners[row])} or {path}. Write their paths, or name the "
                "folder of one of them."
            )
        if row >= 0:
            owners[row] = index
        found[index] = row
    if not owners:
        raise DataError(
            f"the attribute table {table.path} must have rows for the pictures of --data "
            f"{pictures.name}. Received: rows for {list_names(files, 2)}, and pictures such as "
            f"{pictures.relative_path(0)}. Name the table that belongs to them with "
            "--attribute-table."
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
    kept = np.flatnonzero(found >= 0)
    if len(kept) < len(pictures):
        without = int(np.flatnonzero(found < 0)[0])
        logger.warning(
            "%d of the %d pictures of %s have no row in %s and are left out, such as %s.",
            len(pictures) - len(kept),
            len(pictures),
            pictures.name,
            table.path,
            pictures.relative_path(without),
        )
        return Subset(pictures, kept), values[found[kept]]
    return pictures, values[found]


def _without_extension(file: str) -> str:
    return os.path.splitext(file)[0] if file.lower().endswith(_PICTURES) else file


def _with_names_of_their_own(offers: Sequence[_Offer]) -> list[_Offer]:
    """Numbers sets that share a name, as folders of one name in different places do."""
    names: list[str] = []
    for offer in offers:
        same = [before.data for before in offers[: len(names)] if before.name == offer.name]
        place, labels = split_labels(offer.data)
        again = (_real_path(place), labels) in [
            (_real_path(place), labels) for place, labels in map(split_labels, same)
        ]
        if same and (again or _is_tfds(place)):
            raise DataError(
                f"--data must name each set once. Received: {same[0]} and {offer.data}. Leave one "
                "of them out, or name other labels of it."
            )
        names.append(offer.name if not same else f"{offer.name}-{len(same) + 1}")
    return [offer._replace(name=name) for offer, name in zip(offers, names, strict=True)]


def _real_path(place: str) -> str:
    return os.path.realpath(os.path.expanduser(place))


def _choose_attributes(
    offers: Sequence[_Offer], attributes: Sequence[str] | None
) -> list[tuple[str, ...]]:
    """The labels of each set that are learned, in order."""
    binary = [offer for offer in offers if offer.kind == "attributes"]
    if attributes:
        known = list(dict.fromkeys(name for offer in binary for name in offer.names))
        if not known:
            raise DataError(
                f"--attributes belongs to data with binary attributes. Received: "
                f"{list_names(attributes)} with --data {offers[0].data}, which has "
                f"{len(offers[0].names)} classes. Leave it out."
            )
        _check_known("--attributes", attributes, known, "of the data")
        repeated = sorted({name for name in attributes if list(attributes).count(name) > 1})
        if repeated:
            raise DataError(
                f"--attributes must name each attribute once. Received: {list_names(repeated)} "
                "more than once."
            )
    chosen = []
    for offer in offers:
        names = offer.names
        if offer.kind == "attributes":
            if attributes:
                names = tuple(name for name in attributes if name in offer.names)
            elif set(DEFAULT_ATTRIBUTES) <= set(names):
                names = DEFAULT_ATTRIBUTES
            if not names:
                raise DataError(
                    f"--attributes must name attributes of every set that has some. Received: none "
                    f"of --data {offer.data}, which has {list_names(offer.names)}."
                )
            if not attributes and len(names) > MOST_ATTRIBUTES:
                raise DataError(
                    f"--attributes must choose some of the attributes of --data {offer.data}, for "
                    f"these are more than {MOST_ATTRIBUTES}. Received: no --attributes. It has "
                    f"{list_names(names, 40)}."
                )
        chosen.append(names)
    return chosen


def _choose_exclusive(
    offers: Sequence[_Offer],
    chosen: Sequence[tuple[str, ...]],
    declared: Sequence[Sequence[str]],
) -> list[tuple[tuple[str, ...], ...]]:
    """The exclusive groups of each set."""
    learned = [
        names if offer.kind == "attributes" else ()
        for offer, names in zip(offers, chosen, strict=True)
    ]
    for group in declared:
        known = list(dict.fromkeys(name for names in learned for name in names))
        _check_known("--exclusive", group, known, "that are learned")
        if group and not any(len(set(group) & set(names)) > 1 for names in learned):
            raise DataError(
                "--exclusive must name two or more attributes of one set. Received: "
                f"{list_names(group)}."
            )
    grouped = [name for group in declared for name in group]
    repeated = sorted({name for name in grouped if grouped.count(name) > 1})
    if repeated:
        raise DataError(
            "--exclusive must name each attribute once, in one group. Received: "
            f"{list_names(repeated)} more than once."
        )
    groups = []
    for names in learned:
        own = (tuple(n for n in group if n in names) for group in declared or DEFAULT_EXCLUSIVE)
        groups.append(tuple(group for group in own if len(group) > 1))
    return groups


def _check_known(option: str, names: Sequence[str], known: Sequence[str], which: str) -> None:
    unknown = [name for name in names if name not in known]
    if not unknown:
        return
    if not known:
        raise DataError(
            f"{option} belongs to data with binary attributes. Received: {list_names(unknown)}. "
            "Leave it out."
        )
    # "blonde hair" is close to Blond_Hair for anyone but a computer.
    spelled = {name.lower().replace("_", " "): name for name in known}
    near = [
        spelled[match]
        for name in unknown
        for match in difflib.get_close_matches(
            name.lower().replace("_", " ").replace("-", " "), list(spelled), 2
        )
    ]
    hint = f"Did you mean {' or '.join(dict.fromkeys(near))}? " if near else ""
    raise DataError(
        f"{option} must name attributes {which}. Received: {list_names(unknown)}. {hint}"
        f"There are {list_names(known, 40)}."
    )


def _read(offer: _Offer, names: Sequence[str]) -> Labelled:
    """The pictures of a set that have labels, with the chosen ones."""
    pictures, labels = offer.read(names)
    if offer.kind == "attributes":
        return Labelled(offer.data, pictures, names, labels.astype(np.float32))
    kept = np.flatnonzero(labels >= 0)
    if not len(kept):
        raise DataError(
            f"--data {offer.data} must have labelled pictures. Received: {len(labels)} pictures "
            "without a label. Use another split, or other labels."
        )
    if len(kept) < len(labels):
        logger.warning(
            "%d of the %d pictures of %s have none of the labels and are left out, such as %s.",
            len(labels) - len(kept),
            len(labels),
            offer.data,
            pictures.describe(int(np.flatnonzero(labels < 0)[0])),
        )
        pictures, labels = Subset(pictures, kept), labels[kept]
    return Labelled(offer.data, pictures, names, labels.astype(np.int32))


def _without_constants(source: Labelled) -> Labelled:
    """Leaves out attributes that nobody named and of which nothing can be learned."""
    labels = source.labels()
    if labels.ndim == 1:
        return source
    varied = np.any(labels != labels[:1], axis=0)
    if np.all(varied) or not np.any(varied):
        return source
    left_out = [name for name, kept in zip(source.class_names, varied, strict=True) if not kept]
    logger.warning(
        "%s %s of all the %d pictures of %s, or of none, and %s left out.",
        list_names(left_out, 40),
        "is true" if len(left_out) == 1 else "are true",
        len(source),
        source.name,
        "is" if len(left_out) == 1 else "are",
    )
    names = [name for name, kept in zip(source.class_names, varied, strict=True) if kept]
    return Labelled(source.name, source.pictures, names, labels[:, varied])


def _warn_of_contradictions(source: Source, label_set: LabelSet) -> None:
    for group in label_set.exclusive:
        places = [label_set.names.index(name) for name in group]
        count = int(np.sum(np.sum(source.labels()[:, places], axis=1) > 1))
        if count:
            logger.warning(
                "%d of the %d pictures of %s have two or more of %s, which exclude each other; "
                "they are learned as they are.",
                count,
                len(source),
                source.name,
                ", ".join(group),
            )
