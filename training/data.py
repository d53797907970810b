"""Opens what the options of a run name: pictures, as batches by position, and files of networks."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from tfgan.data.feed import Feed
from tfgan.data.joint import JointPipeline
from tfgan.data.labelled import open_labelled
from tfgan.data.opening import open_source
from tfgan.data.pipeline import Pipeline
from tfgan.data.sources import make_fingerprint
from tfgan.loading import class_of
from training.config import ConfigError, TrainingConfig


class Data(NamedTuple):
    """Pictures as training takes them.

    Attributes:
        feed: Batches by position.
        labels: What a system is made for: names of classes, or label sets.
        name: What the pictures are called.
        pictures: Their number.
        about: What they are labelled with, in words.
        fingerprint: Changes when other pictures are put in place.
    """

    feed: Feed
    labels: Sequence[Any]
    name: str
    pictures: int
    about: str
    fingerprint: str


def check_networks(config: TrainingConfig) -> None:
    """Raises ConfigError unless the files that options name hold the networks that they must."""
    for name, network in config.networks.items():
        file = getattr(config, name)
        if file is not None and (held := class_of(file)) != network.class_name:
            raise ConfigError(
                field=name,
                expected=f"must be a .keras file of {network.class_name}",
                received=f"{file}, which holds a {held}",
                advice=network.advice,
            )


def open_data(config: TrainingConfig) -> Data:
    """Opens the pictures as training takes them.

    Raises:
        DataError: If there is nothing to read there, and why.
    """
    return _open_label_sets(config) if config.takes_several else _open_pictures(config)


def _open_pictures(config: TrainingConfig) -> Data:
    """One data set, with classes where the model is conditional."""
    source = open_source(config.data_options())
    names = tuple(source.class_names) if config.conditional else ()
    return Data(
        Pipeline(source, config.pipeline_options()),
        names,
        source.name,
        len(source),
        f"in {len(names)} classes: {', '.join(names[:8])}" if names else "",
        source.fingerprint(),
    )


def _open_label_sets(config: TrainingConfig) -> Data:
    """Batches of all data sets in turn, with their label sets."""
    sources, label_sets = open_labelled(config.data_options())
    about = "; ".join(
        f"{len(label_set.names)} {label_set.kind}: {', '.join(label_set.names[:8])}"
        for label_set in label_sets
    )
    return Data(
        JointPipeline(sources, label_sets, config.pipeline_options()),
        label_sets,
        " and ".join(source.name for source in sources),
        sum(len(source) for source in sources),
        f"with {about}",
        make_fingerprint(*[source.fingerprint() for source in sources]),
    )
