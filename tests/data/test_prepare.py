"""Prepared folders: the same pictures as in the folder, whole or not there."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tfgan.data import prepare
from tfgan.data.folders import FolderSource
from tfgan.data.labelled import open_labelled
from tfgan.data.opening import open_source
from tfgan.data.pipeline import Pipeline, PipelineOptions
from tfgan.data.prepared import PreparedSource
from tfgan.data.sources import DataError, DataOptions

ROOT = Path(__file__).parents[2]
ALONE = ["--workers", "1"]


def make_folder(root: Path, count: int = 7) -> Path:
    """Pictures of several formats in two sub-folders, one of them broken, in no helpful order."""
    rng = np.random.default_rng(0)
    for i in range(count):
        folder = root / ("Zebra" if i % 3 else "ant")
        folder.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (9, 8 + i, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"ü {count - i}{('.png', '.jpg', '.webp')[i % 3]}")
    (root / "ant" / "broken.png").write_bytes(b"")
    return root


def assert_same(source, expected):
    assert len(source) == len(expected)
    assert source.class_names == expected.class_names
    for index in range(len(expected)):
        found, wanted = source.read(index), expected.read(index)
        assert found.content == wanted.content
        np.testing.assert_array_equal(found.label, wanted.label)
    np.testing.assert_array_equal(source.labels(), expected.labels())
    assert source.fingerprint() == expected.fingerprint()


def test_pictures_labels_and_order_are_those_of_the_folder(tmp_path, capsys):
    root, out = make_folder(tmp_path / "animals"), tmp_path / "sets" / "animals" / "1.0.0"
    arguments = [str(root), str(out), "--labels", "classes", "--shards", "3", *ALONE]
    assert prepare.main(arguments) == 0
    told = capsys.readouterr()
    assert told.out == f"8 pictures (1 of them broken) in 3 shards: --data {out}\n"
    for conditional in (False, True):
        source = open_source(DataOptions((str(out),), resolution=8, conditional=conditional))
        assert isinstance(source, PreparedSource)
        assert_same(source, FolderSource(str(root), conditional))
    by_name = {"resolution": 8, "conditional": True, "data_dir": str(tmp_path / "sets")}
    named = open_source(DataOptions(("tfds:animals",), **by_name))
    assert [named.read(i).content for i in range(8)] == [source.read(i).content for i in range(8)]
    (labelled,), (label_set,) = open_labelled(DataOptions((str(out),), resolution=8))
    assert label_set.names == ("Zebra", "ant")
    np.testing.assert_array_equal(labelled.labels(), source.labels())
    part = open_source(DataOptions((str(out),), resolution=8, split="train[:4]"))
    assert (len(part), part.fingerprint() == source.fingerprint()) == (4, False)
    done = subprocess.run(
        ["sha256sum", "-c", "SHA256SUMS"], cwd=out, capture_output=True, check=True
    )
    assert done.stdout.count(b": OK") == 3
    assert not [*out.rglob("*.partial"), *out.rglob("*.broken")]
    assert not out.with_name("1.0.0.partial").exists()
    # What is there is never written over.
    assert prepare.main(arguments) == 2
    assert "must be a folder that is not there yet" in capsys.readouterr().err


def test_attributes_keep_the_order_of_their_table(tmp_path):
    root, out = make_folder(tmp_path / "faces"), tmp_path / "out"
    names = [str(path.relative_to(root)) for path in sorted(root.rglob("ü*"))]
    rows = [f"{name},{i % 2},{i % 3 == 0:d},{i > 2:d}" for i, name in enumerate(names)]
    (root / "attr.csv").write_text("\n".join(["file,Zoo,Alive,Male", *rows]))
    assert prepare.main([str(root), str(out), "--labels", "attributes", *ALONE]) == 0
    (found,), _ = open_labelled(DataOptions((str(out),), resolution=8))
    (wanted,), _ = open_labelled(DataOptions((str(root),), resolution=8))
    assert found.class_names == ("Zoo", "Alive", "Male")
    assert_same(found, wanted)


def test_a_broken_picture_of_a_prepared_set_is_named_by_its_file(tmp_path, caplog):
    root, out = make_folder(tmp_path / "animals"), tmp_path / "sets" / "animals" / "1.0.0"
    assert prepare.main([str(root), str(out), "--labels", "classes", *ALONE]) == 0
    place = f"{root}/ant/broken.png"
    assert f"Broken picture (1 so far): {place}: the file is empty" in caplog.text
    caplog.clear()
    source = open_source(DataOptions((str(out),), resolution=8))
    Pipeline(source, PipelineOptions(8, 4)).images(np.arange(8))
    assert f"Broken picture (1 so far): {place} in {out}: the file is empty" in caplog.text
    caplog.clear()
    source = open_source(
        DataOptions(("tfds:animals",), resolution=8, data_dir=str(tmp_path / "sets"))
    )
    Pipeline(source, PipelineOptions(8, 4)).images(np.arange(8))
    assert "tfds:animals/train#4 (ant/broken.png): the file is empty" in caplog.text


def test_more_broken_pictures_than_allowed_are_listed_and_leave_nothing(tmp_path, capsys):
    root, out = make_folder(tmp_path / "photos"), tmp_path / "out"
    (root / "text.png").write_text("no picture")
    arguments = [str(root), str(out), "--shards", "4", *ALONE, "--max-broken"]
    assert prepare.main([*arguments, "1"]) == 2
    told = capsys.readouterr().err
    assert f"2 of the pictures of SOURCE {root} cannot be read. Received: --max-broken 1." in told
    assert f"\n  {root}/ant/broken.png: the file is empty" in told
    assert f"\n  {root}/text.png: it is none of PNG, " in told
    assert not list(tmp_path.glob("out*"))
    assert prepare.main([*arguments, "2"]) == 0
    assert "9 pictures (2 of them broken)" in capsys.readouterr().out


def test_folders_without_a_readable_picture_are_no_sets(tmp_path, capsys):
    root, out = tmp_path / "photos", tmp_path / "out"
    root.mkdir()
    (root / "a.png").write_text("no picture")
    (root / "b.png").touch()
    assert prepare.main([str(root), str(out), *ALONE]) == 2
    told = capsys.readouterr().err
    assert f"None of the 2 pictures in SOURCE {root} can be read.\n  {root}/a.png: " in told
    assert not list(tmp_path.glob("out*"))


def test_broken_pictures_of_finished_shards_count_when_it_goes_on(tmp_path, capsys):
    root, out = make_folder(tmp_path / "photos"), tmp_path / "out"
    (root / "text.png").write_text("no picture")
    arguments = [str(root), str(out), "--shards", "9", *ALONE]
    assert prepare.main(arguments) == 0
    out.rename(partial := tmp_path / "out.partial")
    for line in (partial / "SHA256SUMS").read_text().splitlines(keepends=True):
        name = line.split()[1]
        (partial / f"{name}.sha256").write_text(line)
    shards = sorted(partial.glob("*-of-00009"))  # text.png in the first, ant/broken.png in #5
    (partial / f"{shards[5].name}.broken").write_text(f'[["{root}/ant/broken.png", "empty"]]')
    (partial / f"{shards[0].name}.sha256").unlink()
    capsys.readouterr()
    assert prepare.main([*arguments, "--max-broken", "1"]) == 2
    told = capsys.readouterr().err
    assert f"\n  {root}/text.png: it is none of" in told
    assert f"\n  {root}/ant/broken.png: empty" in told


def test_damage_is_seen_when_it_is_opened_or_read(tmp_path):
    root, out = make_folder(tmp_path / "photos"), tmp_path / "out"
    assert prepare.main([str(root), str(out), "--shards", "2", *ALONE]) == 0
    shard = sorted(out.glob("*.array_record-*"))[1]
    whole = shard.read_bytes()
    picture = FolderSource(str(root)).read(7).content
    place = whole.index(picture) + len(picture) // 2
    shard.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    source = open_source(DataOptions((str(out),), resolution=8))
    source.read(0)
    with pytest.raises(RuntimeError, match="hash mismatch"):
        source.read(7)
    shard.write_bytes(whole[:-1])
    with pytest.raises(DataError, match=r"is damaged. Received: [\d,]+ bytes of [\d,]+"):
        open_source(DataOptions((str(out),), resolution=8))
    shard.unlink()
    with pytest.raises(DataError, match=f"no {shard.name}"):
        open_source(DataOptions((str(out),), resolution=8))
    shard.write_bytes(whole)
    (out / "prepared.json").write_text("{")
    with pytest.raises(DataError, match=r"Received: prepared.json: .* Prepare it again"):
        open_source(DataOptions((str(out),), resolution=8))
    # Other sets of tensorflow-datasets are read too, and count their bytes in another way.
    (out / "prepared.json").unlink()
    info = out / "dataset_info.json"
    info.write_text(re.sub(r'"numBytes": "\d+"', '"numBytes": "7"', info.read_text()))
    assert open_source(DataOptions((str(out),), resolution=8)).read(7).content == picture


def test_killed_command_leaves_nothing_that_is_read_and_goes_on_when_given_again(tmp_path):
    root, out = make_folder(tmp_path / "photos", 60), tmp_path / "out"
    partial = tmp_path / "out.partial"
    arguments = [str(root), str(out), "--shards", "61"]
    command = [sys.executable, "-m", "tfgan.data.prepare", *arguments, "--workers", "2"]
    with subprocess.Popen(command, cwd=ROOT) as process:
        until = time.monotonic() + 120
        while len(list(partial.glob("*.sha256"))) < 2:
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.001)
        process.kill()
    assert not out.exists()
    with pytest.raises(DataError, match="holds no pictures"):
        open_source(DataOptions((str(partial),), resolution=8))
    whole = [path.with_suffix("") for path in partial.glob("*.sha256")]
    before = {path: path.stat().st_mtime_ns for path in whole}
    assert prepare.main([*arguments, *ALONE]) == 0
    kept = [out / path.name for path in before]
    assert [path.stat().st_mtime_ns for path in kept] == list(before.values())
    assert_same(open_source(DataOptions((str(out),), resolution=8)), FolderSource(str(root)))


def test_full_disk_or_other_pictures_end_it_in_one_line(tmp_path, capsys, full_disk):
    root, out = make_folder(tmp_path / "photos"), tmp_path / "out"
    arguments = [str(root), str(out), "--shards", "2", *ALONE]
    with full_disk(1000):
        assert prepare.main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: pictures must be readable, and OUT writable. Received: ")
    assert len(error.splitlines()) == 1
    assert not out.exists()
    shutil.copy(root / "ant" / "broken.png", root / "ant" / "new.png")
    assert prepare.main(arguments) == 2
    assert "must hold the beginning of the same pictures" in capsys.readouterr().err
    shutil.rmtree(tmp_path / "out.partial")
    assert prepare.main(arguments) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{tmp}/none", "{tmp}/out"], "SOURCE must name a folder that exists"),
        (["{tmp}/photos", "{tmp}/out", "--shards", "0"], "--shards must be at least 1"),
        (["{tmp}/photos", "{tmp}/out", "--shards", "9"], "--shards must be at most 8"),
        (["{tmp}/photos", "{tmp}/out", "--max-broken", "-1"], "--max-broken must be 0 or more"),
        (["{tmp}/photos", "{tmp}/out", "--workers", "0"], "--workers must be at least 1"),
        (["{tmp}/photos", "{tmp}/out", "--labels", "attributes"], "must have an attribute table"),
        (["{tmp}/photos", "{tmp}/out", "--attribute-table", "x"], "belongs to --labels attributes"),
        (["{tmp}/photos/ant", "{tmp}/out", "--labels", "classes"], "two or more classes"),
        (["{tmp}/photos", "{tmp}/photos/ant/broken.png/x"], "cannot be written"),
    ],
)
def test_a_mistake_is_one_message_and_makes_nothing(tmp_path, capsys, arguments, words):
    make_folder(tmp_path / "photos")
    assert prepare.main([text.format(tmp=tmp_path) for text in arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert len(error.strip().splitlines()) == 1
    assert not list(tmp_path.glob("out*"))


def test_preparing_says_nothing_of_tensorflow(tmp_path):
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "photos" / "one.png")
    command = [sys.executable, "-m", "tfgan.data.prepare", tmp_path / "photos", tmp_path / "out"]
    environment = {name: v for name, v in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(
        [*command, *ALONE], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
