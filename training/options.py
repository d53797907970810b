"""From the command line of training to the options of a run, new or resumed."""

import argparse
import dataclasses
import importlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tfgan.errors import UserError, flag
from tfgan.evaluate.systems import check_packages
from tfgan.loading import check_writable
from tfgan.runs import CONFIG, LATEST, RUNS, config_from, latest_run, read_config
from tfgan.terminal import CommandParser

# What reads pictures is imported where it is used: --help need not wait for it.

# Module of each model, imported once it is asked for. MODULE_options has its options and presets.
SYSTEMS = {
    "stargan": "training.systems.stargan",
    "stargan-v2": "training.systems.stargan_v2",
    "stylegan": "training.systems.stylegan",
    "stylegan2": "training.systems.stylegan2",
}


def first_pass(about: str = "") -> CommandParser:
    """Options that decide which other options there are; `about` is what --help says first."""
    parser = CommandParser(
        prog="python -m training.run",
        description=about,
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
    check_writable(runs, "runs")


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


def parse(argv: list[str], about: str = "") -> tuple[argparse.Namespace, str, Any]:
    """Reads the command line in two passes: model and preset, then their options.

    Args:
        argv: The command line.
        about: What --help says first.

    Returns:
        The options of the first pass, the name of the system, and its configuration. The first say
        as `set_by_init` what --init changed, and of a run that is resumed the `folder`, the
        `fingerprint` of its pictures, earlier `changes` of options, and what is `changed` now.

    Raises:
        UserError: If an option, or the run that is resumed, cannot be used.
    """
    parser = first_pass(about)
    args, rest = parser.parse_known_args(argv)
    if args.help and args.model is None and args.resume is None:
        parser.print_help()
        print("\nWith --model MODEL --help: also the options of that model.")
        sys.exit(0)
    check_packages(rest)  # before seconds are spent on reading what the words are options of
    stored = _read_run(args)
    if args.model is None:
        parser.error(f"--model is needed: one of {', '.join(sorted(SYSTEMS))}")
    presets = importlib.import_module(f"{SYSTEMS[args.model]}_options").PRESETS
    defaults = _preset(args, presets) if stored is None else _resumed(args, stored, presets)
    if args.help:
        _print_presets(parser, args.model, presets)
        rest = ["--help"]

    def read(defaults: Any) -> Any:
        return _read_options(parser, args.model, defaults, rest)

    return args, args.model, _settle(args, defaults, read)


def _read_run(args: argparse.Namespace) -> dict[str, Any] | None:
    """Options that the run holds which is resumed; None where a new one begins."""
    from training.config import ConfigError

    if args.resume is None:
        if args.override:
            raise ConfigError("--override belongs to --resume. Received: --override alone.")
        check_runs(args.runs)
        return None
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
    return stored


def _resumed(
    args: argparse.Namespace, stored: Mapping[str, Any], presets: Mapping[str, Callable[[], Any]]
) -> Any:
    """The configuration of the run that is resumed."""
    from training.config import ConfigError

    if args.preset is not None:
        raise ConfigError("a resumed run keeps its options: leave --preset out.")
    (config_type,) = {type(make()) for make in presets.values()}
    return config_from(stored, config_type, args.folder / CONFIG).settled()


def _preset(args: argparse.Namespace, presets: Mapping[str, Callable[[], Any]]) -> Any:
    """The configuration that a new run starts from."""
    from training.config import ConfigError

    preset = args.preset or "avatars"
    if preset not in presets:
        known = ", ".join(presets)
        raise ConfigError(f"--preset must be one of {known}. Received: {preset}.")
    return presets[preset]()


def _print_presets(
    parser: CommandParser, model: str, presets: Mapping[str, Callable[[], Any]]
) -> None:
    parser.print_help()
    print("\nPresets:")
    for name, make in presets.items():
        print(f"\n  {name}: {make.__doc__}".rstrip())
    print(f"\nOptions of --model {model}, with the defaults of this preset:\n")


def _read_options(parser: CommandParser, model: str, defaults: Any, rest: list[str]) -> Any:
    """Reads the options of a system; those that are not given have the values of `defaults`."""
    import tyro

    try:
        return tyro.cli(
            type(defaults),
            default=defaults,
            args=joined(rest, "--data"),
            prog=f"{parser.prog} --model {model}",
            description="",
        )
    except SystemExit as end:
        # tyro knows the options of the model alone.
        names = [field.name for field in dataclasses.fields(defaults)]
        near = parser.suggestions([flag(prefix + n) for n in names for prefix in ("", "no_")])
        if end.code and near:
            print(near, file=sys.stderr)
        raise


def _settle(args: argparse.Namespace, defaults: Any, read: Callable[[Any], Any]) -> Any:
    """Reads the options, applies what --init sets, records what a resumed run changes; checks."""
    from training.config import changed_options, check_resumed
    from training.data import check_networks

    config = read(defaults)
    args.set_by_init = {}
    if args.resume is not None:
        args.changed = changed_options(defaults, config)
        check_resumed(args.changed, args.override)
    elif config.init is not None:
        without = config
        # Read once more, so that an option that was given stays as it was given.
        config = read(dataclasses.replace(defaults, **config.with_init))
        args.set_by_init = changed_options(without, config)
    config.check()
    check_networks(config)
    return config
