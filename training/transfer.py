"""Training that starts from the weights of a model, and leaves parts of the discriminator alone."""

import dataclasses
import math
from pathlib import Path
from typing import Any

from tfgan.loading import class_of, find_model, load_model
from training.config import ConfigError, TrainingConfig, flag
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
            f"--freeze-d must be at most {len(levels)}, the discriminator's resolutions that can "
            f"be frozen. Received: {count}."
        )
    for layers in levels[:count]:
        for layer in layers:
            layer.trainable = False


def start_from(system: System, config: TrainingConfig) -> list[str]:
    """Takes over the weights of a model, and those that were saved beside it.

    NAME.keras gives the averaged networks, and the trained ones too where there is no
    NAME-raw.keras. NAME-discriminator.keras gives the discriminator. A variable is taken where one
    of the same place and shape is there; the others stay as they were made.

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
        raise ConfigError(f"--init must hold a {wanted} for this model. Received: {file}, {found}.")
    averages = [average.target for average in system.averages]
    beside = {
        part: file.with_name(f"{file.stem}-{part}.keras") for part in ("raw", "discriminator")
    }
    sources = {file: load_model(file)}
    lines = []
    for name, network in system.networks.items():
        if type(network).__name__ != wanted:
            source = beside["discriminator"]
        else:
            raw = beside["raw"]
            source = raw if raw.is_file() and network not in averages else file
        if not source.is_file():
            if config.freeze_d:
                raise ConfigError(
                    f"--freeze-d needs a discriminator that has learned, {source.name} beside "
                    f"{file}. Received: none. Leave --freeze-d out."
                )
            lines.append(f"{name}: made anew, for there is no {source.name}")
            continue
        if source not in sources:
            sources[source] = load_model(source)
        lines.append(f"{name}: {take(network, sources[source], source, config)}")
    return lines


def take(network: Any, source: Any, file: Path, config: TrainingConfig) -> str:
    """Copies the variables of a network that another one of its class has; says how many.

    Raises:
        ConfigError: If it is of another class, or has less than half of the parameters.
    """
    if type(source) is not type(network):
        raise ConfigError(
            f"{file} must hold a {type(network).__name__}. Received: {type(source).__name__}."
        )
    there = {variable.path.partition("/")[2]: variable for variable in source.variables}
    taken, left = 0, []
    for variable in network.variables:
        path = variable.path.partition("/")[2]
        if path in there and tuple(there[path].shape) == tuple(variable.shape):
            variable.assign(there[path].numpy())
            taken += math.prod(variable.shape)
        else:
            left.append((math.prod(variable.shape), path))
    total = taken + sum(size for size, _ in left)
    if 2 * taken < total:
        raise ConfigError(
            f"--init must have half of the parameters or more of this network. Received: {file}, "
            f"which has {taken:,} of {total:,}. Use the settings that it has: "
            f"{_settings(source, network, config) or 'no option tells them apart'}."
        )
    names = [path for _, path in sorted(left, reverse=True)]
    more = ", ..." if len(names) > SHOWN else ""
    anew = f"; made anew: {', '.join(names[:SHOWN])}{more}" if names else ""
    return f"{taken:,} of {total:,} parameters of {file.name}{anew}"


def _settings(source: Any, network: Any, config: TrainingConfig) -> str:
    """Options of a run that would make a network as another one was made."""
    known = {field.name for field in dataclasses.fields(config)}
    own, wanted = network.get_config(), source.get_config()
    return " ".join(
        f"{flag(name)} {value}"
        for name, value in wanted.items()
        if name in known and isinstance(value, int | float | str) and value != own.get(name)
    )
