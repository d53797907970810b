"""Inception-v3: the features of FID, KID, precision, recall and the inception score.

Reference:
    Szegedy et al. 2015, "Rethinking the Inception Architecture for Computer Vision",
    arXiv:1512.00567. Features agree with mseitzer/pytorch-fid and with metrics/fid.py of
    clovaai/stargan-v2.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfgan.layers.arguments import StoresArguments

SIZE = 299  # pixels of the images that the network sees


@dataclass(frozen=True)
class Conv:
    """A convolution with bias and ReLU; its batch norm is part of kernel and bias."""

    name: str
    filters: int
    kernel: int | tuple[int, int]
    stride: int = 1
    padding: str = "same"


@dataclass(frozen=True)
class Halve:
    """Max pooling, 3 x 3 at stride 2."""


@dataclass(frozen=True)
class Pool:
    """Pooling, 3 x 3 at stride 1, by maximum or mean: see `Variant`."""

    last: bool = False


@dataclass(frozen=True)
class Fork:
    """Parallel paths from the same maps, whose results are concatenated."""

    paths: tuple["Path", ...]


Path = tuple[Conv | Halve | Pool | Fork, ...]


def _path(block: str, branch: str, *steps: tuple) -> Path:
    """Convolutions BLOCK_BRANCH, or BLOCK_BRANCH_1, ... if there are several."""
    numbers = [f"_{i + 1}" for i in range(len(steps))] if len(steps) > 1 else [""]
    return tuple(
        Conv(f"{block}_{branch}{number}", *step)
        for number, step in zip(numbers, steps, strict=True)
    )


def _split(block: str, branch: str, number: int) -> Fork:
    """1 x 3 and 3 x 1 side by side, cheaper than 3 x 3."""
    name = f"{block}_{branch}_{number}"
    return Fork(((Conv(f"{name}a", 384, (1, 3)),), (Conv(f"{name}b", 384, (3, 1)),)))


def _block_35(block: str, pooled: int) -> Fork:
    """At 35 x 35: figure 5 of the paper, with 5 x 5 in one of the paths."""
    return Fork(
        (
            _path(block, "branch1x1", (64, 1)),
            _path(block, "branch5x5", (48, 1), (64, 5)),
            _path(block, "branch3x3dbl", (64, 1), (96, 3), (96, 3)),
            (Pool(), *_path(block, "branch_pool", (pooled, 1))),
        )
    )


def _block_17(block: str, width: int) -> Fork:
    """At 17 x 17: figure 6 of the paper, n = 7."""
    row, column = (1, 7), (7, 1)
    return Fork(
        (
            _path(block, "branch1x1", (192, 1)),
            _path(block, "branch7x7", (width, 1), (width, row), (192, column)),
            _path(
                block,
                "branch7x7dbl",
                (width, 1),
                *[(width, column), (width, row), (width, column), (192, row)],
            ),
            (Pool(), *_path(block, "branch_pool", (192, 1))),
        )
    )


def _block_8(block: str, last: bool = False) -> Fork:
    """At 8 x 8: figure 7 of the paper."""
    return Fork(
        (
            _path(block, "branch1x1", (320, 1)),
            (Conv(f"{block}_branch3x3_1", 384, 1), _split(block, "branch3x3", 2)),
            (*_path(block, "branch3x3dbl", (448, 1), (384, 3)), _split(block, "branch3x3dbl", 3)),
            (Pool(last), *_path(block, "branch_pool", (192, 1))),
        )
    )


_HALF: tuple = (3, 2, "valid")
# The results of these parts are the four maps that the literature takes features from.
PARTS: tuple[Path, ...] = (
    (
        Conv("conv2d_1a_3x3", 32, *_HALF),
        Conv("conv2d_2a_3x3", 32, 3, padding="valid"),
        Conv("conv2d_2b_3x3", 64, 3),
        Halve(),
    ),
    (Conv("conv2d_3b_1x1", 80, 1), Conv("conv2d_4a_3x3", 192, 3, padding="valid"), Halve()),
    (
        _block_35("mixed_5b", 32),
        _block_35("mixed_5c", 64),
        _block_35("mixed_5d", 64),
        Fork(
            (
                _path("mixed_6a", "branch3x3", (384, *_HALF)),
                _path("mixed_6a", "branch3x3dbl", (64, 1), (96, 3), (96, *_HALF)),
                (Halve(),),
            )
        ),
        _block_17("mixed_6b", 128),
        _block_17("mixed_6c", 160),
        _block_17("mixed_6d", 160),
        _block_17("mixed_6e", 192),
    ),
    (
        Fork(
            (
                _path("mixed_7a", "branch3x3", (192, 1), (320, *_HALF)),
                _path("mixed_7a", "branch7x7x3", (192, 1), (192, (1, 7)), (192, (7, 1)),
                      (192, *_HALF)),
                (Halve(),),
            )
        ),
        _block_8("mixed_7b"),
        _block_8("mixed_7c", last=True),
    ),
)  # fmt: skip


def resize_tf1(images):
    """Bilinear resizing of TensorFlow 1, uint8 [B, H, W, 3] -> float32 [B, 299, 299, 3], 0 to 255.

    Pixel i of the result is at i * H / 299 of the source, without half-pixel offsets, and is
    interpolated between two neighbours, however many pixels are skipped.
    """
    return tf.raw_ops.ResizeBilinear(
        images=images, size=[SIZE, SIZE], align_corners=False, half_pixel_centers=False
    )


def resize_pillow(images):
    """Bilinear resizing of Pillow, uint8 [B, H, W, 3] -> float32 [B, 299, 299, 3], whole numbers.

    First along W, then along H, with weights of 22 bits, and each rounded to whole numbers. Where
    the image gets smaller, the triangle of weights widens with the step. (Late versions of Pillow
    begin with H for some pictures that are higher than wide.)
    """
    images = tf.cast(images, tf.float64)  # holds the products and their sums exactly
    for axis, equation in ((2, "bhwc,wo->bhoc"), (1, "bhwc,ho->bowc")):
        count = tf.cast(tf.shape(images)[axis], tf.float64)
        step = count / SIZE
        middles = (tf.range(SIZE, dtype=tf.float64) + 0.5) * step
        distances = tf.abs(tf.range(count)[:, None] + 0.5 - middles)
        weights = tf.maximum(1.0 - distances / tf.maximum(step, 1.0), 0.0)
        weights /= tf.reduce_sum(weights, axis=0)
        weights = tf.floor(weights * 2**22 + 0.5)
        images = tf.floor(tf.einsum(equation, images, weights) / 2**22 + 0.5)
    return tf.cast(images, tf.float32)


def _average(x):
    """3 x 3 mean; at the border, of the pixels within the map."""
    return tf.nn.avg_pool2d(x, 3, 1, "SAME")


def _average_padded(x):
    """3 x 3 mean, with zeros beyond the border."""
    return tf.nn.avg_pool2d(tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]), 3, 1, "VALID")


def _largest(x):
    return tf.nn.max_pool2d(x, 3, 1, "SAME")


class Variant(NamedTuple):
    """Differences between published networks.

    Attributes:
        classes: Number of logits.
        resize: uint8 images of any size -> float32 [B, 299, 299, 3] from 0 to 255.
        mean, scale: Of each channel; the network sees (image - mean) / scale.
        pool: 3 x 3 pooling of the blocks, with a stride of 1.
        last_pool: Pooling of the last block.
    """

    classes: int
    resize: Callable[[Any], Any]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    pool: Callable[[Any], Any]
    last_pool: Callable[[Any], Any]


VARIANTS = {
    # The last block of this graph has a maximum where the paper has an average.
    "2015-12-05": Variant(1008, resize_tf1, (128.0,) * 3, (128.0,) * 3, _average, _largest),
    # Its authors trained on (image - 127.5) / 127.5. StarGAN v2 takes only the layers of the
    # network, so that torchvision's conversion from ImageNet's scale to that scale is lost.
    "torchvision": Variant(
        1000,
        resize_pillow,
        (255 * 0.485, 255 * 0.456, 255 * 0.406),
        (255 * 0.229, 255 * 0.224, 255 * 0.225),
        _average_padded,
        _average_padded,
    ),
}


@keras.saving.register_keras_serializable("tfgan")
class InceptionV3(StoresArguments, keras.Model):
    """The network of FID. Its weights are loaded and never trained; it always uses float32.

    Args:
        form: "2015-12-05": the TensorFlow graph of that day, used for published FID, KID and
            inception scores. "torchvision": the network of StarGAN v2's FID, with preprocessing.
            Numbers of the two must never be compared.

    Call arguments:
        images: uint8 [B, H, W, 3] of any size. They are resized to 299 x 299 as TensorFlow 1
            did, or as Pillow does, depending on `form`.

    Returns:
        Features, float32 [B, 2048].

    Raises:
        ValueError: If there is no such form.
    """

    def __init__(self, form: str = "2015-12-05", **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        if form not in VARIANTS:
            raise ValueError(f"form must be one of {list(VARIANTS)}. Received: {form!r}.")
        self.store(locals())
        self.convs: dict[str, keras.layers.Conv2D] = {}
        self.to_logits = keras.layers.Dense(
            VARIANTS[form].classes, use_bias=False, dtype=self.dtype_policy, name="to_logits"
        )

    def build(self, input_shape=None):
        width = 3
        for part in PARTS:
            width = self._build_path(part, width)
        self.to_logits.build((None, width))
        self.built = True

    def _build_path(self, path: Path, width: int) -> int:
        """Makes the convolutions of a path for `width` channels; returns the channels after it."""
        for step in path:
            if isinstance(step, Conv):
                conv = keras.layers.Conv2D(
                    step.filters,
                    step.kernel,
                    step.stride,
                    step.padding,
                    activation="relu",
                    dtype=self.dtype_policy,
                    name=step.name,
                )
                conv.build((None, None, None, width))
                self.convs[step.name] = conv
                width = step.filters
            elif isinstance(step, Fork):
                width = sum(self._build_path(branch, width) for branch in step.paths)
        return width

    def _run(self, path: Path, x):
        variant = VARIANTS[self.form]
        for step in path:
            match step:
                case Conv():
                    x = self.convs[step.name](x)
                case Halve():
                    x = tf.nn.max_pool2d(x, 3, 2, "VALID")
                case Pool():
                    x = (variant.last_pool if step.last else variant.pool)(x)
                case Fork():
                    x = tf.concat([self._run(branch, x) for branch in step.paths], axis=-1)
        return x

    def maps(self, images):
        """Results of each of `PARTS` for uint8 [B, H, W, 3]: float32, the last [B, 8, 8, 2048].

        The first three have 64, 192 and 768 channels, and sides of 73, 35 and 17.
        """
        variant = VARIANTS[self.form]
        x = (variant.resize(images) - variant.mean) / variant.scale
        maps = []
        for part in PARTS:
            x = self._run(part, x)
            maps.append(x)
        return maps

    def call(self, images):
        return tf.reduce_mean(self.maps(images)[-1], axis=[1, 2])

    def logits(self, features):
        """Logits without their bias, float32 [B, classes], of features [B, 2048].

        Published inception scores leave the bias out.
        """
        return self.to_logits(features)

    def probabilities(self, features):
        """Probabilities of the classes, [B, classes]: the softmax of `logits`."""
        return tf.nn.softmax(self.logits(features))
