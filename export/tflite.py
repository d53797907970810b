"""A generator as a `.tflite` file of built-in operators, for one picture at a time."""

import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from tensorflow.lite.tools import flatbuffer_utils

from export import saved_model

SIGNATURES = ("map", "truncate", "synthesize", "generate")


class ConversionError(RuntimeError):
    """The converter produced what this format does not allow."""


def convert(model) -> bytes:
    """Converts a float32 generator: batch 1, one signature per use, one copy of the weights."""
    with tempfile.TemporaryDirectory() as folder:
        saved_model.write(model, Path(folder), batch_size=1)
        converter = tf.lite.TFLiteConverter.from_saved_model(
            folder, signature_keys=list(SIGNATURES)
        )
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        return converter.convert()


def share_buffers(converted: bytes) -> bytes:
    """Makes equal weights of all signatures one buffer of the file."""
    flat = flatbuffer_utils.convert_bytearray_to_object(bytearray(converted))
    first: dict[bytes, int] = {}
    kept = {}
    # Only what tensors hold: metadata has buffers too.
    used = {tensor.buffer for graph in flat.subgraphs for tensor in graph.tensors}
    for index in sorted(used):
        data = flat.buffers[index].data
        content = b"" if data is None else bytes(np.asarray(data, np.uint8))
        # An empty buffer means that the tensor is computed.
        kept[index] = first.setdefault(content, index) if content else index
    for graph in flat.subgraphs:
        for tensor in graph.tensors:
            tensor.buffer = kept[tensor.buffer]
    for index, target in kept.items():
        if target != index:
            flat.buffers[index].data = None
    return bytes(flatbuffer_utils.convert_object_to_bytearray(flat))


def check_operators(content: bytes) -> None:
    """Raises ConversionError if the file needs an operator that is not built in."""
    flat = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    custom = sorted({code.customCode.decode() for code in flat.operatorCodes if code.customCode})
    if custom:
        raise ConversionError(f"the file needs operators that are not built in: {custom}.")


def write(model, path: Path) -> None:
    """Writes a float32 `.tflite` with the signatures map, truncate, synthesize and generate."""
    content = share_buffers(convert(model))
    check_operators(content)
    path.write_bytes(content)


def open_runner(path: Path) -> saved_model.Runner:
    """Loads a `.tflite` file and returns its `generate`, which runs one picture after another."""
    signature = Interpreter(model_path=str(path), num_threads=1).get_signature_runner("generate")

    def run(latents, psi, labels):
        images = []
        for i in range(len(latents)):
            inputs = {
                "latents": latents[i : i + 1],
                "truncation_psi": np.float32(psi),
                "noise_scale": np.float32(1),
            }
            if labels is not None:
                inputs["labels"] = np.asarray(labels[i : i + 1], np.int32)
            images.append(signature(**inputs)["images"])
        return np.concatenate(images)

    return run
