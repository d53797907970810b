"""The training loop: runs the phases of any system under a distribution strategy."""

import contextlib
import dataclasses
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfgan import figures
from tfgan.data.feed import Feed
from tfgan.data.sources import DataError
from tfgan.files import replacing
from tfgan.runs import CHECKPOINTS, MODEL
from tfgan.terminal import GivenUpError, UserError
from training import checkpoints
from training.config import ConfigError, TrainingConfig
from training.distribution import ALONE, Workers, deal
from training.monitor import Monitor, Onlooker
from training.pace import Pace
from training.phases import Stage, System
from training.running_means import RunningMeans
from training.steps import compile_averages, compile_phase
from training.stopping import StoppedMeasuringError, Stopping

PROFILED_STEPS = (8, 12)  # a few steps after all phases are compiled
STOPS = (None, "time", "SIGINT", "SIGTERM")  # why training ends early; the last of several counts
CHECKED_EVERY = 64  # steps after which losses are looked at; each look waits for the device
SHOWN = 5  # names of weights that stopped being finite


def check_batch_sizes(stages: Sequence[Stage], replicas: int, accumulate: int) -> None:
    """Raises ConfigError unless replicas and rounds divide the batch of every stage."""
    shards = replicas * accumulate
    for stage in stages:
        if stage.batch_size % shards:
            divisible = -(-stage.batch_size // shards) * shards
            raise ConfigError(
                f"--batch-size must be a multiple of devices x accumulate, {replicas} x "
                f"{accumulate}. Received: {stage.batch_size}"
                f"{f' in stage {stage.name}' if len(stages) > 1 else ''}. "
                f"Use {stage.batch_advice.format(divisible)}."
            )


class TrainingError(GivenUpError):
    """Training cannot go on; the message says where it can be taken up."""


@dataclasses.dataclass(frozen=True)
class Reports:
    """What a run tells beside losses and pictures.

    Attributes:
        profile: Whether to record a profile of a few steps for TensorBoard.
        graph: Whether to show the graphs of the phases in TensorBoard.
        measure: Gives numbers of quality of the model, by name; None: nothing is measured.
        slow_advice: What to do instead of a run that would take over a week.
    """

    profile: bool = False
    graph: bool = False
    measure: Callable[[Any], dict[str, float]] | None = None
    slow_advice: str = ""


class Trainer:
    """Trains a system until its last stage ends, time is up, or it is told to stop.

    Args:
        system: Made under the scope of `strategy`.
        pipeline: Of the training set.
        config: Options that all systems share.
        strategy: Where the phases run.
        folder: The run folder, which exists.
        workers: That train together. The first alone writes, shows and measures.
        reports: What is told beside losses and pictures.
    """

    def __init__(
        self,
        system: System,
        pipeline: Feed,
        config: TrainingConfig,
        strategy: tf.distribute.Strategy,
        folder: Path,
        *,
        workers: Workers = ALONE,
        reports: Reports = Reports(),
    ):
        self.system = system
        self.pipeline = pipeline
        self.config = config
        self.strategy = strategy
        self.folder = folder
        self.workers = workers
        self.reports = reports
        self.replicas = strategy.num_replicas_in_sync
        self.stages = list(system.stages())
        self.total_images = self.stages[-1].until_images
        self.variables = checkpoints.all_variables(system)
        self.images_seen = 0
        self.step = 0
        self._first_step = 0
        self._stopping = Stopping(print)  # what asks this worker to stop
        self._stop: str | None = None  # what all workers agreed on
        self._shown_at: int | None = None
        self._measured_at: int | None = None
        self._statistics = RunningMeans()
        self._logged_at, self._logged_images = 0.0, 0  # the last point of the curves
        self._not_training = 0.0  # seconds since then
        self._iterator: Iterator[Any] | None = None

    @property
    def _profiles(self) -> bool:
        return self.reports.profile and self.workers.is_chief

    @property
    def checkpoint_folder(self) -> Path:
        """Where this run's checkpoints are."""
        return self.folder / CHECKPOINTS

    def restore(self) -> None:
        """Takes up the newest checkpoint of the run folder.

        Raises:
            CheckpointError: If there is none that is whole, or it does not fit.
        """
        self.images_seen, self.step = checkpoints.restore_newest(
            self.checkpoint_folder,
            self.variables,
            lambda line: print(f"Note      {line}", file=sys.stderr),
        )

    def override(self) -> None:
        """Lets the options have their way where a checkpoint holds what they said before."""
        for name, rate in self.system.learning_rates(self.images_seen).items():
            self.system.optimizers[name].learning_rate.assign(rate)

    def share(self) -> None:
        """Gives all workers the position and the variables of the chief."""
        self.images_seen, self.step = map(
            int, self.workers.gather([self.images_seen, self.step])[0]
        )
        self.workers.share(self.variables.values())

    def train(self, last_words: Callable[[], None] = lambda: None) -> str:
        """Trains, and returns why it ended: "finished", "time", or the name of a signal.

        Args:
            last_words: Called where a second signal ends the process in the middle of a step.

        Raises:
            TrainingError: If a loss or a weight stops being finite. The last checkpoint is from
                before.
            DataError: If the pictures cannot be read any more. There is a checkpoint of the last
                step.
            OSError: If the disk takes no more. The last whole checkpoint stays.
            KeyboardInterrupt: At a second signal.
        """
        make_monitor = Monitor if self.workers.is_chief else Onlooker
        monitor = make_monitor(self.folder, self.total_images, self.images_seen)
        self._stopping = Stopping(monitor.say, self.config.max_minutes, last_words)
        self._first_step = self.step
        try:
            with self._stopping:
                monitor.options(dataclasses.asdict(self.config), self.images_seen)
                if self.images_seen == 0:
                    with self._apart(monitor):
                        self._save()
                        self._show(monitor)
                self._agree()
                try:
                    for stage in self.stages:
                        if self.images_seen < stage.until_images and self._stop is None:
                            self._run_stage(stage, monitor)
                except DataError:
                    if self.newest_checkpoint() != self.images_seen:
                        self._save()
                    raise
                if self.newest_checkpoint() != self.images_seen:
                    self._save()
                self._show(monitor)
                if self._stop in (None, "time"):
                    self._measure(monitor)
                self._agree()  # waits until the chief has written everything
            if self.images_seen >= self.total_images:
                return "finished"
            return self._stop or "finished"
        finally:
            monitor.close()

    def _run_stage(self, stage: Stage, monitor: Monitor) -> None:
        graphs, average, feed = self.prepare(stage)
        pace = Pace(stage)
        # Freeing an iterator can wait for TensorFlow for up to a minute: not before all is saved.
        batches = self._iterator = self.batches(feed)
        self._begin_point(time.monotonic())
        with feed.plain_errors():
            while self.images_seen < stage.until_images and self._stop is None:
                if self._profiles and self.step - self._first_step == PROFILED_STEPS[0]:
                    tf.profiler.experimental.start(str(self.folder))
                if not self._run_phases(stage, graphs, next(batches), pace, monitor):
                    return
                before, self.images_seen = self.images_seen, self.images_seen + stage.batch_size
                self.step += 1
                average(
                    [
                        tf.constant(a.decay(self.images_seen, stage.batch_size), tf.float32)
                        for a in self.system.averages
                    ]
                )
                self.system.after_step(self.step, self.images_seen, stage.batch_size)
                monitor.advance(self.images_seen)
                self._stopping.waits_for = "this step is done and saved"
                note = pace.note(self.total_images - self.images_seen, self.reports.slow_advice)
                if note and self.workers.is_chief:
                    monitor.say(note)
                self._stopping.check_clock()
                self._keep_up(stage, before, monitor)

    def _run_phases(
        self,
        stage: Stage,
        graphs: Mapping[str, Any],
        batch: Any,
        pace: Pace,
        monitor: Monitor,
    ) -> bool:
        """Runs the phases of one step; False where training stops before it has trained anything.

        A phase that runs for the first time also builds its graph, so before each of these it is
        settled whether to stop, while there is nothing to save.
        """
        position = tf.constant(self.images_seen, tf.int64)
        for phase in stage.phases:
            if not phase.runs_at(self.step):
                continue
            graph = graphs[phase.name]
            if phase.name not in pace.begun:
                self._stopping.waits_for = (
                    f"phase {phase.name} has run for the first time, which also builds its graph"
                )
                if self.step == self._first_step and self._agreed_to_stop():
                    return False
                if self.reports.graph and self.workers.is_chief:
                    monitor.graph(graph, (batch, position))
            self._statistics.add(phase, pace.timed(phase.name, graph)(batch, position))
        return True

    def _keep_up(self, stage: Stage, before: int, monitor: Monitor) -> None:
        """After a step from `before` on: settles whether to stop; saves, shows and measures."""
        config = self.config
        due = self._agree(time.monotonic() - self._logged_at >= config.log_seconds)
        if self._profiles:
            last = self._stop is not None or self.images_seen >= self.total_images
            self._end_profile(self.step - self._first_step, last, monitor)
        crosses = _crosses(before, self.images_seen)
        every = config.evaluate_every
        saves, shows = crosses(config.checkpoint_kimg), crosses(config.sample_kimg)
        measures = self._stop is None and every is not None and crosses(every)
        ends = self._stop is not None or self.images_seen >= stage.until_images
        if saves or shows or measures or not self.step % CHECKED_EVERY:
            self._check_finite()  # waits until the device has done the steps
            with self._apart(monitor):
                if saves:
                    self._save()
                if shows:
                    self._show(monitor)
                if measures:
                    self._measure(monitor)
                    self._agree()
        if due or ends:
            self._end_point(monitor)

    def _begin_point(self, now: float) -> None:
        """Begins to count what the next point of the curves tells."""
        self._statistics.clear()
        self._logged_at, self._logged_images = now, self.images_seen
        self._not_training = 0.0

    def _end_point(self, monitor: Monitor) -> None:
        """Adds a point to the curves: means of what the steps since the last one told."""
        now = time.monotonic()
        seconds = now - self._logged_at - self._not_training
        rate = (self.images_seen - self._logged_images) / seconds
        values = {**self._check_finite(), **self.system.scalars(), "images_per_second": rate}
        monitor.scalars(self.images_seen, values)
        self._begin_point(now)

    @contextlib.contextmanager
    def _apart(self, monitor: Monitor) -> Iterator[None]:
        """Leaves the time of saving, sampling and measuring out of the images per second."""
        began = time.monotonic()
        yield
        seconds = time.monotonic() - began
        self._not_training += seconds
        monitor.leave_out(seconds)

    @staticmethod
    def _end_profile(steps: int, ends: bool, monitor: Monitor) -> None:
        """Writes the profile once it is long enough, or what there is of it where training ends."""
        first, last = PROFILED_STEPS
        if steps == last or (ends and first < steps < last):
            tf.profiler.experimental.stop()
            monitor.say(f"Profile of {steps - first} steps written.")
        elif ends and steps <= first:
            monitor.say(f"No profile: it begins after {first} steps.")

    def _agree(self, due: bool = False) -> bool:
        """Settles with all workers why to stop, if at all; returns whether any says `due`.

        A worker that stopped by itself, on its own clock or a signal that it got, would leave the
        others waiting for it in the next step.
        """
        reasons, dues = self.workers.gather([STOPS.index(self._stopping.reason), due]).T
        self._stop = STOPS[max(reasons)]
        return bool(any(dues))

    def _agreed_to_stop(self) -> bool:
        """Looks at the clock and settles with all workers whether to stop."""
        self._stopping.check_clock()
        self._agree()
        return self._stop is not None

    def prepare(self, stage: Stage) -> tuple[dict[str, Any], Callable[..., None], Feed]:
        """The graphs of a stage's phases by name, that of the averages, and its pictures."""
        graphs = {
            phase.name: compile_phase(
                phase, i, self.strategy, self.config.seed, self.config.accumulate
            )
            for i, phase in enumerate(stage.phases)
        }
        average = compile_averages(self.system.averages, self.strategy)
        return graphs, average, self.pipeline.at(stage.resolution, stage.batch_size)

    def batches(self, feed: Feed) -> Iterator[Any]:
        """Batches for all replicas, from where the run is."""
        local = self.replicas // self.workers.count
        dataset = feed.dataset(
            self.images_seen,
            replicas=local,
            first_replica=self.workers.index * local,
            total_replicas=self.replicas,
        )
        return deal(dataset, self.strategy)

    def _check_finite(self) -> dict[str, float]:
        """Means of the statistics since the last point; stops training where one is not finite."""
        means = self._statistics.means()
        wrong = [name for name, value in means.items() if not np.isfinite(value)]
        if wrong:
            raise self._not_finite([self._statistics.describe(name) for name in wrong])
        return means

    def _not_finite(self, names: Sequence[str]) -> TrainingError:
        return TrainingError(
            f"{', '.join(names)} stopped being finite before image {self.images_seen}. The "
            f"checkpoint of image {self.newest_checkpoint()} is from before, in "
            f"{self.checkpoint_folder}; but the same options would take the same steps again. "
            f"Go on with --resume {self.folder} --override and a lower --learning-rate, another "
            "--seed, or --precision float32."
        )

    def newest_checkpoint(self) -> int | None:
        """Images seen at the newest checkpoint; None where there is none."""
        paths = checkpoints.list_checkpoints(self.checkpoint_folder)
        return int(paths[-1].stem) if paths else None

    def _save(self) -> None:
        if not self.workers.is_chief:
            return
        keep = self.config.keep
        try:
            checkpoints.save(
                self.checkpoint_folder, self.variables, self.images_seen, self.step, keep
            )
        except checkpoints.NotFiniteError as error:
            raise self._not_finite(error.names[:SHOWN]) from error
        with replacing(self.folder / MODEL) as partial:
            self.system.inference_model().save(partial)

    def _show(self, monitor: Monitor) -> None:
        if self.workers.is_chief and self._shown_at != self.images_seen:
            count = self.config.sample_rows * self.config.sample_columns
            images, labels = self.pipeline.examples(count)
            if self._shown_at is None:
                monitor.reals(self.images_seen, figures.sheet(images, self.config.sample_columns))
            monitor.pictures(self.images_seen, self.system.sample(images, labels))
            self._shown_at = self.images_seen

    def _measure(self, monitor: Monitor) -> None:
        """Adds a point to the curves of quality; a signal to stop ends it without one."""
        if self.reports.measure is None or self._measured_at == self.images_seen:
            return
        self._measured_at = self.images_seen
        self._stopping.waits_for = "the measuring is ended and the run saved"
        self._stopping.measuring = True
        started = time.monotonic()
        try:
            with self.workers.alone(self.strategy).scope():
                model = self.system.inference_model()
            measurements = self.reports.measure(model)
        except StoppedMeasuringError:
            return
        except UserError as error:
            monitor.say(f"Not measured: {error}")
            return
        finally:
            self._stopping.measuring = False
            self._stopping.waits_for = "this step is done and saved"
        if measurements:
            monitor.scalars(
                self.images_seen, {f"metrics/{name}": value for name, value in measurements.items()}
            )
            listed = ", ".join(f"{name} {value:.4g}" for name, value in measurements.items())
            monitor.say(
                f"At {self.images_seen:,} images: {listed} ({time.monotonic() - started:.0f} s)"
            )


def _crosses(before: int, now: int) -> Callable[[float], bool]:
    """Tells whether a multiple of so many thousand images lies in (before, now]."""

    def crosses(kimg: float) -> bool:
        return before // (kimg * 1000) != now // (kimg * 1000)

    return crosses
