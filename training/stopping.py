"""Ctrl-C, SIGTERM and the clock: answered at once, whatever TensorFlow is at work on."""

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from tfgan.terminal import Terminated

SIGNALS = (signal.SIGINT, signal.SIGTERM)
AT_ONCE_SECONDS = 1.0  # in which Python can unwind, or the process ends without it
PATIENCE_SECONDS = 2.0  # after which the end of the time is said, where training goes on


class StoppedMeasuringError(Exception):
    """A signal to stop came while the model was measured."""


class Stopping:
    """Why training shall stop; while entered, signals and the clock can give a reason.

    Python calls signal handlers between two bytecodes of the main thread, which is not before the
    step or the graph that TensorFlow works on is done. A thread hears of signals at once, through
    `signal.set_wakeup_fd`: it answers the first in words; where the second has not ended the
    program by way of Python, so that files are left whole, it ends the process.

    Args:
        say: Prints a line, from any thread.
        minutes: After which time is up; None: never.
        last_words: Called before the process ends without unwinding.
        signals: Number of signals that end the program at once: 2, or 1 where there is nothing to
            save.

    Attributes:
        reason: "time", the name of a signal, or None.
        waits_for: What must end before training does, for the words.
        measuring: Whether a signal shall raise StoppedMeasuringError.

    Raises:
        KeyboardInterrupt: In the main thread, at the last signal; `Terminated` where it is SIGTERM.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        minutes: float | None = None,
        last_words: Callable[[], None] = lambda: None,
        signals: int = 2,
    ):
        self.reason: str | None = None
        self.waits_for = "this step is done and saved"
        self.measuring = False
        self._say = say
        self._deadline = None if minutes is None else time.monotonic() + minutes * 60
        self._last_words = last_words
        self._left = signals  # that the thread has yet to hear
        self._handled = 0  # by Python, which takes two of a kind for one where it is late
        self._signals = signals
        self._over = threading.Event()

    def check_clock(self) -> None:
        """Makes the end of the time the reason to stop, unless there is one."""
        if self._deadline is not None and time.monotonic() > self._deadline:
            self.reason = self.reason or "time"

    def __enter__(self) -> "Stopping":
        self._previous: dict[int, Any] = {n: signal.signal(n, self._handle) for n in SIGNALS}
        self._ears, mouth = socket.socketpair()
        mouth.setblocking(False)
        self._mouth = mouth
        self._fd = signal.set_wakeup_fd(mouth.fileno(), warn_on_full_buffer=False)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        signal.set_wakeup_fd(self._fd)
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._mouth.close()  # which the thread hears as the end
        self._thread.join()
        self._ears.close()

    def _handle(self, number: int, frame: Any) -> None:
        """Python's part, as soon as the main thread is there again."""
        self._handled += 1
        if self._left <= 0 or self._handled >= self._signals:
            raise Terminated if number == signal.SIGTERM else KeyboardInterrupt
        self.reason = signal.Signals(number).name
        if self.measuring:
            raise StoppedMeasuringError

    def _listen(self) -> None:
        """The thread's part."""
        if self._deadline is not None:
            patience = self._deadline + PATIENCE_SECONDS - time.monotonic()
            self._ears.settimeout(max(patience, 0.001))
        while True:
            try:
                heard = self._ears.recv(1)
            except TimeoutError:
                self._ears.settimeout(None)
                if self.reason in (None, "time"):
                    self.check_clock()
                    self._say(f"Time is up: stopping once {self.waits_for}.")
                continue
            if not heard:
                return
            if heard[0] in SIGNALS:
                self._answer(heard[0])

    def _answer(self, number: int) -> None:
        self._left -= 1
        if self._left > 0:
            self.reason = signal.Signals(number).name
            self._say(f"Stopping once {self.waits_for}. Once more: at once, without saving.")
        elif not self._over.wait(AT_ONCE_SECONDS):
            # Files get their names once they are whole: none is left half-written.
            with contextlib.suppress(Exception):
                self._last_words()
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(128 + number)
