"""Label sets of TensorFlow Datasets, tables, sub-folders and names."""

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from tfgan.data.avatars import ATTRIBUTES, DOMAINS, EXPRESSIONS
from tfgan.data.held_back import hold_back
from tfgan.data.labelled import DEFAULT_ATTRIBUTES, open_labelled
from tfgan.data.pipeline import Pipeline, PipelineOptions
from tfgan.data.sources import DataError, DataOptions
from tfgan.label_sets import LabelSet

HAIR = ("Black_Hair", "Blond_Hair", "Brown_Hair")
FACES = {"a.jpg": "1 0 0 1 1", "b.jpg": "0 1 0 0 1", "c.jpg": "0 0 1 1 0", "d.jpg": "0 0 0 0 0"}


def save(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8)).save(path)


def make_folder(root, names=tuple(FACES), table="list_attr_celeba.txt", rows=None, header=None):
    """A folder of pictures with a table of the five default attributes."""
    for name in names:
        save(root / name)
    rows = FACES if rows is None else rows
    lines = [f"{name} {values}" for name, values in rows.items()]
    head = " ".join(header or DEFAULT_ATTRIBUTES)
    (root / table).write_text("\n".join([str(len(rows)), head, *lines]) + "\n")
    return str(root)


def open_one(data, **options):
    (source,), (label_set,) = open_labelled(DataOptions((str(data),), resolution=8, **options))
    return source, label_set


def truth_by_name(source, root):
    """What a source says of each picture, by its path, from reading it and from all labels."""
    found = {}
    for index, labels in enumerate(source.labels()):
        picture = source.read(index)
        np.testing.assert_array_equal(picture.label, labels)
        assert picture.name == source.describe(index)
        found[picture.name.removeprefix(f"{root}/")] = labels.tolist()
    return found


def numbers(rows):
    return {name: [float(value) for value in values.split()] for name, values in rows.items()}


# Avatars


@pytest.fixture(scope="module")
def avatars_dir(tmp_path_factory):
    return str(tmp_path_factory.mktemp("avatars"))


def open_avatars(data_dir, *data, **options):
    return open_labelled(
        DataOptions(tuple(data), resolution=16, data_dir=data_dir, avatars_count=120, **options)
    )


def test_avatars_have_five_attributes_by_default(avatars_dir):
    (source,), (label_set,) = open_avatars(avatars_dir, "avatars")
    assert label_set == LabelSet("avatars:attributes", "attributes", DEFAULT_ATTRIBUTES, (HAIR,))
    assert source.class_names == DEFAULT_ATTRIBUTES
    assert source.labels().dtype == np.float32
    examples = source.pictures._builder.as_data_source("train")
    for index in (0, 7, 119):
        expected = [examples[index]["attributes"][name] for name in DEFAULT_ATTRIBUTES]
        np.testing.assert_array_equal(source.read(index).label, expected)
        np.testing.assert_array_equal(source.labels()[index], expected)


def test_avatars_are_drawn_and_opened_once_for_several_kinds_of_labels(avatars_dir):
    data = ("avatars:attributes", "avatars:expressions", "avatars:domain")
    sources, label_sets = open_avatars(avatars_dir, *data)
    assert [label_set.name for label_set in label_sets] == [
        "avatars:attributes",
        "avatars:expression",
        "avatars:domain",
    ]
    assert [label_set.kind for label_set in label_sets] == ["attributes", "classes", "classes"]
    assert [label_set.names for label_set in label_sets[1:]] == [EXPRESSIONS, DOMAINS]
    assert sources[0].pictures is sources[1].pictures is sources[2].pictures
    contents = {source.read(5).content for source in sources}
    assert len(contents) == 1
    examples = sources[0].pictures._builder.as_data_source("train")
    for index in (3, 50):
        assert sources[1].read(index).label == examples[index]["expression"]
        assert sources[2].labels()[index] == examples[index]["domain"]
    male = label_sets[0].names.index("Male")
    np.testing.assert_array_equal(sources[0].labels()[:, male], sources[2].labels())


def test_attributes_are_chosen_in_the_order_asked_for(avatars_dir):
    chosen = ("Smiling", "Young", "Blond_Hair")
    (source,), (label_set,) = open_avatars(avatars_dir, "avatars", attributes=chosen)
    assert label_set.names == source.class_names == chosen
    assert label_set.exclusive == ()
    (other,), _ = open_avatars(avatars_dir, "avatars")
    np.testing.assert_array_equal(source.labels()[:, 1:], other.labels()[:, [4, 1]])


def test_other_splits_are_opened_with_the_same_labels(avatars_dir):
    _, trained = open_avatars(avatars_dir, "avatars", "avatars:expression")
    sources, label_sets = open_avatars(avatars_dir, "avatars", "avatars:expression", split="test")
    assert label_sets == trained
    assert [len(source) for source in sources] == [12, 12]
    assert sources[0].describe(3) == "avatars/test#3"


def test_classes_can_be_held_back_for_tests(avatars_dir):
    (source,), _ = open_avatars(avatars_dir, "avatars:domain")
    held = hold_back(source)
    assert len(held.train) + len(held.test) == 120
    assert set(held.test.labels()) == {0, 1}


def test_a_pipeline_hands_on_label_vectors(avatars_dir):
    (source,), _ = open_avatars(avatars_dir, "avatars")
    pipeline = Pipeline(source, PipelineOptions(16, 4))
    for _ in range(2):  # From the disk, then from memory.
        _, labels = pipeline.images(np.arange(6))
        assert labels.dtype == np.float32
        np.testing.assert_array_equal(labels, source.labels()[pipeline.indices(np.arange(6))])
    spec = pipeline.dataset(0, replicas=2).element_spec
    assert spec["label"].shape == (2, 5)


def test_labels_that_avatars_do_not_have_are_listed(avatars_dir):
    with pytest.raises(DataError) as raised:
        open_avatars(avatars_dir, "avatars:hats")
    assert str(raised.value) == (
        "`data` avatars:LABELS must name labels of the set. Received: hats. Use one of: "
        "avatars:attributes, avatars:domain, avatars:expression."
    )


def test_a_set_that_is_named_twice_is_refused(avatars_dir):
    for other in ("avatars", "avatars:attributes"):
        with pytest.raises(DataError, match=rf"Received: avatars and {other}\. Leave one"):
            open_avatars(avatars_dir, "avatars", other)


# TensorFlow Datasets


class FlaggedSet(tfds.core.GeneratorBasedBuilder):
    """Twelve pictures with flags as celeb_a has them, a flag alone, and classes with a gap."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = {
            "image": tfds.features.Image(shape=(8, 8, 3)),
            "attributes": {name: np.bool_ for name in ("Male", "Smiling", "Wearing_Hat")},
            "landmarks": {"nose_x": np.int64},
            "retouched": np.bool_,
            "quality": tfds.features.ClassLabel(names=["low", "high"]),
        }
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(), "none": self._generate_examples(labelled=False)}

    def _generate_examples(self, labelled=True):
        for i in range(12):
            flags = {"Male": i % 2 == 0, "Smiling": i % 3 == 0, "Wearing_Hat": i == 5}
            yield (
                i,
                {
                    "image": np.full((8, 8, 3), i, np.uint8),
                    "attributes": flags,
                    "landmarks": {"nose_x": i},
                    "retouched": i > 6,
                    "quality": i % 2 if labelled and i < 8 else -1,
                },
            )


class OnlyFlags(FlaggedSet):
    def _info(self):
        features = {"image": tfds.features.Image(shape=(8, 8, 3)), "old": np.bool_, "new": np.bool_}
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        for i in range(4):
            yield i, {"image": np.zeros((8, 8, 3), np.uint8), "old": i > 2, "new": i < 2}


class Nothing(OnlyFlags):
    def _info(self):
        features = {"image": tfds.features.Image(shape=(8, 8, 3))}
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _generate_examples(self):
        yield 0, {"image": np.zeros((8, 8, 3), np.uint8)}


@pytest.fixture(scope="module")
def tfds_dir(tmp_path_factory):
    # TFDS asks a bucket about a set that it has not prepared; tests must need no network.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tfds.core.dataset_info.DatasetInfo, "initialize_from_bucket", lambda _: None)
        path = str(tmp_path_factory.mktemp("tfds"))
        for builder in (FlaggedSet, OnlyFlags, Nothing):
            builder(data_dir=path, file_format="array_record").download_and_prepare()
        yield path


def numbers_shown(source):
    """Which of the pictures of `FlaggedSet` each is."""
    _, images = zip(
        *(
            (i, Pipeline(source, PipelineOptions(8, 1, flips=False))._readable(i)[0])
            for i in range(len(source))
        ),
        strict=True,
    )
    return np.array([image[0, 0, 0] for image in images])


@pytest.mark.parametrize("version", ["", ":1.0.0", ":1.*.*"])
def test_nested_flags_are_attributes(tfds_dir, version):
    source, label_set = open_one(f"tfds:flagged_set{version}:attributes", data_dir=tfds_dir)
    expected = LabelSet(
        f"flagged_set{version}:attributes", "attributes", ("Male", "Smiling", "Wearing_Hat")
    )
    assert label_set == expected
    i = numbers_shown(source)
    np.testing.assert_array_equal(source.labels(), np.stack([i % 2 == 0, i % 3 == 0, i == 5], 1))


def test_a_single_flag_is_an_attribute(tfds_dir):
    source, label_set = open_one("tfds:flagged_set:attributes/Smiling", data_dir=tfds_dir)
    assert (label_set.kind, label_set.names) == ("attributes", ("Smiling",))
    np.testing.assert_array_equal(source.labels()[:, 0], numbers_shown(source) % 3 == 0)
    _, label_set = open_one("tfds:flagged_set:retouched", data_dir=tfds_dir)
    assert label_set.names == ("retouched",)
    source, label_set = open_one("tfds:only_flags", data_dir=tfds_dir)
    assert label_set.names == ("new", "old")
    assert source.labels().sum(axis=0).tolist() == [2, 1]


def test_pictures_without_a_class_are_left_out_and_counted(tfds_dir, caplog):
    source, label_set = open_one("tfds:flagged_set:quality", data_dir=tfds_dir)
    assert (label_set.kind, label_set.names) == ("classes", ("low", "high"))
    i = numbers_shown(source)
    np.testing.assert_array_equal(np.sort(i), np.arange(8))
    np.testing.assert_array_equal(source.labels(), i % 2)
    assert caplog.text.count("left out") == 1
    assert "4 of the 12 pictures of tfds:flagged_set:quality have none of the labels" in caplog.text
    with pytest.raises(DataError, match=r"Received: 12 pictures without a label"):
        open_one("tfds:flagged_set:quality", data_dir=tfds_dir, split="none")


def test_what_could_be_meant_is_listed(tfds_dir):
    with pytest.raises(DataError, match=r"Received: tfds:flagged_set\. Use one of: ") as raised:
        open_one("tfds:flagged_set", data_dir=tfds_dir)
    for labels in ("attributes", "quality", "retouched"):
        assert f"tfds:flagged_set:{labels}" in str(raised.value)
    with pytest.raises(DataError, match=r"Received: landmarks\. Use one of"):
        open_one("tfds:flagged_set:landmarks", data_dir=tfds_dir)
    with pytest.raises(DataError, match="It has no ClassLabel and no bool features"):
        open_one("tfds:nothing", data_dir=tfds_dir)
    with pytest.raises(DataError, match="that TFDS can open"):
        open_one("tfds:flagged_set:9.9.9:attributes", data_dir=tfds_dir)


# Folders with tables


def test_the_table_of_a_folder_is_read(tmp_path):
    root = make_folder(tmp_path / "faces")
    source, label_set = open_one(root)
    assert label_set == LabelSet("faces", "attributes", DEFAULT_ATTRIBUTES, (HAIR,))
    assert truth_by_name(source, root) == numbers(FACES)
    assert source.name == root


@pytest.mark.parametrize("prefix", ["", "img/"])
def test_a_table_beside_the_folder_may_name_paths_from_there(tmp_path, prefix):
    make_folder(tmp_path, names=(), rows={prefix + name: v for name, v in FACES.items()})
    for name in FACES:
        save(tmp_path / "img" / name)
    source, _ = open_one(tmp_path / "img")
    assert truth_by_name(source, tmp_path / "img") == numbers(FACES)


def test_pictures_below_the_table_are_found_by_path_and_by_name(tmp_path):
    rows = {"x/a.jpg": "1 0 0 1 1", "y/a.jpg": "0 1 0 0 0", "b.jpg": "0 0 1 0 1"}
    root = make_folder(tmp_path, ("x/a.jpg", "y/a.jpg", "z/b.jpg"), rows=rows)
    source, _ = open_one(root)
    expected = {"x/a.jpg": rows["x/a.jpg"], "y/a.jpg": rows["y/a.jpg"], "z/b.jpg": rows["b.jpg"]}
    assert truth_by_name(source, root) == numbers(expected)


def test_other_extensions_than_those_of_the_table_do(tmp_path):
    root = make_folder(tmp_path, [name.replace(".jpg", ".png") for name in FACES])
    source, _ = open_one(root)
    expected = {name.replace(".jpg", ".png"): values for name, values in FACES.items()}
    assert truth_by_name(source, root) == numbers(expected)


def test_a_table_from_elsewhere_is_given_by_option(tmp_path):
    (tmp_path / "anno").mkdir()
    make_folder(tmp_path / "anno", names=(), table="celeba.txt")
    for name in FACES:
        save(tmp_path / "img/faces" / name)
    source, _ = open_one(tmp_path / "img/faces", attribute_table=str(tmp_path / "anno/celeba.txt"))
    assert truth_by_name(source, tmp_path / "img/faces") == numbers(FACES)


def test_rows_and_pictures_without_each_other_are_counted_and_named_once(tmp_path, caplog):
    rows = FACES | {"gone.jpg": "1 1 1 1 1", "lost.jpg": "1 1 1 1 1"}
    root = make_folder(tmp_path, [*FACES, "e.jpg", "f.jpg", "g.jpg"], rows=rows)
    source, _ = open_one(root)
    assert truth_by_name(source, root) == numbers(FACES)
    table = tmp_path / "list_attr_celeba.txt"
    assert [record.getMessage() for record in caplog.records] == [
        f"2 of the 6 rows of {table} are of files that are not in {root}, such as gone.jpg.",
        f"3 of the 7 pictures of {root} have no row in {table} and are left out, such as e.jpg.",
    ]


def test_nothing_is_warned_of_where_nothing_is_wrong(tmp_path, caplog):
    open_one(make_folder(tmp_path))
    assert not caplog.records


def test_a_table_of_other_pictures_is_refused(tmp_path):
    root = make_folder(tmp_path, ["x.jpg"])
    with pytest.raises(DataError, match=r"rows for a\.jpg, b\.jpg, .* pictures such as x\.jpg\."):
        open_one(root)


def test_a_row_that_fits_two_pictures_is_refused(tmp_path):
    root = make_folder(tmp_path, ["x/a.jpg", "y/a.jpg"])
    with pytest.raises(DataError, match=r"Received: a\.jpg, which may be x/a\.jpg or y/a\.jpg\."):
        open_one(root)


def test_groups_that_pictures_contradict_are_warned_of(tmp_path, caplog):
    rows = FACES | {"a.jpg": "1 1 0 1 1"}
    open_one(make_folder(tmp_path, rows=rows))
    assert "1 of the 4 pictures" in caplog.text
    assert "two or more of Black_Hair, Blond_Hair, Brown_Hair" in caplog.text


def test_a_csv_may_have_other_columns(tmp_path):
    for name in ("a.png", "b.png"):
        save(tmp_path / name)
    (tmp_path / "my_attributes.csv").write_text("file,Age,Hat\na.png,31,true\nb.png,52,false\n")
    source, label_set = open_one(tmp_path, attributes=["Hat"])
    assert label_set.names == ("Hat",)
    assert source.labels().tolist() == [[1.0], [0.0]]
    with pytest.raises(DataError, match=r"of Age\. Received: 31 in line 2 .* `attributes`"):
        open_one(tmp_path)


def test_a_missing_table_is_one_message(tmp_path):
    save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"must have an attribute table.*a folder without one"):
        open_one(f"{tmp_path}:attributes")
    with pytest.raises(DataError, match=r"1 pictures beside them\. Sort .* or give an attribute"):
        open_one(tmp_path)
    with pytest.raises(DataError, match="No such file"):
        open_one(tmp_path, attribute_table=str(tmp_path / "nothing.txt"))


def test_a_table_that_belongs_to_no_folder_or_several_is_refused(tmp_path, avatars_dir):
    root = make_folder(tmp_path)
    table = str(tmp_path / "list_attr_celeba.txt")
    with pytest.raises(DataError, match=r"one folder\. Received: .* with 0 folders"):
        open_avatars(avatars_dir, "avatars", attribute_table=table)
    with pytest.raises(DataError, match="with 2 folders"):
        open_labelled(
            DataOptions(
                (
                    root,
                    root,
                ),
                resolution=8,
                attribute_table=table,
            )
        )


# Folders without


def test_sub_folders_are_classes(tmp_path):
    for name in ("dog/1.png", "cat/2.png", "cat/3.png"):
        save(tmp_path / "animals" / name)
    source, label_set = open_one(tmp_path / "animals")
    assert label_set == LabelSet("animals", "classes", ("cat", "dog"))
    assert source.labels().tolist() == [0, 0, 1]
    assert [source.read(i).label for i in range(3)] == [0, 0, 1]


def test_classes_can_be_asked_for_beside_a_table(tmp_path):
    rows = {"cat/a.jpg": "1", "dog/b.jpg": "0"}
    root = make_folder(tmp_path / "f", tuple(rows), rows=rows, header=["Furry"])
    (attributes, classes), label_sets = open_labelled(
        DataOptions(
            (
                root,
                f"{root}:classes",
            ),
            resolution=8,
        )
    )
    assert [label_set.name for label_set in label_sets] == ["f", "f:classes"]
    assert [label_set.names for label_set in label_sets] == [("Furry",), ("cat", "dog")]
    assert attributes.labels().tolist() == [[1.0], [0.0]]
    assert classes.labels().tolist() == [0, 1]


def test_files_of_rafd_say_their_expressions(tmp_path, caplog):
    for name in (
        "Rafd090_01_Caucasian_female_sad_frontal.jpg",
        "Rafd045_02_Caucasian_male_angry_left.jpg",
        "Rafd180_02_Caucasian_male_angry_left.jpg",
        "other.jpg",
    ):
        save(tmp_path / name)
    source, label_set = open_one(tmp_path)
    assert (label_set.kind, label_set.names) == ("classes", EXPRESSIONS)
    assert [EXPRESSIONS[label] for label in source.labels()] == ["angry", "sad"]
    assert "2 of the 4 pictures" in caplog.text


def test_folders_of_one_name_are_numbered(tmp_path):
    roots = [tmp_path / place / "train" for place in "abc"]
    for root in roots:
        save(root / "cat/1.png")
        save(root / "dog/1.png")
    _, label_sets = open_labelled(DataOptions(tuple(map(str, roots)), resolution=8))
    assert [label_set.name for label_set in label_sets] == ["train", "train-2", "train-3"]
    with pytest.raises(DataError, match=r"`data` must name each set once"):
        open_labelled(
            DataOptions(
                (
                    str(roots[0]),
                    f"{roots[1]}/../../a/train/",
                ),
                resolution=8,
            )
        )


# Choosing attributes


def make_table(root, names):
    rows = {"a.png": " ".join("1" for _ in names), "b.png": " ".join("0" for _ in names)}
    return make_folder(root, tuple(rows), rows=rows, header=names)


def test_without_the_attributes_of_the_paper_all_are_taken_up_to_a_bound(tmp_path):
    names = [f"A{i}" for i in range(20)]
    _, label_set = open_one(make_table(tmp_path / "few", names))
    assert label_set.names == tuple(names)
    with pytest.raises(DataError, match=r"more than 20\. Received: no `attributes`\. It has A0, "):
        open_one(make_table(tmp_path / "many", [*names, "A20"]))


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (["smilng"], r"Received: smilng\. Did you mean Smiling\? There are Hat, Smiling, Male\."),
        (["blonde-hair"], r"Received: blonde-hair\. There are Hat, Smiling, Male\."),
        (["Male", "xyz"], r"Received: xyz\. There are Hat, "),
        (["Male", "Hat", "Male"], r"each attribute once\. Received: Male more than once"),
    ],
)
def test_wrong_attributes_are_one_message(tmp_path, wanted, words):
    with pytest.raises(DataError, match=words):
        open_one(make_table(tmp_path, ["Hat", "Smiling", "Male"]), attributes=wanted)


def test_attributes_belong_to_data_that_has_some(tmp_path):
    for name in ("cat/1.png", "dog/1.png"):
        save(tmp_path / "animals" / name)
    with pytest.raises(DataError, match=r"binary attributes\. Received: Male with .* 2 classes"):
        open_one(tmp_path / "animals", attributes=["Male"])


def test_each_set_takes_the_attributes_that_it_has(tmp_path):
    roots = [
        make_table(tmp_path / "a", ["Male", "Hat"]),
        make_table(tmp_path / "b", ["Smiling", "Male"]),
    ]
    _, label_sets = open_labelled(
        DataOptions(tuple(roots), resolution=8, attributes=["Male", "Smiling"])
    )
    assert [label_set.names for label_set in label_sets] == [("Male",), ("Male", "Smiling")]
    with pytest.raises(DataError, match=r"Received: none of `data` .*/a, which has Male, Hat"):
        open_labelled(DataOptions(tuple(roots), resolution=8, attributes=["Smiling"]))


def test_every_attribute_of_the_avatars_can_be_chosen(avatars_dir):
    _, (label_set,) = open_avatars(avatars_dir, "avatars", attributes=ATTRIBUTES)
    assert label_set.names == ATTRIBUTES
    assert label_set.exclusive == ((*HAIR, "Gray_Hair", "Bald"),)


# Exclusive groups


def test_declared_groups_stand_in_for_the_default(tmp_path):
    root = make_table(tmp_path, ["Hat", "Cap", "Bald", "Gray_Hair", "Male"])
    assert open_one(root)[1].exclusive == (("Gray_Hair", "Bald"),)
    declared = [["Cap", "Hat"], ["Male", "Bald"]]
    assert open_one(root, exclusive=declared)[1].exclusive == (("Cap", "Hat"), ("Male", "Bald"))
    assert open_one(root, exclusive=[[]])[1].exclusive == ()


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ([["Hat", "Capp"]], r"that are learned\. Received: Capp\. Did you mean Cap\?"),
        ([["Hat", "Cap"], ["Cap", "Male"]], r"once, in one group\. Received: Cap more than once"),
        ([["Hat", "Hat", "Cap"]], r"once, in one group\. Received: Hat more than once"),
        ([["Hat"]], r"two or more attributes of one set\. Received: Hat\."),
    ],
)
def test_wrong_groups_are_one_message(tmp_path, declared, words):
    root = make_table(tmp_path, ["Hat", "Cap", "Male"])
    with pytest.raises(DataError, match=words):
        open_one(root, exclusive=declared)


def test_groups_are_of_attributes_that_are_learned(tmp_path):
    root = make_table(tmp_path / "faces", ["Hat", "Cap", "Male"])
    with pytest.raises(DataError, match=r"Received: Cap\. .*There are Hat, Male\."):
        open_one(root, attributes=["Hat", "Male"], exclusive=[["Hat", "Cap"]])
    for name in ("cat/1.png", "dog/1.png"):
        save(tmp_path / "animals" / name)
    with pytest.raises(DataError, match=r"`exclusive` belongs to data with binary attributes"):
        open_one(tmp_path / "animals", exclusive=[["cat", "dog"]])


def test_constant_attributes_are_left_out_unless_they_are_named(tmp_path, caplog):
    rows = {"a.png": "1 -1 1", "b.png": "1 -1 -1", "c.png": "1 -1 1"}
    root = make_folder(tmp_path, rows, rows=rows, header=["Human", "Hat", "Male"])
    source, label_set = open_one(root)
    assert source.class_names == label_set.names == ("Male",)
    assert truth_by_name(source, root) == {"a.png": [1.0], "b.png": [0.0], "c.png": [1.0]}
    assert caplog.messages[-1].startswith("Human, Hat are true of all the 3 pictures of")
    assert open_one(root, attributes=["Hat", "Male"])[1].names == ("Hat", "Male")


# The rest


def test_fingerprints_follow_pictures_and_labels(tmp_path):
    one, _ = open_one(make_folder(tmp_path / "one"))
    same, _ = open_one(make_folder(tmp_path / "two"))
    assert one.fingerprint() == same.fingerprint()
    others = [
        open_one(tmp_path / "one", attributes=["Male", "Young"])[0],
        open_one(make_folder(tmp_path / "three", rows=FACES | {"a.jpg": "1 0 0 0 1"}))[0],
        open_one(make_folder(tmp_path / "four", [*FACES, "e.jpg"]))[0],
    ]
    assert len({source.fingerprint() for source in (one, *others)}) == 4


def test_data_must_be_named(tmp_path):
    with pytest.raises(DataError, match="one or more data sets"):
        open_labelled(DataOptions((), resolution=8))
    with pytest.raises(DataError, match="must name a folder that exists"):
        open_one(tmp_path / "nothing")
    with pytest.raises(DataError, match="`resolution` must be a power of two"):
        open_labelled(DataOptions(("avatars",), resolution=100))
    with pytest.raises(DataError, match="`image_key` belongs to `data` tfds:NAME"):
        open_labelled(DataOptions(("avatars",), resolution=8, image_key="image"))
