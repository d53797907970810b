"""The avatar network: features of a small classifier of the built-in avatars.

It is this package's own, and needs no file from anywhere: a number of quality that can always be
had. It has seen drawn faces alone, so of other pictures it says less. Its distances stand under its
own name, for they cannot be compared with those of Inception features.
"""

from typing import Any

import tensorflow as tf

from tfgan.data.avatars import ATTRIBUTES
from tfgan.data.labelled import open_labelled
from tfgan.data.pipeline import PipelineOptions
from tfgan.data.sources import DataOptions, Source
from tfgan.evaluate import classifier
from tfgan.evaluate.feature_networks import FeatureNetwork
from tfgan.evaluate.kinds import Request
from tfgan.loading import load_model

PICTURES = 6000  # that are drawn for it, the built-in set as it comes
LARGEST = 64  # pixels along a side of what it sees; larger pictures are reduced by means


def open_attributes(resolution: int, data_dir: str | None, count: int, split: str) -> Source:
    """A split of so many built-in avatars, with all their attributes."""
    (source,), _ = open_labelled(
        DataOptions(
            ("avatars:attributes",),
            resolution=resolution,
            attributes=ATTRIBUTES,
            exclusive=((),),
            split=split,
            data_dir=data_dir,
            avatars_count=count,
        )
    )
    return source


def reduce_to(images, resolution: int):
    """Pictures uint8 [B, R, R, 3], as float32 [B, r, r, 3] in [-1, 1], by means of R/r x R/r."""
    x = tf.cast(images, tf.float32) / 127.5 - 1.0
    factor = images.shape[1] // resolution
    return tf.nn.avg_pool2d(x, factor, factor, "VALID") if factor > 1 else x


def open_avatar_network(request: Request) -> FeatureNetwork:
    """Opens the network for the resolution of a model, or trains it and keeps it.

    Raises:
        OutputError: If the cache cannot be written to.
    """
    config = request.config
    resolution = min(config.resolution, LARGEST)
    source = open_attributes(resolution, config.data_dir, PICTURES, "train")
    _, path = classifier.kept_classifier(
        source,
        PipelineOptions(resolution, classifier.RECIPE.batch_size),
        request.cache,
        classifier.RECIPE,
        exclusive=False,
    )
    with request.replicas.strategy.scope():
        model = load_model(path)

    def features(images: Any) -> Any:
        return model.features(reduce_to(images, resolution))

    width = model.logits.kernel.shape[0]
    name = (
        f"avatar network: {width} features of a classifier of {len(source.class_names)} attributes "
        f"of drawn faces at {resolution} pixels ({path.stem})"
    )
    return FeatureNetwork(name, path.stem, width, features, model)
