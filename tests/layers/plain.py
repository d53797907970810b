"""Plain float64 loops of the convolutions and FIR operators, from the papers' definitions."""

import numpy as np

TAPS = np.array([1.0, 3.0, 3.0, 1.0]) / 8.0


def convolve(x, kernel, padding=(0, 0), stride=1):
    """Correlates [B, H, W, C] with [K, K, C, O] after padding H and W with zeros."""
    x = np.pad(np.asarray(x, np.float64), [(0, 0), padding, padding, (0, 0)])
    size = kernel.shape[0]
    rows = (x.shape[1] - size) // stride + 1
    columns = (x.shape[2] - size) // stride + 1
    y = np.zeros((x.shape[0], rows, columns, kernel.shape[3]))
    for u in range(size):
        for v in range(size):
            seen = x[:, u : u + rows * stride : stride, v : v + columns * stride : stride]
            y += seen @ kernel[u, v]
    return y


def convolve_transposed(x, kernel):
    """Each pixel of [B, H, W, C] adds its [K, K, C, O] stamp at twice its position."""
    batch, height, width, _ = x.shape
    size = kernel.shape[0]
    y = np.zeros((batch, 2 * height + size - 2, 2 * width + size - 2, kernel.shape[3]))
    for u in range(size):
        for v in range(size):
            y[:, u : u + 2 * height : 2, v : v + 2 * width : 2] += x @ kernel[u, v]
    return y


def fir(x, padding, gain=1.0, stride=1):
    """Filters each channel alone with the outer product of the taps."""
    kernel = np.einsum("u,v,co->uvco", TAPS, TAPS, np.eye(x.shape[-1])) * gain
    return convolve(x, kernel, padding, stride)


def upsample(x):
    """Zeros between the pixels, then the filter with gain 4, padded by 2 before and 1 after."""
    batch, height, width, channels = x.shape
    spread = np.zeros((batch, 2 * height, 2 * width, channels))
    spread[:, ::2, ::2] = x
    return fir(spread, (2, 1), 4.0)


def downsample(x):
    """The filter, then every second pixel."""
    return fir(x, (1, 1))[:, ::2, ::2]


def convolve_up(x, kernel):
    """Transposed 3x3 convolution with stride 2, then the filter with gain 4."""
    return fir(convolve_transposed(x, kernel), (1, 1), 4.0)


def convolve_down(x, kernel):
    """The filter, then the convolution, then every second pixel."""
    edge = kernel.shape[0] // 2
    return convolve(fir(x, (1 + edge, 1 + edge)), kernel)[:, ::2, ::2]


def blur(x):
    """Filters each channel alone with the outer product of [1, 2, 1] / 4."""
    taps = np.array([1.0, 2.0, 1.0]) / 4.0
    return convolve(x, np.einsum("u,v,co->uvco", taps, taps, np.eye(x.shape[-1])), (1, 1))


def nearest_up(x):
    """Each pixel becomes four."""
    batch, height, width, channels = x.shape
    y = np.zeros((batch, 2 * height, 2 * width, channels))
    for i, j in np.ndindex(2 * height, 2 * width):
        y[:, i, j] = x[:, i // 2, j // 2]
    return y


def mean_down(x):
    """Four pixels become their mean."""
    x = np.asarray(x, np.float64)
    return (x[:, ::2, ::2] + x[:, 1::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, 1::2]) / 4


def convolve_nearest_up(x, kernel):
    """Each pixel becomes four, then the convolution."""
    return convolve(nearest_up(x), kernel, (1, 1))


def convolve_mean_down(x, kernel):
    """The convolution, then means of four."""
    return mean_down(convolve(x, kernel, (1, 1)))


def leaky_relu(x):
    return np.where(x > 0, x, 0.2 * x)


def modulated_convolution(x, styles, kernel, upsample=False, demodulate=True, epsilon=1e-8):
    """One convolution per example with weights that are modulated and demodulated explicitly."""
    outputs = []
    for example, style in zip(x, styles, strict=True):
        weights = kernel * style[None, None, :, None]
        if demodulate:
            weights = weights / np.sqrt(np.sum(weights**2, axis=(0, 1, 2)) + epsilon)
        else:
            weights = weights / np.sqrt(np.prod(kernel.shape[:3]))
        if upsample:
            outputs.append(convolve_up(example[None], weights))
        else:
            edge = kernel.shape[0] // 2
            outputs.append(convolve(example[None], weights, (edge, edge)))
    return np.concatenate(outputs)
