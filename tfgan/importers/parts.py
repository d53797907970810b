"""What importers make of published files: parts, each of which becomes a `.keras` file."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from tfgan.importers import CheckpointError


class Labels(NamedTuple):
    """What a user calls the labels of a data set.

    Attributes:
        kind: "classes", of which exactly one is true, or "attributes", each true or not by itself.
        names: Of the labels; none where they are not known.
    """

    kind: Literal["attributes", "classes"]
    names: tuple[str, ...]


class Options(NamedTuple):
    """What files cannot tell.

    Attributes:
        resolution: Size of the images in pixels.
        w_hpf: Divides the high-pass filter of StarGAN v2.
        labels: Of each data set, in order.
        exclusive: Groups of attributes of which at most one is true.
    """

    resolution: int | None = None
    w_hpf: float | None = None
    labels: Sequence[Labels] = ()
    exclusive: Sequence[Sequence[str]] = ()


class Part(NamedTuple):
    """A model in published files.

    Attributes:
        ending: What the name of its file ends in: nothing where it is what users call.
        about: What it is.
        make: Makes the model; also gives lines that say what was left out. Raises CheckpointError
            if the weights do not fit.
        run: Its output for fixed input, to see that it makes pictures; None where it makes none.
    """

    ending: str
    about: str
    make: Callable[[], tuple[Any, list[str]]]
    run: Callable[[Any], Any] | None


DISCRIMINATOR = "-discriminator"
RAW = "-raw"


def class_names(options: Options, count: int, prefix: str = "class") -> list[str]:
    """Names of the classes or domains of a network: those that the user gives, or numbers.

    Args:
        options: Those of the user.
        count: Of classes; 0 for none.
        prefix: Of numbered names.

    Raises:
        CheckpointError: If the user gives names of another kind, or not as many as there are.
    """
    given = list(options.labels)
    if not given:
        return [f"{prefix}{i}" for i in range(count)]
    names = list(given[0].names)
    if len(given) > 1 or given[0].kind != "classes" or len(set(names)) != count:
        listed = "; ".join(f"{kind} {' '.join(names)}" for kind, names in given)
        raise CheckpointError(
            f"it knows {count} classes, so --names must give {count}, all different. "
            f"Received: {listed}."
            if count
            else f"it knows no classes, so there is nothing to name. Received: {listed}."
        )
    return names


def alone(
    convert: Callable[[Any], tuple[Any, list[str]]], about: str, run: Callable[[Any], Any]
) -> Callable[[Any, Options], list[Part]]:
    """The parts of files that hold one network, which tell everything."""
    return lambda weights, options: [Part("", about, lambda: convert(weights), run)]


def check_settings(settings: Iterable[tuple[Any, Any]], expected: Mapping[str, tuple]) -> None:
    """Refuses networks that were made with other settings than those that ours have.

    Args:
        settings: Names and values, of any kind.
        expected: Name -> the values that it may have.

    Raises:
        CheckpointError: If one has another.
    """
    for name, value in settings:
        if name not in expected:
            continue
        plain = np.asarray(value).tolist()  # numbers of NumPy and tuples as well
        if plain not in expected[name]:
            known = " or ".join(map(str, expected[name]))
            raise CheckpointError(
                f"its network was made with {name} {str(plain)[:40]}, which no network here has. "
                f"Expected: {known}."
            )


def check_filters(weights: Mapping[str, Any], pattern: str, taps: Sequence[int]) -> None:
    """Refuses networks whose fixed filters are others than those that ours have.

    Args:
        weights: Published name -> array.
        pattern: Of the names of filters, which may have any scale.
        taps: Of the filter along each axis.

    Raises:
        CheckpointError: If one is another.
    """
    expected = np.outer(taps, taps) / sum(taps) ** 2
    for name, value in weights.items():
        if re.search(pattern, str(name)):
            found = np.asarray(value, np.float64).reshape(-1, *np.shape(value)[-2:])
            scale = found.sum(axis=(-2, -1), keepdims=True)
            if found.shape[1:] != expected.shape or np.any(
                abs(found - scale * expected) > 1e-3 * scale
            ):
                raise CheckpointError(
                    f"its filter {name} is another than {list(taps)} along each axis, which no "
                    "network here has."
                )
