"""Losses against their formulas."""

import numpy as np
import pytest
import tensorflow as tf

from tfgan.label_sets import LabelSet, encode_labels
from training import losses

LOGITS = np.array([[-30.0], [-1.5], [0.0], [0.5], [30.0]], np.float32)


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-np.float64(x)))


def test_generator_loss_is_minus_log_sigmoid_of_the_score():
    y = losses.nonsaturating_generator_loss(LOGITS)
    assert y.shape == (5,)
    assert y.dtype == tf.float32
    np.testing.assert_allclose(y, -np.log(sigmoid(LOGITS))[:, 0], rtol=1e-5, atol=1e-7)  # float32


def test_discriminator_loss_is_the_cross_entropy_of_both_batches():
    fake = LOGITS[[3, 2, 0, 1, 1]]
    y = losses.logistic_discriminator_loss(LOGITS, fake)
    expected = -np.log(sigmoid(LOGITS)) - np.log(sigmoid(-fake))
    assert y.shape == (5,)
    assert y.dtype == tf.float32
    np.testing.assert_allclose(y, expected[:, 0], rtol=1e-5, atol=1e-7)  # float32


def test_losses_stay_finite_where_the_sigmoid_saturates():
    extreme = tf.constant([[-1e4], [1e4]])
    np.testing.assert_allclose(losses.nonsaturating_generator_loss(extreme), [1e4, 0.0])
    np.testing.assert_allclose(losses.logistic_discriminator_loss(extreme, -extreme), [2e4, 0.0])


def test_squared_gradient_norm_of_a_linear_critic_is_that_of_its_weights():
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(4, 6, 3)).astype(np.float32)
    images = tf.constant(rng.normal(size=(5, 4, 6, 3)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(images)
        score = tf.reduce_sum(images * weights)
    y = losses.squared_gradient_norm(tape.gradient(score, images))
    expected = np.sum(np.float64(weights) ** 2)
    np.testing.assert_allclose(y, np.full(5, expected), rtol=1e-5)  # float32 sum of 72


def test_squared_gradient_norm_is_taken_per_example():
    rng = np.random.default_rng(0)
    gradients = rng.normal(size=(3, 4, 6, 2)).astype(np.float32)
    expected = [sum(float(v) ** 2 for v in example.ravel()) for example in gradients]
    np.testing.assert_allclose(losses.squared_gradient_norm(gradients), expected, rtol=1e-5)


def test_path_length_is_the_root_of_the_mean_over_layers_of_sums_of_squares():
    gradients = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)
    expected = [
        np.sqrt(sum(sum(float(v) ** 2 for v in layer) for layer in example) / 4)
        for example in gradients
    ]
    y = losses.path_lengths(gradients)
    assert y.shape == (3,)
    np.testing.assert_allclose(y, expected, rtol=1e-5)  # float32


def test_path_length_of_a_linear_generator_is_that_of_its_transpose():
    rng = np.random.default_rng(0)
    matrices = rng.normal(size=(4, 5, 12)).astype(np.float32)  # [L, W, pixels]
    noise = rng.normal(size=(3, 12)).astype(np.float32)
    styles = tf.constant(rng.normal(size=(3, 4, 5)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(styles)
        images = tf.einsum("blw,lwp->bp", styles, matrices)
        total = tf.reduce_sum(images * noise)
    y = losses.path_lengths(tape.gradient(total, styles))
    expected = np.zeros(3)
    for b in range(3):
        products = [matrix @ noise[b] for matrix in np.float64(matrices)]
        expected[b] = np.sqrt(np.mean([np.sum(product**2) for product in products]))
    np.testing.assert_allclose(y, expected, rtol=1e-5)  # float32


def test_absolute_difference_is_averaged_per_example():
    rng = np.random.default_rng(0)
    for shape in [(3, 5), (3, 4, 6, 2)]:
        a, b = rng.normal(size=(2, *shape)).astype(np.float32)
        expected = [
            sum(abs(float(u) - float(v)) for u, v in zip(x.ravel(), y.ravel(), strict=True))
            / x.size
            for x, y in zip(a, b, strict=True)
        ]
        y = losses.mean_absolute(a, b)
        assert y.shape == (3,)
        np.testing.assert_allclose(y, expected, rtol=1e-5)  # float32


def test_mean_score_is_the_mean_over_patches():
    scores = np.arange(24, dtype=np.float32).reshape(2, 4, 3, 1)
    np.testing.assert_allclose(losses.mean_score(scores), [5.5, 17.5])


def test_gradient_penalty_is_the_squared_distance_of_the_norm_to_one():
    gradients = np.random.default_rng(0).normal(size=(3, 4, 6, 2)).astype(np.float32)
    norms = [np.sqrt(sum(float(v) ** 2 for v in example.ravel())) for example in gradients]
    y = losses.gradient_penalty(gradients)
    assert y.shape == (3,)
    np.testing.assert_allclose(y, [(norm - 1) ** 2 for norm in norms], rtol=1e-5)  # float32


def test_gradient_penalty_of_a_flat_critic_is_one_and_has_a_finite_gradient():
    flat = tf.zeros([2, 4, 4, 3])
    with tf.GradientTape() as tape:
        tape.watch(flat)
        y = losses.gradient_penalty(flat)
    np.testing.assert_allclose(y, [1.0, 1.0], rtol=1e-5)  # the root holds 1e-12
    assert np.all(np.isfinite(tape.gradient(y, flat)))


FACES = LabelSet("faces", "attributes", ("Black", "Blond", "Male"), (("Black", "Blond"),))
MOODS = LabelSet("moods", "classes", ("angry", "happy", "sad"))
HATS = LabelSet("hats", "attributes", ("Hat", "Cap"))
SETS = (FACES, MOODS, HATS)
LABELS = np.concatenate(
    [
        encode_labels(SETS, 0, [[1, 0, 1], [0, 0, 0]]),
        encode_labels(SETS, 1, [[0, 0, 1]]),
        encode_labels(SETS, 2, [[0, 1]]),
    ]
)


def label_logits():
    return 2 * np.random.default_rng(3).normal(size=(4, 8)).astype(np.float32)


def test_label_loss_is_the_cross_entropy_of_each_example_s_own_set():
    logits = label_logits()
    probability = sigmoid(logits)

    def binary(row, part):
        true, said = LABELS[row, part] > 0, probability[row, part]
        return -np.sum(np.log(np.where(true, said, 1 - said)))

    softmax = np.exp(np.float64(logits[2, 3:6])) / np.sum(np.exp(np.float64(logits[2, 3:6])))
    expected = [
        binary(0, slice(0, 3)),
        binary(1, slice(0, 3)),
        -np.log(softmax[2]),
        binary(3, slice(6, 8)),
    ]
    y = losses.known_label_loss(logits, tf.constant(LABELS), SETS)
    assert y.shape == (4,)
    assert y.dtype == tf.float32
    np.testing.assert_allclose(y, expected, rtol=1e-5)  # float32


def test_label_loss_of_one_set_needs_no_mask():
    logits = label_logits()
    all_ = losses.known_label_loss(logits, tf.constant(LABELS), SETS)
    y = losses.known_label_loss(logits[:2, :3], tf.constant(LABELS[:2, :3]), [FACES])
    np.testing.assert_allclose(y, all_[:2], rtol=1e-6)  # sums in another order
    y = losses.known_label_loss(logits[2:3, 3:6], tf.constant(LABELS[2:3, 3:6]), [MOODS])
    np.testing.assert_allclose(y, all_[2:3], rtol=1e-6)


def test_unknown_labels_give_no_gradient():
    logits = tf.constant(label_logits())
    with tf.GradientTape() as tape:
        tape.watch(logits)
        y = losses.known_label_loss(logits, tf.constant(LABELS), SETS)
    known = np.zeros((4, 8), bool)
    known[:2, :3] = known[2, 3:6] = known[3, 6:] = True
    np.testing.assert_array_equal(tape.gradient(y, logits).numpy() != 0, known)


def test_label_accuracies_are_of_known_labels_alone():
    logits = np.full((4, 8), 9.0, np.float32)  # all wrong where nothing else is said
    logits[0, :3] = [1, -1, -1]  # two of three
    logits[1, :3] = [-1, -1, -1]
    logits[2, 3:6] = [0, -1, 1]
    logits[3, 6:] = [1, -1]
    y = losses.label_accuracies(logits, tf.constant(LABELS), SETS)
    nan = np.nan
    expected = [[2 / 3, nan, nan], [1, nan, nan], [nan, 1, nan], [nan, nan, 0]]
    np.testing.assert_allclose(y, expected, rtol=1e-6)
    logits[2, 3] = 2
    assert losses.label_accuracies(logits, tf.constant(LABELS), SETS)[2, 1] == 0
    alone = losses.label_accuracies(logits[:1, :3], tf.constant(LABELS[:1, :3]), [FACES])
    assert float(alone[0, 0]) == pytest.approx(2 / 3)


def test_drift_penalty_is_the_square_of_each_score():
    scores = tf.constant([[2.0], [-3.0], [0.0]])
    np.testing.assert_array_equal(losses.drift_penalty(scores), [4.0, 9.0, 0.0])
