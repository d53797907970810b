"""Resampling of feature maps and images by two.

StyleGAN2 filters with [1, 3, 3, 1] (`fir`, `upsample`, `downsample`, `convolve_up`,
`convolve_down`). The filter is separable: taps f = [1, 3, 3, 1] / 8 along H and along W.
Zero-insertion up-sampling multiplies it by 2 per axis so that the mean is kept.

StyleGAN repeats pixels and averages 2x2 squares, beside a filter [1, 2, 1] (`nearest_up`,
`add_nearest_up`, `mean_down`, `blur`, `convolve_nearest_up`, `convolve_mean_down`); StarGAN
v2 does the same without that filter.

Reference:
    Karras et al. 2020, arXiv:1912.04958, appendix B; NVlabs/stylegan2-ada-pytorch,
    torch_utils/ops/upfirdn2d.py. Karras et al. 2018, arXiv:1812.04948, section 2.1 and appendix C;
    NVlabs/stylegan, training/networks_stylegan.py.
"""

import numpy as np
import tensorflow as tf

TAPS = (1.0, 3.0, 3.0, 1.0)
# From this size of the larger maps on, repeating or averaging is fused with the convolution. Below,
# that saves little time, and exported files grow: fused kernels are 4x4 instead of 3x3.
FUSED_FROM = 32


def fir_kernel(gain: float = 1.0) -> np.ndarray:
    """Returns the 2-D filter, float32 [4, 4], that sums to `gain`."""
    taps = np.asarray(TAPS) / np.sum(TAPS)
    return (np.outer(taps, taps) * gain).astype(np.float32)


def fir(x, padding: tuple[int, int], gain: float = 1.0, stride: int = 1):
    """Filters each channel: pads H and W with zeros, correlates, keeps every stride-th sample.

    Args:
        x: Feature maps, [B, H, W, C] with a static C.
        padding: Zeros before and after, the same for H and W.
        gain: Sum of the filter.
        stride: Sub-sampling after the filter.

    Returns:
        [B, (H + sum(padding) - 4) // stride + 1, ..., C] in the dtype of `x`.
    """
    kernel = tf.constant(fir_kernel(gain)[:, :, None, None], x.dtype)
    kernel = tf.tile(kernel, [1, 1, x.shape[-1], 1])
    pads = [[0, 0], list(padding), list(padding), [0, 0]]
    return tf.nn.depthwise_conv2d(x, kernel, [1, stride, stride, 1], pads)


def upsample(x):
    """Zero insertion, then the filter with gain 4: [B, H, W, C] -> [B, 2H, 2W, C]."""
    batch, height, width, channels = x.shape
    batch = tf.shape(x)[0] if batch is None else batch
    kernel = tf.constant(fir_kernel(4.0)[:, :, None, None], x.dtype)
    kernel = kernel * tf.eye(channels, dtype=x.dtype)
    return tf.nn.conv2d_transpose(x, kernel, [batch, 2 * height, 2 * width, channels], 2, "SAME")


def downsample(x):
    """Halves H and W: the filter, then every second sample. [B, H, W, C] -> [B, H/2, W/2, C]."""
    return fir(x, (1, 1), stride=2)


def convolve(x, kernel):
    """Convolution that keeps H and W. [B, H, W, C] -> [B, H, W, O], `kernel` [k, k, C, O]."""
    return tf.nn.conv2d(x, kernel, 1, "SAME")


def convolve_up(x, kernel):
    """Transposed 3x3 convolution with stride 2, then the filter. [B, H, W, C] -> [B, 2H, 2W, O].

    Args:
        x: Feature maps, [B, H, W, C].
        kernel: [3, 3, C, O].
    """
    batch, height, width, _ = x.shape
    batch = tf.shape(x)[0] if batch is None else batch
    shape = [batch, 2 * height + 1, 2 * width + 1, kernel.shape[3]]
    x = tf.nn.conv2d_transpose(x, tf.transpose(kernel, [0, 1, 3, 2]), shape, 2, "VALID")
    return fir(x, (1, 1), gain=4.0)


def convolve_down(x, kernel):
    """The filter, then a convolution with stride 2. [B, H, W, C] -> [B, H/2, W/2, O].

    Args:
        x: Feature maps, [B, H, W, C].
        kernel: [1, 1, C, O] or [3, 3, C, O].
    """
    if kernel.shape[0] == 1:
        return tf.nn.conv2d(downsample(x), kernel, 1, "VALID")
    return tf.nn.conv2d(fir(x, (2, 2)), kernel, 2, "VALID")


def blur(x):
    """The filter [1, 2, 1] / 4 along H and W, with zeros around: keeps [B, H, W, C] and dtype."""
    taps = np.asarray([1.0, 2.0, 1.0]) / 4
    kernel = tf.constant(np.outer(taps, taps)[:, :, None, None], x.dtype)
    return tf.nn.depthwise_conv2d(x, tf.tile(kernel, [1, 1, x.shape[-1], 1]), [1, 1, 1, 1], "SAME")


def nearest_up(x):
    """Repeats each pixel along H and W: [B, H, W, C] -> [B, 2H, 2W, C]."""
    _, height, width, channels = x.shape
    # A sum, because XNNPACK broadcasts within arithmetic and nowhere else.
    x = x[:, :, None, :, None, :] + tf.zeros([2, 1, 2, 1], x.dtype)
    return tf.reshape(x, [-1, 2 * height, 2 * width, channels])


def add_nearest_up(y, x):
    """y + nearest_up(x), without the repeated pixels in memory: [B, 2H, 2W, C] and [B, H, W, C]."""
    _, height, width, channels = x.shape
    y = tf.reshape(y, [-1, height, 2, width, 2, channels]) + x[:, :, None, :, None, :]
    return tf.reshape(y, [-1, 2 * height, 2 * width, channels])


def mean_down(x):
    """Means of 2x2 squares: [B, H, W, C] -> [B, H/2, W/2, C]."""
    return tf.nn.avg_pool2d(x, 2, 2, "VALID")


def _spread(kernel):
    """A 3x3 kernel convolved with a 2x2 kernel of ones: a 4x4 kernel."""
    # One axis after the other: the `.tflite` converter computes constants beforehand unless a step
    # more than doubles them.
    rows = tf.pad(kernel, [[1, 0], [0, 0], [0, 0], [0, 0]])
    rows += tf.pad(kernel, [[0, 1], [0, 0], [0, 0], [0, 0]])
    columns = tf.pad(rows, [[0, 0], [1, 0], [0, 0], [0, 0]])
    return columns + tf.pad(rows, [[0, 0], [0, 1], [0, 0], [0, 0]])


def convolve_nearest_up(x, kernel):
    """convolve(nearest_up(x)); fused from `FUSED_FROM` on: 16 products per pixel of `x`, not 36.

    StyleGAN's published code fuses from 128 pixels on, and stores those kernels rotated by 180
    degrees.

    Args:
        x: Feature maps, [B, H, W, C].
        kernel: [3, 3, C, O].

    Returns:
        [B, 2H, 2W, O].
    """
    batch, height, width, _ = x.shape
    if 2 * height < FUSED_FROM:
        return convolve(nearest_up(x), kernel)
    batch = tf.shape(x)[0] if batch is None else batch
    shape = [batch, 2 * height, 2 * width, kernel.shape[3]]
    # A transposed convolution rotates its kernel.
    kernel = tf.transpose(_spread(kernel[::-1, ::-1]), [0, 1, 3, 2])
    return tf.nn.conv2d_transpose(x, kernel, shape, 2, "SAME")


def convolve_mean_down(x, kernel):
    """mean_down(convolve(x)); fused from `FUSED_FROM` on: 16 products per result pixel, not 36.

    Args:
        x: Feature maps, [B, H, W, C].
        kernel: [3, 3, C, O].

    Returns:
        [B, H/2, W/2, O].
    """
    if x.shape[1] < FUSED_FROM:
        return mean_down(convolve(x, kernel))
    return tf.nn.conv2d(x, _spread(kernel) * 0.25, 2, "SAME")
