"""The importer of Inception-v3. Its numbers are checked in tests/parity."""

import numpy as np
import pytest

from tests.parity.published import Case
from tfgan.importers import CheckpointError
from tfgan.importers.inception import NAMES, convert, find, fold_norms


@pytest.fixture(scope="module")
def weights():
    """Published name -> drawn weight."""
    return Case("inception_fid").weights("network")


@pytest.mark.parametrize(
    ("published", "ours"),
    [
        ("Conv2d_1a_3x3.conv.weight", "conv2d_1a_3x3/kernel"),
        ("Mixed_5b.branch1x1.conv.bias", "mixed_5b_branch1x1/bias"),
        ("Mixed_6e.branch7x7dbl_5.conv.weight", "mixed_6e_branch7x7dbl_5/kernel"),
        ("Mixed_7c.branch3x3_2b.conv.bias", "mixed_7c_branch3x3_2b/bias"),
        ("fc.weight", "to_logits/kernel"),
    ],
)
def test_published_names_have_their_variables(published, ours):
    assert NAMES.path(published) == ours


def layer(outputs=4, inputs=3, seed=0):
    """A convolution and its batch norm, as PyTorch has them."""
    rng = np.random.default_rng(seed)
    values = {
        "a.conv.weight": rng.normal(size=(outputs, inputs, 3, 1)),
        "a.bn.weight": rng.normal(size=outputs),
        "a.bn.bias": rng.normal(size=outputs),
        "a.bn.running_mean": rng.normal(size=outputs),
        "a.bn.running_var": rng.uniform(0.1, 2, size=outputs),
    }
    return {name: value.astype(np.float32) for name, value in values.items()}


def test_folded_convolution_gives_what_the_norm_would():
    weights = layer()
    folded = fold_norms({**weights, "fc.bias": np.ones(2, np.float32)})
    assert set(folded) == {"a.conv.weight", "a.conv.bias", "fc.bias"}
    x = np.random.default_rng(1).normal(size=(3, 3))
    gamma, beta, mean, variance = list(weights.values())[1:]
    y = np.einsum("oik,ik->o", weights["a.conv.weight"][..., 0], x)
    expected = gamma * (y - mean) / np.sqrt(variance + 1e-3) + beta
    y = np.einsum("oik,ik->o", folded["a.conv.weight"][..., 0], x) + folded["a.conv.bias"]
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)  # weights rounded once more


@pytest.mark.parametrize(
    "change",
    [
        {"a.bn.bias": None},
        {"a.bn.bias": 7},
        {"a.bn.bias": np.ones(4, np.int64)},
        {"a.bn.running_var": np.ones(5, np.float32)},
        {"a.conv.weight": np.ones((4, 3), np.float32)},
        {"a.conv.weight": "text"},
    ],
)
def test_norms_that_do_not_fit_stay_as_they_are(change):
    weights = {**layer(), **change}
    weights = {name: value for name, value in weights.items() if value is not None}
    folded = fold_norms(weights)
    assert folded.keys() == weights.keys()
    assert all(folded[name] is weights[name] for name in weights)


def test_every_layer_has_the_weight_of_its_name_and_the_rest_is_told(weights):
    more = {
        "AuxLogits.conv0.conv.weight": np.ones((128, 768, 1, 1), np.float32),
        "AuxLogits.fc.bias": np.ones(1000, np.float32),
        "Mixed_5b.branch1x1.bn.num_batches_tracked": np.array(3),
    }
    network, notes = convert({**weights, **more})
    assert [note.split()[0] for note in sorted(notes)] == ["1", "1", "2"]
    assert "1 bias of the logits, which inception scores leave out" in notes
    conv = network.convs["mixed_6b_branch7x7_2"]
    parts = fold_norms({n: v for n, v in weights.items() if n.startswith("Mixed_6b.branch7x7_2.")})
    kernel = parts["Mixed_6b.branch7x7_2.conv.weight"]
    assert conv.kernel.shape == (1, 7, 128, 128)
    assert conv.kernel[0, 5, 3, 40] == kernel[40, 3, 0, 5]
    np.testing.assert_array_equal(conv.bias, parts["Mixed_6b.branch7x7_2.conv.bias"])
    assert network.to_logits.kernel[7, 9] == weights["fc.weight"][9, 7]


def test_missing_and_damaged_weights_stop_with_the_list(weights):
    wrong = dict(weights)
    del wrong["Mixed_5b.branch1x1.bn.weight"]
    wrong["Conv2d_2a_3x3.bn.running_var"] = np.full(32, -1, np.float32)
    with pytest.raises(CheckpointError) as caught:
        convert(wrong)
    told = str(caught.value)
    assert "1 missing (as they are called here):\n  mixed_5b_branch1x1/bias" in told
    assert "3 not of this network:\n  Mixed_5b.branch1x1.bn.bias" in told
    assert "Conv2d_2a_3x3.conv.weight: has values that are no numbers" in told


@pytest.mark.parametrize("value", [np.ones((10, 2048), np.float32), 7])
def test_other_numbers_of_classes_are_refused(value):
    with pytest.raises(CheckpointError, match="1008 or 1000 classes apart"):
        convert({"Conv2d_1a_3x3.conv.weight": None, "fc.weight": value})


def test_weights_are_found_by_their_names(weights):
    assert find(weights) is weights
    for other in ({}, [], 7, {"fc.weight": np.ones(3)}, {"features.0.weight": np.ones(3)}):
        assert find(other) is None
