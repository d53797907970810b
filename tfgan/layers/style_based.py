"""What the generators of StyleGAN and StyleGAN2 share: mapping, noise, truncation, and their order.

Each system derives its networks from these classes, and adds its layers.

Reference:
    Karras et al. 2018, arXiv:1812.04948, sections 2 and 4.
"""

from typing import Any

import keras
import tensorflow as tf

from tfgan.layers.arguments import StoresArguments
from tfgan.layers.noise import choose_noise, draw_noise
from tfgan.layers.truncation import move_average, truncate

AS_PUBLISHED = "as published"  # stands for the truncation cutoff of the model's class


class StyleMapping(StoresArguments, keras.layers.Layer):
    """Maps latents (and classes) to styles; keeps their running average.

    A derived class makes the layers, `dense`, and their input, in `normalize`.
    """

    latent_dim: int
    style_dim: int
    num_classes: int
    average_decay: float | None
    dense: list[Any]

    def build_dense(self, width: int) -> None:
        """Builds the layers for inputs of a width, and the running average if it has a decay."""
        for layer in self.dense:
            layer.build((None, width))
            width = self.style_dim
        if self.average_decay is not None:
            self.average = self.add_weight(
                name="average",
                shape=(self.style_dim,),
                initializer="zeros",
                trainable=False,
                aggregation="mean",
            )

    def normalize(self, latents, labels):
        """Input of the layers, [B, C], from latents [B, Z] or None and labels as in the call."""
        raise NotImplementedError

    def call(self, latents, labels=None):
        x = self.normalize(latents, labels)
        for layer in self.dense:
            x = layer(x)
        return x

    def update_average(self, styles):
        """Moves the running average towards the mean of `styles` [B, W] (over all replicas)."""
        assert self.average_decay is not None, "this network keeps no average"
        move_average(self.average, styles, self.average_decay)


class StyleSynthesis(StoresArguments, keras.layers.Layer):
    """Turns one style per layer into images. A derived class gives `noisy_layers`."""

    @property
    def noisy_layers(self) -> list[tuple[int, Any]]:
        """Size H = W and layer of each noise map, in order."""
        raise NotImplementedError

    @property
    def noise_sizes(self) -> list[int]:
        """Size of each noise map, in order."""
        return [size for size, _ in self.noisy_layers]

    def draw_noise(self, batch_size: int, seed: int = 0) -> list:
        """Returns standard normal noise, [B, H, W, 1] per map; stateless in `seed`."""
        return draw_noise(self.noise_sizes, batch_size, seed)

    def fixed_noise(self, scale=1.0) -> list:
        """Returns the fixed maps times `scale`, [1, H, W, 1] each."""
        return [tf.convert_to_tensor(x.noise.fixed)[None] * scale for _, x in self.noisy_layers]


class StyleGenerator(StoresArguments, keras.Model):
    """Latents in, images out. A derived class makes `mapping` and `synthesis`.

    Call arguments:
        latents: [B, Z], standard normal.
        labels: Class indices, int [B] (conditional generators only).
        truncation_psi: Scale of the styles' distance to their average; 1 changes nothing.
        truncation_cutoff: Number of style layers that are truncated; None: all.
        noise: "random", "fixed" or "none", or one map per convolution.
        seed: Of the random noise.

    Returns:
        Images, float32 [B, resolution, resolution, 3], about [-1, 1].

    Attributes:
        truncation_cutoff: Number of style layers that are truncated where a call does not say, as
            published; None: all.
    """

    value_range = (-1.0, 1.0)
    truncation_cutoff: int | None = None
    mapping: StyleMapping
    synthesis: Any

    @property
    def num_styles(self) -> int:
        """Number L of styles that the synthesis network takes."""
        return self.synthesis.num_styles

    def build(self, input_shape=None):
        self.mapping.build()
        self.synthesis.build()
        self.built = True

    def truncate(self, styles, psi=1.0, cutoff: int | str | None = AS_PUBLISHED):
        """Broadcasts styles to all layers and pulls the first `cutoff` towards their average.

        Args:
            styles: [B, W] or [B, L, W].
            psi: 1 changes nothing, 0 gives the average picture.
            cutoff: Layers that are truncated; None: all.

        Returns:
            [B, L, W], float32.

        Reference:
            Karras et al. 2018, arXiv:1812.04948, section 4 and appendix B.
        """
        layers = self.truncation_cutoff if isinstance(cutoff, str) else cutoff
        return truncate(styles, self.mapping.average, self.num_styles, psi, layers)

    def make_noise(self, noise, batch_size: int, seed: int = 0):
        """Turns a noise mode into the maps that the synthesis network takes."""
        return choose_noise(self.synthesis, noise, batch_size, seed)

    def call(
        self,
        latents,
        labels=None,
        truncation_psi=1.0,
        truncation_cutoff=AS_PUBLISHED,
        noise="fixed",
        seed=0,
    ):
        styles = self.mapping(latents, labels)
        styles = self.truncate(styles, truncation_psi, truncation_cutoff)
        return self.synthesis(styles, self.make_noise(noise, tf.shape(styles)[0], seed))
