"""The reader of pickles, which runs nothing."""

import io
import os
import pickle
import struct

import pytest

from tfgan.importers import CheckpointError, pickles

PLAIN = {
    "numbers": [0, 1, 255, 65535, -1, 2**31, -(2**70), 0.25, True, False, None],
    "nested": {"tuple": (), "one": (1,), "two": (1, 2), "three": (1, 2, 3), "four": (1, 2, 3, 4)},
    "text": ["", "schön", "x" * 300],
    7: [[], {}, [[1], [2, 3]]],
}


def load(data, allowed=None, find=None):
    """What a pickle holds, and its length."""
    stream = io.BytesIO(data)
    return pickles.load(stream, allowed or {}, find or (lambda identity: None)), stream.tell()


def test_no_more_room_is_made_than_a_stream_has_left(tmp_path):
    # A string of 2^60 bytes, of which three are there.
    (tmp_path / "long.pkl").write_bytes(b"\x80\x04\x8e" + (2**60).to_bytes(8, "little") + b"abc")
    with (
        (tmp_path / "long.pkl").open("rb") as file,
        pytest.raises(CheckpointError, match="cut short"),
    ):
        pickles.load(file, {})


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_data_is_read_as_python_reads_it(protocol):
    data = pickle.dumps(PLAIN, protocol=protocol)
    value, length = load(data + b"what comes after")
    assert value == PLAIN
    assert length == len(data)
    assert list(map(type, value["numbers"])) == list(map(type, PLAIN["numbers"]))


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_sets_become_lists_and_are_never_made(protocol):
    value = {"set": {1, 2}, "frozen": frozenset({"a", (3, 4)}), "none": [set(), frozenset()]}
    loaded, _ = load(pickle.dumps(value, protocol=protocol), pickles.PLAIN)
    assert sorted(loaded["set"]) == [1, 2]
    assert sorted(map(str, loaded["frozen"])) == ["(3, 4)", "a"]
    assert loaded["none"] == [[], []]


def test_bytes_are_read():
    for value in (b"", b"\x00\xff", b"x" * 300):
        assert load(pickle.dumps(value, protocol=4))[0] == value


def test_values_that_stand_in_several_places_stay_one():
    shared = [1]
    first, second = load(pickle.dumps((shared, shared)))[0]
    assert first is second


def test_what_is_stored_beside_is_found_by_its_identity():
    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            return ("beside", 3) if isinstance(value, complex) else None

    stream = io.BytesIO()
    Pickler(stream, protocol=2).dump({"a": 1j})
    assert load(stream.getvalue(), find=lambda identity: [identity])[0] == {"a": [("beside", 3)]}


def test_allowed_functions_are_called_and_states_of_dictionaries_are_left_out():
    class Point:
        def __reduce__(self):
            return int, ("12",)

    data = pickle.dumps({"p": Point()}, protocol=2)
    called = []
    value, _ = load(
        data, {"__builtin__.long": lambda *arguments: called.append(arguments) or "made"}
    )
    assert value == {"p": "made"}
    assert called == [("12",)]
    with_state = b"\x80\x02}}X\x09\x00\x00\x00_metadataK\x01sb."
    assert load(with_state)[0] == {}


class Command:
    """Pickles to a call of `function`."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    ("function", "named"), [(os.mkdir, "mkdir"), (eval, "eval"), (getattr, "getattr")]
)
def test_whatever_is_not_allowed_is_refused_by_name(function, named, protocol, tmp_path):
    target = tmp_path / "pwned"
    data = pickle.dumps([1, {"x": Command(function, str(target))}], protocol=protocol)
    with pytest.raises(
        CheckpointError, match=rf"asks for \w+\.{named}, .*[Nn]othing of it was run"
    ):
        load(data, {"builtins.int": int})
    assert not target.exists()


def test_names_are_never_taken_apart():
    # Else an allowed class would lead to all its attributes.
    data = b"\x80\x04\x8c\x0bcollections\x8c\x14OrderedDict.fromkeys\x93."
    with pytest.raises(CheckpointError, match=r"OrderedDict\.fromkeys"):
        load(data, {"collections.OrderedDict": dict})


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x02(K\x01ios\nmkdir\n.",  # INST
        b"\x80\x02(cbuiltins\nint\nK\x01o.",  # OBJ
        b"\x80\x02\x82\x01.",  # EXT1
        b"\x80\x04(]\x91.",  # a list in a frozen set
        b"\x80\x04\x8f(}\x90.",  # a dictionary in a set
        b"\x80\x03cbuiltins\nset\n]}a\x85R.",  # a dictionary in a set that is a call
        b"\x80\x03cbuiltins\nset\n}\x85R.",  # a set of a dictionary
        b"\x80\x03cbuiltins\nset\n]]\x86R.",  # a set of two lists
        b"\x80\x03cbuiltins\nbytes\nJ\xff\xff\xff\x7f\x85R.",  # two gigabytes of zeros
        b"\x80\x02]}b.",  # state of a list
        b"\x80\x02cbuiltins\nint\n}b.",  # state of a function
        b"\x80\x02X\x01\x00\x00\x00a)R.",  # call of a string
        b"\x80\x02cbuiltins\nint\nK\x01R.",  # a call without a tuple
        b"\x80\x02})K\x01s.",  # a tuple as a key
        b"\x80\x02]K\x01K\x01s.",  # an item of a list
        b"\x80\x02}K\x01a.",  # a value appended to a dictionary
        b"\x80\x02K\x010R.",
        b"\x80\x02h\x05.",
        b"\x80\x02q\x01.",
        b"\x80\x02t.",
        b"\x80\x02.",
        b"\x80\x02(K\x01u.",
        b"\x80\x02X\xff\xff\xff\xff",
        b"\x80\x02K",
        b"",
        b"not a pickle",
    ],
)
def test_other_instructions_and_damage_are_one_kind_of_error(data):
    with pytest.raises(CheckpointError):
        load(data, {**pickles.PLAIN, "builtins.int": lambda *arguments: int(*arguments)})


def test_deep_nesting_and_far_places_take_no_memory():
    deep = b"\x80\x02" + b"]" * 50_000 + b"a" * 49_999 + b"."
    value, _ = load(deep)
    for _ in range(49_999):
        (value,) = value
    far = b"\x80\x02K\x05r" + struct.pack("<I", 2**32 - 1) + b"0j" + b"\xff\xff\xff\xff."
    assert load(far)[0] == 5
    with pytest.raises(CheckpointError):
        load(b"\x80\x02}" + b"\x85" * 3 + b")" + b"\x85" * 50_000 + b"K\x01s.")
