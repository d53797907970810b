"""Draws many pictures in worker processes.

The workers are plain interpreters that run this file as a module. `multiprocessing` would import
the caller's main module in each of them, and that may mean ten seconds of importing TensorFlow.
"""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator

from tfgan.data.avatars.drawing import draw, person_of
from tfgan.data.avatars.labels import Labels

Example = tuple[int, bytes, Labels]


def draw_example(size: int, seed: int, index: int) -> Example:
    """Returns the index, the picture as PNG, and the labels of one example."""
    person = person_of(seed, index)
    png = io.BytesIO()
    # The weakest compression takes a fifth of the time and a tenth more space.
    draw(person, size).save(png, format="png", compress_level=1)
    return index, png.getvalue(), person.labels()


def available_processes() -> int:
    """Returns how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def draw_examples(
    size: int, indices: range, seed: int = 0, processes: int | None = None
) -> Iterator[Example]:
    """Yields examples in the order of `indices`.

    Args:
        size: Side of the pictures in pixels.
        indices: Which examples to draw.
        seed: Of the data set.
        processes: How many workers draw; 0 draws in this process. Defaults to the number of
            cores.

    Raises:
        ValueError: If `processes` is negative.
        RuntimeError: If a worker dies.
    """
    if processes is None:
        processes = available_processes()
    if processes < 0:
        raise ValueError(f"`processes` must be at least 0. Received: {processes}.")
    processes = min(processes, len(indices))
    if processes == 0:
        for index in indices:
            yield draw_example(size, seed, index)
        return

    # Workers must find this package where this process found it: -P leaves the current folder out.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p or os.getcwd() for p in sys.path)}
    # One core each: NumPy's own threads would only get in each other's way.
    environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    workers = []
    try:
        for first in range(processes):
            part = indices[first::processes]
            numbers = [size, seed, part.start, part.stop, part.step]
            command = [sys.executable, "-P", "-m", __spec__.name, *map(str, numbers)]
            workers.append(subprocess.Popen(command, stdout=subprocess.PIPE, env=environment))
        for position, index in enumerate(indices):
            worker = workers[position % processes]
            assert worker.stdout is not None
            try:
                example: Example = pickle.load(worker.stdout)
            except EOFError:
                raise RuntimeError(
                    f"The worker that draws avatar {index} ended with exit status "
                    f"{worker.wait()}. Its message is above; prepare again with "
                    "processes=0 to draw in this process."
                ) from None
            yield example
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
            if worker.stdout is not None:
                worker.stdout.close()


def _main() -> None:
    size, seed, start, stop, step = map(int, sys.argv[1:])
    try:
        for index in range(start, stop, step):
            pickle.dump(draw_example(size, seed, index), sys.stdout.buffer)
            sys.stdout.buffer.flush()
    except (BrokenPipeError, KeyboardInterrupt):
        # The reader is gone, so the rest is not needed. Python would complain while it closes
        # the broken pipe on the way out.
        os._exit(1)


if __name__ == "__main__":
    _main()
