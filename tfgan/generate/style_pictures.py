"""Pictures of style generators by the options of a command line: class, truncation and noise."""

import argparse
from collections.abc import Sequence

import numpy as np

from tfgan import figures, inference
from tfgan.generate.options import UsageError, check_area, scale_of


class Pictures:
    """A generator with the options that its verbs share.

    Args:
        model: A StyleGAN or StyleGAN2 generator.
        options: Of the command line.

    Raises:
        UsageError: If the model has no such class, or fewer layers than are to be truncated.
    """

    def __init__(self, model, options: argparse.Namespace):
        self.model = model
        self.options = options
        self.names = list(model.class_names)
        self.chosen = None
        if options.class_name is not None:
            if not self.names:
                raise UsageError("this model has no classes. Leave --class out.")
            if options.class_name not in self.names:
                raise UsageError(
                    f"--class must be one of {', '.join(self.names)}. "
                    f"Received: {options.class_name!r}."
                )
            self.chosen = self.names.index(options.class_name)
        if options.cutoff is not None and options.cutoff > model.num_styles:
            raise UsageError(
                f"--cutoff must be at most {model.num_styles}, the layers of this model. "
                f"Received: {options.cutoff}."
            )
        self.cutoff = inference.AS_PUBLISHED if options.cutoff is None else options.cutoff

    def labels(self, indices: Sequence[int]) -> np.ndarray | None:
        """The chosen class, or else class i modulo their number; None without classes."""
        if not self.names:
            return None
        fixed = self.chosen
        return np.array([i % len(self.names) if fixed is None else fixed for i in indices])

    def styles(self, seeds: Sequence[int], labels=None, psi: float | None = None) -> np.ndarray:
        """Truncated styles [N, L, W]; without `labels`, classes go by seed."""
        return self.styles_of_latents(
            inference.draw_latents(seeds, self.model.latent_dim),
            self.labels(seeds) if labels is None else labels,
            psi,
        )

    def styles_of_latents(self, latents, labels, psi: float | None = None) -> np.ndarray:
        """Truncated styles [N, L, W]."""
        return inference.truncated_styles(
            self.model,
            latents,
            labels,
            truncation_psi=self.options.psi if psi is None else psi,
            truncation_cutoff=self.cutoff,
        )

    def images(self, styles, seeds: Sequence[int], progress: str | None = None) -> np.ndarray:
        """Pictures uint8 [N, R, R, 3]; random noise goes by seed."""
        return inference.synthesize(
            self.model,
            styles,
            noise=self.options.noise,
            noise_layers=self.options.noise_layers,
            seeds=seeds,
            progress=progress,
        )

    def titles(self, seeds: Sequence[int]) -> list[figures.Heading]:
        """Headings of rows of one seed each, with its class."""
        titles, labels = [f"seed {seed}" for seed in seeds], self.labels(seeds)
        if labels is not None:
            titles = [f"{t}, {self.names[k]}" for t, k in zip(titles, labels, strict=True)]
        return figures.headings(titles)

    def enlarged(self, images: np.ndarray, readable: bool = False) -> np.ndarray:
        """Pictures at --scale; by default as they are, or large enough to be seen."""
        return figures.enlarge(images, scale_of(self.options, self.model.resolution, readable))

    def check_area(self, rows: int, columns: int, readable: bool = False) -> None:
        """Raises UsageError if a grid has more pixels than a viewer would open."""
        side = self.model.resolution * scale_of(self.options, self.model.resolution, readable)
        check_area(rows, columns, side, "fewer --rows or --columns, or a smaller --scale")
