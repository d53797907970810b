"""The Radboud Faces Database, by the names of its files."""

import itertools
import zipfile

import numpy as np
import pytest
import tensorflow_datasets as tfds

from tfgan.data import rafd
from tfgan.data.avatars import EXPRESSIONS
from tfgan.data.opening import open_source
from tfgan.data.rafd import Portrait, read_name
from tfgan.data.sources import DataError, DataOptions

PERSONS = (1, 2, 3, 5, 7, 8, 9, 10, 11, 12, 14, 61)
TEST_PERSONS = (1, 14)  # every tenth
GROUPS = ("Caucasian_female", "Caucasian_male", "Kid_female", "Kid_male", "Moroccan_male")


def make_files(root="", persons=PERSONS, cameras=("000", "045", "090", "180")):
    """Content of each file of a small set; all differ."""
    names = [
        f"Rafd{camera}_{person:02d}_{GROUPS[person % 5]}_{expression}_frontal.jpg"
        for person, camera, expression in itertools.product(persons, cameras, EXPRESSIONS)
    ]
    return {root + name: b"\xff\xd8" + name.encode() for name in names}


def put(data_dir, files, archive=None):
    manual = data_dir / "downloads/manual"
    if archive is None:
        for name, content in files.items():
            path = manual / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return
    manual.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(manual / archive, "w") as file:
        for name, content in files.items():
            file.writestr(name, content)


def open_set(data_dir, **options):
    return open_source(
        DataOptions(
            ("tfds:rafd",), resolution=8, conditional=True, data_dir=str(data_dir), **options
        )
    )


def read_all(source):
    return [source.read(i) for i in range(len(source))]


def test_names_say_what_pictures_show():
    assert read_name("Rafd090_01_Caucasian_female_angry_frontal.jpg") == Portrait(
        90, 1, "Caucasian", "female", "angry", "frontal"
    )
    assert read_name("Rafd135_73_Moroccan_male_surprised_left.jpg") == Portrait(
        135, 73, "Moroccan", "male", "surprised", "left"
    )
    for other in (
        "Rafd090_01_Caucasian_female_angry.jpg",
        "Rafd090_01_Caucasian_female_bored_frontal.jpg",
        "copy of Rafd090_01_Caucasian_female_angry_frontal.jpg",
        "Rafd090_01_Caucasian_female_angry_frontal.txt",
    ):
        assert read_name(other) is None


@pytest.mark.parametrize(("root", "archive"), [("", None), ("a/b/", None), ("x/", "Rafd_1.zip")])
def test_pictures_are_read_with_their_expressions(tmp_path, root, archive):
    files = make_files(root)
    put(tmp_path, files, archive)
    for split in ("train", "test"):
        source = open_set(tmp_path, split=split)
        assert source.class_names == EXPRESSIONS
        expected = {
            content: EXPRESSIONS.index(portrait.expression)
            for name, content in files.items()
            if (portrait := read_name(name.removeprefix(root))).camera in (45, 90)
            and (portrait.person in TEST_PERSONS) == (split == "test")
        }
        pictures = read_all(source)
        assert len(pictures) == len(expected)
        assert {picture.content: picture.label for picture in pictures} == expected
        # Shuffled: else a slice of the split would lack an expression.
        assert not np.array_equal(source.labels(), np.sort(source.labels()))


def test_archive_and_folders_give_the_same_set_whatever_is_unpacked_twice(tmp_path):
    files = make_files()
    put(tmp_path / "a", files, "rafd.zip")
    put(tmp_path / "b", make_files("part 1/", cameras=("045",)))
    put(tmp_path / "b", make_files("part 2/", cameras=("045", "090")))
    put(tmp_path / "b", {"__MACOSX/._Rafd090_01_Caucasian_female_sad_frontal.jpg": b"\0\5\26\7"})
    archive, folders = open_set(tmp_path / "a"), open_set(tmp_path / "b")
    assert read_all(archive) == read_all(folders)


def test_what_else_a_name_says_is_kept(tmp_path):
    put(tmp_path, make_files())
    open_set(tmp_path)
    builder = tfds.builder("rafd", data_dir=tmp_path)
    decoders = {"image": tfds.decode.SkipDecoding()}
    examples = builder.as_data_source("train", decoders=decoders)
    assert len(examples) == 10 * 2 * 8
    for example in examples:
        portrait = read_name(example["file_name"].decode())
        found = Portrait(
            int(example["camera"]),
            int(example["person"]),
            example["group"].decode(),
            example["gender"].decode(),
            EXPRESSIONS[int(example["expression"])],
            example["gaze"].decode(),
        )
        assert found == portrait


def test_counts_are_those_of_the_paper():
    assert sum(rafd.Rafd.counts.values()) == 4824
    persons = list(range(67))
    assert rafd.Rafd.counts["test"] == len(persons[::10]) * 72


def test_a_set_without_its_pictures_says_where_to_get_them(tmp_path):
    put(tmp_path, {"a/b.jpg": b""}, "faces.zip")
    with pytest.raises(DataError) as raised:
        open_set(tmp_path)
    message = str(raised.value)
    assert "faces.zip holds no pictures with names such as Rafd090_01_Caucasian" in message
    assert "rafd.socsci.ru.nl" in message
    assert "\n" not in message


def test_a_missing_expression_is_named(tmp_path):
    put(tmp_path, {name: c for name, c in make_files().items() if "_sad_" not in name})
    with pytest.raises(DataError, match=r"has no pictures in test/sad, train/sad\."):
        open_set(tmp_path)
