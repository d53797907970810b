"""The reader of torch.save's containers."""

import pickle
import shutil
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.importers import saved
from tests.parity.published import DATA
from tfgan.importers import CheckpointError, torch_file

FILES = DATA / "checkpoints"
CONTAINERS = ["container_zip.pt", "container_legacy.ckpt"]
VALUES = np.arange(12, dtype=np.float32)


def flatten(contents, prefix=""):
    """Path -> array, of nested dictionaries."""
    for key, value in contents.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}{key}/")
        elif isinstance(value, np.ndarray):
            yield prefix + key, value


@pytest.mark.parametrize("name", CONTAINERS)
def test_files_of_pytorch_give_the_values_that_were_saved(name):
    contents = torch_file.read(FILES / name)
    expected = np.load(FILES / "container_expected.npz")
    loaded = dict(flatten(contents))
    assert set(loaded) == set(expected.files)
    for path, value in loaded.items():
        np.testing.assert_array_equal(value, expected[path], err_msg=path)
        assert not value.flags.writeable
    kinds = {"half": np.float16, "bf16": np.float32, "steps": np.int64, "flags": np.bool_}
    for key, kind in kinds.items():
        assert contents["g_ema"][key].dtype == kind
    assert contents["args"] == {"lr": 0.002, "name": "small"}
    assert contents["step"] == 7


@pytest.mark.parametrize("name", ["hostile_zip.pt", "hostile_legacy.ckpt"])
def test_files_that_ask_for_code_are_refused_and_nothing_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match=r"asks for posix\.mkdir"):
        torch_file.read(FILES / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("container", saved.WRITERS)
def test_tensors_of_one_storage_share_their_memory(container, tmp_path):
    stored = saved.storage("0", "FloatStorage", 12)
    tensors = {
        "whole": saved.tensor(stored, [12], [1]),
        "turned": saved.tensor(stored, [3, 4], [1, 3]),
        "every third": saved.tensor(stored, [4], [3], 2),
        "repeated": saved.tensor(stored, [5, 2], [0, 1], 10),
        "none": saved.tensor(stored, [0, 4], [4, 1], 12),
    }
    saved.WRITERS[container](tmp_path / "a.pt", saved.dictionary(tensors), {"0": VALUES})
    loaded = torch_file.read(tmp_path / "a.pt")
    np.testing.assert_array_equal(loaded["turned"], VALUES.reshape(4, 3).T)
    np.testing.assert_array_equal(loaded["every third"], [2, 5, 8, 11])
    np.testing.assert_array_equal(loaded["repeated"], [[10, 11]] * 5)
    assert loaded["none"].shape == (0, 4)
    for name in ("turned", "every third", "repeated"):
        assert np.shares_memory(loaded["whole"], loaded[name])


def test_parts_of_a_storage_are_read_from_old_streams(tmp_path):
    part = saved.row(saved.text("part"), saved.number(4), saved.number(6))
    stored = saved.storage("0", "FloatStorage", 12, part)
    value = saved.dictionary({"x": saved.tensor(stored, [3], [1], 2)})
    saved.write_stream(tmp_path / "a.ckpt", value, {"0": VALUES})
    np.testing.assert_array_equal(torch_file.read(tmp_path / "a.ckpt")["x"], [6, 7, 8])


def test_archives_of_big_endian_machines_are_read(tmp_path):
    array = VALUES.astype(">f4")
    value = saved.dictionary({"x": saved.contiguous("0", array)})
    saved.write_zip(tmp_path / "a.pt", value, {"0": array}, byteorder=b"big")
    np.testing.assert_array_equal(torch_file.read(tmp_path / "a.pt")["x"], VALUES)


def test_parameters_and_tensors_of_early_versions_are_arrays(tmp_path):
    stored = saved.storage("0", "FloatStorage", 12)
    early = saved.row(
        stored, saved.number(0), saved.row(saved.number(2)), saved.row(saved.number(1))
    )
    early = saved.name("torch._utils", "_rebuild_tensor") + early + pickle.REDUCE
    arguments = saved.row(early, pickle.NEWTRUE, pickle.NONE)
    parameter = saved.name("torch._utils", "_rebuild_parameter") + arguments + pickle.REDUCE
    saved.write_zip(tmp_path / "a.pt", saved.dictionary({"p": parameter}), {"0": VALUES})
    np.testing.assert_array_equal(torch_file.read(tmp_path / "a.pt")["p"], [0, 1])


def test_files_of_python_2_are_read(tmp_path):
    # So the weights of LPIPS and the first ones of torchvision were written: dictionaries of pairs,
    # and parameters with a state.
    tensor = saved.row(
        saved.storage("0", "FloatStorage", 12, pickle.NONE),
        *[saved.number(0), saved.row(saved.number(2)), saved.row(saved.number(1))],
    )
    tensor = saved.name("torch._utils", "_rebuild_tensor") + tensor + pickle.REDUCE
    hooks = saved.dictionary_of_pairs({})
    state = saved.row(pickle.NEWTRUE, pickle.NEWFALSE, hooks)
    parameter = saved.name("torch.nn.parameter", "Parameter") + tensor + pickle.TUPLE1
    parameter += pickle.REDUCE + state + pickle.BUILD
    pairs = saved.dictionary_of_pairs({"p": parameter, "t": tensor})
    saved.write_stream(tmp_path / "a.pth", pairs, {"0": VALUES})
    loaded = torch_file.read(tmp_path / "a.pth")
    assert list(loaded) == ["p", "t"]
    for value in loaded.values():
        np.testing.assert_array_equal(value, [0, 1])


@pytest.mark.parametrize("core", ["numpy.core", "numpy._core"])
@pytest.mark.parametrize("container", saved.WRITERS)
def test_numbers_and_arrays_of_numpy_are_read(container, core, tmp_path):
    # torch.save writes protocol 2: their bytes are text. Losses and seeds of training are such.
    saved_values = {
        "loss": np.float64(0.1),
        "steps": np.int64(-3),
        "half": np.float32(1.5),
        "done": np.bool_(True),
        "state": np.arange(624, dtype=np.uint32),
        "turned": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "kind": np.dtype(">f4"),
    }
    value = pickle.dumps(saved_values, protocol=2)[2:-1].replace(b"numpy._core", core.encode())
    # A dictionary of a dictionary, whose places must not meet those of the outer one.
    saved.WRITERS[container](tmp_path / "a.pt", saved.dictionary({"extra": value}), {})
    loaded = torch_file.read(tmp_path / "a.pt")["extra"]
    del saved_values["kind"]
    for name, expected in saved_values.items():
        assert isinstance(loaded[name], np.ndarray)
        assert loaded[name].dtype == expected.dtype
        np.testing.assert_array_equal(loaded[name], expected, err_msg=name)


def test_a_list_of_pairs_makes_one_dictionary(tmp_path):
    # Else the same long list could make any number of them.
    pairs = saved.pairs({"x": saved.number(1), "y": saved.number(2)}) + pickle.PUT + b"0\n"
    ordered = saved.name("collections", "OrderedDict")
    first = ordered + pairs + pickle.TUPLE1 + pickle.REDUCE
    second = ordered + pickle.GET + b"0\n" + pickle.TUPLE1 + pickle.REDUCE
    saved.write_zip(tmp_path / "a.pt", saved.row(first, second), {})
    assert torch_file.read(tmp_path / "a.pt") == ({"x": 1, "y": 2}, {})


@pytest.mark.parametrize(
    "pairs",
    [
        saved.number(3),
        saved.text("ab"),
        pickle.EMPTY_LIST + saved.number(3) + pickle.APPEND,
        pickle.EMPTY_LIST + saved.row(saved.text("a")) + pickle.APPEND,
        pickle.EMPTY_LIST + saved.row(pickle.EMPTY_TUPLE, pickle.NONE) + pickle.APPEND,
    ],
)
def test_dictionaries_of_anything_but_pairs_are_refused(pairs, tmp_path):
    value = saved.name("collections", "OrderedDict") + pairs + pickle.TUPLE1 + pickle.REDUCE
    saved.write_zip(tmp_path / "a.pt", value, {})
    with pytest.raises(CheckpointError):
        torch_file.read(tmp_path / "a.pt")


def storage(count=12, key="0", type_name="FloatStorage", part=b""):
    return saved.storage(key, type_name, count, part)


LIES = {
    "a shape beyond the values": saved.tensor(storage(), [13], [1]),
    "a start beyond the values": saved.tensor(storage(), [1], [1], 12),
    "strides beyond the values": saved.tensor(storage(), [2, 2], [11, 1]),
    "a negative stride": saved.tensor(storage(), [2], [-1], 1),
    "a negative size": saved.tensor(storage(), [-2], [1]),
    "sizes that overflow": saved.tensor(storage(), [2**31 - 1] * 3, [0, 0, 0]),
    "bounds that overflow": saved.tensor(storage(), [2**31 - 1] * 2, [2**31 - 1] * 2),
    "fewer strides than sizes": saved.tensor(storage(), [2, 2], [1]),
    "more values than the file holds": saved.tensor(storage(2**31 - 1), [1], [1]),
    "a storage that is not there": saved.tensor(storage(key="1"), [1], [1]),
    "a kind that is none": saved.tensor(saved.text("FloatStorage"), [1], [1]),
    "two lengths of one storage": saved.row(storage(), storage(11)),
    "two kinds of one storage": saved.row(storage(), storage(type_name="IntStorage")),
    "a part beyond the storage": saved.tensor(
        storage(part=saved.row(saved.text("p"), saved.number(8), saved.number(5))), [1], [1]
    ),
    "a module with its source": saved.row(saved.text("module"), *[saved.text("x")] * 4)
    + pickle.BINPERSID,
}


@pytest.mark.parametrize("container", saved.WRITERS)
@pytest.mark.parametrize("lie", LIES)
def test_what_does_not_fit_the_values_is_refused(lie, container, tmp_path):
    value = saved.dictionary({"x": LIES[lie]})
    saved.WRITERS[container](tmp_path / "a.pt", value, {"0": VALUES})
    with pytest.raises(CheckpointError):
        torch_file.read(tmp_path / "a.pt")


def test_archives_that_unpack_to_more_than_their_size_are_refused(tmp_path):
    zeros = np.zeros(10**6, np.float32)
    value = saved.dictionary({"x": saved.contiguous("0", zeros)})
    saved.write_zip(tmp_path / "a.pt", value, {"0": zeros}, zipfile.ZIP_DEFLATED)
    with pytest.raises(CheckpointError, match="compressed again"):
        torch_file.read(tmp_path / "a.pt")

    # A directory that names the same bytes a hundred times.
    tensors = {str(i): saved.contiguous(str(i), VALUES) for i in range(100)}
    saved.write_zip(tmp_path / "b.pt", saved.dictionary(tensors), {"0": VALUES})
    with zipfile.ZipFile(tmp_path / "b.pt", "a") as archive:
        entry = archive.getinfo("archive/data/0")
        for i in range(1, 100):
            again = zipfile.ZipInfo(f"archive/data/{i}")
            again.header_offset, again.CRC = entry.header_offset, entry.CRC
            again.file_size = again.compress_size = 10**4
            archive.filelist.append(again)
        archive._didModify = True
    with pytest.raises(CheckpointError, match="larger than the whole"):
        torch_file.read(tmp_path / "b.pt")


def test_other_archives_say_what_they_lack(tmp_path):
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.writestr("a.txt", "hello")
    with pytest.raises(CheckpointError, match=r"no data\.pkl"):
        torch_file.read(tmp_path / "photos.zip")
    saved.write_zip(tmp_path / "a.pt", saved.dictionary({}), {"0": VALUES})
    data = bytearray((tmp_path / "a.pt").read_bytes())
    data[-6] += 1  # where the directory starts, 256 bytes too late: the first entry lies before 0
    data[-5] += 1
    (tmp_path / "c.pt").write_bytes(data)
    with pytest.raises(CheckpointError, match="damaged zip archive"):
        torch_file.read(tmp_path / "c.pt")
    data = bytearray((tmp_path / "a.pt").read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1  # the flag of encryption
    (tmp_path / "b.pt").write_bytes(data)
    with pytest.raises(CheckpointError, match="encrypted"):
        torch_file.read(tmp_path / "b.pt")


@pytest.mark.parametrize("container", saved.WRITERS)
def test_pickles_are_read_up_to_a_bound(container, tmp_path, monkeypatch):
    monkeypatch.setattr(torch_file, "_LARGEST_PICKLE", 1000)
    for count in (450, 550):
        value = saved.dictionary({"x": pickle.EMPTY_LIST * count + pickle.APPEND * (count - 1)})
        saved.WRITERS[container](tmp_path / f"{count}", value, {})
    assert len(torch_file.read(tmp_path / "450")["x"]) == 1
    with pytest.raises(CheckpointError):
        torch_file.read(tmp_path / "550")


def test_a_stream_says_the_length_of_each_storage(tmp_path):
    value = saved.dictionary({"x": saved.tensor(storage(11), [1], [1])})
    saved.write_stream(tmp_path / "a.ckpt", value, {"0": VALUES})
    with pytest.raises(CheckpointError, match="another length"):
        torch_file.read(tmp_path / "a.ckpt")
    value = saved.dictionary({"x": saved.tensor(storage(), [1], [1])})
    saved.write_stream(tmp_path / "b.ckpt", value, {"0": VALUES, "1": VALUES})
    with pytest.raises(CheckpointError, match="list of storages"):
        torch_file.read(tmp_path / "b.ckpt")
    saved.write_stream(tmp_path / "c.ckpt", value, {})
    with pytest.raises(CheckpointError, match="lacks some"):
        torch_file.read(tmp_path / "c.ckpt")


@pytest.mark.parametrize("name", CONTAINERS)
def test_files_cut_short_anywhere_are_refused(name, tmp_path):
    data = (FILES / name).read_bytes()
    path = tmp_path / "cut"
    for length in range(0, len(data), 13):
        path.write_bytes(data[:length])
        with pytest.raises(CheckpointError):
            torch_file.read(path)


def read_or_refuse(path, data):
    """Reads what may be damaged: only the documented error comes out, and little memory is used."""
    path.write_bytes(data)
    tracemalloc.start()
    try:
        torch_file.read(path)
    except CheckpointError:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 20e6, peak


damage = st.lists(st.tuples(st.integers(0, 10**4), st.integers(0, 255)), min_size=1, max_size=6)
quick = settings(max_examples=150, deadline=None)


@pytest.mark.parametrize("name", CONTAINERS)
@quick
@given(changes=damage, cut=st.integers(0, 100))
def test_bytes_changed_anywhere_give_the_documented_error(name, changes, cut, tmp_path_factory):
    data = bytearray((FILES / name).read_bytes())
    for place, value in changes:
        data[place % len(data)] = value
    end = len(data) if cut > 20 else len(data) - cut
    read_or_refuse(tmp_path_factory.getbasetemp() / "damaged", bytes(data[:end]))


@quick
@given(changes=damage)
def test_a_changed_pickle_in_a_sound_archive_gives_the_documented_error(changes, tmp_path_factory):
    # Else the checksums of the archive would find nearly all of the changes first.
    path = tmp_path_factory.getbasetemp() / "changed.pt"
    with zipfile.ZipFile(FILES / CONTAINERS[0]) as source, zipfile.ZipFile(path, "w") as target:
        for entry in source.infolist():
            content = bytearray(source.read(entry))
            if entry.filename.endswith("/data.pkl"):
                for place, value in changes:
                    content[place % len(content)] = value
            target.writestr(entry.filename, bytes(content))
    read_or_refuse(path, path.read_bytes())


def test_a_file_of_another_kind_is_refused(tmp_path):
    shutil.copy(FILES / "container_expected.npz", tmp_path / "a.npz")
    (tmp_path / "b").write_bytes(pickle.dumps({"a": 1}))
    (tmp_path / "c").write_bytes(b"\x89PNG" + struct.pack("<I", 7) * 100)
    for path in tmp_path.iterdir():
        with pytest.raises(CheckpointError):
            torch_file.read(path)
