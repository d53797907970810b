"""Runs models: a seed -> latents and noise -> styles -> pictures; translation; floats and bytes.

This is the one place that does, so the same seed gives the same picture in every command. Where a
command takes one seed and makes many pictures, picture i has the seed `seed + i`; evaluation begins
at a million times its seed, so that what it measures with seeds 0 and 1 has no picture in common.

Inside the program pictures are float32 in [-1, 1]; what these functions return is uint8.
"""

import weakref
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tfgan.terminal import Progress

# TensorFlow is imported where it is used: --help and early mistakes need not wait for it.

# One batch size for all commands and counts, since another one may round differently.
BATCH_SIZE = 4
TRUNCATION_PSI = 0.7  # default of generate, sample grids, exports and so of the app
AS_PUBLISHED = "as published"  # the truncation cutoff of the model's class
NOISE = ("random", "fixed", "none")
NOISE_LAYERS = ("all", "coarse", "fine")
# Lowest and highest resolution of the convolutions whose styles are mixed together.
STYLE_LEVELS = {"Coarse": (4, 8), "Middle": (16, 32), "Fine": (64, 1024)}

_compiled: weakref.WeakKeyDictionary[Any, tuple[Any, ...]] = weakref.WeakKeyDictionary()


def to_uint8(images: Any) -> Any:
    """Rounds pictures from [-1, 1] to 0..255; what lies outside is clipped.

    Keeps the shape; arrays stay arrays, and tensors tensors, also within a `tf.function`.
    """
    if isinstance(images, np.ndarray):
        return np.clip(np.rint((images + 1.0) * 127.5), 0, 255).astype(np.uint8)
    import tensorflow as tf

    return tf.cast(tf.clip_by_value(tf.round((images + 1.0) * 127.5), 0.0, 255.0), tf.uint8)


def to_float(images: Any) -> Any:
    """The inverse of `to_uint8`: 0..255 to float32 in [-1, 1]."""
    if isinstance(images, np.ndarray):
        return images.astype(np.float32) / np.float32(127.5) - np.float32(1)
    import tensorflow as tf

    return tf.cast(images, tf.float32) / 127.5 - 1.0


def draw_latents(seeds: Iterable[int], latent_dim: int) -> np.ndarray:
    """One standard normal latent per seed, float32 [N, Z]; each depends on its seed alone."""
    draws = [np.random.default_rng(seed).standard_normal(latent_dim, np.float32) for seed in seeds]
    return np.stack(draws)


def noise_maps(sizes: Sequence[int], seeds: Iterable[tuple[int, int]]) -> list[np.ndarray]:
    """Standard normal noise of a batch, [B, H, W, 1] per convolution.

    Args:
        sizes: H = W of each map.
        seeds: Of each picture its seed and the number of the draw: the first is 0.
    """
    # The 1 keeps the stream apart from latents of the same seed: NumPy ignores trailing zeros.
    streams = [np.random.default_rng([seed, draw, 1]) for seed, draw in seeds]
    return [
        np.stack([stream.standard_normal((size, size, 1), np.float32) for stream in streams])
        for size in sizes
    ]


def grid_seeds(
    seed: int, rows: int, columns: int, classes: int = 0
) -> tuple[list[int], np.ndarray | None]:
    """Seeds and classes of a grid of pictures, row by row.

    With classes each row shows one class, in turn, and each column keeps its seed; where there are
    more rows than classes, the next ones have new seeds.

    Args:
        seed: Of the first picture.
        rows: Rows of the grid.
        columns: Columns of the grid.
        classes: Number of classes; 0 for none.

    Returns:
        Seeds [rows * columns], and class indices int [rows * columns] or None.
    """
    if not classes:
        return [seed + i for i in range(rows * columns)], None
    starts = [seed + row // classes * columns for row in range(rows)]
    seeds = [start + column for start in starts for column in range(columns)]
    return seeds, np.repeat(np.arange(rows) % classes, columns)


def style_levels(model: Any) -> dict[str, list[int]]:
    """Coarse, middle and fine styles: their places in [N, L, W], by name, as far as there are any.

    A style belongs to the resolution of the convolution that it scales first, so a model of 32
    pixels has no fine styles. `model` has `synthesis.noise_sizes`, `resolution` and `num_styles`.

    Reference:
        Karras et al. 2018, arXiv:1812.04948, figure 3.
    """
    return levels_of([*model.synthesis.noise_sizes, model.resolution][: model.num_styles])


def levels_of(sizes: Sequence[int]) -> dict[str, list[int]]:
    """`style_levels` of styles whose first convolutions have these resolutions."""
    levels = {
        name: [i for i, size in enumerate(sizes) if low <= size <= high]
        for name, (low, high) in STYLE_LEVELS.items()
    }
    return {name: layers for name, layers in levels.items() if layers}


def mix_styles(styles: np.ndarray, others: np.ndarray, layers: Sequence[int]) -> np.ndarray:
    """Styles with those of `others` at some layers: [L, W] or [N, L, W], [N, L, W] -> [N, L, W]."""
    mixed = np.array(np.broadcast_to(styles, others.shape))
    mixed[:, layers] = others[:, layers]
    return mixed


def noise_resolutions(model: Any) -> dict[str, list[int]]:
    """Resolutions that noise is added at: all of them, and their coarse and fine halves.

    Coarse is the lower half of the resolutions, rounded down: of 1024 pixels 4 to 32. The paper's
    figure of noise has these two halves, that of styles the three `STYLE_LEVELS`.

    Args:
        model: A generator with `synthesis.noise_sizes`.

    Returns:
        For each of `NOISE_LAYERS`, rising resolutions.

    Reference:
        Karras et al. 2018, arXiv:1812.04948, figure 5.
    """
    sizes = sorted(set(model.synthesis.noise_sizes))
    half = len(sizes) // 2
    return dict(zip(NOISE_LAYERS, (sizes, sizes[:half], sizes[half:]), strict=True))


def _functions(model: Any) -> tuple[Any, Any]:
    """Compiled mapping (with truncation) and synthesis of a model, made once per model."""
    import tensorflow as tf

    if model not in _compiled:
        # The entry goes when the model goes, so the functions must not keep it alive.
        reference = weakref.ref(model)

        @tf.function(autograph=False, reduce_retracing=True)
        def styles_of(latents, labels, psi, cutoff):
            model: Any = reference()
            return model.truncate(model.mapping(latents, labels), psi, cutoff)

        @tf.function(autograph=False)
        def images_of(styles, noise):
            model: Any = reference()
            return model.synthesis(styles, model.make_noise(noise, styles.shape[0]))

        _compiled[model] = styles_of, images_of
    styles_of, images_of = _compiled[model]
    return styles_of, images_of


def truncated_styles(
    model: Any,
    latents: Any,
    labels: Any = None,
    *,
    truncation_psi: float = 1.0,
    truncation_cutoff: int | str | None = AS_PUBLISHED,
) -> np.ndarray:
    """Maps latents to one style per layer, truncated.

    Args:
        model: A generator with `mapping` and `truncate`.
        latents: [N, Z].
        labels: Class indices, int [N], or weights of classes, float [N, classes].
        truncation_psi: Scale of the styles' distance to their average; 1 changes nothing.
        truncation_cutoff: Number of style layers that are truncated; None: all.

    Returns:
        [N, L, W], float32.
    """
    import tensorflow as tf

    styles_of, _ = _functions(model)
    labels = None if labels is None else tf.convert_to_tensor(labels)
    latents = tf.convert_to_tensor(latents, tf.float32)
    psi = tf.constant(truncation_psi, tf.float32)
    return styles_of(latents, labels, psi, truncation_cutoff).numpy()


def _noise(model: Any, noise: str, layers: str, seeds: Sequence[tuple[int, int]]) -> Any:
    """What `make_noise` takes: a mode, or one map per convolution, which is 0 where left out."""
    if layers not in NOISE_LAYERS:
        raise ValueError(f"noise_layers must be one of {NOISE_LAYERS}. Received: {layers!r}.")
    if noise != "random" and (noise != "fixed" or layers == "all"):
        return noise
    sizes = model.synthesis.noise_sizes
    maps = noise_maps(sizes, seeds) if noise == "random" else model.synthesis.fixed_noise()
    kept = noise_resolutions(model)[layers]
    return [m if size in kept else m * 0.0 for m, size in zip(maps, sizes, strict=True)]


def _synthesize_batch(
    model: Any,
    styles: np.ndarray,
    seeds: Sequence[tuple[int, int]],
    batch_size: int,
    noise: str,
    noise_layers: str = "all",
) -> np.ndarray:
    """Pictures float32 [N, R, R, 3] of at most one batch; the batch is filled up."""
    _, images_of = _functions(model)
    rows = np.minimum(np.arange(batch_size), len(styles) - 1)
    maps = _noise(model, noise, noise_layers, [seeds[row] for row in rows])
    return images_of(styles[rows], maps).numpy()[: len(styles)]


def synthesize(
    model: Any,
    styles: Any,
    *,
    noise: str = "fixed",
    noise_layers: str = "all",
    seeds: Sequence[int] | None = None,
    draws: Sequence[int] | None = None,
    batch_size: int = BATCH_SIZE,
    progress: str | None = None,
) -> np.ndarray:
    """Turns styles into pictures, in batches of one size: the last one is filled up.

    Args:
        model: A generator with `synthesis` and `make_noise`.
        styles: [N, L, W].
        noise: One of `NOISE`.
        noise_layers: Where that noise is added: at "all" layers, or only at the "coarse" or the
            "fine" ones of `noise_resolutions`. There the maps are those of "all"; elsewhere 0.
        seeds: Of the random noise, one per picture; noise of other kinds needs none.
        draws: Which of the realisations of its seed each picture has; None: the first, 0.
        batch_size: Pictures at a time. Random noise does not depend on it.
        progress: Words before a progress bar, which shows after two seconds; None: no bar.

    Returns:
        uint8 [N, R, R, 3].

    Raises:
        ValueError: If `noise` or `noise_layers` is unknown, or random noise has no seeds.
    """
    styles = np.asarray(styles, np.float32)
    count = len(styles)
    if noise == "random" and seeds is None:
        raise ValueError("Random noise needs one of seeds for each picture. Received: None.")
    first = [0] * count
    pairs = list(
        zip(first if seeds is None else seeds, first if draws is None else draws, strict=True)
    )
    images = np.empty((count, model.resolution, model.resolution, 3), np.uint8)
    with Progress(total=count, desc=progress, unit="img", disable=progress is None) as bar:
        for start in range(0, count, batch_size):
            part = slice(start, min(start + batch_size, count))
            images[part] = to_uint8(
                _synthesize_batch(model, styles[part], pairs[part], batch_size, noise, noise_layers)
            )
            bar.update(part.stop - start)
    return images


def noise_deviation(
    model: Any,
    styles: Any,
    *,
    seeds: Sequence[int],
    count: int = 100,
    batch_size: int = BATCH_SIZE,
    progress: str | None = None,
) -> np.ndarray:
    """Where noise changes pictures: their deviation over `count` random realisations.

    Standard deviation of the grey values (means over the channels) of each pixel. It is summed up
    picture by picture, so memory does not depend on `count`.

    Args:
        model: A generator with `synthesis` and `make_noise`.
        styles: [N, L, W].
        seeds: Of the random noise, one per style.
        count: Realisations of each style, from the first on: `draws` of `synthesize`.
        batch_size: Pictures at a time.
        progress: Words before a progress bar, which shows after two seconds; None: no bar.

    Returns:
        float32 [N, R, R], in steps of uint8 pictures.

    Reference:
        Karras et al. 2018, arXiv:1812.04948, figure 4c; Welford 1962 for the summing up.
    """
    styles = np.asarray(styles, np.float32)
    shape = (len(styles), model.resolution, model.resolution)
    mean, squares = np.zeros(shape), np.zeros(shape)
    total = len(styles) * count
    with Progress(total=total, desc=progress, unit="img", disable=progress is None) as bar:
        for row, seed in enumerate(seeds):
            for start in range(0, count, batch_size):
                draws = range(start, min(start + batch_size, count))
                repeated = np.repeat(styles[row][None], len(draws), axis=0)
                pairs = [(seed, draw) for draw in draws]
                images = _synthesize_batch(model, repeated, pairs, batch_size, "random")
                # As seen: clipped like a picture, but not rounded, for deviations are small.
                greys = np.mean(np.clip((images + 1.0) * 127.5, 0.0, 255.0), axis=-1)
                for draw, grey in zip(draws, greys, strict=True):
                    change = grey - mean[row]
                    mean[row] += change / (draw + 1)
                    squares[row] += change * (grey - mean[row])
                bar.update(len(draws))
    return np.sqrt(squares / count).astype(np.float32)


def generate(
    model: Any,
    seeds: Sequence[int],
    labels: Any = None,
    *,
    truncation_psi: float = 1.0,
    truncation_cutoff: int | str | None = AS_PUBLISHED,
    noise: str = "fixed",
    noise_layers: str = "all",
    batch_size: int = BATCH_SIZE,
    progress: str | None = None,
) -> np.ndarray:
    """Turns seeds into pictures.

    Args:
        model: A generator with `latent_dim`, `mapping`, `truncate` and `synthesis`.
        seeds: Of latents and random noise, one per picture.
        labels: Class indices, int [N] (conditional generators only).
        truncation_psi: See `truncated_styles`, also for the cutoff.
        noise: See `synthesize`, also for what follows.

    Returns:
        uint8 [N, R, R, 3].
    """
    styles = truncated_styles(
        model,
        draw_latents(seeds, model.latent_dim),
        labels,
        truncation_psi=truncation_psi,
        truncation_cutoff=truncation_cutoff,
    )
    return synthesize(
        model,
        styles,
        noise=noise,
        noise_layers=noise_layers,
        seeds=seeds,
        batch_size=batch_size,
        progress=progress,
    )


def latent_styles(model: Any, latents: np.ndarray, domain: int) -> np.ndarray:
    """Style codes of a domain from latents: [N, Z] -> [N, S]."""
    domains = np.full(len(latents), domain, np.int32)
    return np.asarray(model.style_from_latent(latents, domains))


def reference_styles(
    model: Any, images: np.ndarray, domain: int, batch_size: int = BATCH_SIZE
) -> np.ndarray:
    """Style codes of pictures of a domain, in batches: uint8 [N, R, R, 3] -> [N, S]."""
    parts = []
    for start in range(0, len(images), batch_size):
        batch = images[start : start + batch_size]
        domains = np.full(len(batch), domain, np.int32)
        parts.append(np.asarray(model.style_from_reference(to_float(batch), domains)))
    return np.concatenate(parts)


def translate_to_each(
    model: Any,
    images: np.ndarray,
    targets: Any,
    *,
    batch_size: int = BATCH_SIZE,
    progress: str | None = None,
) -> np.ndarray:
    """Translates every picture to every target: [N, R, R, 3], [T, C] -> [T, N, R, R, 3].

    Images and targets are those of `translate`, and so is what it returns.
    """
    targets = np.asarray(targets)
    translations = translate(
        model,
        np.concatenate([images] * len(targets)),
        np.repeat(targets, len(images), axis=0),
        batch_size=batch_size,
        progress=progress,
    )
    return translations.reshape(len(targets), *images.shape)


def translate(
    model: Any,
    images: np.ndarray,
    targets: Any,
    *,
    batch_size: int = BATCH_SIZE,
    progress: str | None = None,
) -> np.ndarray:
    """Translates pictures, in batches of one size: the last one is filled up.

    Args:
        model: A model with `translate`.
        images: uint8 [N, R, R, 3].
        targets: What each is translated to: style codes [N, S] (StarGAN v2), or label vectors
            [N, C] (StarGAN).
        batch_size: Pictures at a time.
        progress: Words before a progress bar, which shows after two seconds; None: no bar.

    Returns:
        uint8 [N, R, R, 3].
    """
    import tensorflow as tf

    if model not in _compiled:
        reference = weakref.ref(model)

        @tf.function(autograph=False)
        def translated(images, targets):
            model: Any = reference()
            return model.translate(images, targets)

        _compiled[model] = (translated,)
    (translated,) = _compiled[model]
    targets = np.asarray(targets, np.float32)
    result = np.empty_like(images)
    count = len(images)
    with Progress(total=count, desc=progress, unit="img", disable=progress is None) as bar:
        for start in range(0, count, batch_size):
            rows = np.minimum(np.arange(start, start + batch_size), count - 1)
            kept = min(batch_size, count - start)
            outputs = translated(to_float(images[rows]), targets[rows]).numpy()
            result[start : start + kept] = to_uint8(outputs[:kept])
            bar.update(kept)
    return result
