"""StyleGAN: mapping network, growing synthesis network, and the generator that users call.

Synthesis network and discriminator hold the weights of all resolutions from the start. While they
grow, each call gives the resolution in use, and how far its layers are faded in.

Reference:
    Karras et al. 2018, "A Style-Based Generator Architecture for Generative Adversarial Networks",
    arXiv:1812.04948. Behaviour follows NVlabs/stylegan, training/networks_stylegan.py, or its
    common port to PyTorch, rosinality/style-based-gan-pytorch, model.py; see `Variant`.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import keras
import tensorflow as tf

from tfgan.layers.adain import AdaIN
from tfgan.layers.arguments import StoresArguments
from tfgan.layers.equalized import LEAKY_SLOPE, EqualizedConv2D, EqualizedDense
from tfgan.layers.labels import one_hot
from tfgan.layers.noise import Noise
from tfgan.layers.pixel_norm import pixel_norm
from tfgan.layers.precision import PRECISIONS, check_precision
from tfgan.layers.resample import blur, nearest_up
from tfgan.layers.style_based import StyleGenerator, StyleMapping, StyleSynthesis
from tfgan.layers.truncation import style_of
from tfgan.layers.widths import (
    channels_at,
    check_channel_base,
    check_resolution,
    resolutions_to,
)

GAIN = math.sqrt(2.0)  # He's, on the kernels of all layers with an activation
FUSED_FROM = 128  # pixels from which on the published code fuses up-sampling and convolution


class Variant(NamedTuple):
    """Differences between the official networks and those of the port.

    Attributes:
        linear_gain: Gain on kernels of layers without activation: styles, ToRGB, the last score.
        equalized_noise: Whether strengths of noise are multiplied by sqrt(2 / channels).
        fused_gain: Gain on kernels of up-sampling convolutions from `FUSED_FROM` pixels on.
        epsilon: Of the instance norm.
        early_bias: Whether biases come before the blur, and the learned constant has none.
        shared_noise: Whether both layers of a resolution get the same map.
        constant: Initialiser of the learned constant.
        widens_first: Whether the first convolution of a block of the discriminator widens the maps,
            not the second.
    """

    linear_gain: float
    equalized_noise: bool
    fused_gain: float
    epsilon: float
    early_bias: bool
    shared_noise: bool
    constant: str
    widens_first: bool


VARIANTS = {
    "official": Variant(1.0, False, 1.0, 1e-8, False, False, "ones", False),
    "rosinality": Variant(GAIN, True, 0.25, 1e-5, True, True, "random_normal", True),
}


def check_network(resolution: int, channel_base: int, precision: str, form: str) -> None:
    """Raises ValueError for arguments of impossible networks."""
    check_resolution(resolution, 4)
    check_channel_base(channel_base, resolution)
    if form not in VARIANTS:
        raise ValueError(f"form must be one of {list(VARIANTS)}. Received: {form!r}.")
    check_precision(precision)


def check_in_use(size: int, resolution: int) -> None:
    """Raises ValueError unless a network of this resolution has the size."""
    if size not in resolutions_to(resolution):
        raise ValueError(
            f"the resolution in use must be one of {resolutions_to(resolution)}. Received: {size}."
        )


def block_dtype(size: int, precision: str) -> str:
    """Dtype policy of the layers of one resolution: 4x4 always stays float32."""
    return "float32" if size == 4 else PRECISIONS[precision]


def fade_in(new, old, fade):
    """old + fade * (new - old): 0 is the smaller network, 1 the larger one. Keeps shape, dtype."""
    return old + (new - old) * tf.cast(fade, new.dtype)


@keras.saving.register_keras_serializable("tfgan")
class StyleGANMapping(StyleMapping):
    """Maps latents (and classes) to styles; keeps their running average.

    Z -> pixel norm -> layers x (dense, leaky ReLU). With classes, a learned vector per class is
    concatenated to the latent before the norm.

    Args:
        latent_dim: Width Z of the latents.
        style_dim: Width W of the styles.
        num_classes: Number of classes, 0 for none.
        num_layers: Dense layers.
        lr_multiplier: Learning rate multiplier of the dense layers. The port applies it in
            the optimiser, and has 1 here.
        average_decay: Decay of the running average of styles.

    Call arguments:
        latents: [B, Z].
        labels: Class indices, int [B], or one-hot or mixed weights, float [B, num_classes].

    Returns:
        [B, W], float32.

    Raises:
        ValueError: If classes are needed and `labels` is missing.

    Reference:
        Karras et al. 2018, arXiv:1812.04948, section 2 and appendix C.
    """

    def __init__(
        self,
        latent_dim: int = 512,
        style_dim: int = 512,
        num_classes: int = 0,
        num_layers: int = 8,
        lr_multiplier: float = 0.01,
        average_decay: float = 0.995,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.store(locals())
        self.dense = [
            EqualizedDense(
                style_dim,
                "leaky_relu",
                lr_multiplier=lr_multiplier,
                kernel_gain=GAIN,
                name=f"fc{i}",
            )
            for i in range(num_layers)
        ]

    def build(self, input_shape=None):
        width = self.latent_dim
        if self.num_classes:
            self.embedding = self.add_weight(
                name="embedding",
                shape=(self.num_classes, self.latent_dim),
                initializer=keras.initializers.RandomNormal(stddev=1.0),
            )
            width += self.latent_dim
        self.build_dense(width)

    def normalize(self, latents, labels):
        x = latents
        if self.num_classes:
            x = tf.concat([x, tf.matmul(one_hot(labels, self.num_classes), self.embedding)], axis=1)
        return pixel_norm(x)


@keras.saving.register_keras_serializable("tfgan")
class StyledLayer(StoresArguments, keras.layers.Layer):
    """[3x3 convolution] -> noise -> bias -> leaky ReLU -> AdaIN.

    Args:
        filters: Output channels.
        kind: "same"; "up" doubles H and W before the convolution and blurs after it; "constant" has
            no convolution.
        kernel_gain: Of the convolution.
        form: Key of `VARIANTS`.

    Call arguments:
        x: [B, H, W, C].
        style: [B, W], float32.
        noise: [B, H', W', 1] or None for the fixed map.

    Returns:
        [B, H', W', filters] in the layer's compute dtype.

    Reference:
        Karras et al. 2018, arXiv:1812.04948, figure 1b.
    """

    def __init__(
        self,
        filters: int,
        kind: str = "same",
        kernel_gain: float = GAIN,
        form: str = "official",
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        self.store(locals())
        variant, policy = VARIANTS[form], self.dtype_policy
        self.conv = (
            None
            if kind == "constant"
            else EqualizedConv2D(
                filters,
                3,
                {"up": "nearest_up", "same": None}[kind],
                use_bias=variant.early_bias,
                kernel_gain=kernel_gain,
                dtype=policy,
                name="conv",
            )
        )
        gain = math.sqrt(2.0 / filters) if variant.equalized_noise else 1.0
        self.noise = Noise(per_channel=True, gain=gain, dtype=policy, name="noise")
        self.adain = AdaIN(variant.epsilon, variant.linear_gain, dtype=policy, name="adain")

    def build(self, x_shape, style_shape, noise_shape=None):
        batch, height, width, _ = x_shape
        factor = 2 if self.kind == "up" else 1
        shape = (batch, height * factor, width * factor, self.filters)
        if self.conv is not None:
            self.conv.build(x_shape)
        self.noise.build(shape)
        self.adain.build(shape, style_shape)
        if not VARIANTS[self.form].early_bias:
            self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")

    def call(self, x, style, noise=None):
        if self.conv is not None:
            x = self.conv(x)
        if self.kind == "up":
            x = blur(x)
        x = self.noise(x, noise)
        if not VARIANTS[self.form].early_bias:
            x = tf.nn.bias_add(x, tf.cast(self.bias, x.dtype))
        return self.adain(tf.nn.leaky_relu(x, LEAKY_SLOPE), style)


@keras.saving.register_keras_serializable("tfgan")
class StyleGANSynthesisBlock(StoresArguments, keras.layers.Layer):
    """All layers of one resolution of the synthesis network.

    Args:
        filters: Channels C of the block.
        resolution: Output size; 4 starts from the learned constant.
        form: Key of `VARIANTS`.

    Call arguments:
        x: [B, H/2, W/2, C'], or None at resolution 4.
        styles: [B, 2, W], float32: one per layer.
        noise: One [B, H, W, 1] or None per layer.

    Returns:
        [B, H, W, C] in the layer's compute dtype, which `torgb` turns into pictures.

    Reference:
        Karras et al. 2018, arXiv:1812.04948, figure 1b.
    """

    def __init__(self, filters: int, resolution: int, form: str = "official", **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.store(locals())
        variant, policy = VARIANTS[form], self.dtype_policy
        gain = GAIN * (variant.fused_gain if resolution >= FUSED_FROM else 1.0)
        kind = "constant" if resolution == 4 else "up"
        self.layer0 = StyledLayer(filters, kind, gain, form, dtype=policy, name="layer0")
        self.layer1 = StyledLayer(filters, "same", form=form, dtype=policy, name="layer1")
        self.torgb = EqualizedConv2D(
            3, 1, kernel_gain=variant.linear_gain, dtype="float32", name="torgb"
        )

    def build(self, x_shape, styles_shape=None, noise_shape=None):
        style_shape = (None, styles_shape[-1])
        out = (None, self.resolution, self.resolution, self.filters)
        if self.resolution == 4:
            starts = {
                "ones": keras.initializers.Ones(),
                "random_normal": keras.initializers.RandomNormal(stddev=1.0),
            }
            self.const = self.add_weight(
                name="const", shape=out[1:], initializer=starts[VARIANTS[self.form].constant]
            )
        self.layer0.build(out if self.resolution == 4 else x_shape, style_shape)
        self.layer1.build(out, style_shape)
        self.torgb.build(out)

    def call(self, x, styles, noise):
        first, second = noise
        if VARIANTS[self.form].shared_noise:
            fixed = tf.convert_to_tensor(self.layer0.noise.fixed)[None]
            second = fixed if first is None else first
        if self.resolution == 4:
            batch = tf.shape(styles)[0] if styles.shape[0] is None else styles.shape[0]
            x = tf.tile(tf.convert_to_tensor(self.const)[None], [batch, 1, 1, 1])
        x = self.layer0(tf.cast(x, self.compute_dtype), style_of(styles, 0), first)
        return self.layer1(x, style_of(styles, 1), second)


@keras.saving.register_keras_serializable("tfgan")
class StyleGANSynthesis(StyleSynthesis):
    """Turns one style per layer into images, at any resolution up to the largest.

    Args:
        resolution: Largest output size, a power of two from 4 to 1024.
        style_dim: Width W of the styles.
        channel_base: Channels times resolution.
        channel_max: Upper bound on channels.
        precision: "float32", "float16" or "bfloat16", used above 4x4.
        form: Key of `VARIANTS`.
        fade: How far the last resolution is faded in, unless a call says otherwise.

    Call arguments:
        styles: [B, L, W] with L = `num_styles`, or fewer where `size` needs fewer.
        noise: One [B, H, W, 1] per layer, as from `draw_noise`; None uses the fixed maps.
        size: Resolution in use, from 4; None: the largest.
        fade: How far that resolution is faded in: 0 shows the resolution before, pixels repeated.

    Returns:
        Images, float32 [B, size, size, 3], about [-1, 1].

    Raises:
        ValueError: If an argument is out of range.

    Reference:
        Karras et al. 2018, arXiv:1812.04948, figure 1b; growing: arXiv:1710.10196, section 2.
    """

    def __init__(
        self,
        resolution: int,
        style_dim: int = 512,
        channel_base: int = 16384,
        channel_max: int = 512,
        precision: str = "float32",
        form: str = "official",
        fade: float = 1.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_network(resolution, channel_base, precision, form)
        self.store(locals())
        self.blocks = [
            StyleGANSynthesisBlock(
                channels_at(size, channel_base, channel_max),
                size,
                form,
                dtype=block_dtype(size, precision),
                name=f"b{size}",
            )
            for size in resolutions_to(resolution)
        ]

    @property
    def num_styles(self) -> int:
        """Number L of styles: one per layer."""
        return 2 * len(self.blocks)

    @property
    def noisy_layers(self) -> list:
        """Size and layer of each noise map, in order."""
        return [(b.resolution, layer) for b in self.blocks for layer in (b.layer0, b.layer1)]

    def build(self, input_shape=None):
        shape = None
        for block in self.blocks:
            block.build(shape, (None, 2, self.style_dim))
            shape = (None, block.resolution, block.resolution, block.filters)

    def call(self, styles, noise=None, size=None, fade=None):
        size = self.resolution if size is None else size
        fade = self.fade if fade is None else fade
        check_in_use(size, self.resolution)
        blocks = [block for block in self.blocks if block.resolution <= size]
        maps = [None] * 2 * len(blocks) if noise is None else list(noise)
        before = x = None
        for i, block in enumerate(blocks):
            layers = slice(2 * i, 2 * i + 2)
            before, x = x, block(x, styles[:, layers], maps[layers])
        image = _image(blocks[-1], x)
        if before is None or (isinstance(fade, float) and fade == 1.0):
            return image
        return fade_in(image, nearest_up(_image(blocks[-2], before)), fade)


def _image(block: StyleGANSynthesisBlock, x):
    return block.torgb(tf.cast(x, tf.float32))


@keras.saving.register_keras_serializable("tfgan")
class StyleGANGenerator(StyleGenerator):
    """The generator as users call it: latents in, images out. This is what `.keras` files hold.

    Args:
        resolution: Output size, a power of two from 4 to 1024.
        latent_dim: Width Z of the latents.
        style_dim: Width W of the styles.
        class_names: Names of the classes; empty for an unconditional generator.
        mapping_layers: Dense layers of the mapping network.
        channel_base: Channels times resolution.
        channel_max: Upper bound on channels.
        precision: "float32", "float16" or "bfloat16", used above 4x4.
        form: Key of `VARIANTS`.
        fade: How far the last resolution is faded in; below 1 if training stopped within a fade.
        mapping_lr_multiplier: Learning rate multiplier of the mapping network.
        style_average_decay: Decay of the running average of styles.

    Called as any `StyleGenerator`.

    Raises:
        ValueError: If an argument is out of range.

    Reference:
        Karras et al. 2018, arXiv:1812.04948.
    """

    truncation_cutoff = 8

    def __init__(
        self,
        resolution: int,
        latent_dim: int = 512,
        style_dim: int = 512,
        class_names: Sequence[str] = (),
        mapping_layers: int = 8,
        channel_base: int = 16384,
        channel_max: int = 512,
        precision: str = "float32",
        form: str = "official",
        fade: float = 1.0,
        mapping_lr_multiplier: float = 0.01,
        style_average_decay: float = 0.995,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.store(locals())
        self.mapping = StyleGANMapping(
            latent_dim,
            style_dim,
            len(self.class_names),
            mapping_layers,
            mapping_lr_multiplier,
            style_average_decay,
            name="mapping",
        )
        self.synthesis = StyleGANSynthesis(
            resolution,
            style_dim,
            channel_base,
            channel_max,
            precision,
            form,
            fade,
            name="synthesis",
        )

    def in_use(self, size: int, fades: bool) -> list:
        """Trained variables on which images of a resolution depend, within its fade or after it."""
        blocks = [block for block in self.synthesis.blocks if block.resolution <= size]
        idle = {v.path for b in blocks[: -2 if fades else -1] for v in b.torgb.variables}
        parts: list = [self.mapping, *blocks]
        variables = [v for part in parts for v in part.trainable_variables]
        return [v for v in variables if v.path not in idle]
