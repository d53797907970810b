"""Ctrl-C, SIGTERM and the clock, while TensorFlow does not let Python act."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from tfgan.terminal import Terminated
from training.stopping import Stopping

# One native call of many minutes, beside which other threads run, as with TensorFlow's: no handler
# of signals is called before it returns.
LONG_CALL = """
import hashlib
from training.stopping import Stopping
with Stopping(lambda line: print(line, flush=True), {minutes}, lambda: print("last words")):
    print("begun", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)
"""


def start_long_call(minutes=None):
    process = subprocess.Popen(
        [sys.executable, "-c", LONG_CALL.format(minutes=minutes)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "begun\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_long_call_is_no_reason_to_leave_signals_without_an_answer(number):
    process = start_long_call()
    try:
        started = time.monotonic()
        process.send_signal(number)
        assert "Stopping once this step is done and saved. Once more" in process.stdout.readline()
        assert time.monotonic() - started < 1
        process.send_signal(number)
        assert process.wait(5) == 128 + number
        assert process.stdout.read() == "last words\n"
    finally:
        process.kill()


def test_the_end_of_the_time_is_said_during_a_long_call():
    process = start_long_call(minutes=0.001)
    try:
        line = process.stdout.readline()
        assert line == "Time is up: stopping once this step is done and saved.\n"
    finally:
        process.kill()


def test_python_ends_by_itself_where_it_can_so_that_files_are_left_whole():
    said, cleaned = [], []

    def train():
        with Stopping(said.append) as stopping:
            os.kill(os.getpid(), signal.SIGTERM)
            assert stopping.reason == "SIGTERM"
            try:
                os.kill(os.getpid(), signal.SIGTERM)
            finally:
                cleaned.append(True)

    with pytest.raises(Terminated):
        train()
    assert cleaned
    assert len(said) == 1


def test_where_nothing_can_be_saved_the_first_signal_is_the_last():
    with pytest.raises(KeyboardInterrupt), Stopping(pytest.fail, signals=1):
        os.kill(os.getpid(), signal.SIGINT)


def test_handlers_and_threads_are_as_before_when_it_is_over():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    threads = threading.active_count()
    with Stopping(pytest.fail, minutes=60):
        assert signal.getsignal(signal.SIGINT) not in before
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    assert signal.set_wakeup_fd(-1) == -1
    assert threading.active_count() == threads
