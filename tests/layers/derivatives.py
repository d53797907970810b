"""Compares an operator with its plain form: values, first derivatives, second derivatives."""

import numpy as np
import tensorflow as tf

# Central differences in float64: the cubic term leaves h^2 = 1e-8 and rounding 1e-12 of a first
# derivative, and differences of those leave 1e-8 of a second one. 1e-6 is a hundred times that.
STEP = 1e-4
TOLERANCE = 1e-6


def numerical_gradient(plain, inputs, weights):
    """Gradients of sum(plain(*inputs) * weights) by central differences, one array per input."""
    gradients = []
    for k, value in enumerate(inputs):
        gradient = np.zeros(value.shape)
        for index in np.ndindex(value.shape):
            sides = []
            for sign in (1, -1):
                moved = value.copy()
                moved[index] += sign * STEP
                sides.append(np.sum(plain(*inputs[:k], moved, *inputs[k + 1 :]) * weights))
            gradient[index] = (sides[0] - sides[1]) / (2 * STEP)
        gradients.append(gradient)
    return gradients


def gradient_norm(plain, inputs, weights):
    """Half the squared norm of `numerical_gradient`."""
    gradients = numerical_gradient(plain, inputs, weights)
    return 0.5 * sum(np.sum(gradient**2) for gradient in gradients)


def assert_near(actual, expected, what):
    scale = max(np.max(np.abs(expected)), 1e-3)
    error = np.max(np.abs(np.asarray(actual) - expected)) / scale
    assert error < TOLERANCE, f"{what}: relative error {error:.2e}"


def check_derivatives(fast, plain, inputs, seed=0):
    """Asserts that `fast` (TensorFlow) and `plain` (NumPy) agree to the second derivative.

    The second derivatives are those that R1 and path length regularisation take: of half the
    squared norm of the gradients of sum(y * weights), by each input and by `weights`, along one
    random direction each.
    """
    rng = np.random.default_rng(seed)
    expected = plain(*inputs)
    weights = rng.normal(size=expected.shape)
    tensors = [tf.constant(value, tf.float64) for value in inputs]
    outer = tf.constant(weights, tf.float64)
    with tf.GradientTape(persistent=True) as second:
        second.watch([*tensors, outer])
        with tf.GradientTape() as first:
            first.watch(tensors)
            y = fast(*tensors)
            total = tf.reduce_sum(y * outer)
        gradients = first.gradient(total, tensors)
        norm = 0.5 * tf.add_n([tf.reduce_sum(tf.square(gradient)) for gradient in gradients])
    curvatures = second.gradient(
        norm, [*tensors, outer], unconnected_gradients=tf.UnconnectedGradients.ZERO
    )

    assert y.shape == expected.shape
    assert_near(y, expected, "value")
    for k, gradient in enumerate(numerical_gradient(plain, inputs, weights)):
        assert_near(gradients[k], gradient, f"gradient by input {k}")

    values = [*inputs, weights]
    for k, curvature in enumerate(curvatures):
        direction = rng.normal(size=values[k].shape)
        sides = []
        for sign in (1, -1):
            moved = [v + sign * STEP * direction if i == k else v for i, v in enumerate(values)]
            sides.append(gradient_norm(plain, moved[:-1], moved[-1]))
        expected = (sides[0] - sides[1]) / (2 * STEP)
        # The scale is the squared norm's own, as an exact zero has none.
        actual = float(np.sum(curvature.numpy() * direction))
        scale = max(abs(expected), float(norm))
        assert abs(actual - expected) < TOLERANCE * scale, (
            f"second derivative by input {k}: {actual}, expected {expected}"
        )
