"""Resampling against plain loops, to the second derivative."""

import numpy as np
import pytest
import tensorflow as tf

from tests.layers import plain
from tests.layers.derivatives import check_derivatives
from tfgan.layers import resample


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize(
    ("padding", "gain", "stride"),
    [((1, 1), 1.0, 1), ((2, 1), 4.0, 1), ((2, 2), 1.0, 1), ((1, 1), 1.0, 2), ((0, 3), 0.5, 2)],
)
def test_fir_agrees_with_loops_to_the_second_derivative(padding, gain, stride):
    check_derivatives(
        lambda x: resample.fir(x, padding, gain, stride),
        lambda x: plain.fir(x, padding, gain, stride),
        [normal(1, 4, 6, 2)],
    )


@pytest.fixture(params=["joined", "apart"])
def joining(request, monkeypatch):
    """Both ways to repeat and to average pixels beside a convolution, whatever the size."""
    monkeypatch.setattr(resample, "FUSED_FROM", {"joined": 1, "apart": 1024}[request.param])


@pytest.mark.parametrize("name", ["upsample", "downsample", "blur", "nearest_up", "mean_down"])
def test_resampling_agrees_with_loops_to_the_second_derivative(name):
    check_derivatives(getattr(resample, name), getattr(plain, name), [normal(2, 4, 6, 2)])


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("convolve_up", 3),
        ("convolve_down", 1),
        ("convolve_down", 3),
        ("convolve_nearest_up", 3),
        ("convolve_mean_down", 3),
    ],
)
@pytest.mark.usefixtures("joining")
def test_resampling_convolution_agrees_with_loops_to_the_second_derivative(name, size):
    x, kernel = normal(1, 2, 4, 2), normal(size, size, 2, 3, seed=1)
    check_derivatives(getattr(resample, name), getattr(plain, name), [x, kernel])


def test_adding_repeated_pixels_agrees_with_loops_to_the_second_derivative():
    def plain_sum(y, x):
        return y + plain.nearest_up(x)

    check_derivatives(
        resample.add_nearest_up, plain_sum, [normal(2, 8, 12, 2), normal(2, 4, 6, 2, seed=1)]
    )


@pytest.mark.parametrize(
    "name",
    [
        "upsample",
        "downsample",
        "convolve_up",
        "convolve_down",
        "blur",
        "nearest_up",
        "mean_down",
        "convolve_nearest_up",
        "convolve_mean_down",
    ],
)
@pytest.mark.parametrize("channels", [1, 3, 16])
@pytest.mark.usefixtures("joining")
def test_result_holds_in_float32_for_any_channel_count(name, channels):
    inputs = [normal(2, 6, 10, channels).astype(np.float32)]
    if name.startswith("convolve"):
        inputs.append(normal(3, 3, channels, 5, seed=1).astype(np.float32))
    expected = getattr(plain, name)(*inputs)
    # Sums of 16 and of 9 * channels products in float32.
    np.testing.assert_allclose(
        getattr(resample, name)(*map(tf.constant, inputs)), expected, rtol=1e-4, atol=2e-5
    )


def test_filter_sums_to_its_gain_and_is_one_three_three_one():
    kernel = resample.fir_kernel(4.0)
    np.testing.assert_array_equal(kernel, np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 16)
    assert resample.fir_kernel().sum() == 1.0


def test_constant_image_stays_constant_away_from_the_borders():
    x = tf.fill([1, 6, 8, 2], 0.75)
    # Dyadic numbers: the arithmetic is exact.
    np.testing.assert_array_equal(
        resample.upsample(x)[:, 1:-1, 1:-1], np.full((1, 10, 14, 2), 0.75)
    )
    np.testing.assert_array_equal(
        resample.downsample(x)[:, 1:-1, 1:-1], np.full((1, 1, 2, 2), 0.75)
    )


def test_upsampling_is_four_times_the_adjoint_of_downsampling():
    x, y = tf.constant(normal(2, 3, 5, 2)), tf.constant(normal(2, 6, 10, 2, seed=1))
    left = tf.reduce_sum(resample.upsample(x) * y)
    right = 4.0 * tf.reduce_sum(x * resample.downsample(y))
    np.testing.assert_allclose(left, right, rtol=1e-12)  # float64


def test_convolving_up_is_four_times_the_adjoint_of_convolving_down():
    x, y = tf.constant(normal(1, 3, 5, 2)), tf.constant(normal(1, 6, 10, 4, seed=1))
    kernel = tf.constant(normal(3, 3, 2, 4, seed=2))
    left = tf.reduce_sum(resample.convolve_up(x, kernel) * y)
    right = 4.0 * tf.reduce_sum(x * resample.convolve_down(y, tf.transpose(kernel, [0, 1, 3, 2])))
    np.testing.assert_allclose(left, right, rtol=1e-12)  # float64


def test_kernel_with_only_a_centre_leaves_plain_resampling():
    x = tf.constant(normal(1, 4, 6, 3))
    kernel = np.zeros((3, 3, 3, 3))
    kernel[1, 1] = np.eye(3)
    up, down = resample.convolve_up(x, kernel), resample.convolve_down(x, kernel)
    np.testing.assert_allclose(up, resample.upsample(x), atol=1e-12)  # float64
    np.testing.assert_allclose(down, resample.downsample(x), atol=1e-12)


def test_channels_do_not_mix():
    x = np.zeros((1, 4, 6, 3), np.float32)
    x[..., 1] = normal(1, 4, 6)
    for operator in (
        resample.upsample,
        resample.downsample,
        resample.blur,
        resample.nearest_up,
        resample.mean_down,
    ):
        y = operator(tf.constant(x)).numpy()
        assert np.any(y[..., 1])
        assert not np.any(y[..., [0, 2]])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_dtype_of_the_input_is_kept(dtype):
    x, kernel = tf.cast(normal(1, 4, 6, 2), dtype), tf.cast(normal(3, 3, 2, 5), dtype)
    assert resample.fir(x, (1, 1)).dtype == dtype
    assert resample.upsample(x).dtype == dtype
    assert resample.downsample(x).dtype == dtype
    assert resample.convolve_up(x, kernel).dtype == dtype
    for name in ("blur", "nearest_up", "mean_down"):
        assert getattr(resample, name)(x).dtype == dtype
    pair = tf.cast(normal(3, 3, 2, 5), dtype)
    assert resample.convolve_nearest_up(x, pair).dtype == dtype
    assert resample.convolve_mean_down(x, pair).dtype == dtype
    assert resample.convolve_down(x, kernel).dtype == dtype


def test_batch_size_may_be_unknown_in_a_graph():
    x, kernel = normal(3, 4, 6, 2).astype(np.float32), normal(3, 3, 2, 5).astype(np.float32)

    @tf.function(input_signature=[tf.TensorSpec([None, 4, 6, 2])])
    def graph(x):
        return (
            resample.upsample(x),
            resample.downsample(x),
            resample.convolve_up(x, tf.constant(kernel)),
            resample.convolve_down(x, tf.constant(kernel)),
        )

    expected = (
        plain.upsample(x),
        plain.downsample(x),
        plain.convolve_up(x, kernel),
        plain.convolve_down(x, kernel),
    )
    for actual, value in zip(graph(x), expected, strict=True):
        np.testing.assert_allclose(actual, value, rtol=1e-4, atol=1e-5)  # float32 sums
