"""A small convolutional classifier, which judges generated pictures."""

import math
from collections.abc import Sequence

import keras
import tensorflow as tf

from tfgan.layers.arguments import StoresArguments
from tfgan.layers.he import he_normal
from tfgan.layers.widths import check_resolution


def width_at(resolution: int) -> int:
    """Channels of the feature maps of this height and width."""
    return max(16, min(1024 // resolution, 128))


@keras.saving.register_keras_serializable("tfgan")
class Classifier(StoresArguments, keras.Model):
    """Gives logits of the classes that pictures belong to.

    At each resolution down to 4: 3x3 convolution, batch norm, ReLU and 2x2 max pooling. The mean
    over H and W gives the features; logits are linear in them.

    Args:
        resolution: Size of the images, a power of two from 8 to 1024.
        class_names: Names of the classes L, at least two, or of the attributes.
        exclusive: Whether a picture belongs to exactly one class; else each class is true or false,
            as attributes are.

    Call arguments:
        images: [B, resolution, resolution, 3] in [-1, 1].
        training: Whether the statistics are those of the batch.

    Returns:
        Logits, float32 [B, L]: of a softmax if classes are exclusive, else of sigmoids.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(
        self, resolution: int, class_names: Sequence[str], exclusive: bool = True, **kwargs
    ):
        super().__init__(**kwargs)
        check_resolution(resolution, 8)
        names = tuple(class_names)
        if len(names) < 1 + exclusive or len(set(names)) < len(names):
            raise ValueError(
                f"class_names must be {'two' if exclusive else 'one'} or more, all different. "
                f"Received: {names}."
            )
        self.store({**locals(), "class_names": names})
        sizes = [resolution >> i for i in range(int(math.log2(resolution)) - 1)]
        self.convs = [
            keras.layers.Conv2D(
                width_at(size),
                3,
                padding="same",
                use_bias=False,
                kernel_initializer=he_normal(),
                name=f"conv{size}",
            )
            for size in sizes
        ]
        self.norms = [
            keras.layers.BatchNormalization(momentum=0.95, name=f"norm{size}") for size in sizes
        ]
        self.logits = keras.layers.Dense(len(names), name="logits")

    def build(self, input_shape=None):
        width = 3
        for conv, norm in zip(self.convs, self.norms, strict=True):
            conv.build((None, None, None, width))
            width = conv.filters
            norm.build((None, None, None, width))
        self.logits.build((None, width))
        self.built = True

    def feature_maps(self, images, training: bool = False):
        """Normalised maps of every resolution down to 4, before ReLU: a list of [B, h, h, C]."""
        x, maps = images, []
        for conv, norm in zip(self.convs, self.norms, strict=True):
            maps.append(norm(conv(x), training=training))
            x = tf.nn.max_pool2d(tf.nn.relu(maps[-1]), 2, 2, "VALID")
        return maps

    def features(self, images, training: bool = False):
        """Input of the last dense layer: [B, H, W, 3] -> float32 [B, C], each 0 or more."""
        return tf.reduce_mean(tf.nn.relu(self.feature_maps(images, training)[-1]), axis=[1, 2])

    def call(self, images, training=False):
        return self.logits(self.features(images, training))

    def decide(self, logits):
        """The most probable labels: class indices, int64 [B], or truth of each, bool [B, L]."""
        return tf.argmax(logits, axis=-1) if self.exclusive else logits > 0
