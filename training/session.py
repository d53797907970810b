"""From the options of a run to a trained model: all between the command line and the loop."""

import argparse
import contextlib
import dataclasses
import functools
import importlib
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from tfgan.data.sources import DataError
from tfgan.errors import as_flags, flag
from tfgan.loading import OutputError
from tfgan.runs import CONFIG, LOGS, MODEL, SAMPLES, make_run, save_config
from tfgan.terminal import exit_status
from training.config import TrainingConfig, list_changes
from training.data import Data, open_data
from training.distribution import join
from training.dry_run import dry_run
from training.half_precision import fit_precision
from training.loop import Reports, Trainer, check_batch_sizes
from training.measurements import Measurements
from training.options import SYSTEMS
from training.pace import advice_for
from training.phases import Stage, System
from training.run_folder import use_folder
from training.transfer import start_from


class Session:
    """One call of the command line of training, on one worker.

    Args:
        args: The options of the first pass; see `training.options.parse`.
        model: Name of the system.
        config: Its configuration.
        until_end: Closed when all is done: it holds the run folder until then.
        started: When the command began, of `time.monotonic`.
    """

    def __init__(
        self,
        args: argparse.Namespace,
        model: str,
        config: TrainingConfig,
        until_end: contextlib.ExitStack,
        started: float,
    ):
        self.args = args
        self.model = model
        self.until_end = until_end
        self.started = started
        self.is_new = args.resume is None
        self.folder: Path | None = None if self.is_new else args.folder
        self.trainer: Trainer | None = None
        # Grappler's remapper gives up on these gradients with an error per phase, and gains
        # nothing.
        tf.config.optimizer.set_experimental_options({"remapping": False})
        self.strategy, self.workers = join(args.strategy, args.devices, args.virtual_devices)
        until_end.enter_context(self.workers.plain_errors(self._how_to_go_on))
        if not self.is_new and not args.dry_run:
            self._hold_folder()
        device = self.strategy.extended.worker_devices[0]
        self.device = device.split("device:")[-1].split(":")[0]
        self.config = fit_precision(config, self.device, self.workers, not self.is_new)
        keras.utils.set_random_seed(self.config.seed)

    def run(self) -> int:
        """Trains, or tries a few steps with --dry-run; returns the exit status."""
        data = self.workers.in_turn(lambda: open_data(self.config))
        data.feed.probe()
        self._check_alike(data)
        module = importlib.import_module(SYSTEMS[self.model])
        with self.strategy.scope():
            system = module.create(self.config, data.labels)
        stages = system.stages()
        check_batch_sizes(stages, self.strategy.num_replicas_in_sync, self.config.accumulate)
        if self.is_new and self.config.init is not None:
            self._take_weights(system)
        measure = self._measurements(system)
        self._describe(data, system, stages)
        advice = advice_for(self.device, self.config.preset, module.PRESETS)
        reports = Reports(self.args.profile, self.args.graph, measure, advice)
        make_trainer = functools.partial(
            Trainer,
            system,
            data.feed,
            self.config,
            self.strategy,
            workers=self.workers,
            reports=reports,
        )
        if self.args.dry_run:
            dry_run(make_trainer(Path()))
            return 0
        folder = self._open_folder(data)
        self.trainer = make_trainer(folder)
        if not self.is_new:
            self._restore(self.trainer, data, stages)
        return self._train(self.trainer, folder, data)

    def _how_to_go_on(self) -> str:
        kept = None if self.trainer is None else self.trainer.newest_checkpoint()
        if kept is None:
            return "Start all workers again."
        return f"Start all workers again with --resume {self.folder}, to go on from image {kept:,}."

    def _hold_folder(self) -> None:
        """Holds the run folder until the end."""
        folder = self.folder
        assert folder is not None
        self.workers.lead(lambda: self.until_end.enter_context(use_folder(folder)))

    def _check_alike(self, data: Data) -> None:
        """Raises DeviceError unless all workers were started alike."""
        options = dataclasses.asdict(self.config)
        # Folders may have other names on other hosts; what is in them is compared.
        alike = {flag(name): options[name] for name in options if not name.startswith("data")}
        self.workers.check_alike(
            {
                "--model": self.model,
                "--resume": self.folder and self.folder.name,
                **alike,
                "number of devices": len(self.strategy.extended.worker_devices),
                "pictures": data.fingerprint,
            }
        )

    def _take_weights(self, system: System) -> None:
        """Starts from the weights that --init names, on all workers."""
        for line in self.workers.lead(lambda: start_from(system, self.config)) or ():
            print(f"Init      {line}")
        if self.args.set_by_init:
            print(f"Init      changes what you did not set: {list_changes(self.args.set_by_init)}")
        for network in system.networks.values():
            self.workers.share(network.variables)

    def _measurements(self, system: System) -> Any:
        """What --evaluate-every measures; None where nothing is."""
        if self.config.evaluate_every is None or not self.workers.is_chief:
            return None
        kind = type(system.inference_model()).__name__
        runs = self.args.runs if self.folder is None else self.folder.absolute().parent
        return Measurements(kind, self.config, self.workers.alone(self.strategy), runs).measure

    def _describe(self, data: Data, system: System, stages: Sequence[Stage]) -> None:
        plural = "s" * (data.pictures != 1)
        print(f"Data      {data.name}: {data.pictures:,} picture{plural} {data.about}".rstrip())
        print(f"Devices   {self.strategy.num_replicas_in_sync} x {self.device}")
        print("Networks")
        for name, network in system.networks.items():
            print(describe_network(name, network))
        if len(stages) > 1:
            print("Stages")
            for stage in stages:
                print(describe_stage(stage))
        if stages[-1].resolution < self.config.resolution:
            print(
                f"Note      training ends at {stages[-1].resolution} of {self.config.resolution} "
                "pixels: for more, raise --total-kimg or shorten the stages.",
                file=sys.stderr,
            )
        for line in self.config.notes():
            print(f"Note      {as_flags(line)}", file=sys.stderr)

    def _open_folder(self, data: Data) -> Path:
        """The run folder; a new one gets its options. Of several workers each keeps a log there."""
        if self.is_new:
            names = "-".join(Path(name).name for name in self.config.data)
            name = re.sub(r"[^A-Za-z0-9]+", "-", names)
            name = f"{self.model}-{name}-{self.config.resolution}"
            folder = self.workers.lead(lambda: new_run(self.args.runs, name))
            self.folder = Path(os.fsdecode(self.workers.from_chief(os.fsencode(folder or ""))))
            self._hold_folder()
        folder = self.folder
        assert folder is not None
        if self.workers.count > 1:
            log_to(folder / LOGS / f"worker-{self.workers.index}.log")
            print(
                f"Worker    {self.workers.index} of {self.workers.count}, process {os.getpid()}",
                flush=True,
            )
        if self.is_new and self.workers.is_chief:
            save_config(folder / CONFIG, self.model, self.config, data.fingerprint)
        return folder

    def _restore(self, trainer: Trainer, data: Data, stages: Sequence[Stage]) -> None:
        """Takes a run up where it stopped, and records options that change there."""
        args = self.args
        self.workers.lead(trainer.restore)
        trainer.share()
        if trainer.images_seen >= stages[-1].until_images:
            print(
                f"Note      the run is at {trainer.images_seen:,} images already: raise "
                "--total-kimg to go on.",
                file=sys.stderr,
            )
        if args.fingerprint != data.fingerprint:
            print(
                "Note      the pictures are not those that this run began with: it goes on, but it "
                "is not the run that it would have been.",
                file=sys.stderr,
            )
        if args.changed:
            # Another batch size may not fit where the run is: known before anything is written.
            stage = next((s for s in stages if trainer.images_seen < s.until_images), stages[-1])
            data.feed.at(stage.resolution, stage.batch_size).dataset(trainer.images_seen)
            if args.override:
                trainer.override()
            args.changes.append({"images_seen": trainer.images_seen, **args.changed})
            print(f"Changed   {list_changes(args.changed)}, from image {trainer.images_seen:,} on")
        if self.workers.is_chief:
            path = trainer.folder / CONFIG
            save_config(path, self.model, self.config, data.fingerprint, args.changes)

    def _train(self, trainer: Trainer, folder: Path, data: Data) -> int:
        """Trains, and says how it ended and how to go on; returns the exit status."""
        print(f"Run       {folder}")
        print(f"Curves    tensorboard --logdir {shlex.quote(str(folder.parent))}")
        resume = f"python -m training.run --resume {shlex.quote(str(folder))}"
        seconds = time.monotonic() - self.started
        print(f"Ready after {seconds:.0f} s; the first step also builds the graphs.")
        sys.stdout.flush()

        def say_stopped_at_once() -> None:
            kept = trainer.newest_checkpoint()
            print(f"Stopped at once, after {trainer.images_seen:,} images.", file=sys.stderr)
            if kept is not None:
                print(f"Go on     {resume}  # from image {kept:,}", file=sys.stderr)

        try:
            end = trainer.train(say_stopped_at_once)
        except DataError:
            newest = trainer.newest_checkpoint()
            print(f"Go on     {resume}  # from image {newest:,}", file=sys.stderr)
            raise
        except KeyboardInterrupt as stop:
            say_stopped_at_once()
            return exit_status(stop)
        if end == "time":
            limit, total = self.config.max_minutes, trainer.stages[-1].until_images
            print(
                f"Stopped by --max-minutes {limit:g} at {trainer.images_seen:,} of {total:,} "
                "images: another machine would get another model."
            )
            resume += f" --max-minutes {2 * (limit or 0):g}"
        else:
            reason = "Finished" if end == "finished" else f"Stopped by {end}"
            print(f"{reason} at {trainer.images_seen:,} images.")
        print(f"Model     {folder / MODEL}")
        print(f"Pictures  {folder / SAMPLES}")
        if data.feed.broken:
            print(f"Skipped   {len(data.feed.broken)} unreadable, named above")
        if end != "finished":
            print(f"Go on     {resume}")
        return 0 if end in ("finished", "time") else 128 + signal.Signals[end]


def new_run(runs: Path, name: str) -> Path:
    """Makes the next run folder."""
    try:
        return make_run(runs, name)
    except OSError as error:
        raise OutputError(
            f"{runs} cannot be written to ({error.strerror}). Make room, or choose another place "
            "with --runs."
        ) from error


def describe_network(name: str, network: Any) -> str:
    """Name and parameter count of one network."""
    trained = sum(v.shape.num_elements() or 1 for v in (w.value for w in network.trainable_weights))
    return f"  {name:<14} {trained:>12,} trained parameters"


def describe_stage(stage: Any) -> str:
    """Name, end, resolution and batch size of one stage, and what else it says."""
    images = f"{stage.until_images / 1000:,.10g}"
    facts = [f"{stage.resolution} pixels", f"batch {stage.batch_size}", stage.about]
    return f"  {stage.name:<10} to {images:>10} kimg: {', '.join(filter(None, facts))}"


def log_to(path: Path) -> None:
    """Copies all that this process prints to a file too, whatever prints it and until its end."""
    path.parent.mkdir(exist_ok=True)
    for stream, number in ((sys.stdout, 1), (sys.stderr, 2)):
        stream.flush()
        # A process of its own writes the last words of one that is killed, and no signal to those
        # of the terminal ends it before.
        tee = subprocess.Popen(
            ["tee", "-a", path], stdin=subprocess.PIPE, stdout=number, start_new_session=True
        )
        assert tee.stdin is not None
        os.dup2(tee.stdin.fileno(), number)
        tee.stdin.close()
