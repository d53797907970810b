"""What --dry-run shows: options, the first batch, and how long a run takes, from timed steps."""

import dataclasses
import sys
import time
from collections.abc import Iterator, Mapping

import tensorflow as tf

from tfgan.data.feed import Feed
from tfgan.terminal import spell_duration
from training.loop import Trainer
from training.monitor import device_memory_gb, peak_memory_gb
from training.pace import WEEK, Pace, long_run, speed
from training.phases import Stage
from training.stopping import Stopping

BUDGET_SECONDS = 60.0  # after which nothing else is timed
PHASE_SECONDS = 3.0  # after which a phase is not called again
PHASE_CALLS = 20  # that are timed at most
READING_SECONDS = 1.0  # in which pictures are read
READ_BATCHES = 64  # that are read at most


def dry_run(trainer: Trainer) -> None:
    """Prints the options, the first batch, and speed, time and memory of a run.

    It trains a few steps in memory, and writes nothing. Ctrl-C ends it at once.
    """
    print("Options")
    for field in dataclasses.fields(trainer.config):
        print(f"  {field.name:<20} {getattr(trainer.config, field.name)}")
    stage = trainer.stages[0]
    batches = iter(trainer.pipeline.at(stage.resolution, stage.batch_size).dataset(0))
    print("First batch")
    for name, value in next(batches).items():
        values = value.numpy()
        print(
            f"  {name:<8} {values.dtype} {list(values.shape)}, "
            f"{values.min()} to {values.max()}, mean {values.mean():.1f}"
        )
    sys.stdout.flush()
    with Stopping(print, None, lambda: print("Stopped."), signals=1):
        for line in describe(trainer, time_stages(trainer, BUDGET_SECONDS)):
            print(line)


def time_stages(trainer: Trainer, budget_seconds: float) -> dict[str, Pace]:
    """Times the phases of stages; the last, which is the slowest of those that grow, first.

    Args:
        trainer: Whose networks it trains a little.
        budget_seconds: Time after which nothing else is begun, but the first phase.

    Returns:
        What has been timed, by the name of the stage; at least of the last one.
    """
    deadline = time.monotonic() + budget_seconds
    paces: dict[str, Pace] = {}
    for stage in reversed(trainer.stages):
        if paces and _is_past(trainer, deadline):
            break
        paces[stage.name] = _time_stage(trainer, stage, deadline)
    return paces


def _is_past(trainer: Trainer, deadline: float) -> bool:
    """Whether a time is past for any of the workers, which all make the same calls."""
    return bool(trainer.workers.gather([time.monotonic() > deadline]).any())


def _time_stage(trainer: Trainer, stage: Stage, deadline: float) -> Pace:
    graphs, _, feed = trainer.prepare(stage)
    pace = Pace(stage, PHASE_CALLS)
    with feed.plain_errors():
        batch = next(trainer.batches(feed))
    position = tf.constant(0, tf.int64)
    for name in sorted(graphs, key=lambda name: -pace.shares[name]):
        if pace.begun and _is_past(trainer, deadline):
            break
        print(
            f"Timing    {name} of stage {stage.name}; the first call also builds its graph",
            file=sys.stderr,
            flush=True,
        )
        phase = pace.timed(name, graphs[name])
        phase(batch, position)
        ends = time.monotonic() + PHASE_SECONDS
        for i in range(PHASE_CALLS):
            if i and _is_past(trainer, ends):
                break
            phase(batch, position)
    return pace


def reading_speed(feed: Feed) -> float:
    """Images per second that a `Feed` makes ready for one worker, where nothing else is done."""
    batches = iter(feed.dataset(0))
    with feed.plain_errors():
        next(batches)
        started, count = time.monotonic(), 0
        while count < READ_BATCHES and time.monotonic() - started < READING_SECONDS:
            next(batches)
            count += 1
    return count * feed.options.batch_size / (time.monotonic() - started)


def describe(trainer: Trainer, paces: Mapping[str, Pace]) -> Iterator[str]:
    """Lines on speed, time and memory; a stage without a pace counts as the one that follows it."""
    config, stages = trainer.config, trainer.stages
    last = stages[-1]
    pace, images = paces[last.name], last.until_images
    yield f"Steps     of {last.batch_size} images of {last.resolution} pixels"
    for name, seconds in pace.medians().items():
        share = pace.shares[name]
        yield f"  {name:<20} {seconds:.3g} s, " + (
            "in every step" if share == 1 else f"in {share:.4g} of the steps"
        )
    feed = trainer.pipeline.at(last.resolution, last.batch_size)
    yield f"Reading   {speed(reading_speed(feed))}"
    total, ends = 0.0, images
    for i in reversed(range(len(stages))):
        begins = stages[i - 1].until_images if i else 0
        pace = paces.get(stages[i].name, pace)
        total += (ends - begins) * pace.seconds_per_image
        ends = begins
    yield f"Speed     {speed(images / total)}"
    untimed = [f"{name} of stage {p.stage.name}" for p in paces.values() for name in p.untimed]
    yield (
        f"Time      {'at least' if untimed else 'about'} {spell_duration(total)} for "
        f"{images / 1000:,.10g} kimg, without sample pictures, checkpoints and measuring"
    )
    if untimed:
        yield f"Note      not timed, for it takes too long: {', '.join(untimed)}"
    untimed = [stage.name for stage in stages if stage.name not in paces]
    if untimed:
        yield f"Note      not timed, and counted as slow as the next: {', '.join(untimed)}"
    minutes = config.max_minutes
    if minutes is not None and minutes * 60 < total:
        share = minutes * 60 / total
        yield f"Note      --max-minutes {minutes:g} ends it after about {share:.0%} of that"
    memory = {"process": peak_memory_gb(), **device_memory_gb()}
    yield "Memory    " + ", ".join(
        f"{gb:.1f} GB of {name.removeprefix('memory/').removesuffix('_gb')}"
        for name, gb in memory.items()
    )
    if total > WEEK:
        yield long_run(images, total, trainer.reports.slow_advice)
