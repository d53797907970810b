"""Whether a device does half precision well, by measurement."""

import dataclasses
import math
import sys
import time
from typing import Any

import tensorflow as tf

from training.config import ConfigError
from training.distribution import Workers

SLOWER = 2.0  # times as long as float32, from which on half precision is not used
TRIALS = 5
TRIAL_SECONDS = 0.5


def fit_precision(config: Any, device: str, workers: Workers, resumed: bool) -> Any:
    """The options of a run, with float32 where a CPU takes much longer for the half precision.

    TensorFlow has convolutions in float16 for CPUs, but oneDNN computes the gradients of their
    kernels 400 to 900 times as slowly as in float32 even on a CPU with AVX512-FP16, so that the
    first step at 64 pixels takes an hour and more. bfloat16 is faster than float32 on a CPU that
    has AMX, and up to 20 times slower on one without AVX-512. GPUs do both.

    Args:
        config: Options of a system.
        device: Kind of device, CPU or GPU.
        workers: That train together: all of them use the same precision.
        resumed: Whether the options are those of a run that has begun.

    Raises:
        ConfigError: If a run would have to go on with other numbers than it began with.
    """
    half = config.precision
    if device != "CPU" or half == "float32":
        return config
    times = slowdown(half)
    if not workers.gather([times > SLOWER]).any():
        return config
    reason = f"{half} takes {times:.0f} times as long on this CPU"
    if math.isinf(times):
        reason = f"this CPU has no {half}"
    if resumed:
        raise ConfigError(
            f"this run was begun with `precision` {half}. Received: a CPU, and {reason}. Go on "
            "where there is a GPU, or add `precision` float32 `override`."
        )
    print(f"Note      --precision float32: {reason}.", file=sys.stderr)
    return dataclasses.replace(config, precision="float32")


def slowdown(half: str) -> float:
    """How many times as long a convolution and its gradients take on this CPU as in float32.

    Args:
        half: "float16" or "bfloat16".

    Returns:
        The ratio, of the shortest times; infinity where TensorFlow has no such convolution.
    """
    try:
        return _seconds(half) / _seconds("float32")
    except tf.errors.OpError:
        return math.inf


def _seconds(dtype: str) -> float:
    """Shortest time of a convolution of 2 x 32 x 32 x 64 values with its gradients."""

    @tf.function(autograph=False)
    def convolution(images, kernel):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([images, kernel])
            outputs = tf.nn.conv2d(images, kernel, 1, "SAME")
        return outputs, *tape.gradient(outputs, [images, kernel], images)

    with tf.device("CPU:0"):
        images = tf.ones([2, 32, 32, 64], dtype)
        kernel = tf.ones([3, 3, 64, 64], dtype)
        convolution(images, kernel)
        times: list[float] = []
        while len(times) < TRIALS and sum(times) < TRIAL_SECONDS:
            started = time.perf_counter()
            convolution(images, kernel)
            times.append(time.perf_counter() - started)
    return min(times)
