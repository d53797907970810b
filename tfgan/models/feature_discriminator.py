"""A discriminator that looks at the features of a trained network instead of at pixels."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from tfgan.layers.arguments import StoresArguments
from tfgan.layers.spectral import SpectralConv2D


@keras.saving.register_keras_serializable("tfgan")
class FeatureDiscriminator(StoresArguments, keras.Model):
    """Scores feature maps of a network that is not trained, each size by a head of its own.

    A head is a 1x1 convolution, one 4x4 convolution with stride 2 for each size down to 4, then a
    3x3 and a 4x4 convolution, all with spectral normalisation; its score is the mean over places.

    Args:
        sizes: Height and width of each feature map, powers of two from 4.
        widths: Channels of each feature map.
        width: Channels within the heads.

    Call arguments:
        maps: Feature maps, each [B, size, size, width].
        training: Whether the singular vectors move.

    Returns:
        Logits, float32 [B, number of maps].

    Reference:
        Sauer et al. 2021, "Projected GANs Converge Faster", arXiv:2111.01007, section 3, without
        the random mixing of channels and scales; beside a discriminator of pixels as in Kumari et
        al. 2022, "Ensembling Off-the-shelf Models for GAN Training", arXiv:2112.09130.
    """

    def __init__(self, sizes: Sequence[int], widths: Sequence[int], width: int = 48, **kwargs):
        super().__init__(**kwargs)
        self.store({**locals(), "sizes": tuple(sizes), "widths": tuple(widths)})
        self.heads = [self._make_head(size) for size in sizes]

    def _make_head(self, size: int) -> list[SpectralConv2D]:
        halvings = (size // 4).bit_length() - 1
        shapes = [(1, 1), *[(4, 2)] * halvings, (3, 1)]
        layers = [
            SpectralConv2D(self.width, kernel, stride, name=f"m{size}_conv{i}")
            for i, (kernel, stride) in enumerate(shapes)
        ]
        return [*layers, SpectralConv2D(1, 4, activation="linear", name=f"m{size}_out")]

    def build(self, input_shape=None):
        for head, channels in zip(self.heads, self.widths, strict=True):
            for layer in head:
                layer.build((None, None, None, channels))
                channels = self.width
        self.built = True

    def call(self, maps, training=False):
        scores = []
        for x, head in zip(maps, self.heads, strict=True):
            for layer in head:
                x = layer(x, training=training)
            scores.append(tf.reduce_mean(x, axis=[1, 2, 3]))
        return tf.stack(scores, axis=1)
