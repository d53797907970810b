"""What a run shows: progress bar, curves, pictures. Everything goes to TensorBoard and to files."""

import errno
import json
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import tensorflow as tf

from tfgan import figures
from tfgan.files import replacing
from tfgan.strict_json import finite_record, json_text
from tfgan.terminal import Progress
from training import curves


class Monitor:
    """Writes curves to TensorBoard and `stats.jsonl`, pictures to TensorBoard and `samples/`.

    Args:
        folder: The run folder.
        total_images: Length of training, for the progress bar.
        images_seen: Where training starts.
    """

    def __init__(self, folder: Path, total_images: int, images_seen: int = 0):
        self.folder = folder
        self.samples = folder / "samples"
        self.samples.mkdir(exist_ok=True)
        self._described: set[str] = set()  # tags in TensorBoard
        self.writer = tf.summary.create_file_writer(str(folder))
        self.stats = _open_stats(folder / "stats.jsonl", images_seen)
        self.bar = Progress(
            desc="Training",
            total=total_images,
            initial=images_seen,
            unit="img",
            unit_scale=True,
            smoothing=0.1,
            delay=0.0,
            mininterval=1.0,
        )

    def options(self, options: dict[str, Any], images_seen: int) -> None:
        """Shows the options of the run, from a position on, as a table in TensorBoard."""
        rows = [f"| `{name}` | `{value}` |" for name, value in options.items()]
        with self._events(images_seen):
            tf.summary.text("options", "\n".join(["| option | value |", "|---|---|", *rows]))

    def graph(self, function: Any, arguments: tuple[Any, ...]) -> None:
        """Shows the graph of a compiled function in TensorBoard."""
        concrete = function.get_concrete_function(*arguments)
        with self._events(0):
            tf.summary.graph(concrete.graph)

    def advance(self, images_seen: int) -> None:
        """Moves the progress bar."""
        self.bar.update(images_seen - self.bar.n)

    def leave_out(self, seconds: float) -> None:
        """Takes time in which nothing was trained out of the bar's time and speed."""
        self.bar.start_t += seconds
        self.bar.last_print_t += seconds

    def scalars(self, images_seen: int, values: dict[str, float]) -> None:
        """Adds one point to each curve, at `images_seen`."""
        values = {**values, "memory/process_gb": peak_memory_gb(), **device_memory_gb()}
        with self._events(images_seen):
            for name, value in values.items():
                entry = curves.number(name)
                tf.summary.scalar(entry.tag, value, description=self._about(entry))
        line = {"images_seen": images_seen, "time": round(time.time(), 2), **values}
        self.stats.write(json_text(finite_record(line)) + "\n")
        self.stats.flush()
        shown = {k.split("/")[1]: f"{v:.3g}" for k, v in values.items() if k.startswith("loss/")}
        self.bar.set_postfix(shown, refresh=False)

    def pictures(self, images_seen: int, pictures: dict[str, np.ndarray]) -> None:
        """Shows pictures, uint8 [H, W, 3] by name."""
        for name, picture in pictures.items():
            self._picture(images_seen, name, picture)
            figures.write_png(self.samples / f"{name}-{images_seen:09d}.png", picture)

    def reals(self, images_seen: int, picture: np.ndarray) -> None:
        """Shows real pictures beside the others, uint8 [H, W, 3]."""
        self._picture(images_seen, curves.REAL, picture)
        figures.write_png(self.folder / "reals.png", picture)

    def _picture(self, images_seen: int, name: str, picture: np.ndarray) -> None:
        entry = curves.picture(name)
        with self._events(images_seen):
            tf.summary.image(entry.tag, picture[None], description=self._about(entry))
            self.writer.flush()

    def _about(self, entry: curves.Entry) -> str | None:
        """What it is, the first time; each time it would be written anew."""
        if entry.tag in self._described:
            return None
        self._described.add(entry.tag)
        return entry.about

    def say(self, text: str) -> None:
        """Prints a line above the progress bar."""
        self.bar.write(text)

    def close(self) -> None:
        """Flushes and closes everything."""
        self.bar.close()
        with self.stats, _plain_disk_errors(self.folder):
            self.writer.close()

    @contextmanager
    def _events(self, images_seen: int) -> Iterator[None]:
        """Makes TensorBoard's file take what is summarized, at a position."""
        with _plain_disk_errors(self.folder), self.writer.as_default(step=images_seen):
            yield


@contextmanager
def _plain_disk_errors(folder: Path) -> Iterator[None]:
    """Turns TensorFlow's many errors from a file that the disk does not take into an OSError."""
    try:
        yield
    except tf.errors.OpError as error:
        # The operation, the path, the reason; and then what was to be written.
        reason = error.message.splitlines()[0].rpartition("; ")[2]
        raise OSError(errno.EIO, reason, f"TensorBoard's file in {folder}") from error


class Onlooker(Monitor):
    """What workers other than the chief have for a Monitor: lines are printed, all else is not."""

    def __init__(self, folder: Path, total_images: int, images_seen: int = 0):
        """Takes what a Monitor takes."""

    def options(self, options: dict[str, Any], images_seen: int) -> None: ...

    def graph(self, function: Any, arguments: tuple[Any, ...]) -> None: ...

    def advance(self, images_seen: int) -> None: ...

    def leave_out(self, seconds: float) -> None: ...

    def scalars(self, images_seen: int, values: dict[str, float]) -> None: ...

    def pictures(self, images_seen: int, pictures: dict[str, np.ndarray]) -> None: ...

    def reals(self, images_seen: int, picture: np.ndarray) -> None: ...

    def close(self) -> None: ...

    def say(self, text: str) -> None:
        """Prints a line."""
        print(text, flush=True)


def _open_stats(path: Path, images_seen: int) -> TextIO:
    """Opens `stats.jsonl` to go on at a position; what a stopped run wrote behind it is cut."""
    kept = []
    if path.exists():
        with path.open() as file:
            kept = [line for line in file if _position(line) <= images_seen]
    with replacing(path) as partial:
        partial.write_text("".join(kept))
    return path.open("a")


def _position(line: str) -> float:
    try:
        return json.loads(line)["images_seen"]
    except ValueError:
        return float("inf")  # a line that was cut short


def peak_memory_gb() -> float:
    """Largest resident memory of this process so far, GB (1e9 bytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def device_memory_gb() -> dict[str, float]:
    """Peak memory of each GPU, GB; empty where TensorFlow does not know."""
    gpus = tf.config.list_logical_devices("GPU")
    return {
        f"memory/gpu{i}_gb": tf.config.experimental.get_memory_info(f"GPU:{i}")["peak"] / 1e9
        for i in range(len(gpus))
    }
