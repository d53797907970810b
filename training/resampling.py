"""Resamples images under affine maps without aliasing, as adaptive augmentation needs it.

Reference:
    Karras et al. 2020, Training Generative Adversarial Networks with Limited Data,
    arXiv:2006.06676, appendix B.
"""

import functools
import math

import numpy as np
import tensorflow as tf

# The 12-tap orthogonal low-pass filter with 6 vanishing moments and the least asymmetric phase
# (Daubechies, Ten Lectures on Wavelets, 1992, section 8.1), normalized to a sum of sqrt 2.
SYM6 = (
    0.015404109327027373,
    0.0034907120842174702,
    -0.11799011114819057,
    -0.048311742585633,
    0.4910559419267466,
    0.787641141030194,
    0.3379294217276218,
    -0.07263752278646252,
    -0.021060292512300564,
    0.04472490177066578,
    0.0017677118642428036,
    -0.007800708325034148,
)
PEAK = 5  # index of the largest tap: the one that lies on the pixel


def warp(images: tf.Tensor, inverse: tf.Tensor) -> tf.Tensor:
    """Resamples each image under an affine map, without aliasing.

    y = D S U x, each factor linear in x:
    U doubles the resolution of the image, continued by reflection, with the sym6 filter;
    S looks the doubled image up bilinearly at inverse(output position);
    D low-passes with the same filter, mirrored, and keeps every second sample.
    The filter is orthogonal, so that D U = 1 and the identity map gives the images back up to
    rounding (1e-6 in float32).

    The reflected image repeats every 2 (N - 1) pixels, and its doubled version every 4 (N - 1)
    samples. One period is all that any map can reach: no margin has to be guessed, no map can
    look past it, and the shape is static. (The published code pads by what the batch's maps
    need, at most N - 1 pixels, and shows black beyond.)

    Sample j of the doubled image stands for position j / 2: the filter's peak lies on the pixel,
    as in the published code, and flips and quarter turns carry samples to samples. The filter's
    centre of mass lies 0.1 samples further, so that a mirror image is displaced by 0.1 pixels an
    axis. An origin between two samples would displace it by 0.4 pixels; one at the centre of mass
    by none, but it would blur flips and quarter turns bilinearly.

    Args:
        images: Images, float32 [B, N, N, C].
        inverse: Maps from output to input position, float32 [B, 3, 3], in pixels from the centre,
            x to the right and y down.

    Returns:
        Resampled images, float32 [B, N, N, C].

    Reference:
        Karras et al. 2020, arXiv:2006.06676, appendix B.
    """
    size = images.shape[1]
    up, down = (tf.constant(m, tf.float32) for m in resampling_matrices(size))
    doubled = _along_both_axes(up, images)  # [B, x, y, C]
    # In doubled samples from the centre; the image's first pixel lies at -(N - 1).
    axis = tf.range(-PEAK, 2 * size + PEAK, dtype=tf.float32) - (size - 1)
    x, y = axis[:, None], axis[None, :]
    m = inverse[:, :2, :, None, None]
    source = m[:, :, 0] * x + m[:, :, 1] * y + 2 * m[:, :, 2] + (size - 1)
    return _along_both_axes(down, _look_up(doubled, source[:, 0], source[:, 1]))


@functools.lru_cache
def resampling_matrices(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Writes the filtering along one axis as two matrices, U to double and D to halve.

    U[j, i] = sqrt 2 * sum_k h[k] over the k = j - 2 i' + 5 of all positions i' that reflect to i,
    D[i, j] = h[j - 2 i] / sqrt 2, where column j stands for sample j - 5.

    Dense matrices multiply more than 12-tap convolutions do, but as matrix products, where the
    three channels of an image would leave a convolution little to share. The work grows with N^3:
    measure again before training above 256 pixels.

    Args:
        size: Number of pixels N.

    Returns:
        U, float64 [4 (N - 1), N], and D, float64 [N, 2 N + 10].
    """
    taps = np.asarray(SYM6)
    up = np.zeros((4 * (size - 1), size))
    down = np.zeros((size, 2 * size + 2 * PEAK))
    period = 2 * (size - 1)
    samples = np.arange(2 * period)
    for k, tap in enumerate(taps):
        hit = samples[(samples + PEAK - k) % 2 == 0]
        pixel = (hit + PEAK - k) // 2 % period
        np.add.at(up, (hit, np.minimum(pixel, period - pixel)), math.sqrt(2) * tap)
        down[np.arange(size), 2 * np.arange(size) + k] = tap / math.sqrt(2)
    return up, down


def _along_both_axes(matrix: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """Multiplies both axes by a matrix, and exchanges them: [B, y, x, C] -> [B, x', y', C]."""
    # Exchanging once between the two products, and never back, saves a pass over the data.
    new, old = matrix.shape
    batch, channels = images.shape[0], images.shape[3]
    rows = tf.matmul(matrix, tf.reshape(images, [batch, old, old * channels]))
    columns = tf.transpose(tf.reshape(rows, [batch, new, old, channels]), [0, 2, 1, 3])
    both = tf.matmul(matrix, tf.reshape(columns, [batch, old, new * channels]))
    return tf.reshape(both, [batch, new, new, channels])


def _look_up(periodic: tf.Tensor, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Interpolates bilinearly in images that repeat in both directions.

    Args:
        periodic: One period, [B, P, P, C], first axis x.
        x: Where to look, in samples, [B, Q, Q].
        y: As `x`.

    Returns:
        Values, [B, Q, Q, C].
    """
    batch, period, _, channels = periodic.shape
    size = x.shape[1]
    x0, y0 = tf.floor(x), tf.floor(y)
    fx, fy = x - x0, y - y0
    # floormod of integers has no GPU kernel; this is exact for whole numbers in float32.
    x0, y0 = (tf.cast(v - period * tf.floor(v / period), tf.int64) for v in (x0, y0))
    x1, y1 = (tf.where(v == period - 1, tf.zeros_like(v), v + 1) for v in (x0, y0))
    first = (tf.range(batch, dtype=tf.int64) * period**2)[:, None, None]
    x0, x1 = first + x0 * period, first + x1 * period
    entries = tf.stack([x0 + y0, x0 + y1, x1 + y0, x1 + y1], axis=-1)
    weights = tf.stack([(1 - fx) * (1 - fy), (1 - fx) * fy, fx * (1 - fy), fx * fy], axis=-1)
    outputs = batch * size * size
    rows = tf.repeat(tf.range(outputs, dtype=tf.int64), 4)
    # As a sparse matrix, four entries a row: its product and its adjoint product are each other's
    # gradients, to any order. On two CPU cores they took 10 and 12 ms where gather and segment
    # sum took 22 and 71 (64 pixels, batch 16).
    matrix = tf.SparseTensor(
        tf.stack([rows, tf.reshape(entries, [-1])], axis=1),
        tf.stop_gradient(tf.reshape(weights, [-1])),
        [outputs, batch * period * period],
    )
    flat = tf.reshape(periodic, [batch * period * period, channels])
    values = tf.sparse.sparse_dense_matmul(matrix, flat)
    return tf.reshape(values, [batch, size, size, channels])
