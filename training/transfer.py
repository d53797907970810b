"""Training that starts from the weights of a model, and leaves parts of the discriminator alone."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tfgan.loading import class_of, find_model, load_model
from tfgan.runs import CHECKPOINTS, CONFIG, MODEL, read_config
from training.checkpoints import read_newest
from training.config import ConfigError, TrainingConfig
from training.phases import System

SHOWN = 6  # names of a list


def freeze(discriminator: Any, count: int) -> None:
    """Leaves the weights of the lowest layers of a discriminator as they are.

    Call it before the optimizers are made.

    Args:
        discriminator: With `lower_layers`: for each resolution, from the images on, its layers.
        count: Resolutions whose layers are left alone.

    Raises:
        ConfigError: If there are not as many.

    Reference:
        Mo et al. 2020, "Freeze the Discriminator", arXiv:2002.10964.
    """
    levels = discriminator.lower_layers
    if count > len(levels):
        raise ConfigError(
            f"`freeze_d` must be at most {len(levels)}, the discriminator's resolutions that can "
            f"be frozen. Received: {count}."
        )
    for layers in levels[:count]:
        for layer in layers:
            layer.trainable = False


class Weights(NamedTuple):
    """What a network can take over.

    Attributes:
        file: They are from.
        arrays: By their path below the network.
        settings: Options of what they were made for.
    """

    file: Path
    arrays: Mapping[str, np.ndarray]
    settings: Mapping[str, Any]


def start_from(system: System, config: TrainingConfig) -> list[str]:
    """Takes over the weights of a model, and those that were saved beside it.

    The model.keras of a run stands for the run: its newest whole checkpoint gives all networks.
    Else NAME.keras gives the averaged networks, and the trained ones too where there is no
    NAME-raw.keras; NAME-discriminator.keras gives the discriminator, and so on. A variable is taken
    where one of the same place and shape is there; the others stay as they were made. Networks that
    are not trained stay as they are.

    Args:
        system: Its networks are changed in place.
        config: What it was made with; `init` names a .keras file, or a run folder.

    Returns:
        Lines that say what was taken.

    Raises:
        UserError: If the file is none of such a system, or nothing much of it fits.
    """
    file = find_model(config.init or "")
    wanted, found = type(system.inference_model()).__name__, class_of(file)
    if found != wanted:
        raise ConfigError(f"`init` must hold a {wanted} for this model. Received: {file}, {found}.")
    averages = [average.target for average in system.averages]
    raw = file.with_name(f"{file.stem}-raw.keras")
    lines: list[str] = []
    of_run: dict[str, Weights] = {}
    if file.name == MODEL:
        of_run = read_run(file.parent, tuple(system.networks), lines.append)
    of_files: dict[Path, Weights] = {}
    for name, network in system.networks.items():
        if not network.trainable:
            continue
        if type(network).__name__ != wanted:
            source = file.with_name(f"{file.stem}-{name}.keras")
        else:
            source = raw if raw.is_file() and network not in averages else file
        if name in of_run:
            weights = of_run[name]
        elif source.is_file():
            if source not in of_files:
                of_files[source] = read_model(source, network)
            weights = of_files[source]
        elif config.freeze_d and name == "discriminator":
            raise ConfigError(
                f"`freeze_d` needs a discriminator that has learned, {source.name} beside "
                f"{file}, or the checkpoint of a run. Received: none. Leave `freeze_d` out."
            )
        else:
            lines.append(f"{name}: made anew, for there is no {source.name}")
            continue
        lines.append(f"{name}: {take(network, weights, config)}")
    return lines


def read_run(
    folder: Path, networks: Sequence[str], say: Callable[[str], None]
) -> dict[str, Weights]:
    """Weights of the networks of a run, by name, from its newest checkpoint that is whole.

    Args:
        folder: Of the run; any other folder gives nothing.
        networks: Names of those that are wanted.
        say: Called with a line for each damaged checkpoint.
    """
    prefixes = tuple(f"{name}/" for name in networks)
    newest = read_newest(folder / CHECKPOINTS, prefixes, say)
    if newest is None:
        return {}
    file, arrays = newest
    settings = read_config(folder / CONFIG)
    by_network: dict[str, dict[str, np.ndarray]] = {}
    for name, array in arrays.items():
        network, _, path = name.partition("/")
        by_network.setdefault(network, {})[path] = array
    return {name: Weights(file, group, settings) for name, group in by_network.items()}


def read_model(file: Path, network: Any) -> Weights:
    """Weights of a `.keras` file for a network of its class.

    Raises:
        UserError: If it cannot be read, or is of another class.
    """
    source = load_model(file)
    if type(source) is not type(network):
        raise ConfigError(
            f"{file} must hold a {type(network).__name__}. Received: {type(source).__name__}."
        )
    arrays = {v.path.partition("/")[2]: v.numpy() for v in source.variables}
    return Weights(file, arrays, source.get_config())


def take(network: Any, weights: Weights, config: TrainingConfig) -> str:
    """Gives a network the weights that fit; says how many.

    Raises:
        ConfigError: If they are less than half of its parameters.
    """
    taken, left = 0, []
    for variable in network.variables:
        path = variable.path.partition("/")[2]
        array = weights.arrays.get(path)
        if array is not None and array.shape == tuple(variable.shape):
            variable.assign(array)
            taken += array.size
        else:
            left.append((math.prod(variable.shape), path))
    total = taken + sum(size for size, _ in left)
    if 2 * taken < total:
        raise ConfigError(
            f"`init` must have half of the parameters or more of this network. Received: "
            f"{weights.file}, which has {taken:,} of {total:,}. Use the settings that it has: "
            f"{_settings(weights.settings, network, config) or 'no option tells them apart'}."
        )
    names = [path for _, path in sorted(left, reverse=True)]
    more = ", ..." if len(names) > SHOWN else ""
    anew = f"; made anew: {', '.join(names[:SHOWN])}{more}" if names else ""
    return f"{taken:,} of {total:,} parameters of {weights.file.name}{anew}"


def _settings(wanted: Mapping[str, Any], network: Any, config: TrainingConfig) -> str:
    """Options of a run that would make a network as another one was made."""
    known = {field.name for field in dataclasses.fields(config)}
    own = network.get_config()
    return " ".join(
        f"`{name}` {wanted[name]}"
        for name, value in own.items()
        if name in known & set(wanted)
        and isinstance(wanted[name], int | float | str)
        and wanted[name] != value
    )
