"""StyleGAN: the discriminator, which grows with the generator.

Reference:
    Karras et al. 2018, "A Style-Based Generator Architecture for Generative Adversarial Networks",
    arXiv:1812.04948. Behaviour follows NVlabs/stylegan, training/networks_stylegan.py, or its
    common port to PyTorch, rosinality/style-based-gan-pytorch, model.py; see `stylegan.Variant`.
"""

import keras
import tensorflow as tf

from tfgan.layers.arguments import StoresArguments
from tfgan.layers.equalized import EqualizedConv2D, EqualizedDense
from tfgan.layers.labels import one_hot
from tfgan.layers.minibatch_stddev import MinibatchStddev
from tfgan.layers.resample import blur, mean_down
from tfgan.layers.widths import channels_at, resolutions_to
from tfgan.models.stylegan import (
    GAIN,
    VARIANTS,
    block_dtype,
    check_in_use,
    check_network,
    fade_in,
)


@keras.saving.register_keras_serializable("tfgan")
class StyleGANDiscriminatorBlock(StoresArguments, keras.layers.Layer):
    """All layers of one resolution of the discriminator; halves H and W.

    Args:
        filters: Channels of the input.
        out_filters: Channels of the output.
        form: Key of `VARIANTS`.

    Call arguments:
        x: [B, H, W, filters], made from pictures by `fromrgb`.

    Returns:
        [B, H/2, W/2, out_filters] in the layer's compute dtype.

    Reference:
        Karras et al. 2018, arXiv:1812.04948, section 2.1; arXiv:1710.10196, table 2.
    """

    def __init__(self, filters: int, out_filters: int, form: str = "official", **kwargs):
        super().__init__(**kwargs)
        self.store(locals())
        policy = self.dtype_policy
        self.middle = out_filters if VARIANTS[form].widens_first else filters
        self.fromrgb = _conv(filters, 1, dtype=policy, name="fromrgb")
        self.conv0 = _conv(self.middle, 3, dtype=policy, name="conv0")
        self.conv1 = _conv(out_filters, 3, "mean_down", dtype=policy, name="conv1")

    def build(self, input_shape=None):
        self.fromrgb.build((None, None, None, 3))
        self.conv0.build((None, None, None, self.filters))
        self.conv1.build((None, None, None, self.middle))

    def call(self, x):
        return self.conv1(blur(self.conv0(x)))


def _conv(filters: int, size: int, resample: str | None = None, **kwargs) -> EqualizedConv2D:
    return EqualizedConv2D(
        filters, size, resample, activation="leaky_relu", kernel_gain=GAIN, **kwargs
    )


@keras.saving.register_keras_serializable("tfgan")
class StyleGANDiscriminator(StoresArguments, keras.Model):
    """Scores images of any resolution up to the largest; with classes, a score for each.

    Args:
        resolution: Largest input size, a power of two from 4 to 1024.
        num_classes: Number of classes, 0 for none.
        channel_base: Channels times resolution.
        channel_max: Upper bound on channels.
        group_size: For the minibatch standard deviation; the port takes the whole batch.
        precision: "float32", "float16" or "bfloat16", used above 4x4.
        form: Key of `VARIANTS`.

    Call arguments:
        images: [B, size, size, 3] in [-1, 1]; size is the resolution in use, from 4.
        labels: Class indices, int [B], or weights, float [B, num_classes] (conditional only).
        fade: How far that resolution is faded in: 0 is the previous one, on means of 2x2 pixels.

    Returns:
        Logits, float32 [B, 1].

    Raises:
        ValueError: If an argument is out of range.

    Reference:
        Karras et al. 2018, arXiv:1812.04948, section 2.1; growing: arXiv:1710.10196, section 2 and
        table 2; classes: Mescheder et al. 2018, arXiv:1801.04406, as in NVlabs/stylegan.
    """

    def __init__(
        self,
        resolution: int,
        num_classes: int = 0,
        channel_base: int = 16384,
        channel_max: int = 512,
        group_size: int = 4,
        precision: str = "float32",
        form: str = "official",
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_network(resolution, channel_base, precision, form)
        self.store(locals())
        self.blocks = [
            StyleGANDiscriminatorBlock(
                channels_at(size, channel_base, channel_max),
                channels_at(size // 2, channel_base, channel_max),
                form,
                dtype=block_dtype(size, precision),
                name=f"b{size}",
            )
            for size in resolutions_to(resolution)[:0:-1]
        ]
        width = channels_at(4, channel_base, channel_max)
        self.fromrgb = _conv(width, 1, name="fromrgb")
        self.stddev = MinibatchStddev(group_size, name="stddev")
        self.conv = _conv(width, 3, name="conv")
        self.fc = EqualizedDense(width, "leaky_relu", kernel_gain=GAIN, name="fc")
        self.out = EqualizedDense(
            max(num_classes, 1), kernel_gain=VARIANTS[form].linear_gain, name="out"
        )

    @property
    def lower_layers(self) -> list[list]:
        """Layers of each resolution, from the images on."""
        return [[block] for block in self.blocks]

    def build(self, input_shape=None):
        width = channels_at(4, self.channel_base, self.channel_max)
        for block in self.blocks:
            block.build(None)
        self.fromrgb.build((None, None, None, 3))
        self.conv.build((None, 4, 4, width + 1))
        self.fc.build((None, 16 * width))
        self.out.build((None, width))
        self.built = True

    def _entered_at(self, size: int) -> tuple[list, list]:
        """Blocks that images of a resolution pass; FromRGB layers before each and after all."""
        check_in_use(size, self.resolution)
        blocks = self.blocks[len(self.blocks) - len(resolutions_to(size)) + 1 :]
        return blocks, [*(block.fromrgb for block in blocks), self.fromrgb]

    def in_use(self, size: int, fades: bool) -> list:
        """Trained variables that score images of a resolution, within its fade or after it."""
        blocks, from_rgb = self._entered_at(size)
        idle = {v.path for layer in from_rgb[2 if fades else 1 :] for v in layer.variables}
        parts = [*blocks, self.fromrgb, self.conv, self.fc, self.out]
        variables = [v for part in parts for v in part.trainable_variables]
        return [v for v in variables if v.path not in idle]

    def call(self, images, labels=None, fade=1.0):
        blocks, from_rgb = self._entered_at(images.shape[1])
        x = from_rgb[0](images)
        for i, block in enumerate(blocks):
            x = block(x)
            if i == 0 and not (isinstance(fade, float) and fade == 1.0):
                x = fade_in(x, tf.cast(from_rgb[1](mean_down(images)), x.dtype), fade)
        x = self.conv(self.stddev(tf.cast(x, tf.float32)))
        x = self.out(self.fc(tf.reshape(x, [-1, 16 * x.shape[-1]])))
        if self.num_classes:
            x = tf.reduce_sum(x * one_hot(labels, self.num_classes), axis=1, keepdims=True)
        return x
