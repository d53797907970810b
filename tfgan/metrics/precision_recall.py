"""Precision and recall of two sets: features -> neighbourhoods -> shares.

Billions of distances are needed, and most of them only to see that they are large. So a fast
product of rounded features gives each a bound that is surely not above it, and the few that the
bounds do not settle are computed in float64. The numbers are those of float64 throughout.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfgan.metrics import MetricError, check_features
from tfgan.metrics.intervals import Interval, share
from tfgan.terminal import Progress

NEIGHBOURS = 3
GROUP = 16  # bounds of which the least is looked at first
PAIRS = 2**25  # whose bounds are in memory
CHUNK = 64  # pairs whose features are in the processor's cache
ROWS = 4096  # that are rounded at a time
PADDING = (NEIGHBOURS + 1) * GROUP  # rows are made a multiple, so that four groups have some
SPACING = {tf.float32: 2.0**-23, tf.bfloat16: 2.0**-7}  # of numbers, relative to them
FAR = 2.0**120  # bound of columns that are there for the shape alone


class PrecisionRecall(NamedTuple):
    """Shares of pictures inside the neighbourhoods of the other set.

    Attributes:
        precision: Of the fakes.
        recall: Of the reals.
    """

    precision: Interval
    recall: Interval


class Rounded(NamedTuple):
    """A set prepared for fast products.

    Attributes:
        features: As they were, [N, C].
        right: Rounded rows, then three columns of ones, and three whose sum is half the squared
            length times 1 - slack; then zeros. [M, K], M >= N.
        squares: Squared lengths of the rows, float64 [N].
        slack: The bound of a pair is not more than slack times the sum of its squared lengths below
            half the squared distance.
    """

    features: np.ndarray
    right: tf.Tensor
    squares: np.ndarray
    slack: float


class Bounds(NamedTuple):
    """Bounds of the pairs of some rows and all columns.

    Attributes:
        rows: The rows.
        values: Not above half the squared distances, in numbers that have the order of the bounds
            and may be compared with `in_order` of a limit, [R, M].
    """

    rows: slice
    values: np.ndarray


def fastest_type() -> tf.DType:
    """bfloat16 where its products are faster than those of float32 here."""
    seconds = {}
    for kind in (tf.float32, tf.bfloat16):
        x = tf.ones([1024, 1024], kind)
        times = []
        for _ in range(4):  # the first prepares, and others may be disturbed
            start = time.perf_counter()
            np.asarray(tf.matmul(x, x))
            times.append(time.perf_counter() - start)
        seconds[kind] = min(times)
    return min(seconds, key=lambda kind: seconds[kind])


def in_order(values: np.ndarray) -> np.ndarray:
    """Values of either type as numbers that NumPy compares fast: the bits of bfloat16 as integers.

    Bits of positive numbers have the order of the numbers. A bound below 0 becomes a negative
    integer, and so is below any limit.
    """
    return values.view(np.int16) if values.dtype.itemsize == 2 else values


def rounded_limits(limits: np.ndarray, kind: tf.DType) -> np.ndarray:
    """Limits of half the squared distance as numbers to compare `Bounds.values` with.

    Rounding is monotonic: a bound that is not above a limit is not above it after both are rounded.
    """
    return in_order(limits.astype(np.float32).astype(kind.as_numpy_dtype))


def append_columns(rows: tf.Tensor, halves: np.ndarray, columns: int) -> tf.Tensor:
    """Makes `Rounded.right` of rounded rows [N, C] and what their last columns sum up to, [N]."""
    count, width = rows.shape
    padding = -count % PADDING
    rest = np.pad(halves, (0, padding), constant_values=FAR)
    beside = np.zeros((len(rest), columns - width), rows.dtype.as_numpy_dtype)
    beside[:, :3] = 1
    for column in range(3, 6):
        beside[:, column] = rest.astype(np.float32)
        rest = rest - beside[:, column].astype(np.float64)
    return tf.concat([tf.pad(rows, [[0, padding], [0, 0]]), beside], axis=1)


def round_sets(sets: list[np.ndarray], kind: tf.DType) -> list[Rounded]:
    """Prepares sets for products among them (see `Rounded`).

    With rows x and y, what rounding leaves of them x' and y', and |x - x'| <= e |x|:
    |x.y - x'.y'| <= (2 e + e^2) |x| |y| <= (2 e + e^2) (|x|^2 + |y|^2) / 2. A sum of K products in
    float32, in any order, is off by K 2^-24 times the sum of their sizes, which is at most
    (1 + e)^2 (|x|^2 + |y|^2). And 2^-20 is for the rest: rows that are centred in float32, lengths
    in three parts.
    """
    width = sets[0].shape[1]
    columns = -(-(width + 6) // 32) * 32  # processors multiply in steps of 32
    # Any centre is right; near the mean lengths are small, and so is the slack.
    centre = np.mean([x.mean(axis=0, dtype=np.float32) for x in sets], axis=0)
    if not np.all(np.isfinite(centre)):
        raise MetricError("features must be finite. Received: NaN or infinity among them.")
    error = 0.0
    rounded, squares = [], []
    for x in sets:
        parts, lengths = [], []
        for start in range(0, len(x), ROWS):
            centred = tf.cast(x[start : start + ROWS], tf.float32) - centre
            parts.append(tf.cast(centred, kind))
            length = tf.reduce_sum(tf.square(tf.cast(centred, tf.float64)), axis=1)
            # Sums in float32 may be off by a thousandth.
            lost = tf.reduce_sum(tf.square(centred - tf.cast(parts[-1], tf.float32)), axis=1)
            share_lost = 1.001 * tf.cast(lost, tf.float64) / tf.maximum(length, 1e-300)
            error = max(error, float(tf.sqrt(tf.reduce_max(share_lost))))
            lengths.append(length.numpy())
        rounded.append(tf.concat(parts, axis=0))
        squares.append(np.concatenate(lengths))
    slack = (1 + error) ** 2 * (1 + columns * 2.0**-23) - 1 + 2.0**-20
    return [
        Rounded(x, append_columns(rows, (1 - slack) * square / 2, columns), square, slack)
        for x, rows, square in zip(sets, rounded, squares, strict=True)
    ]


def find_bounds(a: Rounded, b: Rounded) -> Iterator[Bounds]:
    """Bounds of the pairs of rows of `a` and rows of `b`, some rows at a time.

    The bound is (1 - slack) (|x|^2 + |y|^2) / 2 - x'.y', in one product of rows with the halved
    lengths beside them.
    """
    width = a.features.shape[1]
    size = max(1, PAIRS // len(b.right))
    starts = range(0, len(a.features), size)

    def multiply(start: int) -> Bounds:
        rows = slice(start, min(start + size, len(a.features)))
        with tf.device("CPU:0"):
            x = a.right[rows]
            ones, halves = x[:, width : width + 3], x[:, width + 3 : width + 6]
            left = tf.concat([-x[:, :width], halves, ones, x[:, width + 6 :]], axis=1)
            return Bounds(rows, in_order(np.asarray(tf.matmul(left, b.right, transpose_b=True))))

    # The next product is made while the caller looks at one, for NumPy keeps one core busy.
    with ThreadPoolExecutor(1) as pool:
        ahead = pool.submit(multiply, 0)
        for start in starts[1:]:
            bounds, ahead = ahead.result(), pool.submit(multiply, start)
            yield bounds
        yield ahead.result()


def squared_distances(a: np.ndarray, b: np.ndarray, rows, columns) -> np.ndarray:
    """Squared distances of pairs of rows, float64 [P].

    Alike for both orders of a pair, and 0 for equal rows.
    """
    found = np.empty(len(rows))
    for start in range(0, len(rows), CHUNK):
        part = slice(start, start + CHUNK)
        apart = np.subtract(a[rows[part]], b[columns[part]], dtype=np.float64)
        found[part] = np.einsum("ij,ij->i", apart, apart)
    return found


def places(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the few true values: np.nonzero, eight times as fast."""
    rows, columns = np.divmod(np.flatnonzero(mask), mask.shape[1])
    return rows, columns


def pairs_below(
    values: np.ndarray, least: np.ndarray, rows: np.ndarray, limits: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the values that are not above the limit of their row: int [P] each.

    Args:
        values: [R, G, M / G]; column g M / G + i stands at [g, i].
        least: Their minima over G, [R, M / G].
        rows: Those that are looked at, in rising order.
        limits: Of each of them.
    """
    where, groups = places(least[rows] <= limits[:, None])
    pairs, members = np.nonzero(values[rows[where], :, groups] <= limits[where, None])
    return rows[where[pairs]], members * least.shape[1] + groups[pairs]


def squared_radii(features: Rounded, bar: Progress) -> np.ndarray:
    """Squared distance of each row to its third neighbour other than itself, float64 [N].

    First four distances of each row are computed, of columns whose bounds are small; the largest of
    them is not below the radius. Then those whose bounds are not above it.
    """
    kind, x = features.right.dtype, features.features
    radii = np.empty(len(x))
    for bounds in find_bounds(features, features):
        own = np.arange(bounds.rows.start, bounds.rows.stop)
        everything = np.arange(len(own))
        values = bounds.values.reshape(len(own), GROUP, -1)
        least = values.min(axis=1)
        # A row is one of its own neighbours here, at distance 0.
        fourth = np.partition(least, NEIGHBOURS, axis=1)[:, NEIGHBOURS, None]
        rows, groups = places(least <= fourth)
        first = np.searchsorted(rows, everything)[:, None] + np.arange(NEIGHBOURS + 1)
        groups = groups[first]
        members = np.argmin(values[everything[:, None], :, groups], axis=2)
        columns = (members * least.shape[1] + groups).ravel()
        some = squared_distances(x, x, np.repeat(own, NEIGHBOURS + 1), columns)
        enough = some.reshape(len(own), -1).max(axis=1)
        radii[own] = enough
        # A row with three equals needs no more, and may have thousands of them.
        rest = np.flatnonzero(enough > 0)
        rows, columns = pairs_below(values, least, rest, rounded_limits(enough[rest] / 2, kind))
        found = squared_distances(x, x, own[rows], columns)
        order = np.lexsort([found, rows])
        first = np.searchsorted(rows[order], rest)
        radii[own[rest]] = found[order][first + NEIGHBOURS]
        bar.update(len(own))
    return radii


def settle(
    inside: np.ndarray,
    points: np.ndarray,
    pairs: tuple[np.ndarray, np.ndarray],
    bounds: np.ndarray,
    radii: np.ndarray,
    sets: tuple[Rounded, Rounded],
) -> None:
    """Marks points that are inside a neighbourhood, among pairs whose bounds allow it.

    Args:
        inside: What is marked, bool [N].
        points: The point of each pair, int [P].
        pairs: Rows of the first and of the second set, int [P] each.
        bounds: Of the pairs, in order.
        radii: Squared radius of the neighbourhood of each pair, [P].
        sets: Both.
    """
    a, b = sets
    kind = a.right.dtype
    values = bounds.view(kind.as_numpy_dtype).astype(np.float64)
    # At most: the bound before it was rounded, and the slack.
    most = values + np.abs(values) * SPACING[kind]
    most += a.slack * (a.squares[pairs[0]] + b.squares[pairs[1]])
    inside[points[2 * most <= radii]] = True
    rest = np.flatnonzero(~inside[points])
    found = squared_distances(a.features, b.features, pairs[0][rest], pairs[1][rest])
    inside[points[rest[found <= radii[rest]]]] = True


def precision_recall(
    features: np.ndarray, fakes: np.ndarray, progress: str | None = None
) -> PrecisionRecall:
    """Improved precision and recall, with Wilson's intervals.

    Precision is the share of fakes that are inside a neighbourhood of any real picture, recall the
    share of reals that are inside one of any fake. The neighbourhood of a picture is the ball that
    reaches to its third neighbour other than itself, whose surface counts. Pictures that are there
    four times have a ball of radius 0, which holds their equals alone.

    Time grows with N M C. It is long only where each of many pictures has thousands of others that
    are ten times as close to it as their mean is, and not equal.

    Args:
        features: Of real pictures, float32 [N, C], N >= 4.
        fakes: Of generated ones, float32 [M, C], M >= 4.
        progress: Words before a progress bar, which shows after two seconds; None: no bar.

    Raises:
        MetricError: If a set is too small, the widths differ, or a feature is not finite.

    Reference:
        Kynkaanniemi et al. 2019, arXiv:1904.06991.
    """
    check_features(features, fakes, NEIGHBOURS + 1)
    with (
        tf.device("CPU:0"),  # float32 products of a GPU may be rounded more than float32 is
        Progress(
            total=len(features) + 2 * len(fakes),
            desc=progress,
            disable=progress is None,
        ) as bar,
    ):
        kind = fastest_type()
        # Each set around its own centre, where its distances are not small beside its lengths.
        made_radii, real_radii = (
            squared_radii(round_sets([x], kind)[0], bar) for x in (fakes, features)
        )
        made, real = round_sets([fakes, features], kind)
        made_inside, real_inside = np.zeros(len(fakes), bool), np.zeros(len(features), bool)
        limits = rounded_limits(np.pad(real_radii / 2, (0, -len(features) % PADDING)), kind)
        for bounds in find_bounds(made, real):
            own = np.arange(bounds.rows.start, bounds.rows.stop)
            rows, columns = places(bounds.values <= limits)
            settle(
                made_inside,
                own[rows],
                (own[rows], columns),
                bounds.values[rows, columns],
                real_radii[columns],
                (made, real),
            )
            values = bounds.values.reshape(len(own), GROUP, -1)
            rows, columns = pairs_below(
                values,
                values.min(axis=1),
                np.arange(len(own)),
                rounded_limits(made_radii[own] / 2, kind),
            )
            settle(
                real_inside,
                columns,
                (own[rows], columns),
                bounds.values[rows, columns],
                made_radii[own[rows]],
                (made, real),
            )
            bar.update(len(own))
    return PrecisionRecall(share(made_inside), share(real_inside))
