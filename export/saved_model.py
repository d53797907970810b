"""A generator as a SavedModel that plain TensorFlow and TensorFlow Serving run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

# latents [B, Z], psi, labels [B] or None -> images [B, R, R, 3]
Runner = Callable[[np.ndarray, float, np.ndarray | None], np.ndarray]


class Signatures(tf.Module):
    """A generator's uses as functions of fixed types, with the fixed noise maps.

    `noise_scale` scales these maps: 1 as trained, 0 for none. It is an input also because the
    `.tflite` converter would add constant maps to the biases: a map per channel instead of one.

    map:        latents [B, Z], (labels [B]) -> styles [B, W]
    truncate:   styles [B, W], truncation_psi [] -> styles [B, L, W]
    synthesize: styles [B, L, W], noise_scale [] -> images [B, R, R, 3]
    generate:   latents [B, Z], truncation_psi [], noise_scale [], (labels [B])
                -> images [B, R, R, 3]

    All are float32 but `labels`, int32, which only conditional generators have.

    Args:
        model: A float32 generator.
        batch_size: B; None leaves it open.
    """

    def __init__(self, model, batch_size: int | None = None):
        super().__init__()
        # The module must hold what its functions read, or the file would lack it.
        self.weights = [variable.value for variable in model.variables]
        latents = tf.TensorSpec([batch_size, model.latent_dim], tf.float32, "latents")
        psi = tf.TensorSpec([], tf.float32, "truncation_psi")
        scale = tf.TensorSpec([], tf.float32, "noise_scale")
        labels = {}
        if model.class_names:
            labels = {"labels": tf.TensorSpec([batch_size], tf.int32, "labels")}
        style = tf.TensorSpec([batch_size, model.style_dim], tf.float32, "styles")
        styles = tf.TensorSpec([batch_size, model.num_styles, model.style_dim], name="styles")

        def map_(latents, labels=None):
            return {"styles": model.mapping(latents, labels)}

        def truncate(styles, truncation_psi):
            return {"styles": model.truncate(styles, truncation_psi)}

        def synthesize(styles, noise_scale):
            return {"images": model.synthesis(styles, model.synthesis.fixed_noise(noise_scale))}

        def generate(latents, truncation_psi, noise_scale, labels=None):
            noise = model.synthesis.fixed_noise(noise_scale)
            images = model(latents, labels, truncation_psi=truncation_psi, noise=noise)
            return {"images": images}

        self.functions: dict[str, Any] = {
            "map": tf.function(map_).get_concrete_function(latents, **labels),
            "truncate": tf.function(truncate).get_concrete_function(style, psi),
            "synthesize": tf.function(synthesize).get_concrete_function(styles, scale),
            "generate": tf.function(generate).get_concrete_function(latents, psi, scale, **labels),
        }


def in_float32(model) -> Any:
    """Returns the model, or a copy that computes in float32 if it computes in fewer bits."""
    config = model.get_config()
    if config["precision"] == "float32":
        return model
    if config["precision"] == "float16" and config["clamp"] is None:
        config["clamp"] = 256.0  # what None stands for in float16: the weights were trained with it
    copy = type(model).from_config({**config, "precision": "float32"})
    copy.build()
    copy.set_weights(model.get_weights())
    return copy


def write(model, path: Path, batch_size: int | None = None) -> None:
    """Writes a SavedModel with the signatures map, truncate, synthesize and generate (default)."""
    module = Signatures(model, batch_size)
    default = {tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY: module.functions["generate"]}
    tf.saved_model.save(module, str(path), signatures={**module.functions, **default})


def open_runner(path: Path) -> Runner:
    """Loads a SavedModel and returns its `generate`."""
    loaded = tf.saved_model.load(str(path))

    def run(latents, psi, labels):
        inputs = {
            "latents": tf.constant(latents),
            "truncation_psi": tf.constant(psi, tf.float32),
            "noise_scale": tf.constant(1.0),
        }
        if labels is not None:
            inputs["labels"] = tf.constant(labels, tf.int32)
        # A signature does not keep alive the variables that it reads.
        return loaded.signatures["generate"](**inputs)["images"].numpy()

    return run
