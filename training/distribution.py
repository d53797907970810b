"""Devices: which strategy a run uses."""

import tensorflow as tf

from tfgan.terminal import UserError


class DeviceError(UserError):
    """The devices that were asked for are not there."""


def make_strategy(devices: int, virtual_devices: int) -> tf.distribute.Strategy:
    """Returns a MirroredStrategy over GPUs where there are any, else over CPUs.

    Args:
        devices: Number of devices, 0 for all.
        virtual_devices: Splits the CPU into this many devices, for tests (1: does not).

    Raises:
        DeviceError: If there are fewer devices than asked for.
    """
    if devices < 0:
        raise DeviceError(f"--devices must be 0, for all, or more. Received: {devices}.")
    if not 1 <= virtual_devices <= 64:
        raise DeviceError(f"--virtual-devices must be from 1 to 64. Received: {virtual_devices}.")
    if virtual_devices > 1:
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * virtual_devices
        )
    kind = "GPU" if tf.config.list_logical_devices("GPU") and virtual_devices == 1 else "CPU"
    names = [device.name for device in tf.config.list_logical_devices(kind)]
    if devices > len(names):
        raise DeviceError(
            f"--devices must be at most {len(names)}, the number of {kind}s here. "
            f"Received: {devices}. Use --virtual-devices {devices} to split the CPU for a test."
        )
    return tf.distribute.MirroredStrategy(names[: devices or None])
