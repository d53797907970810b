import io
import itertools
import os
import shutil
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from tests.training.runs import eagerly
from tfgan.data import domain_sets, manual_sets
from tfgan.data.avatars import EXPRESSIONS
from tfgan.data.opening import open_source
from tfgan.data.pipeline import Pipeline, PipelineOptions
from tfgan.data.sources import DataError, DataOptions
from training import run

ANIMALS, SEXES = ("cat", "dog", "wild"), ("female", "male")
# Set -> domains, folder that its archive unpacks to, folder of the held-out split, and ending.
PUBLISHED = {
    "afhq": (ANIMALS, "afhq/", "val", ".jpg"),
    "afhq_v2": (ANIMALS, "", "test", ".png"),
    "celeba_hq": (SEXES, "celeba_hq/", "val", ".jpg"),
}
TRAIN_COUNTS = (5, 3, 4)
JUNK = {
    "__MACOSX/afhq/train/cat/._cat_0.jpg": b"\0\5\26\7",
    "afhq/.DS_Store": b"\0\0\0\1Bud1",
    "afhq/train/cat/.DS_Store": b"\0\0\0\1Bud1",
    "afhq/train/cat/._cat_0.jpg": b"\0\5\26\7",
    "afhq/train/cat/Thumbs.db": b"\xd0\xcf",
    "afhq/train/.thumbnails/cat_0.jpg": b"",
    "afhq/stray.jpg": b"",
    "README.txt": b"",
}


def encode(color, ending):
    file = io.BytesIO()
    image = Image.new("RGB", (20, 16), color)
    image.save(file, "jpeg" if ending == ".jpg" else "png")
    return file.getvalue()


def make_files(name="afhq", root=None, held_out=None, ending=None, train=TRAIN_COUNTS):
    """Content of each file of a small set; all differ, and the red of a domain is its own."""
    domains, published_root, published_held_out, published_ending = PUBLISHED[name]
    root = published_root if root is None else root
    ending = ending or published_ending
    counts = {"train": train, held_out or published_held_out: (2, 2, 2)}
    return {
        f"{root}{split}/{domain}/{domain}_{i}{ending}": encode(
            (100 * label, 20 * i, 200 if split == "train" else 50), ending
        )
        for split, numbers in counts.items()
        for label, (domain, number) in enumerate(zip(domains, numbers, strict=False))
        for i in range(number)
    }


def put_folder(data_dir, files):
    for name, content in files.items():
        path = data_dir / "downloads/manual" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def put_archive(data_dir, files, name="afhq.zip"):
    path = data_dir / "downloads/manual" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for folder in {os.path.dirname(file) + "/" for file in files}:
            archive.writestr(folder, "")
        for file, content in files.items():
            archive.writestr(file, content)
    return path


def open_set(data_dir, name="afhq", **options):
    options = {"resolution": 8, "conditional": True} | options
    return open_source(DataOptions((f"tfds:{name}",), data_dir=str(data_dir), **options))


def read_all(source):
    return [source.read(i) for i in range(len(source))]


def contents(files, split, domain):
    return sorted(
        content for name, content in files.items() if name.split("/")[-3:-1] == [split, domain]
    )


# What is read


@pytest.mark.parametrize("put", [put_folder, put_archive])
@pytest.mark.parametrize("name", PUBLISHED)
def test_sets_are_read_as_they_are_distributed(tmp_path, name, put):
    domains, _, held_out, _ = PUBLISHED[name]
    files = make_files(name)
    put(tmp_path, files)
    for split, folder in (("train", "train"), ("val", held_out)):
        source = open_set(tmp_path, name, split=split)
        assert source.class_names == domains
        pictures = read_all(source)
        for label, domain in enumerate(domains):
            found = sorted(picture.content for picture in pictures if picture.label == label)
            assert found == contents(files, folder, domain)
        assert sum(key.split("/")[-3] == folder for key in files) == len(pictures)


def test_an_archive_and_its_folders_give_the_same_set(tmp_path):
    put_folder(tmp_path / "folder", make_files(root="data/unpacked/"))
    put_archive(tmp_path / "archive", make_files(), "Downloaded (1).zip")
    folder, archive = open_set(tmp_path / "folder"), open_set(tmp_path / "archive")
    assert read_all(folder) == read_all(archive)
    assert folder.fingerprint() == archive.fingerprint()
    # Shuffled: else a slice of the split would lack a domain.
    labels = folder.labels()
    assert not np.array_equal(labels, np.sort(labels))


@pytest.mark.parametrize("put", [put_folder, put_archive])
@pytest.mark.parametrize("root", ["", "afhq/", "data/any name/"])
@pytest.mark.parametrize("held_out", ["val", "test"])
def test_folders_of_other_names_and_depth_are_found(tmp_path, put, root, held_out):
    put(tmp_path, make_files(root=root, held_out=held_out))
    assert len(open_set(tmp_path)) == sum(TRAIN_COUNTS)
    assert len(open_set(tmp_path, split="val")) == 6


@pytest.mark.parametrize("put", [put_folder, put_archive])
def test_what_systems_hide_among_the_pictures_is_passed_over(tmp_path, put):
    put(tmp_path, make_files() | JUNK)
    source = open_set(tmp_path)
    assert len(source) == sum(TRAIN_COUNTS)
    assert all(picture.content.startswith(b"\xff\xd8") for picture in read_all(source))


def test_sets_side_by_side_are_told_apart(tmp_path):
    put_archive(tmp_path, make_files("afhq") | make_files("celeba_hq"), "both.zip")
    put_folder(tmp_path, make_files("afhq_v2"))
    (tmp_path / "downloads/manual/other.zip").write_bytes(b"of another set")
    for name, (domains, _, _, ending) in PUBLISHED.items():
        source = open_set(tmp_path, name)
        assert source.class_names == domains
        start = b"\xff\xd8" if ending == ".jpg" else b"\x89PNG"
        assert all(picture.content.startswith(start) for picture in read_all(source))


def test_the_archive_of_the_published_name_comes_before_others_and_what_is_unpacked(tmp_path):
    put_archive(tmp_path, make_files())
    put_archive(tmp_path, make_files(train=(2, 2, 2)), "a.zip")
    put_folder(tmp_path, make_files(train=(1, 1, 1)))
    assert len(open_set(tmp_path)) == sum(TRAIN_COUNTS)


def test_tensorflow_datasets_itself_decodes_a_prepared_set(tmp_path):
    files = make_files("afhq_v2")
    put_folder(tmp_path, files)
    open_set(tmp_path, "afhq_v2")
    shutil.rmtree(tmp_path / "downloads")
    builder = tfds.builder("afhq_v2", data_dir=tmp_path)
    names = set()
    for example in builder.as_data_source("val"):
        domain = ANIMALS[example["domain"]]
        name = example["file_name"].decode()
        expected = Image.open(io.BytesIO(files[f"test/{domain}/{name}"]))
        np.testing.assert_array_equal(example["image"], np.asarray(expected))
        names.add(f"{domain}/{name}")
    assert names == {"/".join(key.split("/")[1:]) for key in files if key.startswith("test/")}


def test_a_count_that_was_not_published_is_warned_of(tmp_path, caplog, monkeypatch):
    put_archive(tmp_path, make_files())
    monkeypatch.setitem(domain_sets.Afhq.counts, "val", 6)
    open_set(tmp_path)
    assert "12 pictures for the split train of afhq, not the 14630" in caplog.text
    assert "split val" not in caplog.text


def test_published_counts_add_up_to_those_of_the_authors():
    # The README of StarGAN v2 names 16,130 and 15,803; CelebA-HQ has 30,000 pictures.
    totals = [
        sum(builder.counts.values())
        for builder in (domain_sets.Afhq, domain_sets.AfhqV2, domain_sets.CelebaHq)
    ]
    assert totals == [16_130, 15_803, 30_000]


# Many pictures


@pytest.mark.parametrize("size", [4, 5, 12, 100])
def test_shards_hold_every_picture_once(tmp_path, monkeypatch, size):
    monkeypatch.setattr(manual_sets, "SHARD_SIZE", size)
    put_folder(tmp_path, make_files())
    source = open_set(tmp_path)
    assert len(list(tmp_path.rglob("*train.array_record*"))) == -(-12 // size)
    pictures = [picture.content for picture in read_all(source)]
    expected = itertools.chain.from_iterable(contents(make_files(), "train", d) for d in ANIMALS)
    assert sorted(pictures) == sorted(expected)


@pytest.mark.parametrize("put", [put_folder, put_archive])
def test_a_set_is_not_held_in_memory_while_it_is_prepared(tmp_path, monkeypatch, put):
    monkeypatch.setattr(manual_sets, "SHARD_SIZE", 5)
    files = make_files(train=(34, 33, 33))
    put(tmp_path, {name: os.urandom(200_000) for name in files})
    tracemalloc.start()
    try:
        open_set(tmp_path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # 21 MB in all; a shard of 1 MB, which is encoded a picture at a time, and the modules that
    # TensorFlow Datasets imports meanwhile.
    assert peak < 8e6


# Mistakes


def without(files, part):
    return {name: content for name, content in files.items() if part not in name}


@pytest.mark.parametrize(
    ("name", "files", "words"),
    [
        ("afhq", {}, "afhq.zip holds no pictures in folders train/DOMAIN."),
        (
            "afhq",
            {"a/b.jpg": b"", "c.jpg": b""},
            "afhq.zip holds no pictures in folders train/DOMAIN.",
        ),
        ("afhq", {"n/train/cat/a.txt": b""}, "afhq.zip holds no pictures in folders train/DOMAIN."),
        ("afhq", without(make_files(), "val/wild"), "afhq.zip/afhq has no pictures in val/wild."),
        ("afhq", without(make_files(), "val/"), "afhq.zip/afhq has train, not train and val."),
        (
            "afhq",
            make_files() | make_files(held_out="test"),
            "afhq.zip/afhq has test and train and val, not train and val.",
        ),
        (
            "afhq",
            make_files() | {"afhq/train/fox/a.jpg": b""},
            "afhq.zip/afhq also holds train/fox.",
        ),
        ("afhq", make_files("afhq_v2"), "afhq.zip holds .png files, not .jpg."),
        ("afhq_v2", make_files(), "afhq.zip/afhq holds .jpg files, not .png."),
        (
            "celeba_hq",
            make_files(),
            "afhq.zip/afhq has no pictures in train/female, train/male, val/female, val/male.",
        ),
    ],
)
def test_another_layout_is_one_message_that_says_what_to_get(tmp_path, name, files, words):
    manual = put_archive(tmp_path, files).parent
    with pytest.raises(DataError) as raised:
        open_set(tmp_path, name)
    message = str(raised.value)
    assert f"Received: {words} Get" in message
    assert message.startswith(f"`data` tfds:{name} is read from {manual}, which must hold {name}.")
    archive, argument = f"{name}.zip", f"{name.replace('_', '-')}-dataset"
    assert f"Get {archive}, or the folders that `bash download.sh {argument}`" in message
    assert "clovaai/stargan-v2" in message
    assert "License: " in message
    assert "\n" not in message
    assert not list((tmp_path / name).iterdir())


def test_a_folder_without_a_domain_is_named(tmp_path):
    put_folder(tmp_path, without(make_files(), "train/dog"))
    with pytest.raises(DataError, match=r"Received: manual/afhq has no pictures in train/dog\. "):
        open_set(tmp_path)


def test_other_things_in_the_manual_folder_are_listed(tmp_path):
    manual = tmp_path / "downloads/manual"
    (manual / "imagenet").mkdir(parents=True)
    (manual / "afhq.tar").touch()
    with pytest.raises(DataError, match=r"Received: only afhq\.tar, imagenet\. Get afhq\.zip, "):
        open_set(tmp_path)


def test_without_anything_the_message_says_what_to_put_where(tmp_path):
    manual = tmp_path / "downloads/manual"
    for _ in range(2):
        with pytest.raises(DataError, match="must be downloaded by hand first") as raised:
            open_set(tmp_path, "celeba_hq")
        message = str(raised.value)
        for words in (str(manual), "celeba_hq.zip", "download.sh celeba-hq-dataset", "research"):
            assert words in message
        manual.mkdir(parents=True, exist_ok=True)


@pytest.mark.parametrize("cut", [0.0, 0.5, 0.99])
def test_an_archive_that_was_cut_off_is_refused(tmp_path, cut):
    path = put_archive(tmp_path, make_files())
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * cut)])
    with pytest.raises(DataError, match=r"Received: afhq\.zip is no archive that can be read \("):
        open_set(tmp_path)


def test_a_damaged_picture_leaves_nothing_half_prepared(tmp_path, monkeypatch):
    monkeypatch.setattr(manual_sets, "SHARD_SIZE", 2)
    files = make_files()
    path = put_archive(tmp_path, files)
    whole = path.read_bytes()
    # Of the last split, so that most has been written when it is met.
    part = files["afhq/val/dog/dog_1.jpg"]
    assert whole.count(part) == 1
    path.write_bytes(whole.replace(part, part[:-1] + b"\0"))
    with pytest.raises(DataError, match=r"val/dog/dog_1\.jpg: Bad CRC-32.*Get it again") as raised:
        open_set(tmp_path)
    assert f"{path} must hold files that can be read" in str(raised.value)
    assert not list((tmp_path / "afhq").iterdir())
    path.write_bytes(whole)
    assert len(open_set(tmp_path)) == sum(TRAIN_COUNTS)
    assert len(open_set(tmp_path, split="val")) == 6


@pytest.mark.parametrize(
    "error",
    [zlib.error("invalid block"), EOFError("ended early"), RuntimeError("needs a password")],
)
def test_archives_that_cannot_be_unpacked_are_one_message(tmp_path, monkeypatch, error):
    put_archive(tmp_path, make_files())

    def read(*_):
        raise error

    monkeypatch.setattr(zipfile.ZipFile, "read", read)
    with pytest.raises(DataError, match=rf"Received: afhq/train/.*: {error}\. Get it again"):
        open_set(tmp_path)


def test_the_plain_name_of_a_set_gets_a_hint():
    with pytest.raises(DataError, match=r"Did you mean `data` tfds:celeba_hq\?"):
        open_source(DataOptions(("celeba_hq",), resolution=8))


# Training


def check_equal_shares(pipeline, classes, name_of_row):
    """Batches with references have every class equally often, and the pictures that they say."""
    count = 3000
    batch = pipeline.batch(np.arange(count))
    for image, label in (
        ("image", "label"),
        ("reference", "reference_label"),
        ("reference2", "reference_label"),
    ):
        shares = np.bincount(batch[label], minlength=classes) / count
        # Four standard deviations of a share.
        deviation = np.sqrt((1 / classes) * (1 - 1 / classes) / count)
        np.testing.assert_allclose(shares, 1 / classes, atol=4 * deviation)
        np.testing.assert_array_equal(name_of_row(batch[image]), batch[label])
    different = np.any(batch["reference"] != batch["reference2"], axis=(1, 2, 3))
    assert np.mean(different) > 0.5


@pytest.mark.parametrize("name", PUBLISHED)
def test_domains_come_in_equal_shares_with_references(tmp_path, name):
    # A domain with seven times as many pictures as another one.
    put_folder(tmp_path, make_files(name, train=(2, 14, 5)))
    options = PipelineOptions(8, 4, references=True)
    pipeline = Pipeline(open_set(tmp_path, name), options)
    # The red of a domain is a hundred times its label; JPEG moves it by little.
    check_equal_shares(
        pipeline, len(PUBLISHED[name][0]), lambda rows: (rows[:, 4, 4, 0] + 50.0) // 100
    )


def test_avatars_have_a_domain_for_each_expression(tmp_path):
    source = open_source(
        DataOptions(
            ("avatars",),
            resolution=16,
            conditional=True,
            label_key="expression",
            data_dir=str(tmp_path),
            avatars_count=64,
        )
    )
    assert source.class_names == EXPRESSIONS
    assert len(EXPRESSIONS) >= 3
    options = PipelineOptions(16, 4, flips=False, references=True)
    labels = {
        image.tobytes(): label
        for image, label in (
            Pipeline(source, options).images(np.array([i])) for i in range(len(source))
        )
    }
    check_equal_shares(
        Pipeline(source, options),
        len(EXPRESSIONS),
        lambda rows: np.concatenate([labels[row.tobytes()] for row in rows]),
    )


def test_the_command_line_trains_on_a_set_from_the_manual_folder(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("training.dry_run.BUDGET_SECONDS", 0.0)  # one phase is timed, once
    monkeypatch.setattr("training.dry_run.PHASE_SECONDS", 0.0)
    put_archive(tmp_path, make_files())
    arguments = ["--model", "stargan-v2", "--preset", "smoke", "--devices", "1", "--dry-run"]
    arguments += ["--data", "tfds:afhq", "--data-dir", str(tmp_path)]
    with eagerly():
        assert run.main([*arguments, "--runs", str(tmp_path / "runs")]) == 0
    shown = capsys.readouterr().out
    assert "tfds:afhq: 12 pictures in 3 classes: cat, dog, wild" in shown
    assert "uint8 [4, 32, 32, 3]" in shown
    assert not (tmp_path / "runs").exists()


def test_the_command_line_says_what_is_missing(tmp_path, capsys):
    put_archive(tmp_path, without(make_files(), "wild"))
    arguments = ["--model", "stargan-v2", "--preset", "smoke", "--devices", "1", "--dry-run"]
    arguments += ["--data", "tfds:afhq", "--data-dir", str(tmp_path)]
    assert run.main(arguments) == 2
    error = capsys.readouterr().err
    assert "error: --data tfds:afhq is read from" in error
    assert "afhq.zip/afhq has no pictures in train/wild, val/wild" in error
    assert "Traceback" not in error
