"""Devices of this machine: which ones are used, and how functions of rows run on all of them."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfgan.terminal import UserError


class DeviceError(UserError):
    """The devices or workers that were asked for are not there."""


def check_count(devices: int, available: int, kind: str, advice: str) -> None:
    """Raises DeviceError unless so many devices are there; 0 stands for all."""
    if devices < 0:
        raise DeviceError(field="devices", expected="must be 0, for all, or more", received=devices)
    if devices > available:
        raise DeviceError(
            field="devices",
            expected=f"must be at most {available}, the number of {kind}s here",
            received=devices,
            advice=advice,
        )


def make_strategy(devices: int, virtual_devices: int) -> tf.distribute.Strategy:
    """Returns a MirroredStrategy over GPUs where there are any, else over CPUs, of this machine.

    Args:
        devices: Number of devices, 0 for all.
        virtual_devices: Splits the CPU into this many devices, for tests (1: does not).

    Raises:
        DeviceError: If there are fewer devices than asked for.
    """
    if not 1 <= virtual_devices <= 64:
        raise DeviceError(
            field="virtual_devices", expected="must be from 1 to 64", received=virtual_devices
        )
    if virtual_devices > 1:
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * virtual_devices
        )
    kind = "GPU" if tf.config.list_logical_devices("GPU") and virtual_devices == 1 else "CPU"
    names = [device.name for device in tf.config.list_logical_devices(kind)]
    advice = f"Use `virtual_devices` {devices} to split the CPU for a test."
    check_count(devices, len(names), kind, advice)
    return tf.distribute.MirroredStrategy(names[: devices or None])


class RowFunction:
    """A compiled function of rows, in batches of one size: a smaller one is filled up.

    Args:
        strategy: Where it runs.
        function: Tensors [b, ...] -> one tensor [b, ...]; each row of it depends on the same rows
            of its arguments alone.
        batch_size: Most rows at a time, over all devices; a multiple of their number.
    """

    def __init__(
        self, strategy: tf.distribute.Strategy, function: Callable[..., Any], batch_size: int
    ):
        self.strategy = strategy
        self.batch_size = batch_size
        self._on_all = tf.function(
            lambda *parts: strategy.run(function, args=parts), autograph=False
        )

    def __call__(self, *arrays: np.ndarray) -> np.ndarray:
        """Arrays [n, ...], n <= `batch_size`, -> [n, ...]."""
        count = len(arrays[0])
        rows = np.minimum(np.arange(self.batch_size), count - 1)
        share = self.batch_size // self.strategy.num_replicas_in_sync

        def part(array: np.ndarray, context: tf.distribute.ReplicaContext) -> tf.Tensor:
            start = int(context.replica_id_in_sync_group) * share
            return tf.convert_to_tensor(array[rows[start : start + share]])

        parts = [
            self.strategy.experimental_distribute_values_from_function(
                functools.partial(part, array)
            )
            for array in arrays
        ]
        results = self.strategy.experimental_local_results(self._on_all(*parts))
        return np.concatenate([part.numpy() for part in results])[:count]


class Replicas:
    """The devices of an evaluation.

    Args:
        strategy: Where networks are made and run.
        batch_size: Most pictures at a time, over all devices.
    """

    def __init__(self, strategy: tf.distribute.Strategy, batch_size: int = 32):
        self.strategy = strategy
        self.batch_size = batch_size

    def over_rows(self, function: Callable[..., Any], pictures: int = 1) -> RowFunction:
        """Compiles a function of rows, each of which stands for so many pictures."""
        replicas = self.strategy.num_replicas_in_sync
        rows = max(1, self.batch_size // pictures)
        return RowFunction(self.strategy, function, -(-rows // replicas) * replicas)
