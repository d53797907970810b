"""What every test starts with: two logical CPUs, to train on one device and on two, and a seed."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import tensorflow as tf

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)


def pytest_runtest_setup() -> None:
    """Seeds what is drawn, so that weights do not depend on the tests that ran before."""
    keras.utils.set_random_seed(0)
