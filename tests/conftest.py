"""What every test starts with: two logical CPUs, to train on one device and on two, and a seed."""

import gc
import os
import resource
from contextlib import contextmanager

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import tensorflow as tf
from tensorflow.python.framework import ops

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
# Graphs run as they are written: improving them takes longer than the few steps of a test.
tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


def pytest_runtest_setup() -> None:
    """Seeds what is drawn, so that weights do not depend on the tests that ran before."""
    keras.utils.set_random_seed(0)


def let_go_of_graphs() -> None:
    """Lets Python free the graphs of functions that are gone.

    TensorFlow registers the gradient of each custom gradient in a graph, such as that of the sum of
    gradients over replicas, under a new name and for good, and with it the graph: 0.1 GB for each
    trainer of a tiny StyleGAN2.
    """
    registered = ops.gradient_registry._registry
    for name in [name for name in registered if name.startswith("CustomGradient-")]:
        del registered[name]
    gc.collect()


@pytest.fixture(autouse=True, scope="module")
def graphs_let_go():
    """Lets go of the graphs of a file, or a process grows to several GB over the suite."""
    yield
    let_go_of_graphs()


@contextmanager
def _limit_files(size):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def full_disk():
    """Within it no file of this process can grow beyond a size in bytes, as on a full disk.

    The system answers "File too large" (EFBIG) rather than "No space left on device" (ENOSPC), on
    any machine and without rights to mount a small disk.
    """
    return _limit_files


@contextmanager
def _limit_memory(size):
    before = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm") as numbers:
        pages = int(numbers.read().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.fixture
def memory_limit():
    """Within it this process gets so many bytes of memory more, and then a MemoryError."""
    return _limit_memory
