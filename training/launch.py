"""python -m training.launch: starts several workers of one run on this machine.

It is for trying what several machines do, and for machines with several GPUs, which are shared out
evenly. On other clusters start python -m training.run once for each worker: see docs/workers.md.

Examples:
  python -m training.launch --workers 2 -- --model stylegan2 --preset smoke
      Two workers train as one process does, with the same weights.
  python -m training.launch --workers 2 -- --resume latest
      Takes up the newest run, with as many workers as one likes.

The first worker has the terminal; what the others print to standard error is shown with their
number. Everything is in logs/worker-N.log of the run folder.

Ctrl-C and SIGTERM are passed on: all workers stop after the same step, and the first saves. If one
ends, the others have a minute to end too. The exit status is 0 if all went well, 130 or 143 after
Ctrl-C or SIGTERM, else that of the worker that failed first, or 128 + the number of the signal that
killed it.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from tfgan.strict_json import json_text
from tfgan.terminal import CommandParser, UserError, command, python_module, run_command

GRACE_SECONDS = 60  # for the others to end once a worker has ended
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that nobody listened on a moment ago."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def share_gpus(workers: int) -> list[str]:
    """CUDA_VISIBLE_DEVICES of each worker: as many GPUs for each as there are for all.

    Raises:
        UserError: If there are GPUs, but fewer than workers.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        # One folder for each, where NVIDIA's driver is there.
        gpus = [str(i) for i, _ in enumerate(Path("/proc/driver/nvidia/gpus").glob("*"))]
    else:
        gpus = [name for name in visible.split(",") if name not in ("", "-1")]
    if gpus and len(gpus) < workers:
        raise UserError(
            f"--workers must be at most {len(gpus)}, the number of GPUs here. Received: {workers}. "
            "Set CUDA_VISIBLE_DEVICES= to train on the CPU."
        )
    each = len(gpus) // workers
    return [",".join(gpus[i * each : (i + 1) * each]) for i in range(workers)]


def start(workers: int, options: Sequence[str]) -> list[subprocess.Popen]:
    """Starts the workers, each in a session of its own, so that signals reach it once."""
    addresses = [f"127.0.0.1:{port}" for port in free_ports(workers)]
    gpus = share_gpus(workers)
    command = [*python_module("training.run"), *options, "--strategy", "multi-worker"]
    started = []
    for index in range(workers):
        task = {"type": "worker", "index": index}
        config = json_text({"cluster": {"worker": addresses}, "task": task})
        started.append(
            subprocess.Popen(
                command,
                env={**os.environ, "TF_CONFIG": config, "CUDA_VISIBLE_DEVICES": gpus[index]},
                stdout=subprocess.DEVNULL if index else None,
                stderr=subprocess.PIPE if index else None,
                start_new_session=True,
            )
        )
    return started


def show(index: int, lines: IO[bytes]) -> None:
    """Passes on what a worker says, line by line, with its number."""
    for line in lines:
        sys.stderr.buffer.write(b"[worker %d] " % index + line)
        sys.stderr.buffer.flush()


def wait(processes: Sequence[subprocess.Popen]) -> int:
    """Waits for all workers; ends those that outlast another one. Returns the exit status."""
    status, deadline = 0, None
    running = set(processes)
    while running:
        ended = [process for process in running if process.poll() is not None]
        # One that was killed ends others at once, and says why.
        for process in sorted(ended, key=lambda process: process.returncode):
            running.remove(process)
            code = process.returncode
            status = status or (128 - code if code < 0 else code)
            deadline = deadline or time.monotonic() + GRACE_SECONDS
        if deadline is not None and time.monotonic() > deadline:
            for process in running:
                process.kill()
        time.sleep(0.1)
    return status


def parse(argv: Sequence[str]) -> tuple[int, list[str]]:
    """Number of workers, and the options of training.run.

    Raises:
        UserError: If there are no two workers, or no options.
    """
    parser = CommandParser(
        prog="python -m training.launch",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--workers", type=int, required=True, help="number of workers, 2 or more")
    parser.add_argument(
        "options", nargs="*", metavar="-- OPTIONS", help="options of python -m training.run"
    )
    args, others = parser.parse_known_args(argv)
    if args.workers < 2:
        raise UserError(
            f"--workers must be 2 or more. Received: {args.workers}. One worker is "
            "python -m training.run."
        )
    if others or not args.options:
        received = " ".join(others) or "none"
        raise UserError(
            f"the options of training.run must follow --. Received: {received}. For example: "
            "python -m training.launch --workers 2 -- --model stylegan2 --preset smoke"
        )
    return args.workers, args.options


@command()
def main(argv: Sequence[str] | None = None) -> int:
    """Starts the workers and waits for them; returns the exit status."""
    processes = start(*parse(sys.argv[1:] if argv is None else argv))

    def pass_on(number: int, _) -> None:
        for process in processes:
            if process.poll() is None:
                process.send_signal(number)

    previous = {number: signal.signal(number, pass_on) for number in SIGNALS}
    readers = [
        threading.Thread(target=show, args=(index, process.stderr), daemon=True)
        for index, process in enumerate(processes)
        if process.stderr is not None
    ]
    for reader in readers:
        reader.start()
    try:
        status = wait(processes)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    for reader in readers:
        reader.join(5)
    return status


if __name__ == "__main__":
    run_command(main)
