"""Errors that command lines show alone: what was expected of which field, and what to do."""

import contextlib
import re
from collections.abc import Iterator, Mapping

_FIELD = re.compile(r"`([a-z][a-z0-9_]*)`")
_flags: Mapping[str, str] | None = None  # of the command line that runs; None: this is no command


class UserError(ValueError):
    """A mistake of the user: the command lines show its message alone, and exit with 2.

    The library knows the names of fields alone, in backquotes: "`resolution` must be a power of
    two". While a command line runs, the message has its flags instead; see `command`.

    Args:
        message: The whole message; or without one:
        field: Name of the field, or option, whose value is wrong; none where it is a file.
        named: What that is expected of, where the field does not say it: a data set, or a file.
        expected: What must be, such as "must be a power of two".
        received: What was given instead.
        advice: What to do, in whole sentences.
    """

    def __init__(
        self,
        message: str = "",
        *,
        field: str = "",
        named: object = "",
        expected: str = "",
        received: object = "",
        advice: str = "",
    ):
        self.field = field
        self.received = received
        self.expected = expected
        self.advice = advice
        subject = " ".join(filter(None, [field and f"`{field}`", str(named), expected]))
        sentences = [subject, str(received) and f"Received: {received}"]
        # What libraries say may end as a sentence does.
        ended = [text if text.endswith(".") else f"{text}." for text in sentences if text]
        super().__init__(message or " ".join(filter(None, [*ended, advice])))

    def __str__(self) -> str:
        return as_flags(super().__str__())


def as_flags(text: str) -> str:
    """Makes flags of the names of fields in backquotes, while a command line runs."""
    flags = _flags
    if flags is None:
        return text
    return _FIELD.sub(lambda match: flags.get(match[1]) or flag(match[1]), text)


def flag(field: str) -> str:
    """The flag of a field of options."""
    return "--" + field.replace("_", "-")


class GivenUpError(RuntimeError):
    """Work cannot go on, by no mistake of the user: the message is shown alone; the status is 1.

    Attributes:
        ends_at_once: Whether the process must not unwind, for libraries would wait for something
            that does not come.
    """

    ends_at_once = False


@contextlib.contextmanager
def fields_called(flags: Mapping[str, str]) -> Iterator[None]:
    """Lets messages name fields by their flags, while it lasts: what a command line does.

    Args:
        flags: By field, what the user calls it where that is not its flag.
    """
    global _flags
    before, _flags = _flags, flags
    try:
        yield
    finally:
        _flags = before
