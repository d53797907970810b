"""Turns phases and averages into graphs that run on all replicas of a strategy."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tfgan.draws import Draws
from tfgan.inference import to_float
from training.phases import Average, Phase

ZERO = tf.UnconnectedGradients.ZERO
LARGEST_GRADIENT = 1e5  # of a float16 run, as published


def compile_phase(
    phase: Phase, index: int, strategy: tf.distribute.Strategy, seed: int, rounds: int
) -> Callable[..., dict[str, Any]]:
    """Returns a graph that runs one update of a phase.

    Args:
        phase: What to run.
        index: Tells the random numbers of phases apart.
        strategy: Where it runs.
        seed: Of the run.
        rounds: Parts that a replica's batch is split into, one after the other, to save memory.

    Returns:
        batch, images_seen -> statistics, each averaged over the global batch. The batch is
        that of `Pipeline.batch`, per replica; the loss sees its images as float32 in [-1, 1].
    """
    replicas = strategy.num_replicas_in_sync
    shards = rounds * replicas
    names: list[str] = []  # of the statistics, in order

    def one_round(batch, seed, shard):
        rows = batch["label"].shape[0]
        variables = [[v.value for v in update.variables] for update in phase.updates]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            loss, stats = phase.loss(batch, Draws(seed, rows, shard, shards))
            # Optimisers sum over replicas, so each example counts as one of the global batch.
            total = tf.reduce_sum(loss) / (loss.shape[0] * shards)
        # R1 does not reach the last bias; the published code hands Adam zeros there.
        gradients = tape.gradient(total, variables, unconnected_gradients=ZERO)
        return gradients, {name: tf.reduce_mean(value) for name, value in stats.items()}

    def on_replica(batch, seed):
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        # Pictures are bytes until here; labels are not.
        batch = {
            name: to_float(value) if value.dtype == tf.uint8 else value
            for name, value in batch.items()
        }
        gradients: Any = None
        stats: Any = None
        for i in range(rounds):
            part = {name: value[i::rounds] for name, value in batch.items()}
            # One round after the other, or all of them are in memory at once. The losses of
            # generators see no pictures: they wait by the seed of their random numbers.
            with tf.control_dependencies([] if gradients is None else tf.nest.flatten(gradients)):
                part = {name: tf.identity(value) for name, value in part.items()}
                seed = tf.identity(seed)
            more, values = one_round(part, seed, i * replicas + replica)
            add = tf.nest.map_structure
            gradients = more if gradients is None else add(tf.add, gradients, more)
            stats = values if stats is None else add(tf.add, stats, values)
        stats = {name: value / rounds for name, value in stats.items()}
        for update, group in zip(phase.updates, gradients, strict=True):
            if phase.bounded_gradients:
                group = [_bound(gradient) for gradient in group]
            # Each replica's own norm; that of the global gradient where there is one replica.
            stats[f"gradient_norm/{phase.name}"] = tf.linalg.global_norm(group) * replicas
            update.optimizer.apply(group, update.variables)
        names[:] = stats
        # One tensor, because each is a message to all other workers.
        return tf.stack([tf.cast(value, tf.float32) for value in stats.values()])

    # Nothing here needs autograph, and converting Keras's sources takes longer than tracing.
    @tf.function(autograph=False)
    def step(batch, images_seen):
        own = tf.stack([tf.constant(seed, tf.int64), images_seen])
        own = tf.random.experimental.stateless_fold_in(own, tf.constant(index, tf.int64))
        stats = strategy.run(on_replica, args=(batch, own))
        values = tf.unstack(strategy.reduce("MEAN", stats, axis=None))
        return dict(zip(names, values, strict=True))

    return step


def _bound(gradient):
    gradient = tf.where(tf.math.is_nan(gradient), tf.zeros_like(gradient), gradient)
    return tf.clip_by_value(gradient, -LARGEST_GRADIENT, LARGEST_GRADIENT)


def compile_averages(
    averages: Sequence[Average], strategy: tf.distribute.Strategy
) -> Callable[..., None]:
    """Returns a graph that moves all averages by one step: decays, one scalar each -> nothing."""

    def towards(target, source, decay):
        target.assign_add((source - target) * (1.0 - decay))

    def copy(target, source, decay):
        target.assign(source)

    @tf.function(autograph=False)
    def step(decays):
        for item, decay in zip(averages, decays, strict=True):
            trained = {v.path for v in item.target.trainable_variables}
            for target, source in zip(item.target.variables, item.source.variables, strict=True):
                move = towards if target.path in trained else copy
                strategy.extended.update(target.value, move, (source.value, decay))

    return step
