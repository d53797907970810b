"""What the command lines show: a user's mistakes in a line, and no noise of TensorFlow."""

import contextlib
import logging
import os
import sys
from collections.abc import Iterator


class UserError(ValueError):
    """A mistake of the user: the command lines show its message alone, and exit with 2."""


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Drops what is written to standard error, by any code of this process, while it lasts.

    TensorFlow's libraries announce themselves there, whatever its log level says. An exception
    still shows, for it is printed later.
    """
    sys.stderr.flush()
    saved = os.dup(2)
    silent = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(silent, 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(saved, 2)
        os.close(saved)
        os.close(silent)


def import_tensorflow() -> None:
    """Imports TensorFlow and finds the devices, in silence; only errors show from then on."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with quiet():
        import tensorflow as tf

        tf.config.list_physical_devices()
    tf.get_logger().setLevel(logging.ERROR)
    logging.getLogger("absl").setLevel(logging.ERROR)
