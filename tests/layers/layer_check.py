"""The check that every Keras layer of the library passes."""

import inspect
import json

import keras
import numpy as np
import tensorflow as tf

# Rounding errors of the inputs, the weights and a few sums, in units of the last place.
HALF_TOLERANCE = {"mixed_float16": 8 * 2.0**-11, "mixed_bfloat16": 8 * 2.0**-8}


def randomize(layer, seed=0, spread=0.3):
    """Moves every variable from its initial value, so that zeros and ones hide nothing."""
    rng = np.random.default_rng(seed)
    for variable in layer.variables:
        value = variable.numpy() + spread * rng.normal(size=variable.shape)
        # Stored variances stay positive.
        variable.assign(np.abs(value) if variable.name == "moving_variance" else value)


def check_config(layer):
    """Asserts that the configuration is JSON, complete, and makes an equal layer."""
    config = layer.get_config()
    parameters = inspect.signature(type(layer).__init__).parameters.values()
    arguments = {p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD} - {"self"}
    assert arguments <= set(config), f"missing in get_config: {arguments - set(config)}"
    again = type(layer).from_config(json.loads(json.dumps(config)))
    assert again.get_config() == config


def check_layer(
    make,
    inputs,
    output_shape,
    variables,
    folder,
    precisions=("mixed_float16", "mixed_bfloat16"),
    half_output=True,
):
    """Asserts what holds for every layer.

    Args:
        make: Returns a new layer; takes `dtype`.
        inputs: NumPy arrays, the call's positional arguments.
        output_shape: Expected.
        variables: Expected name -> (shape, trainable), names relative to the layer.
        folder: For the saved file.
        precisions: Policies that must agree with float32 up to rounding.
        half_output: Whether the output has the compute dtype; otherwise it is float32.

    Returns:
        The layer, with random weights.
    """
    keras.utils.set_random_seed(0)
    layer = make(dtype="float32")
    layer(*inputs)
    randomize(layer)
    y = layer(*inputs)

    assert tuple(y.shape) == tuple(output_shape)
    assert y.dtype == tf.float32
    built = {v.path.split("/", 1)[1]: (tuple(v.shape), bool(v.trainable)) for v in layer.variables}
    assert built == variables
    check_config(layer)

    # The same kernels run in another order or fused: a few float32 roundings.
    graph = tf.function(layer)(*inputs)
    np.testing.assert_allclose(graph, y, rtol=1e-5, atol=1e-5)

    symbols = [keras.Input(batch_shape=value.shape, dtype=value.dtype.name) for value in inputs]
    model = keras.Model(symbols, layer(*symbols))
    assert tuple(model.outputs[0].shape) == tuple(output_shape)
    model.save(folder / "layer.keras")
    loaded = keras.saving.load_model(folder / "layer.keras")
    for variable, again in zip(model.variables, loaded.variables, strict=True):
        np.testing.assert_array_equal(again.numpy(), variable.numpy(), variable.path)
    np.testing.assert_allclose(loaded([*inputs]), y, rtol=1e-5, atol=1e-5)

    with tf.GradientTape() as tape:
        y = layer(*inputs)
        weights = np.random.default_rng(1).normal(size=y.shape).astype(np.float32)
        total = tf.reduce_sum(y * weights)
    trained = layer.trainable_variables
    for variable, gradient in zip(trained, tape.gradient(total, trained), strict=True):
        assert gradient is not None, f"{variable.path} has no gradient"
        assert np.all(np.isfinite(gradient)), variable.path
        assert np.any(gradient != 0), f"the gradient of {variable.path} is zero"

    for policy in precisions:
        half = make(dtype=policy)
        # Inside a network, feature maps arrive in the compute dtype and styles in float32.
        narrow = [tf.cast(inputs[0], half.compute_dtype), *inputs[1:]]
        half(*narrow)
        half.set_weights(layer.get_weights())
        low = half(*narrow)
        assert low.dtype == (half.compute_dtype if half_output else "float32")
        assert {v.dtype for v in half.variables} <= {"float32"}
        error = np.max(np.abs(tf.cast(low, tf.float32) - y)) / np.max(np.abs(y))
        assert error < HALF_TOLERANCE[policy], f"{policy}: relative error {error:.1e}"
    return layer
