"""The networks of FID and LPIPS against their published implementations."""

import numpy as np
import pytest

from tests.parity.published import DATA, Case, assert_close
from tfgan.importers import inception, lpips, vgg

OUTPUT = 1e-4  # of the parity data's README (float32 on a CPU)


def test_inception_gives_published_features_and_logits():
    case = Case("inception_fid")
    weights, x = case.weights("network"), case.arrays["x"]
    network, _ = inception.convert(weights)
    assert network.form == "2015-12-05"
    for features in network.maps(x):
        name = f"features_{features.shape[-1]}"
        mean = np.mean(features, axis=(1, 2))
        assert_close(mean, case.arrays[name], OUTPUT, name)
    features = network(x)
    # Relative, value by value: 1e-3, as the README of the parity data has it, beside 1e-4 of 1 for
    # those that are nearly 0.
    np.testing.assert_allclose(features, case.arrays["features_2048"], rtol=1e-3, atol=1e-4)
    logits = network.logits(features)
    assert_close(logits, case.arrays["features_logits_unbiased"], OUTPUT, "unbiased")
    assert_close(logits + weights["fc.bias"], case.arrays["features_logits"], OUTPUT, "logits")


def test_inception_of_torchvision_gives_the_features_of_stargan_v2():
    # Those of metrics/fid.py, with the preprocessing of its loader, of the same pictures and
    # weights; torchvision's classes are the first thousand.
    case = Case("inception_fid")
    weights = case.weights("network")
    weights |= {name: weights[name][:1000] for name in ("fc.weight", "fc.bias")}
    network, _ = inception.convert(weights)
    assert network.form == "torchvision"
    expected = np.load(DATA / "inception_torchvision.npz")["features_2048"]
    np.testing.assert_allclose(network(case.arrays["x"]), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("network", ["alex", "vgg"])
def test_lpips_gives_published_distances_of_pictures_and_layers(network):
    case = Case(f"lpips_{network}")
    weights = {
        name: np.abs(value) if name.startswith("lin") else value
        for name, value in case.weights("network").items()
    }
    model, _ = lpips.convert(weights)
    assert model.network == network
    x, y = case.arrays["x"], case.arrays["y"]
    np.testing.assert_allclose(model(x, y), case.arrays["distance"], rtol=OUTPUT)
    layers = model.layer_distances(model.features(x), model.features(y))
    np.testing.assert_allclose(layers, case.arrays["per_layer"], rtol=OUTPUT)


@pytest.mark.parametrize("side", [40, 224, 300])
def test_vgg16_gives_published_features(side):
    # Those of PyTorch's operators in float64, of pictures that grow, stay and shrink on the way to
    # 224; one is wider than high.
    case = Case("vgg16")
    network, _ = vgg.convert(case.weights("network"))
    assert_close(network(case.arrays[f"x_{side}"]), case.arrays[f"features_{side}"], OUTPUT)
