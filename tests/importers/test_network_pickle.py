"""The reader of NVIDIA's pickled networks."""

import pickle
import tracemalloc
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.importers import pickled, saved
from tests.parity.published import DATA
from tfgan.importers import CheckpointError, network_pickle, pickles

FILES = DATA / "checkpoints"
ADA = FILES / "stylegan2_ada_small.pkl"
TF1 = DATA / "stylegan2_tf1_small" / "checkpoint.pkl"
RANDOM = np.random.default_rng(0)
WEIGHTS = {
    "a.b.weight": RANDOM.standard_normal((3, 4), np.float32),
    "a.bias": RANDOM.standard_normal(5, np.float32)[::-1],
    "steps": np.arange(3),
}
VARIABLES = {
    "lod": np.float32(0.5),
    "synthesis/4x4/weight": RANDOM.standard_normal((2, 3), np.float32),
    "synthesis/turned": np.asfortranarray(RANDOM.standard_normal((2, 3))),
    "mapping/Dense0/big": RANDOM.standard_normal(4).astype(">f4"),
    "half": np.ones((1, 2), np.float16),
}


def test_modules_give_their_parameters_and_buffers_by_name(tmp_path):
    weights = {**WEIGHTS, "a.bias": WEIGHTS["a.bias"].copy()}
    pickled.save_modules(tmp_path / "a.pkl", G=("Generator", weights))
    contents = network_pickle.read(tmp_path / "a.pkl")
    assert contents["training_set_kwargs"] == {"resolution": 32}
    assert contents["G"].class_name == "Generator"
    arrays = network_pickle.parameters(contents["G"])
    assert set(arrays) == set(weights)
    for name, value in weights.items():
        np.testing.assert_array_equal(arrays[name], value, err_msg=name)
        assert arrays[name].dtype == value.dtype
        assert not arrays[name].flags.writeable


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_modules_of_every_protocol_give_the_same(protocol, tmp_path):
    # Python 3.7, which StyleGAN2-ADA asks for, writes protocol 3: sets are calls of builtins.set.
    weights = {**WEIGHTS, "a.bias": WEIGHTS["a.bias"].copy()}
    state = {
        "_non_persistent_buffers_set": {"steps", "other"},
        "frozen": frozenset({1, "a"}),
        "none": (set(), frozenset()),
        "gain": np.sqrt(2),
        "filter": np.asarray([1, 3, 3, 1], np.float32),
        "empty": np.empty((0, 2), np.float32),
    }
    pickled.save_modules(
        tmp_path / "a.pkl", protocol, state, G=("Generator", weights), D=("Discriminator", {})
    )
    assert (b"set" + b"\n" in (tmp_path / "a.pkl").read_bytes()) == (protocol < 4)
    contents = network_pickle.read(tmp_path / "a.pkl")
    arrays = contents["G"].state
    assert sorted(arrays["_non_persistent_buffers_set"]) == ["other", "steps"]
    assert sorted(map(str, arrays["frozen"])) == ["1", "a"]
    assert arrays["none"] == ([], [])
    assert (arrays["gain"], arrays["empty"].shape) == (np.sqrt(2), (0, 2))
    np.testing.assert_array_equal(arrays["filter"], [1, 3, 3, 1])
    for name, value in network_pickle.parameters(contents["G"]).items():
        np.testing.assert_array_equal(value, weights[name], err_msg=name)
    assert network_pickle.parameters(contents["D"]) == {}


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_networks_of_tensorflow_give_their_variables_by_name(protocol, tmp_path):
    path = tmp_path / "a.pkl"
    pickled.save_networks(path, VARIABLES, {}, protocol=protocol, resolution=32)
    first, second = network_pickle.read(path)
    assert first.state["static_kwargs"] == {"resolution": 32}
    arrays = network_pickle.variables(first)
    assert set(arrays) == set(VARIABLES)
    for name, value in VARIABLES.items():
        np.testing.assert_array_equal(arrays[name], value, err_msg=name)
        assert arrays[name].shape == value.shape
    assert network_pickle.variables(second) == {}


def test_arrays_of_numpy_before_2_are_read(tmp_path):
    data = pickle.dumps(VARIABLES["synthesis/turned"], protocol=2)
    assert b"numpy._core" in data
    (tmp_path / "a.pkl").write_bytes(data.replace(b"numpy._core", b"numpy.core"))
    array = network_pickle.read(tmp_path / "a.pkl")
    np.testing.assert_array_equal(array, VARIABLES["synthesis/turned"])


def test_files_that_ask_for_code_are_refused_and_nothing_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match=r"asks for posix\.mkdir"):
        network_pickle.read(FILES / "hostile.pkl")
    assert list(tmp_path.iterdir()) == []


def number_array(shape, data, dtype="f4"):
    """A pickled array, whatever its parts say."""
    whole = pickle.loads(pickle.dumps(np.zeros(1, np.float32)))

    class Lie:
        def __reduce__(self):
            function, arguments, _ = whole.__reduce__()
            return function, arguments, (1, shape, np.dtype(dtype), False, data)

    return pickle.dumps(Lie(), protocol=4)


LIES = {
    "more values than it has": number_array((3,), b"1234"),
    "a negative shape": number_array((-1, -1), b"1234"),
    "a huge shape": number_array((2**40, 2**40, 0, 1), b"1234"),
    "no bytes": number_array((1,), [1]),
    "a number for a shape": number_array(1, b"1234"),
    "texts": number_array((1,), b"1234", "S4"),
    "objects": number_array((1,), b"12345678", "O"),
}


@pytest.mark.parametrize("lie", LIES)
def test_arrays_that_do_not_fit_their_values_are_refused(lie, tmp_path):
    (tmp_path / "a.pkl").write_bytes(LIES[lie])
    with pytest.raises(CheckpointError):
        network_pickle.read(tmp_path / "a.pkl")


def test_the_same_values_cannot_be_copied_without_end(tmp_path):
    data = saved.stream(
        saved.storage("0", "FloatStorage", 10**4, pickle.NONE), {"0": np.zeros(10**4, np.float32)}
    )
    load = saved.name("torch.storage", "_load_from_bytes")
    first = load + pickle.BINBYTES + len(data).to_bytes(4, "little") + data
    first += pickle.BINPUT + b"\0" + pickle.TUPLE1 + pickle.REDUCE
    again = load + pickle.BINGET + b"\0" + pickle.TUPLE1 + pickle.REDUCE
    (tmp_path / "a.pkl").write_bytes(saved.whole(saved.row(first)))
    assert len(network_pickle.read(tmp_path / "a.pkl")[0]) == 10**4
    (tmp_path / "b.pkl").write_bytes(saved.whole(saved.row(first, again)))
    with pytest.raises(CheckpointError, match="promises more values"):
        network_pickle.read(tmp_path / "b.pkl")


def test_pickles_are_read_up_to_a_bound_of_instructions(tmp_path, monkeypatch):
    monkeypatch.setattr(pickles, "_MOST_INSTRUCTIONS", 100)
    (tmp_path / "a.pkl").write_bytes(saved.whole(pickle.EMPTY_LIST * 200))
    with pytest.raises(CheckpointError, match="longer than that of any model"):
        network_pickle.read(tmp_path / "a.pkl")


def record(**state):
    return pickles.Record("Module", {"_parameters": {}, "_buffers": {}, "_modules": {}, **state})


def test_names_that_repeat_long_ones_are_refused():
    # A few megabytes of such modules would have names of gigabytes.
    inner = record()
    for _ in range(2000):
        inner = record(_modules={"x" * 1000: inner})
    with pytest.raises(CheckpointError, match="longer names"):
        network_pickle.modules(inner)
    many = {f"{'x' * 1000}{i}": None for i in range(2000)}
    with pytest.raises(CheckpointError, match="longer names"):
        network_pickle.parameters(record(_buffers=many))
    listed = [("x" * 1000, 0)] * 2000
    with pytest.raises(CheckpointError, match="longer names"):
        network_pickle.variables(pickles.Record("Network", {"variables": listed}))


def test_damaged_modules_and_networks_are_refused():
    looped = record()
    looped.state["_modules"] = {"inside": looped}
    for damaged in (
        looped,
        record(_modules={"a": 3}),
        record(_modules=3),
        record(_parameters=[1]),
        pickles.Record("Module"),
    ):
        with pytest.raises(CheckpointError):
            network_pickle.parameters(damaged)
    for state in (
        {},
        {"variables": 3},
        {"variables": [], "components": 3},
        {"variables": [], "components": {"a": 3}},
        {"variables": [3]},
        {"variables": [("a", 1, 2)]},
    ):
        with pytest.raises(CheckpointError):
            network_pickle.variables(pickles.Record("Network", state))


@pytest.mark.parametrize("source", [ADA, TF1], ids=["ada", "tf1"])
def test_files_cut_short_anywhere_are_refused(source, tmp_path):
    data = source.read_bytes()
    path = tmp_path / "cut.pkl"
    for length in range(0, len(data), len(data) // 23):
        path.write_bytes(data[:length])
        with pytest.raises(CheckpointError):
            network_pickle.read(path)


damage = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=6)


@pytest.mark.parametrize("source", [ADA, TF1], ids=["ada", "tf1"])
@settings(max_examples=40, deadline=None)
@given(changes=damage)
@example(changes=[(45, ord("."))])  # which ends the pickle behind the name of a class
def test_bytes_changed_anywhere_give_the_documented_error(source, changes, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "damaged.pkl"
    data = bytearray(source.read_bytes())
    for place, value in changes:
        data[place % len(data)] = value
    path.write_bytes(data)
    tracemalloc.start()
    try:
        contents = network_pickle.read(path)
        assert not callable(contents)
        networks = contents.values() if isinstance(contents, dict) else contents
        for network in networks if isinstance(networks, Iterable) else ():
            if isinstance(network, pickles.Record):
                take = network_pickle.variables if source is TF1 else network_pickle.parameters
                take(network)
    except CheckpointError:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 20e6, peak
