"""Reads pickles without running anything that they ask for.

A pickle is a program for a small stack machine, some of whose instructions name functions to call.
This machine knows the instructions that build plain data, and calls only functions that its caller
lists: it never imports by name, and never sets attributes.
"""

import abc
import io
import mmap
import pickletools
import struct
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, cast

import numpy as np

from tfgan.importers import CheckpointError

_VALUES = {
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT",
    "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE",
    "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8",
}  # fmt: skip
# Published networks of 1024 pixels take some 50,000. Without a bound, a hostile pickle of some
# gigabytes could ask for as many lists as it has bytes.
_MOST_INSTRUCTIONS = 2**21
_LONG = 2**18  # bytes from which a piece of a file is mapped


class Allowance:
    """Bounds the memory that a file may request, as it can name the same values repeatedly.

    Args:
        size: Bytes.
        problem: Message about a file that requests more.
    """

    def __init__(
        self, size: int, problem: str = "it was cut short: it promises more values than it holds."
    ):
        self.left = size
        self.problem = problem

    def take(self, size: int) -> None:
        """Uses up some bytes; raises CheckpointError if fewer are left."""
        self.left -= size
        if self.left < 0:
            raise CheckpointError(self.problem)


class Stateful(abc.ABC):
    """A value that a pickle first makes, and then gives a state."""

    @abc.abstractmethod
    def set_state(self, state: Any) -> Any:
        """Takes any plain data; returns the value that replaces this one."""


class Record(Stateful):
    """Stands for an object of an unknown class: its attributes, without methods.

    Attributes:
        class_name: Name of the class.
        state: Name of an attribute -> value.
    """

    def __init__(self, class_name: str, state: Any = None):
        self.class_name = class_name
        self.state: dict[str, Any] = {}
        self.set_state({} if state is None else state)

    def set_state(self, state: Any) -> Any:
        if not isinstance(state, dict):
            raise CheckpointError(f"its {self.class_name} has a state that is no dictionary.")
        self.state = state
        return self


_MEMBERS = str | bytes | int | float | complex | tuple | None


def _set(*arguments: Any) -> list[Any]:
    """A set, pickled as a call with its list of members or without: returns the list.

    No set is made: members from a hostile file could be costly to hash.
    """
    items = arguments[0] if arguments else []
    if len(arguments) > 1 or not isinstance(items, list):
        raise CheckpointError("its pickle is damaged: a set is made without a list.")
    return _members(items)


def _members(items: list[Any]) -> list[Any]:
    for item in items:
        if not isinstance(item, _MEMBERS):
            raise CheckpointError(
                f"its pickle is damaged: a set has a {type(item).__name__}, which none can have."
            )
    return items


def _bytes(*arguments: Any) -> bytes:
    """Empty bytes, which protocol 2 writes as a call."""
    if arguments:
        raise CheckpointError("its pickle is damaged: it makes bytes of other values.")
    return b""


# Protocols before 4 write these values as calls of Python's types.
PLAIN: dict[str, Callable[..., Any]] = {
    f"{module}.{name}": function
    for module in ("builtins", "__builtin__")
    for name, function in {"set": _set, "frozenset": _set, "bytes": _bytes}.items()
}


class _Machine:
    """The stack, its marks, and the memo of values for later."""

    def __init__(self, allowed: Mapping[str, Any], find: Callable[[Any], Any]):
        self.allowed = allowed
        self.find = find
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []  # the stack under each mark
        self.memo: dict[int, Any] = {}
        self.places: dict[int, int] = {}  # position in the memo of each value that may get a state

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self, count: int) -> list[Any]:
        if len(self.stack) < count:
            raise CheckpointError("its pickle is damaged: it takes values that are not there.")
        taken = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        return taken

    def pop_to_mark(self) -> list[Any]:
        taken, self.stack = self.stack, self.below.pop()
        return taken

    def look_up(self, name: str) -> None:
        if name not in self.allowed:
            shown = ascii(name)[1:-1][:100]
            raise CheckpointError(
                f"it asks for {shown}, which is none of the harmless types that weights are made "
                "of. Nothing of it was run. Get the file from its authors, or have the weights "
                "saved alone."
            )
        self.push(self.allowed[name])

    def call(self) -> None:
        function, arguments = self.pop(2)
        # The stack may hold data that only looks like a function.
        if not callable(function) or not isinstance(arguments, tuple):
            raise CheckpointError("its pickle is damaged: it calls a value that is no function.")
        self.push(function(*arguments))

    def set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict) or len(items) % 2:
            raise CheckpointError(
                "its pickle is damaged: it sets items of a value that is no dictionary."
            )
        for key, value in zip(items[::2], items[1::2], strict=True):
            # The hash of nested tuples is recursive, without a limit, in C.
            if not isinstance(key, str | int):
                raise CheckpointError(f"it has a {type(key).__name__} for a key, not a name.")
            target[key] = value

    def extend(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, list):
            raise CheckpointError("its pickle is damaged: it appends to a value that is no list.")
        target.extend(items)

    def set_state(self) -> None:
        (state,) = self.pop(1)
        target = self.stack[-1]
        if isinstance(target, Stateful):
            self.stack[-1] = target.set_state(state)
            place = self.places.get(id(target))
            if place is not None and self.memo[place] is target:
                self.memo[place] = self.stack[-1]
        # Dictionaries of modules have class versions as state, parameters of the first PyTorch a
        # flag for training. Neither is needed; other data have no state.
        elif not isinstance(target, dict | np.ndarray):
            raise CheckpointError("its pickle sets the state of an object, which may run code.")

    def remember(self, place: int) -> None:
        value = self.stack[-1]
        self.memo[place] = value
        if isinstance(value, Stateful):
            self.places[id(value)] = place


def _tuple_of(count: int) -> Callable[[_Machine, Any], None]:
    return lambda machine, _: machine.push(tuple(machine.pop(count)))


def _dictionary(machine: _Machine, _: Any) -> None:
    items = machine.pop_to_mark()
    machine.push({})
    machine.set_items(items)


def _mark(machine: _Machine, _: Any) -> None:
    machine.below.append(machine.stack)
    machine.stack = []


_INSTRUCTIONS: dict[str, Callable[[_Machine, Any], Any]] = {
    "PROTO": lambda machine, _: None,
    "FRAME": lambda machine, _: None,
    "MARK": _mark,
    "POP": lambda machine, _: machine.pop(1),
    "POP_MARK": lambda machine, _: machine.pop_to_mark(),
    "NONE": lambda machine, _: machine.push(None),
    "NEWTRUE": lambda machine, _: machine.push(True),
    "NEWFALSE": lambda machine, _: machine.push(False),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "EMPTY_TUPLE": lambda machine, _: machine.push(()),
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    # Sets become lists: their members would be hashed, see set_items.
    "EMPTY_SET": lambda machine, _: machine.push([]),
    "LIST": lambda machine, _: machine.push(machine.pop_to_mark()),
    "DICT": _dictionary,
    "TUPLE": lambda machine, _: machine.push(tuple(machine.pop_to_mark())),
    "TUPLE1": _tuple_of(1),
    "TUPLE2": _tuple_of(2),
    "TUPLE3": _tuple_of(3),
    "APPEND": lambda machine, _: machine.extend(machine.pop(1)),
    "APPENDS": lambda machine, _: machine.extend(machine.pop_to_mark()),
    "ADDITEMS": lambda machine, _: machine.extend(_members(machine.pop_to_mark())),
    "FROZENSET": lambda machine, _: machine.push(_members(machine.pop_to_mark())),
    "SETITEM": lambda machine, _: machine.set_items(machine.pop(2)),
    "SETITEMS": lambda machine, _: machine.set_items(machine.pop_to_mark()),
    "PUT": lambda machine, place: machine.remember(place),
    "BINPUT": lambda machine, place: machine.remember(place),
    "LONG_BINPUT": lambda machine, place: machine.remember(place),
    "MEMOIZE": lambda machine, _: machine.remember(len(machine.memo)),
    "GET": lambda machine, place: machine.push(machine.memo[place]),
    "BINGET": lambda machine, place: machine.push(machine.memo[place]),
    "LONG_BINGET": lambda machine, place: machine.push(machine.memo[place]),
    "GLOBAL": lambda machine, name: machine.look_up(name.replace(" ", ".", 1)),
    "STACK_GLOBAL": lambda machine, _: machine.look_up(".".join(machine.pop(2))),
    "REDUCE": lambda machine, _: machine.call(),
    "NEWOBJ": lambda machine, _: machine.call(),
    "BUILD": lambda machine, _: machine.set_state(),
    "BINPERSID": lambda machine, _: machine.push(machine.find(*machine.pop(1))),
    **dict.fromkeys(_VALUES, lambda machine, value: machine.push(value)),
}


class _Bounded:
    """A stream that never allocates more than is left of it, whatever the pickle requests.

    Long pieces of a file are mapped, and take memory only while they are read.
    """

    def __init__(self, stream: BinaryIO):
        self.stream = stream
        self.mapped = isinstance(stream, io.BufferedReader)
        place = stream.tell()
        self.end = stream.seek(0, io.SEEK_END)
        stream.seek(place)

    def read(self, count: int) -> bytes | memoryview:
        place = self.stream.tell()
        count = min(count, self.end - place)
        if not self.mapped or count < _LONG:
            return self.stream.read(count)
        self.stream.seek(count, io.SEEK_CUR)
        first = place - place % mmap.ALLOCATIONGRANULARITY
        size = place - first + count
        piece = mmap.mmap(self.stream.fileno(), size, access=mmap.ACCESS_READ, offset=first)
        return memoryview(piece)[place - first :]

    def readline(self) -> bytes:
        return self.stream.readline()


def load(
    stream: BinaryIO, allowed: Mapping[str, Any], find: Callable[[Any], Any] = lambda _: None
) -> Any:
    """Reads one pickle; the stream then stands after it.

    Args:
        stream: A stream that begins with a pickle.
        allowed: Values for dotted names, such as "collections.OrderedDict": functions, which
            must take any arguments without harm, or values.
        find: Gives the value of a persistent id, which is stored beside the pickle.

    Returns:
        The value, made of plain data and of values from `allowed` and `find`.

    Raises:
        CheckpointError: If the pickle needs anything else, or is damaged.
        OSError: If it cannot be read.
    """
    machine = _Machine(allowed, find)
    try:
        # Up to STOP, or it raises.
        for count, (instruction, argument, _) in enumerate(
            pickletools.genops(cast(Any, _Bounded(stream)))
        ):
            if count == _MOST_INSTRUCTIONS:
                raise CheckpointError("its pickle is longer than that of any model.")
            if instruction.name == "STOP":
                continue
            if instruction.name not in _INSTRUCTIONS:
                raise CheckpointError(
                    f"its pickle has the instruction {instruction.name}, which weights do not need."
                )
            _INSTRUCTIONS[instruction.name](machine, argument)
    except CheckpointError:
        raise
    # From pickletools and functions of `allowed`, for nonsensical arguments.
    except (ValueError, TypeError, LookupError, OverflowError, struct.error) as error:
        raise CheckpointError("its pickle is damaged, or was cut short. Fetch it again.") from error
    (value,) = machine.pop(1)
    if callable(value):
        raise CheckpointError("its pickle is damaged: it ends in a name.")
    return value
