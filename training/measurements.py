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
from tfgan.evaluate.metric import CACHE, NETWORKS, PictureOptions, Request
from tfgan.evaluate.networks import Networks
from tfgan.evaluate.systems import (
    SYSTEMS,
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
        system = SYSTEMS[name]
        self.chosen = system.check_metrics(config.metrics)
        given = {option: tuple(map(Path, getattr(config, option))) for option in NETWORKS}
        networks = system.find_networks(given, self.chosen, config.data)
        system.check_faces(self.chosen, config.data)
        for metric, words in system.cautions(self.chosen, config.data).items():
            if words:
                print(f"Note      metrics/{metric}: {words}", file=sys.stderr)
        self.metrics, self.module = system.metrics, system.open()
        count = config.evaluate_count
        self.request = Request(
            PictureOptions.from_values({**vars(config), "conditional": True}),
            None,
            Replicas(strategy),
            {name: count or metric.count for name, metric in system.metrics.items()},
            config.seed,
            runs / CACHE,
            networks,
        )
        Networks(self.request).open_all(system.metrics, self.chosen)
        self.reals: Any = None
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
            data = dataclasses.replace(self.request.data, resolution=self.resolution)
            request = dataclasses.replace(self.request, data=data)
            self.reals = self.module.open_reals(model, request)
        values = {}
        # Features of a model that changes are of no use for the next time.
        with tempfile.TemporaryDirectory(prefix="tfgan-") as folder:
            subject = self.module.Subject(model, self.reals, Path(folder))
            for metric in map(self.metrics.__getitem__, self.chosen):
                values.update(metric.curves(metric.measure(subject)))
        return values
