"""Loads published weights into networks: rules for names, layouts, lists of misfits."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tfgan.importers import CheckpointError

# Pattern and replacement, as re.sub takes them. They are applied in order.
Rules = Sequence[tuple[str, str | Callable[[re.Match[str]], str]]]

# Pattern of names that PyTorch stores and no network needs, and the reason.
COUNTERS = (r"\.num_batches_tracked$", "counters that only training needs")
_SHOWN = 20  # names of a list


def torch_layout(name: str, value: np.ndarray) -> np.ndarray:
    """PyTorch's kernels, [out, in, kh, kw] and [out, in], in Keras's layout; others unchanged."""
    if value.ndim == 4:
        return value.transpose(2, 3, 1, 0)
    return value.T if value.ndim == 2 else value


class Names(NamedTuple):
    """Names and layouts of the weights of a published network.

    Attributes:
        about: The network, such as "the network of face landmarks".
        rules: From a published name to the path of the variable, with dots for slashes.
        left_out: Patterns of names that the network does not need, each with the reason.
        layout: Published name and array -> array in the shape of the variable.
        optional: Pattern of paths of variables that files may lack; they keep their initial values.
    """

    about: str
    rules: Rules
    left_out: Sequence[tuple[str, str]] = (COUNTERS,)
    layout: Callable[[str, np.ndarray], np.ndarray] = torch_layout
    optional: str = "(?!)"

    def path(self, name: str) -> str:
        """Path, below the network, of the variable that a published weight belongs to.

        For names that do not belong to the network it is a path that no variable has.
        """
        for pattern, replacement in self.rules:
            name = re.sub(pattern, replacement, name)
        return name.replace(".", "/")


def by_path(network: Any) -> dict[str, Any]:
    """The variables of a built layer or model by their paths below it."""
    return {variable.path.split("/", 1)[1]: variable for variable in network.variables}


def shapes_by_path(weights: Mapping[Any, Any], names: Names) -> dict[str, tuple[int, ...]]:
    """Shapes of published weights in our layout, by path, to read a configuration from."""
    shapes = {}
    for published, value in weights.items():
        if isinstance(value, np.ndarray):
            laid_out = _lay_out(names, str(published), value)
            if laid_out is not None:
                shapes[names.path(str(published))] = laid_out.shape
    return shapes


def size_of(shapes: Mapping[str, tuple[int, ...]], path: str, axis: int) -> int:
    """Length of an axis of a weight; raises CheckpointError if the weight is missing."""
    shape = shapes.get(path, ())
    if not -len(shape) <= axis < len(shape):
        raise CheckpointError(
            f"it lacks a weight that the others go by: {path} (as it is called here)."
        )
    return shape[axis]


def channels_of(widths: Mapping[int, int]) -> dict[str, int]:
    """channel_base and channel_max, from the number of feature maps by resolution."""
    return {
        "channel_base": max(size * width for size, width in widths.items()),
        "channel_max": max(widths.values()),
    }


def fill(variables: Mapping[str, Any], weights: Mapping[Any, Any], names: Names) -> list[str]:
    """Sets variables to published weights: all, or none if an error is raised.

    Args:
        variables: Variables by path, see `by_path`.
        weights: Published name -> array.
        names: Names and layouts of the weights.

    Returns:
        Lines about weights that were left out.

    Raises:
        CheckpointError: If names are missing or unknown, or shapes do not fit.
    """
    shapes = {path: tuple(variable.shape) for path, variable in variables.items()}
    chosen, notes = _choose(shapes, weights, names)
    for path, value in chosen.items():
        variables[path].assign(value)
    return notes


def load(
    make: Callable[[], Any], weights: Mapping[Any, Any], names: Names
) -> tuple[Any, list[str]]:
    """Makes a network from published weights.

    Args:
        make: Makes a layer or model with the configuration of the weights, not yet built.
        weights: Published name -> array.
        names: Names and layouts of the weights.

    Returns:
        The network, built and filled, and lines about weights that were left out.

    Raises:
        CheckpointError: As `fill`; and if the configuration is impossible.
    """
    import tensorflow as tf

    try:
        # Variables of a graph have shapes but no values: a few small weights of a hostile file may
        # describe a network that would fill the memory. Keras' StatelessScope would create the
        # values later.
        with tf.Graph().as_default():
            planned = make()
            planned.build()
    except (ValueError, TypeError, ArithmeticError) as error:
        raise CheckpointError(f"it is of no network that can be made here: {error}") from error
    shapes = {path: tuple(variable.shape) for path, variable in by_path(planned).items()}
    chosen, notes = _choose(shapes, weights, names)
    network = make()
    network.build()
    variables = by_path(network)
    for path, value in chosen.items():
        variables[path].assign(value)
    return network, notes


def _choose(
    shapes: Mapping[str, tuple[int, ...]], weights: Mapping[Any, Any], names: Names
) -> tuple[dict[str, np.ndarray], list[str]]:
    """The value of each path, and lines about weights left out; refuses weights that do not fit."""
    left_out: Counter[str] = Counter()
    chosen: dict[str, np.ndarray] = {}
    unknown, unfit = [], []
    for published, value in weights.items():
        name = str(published)
        reasons = [reason for pattern, reason in names.left_out if re.search(pattern, name)]
        if reasons:
            left_out[reasons[0]] += 1
            continue
        path = names.path(name)
        if path not in shapes:
            unknown.append(name)
            continue
        expected = shapes[path]
        if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
            unfit.append(f"{name}: must hold floating point numbers")
        elif (laid_out := _lay_out(names, name, value)) is None or laid_out.shape != expected:
            unfit.append(f"{name}: {list(value.shape)} does not fit {path} {list(expected)}")
        elif not np.all(np.isfinite(value)):
            unfit.append(f"{name}: has values that are no numbers")
        elif path in chosen:
            unfit.append(f"{name}: another name has given {path} already")
        else:
            value = laid_out
        chosen[path] = value
    problems = {
        "missing (as they are called here)": sorted(
            path for path in shapes.keys() - chosen.keys() if not re.search(names.optional, path)
        ),
        "not of this network": unknown,
        "of another kind or shape": unfit,
    }
    if any(problems.values()):
        raise CheckpointError(
            f"it holds other weights than {names.about} has."
            + "".join(_list(what, listed) for what, listed in problems.items() if listed)
        )
    return chosen, [f"{count} {reason}" for reason, count in left_out.items()]


def _lay_out(names: Names, name: str, value: np.ndarray) -> np.ndarray | None:
    """The array in our layout; None if its number of dimensions does not fit."""
    try:
        return names.layout(name, value)
    except (ValueError, IndexError):
        return None


def _list(what: str, names: list[str]) -> str:
    more = [f"... and {len(names) - _SHOWN} more"] if len(names) > _SHOWN else []
    return f"\n{len(names)} {what}:" + "".join(f"\n  {n}" for n in [*names[:_SHOWN], *more])
