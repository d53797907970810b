"""Random numbers of the phases: the same however a batch is spread."""

import numpy as np
import pytest
import tensorflow as tf

from training.phases import Draws, Phase

KINDS = {
    "normal": lambda draws: draws.normal([3]),
    "normal scalar": lambda draws: draws.normal(),
    "uniform": lambda draws: draws.uniform([2, 2]),
    "uniform scalar": lambda draws: draws.uniform(),
    "second": lambda draws: (draws.normal([2]), draws.uniform([2]))[1],
    "after shared": lambda draws: (draws.shared_uniform(), draws.normal([2]))[1],
}


def interleave(parts):
    """Row j of shard s of S becomes row j * S + s."""
    return np.stack([np.asarray(part) for part in parts], axis=1).reshape(-1, *parts[0].shape[1:])


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("shards", [2, 3])
def test_interleaved_shards_equal_the_whole_batch(kind, shards):
    draw = KINDS[kind]
    whole = draw(Draws([7, 1], rows=6))
    parts = [draw(Draws([7, 1], 6 // shards, s, shards)) for s in range(shards)]
    assert len(np.unique(whole)) == np.size(whole)
    np.testing.assert_array_equal(interleave(parts), whole)


@pytest.mark.parametrize("shards", [2, 3])
def test_fewer_rows_are_the_same_however_they_are_spread(shards):
    def draw(draws, rows):
        before = draws.normal([2])
        small = draws.fewer(rows)
        return before, small.normal([2]), small.uniform(), draws.normal([2])

    whole = draw(Draws([7, 1], 2 * shards), shards)
    parts = [draw(Draws([7, 1], 2, s, shards), 1) for s in range(shards)]
    for kind, value in enumerate(whole):
        np.testing.assert_array_equal(interleave([part[kind] for part in parts]), value)
    assert whole[1].shape == (shards, 2)


def test_fewer_rows_come_from_another_stream():
    draws = Draws([7, 1], 4)
    small = draws.fewer(4)
    streams = [draws.uniform(), small.uniform(), Draws([7, 1], 4).uniform(), small.uniform()]
    values = np.concatenate([np.asarray(stream) for stream in streams])
    assert len(np.unique(values)) == 16


def test_shared_numbers_are_the_same_on_every_shard():
    values = [Draws([7, 1], 2, s, 3).shared_uniform([4]).numpy() for s in range(3)]
    assert values[0].shape == (4,)
    np.testing.assert_array_equal(values[1], values[0])
    np.testing.assert_array_equal(values[2], values[0])
    assert Draws([7, 1], 2).shared_uniform().shape == ()


def test_calls_and_seeds_differ_and_the_same_seed_repeats():
    def values(seed):
        draws = Draws(seed, 4)
        return [draws.normal([2]), draws.normal([2]), draws.uniform([2]), draws.uniform([2])]

    flat = np.concatenate([np.ravel(v) for seed in ([1, 2], [1, 3], [2, 2]) for v in values(seed)])
    assert len(np.unique(flat)) == flat.size == 96
    for first, again in zip(values([1, 2]), values([1, 2]), strict=True):
        np.testing.assert_array_equal(first, again)


def test_moments_are_those_of_the_distributions():
    draws = Draws([3, 4], 10_000)
    normal, uniform = draws.normal([4]).numpy(), draws.uniform([4]).numpy()
    # 40,000 draws: one deviation of a mean is 0.005 of the distribution's; five of them.
    assert abs(normal.mean()) < 0.025
    assert abs(normal.std() - 1.0) < 0.02
    assert abs(uniform.mean() - 0.5) < 0.01
    assert abs(uniform.std() - np.sqrt(1 / 12)) < 0.01
    assert uniform.min() >= 0.0
    assert uniform.max() < 1.0
    assert abs(np.corrcoef(normal[:, 0], normal[:, 1])[0, 1]) < 0.05
    assert normal.dtype == uniform.dtype == np.float32


def test_graph_with_a_tensor_as_shard_draws_the_same_rows():
    @tf.function(input_signature=[tf.TensorSpec([2], tf.int64), tf.TensorSpec([], tf.int32)])
    def graph(seed, shard):
        draws = Draws(seed, 2, shard, 3)
        values = draws.normal([3]), draws.uniform(), draws.fewer(1).normal([2])
        # Layers that form groups need the batch size while the graph is made.
        assert [value.shape.as_list() for value in values] == [[2, 3], [2], [1, 2]]
        return values

    whole = Draws([7, 1], 6)
    expected = whole.normal([3]), whole.uniform(), whole.fewer(3).normal([2])
    parts = [graph(tf.constant([7, 1], tf.int64), tf.constant(s)) for s in range(3)]
    for kind, value in enumerate(expected):
        np.testing.assert_array_equal(interleave([part[kind] for part in parts]), value)


@pytest.mark.parametrize(
    ("interval", "offset", "steps", "expected"),
    [
        (1, 0, 1, [0, 1, 2, 3, 4, 5, 6, 7, 8]),
        (4, 0, 1, [0, 4, 8]),
        (4, 3, 1, [3, 7]),
        (6, 4, 2, [4, 5]),
        (3, 0, 3, [0, 1, 2, 3, 4, 5, 6, 7, 8]),
    ],
)
def test_phases_run_so_many_steps_of_every_interval(interval, offset, steps, expected):
    phase = Phase("d", lambda batch, draws: (None, {}), [], interval, offset, steps=steps)
    assert [step for step in range(9) if phase.runs_at(step)] == expected
