"""He initialisation."""

import numpy as np
import pytest

from tfgan.layers.he import he_normal


@pytest.mark.parametrize(("shape", "fan_in"), [((50, 400), 50), ((3, 3, 16, 200), 144)])
def test_weights_have_variance_two_over_fan_in_and_tails(shape, fan_in):
    weights = he_normal()(shape).numpy()
    # 20000 draws or more: one deviation of the variance is 1 per cent.
    assert np.var(weights) == pytest.approx(2 / fan_in, rel=0.05)
    assert abs(np.mean(weights)) < 0.05 * np.std(weights)
    # A normal number is beyond three deviations 54 times in 20000; a truncated one never.
    assert np.mean(np.abs(weights) > 3 * np.std(weights)) > 1e-3


def test_each_initializer_draws_its_own_numbers():
    assert np.all(he_normal()((4, 4)) != he_normal()((4, 4)))
