"""StyleGAN2: mapping network, synthesis network, and the generator that users call.

Reference:
    Karras et al. 2020, "Analyzing and Improving the Image Quality of StyleGAN", arXiv:1912.04958.
    Weights and behaviour agree with NVlabs/stylegan2-ada-pytorch, training/networks.py.
"""

import math
from collections.abc import Sequence

import keras
import tensorflow as tf

from tfgan.layers.arguments import StoresArguments
from tfgan.layers.equalized import ACTIVATION_GAIN, EqualizedConv2D, EqualizedDense, activate
from tfgan.layers.labels import one_hot
from tfgan.layers.modulated_conv import ModulatedConv2D
from tfgan.layers.noise import Noise
from tfgan.layers.pixel_norm import pixel_norm
from tfgan.layers.precision import PRECISIONS, check_precision
from tfgan.layers.resample import upsample
from tfgan.layers.style_based import StyleGenerator, StyleMapping, StyleSynthesis
from tfgan.layers.truncation import style_of
from tfgan.layers.widths import channels_at, check_channel_base, check_resolution

ARCHITECTURES = ("orig", "skip", "resnet")


def check_network(resolution: int, channel_base: int, architecture: str, precision: str) -> None:
    """Raises ValueError for arguments of impossible networks."""
    check_resolution(resolution, 8)
    check_channel_base(channel_base, resolution)
    if architecture not in ARCHITECTURES:
        raise ValueError(
            f"architecture must be one of {ARCHITECTURES}. Received: {architecture!r}."
        )
    check_precision(precision)


def block_dtypes(resolution: int, precision: str, half_resolutions: int) -> dict[int, str]:
    """Dtype policy by block resolution: the top `half_resolutions` use `precision`."""
    sizes = [2**i for i in range(2, int(math.log2(resolution)) + 1)]
    half = sizes[max(len(sizes) - half_resolutions, 1) :]  # 4x4 always stays float32, as published
    return {size: PRECISIONS[precision] if size in half else "float32" for size in sizes}


@keras.saving.register_keras_serializable("tfgan")
class StyleGAN2Mapping(StyleMapping):
    """Maps latents (and classes) to styles; keeps their running average.

    Z -> pixel norm -> layers x (dense, leaky ReLU). With classes, a normalised embedding of the
    one-hot label is concatenated to the normalised latent. With `latent_dim` 0 the embedding alone
    is mapped, as the discriminator needs it.

    Args:
        latent_dim: Width Z of the latents.
        style_dim: Width W of the styles.
        num_classes: Number of classes, 0 for none.
        num_layers: Dense layers.
        lr_multiplier: Learning rate multiplier of the dense layers.
        average_decay: Decay of the running average of styles; None keeps none.

    Call arguments:
        latents: [B, Z], or None where latent_dim is 0.
        labels: Class indices, int [B], or one-hot or mixed weights, float [B, num_classes].

    Returns:
        [B, W], float32.

    Raises:
        ValueError: If classes are needed and `labels` is missing.

    Reference:
        Karras et al. 2018, arXiv:1812.04948, section 2; conditioning: arXiv:2006.06676, appendix.
    """

    def __init__(
        self,
        latent_dim: int = 512,
        style_dim: int = 512,
        num_classes: int = 0,
        num_layers: int = 8,
        lr_multiplier: float = 0.01,
        average_decay: float | None = 0.998,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.store(locals())
        self.embed = EqualizedDense(style_dim, name="embed") if num_classes else None
        self.dense = [
            EqualizedDense(style_dim, "leaky_relu", lr_multiplier=lr_multiplier, name=f"fc{i}")
            for i in range(num_layers)
        ]

    def build(self, input_shape=None):
        if self.embed is not None:
            self.embed.build((None, self.num_classes))
        self.build_dense(self.latent_dim + (0 if self.embed is None else self.style_dim))

    def normalize(self, latents, labels):
        parts = [pixel_norm(latents)] if self.latent_dim else []
        if self.embed is not None:
            parts.append(pixel_norm(self.embed(one_hot(labels, self.num_classes))))
        return tf.concat(parts, axis=-1)


@keras.saving.register_keras_serializable("tfgan")
class SynthesisLayer(StoresArguments, keras.layers.Layer):
    """Style -> modulated 3x3 convolution -> noise -> bias -> leaky ReLU.

    Args:
        filters: Output channels.
        upsample: Whether H and W double.
        gain: Factor on the output beside the activation's; 1/sqrt(2) in residual blocks.
        clamp: Bound on the output before `gain`, or None.

    Call arguments:
        x: [B, H, W, C].
        style: [B, W].
        noise: [B, H', W', 1] or None for the fixed map.

    Returns:
        [B, H', W', filters] in the layer's compute dtype.

    Reference:
        Karras et al. 2020, arXiv:1912.04958, figure 2.
    """

    def __init__(self, filters, upsample=False, gain=1.0, clamp=None, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.store(locals())
        policy = self.dtype_policy
        self.conv = ModulatedConv2D(filters, 3, upsample, dtype=policy, name="conv")
        self.noise = Noise(dtype=policy, name="noise")

    def build(self, x_shape, style_shape, noise_shape=None):
        batch, height, width, channels = x_shape
        factor = 2 if self.upsample else 1
        # A style is a scale, hence the bias of 1; it is needed in float32.
        self.affine = EqualizedDense(channels, bias_init=1.0, dtype="float32", name="affine")
        self.affine.build(style_shape)
        self.conv.build(x_shape)
        self.noise.build((batch, height * factor, width * factor, self.filters))
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")

    def call(self, x, style, noise=None):
        x = self.conv(x, self.affine(style))
        x = self.noise(x, noise)
        x = tf.nn.bias_add(x, tf.cast(self.bias, x.dtype))
        clamp = None if self.clamp is None else self.clamp * self.gain
        return activate(x, "leaky_relu", ACTIVATION_GAIN["leaky_relu"] * self.gain, clamp)


@keras.saving.register_keras_serializable("tfgan")
class ToRGB(StoresArguments, keras.layers.Layer):
    """Style -> modulated 1x1 convolution without demodulation -> bias.

    Args:
        channels: Image channels.
        clamp: Bound on the output, or None.

    Call arguments:
        x: [B, H, W, C].
        style: [B, W].

    Returns:
        [B, H, W, channels], float32.

    Reference:
        Karras et al. 2020, arXiv:1912.04958, figure 7.
    """

    def __init__(self, channels=3, clamp=None, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.store(locals())
        self.conv = ModulatedConv2D(
            channels, 1, demodulate=False, dtype=self.dtype_policy, name="conv"
        )

    def build(self, x_shape, style_shape):
        self.affine = EqualizedDense(x_shape[-1], bias_init=1.0, dtype="float32", name="affine")
        self.affine.build(style_shape)
        self.conv.build(x_shape)
        self.bias = self.add_weight(name="bias", shape=(self.channels,), initializer="zeros")

    def call(self, x, style):
        x = self.conv(x, self.affine(style))
        x = tf.nn.bias_add(x, tf.cast(self.bias, x.dtype))
        x = activate(x, "linear", clamp=self.clamp)
        return tf.cast(x, tf.float32)


@keras.saving.register_keras_serializable("tfgan")
class SynthesisBlock(StoresArguments, keras.layers.Layer):
    """All layers of one resolution of the synthesis network.

    Args:
        filters: Channels C of the block.
        resolution: Output size; 4 starts from the learned constant and has one convolution.
        architecture: "orig", "skip" (sum of images) or "resnet" (sum of features).
        is_last: Whether this is the output resolution.
        clamp: Bound on activations, or None.

    Call arguments:
        x: [B, H/2, W/2, C'], or None at resolution 4.
        image: [B, H/2, W/2, 3], or None.
        styles: [B, L', W]: one per convolution, and one for ToRGB where there is one.
        noise: One [B, H, W, 1] or None per convolution.

    Returns:
        Feature maps [B, H, W, C] and image [B, H, W, 3] or None.

    Reference:
        Karras et al. 2020, arXiv:1912.04958, figure 7.
    """

    def __init__(self, filters, resolution, architecture="skip", is_last=False, clamp=None, **kw):
        super().__init__(autocast=False, **kw)
        self.store(locals())
        policy = self.dtype_policy
        starts = resolution == 4
        residual = architecture == "resnet" and not starts
        gain = math.sqrt(0.5) if residual else 1.0
        self.conv0 = (
            None
            if starts
            else SynthesisLayer(filters, upsample=True, clamp=clamp, dtype=policy, name="conv0")
        )
        self.conv1 = SynthesisLayer(filters, gain=gain, clamp=clamp, dtype=policy, name="conv1")
        self.torgb = (
            ToRGB(clamp=clamp, dtype=policy, name="torgb")
            if is_last or architecture == "skip"
            else None
        )
        self.skip = (
            EqualizedConv2D(filters, 1, "up", use_bias=False, gain=gain, dtype=policy, name="skip")
            if residual
            else None
        )

    @property
    def num_convs(self) -> int:
        """Convolutions of the block, each with a style and a noise map."""
        return 1 if self.conv0 is None else 2

    def build(self, x_shape, image_shape=None, styles_shape=None, noise_shape=None):
        style_shape = (None, styles_shape[-1])
        out = (None, self.resolution, self.resolution, self.filters)
        if self.conv0 is None:
            self.const = self.add_weight(
                name="const",
                shape=out[1:],
                initializer=keras.initializers.RandomNormal(stddev=1.0),
            )
        else:
            self.conv0.build(x_shape, style_shape)
        self.conv1.build(out, style_shape)
        if self.torgb is not None:
            self.torgb.build(out, style_shape)
        if self.skip is not None:
            self.skip.build(x_shape)

    def call(self, x, image, styles, noise):
        if self.conv0 is None:
            batch = tf.shape(styles)[0] if styles.shape[0] is None else styles.shape[0]
            x = tf.tile(tf.convert_to_tensor(self.const)[None], [batch, 1, 1, 1])
        else:
            shortcut = self.skip(x) if self.skip is not None else None
            x = self.conv0(x, style_of(styles, 0), noise[0])
        x = self.conv1(x, style_of(styles, self.num_convs - 1), noise[-1])
        if self.skip is not None:
            x = x + shortcut
        if image is not None:
            image = upsample(image)
        if self.torgb is not None:
            rgb = self.torgb(x, style_of(styles, self.num_convs))
            image = rgb if image is None else image + rgb
        return x, image


@keras.saving.register_keras_serializable("tfgan")
class StyleGAN2Synthesis(StyleSynthesis):
    """Turns one style per layer into images.

    Args:
        resolution: Output size, a power of two from 8 to 1024.
        style_dim: Width W of the styles.
        channel_base: Channels times resolution; 32768 is config f, 16384 config e.
        channel_max: Upper bound on channels.
        architecture: "orig", "skip" or "resnet".
        precision: "float32", "float16" or "bfloat16", used in the top `half_resolutions`.
        half_resolutions: Number of resolutions in reduced precision.
        clamp: Bound on activations; None: 256 where precision is float16, else no bound.

    Call arguments:
        styles: [B, L, W] with L = `num_styles`.
        noise: One [B, H, W, 1] per convolution, as from `draw_noise`; None uses the fixed maps.

    Returns:
        Images, float32 [B, resolution, resolution, 3], about [-1, 1].

    Raises:
        ValueError: If an argument is out of range.

    Reference:
        Karras et al. 2020, arXiv:1912.04958, section 4 and figure 7.
    """

    def __init__(
        self,
        resolution: int,
        style_dim: int = 512,
        channel_base: int = 32768,
        channel_max: int = 512,
        architecture: str = "skip",
        precision: str = "float32",
        half_resolutions: int = 4,
        clamp: float | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_network(resolution, channel_base, architecture, precision)
        self.store(locals())
        bound = 256.0 if clamp is None and precision == "float16" else clamp
        self.blocks = [
            SynthesisBlock(
                channels_at(size, channel_base, channel_max),
                size,
                architecture,
                is_last=size == resolution,
                clamp=bound,
                dtype=dtype,
                name=f"b{size}",
            )
            for size, dtype in block_dtypes(resolution, precision, half_resolutions).items()
        ]

    @property
    def num_styles(self) -> int:
        """Number L of styles: one per convolution and one for the last ToRGB."""
        return sum(block.num_convs for block in self.blocks) + 1

    @property
    def noisy_layers(self) -> list:
        """Size and convolution of each noise map, in order."""
        return [
            (block.resolution, layer)
            for block in self.blocks
            for layer in (block.conv0, block.conv1)
            if layer is not None
        ]

    def build(self, input_shape=None):
        shape = None
        for block in self.blocks:
            block.build(shape, None, (None, self.num_styles, self.style_dim))
            shape = (None, block.resolution, block.resolution, block.filters)

    def call(self, styles, noise=None):
        x = image = None
        first = 0
        maps = [None] * len(self.noise_sizes) if noise is None else list(noise)
        for block in self.blocks:
            convs = block.num_convs
            # ToRGB shares its style with the next block's first convolution.
            x, image = block(
                x, image, styles[:, first : first + convs + 1], maps[first : first + convs]
            )
            first += convs
        return image


@keras.saving.register_keras_serializable("tfgan")
class StyleGAN2Generator(StyleGenerator):
    """The generator as users call it: latents in, images out. This is what `.keras` files hold.

    Args:
        resolution: Output size, a power of two from 8 to 1024.
        latent_dim: Width Z of the latents.
        style_dim: Width W of the styles.
        class_names: Names of the classes; empty for an unconditional generator.
        mapping_layers: Dense layers of the mapping network.
        channel_base: Channels times resolution; 32768 is config f, 16384 config e.
        channel_max: Upper bound on channels.
        architecture: "orig", "skip" or "resnet".
        precision: "float32", "float16" or "bfloat16", used in the top `half_resolutions`.
        half_resolutions: Number of resolutions in reduced precision.
        clamp: Bound on activations; None: 256 where precision is float16, else no bound.
        style_average_decay: Decay of the running average of styles.

    Called as any `StyleGenerator`.

    Raises:
        ValueError: If an argument is out of range.

    Reference:
        Karras et al. 2020, arXiv:1912.04958.
    """

    def __init__(
        self,
        resolution: int,
        latent_dim: int = 512,
        style_dim: int = 512,
        class_names: Sequence[str] = (),
        mapping_layers: int = 8,
        channel_base: int = 32768,
        channel_max: int = 512,
        architecture: str = "skip",
        precision: str = "float32",
        half_resolutions: int = 4,
        clamp: float | None = None,
        style_average_decay: float = 0.998,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.store(locals())
        self.mapping = StyleGAN2Mapping(
            latent_dim,
            style_dim,
            len(self.class_names),
            mapping_layers,
            average_decay=style_average_decay,
            name="mapping",
        )
        self.synthesis = StyleGAN2Synthesis(
            resolution,
            style_dim,
            channel_base,
            channel_max,
            architecture,
            precision,
            half_resolutions,
            clamp,
            name="synthesis",
        )
