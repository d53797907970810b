"""Models as an exported file runs them: the same calls, with the pictures of the file."""

import functools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfgan.digests import file_digest
from tfgan.evaluate.metric import EvaluationError
from tfgan.litert import open_runner, read_facts


class ExportedModel:
    """A model whose signatures a `.tflite` file runs; all else is asked of the Keras model.

    Per-pixel noise is the fixed noise of the file, whatever noise is given.

    Args:
        model: The Keras model.
        path: The file, of the same model.
        facts: What the file says of itself.
    """

    def __init__(self, model: Any, path: Path, facts: dict[str, Any]):
        self._model = model
        self._digest = file_digest(path)
        self._runner = open_runner(path)
        # An interpreter runs one thing at a time, and replicas are several threads.
        self._lock = threading.Lock()
        self._signatures = facts["signatures"]
        if "synthesize" in self._signatures:
            self.mapping = _Part(model.mapping, self._map)
            self.synthesis = _Part(model.synthesis, self._synthesize)
        else:
            for name in self._runner.signatures:
                setattr(self, name, functools.partial(self._run, name))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def get_config(self) -> dict[str, Any]:
        """That of the model, and which file it is: results of another file are other results."""
        return {**self._model.get_config(), "exported": self._digest}

    def truncate(self, styles: Any, psi: float, cutoff: int | None) -> Any:
        """As `truncate` of the model, of which the file knows the cutoff."""
        return self._run("truncate", styles, psi)

    def _map(self, latents: Any, labels: Any = None) -> Any:
        return self._run("map", latents, *(() if labels is None else (labels,)))

    def _synthesize(self, styles: Any, noise: Any = None) -> Any:
        return self._run("synthesize", styles, 1.0)

    def _run(self, name: str, *arguments: Any) -> Any:
        """Runs a signature, also within a graph; inputs stand in the order of its facts."""
        inputs = self._signatures[name]["inputs"]
        ((_, output),) = self._signatures[name]["outputs"].items()

        def run(*values: np.ndarray) -> np.ndarray:
            arrays = {
                key: np.asarray(value, spec["dtype"])
                for (key, spec), value in zip(inputs.items(), values, strict=True)
            }
            with self._lock:
                (result,) = self._runner.run(name, arrays).values()
            return result

        result = tf.numpy_function(run, arguments, tf.float32)
        result.set_shape([None, *output["shape"][1:]])
        return result


class _Part:
    """A part of a model that is called as `call`; all else is asked of the part itself."""

    def __init__(self, part: Any, call: Callable[..., Any]):
        self._part = part
        self._call = call

    def __call__(self, *inputs: Any) -> Any:
        return self._call(*inputs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._part, name)


def open_exported(model: Any, file: Path, path: Path) -> ExportedModel:
    """Opens a `.tflite` file in place of the model that it was made of.

    Args:
        model: The Keras model.
        file: Where it was read from.
        path: The `.tflite` file.

    Raises:
        EvaluationError: If there is no such file, or it was made of another model.
        UserError: If it is not a file of `export.run`.
    """
    if not path.is_file():
        raise EvaluationError(f"--tflite must name a file. Received: {path}, which is none.")
    facts = read_facts(path)
    if facts["provenance"]["model_sha256"] != file_digest(file):
        raise EvaluationError(
            f"--tflite must name an export of {file}. Received: {path}, which was made of another "
            f"{facts['provenance']['model']}. Export the model again."
        )
    return ExportedModel(model, path, facts)
