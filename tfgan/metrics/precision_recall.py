"""Precision and recall of two sets: features -> neighbourhoods -> proportions.

Billions of distances are needed, most of them only to see that they are large. So a fast product of
rounded features gives a proven lower bound of each, and the few pairs that the bounds do not settle
are computed in float64. Results equal a computation in float64 throughout.
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
GROUP = 16  # bounds whose minimum is compared first
PAIRS = 2**25  # pairs whose bounds are in memory
CHUNK = 64  # pairs whose features fit the processor's cache
ROWS = 4096  # rows that are rounded at a time
PADDING = (NEIGHBOURS + 1) * GROUP  # rows are padded to a multiple, so that four groups have some
SPACING = {tf.float32: 2.0**-23, tf.bfloat16: 2.0**-7}  # relative spacing of numbers
FAR = 2.0**120  # bound of padding columns


class PrecisionRecall(NamedTuple):
    """Proportions of pictures inside the neighbourhoods of the other set.

    Attributes:
        precision: Proportion of the fakes.
        recall: Proportion of the reals.
    """

    precision: Interval
    recall: Interval


class Rounded(NamedTuple):
    """A set prepared for fast products.

    Attributes:
        features: The original features, [N, C].
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
        values: Lower bounds of half the squared distances, as numbers that sort like the bounds and
            can be compared with `in_order` of a limit, [R, M].
    """

    rows: slice
    values: np.ndarray


def fastest_type() -> tf.DType:
    """bfloat16 if this machine multiplies it faster than float32, else float32."""
    seconds = {}
    for dtype in (tf.float32, tf.bfloat16):
        x = tf.ones([1024, 1024], dtype)
        times = []
        for _ in range(4):  # the first call warms up, and others may be disturbed
            start = time.perf_counter()
            np.asarray(tf.matmul(x, x))
            times.append(time.perf_counter() - start)
        seconds[dtype] = min(times)
    return min(seconds, key=lambda dtype: seconds[dtype])


def in_order(values: np.ndarray) -> np.ndarray:
    """Values of either type as numbers that NumPy compares fast: bfloat16 as its bits.

    Bits of positive numbers sort like the numbers. A bound below 0 becomes a negative
    integer, and so is below any limit.
    """
    return values.view(np.int16) if values.dtype.itemsize == 2 else values


def rounded_limits(limits: np.ndarray, dtype: tf.DType) -> np.ndarray:
    """Limits of half the squared distance as numbers to compare `Bounds.values` with.

    Rounding is monotonic: a bound at or below a limit stays so after both are rounded.
    """
    return in_order(limits.astype(np.float32).astype(dtype.as_numpy_dtype))


def append_columns(rows: tf.Tensor, halves: np.ndarray, columns: int) -> tf.Tensor:
    """Makes `Rounded.right` from rounded rows [N, C] and the sum of their last columns, [N]."""
    count, width = rows.shape
    padding = -count % PADDING
    rest = np.pad(halves, (0, padding), constant_values=FAR)
    beside = np.zeros((len(rest), columns - width), rows.dtype.as_numpy_dtype)
    beside[:, :3] = 1
    for column in range(3, 6):
        beside[:, column] = rest.astype(np.float32)
        rest = rest - beside[:, column].astype(np.float64)
    return tf.concat([tf.pad(rows, [[0, padding], [0, 0]]), beside], axis=1)


def round_sets(sets: list[np.ndarray], dtype: tf.DType) -> list[Rounded]:
    """Prepares sets for products among them (see `Rounded`).

    With rows x and y, rounded to x' and y', and |x - x'| <= e |x|:
    |x.y - x'.y'| <= (2 e + e^2) |x| |y| <= (2 e + e^2) (|x|^2 + |y|^2) / 2. A sum of K products in
    float32, in any order, is off by K 2^-24 times the sum of their sizes, which is at most
    (1 + e)^2 (|x|^2 + |y|^2). 2^-20 covers the rest: rows centred in float32, and lengths in
    three parts.
    """
    width = sets[0].shape[1]
    columns = -(-(width + 6) // 32) * 32  # processors multiply in steps of 32
    # Any centre is valid; near the mean, lengths are small, and so is the slack.
    centre = np.mean([x.mean(axis=0, dtype=np.float32) for x in sets], axis=0)
    if not np.all(np.isfinite(centre)):
        raise MetricError("features must be finite. Received: NaN or infinity among them.")
    error = 0.0
    rounded, squares = [], []
    for x in sets:
        parts, lengths = [], []
        for start in range(0, len(x), ROWS):
            centred = tf.cast(x[start : start + ROWS], tf.float32) - centre
            parts.append(tf.cast(centred, dtype))
            length = tf.reduce_sum(tf.square(tf.cast(centred, tf.float64)), axis=1)
            # Sums in float32 may be off by a thousandth.
            lost = tf.reduce_sum(tf.square(centred - tf.cast(parts[-1], tf.float32)), axis=1)
            relative = 1.001 * tf.cast(lost, tf.float64) / tf.maximum(length, 1e-300)
            error = max(error, float(tf.sqrt(tf.reduce_max(relative))))
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

    The bound is (1 - slack) (|x|^2 + |y|^2) / 2 - x'.y', as one matrix product with the halved
    lengths as extra columns.
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

    # The next product is computed while the caller uses this one: NumPy keeps only one core busy.
    with ThreadPoolExecutor(1) as pool:
        ahead = pool.submit(multiply, 0)
        for start in starts[1:]:
            bounds, ahead = ahead.result(), pool.submit(multiply, start)
            yield bounds
        yield ahead.result()


def squared_distances(a: np.ndarray, b: np.ndarray, rows, columns) -> np.ndarray:
    """Squared distances of pairs of rows, float64 [P].

    The same for both orders of a pair, and 0 for equal rows.
    """
    distances = np.empty(len(rows))
    for start in range(0, len(rows), CHUNK):
        part = slice(start, start + CHUNK)
        apart = np.subtract(a[rows[part]], b[columns[part]], dtype=np.float64)
        distances[part] = np.einsum("ij,ij->i", apart, apart)
    return distances


def places(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the few true values: np.nonzero, eight times as fast."""
    rows, columns = np.divmod(np.flatnonzero(mask), mask.shape[1])
    return rows, columns


def pairs_below(
    values: np.ndarray, least: np.ndarray, rows: np.ndarray, limits: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the values at or below the limit of their row: int [P] each.

    Args:
        values: [R, G, M / G]; column g M / G + i stands at [g, i].
        least: Minima of the values over G, [R, M / G].
        rows: Rows to search, in rising order.
        limits: Limit of each of these rows.
    """
    where, groups = places(least[rows] <= limits[:, None])
    pairs, members = np.nonzero(values[rows[where], :, groups] <= limits[where, None])
    return rows[where[pairs]], members * least.shape[1] + groups[pairs]


def squared_radii(features: Rounded, bar: Progress) -> np.ndarray:
    """Squared distance of each row to its third neighbour other than itself, float64 [N].

    First, four distances of each row are computed, for columns with small bounds; the largest is an
    upper bound of the radius. Then all distances whose bounds do not exceed it.
    """
    dtype, x = features.right.dtype, features.features
    radii = np.empty(len(x))
    for bounds in find_bounds(features, features):
        indices = np.arange(bounds.rows.start, bounds.rows.stop)
        everything = np.arange(len(indices))
        values = bounds.values.reshape(len(indices), GROUP, -1)
        least = values.min(axis=1)
        # A row counts as its own neighbour here, at distance 0.
        fourth = np.partition(least, NEIGHBOURS, axis=1)[:, NEIGHBOURS, None]
        rows, groups = places(least <= fourth)
        first = np.searchsorted(rows, everything)[:, None] + np.arange(NEIGHBOURS + 1)
        groups = groups[first]
        members = np.argmin(values[everything[:, None], :, groups], axis=2)
        columns = (members * least.shape[1] + groups).ravel()
        some = squared_distances(x, x, np.repeat(indices, NEIGHBOURS + 1), columns)
        enough = some.reshape(len(indices), -1).max(axis=1)
        radii[indices] = enough
        # A row with three duplicates has radius 0; it may have thousands of them.
        rest = np.flatnonzero(enough > 0)
        rows, columns = pairs_below(values, least, rest, rounded_limits(enough[rest] / 2, dtype))
        distances = squared_distances(x, x, indices[rows], columns)
        order = np.lexsort([distances, rows])
        first = np.searchsorted(rows[order], rest)
        radii[indices[rest]] = distances[order][first + NEIGHBOURS]
        bar.update(len(indices))
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
        inside: Marks of the points, bool [N]; changed in place.
        points: The point of each pair, int [P].
        pairs: Rows of the first and of the second set, int [P] each.
        bounds: Bounds of the pairs, from `in_order`.
        radii: Squared radius of the neighbourhood of each pair, [P].
        sets: Both sets.
    """
    a, b = sets
    dtype = a.right.dtype
    values = bounds.view(dtype.as_numpy_dtype).astype(np.float64)
    # Upper bounds: the bound before it was rounded, plus the slack.
    most = values + np.abs(values) * SPACING[dtype]
    most += a.slack * (a.squares[pairs[0]] + b.squares[pairs[1]])
    inside[points[2 * most <= radii]] = True
    rest = np.flatnonzero(~inside[points])
    distances = squared_distances(a.features, b.features, pairs[0][rest], pairs[1][rest])
    inside[points[rest[distances <= radii[rest]]]] = True


def precision_recall(
    features: np.ndarray, fakes: np.ndarray, progress: str | None = None
) -> PrecisionRecall:
    """Improved precision and recall, with Wilson's intervals.

    Precision is the proportion of fakes inside the neighbourhood of any real picture; recall is the
    proportion of reals inside the neighbourhood of any fake. The neighbourhood of a picture is the
    closed ball that reaches to its third neighbour other than itself. A picture that occurs four
    times has a ball of radius 0, which holds only its duplicates.

    Time grows with N M C. It is longer only if many pictures each have thousands of others that are
    ten times closer to them than their mean is, and not equal.

    Args:
        features: Features of real pictures, float32 [N, C], N >= 4.
        fakes: Features of generated pictures, float32 [M, C], M >= 4.
        progress: Words before a progress bar, which shows after two seconds; None: no bar.

    Raises:
        MetricError: If a set is too small, the widths differ, or a feature is not finite.

    Reference:
        Kynkaanniemi et al. 2019, arXiv:1904.06991.
    """
    check_features(features, fakes, NEIGHBOURS + 1)
    with (
        tf.device("CPU:0"),  # GPUs may round float32 products more coarsely
        Progress(
            total=len(features) + 2 * len(fakes),
            desc=progress,
            disable=progress is None,
        ) as bar,
    ):
        dtype = fastest_type()
        # Centred separately, so that lengths are not large beside the distances.
        fake_radii, real_radii = (
            squared_radii(round_sets([x], dtype)[0], bar) for x in (fakes, features)
        )
        fake, real = round_sets([fakes, features], dtype)
        fake_inside, real_inside = np.zeros(len(fakes), bool), np.zeros(len(features), bool)
        limits = rounded_limits(np.pad(real_radii / 2, (0, -len(features) % PADDING)), dtype)
        for bounds in find_bounds(fake, real):
            indices = np.arange(bounds.rows.start, bounds.rows.stop)
            rows, columns = places(bounds.values <= limits)
            settle(
                fake_inside,
                indices[rows],
                (indices[rows], columns),
                bounds.values[rows, columns],
                real_radii[columns],
                (fake, real),
            )
            values = bounds.values.reshape(len(indices), GROUP, -1)
            rows, columns = pairs_below(
                values,
                values.min(axis=1),
                np.arange(len(indices)),
                rounded_limits(fake_radii[indices] / 2, dtype),
            )
            settle(
                real_inside,
                columns,
                (indices[rows], columns),
                bounds.values[rows, columns],
                fake_radii[indices[rows]],
                (fake, real),
            )
            bar.update(len(indices))
    return PrecisionRecall(share(fake_inside), share(real_inside))
