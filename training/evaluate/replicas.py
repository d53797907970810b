"""Runs functions of rows on all devices, with results that do not depend on how many there are."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf


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
        made = self.strategy.experimental_local_results(self._on_all(*parts))
        return np.concatenate([one.numpy() for one in made])[:count]


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
