"""Keys of what is kept."""

import numpy as np

from tests.training.runs import RandomPictures
from tfgan.digests import content_digest, file_digest, make_key, model_key
from tfgan.models import classifier, stargan
from tfgan.models.classifier import Classifier


def test_a_key_changes_with_each_part_and_with_where_parts_end():
    parts = [("a", 1), ("a", 2), ("a1",), ("a", "1"), (classifier,), (stargan,), ()]
    assert len({make_key(*one) for one in parts}) == len(parts)
    assert make_key("a", 1, classifier) == make_key("a", 1, classifier)
    assert len(make_key()) == 16


def test_the_content_of_a_source_counts_and_not_its_name():
    class Changed(RandomPictures):
        def read(self, index):
            picture = super().read(index)
            if index == 19:
                picture = picture._replace(content=picture.content ^ 1)
            return picture

    class Relabelled(RandomPictures):
        def read(self, index):
            picture = super().read(index)
            return picture._replace(label=1) if index == 0 else picture

    class Renamed(RandomPictures):
        name = "another"

    digests = [content_digest(kind(8)) for kind in (RandomPictures, Changed, Relabelled, Renamed)]
    assert len(set(digests)) == 3
    assert digests[3] == digests[0]


def test_a_model_is_known_by_its_weights_and_its_configuration(tmp_path):
    models = [Classifier(8, names, exclusive=False) for names in (("a", "b"), ("a", "c"))]
    for model in models:
        model.build()
    models[1].set_weights(models[0].get_weights())
    keys = [model_key(model) for model in models]
    assert keys[0] != keys[1]
    models[0].logits.bias.assign(np.array([1e-7, 0.0], np.float32))
    assert model_key(models[0]) != keys[0]
    (tmp_path / "a").write_bytes(b"abc")
    # The example of FIPS 180-2, appendix B.1.
    assert file_digest(tmp_path / "a").startswith("ba7816bf8f01cfea")
