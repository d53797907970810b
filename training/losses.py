"""Losses: pure functions from tensors to per-example float32 [B]."""

import tensorflow as tf


def nonsaturating_generator_loss(fake_logits):
    """-log sigmoid(D(G(z))) per example.

    Args:
        fake_logits: Scores of generated images, [B, 1].

    Returns:
        [B], float32.

    Reference:
        Goodfellow et al. 2014, arXiv:1406.2661, section 3.
    """
    return tf.nn.softplus(-fake_logits)[:, 0]


def logistic_discriminator_loss(real_logits, fake_logits):
    """-log sigmoid(D(x)) - log(1 - sigmoid(D(G(z)))) per example; both [B, 1] -> [B]."""
    return (tf.nn.softplus(-real_logits) + tf.nn.softplus(fake_logits))[:, 0]


def squared_gradient_norm(gradients):
    """|grad|^2 per example, the R1 penalty without its weight: [B, ...] -> [B].

    Reference:
        Mescheder et al. 2018, arXiv:1801.04406, equation 9.
    """
    return tf.reduce_sum(tf.square(gradients), axis=list(range(1, len(gradients.shape))))


def path_lengths(style_gradients):
    """Length of J_w^T y per example, from the gradients of sum(image * y) by the styles.

    Sum of squares over W, mean over layers, root.

    Args:
        style_gradients: [B, L, W].

    Returns:
        [B], float32.

    Reference:
        Karras et al. 2020, arXiv:1912.04958, section 3.2 and appendix B.
    """
    return tf.sqrt(tf.reduce_mean(tf.reduce_sum(tf.square(style_gradients), axis=2), axis=1))


def mean_absolute_difference(a, b):
    """Mean of |a - b| over all but the first axis, two [B, ...] -> [B].

    StarGAN v2's distance of styles (reconstruction) and of images (cycle, diversity).

    Reference:
        Choi et al. 2020, arXiv:1912.01865, equations 2 to 4.
    """
    return tf.reduce_mean(tf.abs(a - b), axis=list(range(1, len(a.shape))))
