"""Per-layer noise of StyleGAN and StyleGAN2, and the maps that a whole synthesis network takes."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from tfgan.layers.arguments import StoresArguments

NOISE_MODES = ("random", "fixed", "none")


@keras.saving.register_keras_serializable("tfgan")
class Noise(StoresArguments, keras.layers.Layer):
    """Adds a noise map, scaled by a learned strength, to every channel.

    y = x + gain * strength * noise, with strength initially 0.

    Args:
        per_channel: Whether each channel has a strength, as in StyleGAN; StyleGAN2 has one for all.
        gain: Factor on the strength.

    Call arguments:
        x: Feature maps, [B, H, W, C].
        noise: [B, H, W, 1] or None for the layer's fixed map.

    Returns:
        [B, H, W, C] in the dtype of `x`.

    Reference:
        Karras et al. 2018, arXiv:1812.04948, figure 1; Karras et al. 2020, arXiv:1912.04958,
        section 2; the fixed map is `noise_const` of NVlabs/stylegan2-ada-pytorch.
    """

    def __init__(self, per_channel: bool = False, gain: float = 1.0, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.store(locals())

    def build(self, input_shape):
        self.strength = self.add_weight(
            name="strength",
            shape=(input_shape[-1],) if self.per_channel else (),
            initializer="zeros",
            autocast=False,
        )
        self.fixed = self.add_weight(
            name="fixed",
            shape=(*input_shape[1:3], 1),
            initializer=keras.initializers.RandomNormal(stddev=1.0),
            trainable=False,
            autocast=False,
        )

    def call(self, x, noise=None):
        noise = tf.convert_to_tensor(self.fixed)[None] if noise is None else noise
        strength = self.strength if self.gain == 1.0 else self.strength * self.gain
        return x + tf.cast(noise * strength, x.dtype)


def draw_noise(sizes: Sequence[int], batch_size: int, seed: int = 0) -> list:
    """Returns standard normal noise, [B, H, W, 1] for each size H = W; stateless in `seed`."""
    return [
        tf.random.stateless_normal([batch_size, size, size, 1], [seed, layer])
        for layer, size in enumerate(sizes)
    ]


def choose_noise(synthesis, noise, batch_size: int, seed: int = 0):
    """Turns a noise mode into the maps that a synthesis network takes; maps are returned unchanged.

    Args:
        synthesis: A network with `noise_sizes` and `fixed_noise`.
        noise: One of `NOISE_MODES`, or one map per convolution.
        batch_size: Of random noise.
        seed: Of random noise.

    Raises:
        ValueError: If the mode is unknown.
    """
    if not isinstance(noise, str):
        return noise
    if noise not in NOISE_MODES:
        raise ValueError(f"noise must be one of {NOISE_MODES}. Received: {noise!r}.")
    if noise == "random":
        return draw_noise(synthesis.noise_sizes, batch_size, seed)
    return None if noise == "fixed" else synthesis.fixed_noise(0.0)
