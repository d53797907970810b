"""The discriminator of feature maps."""

import keras
import numpy as np

from tfgan.loading import load_model
from tfgan.models.feature_discriminator import FeatureDiscriminator


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_each_map_has_a_score_of_a_head_of_its_own():
    keras.utils.set_random_seed(0)
    model = FeatureDiscriminator([16, 8, 4], [5, 6, 7], 4)
    model.build()
    maps = [normal(2, 16, 16, 5), normal(2, 8, 8, 6), normal(2, 4, 4, 7)]
    before = np.asarray(model(maps))
    assert before.shape == (2, 3)
    maps[1] = maps[1] + 1
    changed = np.abs(np.asarray(model(maps)) - before).max(axis=0)
    assert changed[1] > 1e-4
    assert changed[0] == changed[2] == 0
    assert [len(head) for head in model.heads] == [5, 4, 3]


def test_it_is_saved_and_opened(tmp_path):
    model = FeatureDiscriminator([8, 4], [5, 6], 4)
    model.build()
    model.save(tmp_path / "model.keras")
    maps = [normal(2, 8, 8, 5), normal(2, 4, 4, 6)]
    again = load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(maps), model(maps))
