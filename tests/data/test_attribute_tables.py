"""Tables of attributes, as CelebA has them and as CSV."""

import numpy as np
import pytest

from tfgan.data.attribute_tables import AttributeTable, find_table
from tfgan.data.sources import DataError

CELEBA = """3
Black_Hair Male Young
000001.jpg -1  1  1
000002.jpg  1 -1  1
000003.jpg -1 -1 -1
"""
TRUTH = np.array([[0, 1, 1], [1, 0, 1], [0, 0, 0]], bool)


def write(path, text):
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return AttributeTable(str(path))


def read_all(table):
    return table.read(table.names)


# What is read


def test_the_table_of_celeba_is_read(tmp_path):
    table = write(tmp_path / "list_attr_celeba.txt", CELEBA)
    assert table.names == ["Black_Hair", "Male", "Young"]
    files, values = read_all(table)
    assert files == ["000001.jpg", "000002.jpg", "000003.jpg"]
    np.testing.assert_array_equal(values, TRUTH)
    assert values.dtype == bool


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize(("no", "yes"), [("-1", "1"), ("0", "1"), ("False", "TRUE")])
def test_csv_of_any_delimiter_and_kind_of_values_is_read(tmp_path, delimiter, no, yes):
    rows = [["image_id", "Black_Hair", "Male", "Young"]]
    rows += [[f"{i}.png", *(yes if hit else no for hit in row)] for i, row in enumerate(TRUTH)]
    text = "".join(delimiter.join(row) + "\r\n" for row in rows)
    files, values = read_all(write(tmp_path / "a.csv", text))
    assert files == ["0.png", "1.png", "2.png"]
    np.testing.assert_array_equal(values, TRUTH)


def test_some_columns_are_read_in_the_order_asked_for(tmp_path):
    table = write(tmp_path / "a.csv", "file,Age,Male,Smiling\na.png,31,1,0\nb.png,?,0,0\n")
    _, values = table.read(["Smiling", "Male"])
    np.testing.assert_array_equal(values, [[False, True], [False, False]])


def test_what_spreadsheets_add_is_understood(tmp_path):
    text = '\ufefffile, "Wears, a hat" ,Male\n"./in/a, b.png",1, 0\n\nin\\c.png,0,1\n'
    text = text.replace(', "Wears, a hat" ,', ',"Wears, a hat",')
    table = write(tmp_path / "a.csv", text)
    assert table.names == ["Wears, a hat", "Male"]
    files, values = read_all(table)
    assert files == ["in/a, b.png", "in/c.png"]
    np.testing.assert_array_equal(values, [[1, 0], [0, 1]])


def test_a_count_that_is_not_kept_is_warned_of(tmp_path, caplog):
    read_all(write(tmp_path / "a.txt", CELEBA.replace("3\n", "202599\n", 1)))
    assert "announces 202599 files and has 3" in caplog.text
    caplog.clear()
    read_all(write(tmp_path / "a.txt", CELEBA))
    assert not caplog.text


# Mistakes


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", r"must begin with the number of pictures.*Received: ''\."),
        ("no table\n", r"must begin with.*Received: 'no table'\."),
        ("2\n", r"must name the attributes after the column of files\. Received: no names\."),
        ("2\nMale Male\n", r"a name of its own\. Received: Male more than once\."),
        ("file,Male,\n", r"a name of its own\. Received: one without a name\."),
        ("file,Male\n", r"must have a line for each picture\. Received: none\."),
        (
            "1\nMale Young\na.png 1 -1 1\n",
            r"and 2 values in every line\. Received: 3 values of a\.png in line 3\.",
        ),
        ("file,Male\na.png,1\nb.png\n", r"Received: 0 values of b\.png in line 3\."),
        (
            "file,Male,Age\na.png,1,0\nb.png,1,31\n",
            r"1 or 0, or true or false of Age\. Received: 31 in line 3 \(b\.png\)\. .*`attributes`",
        ),
        ("file,Male,Hat\na.png,,1\n", r"of Male\. Received: nothing in line 2 \(a\.png\)\."),
        (
            "file,Male\na.png,1\nb.png,0\n./a.png,0\n",
            r"must name every file once\. Received: a\.png in lines 2 and 4\.",
        ),
        ("file,Male,Hat\na.png,0,1\nb.png,1,-1\n", r"either 0 or -1.*Received: both\."),
        (b"file,Male\na.png,\xff\n", r"must be text, in UTF-8\. Received: "),
        (b"\x89PNG\r\n\x1a\n\0\0\0,", r"must be text, in UTF-8\. Received: "),
    ],
)
def test_a_table_that_is_none_is_one_message(tmp_path, text, words):
    with pytest.raises(DataError, match=words) as raised:
        read_all(write(tmp_path / "a.txt", text))
    assert str(raised.value).startswith(f"the attribute table {tmp_path / 'a.txt'} must ")
    assert "\n" not in str(raised.value)


def test_a_missing_table_is_one_message(tmp_path):
    with pytest.raises(DataError, match=r"can be read\. Received: No such file or directory"):
        AttributeTable(str(tmp_path / "nothing.csv"))


# Finding


def test_a_table_is_found_in_a_folder_before_beside_it(tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    assert find_table(str(images)) is None
    beside = tmp_path / "list_attr_celeba.txt"
    beside.touch()
    (images / "notes.txt").touch()
    assert find_table(str(images)) == str(beside)
    inside = images / "My_Attributes.CSV"
    inside.touch()
    assert find_table(str(images)) == str(inside)


def test_several_tables_are_named(tmp_path):
    (tmp_path / "list_attr_celeba.txt").touch()
    (tmp_path / "list_attr_celeba.csv").touch()
    with pytest.raises(DataError, match=r"Received: list_attr_celeba\.csv, list_attr_celeba\.txt"):
        find_table(str(tmp_path))
