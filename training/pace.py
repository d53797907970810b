"""How long a run takes, from timed calls of its phases."""

import statistics
import time
from collections.abc import Callable, Iterable
from typing import Any

from tfgan.terminal import DAY, spell_duration
from training.phases import Stage

CPU_PRESET = "small-data-cpu"
WEEK = 7 * DAY


class Pace:
    """Times of the phases of a stage, each of which counts as often as steps run it.

    Args:
        stage: What is timed.
        most: Calls of each phase that are timed.

    Attributes:
        begun: Names of the phases that have been called, so that their graphs are built.
        seconds: Of the second call and those after it, by name.
    """

    def __init__(self, stage: Stage, most: int = 3):
        self.stage = stage
        self.most = most
        self.begun: set[str] = set()
        self.shares = {phase.name: phase.steps / phase.interval for phase in stage.phases}
        self.seconds: dict[str, list[float]] = {name: [] for name in self.shares}
        self._noted = False

    def timed(self, name: str, graph: Callable[..., dict[str, Any]]) -> Callable[..., Any]:
        """A phase, as `compile_phase` gives it, that is timed until it is known."""
        seconds = self.seconds[name]

        def call(*arguments: Any) -> dict[str, Any]:
            if len(seconds) == self.most:
                return graph(*arguments)
            started = time.monotonic()
            stats = graph(*arguments)
            for value in stats.values():
                value.numpy()  # A GPU may still be at work where the call is not.
            if name in self.begun:
                seconds.append(time.monotonic() - started)
            self.begun.add(name)
            return stats

        return call

    @property
    def untimed(self) -> list[str]:
        """Phases that have not been called twice."""
        return [name for name, seconds in self.seconds.items() if not seconds]

    def medians(self) -> dict[str, float]:
        """Seconds of a call, of the phases that are timed."""
        return {name: statistics.median(s) for name, s in self.seconds.items() if s}

    @property
    def seconds_per_image(self) -> float:
        """Of all that is timed so far; the rest would add to it."""
        per_step = sum(s * self.shares[name] for name, s in self.medians().items())
        return per_step / self.stage.batch_size

    def note(self, images: int, advice: str) -> str | None:
        """Says once if so many images take over a week; else None."""
        seconds = images * self.seconds_per_image
        if self._noted or seconds <= WEEK:
            return None
        self._noted = True
        return long_run(images, seconds, advice)


def long_run(images: int, seconds: float, advice: str) -> str:
    """What to know of a run that takes over a week."""
    return (
        f"Note      {images / 1000:,.0f} kimg take at least {spell_duration(seconds)} here, at "
        f"{speed(images / seconds)}. {advice}"
    )


def advice_for(device: str, preset: str, presets: Iterable[str]) -> str:
    """What to do instead of a run that takes over a week.

    Args:
        device: Kind of device, CPU or GPU.
        preset: Of the run.
        presets: Names of all that its system has.
    """
    if device == "CPU" and preset != CPU_PRESET and CPU_PRESET in presets:
        return f"Without a GPU, --preset {CPU_PRESET} shows pictures within minutes."
    where = "Use a GPU, or lower" if device == "CPU" else "Use more GPUs, or lower"
    return f"{where} --resolution or --total-kimg."


def speed(images_per_second: float) -> str:
    """Images per second in words, with two digits or all before the point."""
    rounded = f"{images_per_second:.2g}" if images_per_second < 10 else f"{images_per_second:,.0f}"
    return f"{rounded} images per second"
