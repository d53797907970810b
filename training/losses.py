"""Losses: pure functions from tensors to per-example float32 [B]."""

from collections.abc import Sequence

import tensorflow as tf

from tfgan.label_sets import LabelSet, label_count, label_slices


def nonsaturating_generator_loss(fake_logits):
    """-log sigmoid(D(G(z))) per example.

    Args:
        fake_logits: Scores of generated images, [B, n]; the losses of n discriminators add up.

    Returns:
        [B], float32.

    Reference:
        Goodfellow et al. 2014, arXiv:1406.2661, section 3.
    """
    return tf.reduce_sum(tf.nn.softplus(-fake_logits), axis=1)


def logistic_discriminator_loss(real_logits, fake_logits):
    """-log sigmoid(D(x)) - log(1 - sigmoid(D(G(z)))) per example, summed over n: [B, n] -> [B]."""
    return tf.reduce_sum(tf.nn.softplus(-real_logits) + tf.nn.softplus(fake_logits), axis=1)


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


def mean_absolute(a, b):
    """Mean |a - b| per example, over all other axes: [B, ...] -> [B].

    StarGAN v2 measures style reconstruction, diversity and cycle consistency by it.

    Reference:
        Choi et al. 2020, arXiv:1912.01865, equations 2 to 4.
    """
    return tf.reduce_mean(tf.abs(a - b), axis=list(range(1, len(a.shape))))


def mean_score(scores):
    """Mean over the patches of each example: [B, ...] -> [B].

    A Wasserstein critic raises that of real images and lowers that of generated ones, which the
    generator raises.

    Reference:
        Arjovsky et al. 2017, arXiv:1701.07875, equation 3.
    """
    return tf.reduce_mean(scores, axis=list(range(1, len(scores.shape))))


def gradient_penalty(gradients):
    """(|grad| - 1)^2 per example, WGAN-GP's penalty without its weight.

    Args:
        gradients: Of each example's score, by an image between a real and a generated one,
            [B, ...].

    Returns:
        [B], float32.

    Reference:
        Gulrajani et al. 2017, arXiv:1704.00028, equation 3.
    """
    # The root of 0 has no derivative; 1e-12 gives it one, and changes no other float32 value.
    return tf.square(tf.sqrt(squared_gradient_norm(gradients) + 1e-12) - 1.0)


def drift_penalty(real_scores):
    """Squared scores of real images, which keep a Wasserstein critic near 0: [B, 1] -> [B].

    Reference:
        Karras et al. 2017, arXiv:1710.10196, appendix A.1.
    """
    return tf.square(real_scores)[:, 0]


def known_label_loss(logits, labels, label_sets: Sequence[LabelSet]):
    """Cross-entropy of what is known of each example: [B].

    With sigmoids and summed over the labels where the example's set has attributes, with softmax
    where it has classes. What the other sets would say is not known, and gets no gradient.

    Args:
        logits: [B, labels of all sets].
        labels: Label vectors, [B, C]; see `tfgan.label_sets`.
        label_sets: All sets, in order.

    Reference:
        Choi et al. 2018, arXiv:1711.09020, equations 2, 3 and 8.
    """
    cross_entropy = {
        "attributes": lambda labels, logits: tf.reduce_sum(
            tf.nn.sigmoid_cross_entropy_with_logits(labels, logits), axis=-1
        ),
        "classes": tf.nn.softmax_cross_entropy_with_logits,
    }
    losses = [
        cross_entropy[label_set.kind](labels[:, part], logits[:, part])
        for label_set, part in zip(label_sets, label_slices(label_sets), strict=True)
    ]
    return tf.reduce_sum(tf.stack(losses, axis=1) * known_sets(labels, label_sets), axis=1)


def label_accuracies(logits, labels, label_sets: Sequence[LabelSet]):
    """Share of the known labels of each set that logits tell rightly: [B, sets], NaN where unknown.

    Of attributes, the share with the right sign; of classes, whether the largest is the right one.
    Arguments are those of `known_label_loss`.
    """
    shares = []
    for label_set, part in zip(label_sets, label_slices(label_sets), strict=True):
        said, true = logits[:, part], labels[:, part]
        if label_set.kind == "attributes":
            right = tf.equal(said > 0, true > 0.5)
            shares.append(tf.reduce_mean(tf.cast(right, tf.float32), axis=1))
        else:
            right = tf.equal(tf.argmax(said, axis=1), tf.argmax(true, axis=1))
            shares.append(tf.cast(right, tf.float32))
    return tf.where(known_sets(labels, label_sets) > 0, tf.stack(shares, axis=1), float("nan"))


def known_sets(labels, label_sets: Sequence[LabelSet]):
    """The mask of label vectors [B, C]: [B, sets], all ones where there is one set."""
    if len(label_sets) == 1:
        return tf.ones_like(labels[:, :1])
    return labels[:, label_count(label_sets) :]
