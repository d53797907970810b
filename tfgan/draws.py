"""Random numbers that do not depend on how a batch is spread over devices."""

from collections.abc import Sequence

import tensorflow as tf


class Draws:
    """Random numbers of one phase of one step, the same however the batch is spread.

    Every draw is made for the global batch from a stateless seed; a shard keeps its rows. Row j of
    shard s of S is row j * S + s of the global batch: interleaved, because the groups of the
    minibatch standard deviation are strided too, so S shards train as one does.

    Args:
        seed: int64 [2].
        rows: Rows of this shard.
        shard: Index s of this shard, an int or a scalar tensor.
        shards: Number S of shards.
    """

    def __init__(self, seed, rows: int, shard=0, shards: int = 1):
        self.seed = tf.convert_to_tensor(seed)
        self.rows = rows
        self.shard = shard
        self.shards = shards
        self._drawn = 0

    def _next_seed(self):
        self._drawn += 1
        return tf.random.experimental.stateless_fold_in(self.seed, self._drawn)

    def _keep(self, values):
        if self.shards == 1:
            return values
        kept = values[self.shard :: self.shards]
        return tf.ensure_shape(kept, [self.rows, *values.shape[1:]])

    def normal(self, shape: Sequence[int] = ()):
        """Standard normal numbers, float32 [rows, *shape]."""
        return self._keep(
            tf.random.stateless_normal([self.rows * self.shards, *shape], self._next_seed())
        )

    def uniform(self, shape: Sequence[int] = ()):
        """Uniform numbers in [0, 1), float32 [rows, *shape]."""
        return self._keep(
            tf.random.stateless_uniform([self.rows * self.shards, *shape], self._next_seed())
        )

    def shared_uniform(self, shape: Sequence[int] = ()):
        """Uniform numbers in [0, 1) that all shards share, float32 [*shape]."""
        return tf.random.stateless_uniform(list(shape), self._next_seed())

    def fewer(self, rows: int) -> "Draws":
        """Returns draws of another stream for a smaller batch."""
        return Draws(self._next_seed(), rows, self.shard, self.shards)
