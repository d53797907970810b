"""StyleGAN2: the discriminator.

Reference:
    Karras et al. 2020, "Analyzing and Improving the Image Quality of StyleGAN", arXiv:1912.04958.
    Weights and behaviour agree with NVlabs/stylegan2-ada-pytorch, training/networks.py.
"""

import math

import keras
import tensorflow as tf

from tfgan.layers.arguments import StoresArguments
from tfgan.layers.equalized import EqualizedConv2D, EqualizedDense
from tfgan.layers.minibatch_stddev import MinibatchStddev
from tfgan.layers.resample import downsample
from tfgan.layers.widths import channels_at
from tfgan.models.stylegan2 import StyleGAN2Mapping, block_dtypes, check_network


@keras.saving.register_keras_serializable("tfgan")
class DiscriminatorBlock(StoresArguments, keras.layers.Layer):
    """All layers of one resolution of the discriminator; halves H and W.

    Args:
        filters: Channels of the first convolution.
        out_filters: Channels of the second.
        architecture: "orig", "skip" (sees the image at each resolution) or "resnet".
        is_first: Whether this is the input resolution.
        clamp: Bound on activations, or None.

    Call arguments:
        x: [B, H, W, filters], or None in the first block.
        image: [B, H, W, 3], or None.

    Returns:
        Feature maps [B, H/2, W/2, out_filters] and image [B, H/2, W/2, 3] or None.

    Reference:
        Karras et al. 2020, arXiv:1912.04958, figure 7.
    """

    def __init__(
        self, filters, out_filters, architecture="resnet", is_first=False, clamp=None, **kwargs
    ):
        super().__init__(autocast=False, **kwargs)
        self.store(locals())
        policy = self.dtype_policy
        residual = architecture == "resnet"
        gain = math.sqrt(0.5) if residual else 1.0
        self.fromrgb = (
            EqualizedConv2D(
                filters, 1, activation="leaky_relu", clamp=clamp, dtype=policy, name="fromrgb"
            )
            if is_first or architecture == "skip"
            else None
        )
        self.conv0 = EqualizedConv2D(
            filters, 3, activation="leaky_relu", clamp=clamp, dtype=policy, name="conv0"
        )
        self.conv1 = EqualizedConv2D(
            out_filters,
            3,
            "down",
            activation="leaky_relu",
            gain=gain,
            clamp=clamp,
            dtype=policy,
            name="conv1",
        )
        self.skip = (
            EqualizedConv2D(
                out_filters, 1, "down", use_bias=False, gain=gain, dtype=policy, name="skip"
            )
            if residual
            else None
        )

    def build(self, x_shape, image_shape=None):
        if self.fromrgb is not None:
            self.fromrgb.build((None, None, None, 3))
        for layer in (self.conv0, self.conv1, self.skip):
            if layer is not None:
                layer.build((None, None, None, self.filters))

    def call(self, x, image):
        if self.fromrgb is not None:
            features = self.fromrgb(tf.cast(image, self.compute_dtype))
            x = features if x is None else tf.cast(x, features.dtype) + features
            image = downsample(image) if self.architecture == "skip" else None
        x = tf.cast(x, self.compute_dtype)
        y = self.conv1(self.conv0(x))
        if self.skip is not None:
            y = y + self.skip(x)
        return y, image


@keras.saving.register_keras_serializable("tfgan")
class StyleGAN2Discriminator(StoresArguments, keras.Model):
    """Scores images; with classes, by projection on a mapped embedding of the class.

    Args:
        resolution: Input size, a power of two from 8 to 1024.
        num_classes: Number of classes, 0 for none.
        channel_base: Channels times resolution; 32768 is config f, 16384 config e.
        channel_max: Upper bound on channels.
        architecture: "orig", "skip" or "resnet".
        group_size: For the minibatch standard deviation.
        label_layers: Dense layers that map the class embedding.
        precision: "float32", "float16" or "bfloat16", used in the top `half_resolutions`.
        half_resolutions: Number of resolutions in reduced precision.
        clamp: Bound on activations; None: 256 where precision is float16, else no bound.

    Call arguments:
        images: [B, resolution, resolution, 3] in [-1, 1].
        labels: Class indices, int [B] (conditional discriminators only).

    Returns:
        Logits, float32 [B, 1].

    Raises:
        ValueError: If an argument is out of range.

    Reference:
        Karras et al. 2020, arXiv:1912.04958, figure 7; projection: Miyato and Koyama 2018,
        arXiv:1802.05637, as in NVlabs/stylegan2-ada-pytorch.
    """

    def __init__(
        self,
        resolution: int,
        num_classes: int = 0,
        channel_base: int = 32768,
        channel_max: int = 512,
        architecture: str = "resnet",
        group_size: int = 4,
        label_layers: int = 8,
        precision: str = "float32",
        half_resolutions: int = 4,
        clamp: float | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_network(resolution, channel_base, architecture, precision)
        self.store(locals())
        bound = 256.0 if clamp is None and precision == "float16" else clamp
        dtypes = block_dtypes(resolution, precision, half_resolutions)
        self.blocks = [
            DiscriminatorBlock(
                channels_at(size, channel_base, channel_max),
                channels_at(size // 2, channel_base, channel_max),
                architecture,
                is_first=size == resolution,
                clamp=bound,
                dtype=dtypes[size],
                name=f"b{size}",
            )
            for size in sorted(dtypes, reverse=True)[:-1]
        ]
        width = channels_at(4, channel_base, channel_max)
        self.fromrgb = (
            EqualizedConv2D(width, 1, activation="leaky_relu", clamp=bound, name="fromrgb")
            if architecture == "skip"
            else None
        )
        self.stddev = MinibatchStddev(group_size, name="stddev")
        self.conv = EqualizedConv2D(width, 3, activation="leaky_relu", clamp=bound, name="conv")
        self.fc = EqualizedDense(width, "leaky_relu", name="fc")
        self.out = EqualizedDense(width if num_classes else 1, name="out")
        self.mapping = (
            StyleGAN2Mapping(
                0, width, num_classes, label_layers, average_decay=None, name="mapping"
            )
            if num_classes
            else None
        )

    @property
    def lower_layers(self) -> list[list]:
        """Layers of each resolution, from the images on."""
        return [[block] for block in self.blocks]

    def build(self, input_shape=None):
        width = channels_at(4, self.channel_base, self.channel_max)
        for block in self.blocks:
            block.build(None)
        if self.fromrgb is not None:
            self.fromrgb.build((None, None, None, 3))
        self.conv.build((None, 4, 4, width + 1))
        self.fc.build((None, 16 * width))
        self.out.build((None, width))
        if self.mapping is not None:
            self.mapping.build()
        self.built = True

    def call(self, images, labels=None):
        x, image = None, images
        for block in self.blocks:
            x, image = block(x, image)
        x = tf.cast(x, tf.float32)
        if self.fromrgb is not None:
            x = x + self.fromrgb(image)
        x = self.conv(self.stddev(x))
        x = self.out(self.fc(tf.reshape(x, [-1, 16 * x.shape[-1]])))
        if self.mapping is not None:
            directions = self.mapping(None, labels)
            x = tf.reduce_sum(x * directions, axis=1, keepdims=True) / math.sqrt(x.shape[-1])
        return x
