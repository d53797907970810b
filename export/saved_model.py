"""A model as a SavedModel that plain TensorFlow and TensorFlow Serving run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from export.signatures import Case, Exportable, Spec
from tfgan.litert import Runner

WARM_UP = "assets.extra/tf_serving_warmup_requests"


def _tensor_spec(name: str, spec: Spec, batch_size: int | None) -> tf.TensorSpec:
    shape = [batch_size if size is None else size for size in spec.shape]
    return tf.TensorSpec(shape, spec.dtype, name)


class Functions(tf.Module):
    """The signatures of a model as graphs of fixed types.

    Args:
        exportable: The model and its signatures.
        batch_size: Of all inputs with a batch; None leaves it open.
    """

    def __init__(self, exportable: Exportable, batch_size: int | None = None):
        super().__init__()
        # The module must hold what its functions read, or the file would lack it. Where a Keras
        # model holds it, the `.tflite` converter keeps variables, and drops their values.
        self.weights = [variable.value for variable in exportable.model.variables]
        self.functions: dict[str, Any] = {
            name: tf.function(signature.call).get_concrete_function(
                **{key: _tensor_spec(key, x, batch_size) for key, x in signature.inputs.items()}
            )
            for name, signature in exportable.signatures.items()
        }


def write(exportable: Exportable, path: Path, batch_size: int | None = None) -> None:
    """Writes a SavedModel with all signatures, one of them also as the default."""
    module = Functions(exportable, batch_size)
    default = {
        tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY: module.functions[exportable.default]
    }
    tf.saved_model.save(module, str(path), signatures={**module.functions, **default})


def write_warm_up(cases: Sequence[Case], path: Path) -> None:
    """Adds one request per signature, which TensorFlow Serving runs before it answers any.

    Args:
        cases: Of all signatures; the first example of each is asked for.
        path: The SavedModel.

    Reference:
        "SavedModel Warmup" of TensorFlow Serving: a TFRecord file of PredictionLog messages.
    """
    file = path / WARM_UP
    file.parent.mkdir()
    with tf.io.TFRecordWriter(str(file)) as writer:
        for case in cases:
            first = {name: x[:1] if x.ndim else x for name, x in case.inputs.items()}
            inputs = b"".join(
                _field(2, _field(1, name.encode()) + _field(2, _tensor(x)))
                for name, x in first.items()
            )
            model = _field(1, _field(3, case.signature.encode()))
            # PredictionLog.predict_log, PredictLog.request
            writer.write(_field(6, _field(1, model + inputs)))


def _tensor(value: Any) -> bytes:
    return tf.make_tensor_proto(value).SerializeToString()


def _field(number: int, content: bytes) -> bytes:
    """A field of a protocol buffer; TensorFlow has no classes for TensorFlow Serving's messages."""
    size, length = len(content), b""
    while size > 127:
        length += bytes([size & 127 | 128])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


def open_runner(path: Path) -> Runner:
    """Loads a SavedModel."""
    loaded = tf.saved_model.load(str(path))

    def run(signature, inputs):
        tensors = {name: tf.constant(value) for name, value in inputs.items()}
        # A signature does not keep alive the variables that it reads, so `loaded` is named here.
        outputs = loaded.signatures[signature](**tensors)
        return {name: value.numpy() for name, value in outputs.items()}

    return Runner(list(loaded.signatures), run)
