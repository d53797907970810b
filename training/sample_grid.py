"""The sample grid of generators that draw from latents."""

from typing import Any

import numpy as np

from tfgan import figures, inference


def sample_grid(model: Any, config: Any, classes: int) -> np.ndarray:
    """Pictures of the same seeds each time, those of `python -m tfgan.generate RUN grid`.

    Args:
        model: A generator, as `tfgan.inference.generate` takes it.
        config: With `seed`, `sample_rows`, `sample_columns` and `sample_psi`.
        classes: Number of classes, 0 for none.

    Returns:
        uint8 [H, W, 3].
    """
    rows, columns = config.sample_rows, config.sample_columns
    seeds, labels = inference.grid_seeds(config.seed, rows, columns, classes)
    images = inference.generate(model, seeds, labels, truncation_psi=config.sample_psi)
    return figures.sheet(images, columns)
