"""StarGAN: generator, discriminator, and the model that users call.

Reference:
    Choi et al. 2018, "StarGAN: Unified Generative Adversarial Networks for Multi-Domain
    Image-to-Image Translation", arXiv:1711.09020. Weights and behaviour agree with yunjey/stargan,
    model.py.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfgan.label_sets import LabelSet, vector_width
from tfgan.layers.arguments import StoresArguments
from tfgan.layers.instance_norm import InstanceNorm
from tfgan.layers.precision import PRECISIONS, check_precision
from tfgan.layers.widths import check_resolution

LEAKY_SLOPE = 0.01


def _check_network(resolution: int, conv_dim: int, precision: str) -> None:
    check_resolution(resolution, 32, 512)
    if conv_dim < 1:
        raise ValueError(f"conv_dim must be at least 1. Received: {conv_dim}.")
    check_precision(precision)


def _kernel() -> keras.initializers.Initializer:
    """A new initialiser: uniform numbers of variance 1 / (3 fan_in), as PyTorch draws them."""
    return keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")


def conv(filters: int, kernel_size: int, stride: int = 1, **kwargs) -> keras.layers.Conv2D:
    """A convolution without bias whose zero padding keeps H and W, or divides them by `stride`."""
    # The published network pads 1 on each side of 4x4 kernels at stride 2; so does SAME, faster.
    return keras.layers.Conv2D(
        filters,
        kernel_size,
        stride,
        padding="same",
        use_bias=False,
        kernel_initializer=_kernel(),
        **kwargs,
    )


@keras.saving.register_keras_serializable("tfgan")
class InstanceNormResidualBlock(keras.layers.Layer):
    """Residual block with instance norms, as many channels out as in.

    y = x + norm2(conv2(relu(norm1(conv1(x)))))

    Call arguments:
        x: [B, H, W, C].

    Returns:
        [B, H, W, C] in the dtype of `x`.

    Reference:
        Choi et al. 2018, arXiv:1711.09020, table 4.
    """

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)

    def build(self, input_shape):
        policy, width = self.dtype_policy, input_shape[-1]
        self.conv1 = conv(width, 3, dtype=policy, name="conv1")
        self.norm1 = InstanceNorm(dtype=policy, name="norm1")
        self.conv2 = conv(width, 3, dtype=policy, name="conv2")
        self.norm2 = InstanceNorm(dtype=policy, name="norm2")
        for layer in (self.conv1, self.norm1, self.conv2, self.norm2):
            layer.build((None, None, None, width))

    def call(self, x):
        return x + self.norm2(self.conv2(tf.nn.relu(self.norm1(self.conv1(x)))))


@keras.saving.register_keras_serializable("tfgan")
class StarGANGenerator(StoresArguments, keras.layers.Layer):
    """Translates images to labels: two halvings of H and W, residual blocks, two doublings.

    The labels are concatenated to the colours of every pixel. All convolutions pad with zeros: with
    reflected edges, labels would only shift maps that the first instance norm centres again.

    Args:
        resolution: Size of the images, a power of two from 32 to 512.
        label_width: Width C of the label vectors.
        conv_dim: Channels of the first convolution.
        num_blocks: Residual blocks.
        precision: "float32", "float16" or "bfloat16".

    Call arguments:
        x: Images, [B, resolution, resolution, 3] in [-1, 1].
        labels: Label vectors of the targets, [B, C].

    Returns:
        Images, float32 [B, resolution, resolution, 3] in [-1, 1].

    Raises:
        ValueError: If an argument is out of range.

    Reference:
        Choi et al. 2018, arXiv:1711.09020, table 4.
    """

    def __init__(
        self,
        resolution: int,
        label_width: int,
        conv_dim: int = 64,
        num_blocks: int = 6,
        precision: str = "float32",
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        _check_network(resolution, conv_dim, precision)
        self.store(locals())
        policy = PRECISIONS[precision]

        def norm(name: str) -> InstanceNorm:
            return InstanceNorm(dtype=policy, name=name)

        def up(filters: int, name: str) -> keras.layers.Conv2DTranspose:
            return keras.layers.Conv2DTranspose(
                filters,
                4,
                2,
                padding="same",
                use_bias=False,
                kernel_initializer=_kernel(),
                dtype=policy,
                name=name,
            )

        # Convolution and norm of each layer outside the residual blocks; ReLU follows.
        self.encoder = [
            (conv(conv_dim, 7, dtype=policy, name="from_rgb"), norm("from_rgb_norm")),
            (conv(2 * conv_dim, 4, 2, dtype=policy, name="down0"), norm("down0_norm")),
            (conv(4 * conv_dim, 4, 2, dtype=policy, name="down1"), norm("down1_norm")),
        ]
        self.blocks = [
            InstanceNormResidualBlock(dtype=policy, name=f"b{i}") for i in range(num_blocks)
        ]
        self.decoder = [
            (up(2 * conv_dim, "up0"), norm("up0_norm")),
            (up(conv_dim, "up1"), norm("up1_norm")),
        ]
        self.to_rgb = conv(3, 7, dtype=policy, name="to_rgb")

    def build(self, input_shape=None):
        width = 3 + self.label_width
        for layer, norm in self.encoder:
            layer.build((None, None, None, width))
            width = layer.filters
            norm.build((None, None, None, width))
        for block in self.blocks:
            block.build((None, None, None, width))
        for layer, norm in self.decoder:
            layer.build((None, None, None, width))
            width = layer.filters
            norm.build((None, None, None, width))
        self.to_rgb.build((None, None, None, width))

    def call(self, x, labels):
        dtype = self.to_rgb.compute_dtype
        x, labels = tf.cast(x, dtype), tf.cast(labels, dtype)
        x = tf.concat([x, tf.zeros_like(x[..., :1]) + labels[:, None, None, :]], axis=-1)
        for layer, norm in self.encoder:
            x = tf.nn.relu(norm(layer(x)))
        for block in self.blocks:
            x = block(x)
        for layer, norm in self.decoder:
            x = tf.nn.relu(norm(layer(x)))
        return tf.tanh(tf.cast(self.to_rgb(x), tf.float32))


@keras.saving.register_keras_serializable("tfgan")
class StarGANDiscriminator(StoresArguments, keras.Model):
    """Scores patches of images, and classifies their labels.

    Convolutions of 4x4 at stride 2 halve H and W and double the channels; two heads share them.

    Args:
        resolution: Size of the images, a power of two from 32 to 512.
        num_labels: Labels of all sets, without the mask.
        conv_dim: Channels of the first convolution.
        levels: Number of halvings; None: log2(resolution) - 1, down to maps of 2x2.
        precision: "float32", "float16" or "bfloat16", of all but the two heads.

    Call arguments:
        images: [B, resolution, resolution, 3] in [-1, 1].

    Returns:
        Scores of patches, [B, H, W, 1], H = W = resolution / 2^levels, and logits of the labels,
        [B, num_labels], both float32.

    Raises:
        ValueError: If an argument is out of range.

    Reference:
        Choi et al. 2018, arXiv:1711.09020, table 5.
    """

    def __init__(
        self,
        resolution: int,
        num_labels: int,
        conv_dim: int = 64,
        levels: int | None = None,
        precision: str = "float32",
        **kwargs,
    ):
        super().__init__(**kwargs)
        _check_network(resolution, conv_dim, precision)
        most = int(math.log2(resolution))
        if levels is not None and not 1 <= levels <= most:
            raise ValueError(
                f"levels must be from 1 to {most} at {resolution} pixels. Received: {levels}."
            )
        self.store(locals())
        policy, depth = PRECISIONS[precision], most - 1 if levels is None else levels
        self.convs = []
        width = 3
        for i in range(depth):
            # PyTorch draws biases from the same distribution as kernels.
            limit = 1 / math.sqrt(16 * width)
            width = conv_dim << i
            layer = keras.layers.Conv2D(
                width,
                4,
                2,
                padding="same",
                kernel_initializer=_kernel(),
                bias_initializer=keras.initializers.RandomUniform(-limit, limit),
                dtype=policy,
                name=f"conv{i}",
            )
            self.convs.append(layer)
        self.score = conv(1, 3, name="score")
        self.classifier = keras.layers.Conv2D(
            num_labels,
            resolution >> depth,
            use_bias=False,
            kernel_initializer=_kernel(),
            name="classifier",
        )

    @property
    def lower_layers(self) -> list[list]:
        """Layers of each resolution, from the images on."""
        return [[conv] for conv in self.convs]

    def build(self, input_shape=None):
        width = 3
        for layer in self.convs:
            layer.build((None, None, None, width))
            width = layer.filters
        size = self.resolution >> len(self.convs)
        self.score.build((None, size, size, width))
        self.classifier.build((None, size, size, width))
        self.built = True

    def call(self, images):
        x = tf.cast(images, self.convs[0].compute_dtype)
        for layer in self.convs:
            x = tf.nn.leaky_relu(layer(x), LEAKY_SLOPE)
        x = tf.cast(x, tf.float32)
        return self.score(x), tf.squeeze(self.classifier(x), [1, 2])


@keras.saving.register_keras_serializable("tfgan")
class StarGAN(StoresArguments, keras.Model):
    """Changes the labels of images, as users call it. This is what `.keras` files hold.

    A label vector holds every label of the translation, not only those that change.
    `tfgan.label_sets` makes it from the labels of a picture: with `sets = model.label_sets`,

        source = encode_labels(sets, 0, [[1, 0, 0, 1, 1]])  # labels of set 0
        blond = with_label(sets, source, 0, "Blond_Hair")  # sets other hair colours to 0
        images = model.translate(x, blond)

    Values between 0 and 1 make a label weaker; values beyond them make it stronger.

    Args:
        resolution: Size of the images, a power of two from 32 to 512.
        label_sets: What the labels mean: one `LabelSet` or more, or dictionaries of their fields.
        conv_dim: Channels of the first convolution.
        num_blocks: Residual blocks.
        precision: "float32", "float16" or "bfloat16", used by all convolutions.

    Call arguments:
        x: Source images, [B, resolution, resolution, 3] in [-1, 1].
        labels: Label vectors of the translations, [B, C].

    Returns:
        Images, float32 [B, resolution, resolution, 3] in [-1, 1].

    Raises:
        ValueError: If an argument is out of range.

    Reference:
        Choi et al. 2018, arXiv:1711.09020.
    """

    value_range = (-1.0, 1.0)

    def __init__(
        self,
        resolution: int,
        label_sets: Sequence[LabelSet | dict[str, Any]],
        conv_dim: int = 64,
        num_blocks: int = 6,
        precision: str = "float32",
        **kwargs,
    ):
        super().__init__(**kwargs)
        sets = tuple(s if isinstance(s, LabelSet) else LabelSet(**s) for s in label_sets)
        names = [label_set.name for label_set in sets]
        if not sets or len(set(names)) < len(names):
            raise ValueError(
                f"label_sets must be one set or more, with different names. Received: {names}."
            )
        self.store({**locals(), "label_sets": sets})
        self.generator = StarGANGenerator(
            resolution, vector_width(sets), conv_dim, num_blocks, precision, name="generator"
        )

    @property
    def label_width(self) -> int:
        """Width C of the label vectors."""
        return self.generator.label_width

    def build(self, input_shape=None):
        self.generator.build()
        self.built = True

    def translate(self, x, labels):
        """Gives images [B, H, W, 3] the labels of label vectors [B, C]."""
        return self.generator(x, labels)

    def call(self, x, labels):
        return self.translate(x, labels)

    def get_config(self):
        label_sets = [dataclasses.asdict(label_set) for label_set in self.label_sets]
        return {**super().get_config(), "label_sets": label_sets}
