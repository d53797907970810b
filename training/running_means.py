"""Means of what phases tell of their steps."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np

from training.phases import Phase


class RunningMeans:
    """Statistics of the steps since the last point of the curves, by name."""

    def __init__(self) -> None:
        self._values: dict[str, list[Any]] = defaultdict(list)
        self._phases: dict[str, Phase] = {}

    def add(self, phase: Phase, statistics: Mapping[str, Any]) -> None:
        """Adds what one call of a phase returned; does not wait for the device."""
        for name, value in statistics.items():
            self._values[name].append(value)
            self._phases[name] = phase

    def means(self) -> dict[str, float]:
        """The mean of each statistic; waits until the device has done the steps.

        NaN counts as no value where the phase says that it may be (`Phase.optional_statistics`); a
        statistic without any value is left out.
        """
        means = {}
        for name, values in self._values.items():
            if name in self._phases[name].optional_statistics:
                values = [value for value in values if not np.isnan(value)]
            if values:
                means[name] = float(np.mean(values))
        return means

    def describe(self, name: str) -> str:
        """A statistic and the phase that it is of."""
        return f"{name} of phase {self._phases[name].name}"

    def clear(self) -> None:
        """Forgets all values."""
        self._values.clear()
