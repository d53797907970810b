"""Models that come with the package, and what their cards say."""

import re
from pathlib import Path

import pytest

from tfgan import loading
from tfgan.data.feed import PipelineOptions
from tfgan.data.pipeline import Pipeline
from tfgan.data.sources import DataOptions
from tfgan.evaluate import classifier
from tfgan.loading import ModelError, find_model, load_model, pretrained_names, results_folder
from training.features import open_labels

FEATURES = [name for name in pretrained_names() if name.startswith("avatar-features-")]


def test_there_are_models_and_each_has_a_card_and_is_small():
    assert FEATURES == ["avatar-features-32", "avatar-features-64"]
    files = [find_model(name) for name in pretrained_names()]
    assert all((file.parent / "card.md").is_file() for file in files)
    sizes = [file.stat().st_size for file in files]
    assert max(sizes) < 6e6
    assert sum(sizes) < 25e6


def test_a_folder_of_the_user_stands_before_a_model_of_the_package(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / FEATURES[0]).mkdir()
    (tmp_path / FEATURES[0] / "model.keras").touch()
    assert find_model(FEATURES[0]) == Path(FEATURES[0], "model.keras")
    with pytest.raises(ModelError, match=f"the package: {FEATURES[0]}, "):
        find_model("missing")


def test_results_stand_beside_models_of_the_user_and_not_beside_those_of_the_package(tmp_path):
    assert results_folder(tmp_path / "model.keras") == tmp_path
    assert results_folder(Path("model.keras")) == Path()
    assert results_folder(find_model(FEATURES[0])) == Path()
    assert loading.PRETRAINED in find_model(FEATURES[0]).parents


@pytest.mark.parametrize("name", FEATURES)
def test_features_know_as_many_labels_as_the_card_says(name):
    network = load_model(name)
    card = (find_model(name).parent / "card.md").read_text("utf-8")
    claimed = float(re.search(r"Right: (0\.\d+) of all labels", card)[1])
    # The first 30 people of the test split, which is of others than any training split.
    size = network.resolution
    test, _ = open_labels(
        DataOptions(("avatars",), avatars_count=300, resolution=size, split="test")
    )
    images, labels = Pipeline(test, PipelineOptions(size, 50, flips=False)).examples(30)
    assert test.class_names == network.class_names
    right = (classifier.classify(network, images) == labels).mean()
    # Three standard errors of 720 labels.
    assert abs(right - claimed) < 3 * (claimed * (1 - claimed) / labels.size) ** 0.5
