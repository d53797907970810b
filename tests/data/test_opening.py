"""One place reads what --data names, and a new type of source is a row of its table."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from export.pictures import read_pictures
from tfgan.data import opening, prepare
from tfgan.data.folders import FolderSource
from tfgan.data.labelled import for_label_set, open_labelled
from tfgan.data.opening import DataOptions, SourceType, are_drawn, open_source, parse_name
from tfgan.data.sources import DataError, Picture
from tfgan.evaluate.real_pictures import find_test_split, read_two_draws
from training import run
from training.config import TrainingConfig
from training.data import open_data
from training.systems import stargan_options, stargan_v2_options, stylegan2_options


class Stripes:
    """Twelve pictures of one colour each, of two classes: a source that no file knows."""

    def __init__(self, name, options):
        self.name = name
        self.class_names = ("dark", "light") if options.conditional else ()

    def __len__(self):
        return 12

    def read(self, index):
        pixels = np.full((32, 32, 3), 20 * index, np.uint8)
        return Picture(pixels, self.labels()[index], self.describe(index))

    def describe(self, index):
        return f"{self.name}#{index}"

    def labels(self):
        return (np.arange(12) >= 6).astype(np.int32) * bool(self.class_names)

    def fingerprint(self):
        return "stripes"


STRIPES = SourceType(
    "stripes:WIDTH", matches=lambda name: name.startswith("stripes:"), open=Stripes
)


@pytest.fixture
def stripes(monkeypatch):
    """The whole of what must be done for a new type: a row."""
    monkeypatch.setattr(opening, "SOURCE_TYPES", [STRIPES, *opening.SOURCE_TYPES])
    return "stripes:3"


@pytest.mark.parametrize(
    ("options", "labels"),
    [
        (stylegan2_options, ()),
        (stargan_v2_options, ("dark", "light")),
        (stargan_options, ("dark", "light")),
    ],
)
def test_every_system_trains_on_a_new_type_of_source(stripes, options, labels):
    config = dataclasses.replace(options.PRESETS["smoke"](), data=(stripes,), resolution=32)
    config.check()
    data = open_data(config)
    assert (data.name, data.pictures) == (stripes, 12)
    found = [data.labels[0].names] if config.takes_several else [tuple(data.labels)]
    assert found == [labels]
    batch = data.feed.batch(np.arange(4))
    assert batch["image"].shape == (4, 32, 32, 3)


def test_evaluation_reads_a_new_type_of_source(stripes):
    config = TrainingConfig(data=(stripes,), resolution=8)
    source = open_source(config.data_options())
    draws = read_two_draws(source, config, 0, 4, 0)
    assert (len(draws.images), draws.apart) == (4, False)
    labelled = dataclasses.replace(STRIPES, has_splits=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(opening, "SOURCE_TYPES", [labelled])
        split, test = find_test_split(stripes, "train", lambda split: source, 0)
    assert (split, test) == ("test", source)


def test_exports_are_compared_on_a_new_type_of_source(stripes):
    images = read_pictures([stripes], 8, 12)
    assert len(np.unique(images[:, 0, 0, 0])) == 12


class Listed(FolderSource):
    """A folder under another name."""

    def __init__(self, name, options):
        super().__init__(name.removeprefix("listed:"), options.conditional)


LISTED = SourceType(
    "listed:FOLDER", lambda name: name.startswith("listed:"), open=Listed, is_files=True
)


def test_pictures_of_a_new_type_that_are_files_can_be_prepared(tmp_path, monkeypatch, capsys):
    for name in ("cat/a.png", "dog/b.png"):
        (tmp_path / name).parent.mkdir()
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    monkeypatch.setattr(opening, "SOURCE_TYPES", [LISTED, *opening.SOURCE_TYPES])
    out = str(tmp_path / "out")
    arguments = [f"listed:{tmp_path}", out, "--labels", "classes", "--workers", "1"]
    assert prepare.main(arguments) == 0
    source = open_source(DataOptions((out,), conditional=True))
    assert source.class_names == ("cat", "dog")
    assert source.file_of(1) == "dog/b.png"
    assert (
        source.fingerprint()
        == Listed(f"listed:{tmp_path}", DataOptions(conditional=True)).fingerprint()
    )


def test_commands_call_what_is_wrong_with_data_by_their_own_names(tmp_path, capsys):
    missing = str(tmp_path / "none")
    assert prepare.main([missing, str(tmp_path / "out")]) == 2
    assert "error: SOURCE must name a folder that exists" in capsys.readouterr().err
    assert run.main(["--model", "stylegan2", "--data", missing, "--resolution", "100"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: --resolution must be a power of two from 8 to 1024. Received: 1")
    assert told.endswith("Use --resolution 128 and let --resize crop the images.\n")
    with pytest.raises(DataError, match=r"^`data` must name a folder that exists") as raised:
        open_source(DataOptions((missing,)))
    assert (raised.value.field, raised.value.received) == ("data", missing)


def test_label_sets_of_a_new_type_are_its_classes(stripes):
    (source,), (label_set,) = open_labelled(DataOptions((f"{stripes}",), resolution=8))
    assert (label_set.name, label_set.kind, label_set.names) == (
        stripes,
        "classes",
        ("dark", "light"),
    )
    np.testing.assert_array_equal(source.labels(), np.arange(12) >= 6)


@pytest.mark.parametrize(
    ("text", "usage", "place", "labels"),
    [
        ("avatars", "avatars", "avatars", "attributes"),
        ("avatars:expression", "avatars", "avatars", "expression"),
        ("tfds:celeb_a", "tfds:NAME", "tfds:celeb_a", None),
        ("tfds:celeb_a:2.1.0", "tfds:NAME", "tfds:celeb_a:2.1.0", None),
        ("tfds:a/b:2.*.*:attributes/Male", "tfds:NAME", "tfds:a/b:2.*.*", "attributes/Male"),
        ("{tmp}/set", "a prepared folder", "{tmp}/set", None),
        ("{tmp}/set:label", "a prepared folder", "{tmp}/set", "label"),
        ("{tmp}/plain", "a folder", "{tmp}/plain", None),
        ("{tmp}/plain:classes", "a folder", "{tmp}/plain", "classes"),
        ("{tmp}/plain:label", "a folder", "{tmp}/plain:label", None),
        ("{tmp}/odd:classes", "a folder", "{tmp}/odd:classes", None),
    ],
)
def test_names_are_parsed_by_their_type(tmp_path, text, usage, place, labels):
    for name in ("set", "plain", "odd:classes"):
        (tmp_path / name).mkdir()
    (tmp_path / "set" / "dataset_info.json").write_text("{}")
    name = parse_name(text.format(tmp=tmp_path))
    assert (name.source_type.usage, name.place, name.labels) == (
        usage,
        place.format(tmp=tmp_path),
        labels,
    )


def test_drawn_faces_are_known_by_their_type_alone(stripes):
    assert are_drawn(["avatars", "avatars:domain"])
    assert not are_drawn(["avatars", stripes])
    assert not are_drawn(["tfds:avatars"])


def test_options_of_data_are_taken_from_a_configuration_as_json_keeps_it():
    config = dataclasses.replace(stargan_options.PRESETS["smoke"](), attributes=("Male",))
    options = config.data_options()
    assert options.attributes == ("Male",)
    assert DataOptions.from_values(json.loads(json.dumps(vars(config)))).split == options.split
    assert {field.name for field in dataclasses.fields(DataOptions)} <= set(vars(config))


def test_a_label_set_keeps_the_options_that_are_for_it():
    options = DataOptions(
        ("faces", "tfds:rafd", "avatars"), image_key="image", attribute_table="x", label_key="y"
    )
    taken = [for_label_set(options, data) for data in options.data]
    assert [(one.data, one.image_key, one.attribute_table) for one in taken] == [
        (("faces",), None, "x"),
        (("tfds:rafd",), "image", None),
        (("avatars",), None, None),
    ]
    assert all(one.label_key is None for one in taken)


def test_classes_by_key_are_not_for_folders(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    assert isinstance(open_source(DataOptions((str(tmp_path),))), FolderSource)
    with pytest.raises(DataError, match="`image_key` belongs to `data` tfds:NAME"):
        open_source(DataOptions((str(tmp_path),), image_key="image"))
