"""float32 throughout."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgan.arithmetic import in_float32, without_tf32
from tfgan.models.classifier import Classifier
from tfgan.models.stylegan2 import StyleGAN2Generator


def generator(**options):
    model = StyleGAN2Generator(
        16, latent_dim=4, style_dim=4, channel_base=64, channel_max=4, **options
    )
    model.build()
    return model


@pytest.fixture
def half_policy():
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy("float32")


def test_a_float32_model_is_itself():
    model = generator()
    assert in_float32(model) is model


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_a_copy_computes_in_float32_with_the_same_weights_and_the_model_stays(precision):
    model, plain = generator(precision=precision), generator()
    plain.set_weights(model.get_weights())
    copy = in_float32(model)
    latents = np.random.default_rng(0).standard_normal((2, 4)).astype(np.float32)
    np.testing.assert_array_equal(copy(latents), plain(latents))
    assert model.precision == precision
    assert np.max(np.abs(model(latents) - copy(latents))) > 1e-5


def test_dtype_policies_in_a_file_give_way_as_well(half_policy, tmp_path):
    model = Classifier(8, ("a", "b"), True)
    model.build()
    model.save(tmp_path / "judge.keras")
    keras.config.set_dtype_policy("float32")
    opened = keras.saving.load_model(tmp_path / "judge.keras")
    assert "mixed_bfloat16" in json.dumps(opened.get_config())
    copy = in_float32(opened)
    assert {layer.compute_dtype for layer in copy.layers} | {copy.compute_dtype} == {"float32"}
    for ours, theirs in zip(copy.get_weights(), opened.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("before", [True, False])
def test_tf32_is_off_within_and_as_before_after_errors_too(before):
    enabled = tf.config.experimental.tensor_float_32_execution_enabled
    tf.config.experimental.enable_tensor_float_32_execution(before)
    within = []

    def fail():
        with without_tf32():
            within.append(enabled())
            raise ZeroDivisionError

    try:
        with pytest.raises(ZeroDivisionError):
            fail()
        assert (within, enabled()) == ([False], before)
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(True)
