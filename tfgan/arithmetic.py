"""float32 throughout, for what is measured and exported: numbers of weights, not of rounding."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

ARITHMETIC = "float32, TF32 off"  # as results and manifests say it


@contextmanager
def without_tf32() -> Iterator[None]:
    """Within it GPUs multiply all 24 bits of float32, and not TF32's 11, as TensorFlow lets them.

    The setting belongs to the process; it is what it was before once the block is left.
    """
    import tensorflow as tf

    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)


def in_float32(model: Any) -> Any:
    """Returns a model, or a copy that computes in float32 if it computes in fewer bits anywhere.

    The model stays as it is. Call it under the scope of the strategy that the copy shall run in.

    Args:
        model: A built Keras model of this package.
    """
    config = model.get_config()
    exact = _config_in_float32(config)
    if exact == config:
        return model
    if config.get("precision") == "float16" and "clamp" in config and config["clamp"] is None:
        exact["clamp"] = 256.0  # what None stands for in float16: the weights were trained with it
    copy = type(model).from_config(exact)
    copy.build()
    copy.set_weights(model.get_weights())
    return copy


def _config_in_float32(value: Any) -> Any:
    """A configuration with float32 for every precision and dtype policy in it."""
    if isinstance(value, list):
        return [_config_in_float32(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") == "DTypePolicy":
        return {**value, "config": {"name": "float32"}}
    return {
        name: "float32" if name == "precision" else _config_in_float32(inner)
        for name, inner in value.items()
    }
