"""The readers of .safetensors and .npz."""

import json
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.parity.published import Case
from tfgan.importers import CheckpointError, files, named_arrays
from tfgan.importers.parts import Options
from tfgan.importers.systems import SYSTEMS, find_parts, recognize

CODES = {code: name for name, code in named_arrays._DTYPES.items() if name != "BF16"}
ARRAYS = {
    "a.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "b": np.array(7, np.int64),
    "flags": np.array([True, False]),
    "none": np.empty((0, 3), np.float16),
    "last": np.linspace(0, 1, 5),
}


def write_safetensors(path: Path, arrays, change=lambda header: None, tail: bytes = b"") -> None:
    """A file as the format's authors describe it; `change` edits the header."""
    header: dict = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, value in arrays.items():
        code = CODES[value.dtype.newbyteorder("<").str.replace("|b1", "?").replace("|", "<")]
        offsets = [len(data), len(data) + value.nbytes]
        header[name] = {"dtype": code, "shape": value.shape, "data_offsets": offsets}
        data += value.tobytes()
    change(header)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + data + tail)


def write_npz(path: Path, arrays) -> None:
    np.savez(path, **arrays)


WRITERS = {".safetensors": write_safetensors, ".npz": write_npz}


@pytest.mark.parametrize("ending", WRITERS)
def test_arrays_are_read_as_they_were_written(ending, tmp_path):
    WRITERS[ending](tmp_path / f"a{ending}", ARRAYS)
    arrays = files.read(tmp_path / f"a{ending}")
    assert list(arrays) == list(ARRAYS)
    for name, value in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], value, err_msg=name)
        assert (arrays[name].dtype, arrays[name].shape) == (value.dtype, value.shape)
        assert not arrays[name].flags.writeable


def test_bfloat16_becomes_float32(tmp_path):
    values = np.array([1.5, -2.0, 3.25], np.float32)
    upper = (values.view("<u4") >> 16).astype("<u2")

    def change(header):
        header["x"]["dtype"] = "BF16"

    write_safetensors(tmp_path / "a.safetensors", {"x": upper}, change)
    arrays = files.read(tmp_path / "a.safetensors")["x"]
    assert arrays.dtype == np.float32
    np.testing.assert_array_equal(arrays, values)


def test_compressed_and_turned_arrays_of_numpy_are_read(tmp_path):
    turned = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    np.savez_compressed(tmp_path / "a.npz", turned=turned, big=np.arange(3, dtype=">i4"))
    arrays = files.read(tmp_path / "a.npz")
    np.testing.assert_array_equal(arrays["turned"], turned)
    np.testing.assert_array_equal(arrays["big"], [0, 1, 2])


def test_names_of_networks_become_dictionaries():
    nested = named_arrays.nested({"g_ema.conv1.bias": 1, "g/a.b": 2, "latent_avg": 3})
    assert nested == {"g_ema": {"conv1.bias": 1}, "g": {"a.b": 2}, "latent_avg": 3}
    for flat in ({"generator.a.b": 1, "style.b": 2}, {"main.0.weight": 1}, {}):
        assert named_arrays.nested(flat) == flat


@pytest.mark.parametrize("ending", WRITERS)
def test_networks_are_found_in_arrays_by_name(ending, tmp_path):
    path = tmp_path / f"a{ending}"
    weights = Case("stylegan2_rosinality_64").weights("generator")
    for prefix in ("", "g_ema."):
        WRITERS[ending](path, {f"{prefix}{name}": value for name, value in weights.items()})
        system, published = recognize(files.read_each([path]))
        assert system is SYSTEMS["stylegan2"]
        assert published.generator.keys() == weights.keys()
    case = Case("stargan_v2_small")
    networks = {
        f"{network}.{name}": value
        for network in ("generator", "mapping_network", "style_encoder")
        for name, value in case.weights(network).items()
    }
    WRITERS[ending](path, networks)
    system, parts = find_parts(files.read_each([path]), None, Options(w_hpf=0.0))
    assert system is SYSTEMS["stargan-v2"]
    assert [part.ending for part in parts] == [""]


CHANGES = {
    "more values than the file holds": lambda a: a.update(shape=[2, 4], data_offsets=[0, 32]),
    "a shape that does not fit": lambda a: a.update(shape=[2, 4]),
    "a huge shape": lambda a: a.update(shape=[2**40, 2**40]),
    "a negative shape": lambda a: a.update(shape=[-2, -3]),
    "a shape that is no list": lambda a: a.update(shape=6),
    "true for a size": lambda a: a.update(shape=[True, 6]),
    "a hole": lambda a: a.update(data_offsets=[8, 32]),
    "an unknown kind": lambda a: a.update(dtype="F8_E4M3"),
    "a kind of another size": lambda a: a.update(dtype="F64"),
    "no offsets": lambda a: a.pop("data_offsets"),
    "three offsets": lambda a: a.update(data_offsets=[0, 24, 24]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_headers_that_do_not_fit_their_values_are_refused(change, tmp_path):
    path = tmp_path / "a.safetensors"
    arrays = {"x": ARRAYS["a.weight"]}
    write_safetensors(path, arrays, lambda header: CHANGES[change](header["x"]))
    with pytest.raises(CheckpointError):
        files.read(path)


def test_bytes_of_two_tensors_or_of_none_are_refused(tmp_path):
    path = tmp_path / "a.safetensors"
    write_safetensors(path, ARRAYS, lambda header: header.update(again=header["a.weight"]))
    with pytest.raises(CheckpointError, match="another place"):
        files.read(path)
    write_safetensors(path, ARRAYS, tail=b"more")
    with pytest.raises(CheckpointError, match="more than the values"):
        files.read(path)
    path.write_bytes((2**31).to_bytes(8, "little") + b'{"a"')
    with pytest.raises(CheckpointError, match="header is longer"):
        files.read(path)
    deep = b'{"a":' + b"[" * 10**5
    path.write_bytes(len(deep).to_bytes(8, "little") + deep)
    with pytest.raises(CheckpointError, match="header is damaged"):
        files.read(path)


def npz(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return path


def header(shape, code="<f4") -> bytes:
    text = f"{{'descr': '{code}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


@pytest.mark.parametrize(
    "content",
    [
        header((2**40,)) + b"1234",
        header((2,)) + b"1234",
        header((-1, -1)) + b"1234",
        header((1,), "|O") + b"12345678",
        header((1,), "<U1") + b"1234",
        header("f(1)") + b"1234",
        header("((((") + b"1234",
        b"\x93NUMPY\x09\x00" + b"1234",
        b"no array",
        b"",
    ],
)
def test_arrays_of_numpy_that_do_not_fit_are_refused(content, tmp_path):
    with pytest.raises(CheckpointError):
        files.read(npz(tmp_path / "a.npz", x=content))


def test_objects_are_named_and_never_unpickled(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.array([{"a": 1}], object))
    with pytest.raises(CheckpointError, match="its x holds object, not numbers"):
        files.read(tmp_path / "a.npz")


def test_archives_that_unpack_to_far_more_than_their_size_are_refused(tmp_path):
    path = npz(tmp_path / "a.npz", x=header((10**7,)) + bytes(4 * 10**7))
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError, match="unpacks to 40,000,"):
            files.read(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5e6, peak


damage = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=6)


@pytest.mark.parametrize("ending", WRITERS)
@settings(max_examples=60, deadline=None)
@given(changes=damage, cut=st.integers(0, 100))
def test_damage_anywhere_gives_the_documented_error(ending, changes, cut, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / f"damaged{ending}"
    WRITERS[ending](path, ARRAYS)
    data = bytearray(path.read_bytes())
    for place, value in changes:
        data[place % len(data)] = value
    path.write_bytes(bytes(data[: len(data) if cut > 20 else len(data) - cut]))
    tracemalloc.start()
    try:
        named_arrays.read_npz(path) if ending == ".npz" else named_arrays.read_safetensors(path)
    except CheckpointError:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 20e6, peak
