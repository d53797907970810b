"""Features -> statistics -> numbers, one file per metric; without networks."""

from tfgan.terminal import UserError


class MetricError(UserError):
    """There are too few pictures for a metric, or two sets do not fit together."""


def check_features(features, others, least: int) -> None:
    """Raises `MetricError` unless two sets are [N, C] and [M, C] with N >= least and M >= least."""
    shapes = [tuple(array.shape) for array in (features, others)]
    if any(len(shape) != 2 for shape in shapes) or shapes[0][1] != shapes[1][1]:
        raise MetricError(
            "both sets must have features of one network, [N, C] and [M, C]. "
            f"Received: {list(shapes[0])} and {list(shapes[1])}."
        )
    if min(shapes[0][0], shapes[1][0]) < least:
        raise MetricError(
            f"each set must have {least} pictures or more. "
            f"Received: {shapes[0][0]} and {shapes[1][0]}. Use more pictures."
        )
