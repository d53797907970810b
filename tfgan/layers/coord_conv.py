"""Convolutions that see the coordinates of each pixel."""

import keras
import numpy as np
import tensorflow as tf

from tfgan.layers.arguments import StoresArguments


def coordinate_maps(height: int, width: int) -> np.ndarray:
    """Row, column and distance to the centre of each pixel, float32 [height, width, 3].

    Rows and columns run from -1 to 1; the distance is 1 at the corners.
    """
    rows, columns = np.meshgrid(
        np.linspace(-1.0, 1.0, height), np.linspace(-1.0, 1.0, width), indexing="ij"
    )
    radius = np.hypot(rows, columns)
    return np.stack([rows, columns, radius / np.max(radius)], axis=-1).astype(np.float32)


@keras.saving.register_keras_serializable("tfgan")
class CoordConv2D(StoresArguments, keras.layers.Layer):
    """A convolution that sees, beside its input, the coordinates of each pixel.

    y = conv([x, rows, columns, radius]), with kernel_size // 2 zeros beyond each border.

    Args:
        filters: Output channels.
        kernel_size: Odd.
        strides: Of both axes.

    Call arguments:
        x: Feature maps, [B, H, W, C] with static H and W.

    Returns:
        [B, ceil(H / strides), ceil(W / strides), filters] in the layer's compute dtype.

    Reference:
        Liu et al. 2018, arXiv:1807.03247; with the radius as in Wang et al. 2019,
        arXiv:1904.07399.
    """

    def __init__(self, filters: int, kernel_size: int, strides: int = 1, **kwargs):
        super().__init__(**kwargs)
        self.store(locals())
        self.conv = keras.layers.Conv2D(
            filters, kernel_size, strides, dtype=self.dtype_policy, name="conv"
        )

    def build(self, input_shape):
        self.conv.build((None, None, None, input_shape[-1] + 3))

    def call(self, x):
        maps = tf.constant(coordinate_maps(x.shape[1], x.shape[2]), x.dtype)
        maps = tf.broadcast_to(maps, [tf.shape(x)[0], *maps.shape])
        # SAME pads asymmetrically at stride 2; the published network pads the same on each side.
        edge = [self.kernel_size // 2] * 2
        return self.conv(tf.pad(tf.concat([x, maps], axis=-1), [[0, 0], edge, edge, [0, 0]]))
