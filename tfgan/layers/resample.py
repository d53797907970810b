"""FIR resampling of feature maps and images with the filter [1, 3, 3, 1].

The filter is separable: taps f = [1, 3, 3, 1] / 8 along H and along W. Zero-insertion up-sampling
multiplies it by 2 per axis so that the mean is kept.

Reference:
    Karras et al. 2020, arXiv:1912.04958, appendix B; NVlabs/stylegan2-ada-pytorch,
    torch_utils/ops/upfirdn2d.py.
"""

import numpy as np
import tensorflow as tf

TAPS = (1.0, 3.0, 3.0, 1.0)


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
