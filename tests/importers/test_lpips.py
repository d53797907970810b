"""The importer of LPIPS. Its numbers are checked in tests/parity."""

import numpy as np
import pytest

from tests.parity.published import Case
from tfgan.importers import CheckpointError
from tfgan.importers.lpips import NAMES, convert, find


@pytest.fixture(scope="module", params=["alex", "vgg"])
def weights(request):
    """Name of the network, and drawn weights by the names of the whole module."""
    return request.param, Case(f"lpips_{request.param}").weights("network")


def apart(weights):
    """Weights of the whole module by the names of torchvision, and the linear ones."""
    trunk = {
        "features." + name.split(".", 2)[2]: value
        for name, value in weights.items()
        if name.startswith("net.")
    }
    return trunk, {name: value for name, value in weights.items() if name.startswith("lin")}


@pytest.mark.parametrize(
    ("published", "ours"),
    [
        ("features.0.weight", "conv0/kernel"),
        ("net.slice5.28.bias", "conv28/bias"),
        ("lin3.model.1.weight", "linear3/kernel"),
        ("lin3.model.0.weight", "linear3/kernel"),
        ("lpips_weights.4.main.1.weight", "linear4/kernel"),
    ],
)
def test_published_names_have_their_variables(published, ours):
    assert NAMES.path(published) == ours


def test_all_ways_of_publishing_give_the_same_model(weights):
    network, whole = weights
    trunk, linear = apart(whole)
    renamed = {
        name.replace("lin", "lpips_weights.").replace("model", "main"): value
        for name, value in linear.items()
    }
    model, notes = convert(whole)
    assert notes == []
    assert model.network == network
    assert (
        model.stages[1][0].kernel[1, 2, 3, 40]
        == trunk[{"alex": "features.3.weight", "vgg": "features.5.weight"}[network]][40, 3, 1, 2]
    )
    np.testing.assert_array_equal(
        model.linear[2].kernel[0, 0, :, 0], linear["lin2.model.1.weight"][0, :, 0, 0]
    )
    for other in ({**trunk, **linear}, {**trunk, **renamed}):
        assert find(other) is other
        again, _ = convert(other)
        for first, second in zip(model.variables, again.variables, strict=True):
            np.testing.assert_array_equal(first, second, first.path)


def test_what_distances_do_without_is_left_out_and_told(weights):
    _, whole = weights
    more = {
        "classifier.6.weight": np.ones((1000, 4096), np.float32),
        "classifier.6.bias": np.ones(1000, np.float32),
        "lins.0.model.1.weight": whole["lin0.model.1.weight"],
        "scaling_layer.shift": np.ones((1, 3, 1, 1), np.float32),
    }
    _, notes = convert({**whole, **more})
    assert [note.split()[0] for note in notes] == ["2", "1", "1"]


def test_half_of_the_files_says_which_is_the_other(weights):
    network, whole = weights
    trunk, linear = apart(whole)
    assert find(trunk) is trunk
    assert find(linear) is linear
    with pytest.raises(CheckpointError, match=rf"without the linear .* Give {network}\.pth of"):
        convert(trunk)
    with pytest.raises(CheckpointError, match=r"only the linear weights .*vgg16-397923af"):
        convert(linear)


def test_parts_of_different_networks_do_not_fit():
    trunk, _ = apart(Case("lpips_alex").weights("network"))
    _, linear = apart(Case("lpips_vgg").weights("network"))
    with pytest.raises(CheckpointError, match=r"lin1\.model\.1\.weight: \[1, 128, 1, 1\] does not"):
        convert({**trunk, **linear})


def test_other_networks_of_torchvision_are_not_taken_for_it():
    squeezenet = {"features.0.weight": np.ones((64, 3, 7, 7), np.float32)}
    for other in ({}, [], 7, squeezenet, {"features.0.weight": 7}):
        assert find(other) is None
