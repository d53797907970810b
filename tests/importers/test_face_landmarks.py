"""The importer of the face landmark network. Its numbers are checked in tests/parity."""

import numpy as np
import pytest

from tests.parity.published import Case
from tfgan.importers import CheckpointError
from tfgan.importers.face_landmarks import NAMES, convert, find


@pytest.fixture(scope="module")
def weights():
    """Published name -> drawn weight."""
    return Case("stargan_v2_landmarks").weights("fan")


@pytest.mark.parametrize(
    ("published", "ours"),
    [
        ("conv1.conv.weight", "conv1/conv/kernel"),
        ("conv1.conv.bias", "conv1/conv/bias"),
        ("bn1.running_var", "norm1/moving_variance"),
        ("conv4.downsample.0.weight", "block4/shortcut_norm/gamma"),
        ("conv4.downsample.2.weight", "block4/shortcut/kernel"),
        ("conv2.conv3.weight", "block2/conv3/kernel"),
        ("m0.coordconv.conv.bias", "coordinates/conv/bias"),
        ("m0.b1_4.bn1.bias", "hourglass/skip/norm1/beta"),
        ("m0.b3_1.bn2.running_mean", "hourglass/inner/inner/inner/after/norm2/moving_mean"),
        ("m0.b2_plus_1.conv1.weight", "hourglass/inner/inner/inner/inner/conv1/kernel"),
        ("top_m_0.bn3.weight", "top/norm3/gamma"),
        ("conv_last0.weight", "conv2/kernel"),
        ("bn_end0.weight", "norm2/gamma"),
        ("l0.bias", "to_heatmaps/bias"),
    ],
)
def test_published_names_have_their_variables(published, ours):
    assert NAMES.path(published) == ours


def test_no_two_names_meet(weights):
    assert len({NAMES.path(name) for name in weights}) == len(weights)


def test_each_variable_has_the_weight_of_its_name(weights):
    network, notes = convert(weights)
    assert notes == []
    values = {v.path.split("/", 1)[1]: v.numpy() for v in network.variables}
    assert len(values) == len(weights)
    for name, value in weights.items():
        np.testing.assert_array_equal(
            values[NAMES.path(name)], NAMES.layout(name, value), err_msg=name
        )
    kernel, value = values["conv1/conv/kernel"], weights["conv1.conv.weight"]
    assert kernel[2, 5, 3, 40] == value[40, 3, 2, 5]


def test_what_the_network_does_without_is_left_out_and_told(weights):
    more = {
        "bn1.num_batches_tracked": np.array(7),
        "m0.b1_4.bn1.num_batches_tracked": np.array(7),
        "m1.b1_4.bn1.weight": np.ones(256, np.float32),
        "top_m_3.conv1.weight": np.ones((128, 256, 3, 3), np.float32),
        "conv_last1.bias": np.ones(256, np.float32),
        "al0.weight": np.ones((256, 99, 1, 1), np.float32),
        "bl0.bias": np.ones(256, np.float32),
        "l2.bias": np.ones(99, np.float32),
    }
    _, notes = convert({**more, **weights})
    assert [note.split()[0] for note in notes] == ["2", "6"]
    assert "counters" in notes[0]
    assert "further hourglasses" in notes[1]


def test_half_precision_weights_are_taken(weights):
    network, _ = convert({name: value.astype(np.float16) for name, value in weights.items()})
    assert {v.dtype for v in network.variables} == {"float32"}


def test_missing_left_over_and_unfit_weights_stop_with_the_list(weights):
    wrong = dict(weights)
    del wrong["l0.bias"]
    for i in range(25):
        wrong[f"fc{i}.weight"] = np.ones((2, 2), np.float32)
    wrong["bn1.weight"] = np.ones(65, np.float32)
    wrong["bn1.bias"] = np.ones(64, np.int64)
    wrong["bn1.running_mean"] = 3
    wrong["bn1.running_var"] = np.full(64, np.nan, np.float32)
    with pytest.raises(CheckpointError) as caught:
        convert(wrong)
    lines = str(caught.value).splitlines()
    assert lines[1:3] == ["1 missing (as they are called here):", "  to_heatmaps/bias"]
    assert lines[3] == "25 not of this network:"
    assert lines[4] == "  fc0.weight"
    assert lines[24] == "  ... and 5 more"
    assert lines[25] == "4 of another kind or shape:"
    told = "\n".join(lines[26:])
    assert "bn1.weight: [65] does not fit norm1/gamma [64]" in told
    for name in ("bn1.bias", "bn1.running_mean", "bn1.running_var"):
        assert f"  {name}: " in told


def test_weights_are_found_in_a_checkpoint_or_alone(weights):
    assert find({"state_dict": weights, "epoch": 7}) is weights
    assert find(weights) is weights
    for other in ({}, [], 7, {"state_dict": 7}, {"main.0.weight": np.ones(3)}):
        assert find(other) is None
