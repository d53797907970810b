"""Classes as the networks of StyleGAN and StyleGAN2 take them."""

import tensorflow as tf


def one_hot(labels, num_classes: int):
    """Class indices, int [B], as float [B, num_classes]; weights of classes stay as they are.

    Raises:
        ValueError: If there are no labels.
    """
    if labels is None:
        raise ValueError(f"labels are needed by a network of {num_classes} classes.")
    labels = tf.convert_to_tensor(labels)
    return tf.one_hot(labels, num_classes) if labels.dtype.is_integer else labels
