"""The sample grid of generators that draw from latents."""

from typing import Any

import numpy as np

from tfgan import figures, inference


def sample_grid(model: Any, config: Any, classes: int) -> np.ndarray:
    """Pictures of the same latents each time; with classes, one class a row.

    Args:
        model: A generator, as `tfgan.inference` takes it, with `truncation_cutoff`.
        config: With `seed`, `latent_dim`, `sample_rows`, `sample_columns` and `sample_psi`.
        classes: Number of classes, 0 for none.

    Returns:
        uint8 [H, W, 3].
    """
    rows, columns = config.sample_rows, config.sample_columns
    latents = np.random.default_rng(config.seed).standard_normal(
        (rows * columns, config.latent_dim), dtype=np.float32
    )
    labels = np.repeat(np.arange(rows) % classes, columns) if classes else None
    styles = inference.truncated_styles(model, latents, labels, truncation_psi=config.sample_psi)
    return figures.sheet(inference.synthesize(model, styles), columns)
