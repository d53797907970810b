"""Label sets from many kinds of data: attributes of TensorFlow Datasets, tables, sub-folders.

`open_labelled` opens what a user names with one or several `--data`: the pictures, and what they
are labelled with. `tfgan.data.joint` makes batches of them.
"""

import dataclasses
import difflib
import functools
import hashlib
import logging
import os
from collections.abc import Sequence

import numpy as np

from tfgan.data.held_back import Subset
from tfgan.data.opening import open_source, parse_name
from tfgan.data.sources import (
    DataError,
    DataName,
    DataOptions,
    LabelOffer,
    Picture,
    Source,
    check_resolution,
    list_names,
    make_fingerprint,
)
from tfgan.label_sets import LabelSet

logger = logging.getLogger("tfgan")

# Those of StarGAN's paper.
DEFAULT_ATTRIBUTES = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young")
# More than these are chosen by name, so that nobody learns all of a wide table by accident.
MOST_ATTRIBUTES = 20
# As CelebA means them: one colour of hair, none on a bald head, and either straight or wavy.
DEFAULT_EXCLUSIVE = (
    ("Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair", "Bald"),
    ("Straight_Hair", "Wavy_Hair"),
)


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


def open_labelled(options: DataOptions) -> tuple[list[Source], list[LabelSet]]:
    """Opens one or several data sets with what their pictures are labelled with.

    Each name of `data` is one of:

    - `avatars:attributes`, the same as `avatars`; `avatars:expression`; `avatars:domain`;
    - `tfds:NAME[/CONFIG][:VERSION][:LABELS]`, with a `ClassLabel`, a `bool`, or a dictionary of
      `bool` features, as `tfds:celeb_a:attributes`. LABELS may be left out where a set has only
      one of them;
    - a folder that `tfgan.data.prepare` made, or `FOLDER:LABELS` where it has several kinds;
    - a folder. With an attribute table (see `tfgan.data.attribute_tables`) in it or beside it the
      labels are attributes; else the expressions of RaFD if its pictures are named so; else
      sub-folders are classes. `FOLDER:attributes` and `FOLDER:classes` insist on one.

    The same pictures may be named twice with different labels. Of the other options:

    - `attributes` are the binary attributes to learn, in this order; each set takes those that it
      has. Without them, those of StarGAN's paper, or all, up to 20, of a set that has not all of
      these, less those that are true or false of all its pictures. Classes are not chosen from.
    - `exclusive` are groups of attributes of which at most one can be true of a picture. Without
      them, colours of hair and the like, as far as they are learned; one empty group stands for
      none.
    - `attribute_table` is the file with the attributes of the folder, of which there must be one.
    - `conditional` and `label_key` are not for label sets.

    Returns:
        The sources, and the label set of each. A source gives class indices or label vectors in
        the order of `LabelSet.names`.

    Raises:
        DataError: If there is nothing to read there, or the labels are not as asked for.
    """
    check_resolution(options.resolution)
    names = [parse_name(text) for text in options.data]
    _check_names(options, names)
    offers = _open_offers(options, names)
    sources = [
        _read(offer, chosen)
        for offer, chosen in zip(
            offers, _choose_attributes(offers, options.attributes), strict=True
        )
    ]
    if not options.attributes:
        sources = [_without_constants(source) for source in sources]
    groups = _choose_exclusive(
        offers, [source.class_names for source in sources], options.exclusive
    )
    label_sets = [
        LabelSet(offer.name, offer.kind, source.class_names, exclusive)
        for offer, source, exclusive in zip(offers, sources, groups, strict=True)
    ]
    for source, label_set in zip(sources, label_sets, strict=True):
        _warn_of_contradictions(source, label_set)
    return list(sources), label_sets


def _check_names(options: DataOptions, names: Sequence[DataName]) -> None:
    """Raises a `DataError` unless there are data sets, and options belong to some of them."""
    if not names:
        raise DataError(field="data", expected="must name one or more data sets", received="none")
    table = options.attribute_table
    folders = sum("attribute_table" in name.source_type.sets_take for name in names)
    if table is not None and folders != 1:
        raise DataError(
            field="attribute_table",
            expected="belongs to one folder",
            received=f"{table} with {folders} folders",
            advice="Put a table into each folder, or beside it.",
        )
    if options.image_key is not None and not any(
        "image_key" in name.source_type.sets_take for name in names
    ):
        raise DataError(
            field="image_key",
            expected="belongs to `data` tfds:NAME",
            received=f"`image_key` {options.image_key} with `data` {options.data[0]}",
            advice="Leave it out.",
        )


def _open_offers(options: DataOptions, names: Sequence[DataName]) -> list[LabelOffer]:
    """What each data set could be labelled with; one that is named twice is opened once."""

    @functools.cache
    def open_place(place: str) -> Source:
        return open_source(for_label_set(options, place))

    offers = []
    for name in names:
        set_options = for_label_set(options, name.text)
        open_once = functools.partial(open_place, name.place)
        offers.append(name.source_type.offer(name, set_options, open_once))
    return _with_distinct_names(offers)


def for_label_set(options: DataOptions, data: str) -> DataOptions:
    """The same options for one label set: without those that say nothing of its type.

    Args:
        options: Of several data sets.
        data: One of them, as the user typed it.
    """
    takes = parse_name(data).source_type.sets_take
    return dataclasses.replace(
        options,
        data=(data,),
        conditional=False,
        label_key=None,
        image_key=options.image_key if "image_key" in takes else None,
        attribute_table=options.attribute_table if "attribute_table" in takes else None,
    )


def open_all_attributes(name: DataName, options: DataOptions) -> Labelled:
    """Opens a data set with all its attributes, in the order of its table.

    Raises:
        DataError: If it has none, or its table is not of these pictures.
    """
    open_once = functools.partial(name.source_type.open, name.place, options)
    offer = name.source_type.offer(name._replace(labels="attributes"), options, open_once)
    return _read(offer, offer.names)


def _with_distinct_names(offers: Sequence[LabelOffer]) -> list[LabelOffer]:
    """Numbers sets that share a name, as folders of one name in different places do."""
    names: list[str] = []
    for offer in offers:
        same = [before.data for before in offers[: len(names)] if before.name == offer.name]
        name = parse_name(offer.data)
        again = _same_pictures(name) in [_same_pictures(parse_name(text)) for text in same]
        # A folder of the same name may stand elsewhere.
        if same and (again or not name.source_type.is_files):
            raise DataError(
                field="data",
                expected="must name each set once",
                received=f"{same[0]} and {offer.data}",
                advice="Leave one of them out, or name other labels of it.",
            )
        names.append(offer.name if not same else f"{offer.name}-{len(same) + 1}")
    return [offer._replace(name=name) for offer, name in zip(offers, names, strict=True)]


def _same_pictures(name: DataName) -> tuple[str, str | None]:
    """What two names of the same folder and labels share."""
    return os.path.realpath(os.path.expanduser(name.place)), name.labels


def _choose_attributes(
    offers: Sequence[LabelOffer], attributes: Sequence[str]
) -> list[tuple[str, ...]]:
    """The labels of each set that are learned, in order."""
    binary = [offer for offer in offers if offer.kind == "attributes"]
    if attributes:
        known = list(dict.fromkeys(name for offer in binary for name in offer.names))
        if not known:
            raise DataError(
                field="attributes",
                expected="belongs to data with binary attributes",
                received=f"{list_names(attributes)} with `data` {offers[0].data}, which has "
                f"{len(offers[0].names)} classes",
                advice="Leave it out.",
            )
        _check_known("attributes", attributes, known, "of the data")
        repeated = sorted({name for name in attributes if list(attributes).count(name) > 1})
        if repeated:
            raise DataError(
                field="attributes",
                expected="must name each attribute once",
                received=f"{list_names(repeated)} more than once",
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
                    field="attributes",
                    expected="must name attributes of every set that has some",
                    received=f"none of `data` {offer.data}, which has {list_names(offer.names)}",
                )
            if not attributes and len(names) > MOST_ATTRIBUTES:
                raise DataError(
                    field="attributes",
                    expected=f"must choose some of the attributes of `data` {offer.data}, for "
                    f"these are more than {MOST_ATTRIBUTES}",
                    received="no `attributes`",
                    advice=f"It has {list_names(names, 40)}.",
                )
        chosen.append(names)
    return chosen


def _choose_exclusive(
    offers: Sequence[LabelOffer],
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
        _check_known("exclusive", group, known, "that are learned")
        if group and not any(len(set(group) & set(names)) > 1 for names in learned):
            raise DataError(
                field="exclusive",
                expected="must name two or more attributes of one set",
                received=list_names(group),
            )
    grouped = [name for group in declared for name in group]
    repeated = sorted({name for name in grouped if grouped.count(name) > 1})
    if repeated:
        raise DataError(
            field="exclusive",
            expected="must name each attribute once, in one group",
            received=f"{list_names(repeated)} more than once",
        )
    groups = []
    for names in learned:
        parts = [
            tuple(name for name in group if name in names)
            for group in declared or DEFAULT_EXCLUSIVE
        ]
        groups.append(tuple(group for group in parts if len(group) > 1))
    return groups


def _check_known(field: str, names: Sequence[str], known: Sequence[str], which: str) -> None:
    unknown = [name for name in names if name not in known]
    if not unknown:
        return
    if not known:
        raise DataError(
            field=field,
            expected="belongs to data with binary attributes",
            received=list_names(unknown),
            advice="Leave it out.",
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
        field=field,
        expected=f"must name attributes {which}",
        received=list_names(unknown),
        advice=f"{hint}There are {list_names(known, 40)}.",
    )


def _read(offer: LabelOffer, names: Sequence[str]) -> Labelled:
    """The pictures of a set that have labels, with the chosen ones."""
    pictures, labels = offer.read(names)
    if offer.kind == "attributes":
        return Labelled(offer.data, pictures, names, labels.astype(np.float32))
    kept = np.flatnonzero(labels >= 0)
    if not len(kept):
        raise DataError(
            field="data",
            named=offer.data,
            expected="must have labelled pictures",
            received=f"{len(labels)} pictures without a label",
            advice="Use another split, or other labels.",
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
