"""Runs `.tflite` files of this package with LiteRT."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tfgan.terminal import UserError, quiet, require

Arrays = dict[str, np.ndarray]
FACTS = "tfgan.json"  # metadata entry of our files
_RENAMED = {"spared_layers": "higher_precision_layers"}  # as earlier versions wrote them


class Runner(NamedTuple):
    """An exported file, ready to run.

    Attributes:
        signatures: Their names.
        run: Takes a name and inputs, and returns outputs, all batch first.
    """

    signatures: list[str]
    run: Callable[[str, Arrays], Arrays]


def open_interpreter(content: str | Path | bytes, threads: int = 1, **options: Any) -> Any:
    """LiteRT's interpreter of a file, or of what a file holds.

    Raises:
        UserError: If LiteRT is not installed, or the file is damaged.
    """
    require("running a .tflite file", "ai_edge_litert")
    from ai_edge_litert.interpreter import Interpreter

    if not isinstance(content, bytes):
        content = Path(content).read_bytes()
    try:
        with quiet():
            interpreter = Interpreter(model_content=content, num_threads=threads, **options)
            # It makes its delegate now, which it announces, and not in the first call.
            interpreter.allocate_tensors()
            return interpreter
    except (RuntimeError, ValueError) as error:
        raise UserError(f"a .tflite file is needed. Received: a damaged one ({error}).") from error


def open_runner(content: str | Path | bytes, threads: int = 1) -> Runner:
    """Loads a `.tflite` file of batch 1, which then runs one example after another."""
    interpreter = open_interpreter(content, threads)
    # Each has its own memory, so they are kept.
    runners = {
        name: interpreter.get_signature_runner(name) for name in interpreter.get_signature_list()
    }
    return Runner(list(runners), lambda name, inputs: run_each(runners[name], inputs))


def run_each(call: Callable[..., Arrays], inputs: Arrays) -> Arrays:
    """Calls a signature of batch 1 for each example; scalars are the same for all of them."""
    batch_size = max(len(value) for value in inputs.values() if value.ndim)
    outputs = [
        call(**{name: x[i : i + 1] if x.ndim else x for name, x in inputs.items()})
        for i in range(batch_size)
    ]
    return {name: np.concatenate([output[name] for output in outputs]) for name in outputs[0]}


def read_facts(path: str | Path) -> dict[str, Any]:
    """What `export.run` wrote into a `.tflite` file; see `export.manifest`.

    Raises:
        UserError: If LiteRT is not installed, or it is not such a file.
    """
    require("reading a .tflite file", "ai_edge_litert")
    from ai_edge_litert.tools import flatbuffer_utils

    content = Path(path).read_bytes()
    if content[4:8] == b"TFL3":
        flat = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
        for entry in flat.metadata or []:
            if entry.name == FACTS.encode():
                facts = json.loads(bytes(flat.buffers[entry.buffer].data))
                return {_RENAMED.get(name, name): value for name, value in facts.items()}
    raise UserError(f"a .tflite file that export.run wrote is needed. Received: {path}.")
