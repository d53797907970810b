"""python -m training.run: trains a generator from pictures.

Examples:
  python -m training.run --model stylegan2
      Trains on the built-in drawn faces; 45,000 images, 7.4 minutes on two CPU cores.
  python -m training.run --model stylegan2 --preset small-data-cpu --data my_pictures
      Trains on a folder of own pictures, with adaptive augmentation; half an hour without a GPU.
  python -m training.run --model stylegan2 --preset small-data --data my_pictures
      The same at 256 pixels, on a GPU.
  python -m training.run --model stylegan2 --preset small-data --data tfds:oxford_flowers102
      Trains on a set of tensorflow-datasets.
  python -m training.run --model stylegan --preset ffhq-256 --data my_pictures
      Grows from 8 to 256 pixels.
  python -m training.run --model stargan-v2 --preset afhq-256 --data my_domains
      Trains translations between the sub-folders of a folder.
  python -m training.run --model stylegan2 --evaluate-every 50 --metrics swd avatar-fd
      Adds curves of quality, as python -m training.evaluate measures it.
  python -m training.run --model stylegan2 --preset small-data --data cats --init faces.keras
      Starts from the weights of another model; --freeze-d 4 keeps parts of the discriminator.
      Sets --ema-rampup None and --ada-kimg 100 unless you give them.
  python -m training.run --resume latest
      Takes up the newest run where it stopped.
  python -m training.run --resume latest --learning-rate 0.001 --override
      The same with another option, which makes it another run; config.json keeps the change.
  srun python -m training.run --model stylegan2 --preset ffhq-256 --data /shared/faces
      Trains on all nodes of a SLURM job; elsewhere TF_CONFIG names the workers.

Ctrl-C and SIGTERM save after the step at hand. The exit status is then 130 or 143, so that a
command after && does not run; 0 where training ended by itself, 1 where it could not go on, and 2
for a mistake in what was asked for.
"""

import argparse
import contextlib
import dataclasses
import importlib
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tfgan.errors import as_flags, flag
from tfgan.loading import OutputError, check_writable
from tfgan.runs import (
    CONFIG,
    LATEST,
    LOGS,
    MODEL,
    RUNS,
    SAMPLES,
    config_from,
    latest_run,
    make_run,
    read_config,
    save_config,
)
from tfgan.terminal import (
    CommandParser,
    UserError,
    command,
    exit_status,
    import_tensorflow,
    run_command,
)
from training.evaluate.kinds import check_packages

# Module of each model, imported once it is asked for. MODULE_options has its options and presets.
SYSTEMS = {
    "stargan": "training.systems.stargan",
    "stargan-v2": "training.systems.stargan_v2",
    "stylegan": "training.systems.stylegan",
    "stylegan2": "training.systems.stylegan2",
}


def first_pass() -> CommandParser:
    """Options that decide which other options there are."""
    parser = CommandParser(
        prog="python -m training.run",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        add_help=False,
    )
    add = parser.add_argument
    add("--model", choices=sorted(SYSTEMS), help="system to train")
    add("--preset", help="named set of options that the others start from; the default is avatars")
    add("--resume", metavar="RUN", help="run folder to go on with, or 'latest'")
    add("--override", action="store_true", help="let a resumed run change more than its length")
    add("--runs", type=Path, default=RUNS, help="folder of all runs (default: runs)")
    add(
        "--strategy",
        choices=("auto", "one", "mirrored", "multi-worker"),
        default="auto",
        help="one device, several of this machine, or those of all workers that TF_CONFIG or SLURM "
        "name (default: auto, all that there is)",
    )
    add("--devices", type=int, default=0, help="number of devices of each worker (default: all)")
    add("--virtual-devices", type=int, default=1, help="split the CPU, to try several devices")
    add(
        "--dry-run",
        action="store_true",
        help="print options, networks, first batch, and speed, time and memory from a few timed "
        "steps, and exit",
    )
    add("--profile", action="store_true", help="record a profile of a few steps for TensorBoard")
    add("--graph", action="store_true", help="show the graphs of the phases in TensorBoard")
    add("-h", "--help", action="store_true", help="show this help and the options of the model")
    return parser


def find_run(name: str, runs: Path) -> Path:
    """The run folder that --resume names."""
    if name != LATEST:
        return Path(name)
    folder = latest_run(runs, CONFIG)
    if folder is None:
        raise UserError(f"--resume latest needs a run. Received: {runs} holds none.")
    return folder


def check_runs(runs: Path) -> None:
    """Raises an error unless run folders can be made below `runs`."""
    if runs.exists() and not runs.is_dir():
        raise UserError(f"--runs must be a folder. Received: {runs}, which is a file.")
    check_writable(runs, "--runs")


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


def joined(arguments: list[str], option: str) -> list[str]:
    """Makes one occurrence of an option that is given several times, with all its values."""
    rest, values = [], []
    taking = False
    for argument in arguments:
        if argument.startswith("-"):
            taking = argument == option
            if argument.startswith(f"{option}="):
                values.append(argument.removeprefix(f"{option}="))
            elif not taking:
                rest.append(argument)
        else:
            (values if taking else rest).append(argument)
    return [*rest, option, *values] if values else arguments


def parse(argv: list[str]) -> tuple[argparse.Namespace, str, Any]:
    """Reads the command line in two passes: model and preset, then their options."""
    import tyro

    parser = first_pass()
    args, rest = parser.parse_known_args(argv)
    if args.help and args.model is None and args.resume is None:
        parser.print_help()
        print("\nWith --model MODEL --help: also the options of that model.")
        sys.exit(0)
    before = None
    check_packages(rest)  # before seconds are spent on reading what the words are options of
    from training.config import ConfigError, changed_options, check_resumed
    from training.data import check_networks

    if args.override and args.resume is None:
        raise ConfigError("--override belongs to --resume. Received: --override alone.")
    if args.resume is not None:
        if not args.resume:
            raise ConfigError("--resume needs a run folder, or latest. Received: nothing.")
        args.folder = find_run(args.resume, args.runs)
        stored = read_config(args.folder / CONFIG)
        model, args.fingerprint = stored.pop("model"), stored.pop("fingerprint")
        args.changes = stored.pop("changes")
        if model not in SYSTEMS:
            raise ConfigError(f"{args.folder} is a run of {model}, which is not known here.")
        if args.model not in (None, model):
            raise ConfigError(f"{args.folder} is a run of {model}. Received: --model {args.model}.")
        args.model = model
    else:
        check_runs(args.runs)
    if args.model is None:
        parser.error(f"--model is needed: one of {', '.join(sorted(SYSTEMS))}")
    presets = importlib.import_module(f"{SYSTEMS[args.model]}_options").PRESETS
    if args.resume is not None:
        if args.preset is not None:
            raise ConfigError("a resumed run keeps its options: leave --preset out.")
        (config_type,) = {type(make()) for make in presets.values()}
        before = config_from(stored, config_type, args.folder / CONFIG).settled()
    else:
        preset = args.preset or "avatars"
        if preset not in presets:
            known = ", ".join(presets)
            raise ConfigError(f"--preset must be one of {known}. Received: {preset}.")
        before = presets[preset]()
    if args.help:
        parser.print_help()
        print("\nPresets:")
        for name, make in presets.items():
            print(f"\n  {name}: {make.__doc__}".rstrip())
        print(f"\nOptions of --model {args.model}, with the defaults of this preset:\n")
        rest = ["--help"]

    def read(defaults: Any) -> Any:
        try:
            return tyro.cli(
                type(defaults),
                default=defaults,
                args=joined(rest, "--data"),
                prog=f"{parser.prog} --model {args.model}",
                description="",
            )
        except SystemExit as end:
            # tyro knows the options of the model alone.
            names = [field.name for field in dataclasses.fields(defaults)]
            near = parser.suggestions([flag(prefix + n) for n in names for prefix in ("", "no_")])
            if end.code and near:
                print(near, file=sys.stderr)
            raise

    config = read(before)
    args.set_by_init = {}
    if args.resume is None and config.init is not None:
        without = config
        # Read once more, so that an option that was given stays as it was given.
        config = read(dataclasses.replace(before, **config.with_init))
        args.set_by_init = changed_options(without, config)
    if args.resume is not None:
        args.changed = changed_options(before, config)
        check_resumed(args.changed, args.override)
    config.check()
    check_networks(config)
    return args, args.model, config


def run(argv: list[str], until_end: contextlib.ExitStack) -> int:
    """Does what the command line says; returns the exit status.

    Args:
        argv: The command line.
        until_end: Closed when all is done: it holds the run folder until then.
    """
    started = time.monotonic()
    args, model, config = parse(argv)
    import_tensorflow()
    import keras
    import tensorflow as tf

    from tfgan.data.sources import DataError
    from training.config import list_changes
    from training.data import open_data
    from training.distribution import join
    from training.dry_run import dry_run
    from training.evaluate.while_training import Measurements
    from training.half_precision import fit_precision
    from training.loop import Trainer, check_batch_sizes
    from training.pace import advice_for
    from training.run_folder import use_folder
    from training.transfer import start_from

    # Grappler's remapper gives up on these gradients with an error per phase, and gains nothing.
    tf.config.optimizer.set_experimental_options({"remapping": False})
    strategy, workers = join(args.strategy, args.devices, args.virtual_devices)
    trainer = None

    def go_on() -> str:
        kept = None if trainer is None else trainer.newest_checkpoint()
        if kept is None:
            return "Start all workers again."
        return f"Start all workers again with --resume {args.folder}, to go on from image {kept:,}."

    until_end.enter_context(workers.plain_errors(go_on))
    if args.resume is not None and not args.dry_run:
        workers.lead(lambda: until_end.enter_context(use_folder(args.folder)))
    device = strategy.extended.worker_devices[0].split("device:")[-1].split(":")[0]
    config = fit_precision(config, device, workers, args.resume is not None)
    keras.utils.set_random_seed(config.seed)
    data = workers.in_turn(lambda: open_data(config))
    data.feed.probe()
    options = dataclasses.asdict(config)
    # Folders may have other names on other hosts; what is in them is compared.
    alike = {flag(name): options[name] for name in options if not name.startswith("data")}
    run_resumed = args.folder.name if args.resume is not None else None
    workers.check_alike(
        {
            "--model": model,
            "--resume": run_resumed,
            **alike,
            "number of devices": len(strategy.extended.worker_devices),
            "pictures": data.fingerprint,
        }
    )
    module = importlib.import_module(SYSTEMS[model])
    with strategy.scope():
        system = module.create(config, data.labels)
    stages = system.stages()
    check_batch_sizes(stages, strategy.num_replicas_in_sync, config.accumulate)
    if config.init is not None and args.resume is None:
        for line in workers.lead(lambda: start_from(system, config)) or ():
            print(f"Init      {line}")
        if args.set_by_init:
            print(f"Init      changes what you did not set: {list_changes(args.set_by_init)}")
        for network in system.networks.values():
            workers.share(network.variables)
    measure = None
    if config.evaluate_every is not None and workers.is_chief:
        kind = type(system.inference_model()).__name__
        runs = args.runs if args.resume is None else args.folder.absolute().parent
        measure = Measurements(kind, config, workers.alone(strategy), runs).measure
    plural = "s" * (data.pictures != 1)
    print(f"Data      {data.name}: {data.pictures:,} picture{plural} {data.about}".rstrip())
    print(f"Devices   {strategy.num_replicas_in_sync} x {device}")
    print("Networks")
    for name, network in system.networks.items():
        print(describe_network(name, network))
    if len(stages) > 1:
        print("Stages")
        for stage in stages:
            print(describe_stage(stage))
    if stages[-1].resolution < config.resolution:
        print(
            f"Note      training ends at {stages[-1].resolution} of {config.resolution} pixels: "
            "for more, raise --total-kimg or shorten the stages.",
            file=sys.stderr,
        )
    for line in config.notes():
        print(f"Note      {as_flags(line)}", file=sys.stderr)
    advice = advice_for(device, config.preset, module.PRESETS)
    if args.dry_run:
        dry_run(
            Trainer(
                system, data.feed, config, strategy, Path(), workers=workers, slow_advice=advice
            )
        )
        return 0
    if args.resume is None:
        name = re.sub(r"[^A-Za-z0-9]+", "-", "-".join(Path(one).name for one in config.data))
        name = f"{model}-{name}-{config.resolution}"
        args.folder = workers.lead(lambda: new_run(args.runs, name))
        args.folder = Path(os.fsdecode(workers.from_chief(os.fsencode(args.folder or ""))))
        workers.lead(lambda: until_end.enter_context(use_folder(args.folder)))
    if workers.count > 1:
        log_to(args.folder / LOGS / f"worker-{workers.index}.log")
        print(f"Worker    {workers.index} of {workers.count}, process {os.getpid()}", flush=True)
    if args.resume is None and workers.is_chief:
        save_config(args.folder / CONFIG, model, config, data.fingerprint)
    trainer = Trainer(
        system,
        data.feed,
        config,
        strategy,
        args.folder,
        args.profile,
        args.graph,
        measure,
        workers,
        advice,
    )
    if args.resume is not None:
        workers.lead(trainer.restore)
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
        if workers.is_chief:
            save_config(args.folder / CONFIG, model, config, data.fingerprint, args.changes)
    print(f"Run       {args.folder}")
    print(f"Curves    tensorboard --logdir {shlex.quote(str(args.folder.parent))}")
    resume = f"python -m training.run --resume {shlex.quote(str(args.folder))}"
    print(f"Ready after {time.monotonic() - started:.0f} s; the first step also builds the graphs.")
    sys.stdout.flush()

    def say_stopped_at_once() -> None:
        kept = trainer.newest_checkpoint()
        print(f"Stopped at once, after {trainer.images_seen:,} images.", file=sys.stderr)
        if kept is not None:
            print(f"Go on     {resume}  # from image {kept:,}", file=sys.stderr)

    try:
        end = trainer.train(say_stopped_at_once)
    except DataError:
        print(f"Go on     {resume}  # from image {trainer.newest_checkpoint():,}", file=sys.stderr)
        raise
    except KeyboardInterrupt as stop:
        say_stopped_at_once()
        return exit_status(stop)
    if end == "time":
        limit, total = config.max_minutes, stages[-1].until_images
        print(
            f"Stopped by --max-minutes {limit:g} at {trainer.images_seen:,} of {total:,} images: "
            "another machine would get another model."
        )
        resume += f" --max-minutes {2 * limit:g}"
    else:
        reason = "Finished" if end == "finished" else f"Stopped by {end}"
        print(f"{reason} at {trainer.images_seen:,} images.")
    print(f"Model     {args.folder / MODEL}")
    print(f"Pictures  {args.folder / SAMPLES}")
    if data.feed.broken:
        print(f"Skipped   {len(data.feed.broken)} unreadable, named above")
    if end != "finished":
        print(f"Go on     {resume}")
    return 0 if end in ("finished", "time") else 128 + signal.Signals[end]


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


@command(stopped="Stopped before training began.")
def main(argv: list[str] | None = None) -> int:
    """Trains; returns the exit status."""
    with contextlib.ExitStack() as until_end:
        return run(sys.argv[1:] if argv is None else argv, until_end)


if __name__ == "__main__":
    run_command(main)
