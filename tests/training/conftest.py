"""What tests of training share."""

import pytest
import tensorflow as tf


@pytest.fixture
def eagerly():
    """Runs what is compiled operator by operator, for tests of a few steps.

    Building a graph takes ten times as long as one step. Each system trains as graphs in other
    tests, some of which give the numbers that these are compared with.
    """
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)
