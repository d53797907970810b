"""Parts that importers make from published files; each becomes a `.keras` file."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from tfgan.importers import CheckpointError


class Labels(NamedTuple):
    """Names that a user gives to the labels of a data set.

    Attributes:
        kind: "classes", of which exactly one is true, or "attributes", each true or false.
        names: Names of the labels; empty if they are unknown.
    """

    kind: Literal["attributes", "classes"]
    names: tuple[str, ...]


class Options(NamedTuple):
    """Options for facts that files do not hold.

    Attributes:
        resolution: Size of the images in pixels.
        w_hpf: Divides the high-pass filter of StarGAN v2.
        labels: Labels of each data set, in order.
        exclusive: Groups of attributes of which at most one is true.
    """

    resolution: int | None = None
    w_hpf: float | None = None
    labels: Sequence[Labels] = ()
    exclusive: Sequence[Sequence[str]] = ()


class Part(NamedTuple):
    """A model in published files.

    Attributes:
        ending: Suffix of the file's name; empty for the model that users call.
        about: The part, as messages describe it.
        make: Makes the model, and lines about weights that were left out. Raises CheckpointError
            if the weights do not fit.
        run: Output of the model for a fixed input, as a trial; None if it makes no pictures.
    """

    ending: str
    about: str
    make: Callable[[], tuple[Any, list[str]]]
    run: Callable[[Any], Any] | None


DISCRIMINATOR = "-discriminator"
RAW = "-raw"


def class_names(options: Options, count: int, prefix: str = "class") -> list[str]:
    """Names of the classes or domains of a network: from the user, or numbered.

    Args:
        options: Options of the user.
        count: Number of classes; 0 for none.
        prefix: Prefix of numbered names.

    Raises:
        CheckpointError: If the user's names do not fit in number, or are not of classes.
    """
    label_sets = list(options.labels)
    if not label_sets:
        return [f"{prefix}{i}" for i in range(count)]
    names = list(label_sets[0].names)
    if len(label_sets) > 1 or label_sets[0].kind != "classes" or len(set(names)) != count:
        listed = "; ".join(f"{kind} {' '.join(names)}" for kind, names in label_sets)
        raise CheckpointError(
            f"it knows {count} classes, so `names` must give {count}, all different. "
            f"Received: {listed}."
            if count
            else f"it knows no classes, so there is nothing to name. Received: {listed}."
        )
    return names


def alone(
    convert: Callable[[Any], tuple[Any, list[str]]], about: str, run: Callable[[Any], Any]
) -> Callable[[Any, Options], list[Part]]:
    """The parts of files that hold one network and need no options."""
    return lambda weights, options: [Part("", about, lambda: convert(weights), run)]


def check_settings(settings: Iterable[tuple[Any, Any]], expected: Mapping[str, tuple]) -> None:
    """Refuses networks whose settings our networks cannot have.

    Args:
        settings: Names and values, of any type.
        expected: Name -> the values that it may have.

    Raises:
        CheckpointError: If a setting has another value.
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
    """Refuses networks whose fixed filters differ from ours.

    Args:
        weights: Published name -> array.
        pattern: Pattern of the names of filters, which may have any scale.
        taps: Taps of the filter along each axis.

    Raises:
        CheckpointError: If a filter has other taps.
    """
    expected = np.outer(taps, taps) / sum(taps) ** 2
    for name, value in weights.items():
        if re.search(pattern, str(name)):
            filters = np.asarray(value, np.float64).reshape(-1, *np.shape(value)[-2:])
            scale = filters.sum(axis=(-2, -1), keepdims=True)
            if filters.shape[1:] != expected.shape or np.any(
                abs(filters - scale * expected) > 1e-3 * scale
            ):
                raise CheckpointError(
                    f"its filter {name} is another than {list(taps)} along each axis, which no "
                    "network here has."
                )
