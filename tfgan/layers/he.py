"""He initialisation."""

import keras


def he_normal() -> keras.initializers.Initializer:
    """Returns a new initialiser that draws normal numbers of variance 2 / fan_in.

    Keras's own "he_normal" cuts its tails; the published networks do not. An initialiser repeats
    its numbers, so each layer needs a new one.

    Reference:
        He et al. 2015, arXiv:1502.01852, section 2.2.
    """
    return keras.initializers.VarianceScaling(2.0, "fan_in", "untruncated_normal")
