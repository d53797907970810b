"""A model as a `.tflite` file of built-in operators, for one picture at a time."""

import hashlib
import tempfile
from pathlib import Path
from typing import Any

import tensorflow as tf

from export import flatbuffer, saved_model, xnnpack
from export.signatures import Exportable
from tfgan.litert import FACTS
from tfgan.strict_json import json_text
from tfgan.terminal import quiet


class ConversionError(RuntimeError):
    """The converter produced what `.tflite` files of ours may not hold."""


def convert(exportable: Exportable) -> bytes:
    """Converts a float32 model: batch 1, one graph per signature, each with its weights.

    All uses are signatures of one file: LiteRT runs them on phones and, as LiteRT.js, in browsers,
    and weights that several of them use are held once. It is not yet fit to be shipped; see
    `finish`.

    Raises:
        ConversionError: If operators are needed that are not built in.
    """
    with tempfile.TemporaryDirectory() as folder, quiet():
        saved_model.write(exportable, Path(folder), batch_size=1)
        converter = tf.lite.TFLiteConverter.from_saved_model(
            folder, signature_keys=exportable.in_tflite
        )
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        content = converter.convert()
    custom = flatbuffer.custom_operators(flatbuffer.read(content))
    if custom:
        raise ConversionError(f"the file needs operators that are not built in: {custom}.")
    return xnnpack.rewrite(content)


def halve(content: bytes) -> bytes:
    """Makes the float32 constants of a file float16."""
    flat = flatbuffer.read(content)
    flatbuffer.halve_constants(flat)
    return flatbuffer.write(flat)


def finish(content: bytes, facts: dict[str, Any]) -> bytes:
    """Makes a file as small as it gets, and writes into it what it is.

    Args:
        content: Of a converted, and maybe quantised, file.
        facts: What `tfgan.litert.read_facts` returns, but for `constants_sha256`, which is added:
            of all constants in the order of their tensors.
    """
    flat = flatbuffer.read(content)
    flatbuffer.trim(flat)
    digest = hashlib.sha256()
    for graph in flat.subgraphs:
        for tensor in graph.tensors:
            digest.update(flatbuffer.constant(flat, tensor))
    stated = {**facts, "constants_sha256": digest.hexdigest()}
    described = json_text(stated, separators=(",", ":"))
    flatbuffer.add_metadata(flat, FACTS, described.encode())
    flatbuffer.share_constants(flat)
    return flatbuffer.write(flat)
