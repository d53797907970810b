"""LPIPS, a perceptual distance between pictures.

Reference:
    Zhang et al. 2018, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric",
    arXiv:1801.03924. Distances agree with version 0.1 of richzhang/PerceptualSimilarity.
"""

from typing import NamedTuple

import keras
import tensorflow as tf

from tfgan.layers.arguments import StoresArguments

# Mean and standard deviation of ImageNet's channels, on the scale from -1 to 1.
SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)


class Conv(NamedTuple):
    """A convolution with bias and ReLU; `number` is its place in torchvision's list of layers."""

    number: int
    filters: int
    kernel: int = 3
    stride: int = 1
    pad: int = 1


class Stage(NamedTuple):
    """Convolutions in a row.

    Attributes:
        pool: Side of the max pooling before them, at stride 2; 0 for none.
        convs: The convolutions; distances are taken after the last.
    """

    pool: int
    convs: tuple[Conv, ...]


NETWORKS = {
    "alex": (
        Stage(0, (Conv(0, 64, 11, 4, 2),)),
        Stage(3, (Conv(3, 192, 5, 1, 2),)),
        Stage(3, (Conv(6, 384),)),
        Stage(0, (Conv(8, 256),)),
        Stage(0, (Conv(10, 256),)),
    ),
    "vgg": (
        Stage(0, (Conv(0, 64), Conv(2, 64))),
        Stage(2, (Conv(5, 128), Conv(7, 128))),
        Stage(2, (Conv(10, 256), Conv(12, 256), Conv(14, 256))),
        Stage(2, (Conv(17, 512), Conv(19, 512), Conv(21, 512))),
        Stage(2, (Conv(24, 512), Conv(26, 512), Conv(28, 512))),
    ),
}


@keras.saving.register_keras_serializable("tfgan")
class LPIPS(StoresArguments, keras.Model):
    """Learned perceptual distance of pictures, version 0.1.

    With the maps f_l of five layers, of unit length at each pixel, and learned weights w_l >= 0,

    d(x, y) = sum_l mean_hw sum_c w_lc * (f_lhwc(x) - f_lhwc(y))^2.

    Its weights are loaded and never trained; it always uses float32.

    Args:
        network: "alex" (AlexNet: diversity of StarGAN v2) or "vgg" (VGG16: path length of
            StyleGAN).

    Call arguments:
        x, y: Images, float32 [B, H, W, 3] in [-1, 1]; H and W are 32 or more.

    Returns:
        Distances, float32 [B].

    Raises:
        ValueError: If there is no such network.
    """

    def __init__(self, network: str = "alex", **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        if network not in NETWORKS:
            raise ValueError(f"network must be one of {list(NETWORKS)}. Received: {network!r}.")
        self.store(locals())
        self.stages = [
            [
                keras.layers.Conv2D(
                    conv.filters,
                    conv.kernel,
                    conv.stride,
                    activation="relu",
                    dtype=self.dtype_policy,
                    name=f"conv{conv.number}",
                )
                for conv in stage.convs
            ]
            for stage in NETWORKS[network]
        ]
        self.linear = [
            keras.layers.Conv2D(1, 1, use_bias=False, dtype=self.dtype_policy, name=f"linear{i}")
            for i in range(len(self.stages))
        ]

    def build(self, input_shape=None):
        width = 3
        for convs, linear in zip(self.stages, self.linear, strict=True):
            for conv in convs:
                conv.build((None, None, None, width))
                width = conv.filters
            linear.build((None, None, None, width))
        self.built = True

    def features(self, x):
        """Maps of unit length at each pixel, [B, H', W', C] for each layer, of images [B, H, W, 3].

        If a picture is compared with many, this is needed only once.
        """
        x = (x - SHIFT) / SCALE
        features = []
        for stage, convs in zip(NETWORKS[self.network], self.stages, strict=True):
            if stage.pool:
                x = tf.nn.max_pool2d(x, stage.pool, 2, "VALID")
            for settings, conv in zip(stage.convs, convs, strict=True):
                pad = [settings.pad] * 2
                x = conv(tf.pad(x, [[0, 0], pad, pad, [0, 0]]))
            length = tf.sqrt(tf.reduce_sum(x**2, axis=-1, keepdims=True))
            features.append(x / (length + 1e-10))
        return features

    def layer_distances(self, x, y):
        """Part of each layer in the distance, float32 [B, 5], of two results of `features`."""
        squares = [(a - b) ** 2 for a, b in zip(x, y, strict=True)]
        return tf.stack(
            [
                tf.reduce_mean(linear(square), axis=[1, 2, 3])
                for linear, square in zip(self.linear, squares, strict=True)
            ],
            axis=1,
        )

    def distance(self, x, y):
        """Distances, float32 [B], of two results of `features`."""
        return tf.reduce_sum(self.layer_distances(x, y), axis=1)

    def call(self, x, y):
        return self.distance(self.features(x), self.features(y))
