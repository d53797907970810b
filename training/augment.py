"""Adaptive discriminator augmentation: what D sees, and how strongly it is disturbed.

Every image that reaches the discriminator, real or generated, passes through `augment`: each of
twelve transforms is applied with probability p < 1, which the generator cannot learn to imitate
("leak") because the distribution of augmented images still determines that of the clean ones.
`update_p` moves p so that D's output signs on reals stay near a target.

The transforms are the 'bgc' set of the paper: pixel blits and general geometry, composed into
one affine map per example, then colour, composed into one 4x4 matrix per example.

Reference:
    Karras et al. 2020, Training Generative Adversarial Networks with Limited Data,
    arXiv:2006.06676, section 3 and appendix B.
"""

import dataclasses
import functools
import math
from typing import Protocol

import numpy as np
import tensorflow as tf

from training.resampling import warp

GEOMETRIC_UNIFORMS, GEOMETRIC_NORMALS = 14, 4
COLOUR_UNIFORMS, COLOUR_NORMALS = 7, 3


class DrawsLike(Protocol):
    """Per-example random numbers of one batch."""

    def uniform(self, shape: tuple[int, ...]) -> tf.Tensor:
        """Numbers in [0, 1), [B, *shape]."""

    def normal(self, shape: tuple[int, ...]) -> tf.Tensor:
        """Numbers from N(0, 1), [B, *shape]."""


@dataclasses.dataclass(frozen=True)
class AugmentStrengths:
    """Which transforms are on, and how far they go; the defaults are the paper's.

    A transform's own multiplier scales p for it: 1 is on, 0 is off.

    Args:
        x_flip: Multiplier of the mirror image.
        rotate_90: Multiplier of rotation by a multiple of 90 degrees.
        integer_translation: Multiplier of translation by whole pixels.
        isotropic_scaling: Multiplier of scaling.
        rotation: Multiplier of rotation, before or after the anisotropic scaling.
        anisotropic_scaling: Multiplier of scaling x by s and y by 1/s.
        fractional_translation: Multiplier of translation by parts of a pixel.
        brightness: Multiplier of adding a grey.
        contrast: Multiplier of scaling the colours.
        luma_flip: Multiplier of the reflection that exchanges light and dark, keeping hue.
        hue: Multiplier of rotation about the grey axis.
        saturation: Multiplier of scaling the distance from the grey axis.
        integer_translation_max: Largest shift, in image sizes.
        isotropic_scaling_std: Standard deviation of the scale's log2.
        rotation_max: Largest angle, in half turns.
        anisotropic_scaling_std: Standard deviation of the scale's log2.
        fractional_translation_std: Standard deviation of the shift, in image sizes.
        brightness_std: Standard deviation of the added grey (1 is half of [-1, 1]).
        contrast_std: Standard deviation of the factor's log2.
        hue_max: Largest angle, in half turns.
        saturation_std: Standard deviation of the factor's log2.

    Reference:
        Karras et al. 2020, arXiv:2006.06676, appendix B.
    """

    x_flip: float = 1.0
    rotate_90: float = 1.0
    integer_translation: float = 1.0
    isotropic_scaling: float = 1.0
    rotation: float = 1.0
    anisotropic_scaling: float = 1.0
    fractional_translation: float = 1.0
    brightness: float = 1.0
    contrast: float = 1.0
    luma_flip: float = 1.0
    hue: float = 1.0
    saturation: float = 1.0

    integer_translation_max: float = 0.125
    isotropic_scaling_std: float = 0.2
    rotation_max: float = 1.0
    anisotropic_scaling_std: float = 0.2
    fractional_translation_std: float = 0.125
    brightness_std: float = 0.2
    contrast_std: float = 0.5
    hue_max: float = 1.0
    saturation_std: float = 1.0

    @property
    def moves_pixels(self) -> bool:
        """Whether any geometric transform can happen."""
        return any(
            (
                self.x_flip,
                self.rotate_90,
                self.integer_translation,
                self.isotropic_scaling,
                self.rotation,
                self.anisotropic_scaling,
                self.fractional_translation,
            )
        )

    @property
    def changes_colours(self) -> bool:
        """Whether any colour transform can happen."""
        return any((self.brightness, self.contrast, self.luma_flip, self.hue, self.saturation))


def augment(
    images: tf.Tensor,
    p: tf.Tensor | float,
    draws: DrawsLike,
    strengths: AugmentStrengths = AugmentStrengths(),
) -> tf.Tensor:
    """Transforms each image at random, each transform with probability p.

    Affine in `images`, and differentiable any number of times with respect to them. Computes in
    float32 only: half precision has too few digits for coordinates and hardly saves time here.
    At p = 0 the images come back untouched, bit by bit, without the work being done.

    Args:
        images: Images in [-1, 1], float32 [B, H, W, 3] of static, square shape. Results may
            leave the range, as in the paper: clipping would destroy gradients.
        p: Probability of each transform, scalar.
        draws: Random numbers. One call of each method, so that nothing depends on whether
            repeated calls would differ.
        strengths: What is on.

    Returns:
        Augmented images, float32 [B, H, W, 3].

    Raises:
        ValueError: If `images` is not a float32 batch of static, square RGB images.

    Reference:
        Karras et al. 2020, arXiv:2006.06676, appendix B, figure "Pseudocode".
    """
    _check(images)
    size = images.shape[1]
    p = tf.convert_to_tensor(p, tf.float32)
    uniform = draws.uniform((GEOMETRIC_UNIFORMS + COLOUR_UNIFORMS,))
    normal = draws.normal((GEOMETRIC_NORMALS + COLOUR_NORMALS,))

    def transformed() -> tf.Tensor:
        x = images
        if strengths.moves_pixels:
            x = warp(
                x,
                inverse_geometry(
                    uniform[:, :GEOMETRIC_UNIFORMS],
                    normal[:, :GEOMETRIC_NORMALS],
                    p,
                    size,
                    strengths,
                ),
            )
        if strengths.changes_colours:
            x = recolour(
                x,
                colour_matrix(
                    uniform[:, GEOMETRIC_UNIFORMS:], normal[:, GEOMETRIC_NORMALS:], p, strengths
                ),
            )
        return x

    return tf.cond(p > 0, transformed, lambda: tf.identity(images))


def update_p(
    p: tf.Tensor | float,
    sign_mean: tf.Tensor | float,
    images_per_update: tf.Tensor | float,
    target: float = 0.6,
    ramp_kimg: float = 500.0,
) -> tf.Tensor:
    """Moves p one step towards the overfitting target.

    p <- clip(p + sign(r_t - target) * images_per_update / (1000 * ramp_kimg), 0, 1)

    Args:
        p: Probability of each transform, scalar.
        sign_mean: r_t = E[sign(D(real))] over the images since the last update; 0 is no
            overfitting, 1 is complete.
        images_per_update: Images since the last update (the paper updates every 4 batches).
        target: Where r_t should be.
        ramp_kimg: Thousands of images in which p can go from 0 to 1.

    Returns:
        The new p, float32 scalar.

    Reference:
        Karras et al. 2020, arXiv:2006.06676, section 3.1; the speed is the code's.
    """
    step = tf.cast(images_per_update, tf.float32) / (1000.0 * ramp_kimg)
    towards = tf.sign(tf.cast(sign_mean, tf.float32) - target)
    return tf.clip_by_value(tf.cast(p, tf.float32) + towards * step, 0.0, 1.0)


def inverse_geometry(
    uniform: tf.Tensor,
    normal: tf.Tensor,
    p: tf.Tensor | float,
    size: int,
    strengths: AugmentStrengths,
) -> tf.Tensor:
    """Composes the geometric transforms of each example.

    With T_1, ..., T_8 in the order of application, G = T_8 ... T_1 carries a point of the image
    to its new place. A resampler asks the opposite, so that this returns
    G^-1 = T_1^-1 ... T_8^-1.

    Coordinates are pixels from the image's centre, x to the right and y down.

    Args:
        uniform: Numbers in [0, 1), [B, 14].
        normal: Numbers from N(0, 1), [B, 4].
        p: Probability of each transform, scalar.
        size: Height and width of the images.
        strengths: What is on.

    Returns:
        Homogeneous 2-D maps, float32 [B, 3, 3].

    Reference:
        Karras et al. 2020, arXiv:2006.06676, appendix B.
    """
    s = strengths
    u = tf.unstack(uniform, GEOMETRIC_UNIFORMS, axis=1)
    flip_u, flip, turn_u, turn, shift_u, shift_x, shift_y = u[:7]
    scale_u, before_u, before, stretch_u, after_u, after, drift_u = u[7:]
    scale, stretch, drift_x, drift_y = tf.unstack(normal, GEOMETRIC_NORMALS, axis=1)
    # Either of the two rotations happens with probability p: 1 - (1 - p_rotation)^2 = p.
    p_rotation = 1 - tf.sqrt(1 - tf.clip_by_value(s.rotation * p, 0.0, 1.0))

    mirrored = tf.where(flip_u < s.x_flip * p, tf.floor(2 * flip), 0.0)
    turns = tf.where(turn_u < s.rotate_90 * p, tf.floor(4 * turn), 0.0)
    reach = tf.where(shift_u < s.integer_translation * p, s.integer_translation_max * size, 0.0)
    zoom = tf.where(scale_u < s.isotropic_scaling * p, s.isotropic_scaling_std * scale, 0.0)
    half_turns = s.rotation_max * math.pi
    angle_before = tf.where(before_u < p_rotation, (2 * before - 1) * half_turns, 0.0)
    aspect = tf.where(
        stretch_u < s.anisotropic_scaling * p, s.anisotropic_scaling_std * stretch, 0.0
    )
    angle_after = tf.where(after_u < p_rotation, (2 * after - 1) * half_turns, 0.0)
    spread = tf.where(
        drift_u < s.fractional_translation * p, s.fractional_translation_std * size, 0.0
    )
    steps = (
        _scaling(1 - 2 * mirrored, tf.ones_like(mirrored)),
        _quarter_turns(-turns),
        _translation(-tf.round((2 * shift_x - 1) * reach), -tf.round((2 * shift_y - 1) * reach)),
        _scaling(2.0**-zoom, 2.0**-zoom),
        _rotation(tf.cos(angle_before), -tf.sin(angle_before)),
        _scaling(2.0**-aspect, 2.0**aspect),
        _rotation(tf.cos(angle_after), -tf.sin(angle_after)),
        _translation(-drift_x * spread, -drift_y * spread),
    )
    return functools.reduce(_compose, steps)


def colour_matrix(
    uniform: tf.Tensor, normal: tf.Tensor, p: tf.Tensor | float, strengths: AugmentStrengths
) -> tf.Tensor:
    """Composes the colour transforms of each example: C = C_5 C_4 C_3 C_2 C_1.

    With v = (1, 1, 1) / sqrt 3 the grey axis and L = v v^T, the linear parts are
    contrast c I, luma flip I - 2 i L, hue R_v(theta), saturation L + s (I - L);
    brightness adds b to each channel, and comes first.

    Args:
        uniform: Numbers in [0, 1), [B, 7].
        normal: Numbers from N(0, 1), [B, 3].
        p: Probability of each transform, scalar.
        strengths: What is on.

    Returns:
        Homogeneous maps of RGB in [-1, 1], float32 [B, 4, 4].

    Reference:
        Karras et al. 2020, arXiv:2006.06676, appendix B.
    """
    s = strengths
    add_u, factor_u, luma_u, luma, hue_u, hue, colourful_u = tf.unstack(
        uniform, COLOUR_UNIFORMS, axis=1
    )
    add, factor, colourful = tf.unstack(normal, COLOUR_NORMALS, axis=1)
    added = tf.where(add_u < s.brightness * p, s.brightness_std * add, 0.0)
    contrast = 2.0 ** tf.where(factor_u < s.contrast * p, s.contrast_std * factor, 0.0)
    inverted = tf.where(luma_u < s.luma_flip * p, tf.floor(2 * luma), 0.0)
    angle = tf.where(hue_u < s.hue * p, (2 * hue - 1) * s.hue_max * math.pi, 0.0)
    saturation = 2.0 ** tf.where(colourful_u < s.saturation * p, s.saturation_std * colourful, 0.0)

    # Contrast, luma flip, hue and saturation all act on the grey axis and on the plane across it
    # separately, so that their product is written down at once:
    #   c ((1 - 2 i) L + s (cos(theta) (I - L) + sin(theta) [v]x)).
    grey = contrast * (1 - 2 * inverted)
    plane = contrast * saturation
    linear = (
        _each(grey) * _GREY
        + _each(plane * tf.cos(angle)) * (np.eye(3, dtype=np.float32) - _GREY)
        + _each(plane * tf.sin(angle)) * _TURN
    )
    # Brightness comes before the linear part, which scales a grey by `grey`.
    shift = tf.tile((grey * added)[:, None, None], [1, 3, 1])
    bottom = tf.constant([[[0.0, 0.0, 0.0, 1.0]]])
    return tf.concat([tf.concat([linear, shift], 2), tf.tile(bottom, [linear.shape[0], 1, 1])], 1)


def recolour(images: tf.Tensor, matrix: tf.Tensor) -> tf.Tensor:
    """Applies an affine map to each colour: y_d = sum_c M_dc x_c + M_d3.

    Args:
        images: Images, float32 [B, H, W, 3].
        matrix: Homogeneous maps, float32 [B, 4, 4].

    Returns:
        Images, float32 [B, H, W, 3].
    """
    batch, height, width, channels = images.shape
    pixels = tf.reshape(images, [batch, height * width, channels])
    pixels = tf.matmul(pixels, matrix[:, :3, :3], transpose_b=True) + matrix[:, None, :3, 3]
    return tf.reshape(pixels, images.shape)


_GREY = np.full((3, 3), 1 / 3, np.float32)  # projects onto (1, 1, 1)
# The cross product with (1, 1, 1) / sqrt 3.
_TURN = np.asarray([[0, -1, 1], [1, 0, -1], [-1, 1, 0]], np.float32) / np.float32(math.sqrt(3))


def _each(scalar: tf.Tensor) -> tf.Tensor:
    return scalar[:, None, None]


def _compose(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    # Not tf.matmul: GPUs round its operands to 10 bits (TF32), and positions need all 24.
    return tf.reduce_sum(a[:, :, :, None] * b[:, None, :, :], axis=2)


def _affine(
    xx: tf.Tensor, xy: tf.Tensor, x: tf.Tensor, yx: tf.Tensor, yy: tf.Tensor, y: tf.Tensor
) -> tf.Tensor:
    """Builds [[xx, xy, x], [yx, yy, y], [0, 0, 1]] of each example, [B, 3, 3]."""
    zero, one = tf.zeros_like(x), tf.ones_like(x)
    return tf.reshape(tf.stack([xx, xy, x, yx, yy, y, zero, zero, one], axis=1), [-1, 3, 3])


def _translation(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    zero, one = tf.zeros_like(x), tf.ones_like(x)
    return _affine(one, zero, x, zero, one, y)


def _scaling(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    zero = tf.zeros_like(x)
    return _affine(x, zero, zero, zero, y, zero)


def _rotation(cos: tf.Tensor, sin: tf.Tensor) -> tf.Tensor:
    """Turns x towards y."""
    zero = tf.zeros_like(cos)
    return _affine(cos, -sin, zero, sin, cos, zero)


def _quarter_turns(count: tf.Tensor) -> tf.Tensor:
    angle = count * (math.pi / 2)
    # Rounded, so that whole turns carry pixels to pixels.
    return _rotation(tf.round(tf.cos(angle)), tf.round(tf.sin(angle)))


def _check(images: tf.Tensor) -> None:
    shape = images.shape
    if (
        images.dtype != tf.float32
        or not shape.is_fully_defined()
        or shape.rank != 4
        or shape[1] != shape[2]
        or shape[1] < 2
        or shape[3] != 3
    ):
        raise ValueError(
            "augment expects float32 images [B, H, W, 3] of static shape with H = W > 1. "
            f"Received: {images.dtype.name} {shape}. Cast to float32 and fix the batch size "
            "(batch(..., drop_remainder=True))."
        )
