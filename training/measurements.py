"""Measures a model every so often while it is trained."""

import dataclasses
import gc
import sys
import tempfile
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfgan.arithmetic import in_float32, without_tf32
from tfgan.devices import Replicas
from tfgan.evaluate.features import Networks, open_networks
from tfgan.evaluate.kinds import (
    CACHE,
    KINDS,
    NETWORKS,
    PictureOptions,
    Reals,
    Request,
    cautions,
    check_faces,
    check_metrics,
    find_networks,
    kind_of,
)
from training.config import TrainingConfig

SMALLEST = 8  # pixels along a side, of a network that grows, that can be measured


class Measurements:
    """What `--evaluate-every` measures.

    Args:
        name: Class of the models that will be measured.
        config: Options of the run.
        strategy: Where networks run.
        runs: Folder of all runs, where classifiers and features of real pictures are kept.

    Raises:
        UserError: If a metric is not of such a model, or its network cannot be had or used.
    """

    def __init__(
        self, name: str, config: TrainingConfig, strategy: tf.distribute.Strategy, runs: Path
    ):
        entry = KINDS[name]
        self.chosen = check_metrics(config.metrics, entry)
        given = {option: tuple(map(Path, getattr(config, option))) for option in NETWORKS}
        networks = find_networks(given, entry.metrics, self.chosen, config.data)
        check_faces(entry.metrics, self.chosen, config.data)
        for metric, words in cautions(entry.metrics, self.chosen, config.data).items():
            if words:
                print(f"Note      metrics/{metric}: {words}", file=sys.stderr)
        self.kind = kind_of(name)
        count = config.evaluate_count
        self.request = Request(
            PictureOptions.from_values({**vars(config), "conditional": True}),
            None,
            Replicas(strategy),
            {one: count or metric.number for one, metric in entry.metrics.items()},
            config.seed,
            runs / CACHE,
            networks,
        )
        open_networks(Networks(self.request), entry.metrics, self.chosen)
        self.reals: Reals | None = None
        self.resolution = 0

    def measure(self, model: Any) -> dict[str, float]:
        """The numbers that make curves, by name; none of a network that is too small yet.

        A model of half precision stays as it is, and a copy of it in float32 is measured.

        Raises:
            UserError: If it cannot be measured, and why.
        """
        if model.resolution < SMALLEST:
            return {}
        try:
            with without_tf32():
                with self.request.replicas.strategy.scope():
                    model = in_float32(model)
                return self._measure(model)
        finally:
            del model
            gc.collect()  # Models refer to themselves: copies would pile up on the device.

    def _measure(self, model: Any) -> dict[str, float]:
        if self.reals is None or model.resolution != self.resolution:
            self.resolution = model.resolution
            config = dataclasses.replace(self.request.config, resolution=self.resolution)
            self.reals = self.kind.open_reals(
                model, dataclasses.replace(self.request, config=config)
            )
        values = {}
        # What is made of a model that changes is of no use for the next time.
        with tempfile.TemporaryDirectory(prefix="tfgan-") as made:
            subject = self.kind.Subject(model, self.reals, Path(made))
            for name in self.chosen:
                measure = self.kind.MEASURES[name]
                values.update(measure.curves(measure.find(subject, name)))
        return values
