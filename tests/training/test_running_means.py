"""Means of what phases tell of their steps."""

import math

import tensorflow as tf

from training.phases import Phase
from training.running_means import RunningMeans


def phase(name, *optional_statistics):
    return Phase(name, lambda *_: None, [], optional_statistics=optional_statistics)


def test_values_that_are_missing_in_some_steps_count_where_the_phase_allows_it():
    means = RunningMeans()
    for right, loss in ((1.0, 2.0), (math.nan, 4.0), (0.0, 6.0)):
        statistics = {"right": right, "never": math.nan, "loss": loss}
        means.add(phase("d", "right", "never"), {k: tf.constant(v) for k, v in statistics.items()})
    assert means.means() == {"right": 0.5, "loss": 4.0}


def test_any_other_value_that_is_not_finite_shows_with_the_phase_that_it_is_of():
    means = RunningMeans()
    # A name says nothing: it is the phase that allows NaN.
    means.add(phase("d"), {"accuracy/real": tf.constant(math.nan)})
    means.add(phase("g"), {"loss": tf.constant(1.0)})
    assert math.isnan(means.means()["accuracy/real"])
    assert means.describe("accuracy/real") == "accuracy/real of phase d"


def test_nothing_is_left_after_a_point():
    means = RunningMeans()
    means.add(phase("g"), {"loss": tf.constant(1.0)})
    means.clear()
    assert means.means() == {}
