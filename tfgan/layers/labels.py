"""Classes as the networks of StyleGAN and StyleGAN2 take them."""

import tensorflow as tf


def one_hot(labels, num_classes: int):
    """One-hot classes: int [B] -> float [B, num_classes]. Float weights are returned unchanged.

    Raises:
        ValueError: If there are no labels.
    """
    if labels is None:
        raise ValueError(f"A network of {num_classes} classes needs labels. Received: None.")
    labels = tf.convert_to_tensor(labels)
    return tf.one_hot(labels, num_classes) if labels.dtype.is_integer else labels
