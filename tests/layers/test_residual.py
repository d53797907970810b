"""Residual blocks of StarGAN v2: the shared check, and their equations."""

import numpy as np
import pytest

from tests.layers.layer_check import check_layer, randomize
from tests.layers.plain import convolve, leaky_relu
from tfgan.layers.residual import AdaINBlock, ResidualBlock


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def conv_variables(name, size, fan_in, filters, bias=True):
    kernel = {f"{name}/kernel": ((size, size, fan_in, filters), True)}
    return {**kernel, **({f"{name}/bias": ((filters,), True)} if bias else {})}


@pytest.mark.parametrize("filters", [3, 5])
@pytest.mark.parametrize("downsample", [False, True])
@pytest.mark.parametrize("normalize", [False, True])
def test_residual_block_passes_the_shared_check(filters, downsample, normalize, tmp_path):
    norms = [f"norm{i}/{name}" for i in (1, 2) for name in ("gamma", "beta")]
    check_layer(
        lambda dtype: ResidualBlock(filters, downsample, normalize, dtype=dtype),
        [normal(2, 4, 6, 3)],
        (2, 2, 3, filters) if downsample else (2, 4, 6, filters),
        {
            **conv_variables("conv1", 3, 3, 3),
            **conv_variables("conv2", 3, 3, filters),
            **(conv_variables("conv1x1", 1, 3, filters, bias=False) if filters != 3 else {}),
            **({name: ((3,), True) for name in norms} if normalize else {}),
        },
        tmp_path,
    )


@pytest.mark.parametrize("filters", [3, 5])
@pytest.mark.parametrize("upsample", [False, True])
@pytest.mark.parametrize("shortcut", [False, True])
def test_adain_block_passes_the_shared_check(filters, upsample, shortcut, tmp_path):
    has_conv1x1 = shortcut and filters != 3
    check_layer(
        lambda dtype: AdaINBlock(filters, upsample, shortcut, dtype=dtype),
        [normal(2, 4, 6, 3), normal(2, 5, seed=1)],
        (2, 8, 12, filters) if upsample else (2, 4, 6, filters),
        {
            **conv_variables("conv1", 3, 3, filters),
            **conv_variables("conv2", 3, filters, filters),
            **(conv_variables("conv1x1", 1, 3, filters, bias=False) if has_conv1x1 else {}),
            "norm1/fc/kernel": ((5, 6), True),
            "norm1/fc/bias": ((6,), True),
            "norm2/fc/kernel": ((5, 2 * filters), True),
            "norm2/fc/bias": ((2 * filters,), True),
        },
        tmp_path,
    )


def plain_halve(x):
    return (x[:, ::2, ::2] + x[:, 1::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, 1::2]) / 4


def plain_conv(x, layer):
    kernel = np.float64(layer.kernel.numpy())
    edge = kernel.shape[0] // 2
    return convolve(x, kernel, (edge, edge)) + (layer.bias.numpy() if layer.use_bias else 0)


def plain_norm(x, scale, shift):
    x = x - x.mean(axis=(1, 2), keepdims=True)
    return scale * x / np.sqrt(np.mean(x**2, axis=(1, 2), keepdims=True) + 1e-5) + shift


@pytest.mark.parametrize("normalize", [False, True])
def test_residual_block_agrees_with_its_equation(normalize):
    block, x = ResidualBlock(5, downsample=True, normalize=normalize), normal(2, 4, 6, 3)
    block(x)
    randomize(block)
    y = np.float64(x)
    if normalize:
        y = plain_norm(y, block.norm1.gamma.numpy(), block.norm1.beta.numpy())
    y = plain_halve(plain_conv(leaky_relu(y), block.conv1))
    if normalize:
        y = plain_norm(y, block.norm2.gamma.numpy(), block.norm2.beta.numpy())
    y = plain_conv(leaky_relu(y), block.conv2)
    # The published order, on purpose: the block convolves after halving.
    shortcut = plain_halve(plain_conv(x, block.conv1x1))
    np.testing.assert_allclose(block(x), (shortcut + y) / np.sqrt(2), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shortcut", [False, True])
def test_adain_block_agrees_with_its_equation(shortcut):
    block = AdaINBlock(5, upsample=True, shortcut=shortcut)
    x, style = normal(2, 4, 6, 3), normal(2, 4, seed=1)
    block(x, style)
    randomize(block)

    def double(x):
        return x.repeat(2, axis=1).repeat(2, axis=2)

    def adain(x, layer):
        numbers = np.float64(style) @ layer.fc.kernel.numpy() + layer.fc.bias.numpy()
        gamma, beta = np.split(numbers[:, None, None], 2, axis=-1)
        return plain_norm(x, 1 + gamma, beta)

    y = plain_conv(double(leaky_relu(adain(np.float64(x), block.norm1))), block.conv1)
    y = plain_conv(leaky_relu(adain(y, block.norm2)), block.conv2)
    if shortcut:
        # The published order, on purpose: the block convolves before doubling.
        y = (plain_conv(double(x), block.conv1x1) + y) / np.sqrt(2)
    np.testing.assert_allclose(block(x, style), y, rtol=1e-4, atol=2e-5)
