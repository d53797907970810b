"""Edits `.tflite` files: which constants they hold, in how many bits, and what stands beside."""

from collections import Counter
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from tfgan.litert import open_interpreter

ALIGNMENT = 16  # bytes, of constants in a file
_OPERATORS = {
    code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)
}


class _SharingBuilder(flatbuffers.Builder):
    """Writes equal vectors and strings once: a small model is full of equal shapes and zeros."""

    def __init__(self) -> None:
        super().__init__(1 << 20)
        self._written: dict[tuple[str, bytes], int] = {}

    def CreateNumpyVector(self, x):  # noqa: N802
        key = x.dtype.str, x.tobytes()
        if key not in self._written:
            if x.dtype == np.uint8:  # the constants of a file, whatever their type is
                self.Prep(ALIGNMENT, x.size)
            self._written[key] = super().CreateNumpyVector(x)
        return self._written[key]

    def CreateString(self, s, encoding="utf-8", errors="strict"):  # noqa: N802
        key = "string", s if isinstance(s, bytes) else s.encode(encoding, errors)
        if key not in self._written:
            self._written[key] = super().CreateString(key[1])
        return self._written[key]


def read(content: bytes) -> Any:
    """A file as an object that can be edited and given to `write`."""
    return flatbuffer_utils.read_model_from_bytearray(bytearray(content))


def write(flat: Any) -> bytes:
    """The file of an object."""
    builder = _SharingBuilder()
    for buffer in flat.buffers:
        if buffer.data is not None:
            buffer.data = np.frombuffer(bytes(buffer.data), np.uint8)
    for graph in flat.subgraphs:
        for tensor in graph.tensors:
            for name in ("shape", "shapeSignature"):
                _to_array(tensor, name, np.int32)
            if tensor.quantization is not None:
                _to_array(tensor.quantization, "scale", np.float32)
                _to_array(tensor.quantization, "zeroPoint", np.int64)
    builder.Finish(flat.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _to_array(table: Any, name: str, dtype: Any) -> None:
    """Makes a vector an array, for only arrays are written by `CreateNumpyVector`."""
    if getattr(table, name) is not None:
        setattr(table, name, np.asarray(getattr(table, name), dtype))


def constant(flat: Any, tensor: Any) -> bytes:
    """What a tensor holds in the file; empty where it is computed."""
    data = flat.buffers[tensor.buffer].data
    return b"" if data is None else bytes(data)


def kind_of(flat: Any, operator: Any) -> str:
    """Name of an operator, as the schema has it."""
    code = flat.operatorCodes[operator.opcodeIndex]
    return _OPERATORS[max(code.builtinCode, code.deprecatedBuiltinCode)]


def custom_operators(flat: Any) -> list[str]:
    """Operators that are not built in."""
    return sorted({code.customCode.decode() for code in flat.operatorCodes if code.customCode})


def share_constants(flat: Any) -> None:
    """Makes equal constants of all signatures one buffer."""
    first: dict[bytes, int] = {}
    for graph in flat.subgraphs:
        for tensor in graph.tensors:
            content = constant(flat, tensor)
            # Empty means that the tensor is computed, and buffer 0 is always empty.
            tensor.buffer = first.setdefault(content, tensor.buffer) if content else 0
    used = {0, *first.values(), *(entry.buffer for entry in flat.metadata or [])}
    for index, buffer in enumerate(flat.buffers):
        if index not in used:
            buffer.data = None
    place = {index: new for new, index in enumerate(sorted(used))}
    flat.buffers = [flat.buffers[index] for index in place]
    for graph in flat.subgraphs:
        for tensor in graph.tensors:
            tensor.buffer = place[tensor.buffer]
    for entry in flat.metadata or []:
        entry.buffer = place[entry.buffer]


def halve_constants(flat: Any) -> None:
    """Makes float32 constants float16, which the runtime turns back as it loads them.

    Vectors stay: biases are small, and operators in int8 want them in float32.
    """
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.DEQUANTIZE
    code.version = 3  # the first that takes float16
    flat.operatorCodes.append(code)
    for graph in flat.subgraphs:
        operators = []
        for index, tensor in enumerate(list(graph.tensors)):
            content = constant(flat, tensor)
            if tensor.type != schema.TensorType.FLOAT32 or not content or len(tensor.shape) < 2:
                continue
            buffer = schema.BufferT()
            halves = np.frombuffer(content, np.float32).astype(np.float16)
            buffer.data = halves.view(np.uint8)
            half = schema.TensorT()
            half.type, half.shape, half.name = schema.TensorType.FLOAT16, tensor.shape, b""
            half.hasRank, half.buffer = True, len(flat.buffers)
            flat.buffers.append(buffer)
            tensor.buffer = 0
            operator = schema.OperatorT()
            operator.opcodeIndex = len(flat.operatorCodes) - 1
            operator.inputs, operator.outputs = [len(graph.tensors)], [index]
            graph.tensors.append(half)
            operators.append(operator)
        graph.operators = operators + graph.operators


def trim(flat: Any) -> None:
    """Drops what nothing reads: names of inner tensors, empty tables, shapes told twice."""
    for graph in flat.subgraphs:
        named = {*graph.inputs, *graph.outputs}
        for index, tensor in enumerate(graph.tensors):
            if index not in named:
                tensor.name = None
            scales = None if tensor.quantization is None else tensor.quantization.scale
            if scales is None or len(scales) == 0:
                tensor.quantization = None
            if tensor.shapeSignature is not None and -1 not in tensor.shapeSignature:
                tensor.shapeSignature = None


def add_metadata(flat: Any, name: str, content: bytes) -> None:
    """Adds a metadata entry."""
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(content, np.uint8)
    entry = schema.MetadataT()
    entry.name, entry.buffer = name, len(flat.buffers)
    flat.buffers.append(buffer)
    flat.metadata = [*(flat.metadata or []), entry]


def split(content: bytes) -> dict[str, bytes]:
    """Each signature of a file as a file of its graph alone, by its name."""
    parts = {}
    for index in range(len(read(content).signatureDefs)):
        flat = read(content)
        signature = flat.signatureDefs[index]
        flat.subgraphs = [flat.subgraphs[signature.subgraphIndex]]
        signature.subgraphIndex = 0
        flat.signatureDefs = [signature]
        parts[signature.signatureKey.decode()] = write(flat)
    return parts


def not_accelerated(content: bytes) -> dict[str, dict[str, int]]:
    """Which operators run outside of XNNPACK on this machine, how often, by signature."""
    found = {}
    # LiteRT tells the operators of the first graph alone.
    for name, part in split(content).items():
        interpreter = open_interpreter(part)
        makers: dict[int, Any] = {}
        for operator in interpreter._get_ops_details():
            for tensor in operator["outputs"]:
                if operator["op_name"] == "DELEGATE" or tensor not in makers:
                    makers[tensor] = operator
        # What the delegate took is still listed; what runs is what leads to the outputs.
        todo = [output["index"] for output in interpreter.get_output_details()]
        running: dict[int, str] = {}
        while todo:
            operator = makers.get(todo.pop())
            if operator is not None and operator["index"] not in running:
                running[operator["index"]] = operator["op_name"]
                todo += operator["inputs"].tolist()
        counts = Counter(running.values())
        del counts["DELEGATE"]
        found[name] = dict(sorted(counts.items()))
    return found
