"""A model as a `.tflite` file of built-in operators, for one picture at a time."""

import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from tensorflow.lite.tools import flatbuffer_utils

from export import saved_model
from export.signatures import Exportable


class ConversionError(RuntimeError):
    """The converter produced what this format does not allow."""


def convert(exportable: Exportable) -> bytes:
    """Converts a float32 model: batch 1, one graph per signature, each with its weights."""
    names = [name for name, use in exportable.signatures.items() if use.in_tflite]
    with tempfile.TemporaryDirectory() as folder:
        saved_model.write(exportable, Path(folder), batch_size=1)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=names)
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


def write(exportable: Exportable, path: Path) -> None:
    """Writes a float32 `.tflite` with the signatures that are for it and each weight once."""
    content = share_buffers(convert(exportable))
    check_operators(content)
    path.write_bytes(content)


def open_runner(path: Path) -> saved_model.Runner:
    """Loads a `.tflite` file, which then runs one picture after another."""
    interpreter = Interpreter(model_path=str(path), num_threads=1)
    # Each runner has its own memory, so they are kept.
    runners = {
        name: interpreter.get_signature_runner(name) for name in interpreter.get_signature_list()
    }

    def run(signature, inputs):
        batch_size = max(len(value) for value in inputs.values() if value.ndim)
        outputs = [
            runners[signature](
                **{name: x[i : i + 1] if x.ndim else x for name, x in inputs.items()}
            )
            for i in range(batch_size)
        ]
        return {name: np.concatenate([output[name] for output in outputs]) for name in outputs[0]}

    return saved_model.Runner(list(runners), run)
