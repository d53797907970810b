"""Tiny models of each kind, with no weight at its initial value, and what their files hold."""

import functools
from pathlib import Path

import keras
import numpy as np
from tensorflow.lite.tools import flatbuffer_utils

from tests.layers.layer_check import randomize
from tfgan.label_sets import LabelSet
from tfgan.models.landmarks import FaceLandmarks
from tfgan.models.stargan import StarGAN
from tfgan.models.stargan_v2 import StarGANv2
from tfgan.models.stylegan import StyleGANGenerator
from tfgan.models.stylegan2 import StyleGAN2Generator


def style_generator(kind, class_names=(), **options):
    small = {
        "latent_dim": 8,
        "style_dim": 8,
        "mapping_layers": 2,
        "channel_base": 128,
        "channel_max": 16,
    }
    model = kind(16, class_names=class_names, **{**small, **options})
    model.build()
    randomize(model, spread=0.1)
    return model


stylegan = functools.partial(style_generator, StyleGANGenerator)
stylegan2 = functools.partial(style_generator, StyleGAN2Generator)


def face_landmarks() -> FaceLandmarks:
    keras.utils.set_random_seed(0)
    landmarks = FaceLandmarks(name="landmarks")
    landmarks.build()
    return landmarks


def stargan_v2(domain_names=("cat", "dog"), w_hpf=0.0, **options) -> StarGANv2:
    small = {
        "latent_dim": 5,
        "style_dim": 4,
        "mapping_width": 8,
        "channel_base": 128,
        "channel_max": 6,
    }
    keras.utils.set_random_seed(0)
    model = StarGANv2(
        32,
        domain_names,
        w_hpf=w_hpf,
        landmarks=face_landmarks() if w_hpf else None,
        **{**small, **options},
    )
    model.build()
    for part in (model.generator, model.mapping, model.style_encoder):
        randomize(part, spread=0.05)
    return model


FACES = LabelSet("faces", "attributes", ("Black", "Blond", "Male"), (("Black", "Blond"),))
MOODS = LabelSet("moods", "classes", ("angry", "happy"))


def stargan(label_sets=(FACES, MOODS), **options) -> StarGAN:
    keras.utils.set_random_seed(0)
    model = StarGAN(32, label_sets, **{"conv_dim": 4, "num_blocks": 1, **options})
    model.build()
    randomize(model, spread=0.05)
    return model


def weight_bytes(model) -> int:
    """Of all variables as float32."""
    return sum(4 * int(np.prod(variable.shape)) for variable in model.variables)


def held_bytes(tflite: Path) -> int:
    """Of all constants in a `.tflite` file."""
    flat = flatbuffer_utils.convert_bytearray_to_object(bytearray(tflite.read_bytes()))
    return sum(len(buffer.data) for buffer in flat.buffers if buffer.data is not None)
