import os
import struct
import sys

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image, UnidentifiedImageError, features

from tfgan.data import folders, sources
from tfgan.data.folders import FolderSource
from tfgan.data.opening import open_source
from tfgan.data.pipeline import Pipeline, PipelineOptions, decode_picture
from tfgan.data.sources import DataError, DataOptions, check_resolution
from tfgan.data.tfds_sets import TfdsSource
from tfgan.data.tfrecords import TfRecordIndex


def save(path, color=(1, 2, 3), size=(16, 16)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).save(path)
    return path


def relative_names(source, root):
    return [os.path.relpath(source.describe(i), root) for i in range(len(source))]


# Resolution


@pytest.mark.parametrize("resolution", [8, 16, 32, 64, 128, 256, 512, 1024])
def test_powers_of_two_are_resolutions(resolution):
    check_resolution(resolution)


def test_other_resolutions_are_refused_with_the_next_one_up():
    with pytest.raises(DataError) as raised:
        check_resolution(100)
    assert str(raised.value) == (
        "`resolution` must be a power of two from 8 to 1024. Received: 100. "
        "Use `resolution` 128 and let `resize` crop the images."
    )
    for resolution, advice in ((0, 8), (-4, 8), (4, 8), (2048, 1024), (1000, 1024)):
        with pytest.raises(DataError, match=f"Use `resolution` {advice} "):
            check_resolution(resolution)
    with pytest.raises(DataError, match="Received: 100"):
        open_source(DataOptions(("avatars",), resolution=100))


# Folders


def test_a_folder_is_walked_in_sorted_order(tmp_path):
    names = ["b.png", "a.JPG", "z/2.webp", "z/10.bmp", "z/a/x.tiff", "c/y.gif", "c/y.tif", "é.jpeg"]
    for name in names:
        save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    save(tmp_path / ".hidden.png")
    save(tmp_path / ".thumbnails/a.png")
    source = open_source(DataOptions((str(tmp_path),), resolution=16))
    assert relative_names(source, tmp_path) == [
        "a.JPG",
        "b.png",
        "é.jpeg",
        "c/y.gif",
        "c/y.tif",
        "z/10.bmp",
        "z/2.webp",
        "z/a/x.tiff",
    ]
    assert source.class_names == ()
    assert source.name == str(tmp_path)
    picture = source.read(1)
    assert picture.content == (tmp_path / "b.png").read_bytes()
    assert picture.label == 0
    assert picture.name == str(tmp_path / "b.png")


def test_first_level_folders_are_classes(tmp_path):
    for name in ("dog/1.png", "cat/big/2.png", "cat/3.png", "cat/small/old/4.png", "emu/5.png"):
        save(tmp_path / name)
    (tmp_path / "zebra").mkdir()
    source = open_source(DataOptions((str(tmp_path),), resolution=16, conditional=True))
    assert source.class_names == ("cat", "dog", "emu")
    assert relative_names(source, tmp_path) == [
        "cat/3.png",
        "cat/big/2.png",
        "cat/small/old/4.png",
        "dog/1.png",
        "emu/5.png",
    ]
    assert [source.read(i).label for i in range(5)] == [0, 0, 0, 1, 2]


def test_sub_folders_without_pictures_are_named(tmp_path, caplog):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (8, 8)).save(tmp_path / name / "0.png")
    (tmp_path / "empty").mkdir()
    source = open_source(DataOptions((str(tmp_path),), resolution=8, conditional=True))
    assert source.class_names == ("cat", "dog")
    assert "without pictures are left out: empty" in caplog.text


def test_pictures_beside_the_classes_are_left_out_with_a_warning(tmp_path, caplog):
    for name in ("0.png", "1.png", "cat/2.png", "cat/a/3.png", "dog/4.png"):
        save(tmp_path / name)
    source = FolderSource(str(tmp_path), conditional=True)
    assert relative_names(source, tmp_path) == ["cat/2.png", "cat/a/3.png", "dog/4.png"]
    assert [source.read(i).label for i in range(3)] == [0, 0, 1]
    assert "2 pictures" in caplog.text


def test_labels_of_a_folder_are_those_of_its_pictures(tmp_path):
    for name in ("b/1.png", "a/1.png", "a/x/2.png", "b/3.png", "beside.png"):
        save(tmp_path / name)
    source = FolderSource(str(tmp_path), conditional=True)
    expected = [source.read(i).label for i in range(len(source))]
    np.testing.assert_array_equal(source.labels(), expected)
    assert expected == [0, 0, 1, 1]
    plain = FolderSource(str(tmp_path))
    np.testing.assert_array_equal(plain.labels(), np.zeros(5))


def test_fewer_than_two_classes_are_refused(tmp_path):
    save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"0 such sub-folders and 1 pictures beside"):
        FolderSource(str(tmp_path), conditional=True)
    save(tmp_path / "cat/b.png")
    with pytest.raises(DataError, match=r"1 such sub-folders \(cat\) and 1 pictures beside"):
        FolderSource(str(tmp_path), conditional=True)


def test_links_are_followed_but_not_in_circles(tmp_path):
    save(tmp_path / "elsewhere/a.png")
    data = tmp_path / "data"
    save(data / "b.png")
    (data / "link").symlink_to(tmp_path / "elsewhere")
    (data / "circle").symlink_to(data)
    (data / "nowhere.png").symlink_to(tmp_path / "missing.png")
    source = FolderSource(str(data))
    assert relative_names(source, data) == ["b.png", "link/a.png"]


def test_a_missing_path_is_refused(tmp_path):
    with pytest.raises(DataError, match="must name a folder that exists") as raised:
        open_source(DataOptions((str(tmp_path / "nothing"),), resolution=16))
    assert f"Received: {tmp_path / 'nothing'}" in str(raised.value)
    with pytest.raises(DataError, match=r"Did you mean `data` tfds:mnist\?"):
        open_source(DataOptions(("mnist",), resolution=16))


def test_a_file_is_refused(tmp_path):
    path = save(tmp_path / "a.png")
    with pytest.raises(DataError, match="not a file") as raised:
        open_source(DataOptions((str(path),), resolution=16))
    assert f"Use `data` {tmp_path}" in str(raised.value)


def test_a_folder_without_pictures_says_what_it_holds(tmp_path):
    for i in range(3):
        (tmp_path / f"{i}.txt").write_text("")
    with pytest.raises(DataError, match=r"3 other files.*\.png \.jpg.*are read"):
        open_source(DataOptions((str(tmp_path),), resolution=16))


AVIF_HEAD = b"\0\0\0\x20ftypavif\0\0\0\0avifmif1miafMA1B"
HEIC_HEAD = b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic"


@pytest.fixture
def without_decoders(monkeypatch):
    """As where neither pillow-heif nor Pillow's own reader of AVIF is installed."""
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.setitem(features.modules, "avif", ("PIL.no_such_module", None))
    sources.readable_formats.cache_clear()
    yield
    sources.readable_formats.cache_clear()


def test_pictures_that_need_a_package_are_counted_and_named(tmp_path, caplog, without_decoders):
    for name in ("a.HEIC", "b/c.heif", "b/d.avif", "e.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(
        DataError, match=r"4 other files\. 1 are AVIF, which needs .*pillow"
    ) as told:
        FolderSource(str(tmp_path))
    assert "2 are HEIC, which needs pip install pillow-heif; or convert" in str(told.value)
    save(tmp_path / "a.png")
    assert len(FolderSource(str(tmp_path))) == 1
    assert "2 are HEIC, which needs pip install pillow-heif; or convert" in caplog.text


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (HEIC_HEAD, r"HEIC, which needs pip install pillow-heif; or convert it to JPEG"),
        (AVIF_HEAD, r"AVIF, which needs pip install --upgrade 'pillow>=11\.3'"),
    ],
)
def test_pictures_are_named_by_what_they_are_whatever_their_ending(head, words, without_decoders):
    # Phones and programs call such files .jpg as well.
    with pytest.raises(ValueError, match=f"it is a picture in {words}"):
        decode_picture(head + bytes(100), 16)
    for damaged in (head[:7], head[:8] + b"mp42", b"\0\0\0\x08ftyp" + head[8:]):
        with pytest.raises(UnidentifiedImageError):
            decode_picture(damaged + bytes(100), 16)


def test_avif_is_read_where_pillow_reads_it(tmp_path):
    assert features.check_module("avif")  # setup.cfg allows Pillow without it; wheels have it
    image = Image.new("RGB", (24, 16), (200, 30, 90))
    image.save(tmp_path / "a.avif")
    source = FolderSource(str(tmp_path))
    decoded, _ = decode_picture(source.read(0).content, 8)
    np.testing.assert_allclose(decoded.reshape(-1, 3), [(200, 30, 90)] * 64, atol=4)


def test_keys_of_tfds_are_refused_for_a_folder(tmp_path):
    save(tmp_path / "a.png")
    with pytest.raises(DataError, match="`label_key` belongs to `data` tfds:NAME"):
        open_source(DataOptions((str(tmp_path),), resolution=16, label_key="label"))


def test_fingerprints_follow_the_pictures_and_not_the_place(tmp_path):
    for root in ("one", "two"):
        for name in ("cat/a.png", "dog/b.png"):
            save(tmp_path / root / name)
    one, two = FolderSource(str(tmp_path / "one")), FolderSource(str(tmp_path / "two"))
    assert one.fingerprint() == two.fingerprint()
    assert one.fingerprint() != FolderSource(str(tmp_path / "one"), True).fingerprint()
    save(tmp_path / "two/dog/c.png")
    assert one.fingerprint() != FolderSource(str(tmp_path / "two")).fingerprint()


def test_listings_are_compact(tmp_path, monkeypatch):
    count = 50_000

    class Entry:
        def __init__(self, name):
            self.name = name

        def is_dir(self):
            return False

        def is_file(self):
            return True

    class Entries(list):
        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

    entries = Entries(Entry(f"picture_{i:08d}.png") for i in range(count))
    monkeypatch.setattr(folders.os, "scandir", lambda path: entries)
    source = FolderSource(str(tmp_path))
    assert len(source) == count
    assert source.describe(40_000).endswith("picture_00040000.png")
    size = len(source._names) + source._ends.itemsize * len(source._ends)
    assert size == count * (len("picture_00000000.png") + 8)


# TensorFlow Datasets

TINY_COUNT = 12


class TinySet(tfds.core.GeneratorBasedBuilder):
    """Pictures of one colour: their index."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(None, None, 3)),
                    "other": tfds.features.Image(shape=(4, 4, 1)),
                    "kind": tfds.features.ClassLabel(names=["even", "odd"]),
                    "attributes": {"Third": np.bool_},
                    "id": tfds.features.Text(),
                }
            ),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(TINY_COUNT), "test": self._generate_examples(2)}

    def _generate_examples(self, count):
        for i in range(count):
            yield (
                i,
                {
                    "image": np.full((10, 12, 3), i, np.uint8),
                    "other": np.full((4, 4, 1), 255, np.uint8),
                    "kind": i % 2,
                    "attributes": {"Third": i % 3 == 0},
                    "id": str(i),
                },
            )


class SetWithoutPictures(tfds.core.GeneratorBasedBuilder):
    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = tfds.features.FeaturesDict({"text": tfds.features.Text(), "score": np.float32})
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        yield 0, {"text": "a", "score": 1.0}


class ManualSet(TinySet):
    MANUAL_DOWNLOAD_INSTRUCTIONS = "Get tiny.zip from its authors."

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(int(dl_manager.manual_dir.name))}


class UnreachableSet(TinySet):
    def _split_generators(self, dl_manager):
        raise ConnectionError("no route to host\nmore lines")


@pytest.fixture(scope="module", autouse=True)
def _no_bucket():
    # TFDS asks a bucket about a set that it has not prepared; tests must need no network.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tfds.core.dataset_info.DatasetInfo, "initialize_from_bucket", lambda _: None)
        yield


@pytest.fixture(scope="module")
def data_dirs(tmp_path_factory):
    """The tiny set on disk in both formats."""
    directories = {}
    for file_format in ("array_record", "tfrecord"):
        directories[file_format] = str(tmp_path_factory.mktemp(file_format))
        builder = TinySet(data_dir=directories[file_format], file_format=file_format)
        builder.download_and_prepare()
    return directories


@pytest.fixture(scope="module", params=["array_record", "tfrecord"])
def data_dir(request, data_dirs):
    return data_dirs[request.param]


def open_tiny(data_dir, **options):
    return open_source(DataOptions(("tfds:tiny_set",), resolution=8, data_dir=data_dir, **options))


def test_a_tfds_set_is_read_at_random_and_still_encoded(data_dir):
    source = open_tiny(data_dir)
    assert isinstance(source, TfdsSource)
    assert len(source) == TINY_COUNT
    assert source.class_names == ()
    for index in (7, 0, 11, 7):
        picture = source.read(index)
        assert isinstance(picture.content, bytes)
        assert picture.content.startswith(b"\x89PNG")
        np.testing.assert_array_equal(
            tf.io.decode_png(picture.content), np.full((10, 12, 3), index)
        )
        assert picture.label == 0
        assert picture.name == f"tfds:tiny_set/train#{index}"


def test_classes_of_a_tfds_set_are_its_only_class_label(data_dir):
    source = open_tiny(data_dir, conditional=True)
    assert source.class_names == ("even", "odd")
    assert [source.read(i).label for i in range(4)] == [0, 1, 0, 1]


def test_labels_of_a_tfds_set_are_those_of_its_pictures(data_dir):
    source = open_tiny(data_dir, conditional=True)
    expected = [source.read(i).label for i in range(len(source))]
    np.testing.assert_array_equal(source.labels(), expected)
    assert len(set(expected)) > 1
    np.testing.assert_array_equal(open_tiny(data_dir).labels(), np.zeros(TINY_COUNT))


def test_a_nested_flag_can_be_the_classes(data_dir):
    source = open_tiny(data_dir, label_key="attributes/Third")
    assert source.class_names == ("not Third", "Third")
    assert [source.read(i).label for i in range(7)] == [1, 0, 0, 1, 0, 0, 1]


def test_slices_and_sums_of_splits_are_read(data_dir):
    source = open_tiny(data_dir, split="train[5:]+test")
    colors = [tf.io.decode_png(source.read(i).content)[0, 0, 0] for i in range(len(source))]
    np.testing.assert_array_equal(colors, [5, 6, 7, 8, 9, 10, 11, 0, 1])


def test_another_picture_can_be_chosen(data_dir):
    source = open_tiny(data_dir, image_key="other")
    assert tf.io.decode_png(source.read(0).content).shape == (4, 4, 1)


def test_both_formats_give_the_same_pictures_and_fingerprint(data_dirs):
    left, right = (open_tiny(data_dirs[key], conditional=True) for key in data_dirs)
    assert left.fingerprint() == right.fingerprint()
    assert [left.read(i) for i in range(TINY_COUNT)] == [right.read(i) for i in range(TINY_COUNT)]
    assert left.fingerprint() != open_tiny(data_dirs["tfrecord"], split="test").fingerprint()


def test_tfds_sets_pass_through_the_pipeline(data_dir):
    pipeline = Pipeline(
        open_tiny(data_dir, conditional=True), PipelineOptions(resolution=8, batch_size=4)
    )
    pictures = [element for element in pipeline.dataset(0).take(TINY_COUNT // 4)]
    colors = np.concatenate([element["image"][:, 0, 0, 0] for element in pictures])
    labels = np.concatenate([element["label"] for element in pictures])
    np.testing.assert_array_equal(np.sort(colors), np.arange(TINY_COUNT))
    np.testing.assert_array_equal(labels, colors % 2)


def test_a_set_that_is_not_on_disk_is_prepared(tmp_path):
    source = open_tiny(str(tmp_path))
    assert len(source) == TINY_COUNT
    assert any("array_record" in name.name for name in tmp_path.rglob("*"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "valid"}, r"`split` must .*Received: valid\. Use one of: test, train\."),
        ({"split": "train[:0]"}, r"`split` must hold pictures\. Received: train\[:0\]"),
        ({"image_key": "id"}, r"`image_key` must .*Received: id\. Use one of: image, other\."),
        (
            {"label_key": "age"},
            r"`label_key` must .*Received: age\. Use one of: kind, attributes/Third\.",
        ),
    ],
)
def test_wrong_keys_and_splits_list_the_right_ones(data_dirs, options, message):
    with pytest.raises(DataError, match=message):
        open_tiny(data_dirs["tfrecord"], **options)


def test_an_unknown_set_gets_near_names(tmp_path):
    with pytest.raises(DataError, match=r"Received: tiny_sett\. Did you mean tiny_set"):
        open_source(DataOptions(("tfds:tiny_sett",), resolution=8, data_dir=str(tmp_path)))
    with pytest.raises(DataError, match="lacks a name"):
        open_source(DataOptions(("tfds:",), resolution=8))


def test_a_wrong_version_is_one_message(tmp_path):
    with pytest.raises(DataError, match="that TFDS can open"):
        open_source(DataOptions(("tfds:tiny_set:9.9.9",), resolution=8, data_dir=str(tmp_path)))


def test_a_set_without_pictures_lists_its_features(tmp_path):
    with pytest.raises(DataError, match=r"holds pictures\. Received: features score, text"):
        open_source(
            DataOptions(("tfds:set_without_pictures",), resolution=8, data_dir=str(tmp_path))
        )


def test_a_manual_download_shows_its_instructions(tmp_path):
    with pytest.raises(DataError, match=r"by hand first.*Get tiny\.zip from its authors\."):
        open_source(DataOptions(("tfds:manual_set",), resolution=8, data_dir=str(tmp_path)))


def test_a_missing_network_is_one_message(tmp_path):
    with pytest.raises(DataError, match=r"ConnectionError: no route to host\. Check") as raised:
        open_source(DataOptions(("tfds:unreachable_set",), resolution=8, data_dir=str(tmp_path)))
    assert "more lines" not in str(raised.value)


# TFRecord files


def test_records_are_found_without_reading_them(tmp_path):
    records = [os.urandom(length) for length in (0, 1, 100, 5000, 7)]
    paths = [str(tmp_path / name) for name in ("a", "b")]
    for path in paths:
        with tf.io.TFRecordWriter(path) as writer:
            for record in records:
                writer.write(record)
    index = TfRecordIndex([(paths[0], 1, 3), (paths[1], 0, 5)])
    assert [index[i] for i in range(len(index))] == records[1:4] + records


def test_a_cut_off_record_file_is_noticed(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(struct.pack("<Q", 100) + b"\0" * 50)
    with pytest.raises(OSError, match="ends within record 0"):
        TfRecordIndex([(str(path), 0, 1)])


def test_preparing_a_set_leaves_plain_lines_in_a_log(tmp_path, capsys, monkeypatch):
    for seconds in ("LINE_SECONDS", "DELAY_SECONDS"):
        monkeypatch.setattr(f"tfgan.terminal.{seconds}", 0.0)
    open_tiny(str(tmp_path))
    shown = capsys.readouterr().err
    assert "Generating" in shown
    assert "\r" not in shown


def test_a_damaged_set_is_one_message(tmp_path):
    TinySet(data_dir=str(tmp_path), file_format="tfrecord").download_and_prepare()
    (path,) = tmp_path.rglob("*train.tfrecord*")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match="damaged"):
        open_tiny(str(tmp_path))
