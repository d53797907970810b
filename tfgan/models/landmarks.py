"""Face landmarks as heat maps, and the masks of StarGAN v2's high-pass skips.

Reference:
    Wang et al. 2019, "Adaptive Wing Loss for Robust Face Alignment via Heatmap Regression",
    arXiv:1904.07399; masks: Choi et al. 2020, arXiv:1912.01865, appendix. Weights and behaviour
    agree with clovaai/stargan-v2, core/wing.py.
"""

from typing import Any

import keras
import tensorflow as tf

from tfgan.layers.arguments import StoresArguments
from tfgan.layers.coord_conv import CoordConv2D
from tfgan.layers.resample import add_nearest_up

NUM_LANDMARKS = 98
SIZE = 256  # pixels of the images that the network sees

# What each group of landmarks (numbered as in WFLW, first and past the last) adds to the masks:
# its heat, from 0 to 1, raised to a power that narrows it, and moved down by a number of pixels of
# 256. The second mask has the groups marked True. The upper ends of the face line (0 to 7, 25 to
# 32), the outer ends of the brows (33, 46) and the corners of the mouth (76, 82) add nothing.
BLOBS = (
    ((8, 25), 3, 0, False),  # chin
    ((34, 46), 2, 7, False),  # left brow, upper edge of the right one
    ((47, 51), 2, 7, False),  # lower edge of the right brow
    ((51, 52), 1, 0, True),  # top of the nose
    ((52, 55), 1, -4, True),  # ridge of the nose
    ((55, 60), 4, -8, True),  # nostrils
    ((60, 76), 3, 8, True),  # eyes
    ((60, 76), 1, 24, True),  # below the eyes
    ((77, 82), 4, 8, False),  # upper lip
    ((83, 88), 4, -8, False),  # lower lip
    ((88, 96), 3, 2, False),  # inner lips
    ((96, 98), 1, 0, True),  # pupils
)


def landmark_masks(heatmaps):
    """Masks of the places where skips pass edges of the source.

    Args:
        heatmaps: [B, 256, 256, 98]. Heat below 0.1 counts as 0; each map is then stretched to the
            range from 0 to 1.

    Returns:
        Two [B, 256, 256, 1], float32 from 0 to 1: chin, brows, eyes, nose and mouth; eyes and nose
        alone.
    """
    heat = tf.where(heatmaps < 0.1, 0.0, heatmaps)
    lowest = tf.reduce_min(heat, axis=[1, 2], keepdims=True)
    highest = tf.reduce_max(heat, axis=[1, 2], keepdims=True)
    heat = (heat - lowest) / (highest - lowest + 1e-6)
    masks = [tf.zeros_like(heat[..., :1]), tf.zeros_like(heat[..., :1])]
    for (first, end), power, down, in_core in BLOBS:
        blob = tf.reduce_sum(heat[..., first:end] ** power, axis=-1, keepdims=True)
        blob = tf.roll(blob, down, axis=1)
        masks[0] += blob
        masks[1] += blob if in_core else 0.0
    return tuple(tf.clip_by_value(mask, 0.0, 1.0) for mask in masks)


def find_landmarks(heatmaps):
    """Position of each landmark: the middle of its hottest cell, moved towards hotter neighbours.

    Along each axis the landmark moves by a quarter of a cell to the side of the hotter of the two
    neighbours. Cells at the border lack neighbours, and are not moved.

    Args:
        heatmaps: [B, H, W, K].

    Returns:
        Positions, float32 [B, K, 2]: x and y in pixels of a picture of 256 by 256, from the upper
        left corner. Heat of the hottest cells, [B, K].

    Reference:
        Newell et al. 2016, arXiv:1603.06937, section 3.3; the quarters as in clovaai/stargan-v2.
    """
    height, width = heatmaps.shape[1:3]
    maps = tf.transpose(heatmaps, [0, 3, 1, 2])
    slopes = [
        tf.pad(maps[:, :, :, 2:] - maps[:, :, :, :-2], [[0, 0], [0, 0], [0, 0], [1, 1]]),
        tf.pad(maps[:, :, 2:, :] - maps[:, :, :-2, :], [[0, 0], [0, 0], [1, 1], [0, 0]]),
    ]
    flat = tf.reshape(maps, [-1, maps.shape[1], height * width])
    hottest = tf.argmax(flat, axis=-1)

    def at_hottest(values):
        values = tf.reshape(values, tf.shape(flat))
        return tf.gather(values, hottest, axis=-1, batch_dims=2)

    column, row = hottest % width, hottest // width
    inside = (column > 0) & (column < width - 1) & (row > 0) & (row < height - 1)
    quarters = 0.25 * tf.stack([tf.sign(at_hottest(slope)) for slope in slopes], axis=-1)
    cells = tf.cast(tf.stack([column, row], axis=-1), tf.float32) + 0.5
    cells += tf.where(inside[..., None], quarters, 0.0)
    return cells * [SIZE / width, SIZE / height], at_hottest(maps)


def batch_norm(name: str) -> keras.layers.BatchNormalization:
    """Batch normalisation with the published epsilon; called with training=False throughout."""
    return keras.layers.BatchNormalization(epsilon=1e-5, name=name)


@keras.saving.register_keras_serializable("tfgan")
class MultiScaleBlock(StoresArguments, keras.layers.Layer):
    """Three 3x3 convolutions in a row whose outputs are concatenated, with a shortcut.

    a = conv1(relu(norm1(x))), b = conv2(relu(norm2(a))), c = conv3(relu(norm3(b)));
    y = [a, b, c] + shortcut(x), with half, a quarter and a quarter of the channels.

    Args:
        filters: Output channels, divisible by 4.

    Call arguments:
        x: [B, H, W, C].

    Returns:
        [B, H, W, filters].

    Reference:
        Bulat and Tzimiropoulos 2017, arXiv:1703.00862.
    """

    def __init__(self, filters: int, **kwargs):
        super().__init__(**kwargs)
        self.store(locals())

    def build(self, input_shape):
        width = input_shape[-1]
        self.norms, self.convs = [], []
        for i, divisor in enumerate([2, 4, 4], start=1):
            self.norms.append(batch_norm(f"norm{i}"))
            self.convs.append(
                keras.layers.Conv2D(
                    self.filters // divisor, 3, padding="same", use_bias=False, name=f"conv{i}"
                )
            )
        self.shortcut_norm: Any = None
        self.shortcut: Any = None
        if width != self.filters:
            self.shortcut_norm = batch_norm("shortcut_norm")
            self.shortcut = keras.layers.Conv2D(self.filters, 1, use_bias=False, name="shortcut")
            self.shortcut_norm.build(input_shape)
            self.shortcut.build(input_shape)
        for norm, conv in zip(self.norms, self.convs, strict=True):
            norm.build((*input_shape[:-1], width))
            conv.build((*input_shape[:-1], width))
            width = conv.filters

    def call(self, x):
        y, parts = x, []
        for norm, conv in zip(self.norms, self.convs, strict=True):
            y = conv(tf.nn.relu(norm(y, training=False)))
            parts.append(y)
        if self.shortcut is not None:
            x = self.shortcut(tf.nn.relu(self.shortcut_norm(x, training=False)))
        return tf.concat(parts, axis=-1) + x


@keras.saving.register_keras_serializable("tfgan")
class Hourglass(StoresArguments, keras.layers.Layer):
    """Processes feature maps at `depth` halved sizes, each beside a block at the full size.

    y = skip(x) + double(after(inner(before(halve(x))))), where inner is an hourglass of depth - 1,
    or a block at the bottom.

    Args:
        depth: Number of halvings.
        filters: Channels of all layers.

    Call arguments:
        x: [B, H, W, filters] with H and W divisible by 2^depth.

    Returns:
        [B, H, W, filters].

    Reference:
        Newell et al. 2016, arXiv:1603.06937, figure 3.
    """

    def __init__(self, depth: int, filters: int, **kwargs):
        super().__init__(**kwargs)
        self.store(locals())
        self.skip = MultiScaleBlock(filters, name="skip")
        self.before = MultiScaleBlock(filters, name="before")
        self.inner = (
            Hourglass(depth - 1, filters, name="inner")
            if depth > 1
            else MultiScaleBlock(filters, name="inner")
        )
        self.after = MultiScaleBlock(filters, name="after")

    def build(self, input_shape):
        for layer in (self.skip, self.before, self.inner, self.after):
            layer.build((None, None, None, self.filters))

    def call(self, x):
        y = self.before(tf.nn.avg_pool2d(x, 2, 2, "VALID"))
        y = self.after(self.inner(y))
        return add_nearest_up(self.skip(x), y)


@keras.saving.register_keras_serializable("tfgan")
class FaceLandmarks(keras.layers.Layer):
    """Heat maps of 98 face landmarks and of the boundaries between them.

    A face alignment network of one hourglass with coordinate convolutions. Its weights are loaded
    and never trained: batch normalisation always uses its stored statistics.

    Call arguments:
        x: Images of aligned faces, [B, H, W, 3] in [-1, 1], resized to 256.

    Returns:
        [B, 64, 64, 99], float32.

    Reference:
        Wang et al. 2019, arXiv:1904.07399, section 4.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.conv1 = CoordConv2D(64, 7, 2, name="conv1")
        self.norm1 = batch_norm("norm1")
        self.blocks = [
            MultiScaleBlock(filters, name=f"block{i}")
            for i, filters in enumerate([128, 128, 256], start=2)
        ]
        self.coordinates = CoordConv2D(256, 1, name="coordinates")
        self.hourglass = Hourglass(4, 256, name="hourglass")
        self.top = MultiScaleBlock(256, name="top")
        self.conv2 = keras.layers.Conv2D(256, 1, name="conv2")
        self.norm2 = batch_norm("norm2")
        self.to_heatmaps = keras.layers.Conv2D(NUM_LANDMARKS + 1, 1, name="to_heatmaps")

    def build(self, input_shape=None):
        self.conv1.build((None, SIZE, SIZE, 3))
        self.norm1.build((None, None, None, 64))
        width = 64
        for block in self.blocks:
            block.build((None, None, None, width))
            width = block.filters
        self.coordinates.build((None, SIZE // 4, SIZE // 4, width))
        for layer in (self.hourglass, self.top, self.conv2, self.norm2, self.to_heatmaps):
            layer.build((None, None, None, 256))

    def call(self, x):
        x = (tf.image.resize(x, [SIZE, SIZE]) + 1.0) / 2.0
        x = tf.nn.relu(self.norm1(self.conv1(x), training=False))
        x = tf.nn.avg_pool2d(self.blocks[0](x), 2, 2, "VALID")
        for block in self.blocks[1:]:
            x = block(x)
        x = self.top(self.hourglass(self.coordinates(x)))
        x = tf.nn.relu(self.norm2(self.conv2(x), training=False))
        return self.to_heatmaps(x)

    def landmarks(self, x):
        """Positions [B, 98, 2] and heat [B, 98] in images [B, H, W, 3]; see `find_landmarks`."""
        return find_landmarks(self(x)[..., :NUM_LANDMARKS])

    def masks(self, x):
        """The two masks [B, 256, 256, 1] of images [B, H, W, 3]; see `landmark_masks`.

        No gradient reaches the images, as published: a translation would learn to warm landmarks.
        """
        heatmaps = self(tf.stop_gradient(x))[..., :NUM_LANDMARKS]
        return landmark_masks(
            tf.raw_ops.ResizeBilinear(images=heatmaps, size=[SIZE, SIZE], align_corners=True)
        )
