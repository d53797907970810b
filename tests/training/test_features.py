"""python -m training.features: the network that --features names."""

import pytest

from tfgan.loading import load_model
from training import features


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["avatars", "-o", "x.txt"], "--out must be a file that ends in .keras"),
        (["avatars", "--images", "0", "-o", "x.keras"], "--images must be 1 or more. Received: 0."),
        (["avatars", "--seed", "-1", "-o", "x.keras"], "--seed must be 0 or more. Received: -1."),
        (["missing", "-o", "x.keras"], "DATA must name a folder that exists"),
        (["avatars", "--resolution", "50", "-o", "x.keras"], "--resolution must be a power of two"),
    ],
)
def test_a_mistake_is_one_message_and_writes_nothing(tmp_path, monkeypatch, capsys, options, words):
    monkeypatch.chdir(tmp_path)
    assert features.main(options) == 2
    assert capsys.readouterr().err.startswith(f"error: {words}")
    assert list(tmp_path.iterdir()) == []


def test_a_network_of_all_attributes_is_written(tmp_path, capsys):
    file = tmp_path / "new" / "features.keras"
    options = ["avatars", "--resolution", "16", "--avatars-count", "64", "--images", "50"]
    assert features.main([*options, "-o", str(file)]) == 0
    network = load_model(file)
    assert (network.resolution, len(network.class_names)) == (16, 24)
    assert "of the labels of 6 held-back pictures" in capsys.readouterr().out
