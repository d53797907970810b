"""StarGAN v2: generator, mapping network, style encoder, discriminator, and the users' model.

Reference:
    Choi et al. 2020, "StarGAN v2: Diverse Image Synthesis for Multiple Domains", arXiv:1912.01865.
    Weights and behaviour agree with clovaai/stargan-v2, core/model.py.
"""

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfgan.layers.arguments import StoresArguments
from tfgan.layers.he import he_normal
from tfgan.layers.heads import DomainDense
from tfgan.layers.high_pass import HighPass
from tfgan.layers.instance_norm import InstanceNorm
from tfgan.layers.precision import PRECISIONS, check_precision
from tfgan.layers.residual import AdaINBlock, ResidualBlock, activate, conv
from tfgan.layers.widths import check_channel_base, check_resolution

# Size of a high-pass skip -> index of its mask.
SKIP_MASKS = {32: 0, 64: 1, 128: 1}


def channels_at(resolution: int, levels: int, channel_base: int, channel_max: int) -> list[int]:
    """Feature maps before and after each of `levels` halvings of H and W.

    They double, at most to channel_max, from channel_base / resolution. As published, the first
    number has no upper bound.
    """
    widths = [channel_base // resolution]
    for _ in range(levels):
        widths.append(min(2 * widths[-1], channel_max))
    return widths


def _check_network(resolution: int, channel_base: int, precision: str) -> None:
    check_resolution(resolution, 32)
    check_channel_base(channel_base, resolution)
    check_precision(precision)


@keras.saving.register_keras_serializable("tfgan")
class StarGANv2Generator(StoresArguments, keras.layers.Layer):
    """Translates images to styles: encoder, bottleneck, AdaIN decoder, high-pass skips.

    The encoder halves H and W down to 16 (8 with high-pass skips); two blocks follow on each side.

    Args:
        resolution: Size of the images, a power of two from 32 to 1024.
        style_dim: Width S of the styles.
        w_hpf: Divides the high-pass filter of the skips; 0 for shortcuts instead of skips.
        channel_base: Channels of the first layer times the resolution.
        channel_max: Upper bound on the channels of later layers.
        precision: "float32", "float16" or "bfloat16".

    Call arguments:
        x: Images, [B, resolution, resolution, 3] in [-1, 1].
        style: [B, S].
        masks: Two [B, H, W, 1], for the skip at 32 and for those above; None where w_hpf is 0.

    Returns:
        Images, float32 [B, resolution, resolution, 3], about [-1, 1].

    Raises:
        ValueError: If an argument is out of range, or `masks` are missing.

    Reference:
        Choi et al. 2020, arXiv:1912.01865, figure 2 and appendix; skips: clovaai/stargan-v2.
    """

    def __init__(
        self,
        resolution: int,
        style_dim: int = 64,
        w_hpf: float = 0.0,
        channel_base: int = 16384,
        channel_max: int = 512,
        precision: str = "float32",
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        _check_network(resolution, channel_base, precision)
        if w_hpf < 0:
            raise ValueError(f"w_hpf must be 0 (no skips) or more. Received: {w_hpf}.")
        self.store(locals())
        policy = PRECISIONS[precision]
        levels = int(math.log2(resolution)) - (3 if w_hpf else 4)
        widths = channels_at(resolution, levels, channel_base, channel_max)
        self.from_rgb = conv(widths[0], 3, dtype=policy, name="from_rgb")
        self.encoder = [
            ResidualBlock(
                width, downsample=i < levels, normalize=True, dtype=policy, name=f"encode{i}"
            )
            for i, width in enumerate([*widths[1:], widths[-1], widths[-1]])
        ]
        self.decoder = [
            AdaINBlock(width, upsample=i > 1, shortcut=not w_hpf, dtype=policy, name=f"decode{i}")
            for i, width in enumerate([widths[-1], widths[-1], *reversed(widths[:-1])])
        ]
        self.high_pass = HighPass(w_hpf, dtype=policy, name="high_pass") if w_hpf else None
        self.norm = InstanceNorm(dtype=policy, name="norm")
        self.to_rgb = conv(3, 1, dtype=policy, name="to_rgb")

    def build(self, input_shape=None):
        self.from_rgb.build((None, None, None, 3))
        width = self.from_rgb.filters
        for block in self.encoder:
            block.build((None, None, None, width))
            width = block.filters
        for block in self.decoder:
            block.build((None, None, None, width), (None, self.style_dim))
            width = block.filters
        self.norm.build((None, None, None, width))
        self.to_rgb.build((None, None, None, width))

    def call(self, x, style, masks=None):
        if self.high_pass is not None and masks is None:
            raise ValueError(f"A network with w_hpf {self.w_hpf} needs masks. Received: None.")
        skips = {}
        x = self.from_rgb(tf.cast(x, self.from_rgb.compute_dtype))
        for block in self.encoder:
            skips[x.shape[1]] = x
            x = block(x)
        for block in self.decoder:
            x = block(x, style)
            size = x.shape[1]
            if self.high_pass is not None and size in SKIP_MASKS:
                x = x + self.high_pass(skips[size], masks[SKIP_MASKS[size]])
        return tf.cast(self.to_rgb(activate(self.norm(x))), tf.float32)


@keras.saving.register_keras_serializable("tfgan")
class StarGANv2Mapping(StoresArguments, keras.layers.Layer):
    """Maps latents to styles of the given domains.

    Four dense layers that all domains share, then four for each domain; ReLU between them.

    Args:
        num_domains: Number of domains D.
        latent_dim: Width Z of the latents.
        style_dim: Width S of the styles.
        width: Width of the hidden layers.

    Call arguments:
        latents: [B, Z], standard normal.
        labels: Domain indices, int [B].

    Returns:
        [B, S], float32.

    Reference:
        Choi et al. 2020, arXiv:1912.01865, section 2.1 and appendix.
    """

    def __init__(
        self,
        num_domains: int,
        latent_dim: int = 16,
        style_dim: int = 64,
        width: int = 512,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.store(locals())
        self.shared = [
            keras.layers.Dense(
                width, activation="relu", kernel_initializer=he_normal(), name=f"shared{i}"
            )
            for i in range(4)
        ]
        self.heads = [
            DomainDense(units, num_domains, name=f"heads{i}")
            for i, units in enumerate([width, width, width, style_dim])
        ]

    def build(self, input_shape=None):
        width = self.latent_dim
        for layer in [*self.shared, *self.heads]:
            layer.build((None, width))
            width = self.width

    def call(self, latents, labels):
        x = latents
        for layer in self.shared:
            x = layer(x)
        for layer in self.heads[:-1]:
            x = tf.nn.relu(layer(x, labels))
        return self.heads[-1](x, labels)


@keras.saving.register_keras_serializable("tfgan")
class ImageFeatures(StoresArguments, keras.layers.Layer):
    """The architecture of style encoder and discriminator: image -> vector.

    Residual blocks without norms halve H and W down to 4; a 4x4 convolution takes them to 1.

    Args:
        resolution: Size of the images, a power of two from 32 to 1024.
        channel_base: Channels of the first layer times the resolution.
        channel_max: Upper bound on the channels of later layers.
        precision: "float32", "float16" or "bfloat16".

    Call arguments:
        x: Images, [B, resolution, resolution, 3] in [-1, 1].

    Returns:
        [B, C], float32.

    Raises:
        ValueError: If an argument is out of range.

    Reference:
        Choi et al. 2020, arXiv:1912.01865, appendix, "Network architecture".
    """

    def __init__(
        self,
        resolution: int,
        channel_base: int = 16384,
        channel_max: int = 512,
        precision: str = "float32",
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        _check_network(resolution, channel_base, precision)
        self.store(locals())
        policy = PRECISIONS[precision]
        levels = int(math.log2(resolution)) - 2
        widths = channels_at(resolution, levels, channel_base, channel_max)
        self.from_rgb = conv(widths[0], 3, dtype=policy, name="from_rgb")
        self.blocks = [
            ResidualBlock(width, downsample=True, dtype=policy, name=f"b{i}")
            for i, width in enumerate(widths[1:])
        ]
        self.conv = keras.layers.Conv2D(
            widths[-1], 4, kernel_initializer=he_normal(), dtype=policy, name="conv"
        )

    @property
    def width(self) -> int:
        """Width C of the vector."""
        return self.conv.filters

    def build(self, input_shape=None):
        self.from_rgb.build((None, None, None, 3))
        width = self.from_rgb.filters
        for block in self.blocks:
            block.build((None, None, None, width))
            width = block.filters
        self.conv.build((None, 4, 4, width))

    def call(self, x):
        x = self.from_rgb(tf.cast(x, self.from_rgb.compute_dtype))
        for block in self.blocks:
            x = block(x)
        x = activate(self.conv(activate(x)))
        return tf.cast(tf.squeeze(x, [1, 2]), tf.float32)


@keras.saving.register_keras_serializable("tfgan")
class StarGANv2StyleEncoder(StoresArguments, keras.layers.Layer):
    """Reads the styles of reference images, each as a picture of its domain.

    Args:
        resolution: Size of the images, a power of two from 32 to 1024.
        num_domains: Number of domains D.
        style_dim: Width S of the styles.
        channel_base: Channels of the first layer times the resolution.
        channel_max: Upper bound on the channels of later layers.
        precision: "float32", "float16" or "bfloat16".

    Call arguments:
        x: Images, [B, resolution, resolution, 3] in [-1, 1].
        labels: Domain indices, int [B].

    Returns:
        [B, S], float32.

    Raises:
        ValueError: If an argument is out of range.

    Reference:
        Choi et al. 2020, arXiv:1912.01865, section 2.1 and appendix.
    """

    def __init__(
        self,
        resolution: int,
        num_domains: int,
        style_dim: int = 64,
        channel_base: int = 16384,
        channel_max: int = 512,
        precision: str = "float32",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.store(locals())
        self.features = ImageFeatures(
            resolution, channel_base, channel_max, precision, name="features"
        )
        self.heads = DomainDense(style_dim, num_domains, name="heads")

    def build(self, input_shape=None):
        self.features.build()
        self.heads.build((None, self.features.width))

    def call(self, x, labels):
        return self.heads(self.features(x), labels)


@keras.saving.register_keras_serializable("tfgan")
class StarGANv2Discriminator(StoresArguments, keras.Model):
    """Scores images, each as a picture of its domain.

    Args:
        resolution: Size of the images, a power of two from 32 to 1024.
        num_domains: Number of domains D.
        channel_base: Channels of the first layer times the resolution.
        channel_max: Upper bound on the channels of later layers.
        precision: "float32", "float16" or "bfloat16".

    Call arguments:
        images: [B, resolution, resolution, 3] in [-1, 1].
        labels: Domain indices, int [B].

    Returns:
        Logits, float32 [B, 1].

    Raises:
        ValueError: If an argument is out of range.

    Reference:
        Choi et al. 2020, arXiv:1912.01865, section 2.1 and appendix.
    """

    def __init__(
        self,
        resolution: int,
        num_domains: int,
        channel_base: int = 16384,
        channel_max: int = 512,
        precision: str = "float32",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.store(locals())
        self.features = ImageFeatures(
            resolution, channel_base, channel_max, precision, name="features"
        )
        self.heads = DomainDense(1, num_domains, name="heads")

    @property
    def lower_layers(self) -> list[list]:
        """Layers of each resolution, from the images on."""
        return [
            [self.features.from_rgb, self.features.blocks[0]],
            *([b] for b in self.features.blocks[1:]),
        ]

    def build(self, input_shape=None):
        self.features.build()
        self.heads.build((None, self.features.width))
        self.built = True

    def call(self, images, labels):
        return self.heads(self.features(images), labels)


@keras.saving.register_keras_serializable("tfgan")
class StarGANv2(StoresArguments, keras.Model):
    """Translates images between domains, as users call it. This is what `.keras` files hold.

    Args:
        resolution: Size of the images, a power of two from 32 to 1024.
        domain_names: Names of the domains, at least two.
        latent_dim: Width Z of the latents.
        style_dim: Width S of the styles.
        w_hpf: Divides the high-pass filter of the skips; 0 for shortcuts instead of skips.
        landmarks: Network whose `masks(x)` gives the two masks of the skips (such as
            FaceLandmarks); None where w_hpf is 0. It is not trained.
        mapping_width: Width of the mapping network's layers.
        channel_base: Channels of the first layers times the resolution.
        channel_max: Upper bound on the channels of later layers.
        precision: "float32", "float16" or "bfloat16", used by all convolutions.

    Call arguments:
        x: Source images, [B, resolution, resolution, 3] in [-1, 1].
        latents: [B, Z], standard normal.
        labels: Indices of the target domains, int [B].

    Returns:
        Images, float32 [B, resolution, resolution, 3], about [-1, 1].

    Raises:
        ValueError: If an argument is out of range, or only one of w_hpf and landmarks is given.

    Reference:
        Choi et al. 2020, arXiv:1912.01865.
    """

    value_range = (-1.0, 1.0)

    def __init__(
        self,
        resolution: int,
        domain_names: Sequence[str],
        latent_dim: int = 16,
        style_dim: int = 64,
        w_hpf: float = 0.0,
        landmarks: Any = None,
        mapping_width: int = 512,
        channel_base: int = 16384,
        channel_max: int = 512,
        precision: str = "float32",
        **kwargs,
    ):
        super().__init__(**kwargs)
        names = tuple(domain_names)
        if len(names) < 2 or len(set(names)) < len(names):
            raise ValueError(
                f"domain_names must be two names or more, all different. Received: {names}."
            )
        if (landmarks is not None) != (w_hpf > 0):
            raise ValueError(
                "landmarks must be given if w_hpf is above 0, and only then. "
                f"Received: w_hpf {w_hpf} and {landmarks}. Use w_hpf=0 for images without faces."
            )
        self.store({**locals(), "domain_names": names, "landmarks": None})
        self.generator = StarGANv2Generator(
            resolution, style_dim, w_hpf, channel_base, channel_max, precision, name="generator"
        )
        self.mapping = StarGANv2Mapping(
            len(names), latent_dim, style_dim, mapping_width, name="mapping"
        )
        self.style_encoder = StarGANv2StyleEncoder(
            resolution,
            len(names),
            style_dim,
            channel_base,
            channel_max,
            precision,
            name="style_encoder",
        )
        self.landmarks = landmarks  # After the other networks: variables keep their order.
        if landmarks is not None:
            landmarks.trainable = False

    def build(self, input_shape=None):
        self.generator.build()
        self.mapping.build()
        self.style_encoder.build()
        # Landmarks come with their weights, or from a file that builds them first.
        if self.landmarks is not None and not self.landmarks.built:
            self.landmarks.build()
            self.landmarks.trainable = False  # and all layers inside it, from now on
        self.built = True

    def style_from_latent(self, latents, labels):
        """Draws styles: latents [B, Z] and domain indices, int [B] -> [B, S]."""
        return self.mapping(latents, labels)

    def style_from_reference(self, x, labels):
        """Reads styles: images [B, H, W, 3] and their domain indices, int [B] -> [B, S]."""
        return self.style_encoder(x, labels)

    def masks(self, x):
        """The two masks of the skips of images [B, H, W, 3]; None where w_hpf is 0."""
        return None if self.landmarks is None else self.landmarks.masks(x)

    def translate(self, x, style):
        """Gives images [B, H, W, 3] the styles [B, S]."""
        return self.generator(x, style, self.masks(x))

    def call(self, x, latents, labels):
        return self.translate(x, self.style_from_latent(latents, labels))

    def get_config(self):
        landmarks = keras.saving.serialize_keras_object(self.landmarks)
        return {**super().get_config(), "landmarks": landmarks}

    @classmethod
    def from_config(cls, config):
        landmarks = keras.saving.deserialize_keras_object(config["landmarks"])
        return cls(**{**config, "landmarks": landmarks})
