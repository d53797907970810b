"""Styles of all layers, and the truncation trick: they move towards their running average.

Reference:
    Karras et al. 2018, arXiv:1812.04948, section 4 and appendix B.
"""

import numpy as np
import tensorflow as tf


def truncate(styles, average, num_styles: int, psi=1.0, cutoff: int | None = None):
    """Broadcasts styles to all layers and pulls the first `cutoff` towards their average.

    Args:
        styles: [B, W] or [B, L, W].
        average: [W].
        num_styles: Number L of layers.
        psi: 1 changes nothing, 0 gives the average.
        cutoff: Layers that are truncated; None: all.

    Returns:
        [B, L, W], float32.
    """
    if len(styles.shape) == 2:
        styles = styles[:, None]
    layers = num_styles if cutoff is None else cutoff
    truncated = (np.arange(num_styles) < layers).astype(np.float32)[:, None]
    scale = 1.0 + (tf.cast(psi, tf.float32) - 1.0) * truncated  # [L, 1]
    # At psi 1 the scale is exactly 1, so styles come out untouched.
    return styles * scale + tf.convert_to_tensor(average) * (1.0 - scale)


def style_of(styles, layer: int):
    """The style of one layer: [B, L, W] -> [B, W]."""
    # XNNPACK cannot index, but can take a slice of length 1.
    return tf.reshape(styles[:, layer : layer + 1], [-1, styles.shape[-1]])


def move_average(average, styles, decay: float) -> None:
    """Moves a variable [W] towards the mean of `styles` [B, W], over all replicas."""
    mean = tf.stop_gradient(tf.reduce_mean(styles, axis=0))
    before = tf.convert_to_tensor(average)
    average.assign(before + (mean - before) * (1.0 - decay))
