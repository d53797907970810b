"""Trains the small classifier that judges translations, and keeps it for the next time.

It learns from real pictures and their labels alone, and sees half of them slightly turned, blurred,
noisy and off colour, as generated pictures are.
"""

import dataclasses
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfgan.data.pipeline import Pipeline, PipelineOptions
from tfgan.data.sources import Source
from tfgan.digests import content_digest, make_key
from tfgan.draws import Draws
from tfgan.files import replacing
from tfgan.inference import to_float
from tfgan.loading import check_writable, load_model
from tfgan.models import classifier as network
from tfgan.models.classifier import Classifier
from tfgan.optimizers import Adam
from tfgan.terminal import Progress

BATCH = 100  # pictures at a time where nothing is learned


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a classifier is trained.

    Args:
        images: Length of training, whatever the number of pictures is.
        batch_size: Pictures per step.
        learning_rate: Adam's at the start; it falls to 0 along a cosine.
        decay: L2 penalty, added to the gradients.
        smoothing: Share of the labels that is spread evenly over all classes, against logits that
            say nothing but yes and no.
        seed: Of weights, data order and all draws.
    """

    images: int = 60_000
    batch_size: int = 50
    learning_rate: float = 2e-3
    decay: float = 1e-4
    smoothing: float = 0.05
    seed: int = 0


RECIPE = Recipe()


def augment(images, draws: Draws):
    """Disturbs every other image, each in its own way: [B, R, R, 3] in [-1, 1] -> the same.

    Turned by up to 8 degrees, scaled by 0.9 to 1.1 and shifted by up to 6 % of the side (mirrored
    at the edges); blurred; contrast and saturation by 0.8 to 1.2, brightness by up to 0.1; noise of
    a standard deviation up to 0.1. Half of the images stay as they are, because small ones lose
    their finest features by it: of the avatars' eight expressions at 32 pixels, 95 % are told in
    this way, and 77 % if all images are disturbed.
    """
    clean = images
    size = images.shape[1]

    def between(low: float, high: float, shape=(1, 1, 1)):
        return low + (high - low) * draws.uniform(shape)

    angle, zoom = between(-0.14, 0.14, [1]), between(0.9, 1.1, [1])
    cos, sin = tf.cos(angle) * zoom, tf.sin(angle) * zoom
    middle, shift = (size - 1) / 2, between(-0.06 * size, 0.06 * size, [2])
    # Rows of the map from places in the result to places in the image: about its middle.
    x = middle - middle * (cos - sin) + shift[:, :1]
    y = middle - middle * (cos + sin) + shift[:, 1:]
    none = tf.zeros_like(angle)
    images = tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.concat([cos, -sin, x, sin, cos, y, none, none], axis=1),
        output_shape=[size, size],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="REFLECT",
    )
    blurred = tf.nn.avg_pool2d(images, 3, 1, "SAME")
    images += between(0.0, 1.0) * (blurred - images)
    grey = tf.reduce_mean(images, axis=-1, keepdims=True)
    images = grey + between(0.8, 1.2) * (images - grey)
    mean = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
    images = mean + between(0.8, 1.2) * (images - mean) + between(-0.1, 0.1)
    images += between(0.0, 0.1) * draws.normal([size, size, 3])
    return tf.where(draws.uniform((1, 1, 1)) < 0.5, images, clean)


def classification_loss(logits, labels, exclusive: bool, smoothing: float = 0.0):
    """Cross-entropy per example, with softmax or, summed over the labels, with sigmoids.

    Args:
        logits: [B, L].
        labels: Class indices, int [B], where classes are exclusive; else truth, [B, L].
        exclusive: Whether a picture belongs to one class alone.
        smoothing: Share of the labels that is spread evenly over all classes, or over yes and no.

    Returns:
        [B], float32.
    """
    if exclusive:
        wanted = tf.one_hot(labels, logits.shape[-1])
        wanted = (1.0 - smoothing) * wanted + smoothing / logits.shape[-1]
        return tf.nn.softmax_cross_entropy_with_logits(wanted, logits)
    wanted = (1.0 - smoothing) * tf.cast(labels, tf.float32) + smoothing / 2
    return tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(wanted, logits), axis=-1)


def fit(model: Classifier, batches: Iterable[Mapping[str, Any]], recipe: Recipe) -> None:
    """Trains a built classifier.

    Args:
        model: Changed in place.
        batches: At least `recipe.images // recipe.batch_size` of "image", uint8 [B, R, R, 3], and
            "label", as `classification_loss` takes them.
        recipe: Length and rates.
    """
    steps = max(1, recipe.images // recipe.batch_size)
    rate = keras.optimizers.schedules.CosineDecay(recipe.learning_rate, steps)
    optimizer = Adam(rate, coupled_decay=recipe.decay)
    optimizer.build(model.trainable_variables)

    @tf.function(autograph=False)
    def step(images, labels, seed):
        draws = Draws(seed, images.shape[0])
        images = augment(to_float(images), draws)
        with tf.GradientTape() as tape:
            logits = model(images, training=True)
            losses = classification_loss(logits, labels, model.exclusive, recipe.smoothing)
            loss = tf.reduce_mean(losses)
        variables = model.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)

    numbers = Progress(range(steps), "Training the classifier")
    for number, batch in zip(numbers, batches, strict=False):
        step(batch["image"], batch["label"], tf.constant([recipe.seed, number], tf.int64))


def train(
    source: Source, options: PipelineOptions, recipe: Recipe, exclusive: bool = True
) -> Classifier:
    """Makes a classifier of the pictures and labels of a source.

    Args:
        source: Pictures with classes or attributes.
        options: Resolution, how pictures are made square, and whether mirrored ones are alike.
        recipe: Length and rates.
        exclusive: Whether the labels are classes; else they are attributes.

    Raises:
        DataError: If too many pictures cannot be read.
    """
    keras.utils.set_random_seed(recipe.seed)
    model = Classifier(options.resolution, source.class_names, exclusive, name="classifier")
    model.build()
    options = dataclasses.replace(
        options, batch_size=recipe.batch_size, seed=recipe.seed, references=False
    )
    pipeline = Pipeline(source, options)
    with pipeline.plain_errors():
        fit(model, pipeline.dataset(0), recipe)
    return model


def classify(model: Classifier, images: np.ndarray) -> np.ndarray:
    """What a classifier says that pictures show.

    Args:
        model: A classifier.
        images: uint8 [N, R, R, 3].

    Returns:
        Class indices, int64 [N], or where classes are not exclusive truth of each, bool [N, L].
    """
    parts = [
        model.decide(model(to_float(images[start : start + BATCH])))
        for start in range(0, len(images), BATCH)
    ]
    return np.concatenate([np.asarray(part) for part in parts])


class Kept(NamedTuple):
    """A trained classifier and the file that keeps it."""

    model: Classifier
    path: Path


def classifier_key(source: Source, options: PipelineOptions, recipe: Recipe) -> str:
    """Sixteen hexadecimal digits that change with anything that a classifier depends on.

    The contents of the pictures, their labels, what is made of them, the recipe, and the code of
    the network and of this file.
    """
    settings = (options.resolution, options.resize, options.flips, dataclasses.astuple(recipe))
    return make_key(content_digest(source), settings, network, sys.modules[__name__])


def kept_classifier(
    source: Source,
    options: PipelineOptions,
    folder: Path,
    recipe: Recipe,
    exclusive: bool = True,
) -> Kept:
    """Opens the classifier of a source that was trained before, or trains it and keeps it.

    Args:
        source: Pictures with classes or attributes.
        options: See `train`.
        folder: Where classifiers are kept, by their key.
        recipe: Length and rates.
        exclusive: See `train`.

    Raises:
        DataError: If too many pictures cannot be read.
        OutputError: If the folder cannot be written to.
    """
    path = folder / f"{classifier_key(source, options, recipe)}.keras"
    if path.is_file():
        return Kept(load_model(path), path)
    check_writable(folder, "cache")
    model = train(source, options, recipe, exclusive)
    folder.mkdir(parents=True, exist_ok=True)
    # Another process may look for it, and half a file would be no classifier.
    with replacing(path) as partial:
        model.save(partial)
    return Kept(model, path)
