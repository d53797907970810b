"""The real pictures that a model is measured on: those that are held back, with their labels."""

import dataclasses
import re
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tfgan.data.decoding import decode_picture, explain
from tfgan.data.held_back import HeldBack, Subset, hold_back
from tfgan.data.opening import are_drawn, open_source, parse_name
from tfgan.data.sources import DataError, DataOptions, Source
from tfgan.label_sets import LabelSet
from tfgan.terminal import Progress

# Names under which sets keep pictures back.
TEST_SPLITS = ("test", "val", "validation")

# Opens the pictures of a set, or those of another split of it.
Opener = Callable[[str | None], Source]


class Pictures(NamedTuple):
    """Pictures of a set that can be read, with their labels.

    Attributes:
        images: uint8 [N, R, R, 3].
        indices: Where they are in their split, int [N].
        labels: Class indices, int32 [N], or truth of the attributes, float32 [N, n].
    """

    images: np.ndarray
    indices: np.ndarray
    labels: np.ndarray

    def of_classes(self, count: int) -> list[np.ndarray]:
        """Pictures of each of so many classes."""
        return [self.images[self.labels == label] for label in range(count)]


class RealSet(NamedTuple):
    """Real pictures of one data set that are held back.

    Attributes:
        data: Name of the set, as after `--data`.
        label_set: What they are labelled with.
        source: The set as the model may have learned from it.
        held: What a classifier may learn from, and what is held back from it.
        split: Where `pictures.indices` are places.
        apart: Whether they are held back from the model as well.
        pictures: Some of those that are held back.
    """

    data: str
    label_set: LabelSet
    source: Source
    held: HeldBack
    split: str
    apart: bool
    pictures: Pictures

    def counts(self) -> dict[str, int]:
        """Number of pictures of each class, or of all where they have attributes."""
        labels = self.pictures.labels
        if labels.ndim > 1:
            return {"pictures": len(labels)}
        names = self.label_set.names
        return {name: int(np.sum(labels == label)) for label, name in enumerate(names)}

    def facts(self) -> dict[str, Any]:
        """What results say of it."""
        return {
            "name": self.source.name,
            "fingerprint": self.source.fingerprint(),
            "held_back": self.held.where,
            "counts": self.counts(),
        }


class TwoDraws(NamedTuple):
    """Real pictures, and as many other ones.

    Attributes:
        images: uint8 [N, R, R, 3], in random order.
        others: The same.
        where: Where `images` are from, in words.
        others_where: Where `others` are from.
        apart: Whether `images` are held back from the model.
    """

    images: np.ndarray
    others: np.ndarray
    where: str
    others_where: str
    apart: bool


class JudgedSet(NamedTuple):
    """Real pictures of one data set, and who judges translations to its labels.

    Attributes:
        label_set: What the pictures are labelled with.
        pictures: Pictures that are held back.
        backgrounds: What `find_backgrounds` gave.
        classify: Says what pictures show, uint8 [N, R, R, 3]: class indices, int [N], or truth of
            the attributes, bool [N, n].
        facts: Where the pictures are from, and how many, as results keep it.
        classifier: File of the classifier.
    """

    label_set: LabelSet
    pictures: Pictures
    backgrounds: np.ndarray | str
    classify: Callable[[np.ndarray], np.ndarray]
    facts: Mapping[str, Any]
    classifier: str


def _has_splits(data: str) -> bool:
    return parse_name(data).source_type.has_splits


def find_test_split(
    data: str, learned: str, opener: Opener, class_count: int
) -> tuple[str, Source | None]:
    """Opens the split of a set that is kept back, or says that there is none of use.

    That is where a set has none, where it is learned from, or where a class is missing in it.

    Args:
        data: Name of the set.
        learned: Name of the split that is learned from.
        opener: Opens splits of the set.
        class_count: Number of classes; 0 where pictures have attributes.

    Returns:
        Its name, and the split; or the name of the split that is learned from, and None.
    """
    if _has_splits(data):
        for name in TEST_SPLITS:
            if re.search(rf"\b{name}\b", learned):
                continue
            try:
                test = opener(name)
            except DataError:  # The set itself has been opened, so it has no such split.
                continue
            if not class_count or set(test.labels().tolist()) == set(range(class_count)):
                return name, test
    return learned, None


def read_pictures(test: Subset, options: DataOptions, count: int, seed: int) -> Pictures:
    """Reads pictures that the seed draws; broken ones are left out.

    Args:
        test: Pictures that are held back.
        options: How large pictures are made, and how square.
        count: Most pictures of each class, or in all where they have attributes.
        seed: Of the draw.

    Returns:
        Pictures in random order, one class after another.

    Raises:
        DataError: If there are less than two readable pictures, of a class or in all.
    """
    labels = test.labels()
    random = np.random.default_rng(seed)
    parts = {"": np.arange(len(test))}
    if labels.ndim == 1:
        parts = {
            f" of {name}": np.flatnonzero(labels == label)
            for label, name in enumerate(test.class_names)
        }
    chosen = {name: random.permutation(places)[:count] for name, places in parts.items()}
    parts_read: list[np.ndarray] = []
    kept: list[int] = []
    total = sum(map(len, chosen.values()))
    with Progress(total=total, desc="Reading pictures") as bar:
        for name, places in chosen.items():
            images, readable = _read(test, places, options, bar)
            if len(images) < 2:
                raise DataError(
                    f"--data {test.name} must hold back two readable pictures or more"
                    f"{' of each class' if name else ''}. Received: {len(images)}{name}. "
                    "Add pictures."
                )
            parts_read.append(images)
            kept += readable
    return Pictures(np.concatenate(parts_read), test.indices[kept], labels[kept])


def read_picture(source: Source, place: int, options: DataOptions) -> np.ndarray | None:
    """A picture as training sees it, uint8 [R, R, 3]; None, and a line, where it is broken."""
    try:
        content = source.read(place).content
        return decode_picture(content, options.resolution, options.resize)[0]
    except MemoryError:
        raise
    # Pillow's plugins raise nearly anything on damaged files.
    except Exception as error:
        Progress.write(f"Left out  {source.describe(place)}: {explain(error)}", sys.stderr)
        return None


def disk_array(shape: Sequence[int], dtype: Any) -> np.ndarray:
    """An array in a file without a name: it takes no memory that something else needs."""
    return np.memmap(tempfile.TemporaryFile(), dtype, "w+", shape=tuple(shape))


def _read(
    source: Source, places: np.ndarray, options: DataOptions, bar: Progress
) -> tuple[np.ndarray, list[int]]:
    """Pictures at some places of a source, and those places; broken ones are left out."""
    images = disk_array((max(1, len(places)), options.resolution, options.resolution, 3), np.uint8)
    kept: list[int] = []
    for place in map(int, places):
        bar.update()
        image = read_picture(source, place, options)
        if image is not None:
            images[len(kept)] = image
            kept.append(place)
    return images[: len(kept)], kept


def read_two_draws(
    source: Source, options: DataOptions, class_count: int, count: int, seed: int
) -> TwoDraws:
    """Reads pictures that the seed draws, and as many others, of all classes as they come.

    The first are held back, and the others learned from, where the set has such a split; else both
    are of those that are learned from, and no picture is in both. Broken ones are left out.

    Args:
        source: What the model may have learned from.
        options: How it was opened, how large pictures are made, and how square.
        class_count: See `find_test_split`.
        count: Most pictures of each draw.
        seed: Of both.

    Raises:
        DataError: If there are less than two readable pictures of each.
    """
    (data,) = options.data
    random = np.random.default_rng(seed)

    def opener(split: str | None) -> Source:
        return open_source(dataclasses.replace(options, split=split or options.split))

    split, test = find_test_split(data, options.split, opener, class_count)
    learned = f"the split {options.split}" if _has_splits(data) else "the folder"
    order = random.permutation(len(source))
    if test is None:
        where = learned
        count = min(count, len(source) // 2)
        draws = [(source, order[:count]), (source, order[count : 2 * count])]
    else:
        where = f"the split {split}"
        count = min(count, len(test), len(source))
        draws = [(test, random.permutation(len(test))[:count]), (source, order[:count])]
    with Progress(total=2 * count, desc="Reading pictures") as bar:
        images, others = (_read(drawn, places, options, bar)[0] for drawn, places in draws)
    count = min(len(images), len(others))
    if count < 2:
        raise DataError(
            f"--data {source.name} must have two readable pictures or more, and as many others, to "
            f"compare. Received: {len(images)} of {where} and {len(others)} of {learned}. "
            "Add pictures."
        )
    return TwoDraws(images[:count], others[:count], where, learned, test is not None)


def note_other_pictures(trained: str | None, current: str) -> None:
    """Tells the user if pictures are not those of the run.

    Args:
        trained: Fingerprint of those of the run; None where there is no run.
        current: Fingerprint of those that are there.
    """
    if trained not in (None, current):
        print("Note        the pictures are not those of the run", file=sys.stderr)


def find_backgrounds(
    data: str, options: DataOptions, split: str, pictures: Pictures
) -> np.ndarray | str:
    """Finds the pixels of pictures that show their background and nothing else.

    Only of the built-in avatars is it known: each is drawn again, and compared.

    Args:
        data: Name of the set, such as avatars or avatars:expression.
        options: How the pictures are made.
        split: In which split `pictures.indices` are places.
        pictures: Pictures of the set.

    Returns:
        bool [N, R, R], or in words why it is not known.
    """
    if not are_drawn([data]):
        return f"not known, for {data} does not say where it is"
    from tfgan.data import avatars

    builder = avatars.prepare(options.resolution, options.avatars_count, 0, options.data_dir)
    ids = avatars.read_ids(builder, split, pictures.indices.tolist())
    masks = np.empty(pictures.images.shape[:3], bool)
    rows = zip(ids, pictures.images, masks, strict=True)
    progress = Progress(rows, "Finding backgrounds", len(ids))
    for number, image, mask in progress:
        person = avatars.person_of(builder.builder_config.seed, number)
        if not np.array_equal(np.asarray(avatars.draw(person, options.resolution)), image):
            return "not known, for another version of this program drew these avatars"
        mask[:] = avatars.find_background(person, options.resolution)
    return masks


def read_set(
    data: str,
    label_set: LabelSet,
    opener: Opener,
    source: Source,
    options: DataOptions,
    count: int,
    seed: int,
) -> RealSet:
    """Holds pictures of a set back, and reads some of these.

    Args:
        data: Name of the set.
        label_set: What its pictures are labelled with.
        opener: Opens splits of it.
        source: What it opens for training.
        options: How pictures are made, and the split that is learned from.
        count: See `read_pictures`.
        seed: See `read_pictures`.

    Raises:
        DataError: If there are too few pictures.
    """
    class_count = len(label_set.names) if label_set.kind == "classes" else 0
    split, test = find_test_split(data, options.split, opener, class_count)
    held = hold_back(source, test, split)
    pictures = read_pictures(held.test, options, count, seed)
    return RealSet(data, label_set, source, held, split, test is not None, pictures)
