"""Convolutions of a float32 `.tflite` file in the form that XNNPACK runs fastest."""

from typing import NamedTuple

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from export import flatbuffer

STRIDE = 2
# Multiplications of a transposed convolution from which on plain ones pay: below, they save no time
# that one could notice, and a small file has no bytes for them.
LEAST_PRODUCTS = 4_000_000
LANES = 16  # output channels that XNNPACK computes together, however few a convolution has


class Phase(NamedTuple):
    """What makes every second value of an axis.

    Attributes:
        taps: Of the kernel, in their order along the input.
        before: Zeros before the input; `after` is behind it.
    """

    taps: slice
    before: int
    after: int


def phases(taps: int, padding: int, inputs: int, outputs: int) -> list[Phase]:
    """How an axis is doubled: the even and the odd values of y[t] = sum_m x[m] k[t + padding - 2m].

    Args:
        taps: Length of the kernel k.
        padding: What the transposed convolution cuts off before its first value.
        inputs: Length of x.
        outputs: Length of y, even.
    """
    found = []
    for parity in range(STRIDE):
        first = (parity + padding) % STRIDE
        last = first + (taps - 1 - first) // STRIDE * STRIDE
        # y[2i + parity] reaches from x[i - before] to x[i - (first - parity - padding) / 2].
        before = (last - parity - padding) // STRIDE
        after = outputs // STRIDE - inputs - (first - parity - padding) // STRIDE
        found.append(Phase(slice(last, first - 1 if first else None, -STRIDE), before, after))
    return found


class _Graph:
    """Adds constants, tensors and operators to a graph of a file."""

    def __init__(self, model, graph):
        self.model = model
        self.graph = graph

    def values(self, index: int) -> np.ndarray | None:
        """What a constant of float32 or int32 holds; None for others, and for what is computed."""
        tensor = self.graph.tensors[index]
        data = self.model.buffers[tensor.buffer].data
        types = {schema.TensorType.FLOAT32: np.float32, schema.TensorType.INT32: np.int32}
        if data is None or tensor.type not in types:
            return None
        return np.frombuffer(np.asarray(data, np.uint8), types[tensor.type]).reshape(tensor.shape)

    def add(self, name: str, shape, values: np.ndarray | None = None) -> int:
        """A float32 tensor, or a constant of the type of `values`."""
        tensor = schema.TensorT()
        # Quantisers know tensors by their names.
        tensor.name = f"{name}{len(self.graph.tensors)}".encode()
        tensor.shape = np.asarray(shape, np.int32)
        tensor.type = schema.TensorType.FLOAT32
        tensor.buffer = 0  # the empty one, of what is computed
        if values is not None:
            if values.dtype == np.int32:
                tensor.type = schema.TensorType.INT32
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
            tensor.buffer = len(self.model.buffers)
            self.model.buffers.append(buffer)
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def operator(self, code: int, inputs: list[int], outputs: list[int], options=None):
        """An operator, which the caller puts in its place."""
        kinds = [one.builtinCode for one in self.model.operatorCodes]
        if code not in kinds:
            kind = schema.OperatorCodeT()
            kind.builtinCode = kind.deprecatedBuiltinCode = code
            kind.version = 1
            self.model.operatorCodes.append(kind)
            kinds.append(code)
        made = schema.OperatorT()
        made.opcodeIndex = kinds.index(code)
        made.inputs = np.asarray(inputs, np.int32)
        made.outputs = np.asarray(outputs, np.int32)
        if options is not None:
            made.builtinOptions = options
            name = type(options).__name__.removesuffix("T")
            made.builtinOptionsType = getattr(schema.BuiltinOptions, name)
        return made


def _convolution(at: _Graph, inputs, output: int, stride: int, activation: int):
    """A convolution without padding."""
    options = schema.Conv2DOptionsT()
    options.padding = schema.Padding.VALID
    options.strideH = options.strideW = stride
    options.fusedActivationFunction = activation
    return at.operator(schema.BuiltinOperator.CONV_2D, inputs, [output], options)


def _padding(at: _Graph, x: int, rows: tuple[int, int], columns: tuple[int, int]):
    """Zeros around feature maps, which XNNPACK makes part of the convolution: operator, result."""
    tensor = at.graph.tensors[x]
    name, (batch, height, width, channels) = tensor.name.decode(), map(int, tensor.shape)
    pads = np.asarray([(0, 0), rows, columns, (0, 0)], np.int32)
    shape = [batch, height + sum(rows), width + sum(columns), channels]
    padded = at.add(f"{name}/padded", shape)
    amounts = at.add(f"{name}/pads", pads.shape, pads)
    code = schema.BuiltinOperator.PAD
    return at.operator(code, [x, amounts], [padded], schema.PadOptionsT()), padded


def _spread(at: _Graph, x: int, y: int):
    """The operator that makes squares of pixels of the channels of one."""
    options = schema.DepthToSpaceOptionsT()
    options.blockSize = STRIDE
    return at.operator(schema.BuiltinOperator.DEPTH_TO_SPACE, [x], [y], options)


def _take_zeros(at: _Graph, operator, ends: list[bool]) -> bool:
    """Makes the result of `operator` even in size, where a row or column of zeros can be added.

    It can where a padding follows that adds more of them, which are then made here instead.

    Args:
        at: The graph.
        operator: Whose result has an odd height, width or both.
        ends: Whether, along height and width, no more than zeros would come next.

    Returns:
        Whether the result is even now.
    """
    y = int(operator.outputs[0])
    readers = [one for one in at.graph.operators if y in one.inputs]
    kinds = [at.model.operatorCodes[one.opcodeIndex].builtinCode for one in readers]
    if kinds != [schema.BuiltinOperator.PAD] or y in at.graph.outputs:
        return False
    pads = at.values(int(readers[0].inputs[1]))
    tensor = at.graph.tensors[y]
    odd = np.asarray(tensor.shape[1:3]) % STRIDE
    if pads is None or np.any(pads[1:3, 1] < odd) or not all(ends):
        return False
    tensor.shape = np.add(tensor.shape, (0, *odd, 0))
    fewer = pads - np.asarray([(0, 0), (0, odd[0]), (0, odd[1]), (0, 0)], np.int32)
    amounts = at.add(f"{tensor.name.decode()}/pads", fewer.shape, fewer)
    readers[0].inputs = np.asarray([y, amounts], np.int32)
    return True


def _without_transposing(at: _Graph, operator) -> list | None:
    """Four plain convolutions in place of a transposed one of stride 2, or None where it stays.

    Each makes the values at even or odd rows and columns, with the taps that meet there, so that
    nothing is multiplied that was not before.
    """
    tensors, options = at.graph.tensors, operator.builtinOptions
    weights, x, *biases = (int(index) for index in operator.inputs[1:])
    y = int(operator.outputs[0])
    kernel = at.values(weights)
    if kernel is None or (options.strideH, options.strideW) != (STRIDE, STRIDE):
        return None
    sizes = tensors[x].shape[1:3]
    if kernel.size * int(np.prod(sizes)) < LEAST_PRODUCTS:
        return None
    # Of what VALID makes, SAME cuts off the same on each side, or one more at the end.
    paddings = [
        max(STRIDE * (int(inputs) - 1) + taps - int(outputs), 0) // 2
        for inputs, taps, outputs in zip(
            sizes, kernel.shape[1:3], tensors[y].shape[1:3], strict=True
        )
    ]
    if np.any(np.asarray(tensors[y].shape[1:3]) % STRIDE):
        added = any(np.any(at.values(one)) for one in biases)
        ends = [
            not added and outputs + padding - STRIDE * (inputs - 1) >= taps
            for outputs, padding, inputs, taps in zip(
                tensors[y].shape[1:3], paddings, sizes, kernel.shape[1:3], strict=True
            )
        ]
        if not _take_zeros(at, operator, ends):
            return None
    batch, height, width, filters = (int(size) for size in tensors[y].shape)
    axes = [
        phases(int(taps), padding, int(inputs), outputs)
        for taps, padding, inputs, outputs in zip(
            kernel.shape[1:3], paddings, sizes, (height, width), strict=True
        )
    ]
    name = tensors[y].name.decode()
    bias = biases[0] if biases else at.add(f"{name}/zeros", [filters], np.zeros(filters, "f4"))
    shape = [batch, height // STRIDE, width // STRIDE]
    made, parts = [], []
    for row in axes[0]:
        for column in axes[1]:
            pad, padded = _padding(at, x, row[1:], column[1:])
            part = np.ascontiguousarray(kernel[:, row.taps, column.taps])
            constant = at.add(f"{name}/kernel", part.shape, part)
            parts.append(at.add(f"{name}/part", [*shape, filters]))
            inputs = [padded, constant, bias]
            activation = options.fusedActivationFunction
            made += [pad, _convolution(at, inputs, parts[-1], 1, activation)]
    joined = at.add(f"{name}/parts", [*shape, STRIDE**2 * filters])
    join = schema.ConcatenationOptionsT()
    join.axis = 3
    made.append(at.operator(schema.BuiltinOperator.CONCATENATION, parts, [joined], join))
    return [*made, _spread(at, joined, y)]


def _with_full_lanes(at: _Graph, operator) -> list | None:
    """A convolution of few filters as one that makes squares of 2x2 pixels, or None where it stays.

    Its kernel is larger by one, with the kernel of each pixel at its corner.
    """
    tensors, options = at.graph.tensors, operator.builtinOptions
    x, weights, bias = (int(index) for index in operator.inputs)
    y = int(operator.outputs[0])
    kernel, biases = at.values(weights), at.values(bias)
    if kernel is None or biases is None:
        return None
    filters, rows, columns, channels = kernel.shape
    batch, height, width, _ = (int(size) for size in tensors[y].shape)
    if (
        STRIDE**2 * filters > LANES
        or min(rows, columns) < 3  # of smaller ones most products would be with zeros
        or options.padding != schema.Padding.SAME
        or (options.strideH, options.strideW) != (1, 1)
        or (options.dilationHFactor, options.dilationWFactor) != (1, 1)
        or height % STRIDE
        or width % STRIDE
    ):
        return None
    name = tensors[y].name.decode()
    large = np.zeros((STRIDE, STRIDE, filters, rows + 1, columns + 1, channels), np.float32)
    for i in range(STRIDE):
        for j in range(STRIDE):
            large[i, j, :, i : i + rows, j : j + columns] = kernel
    large = large.reshape(-1, *large.shape[3:])
    before = [(size - 1) // 2 for size in (rows, columns)]
    pads = [(one, size - 1 - one) for one, size in zip(before, (rows, columns), strict=True)]
    pad, padded = _padding(at, x, *pads)
    constants = [
        at.add(f"{name}/kernel", large.shape, large),
        at.add(f"{name}/bias", [len(large)], np.tile(biases, STRIDE**2)),
    ]
    squares = at.add(f"{name}/squares", [batch, height // STRIDE, width // STRIDE, len(large)])
    activation = options.fusedActivationFunction
    made = _convolution(at, [padded, *constants], squares, STRIDE, activation)
    return [pad, made, _spread(at, squares, y)]


REWRITES = {
    schema.BuiltinOperator.TRANSPOSE_CONV: _without_transposing,
    schema.BuiltinOperator.CONV_2D: _with_full_lanes,
}


def _remove_unused(model) -> None:
    """Drops tensors that no operator takes or gives any more, and what they held."""
    replaced = set()
    for number, graph in enumerate(model.subgraphs):
        signatures = [one for one in model.signatureDefs if one.subgraphIndex == number]
        named = [tensor for one in signatures for tensor in (*one.inputs, *one.outputs)]
        lists = [graph, *graph.operators]
        used = {int(i) for one in lists for i in (*one.inputs, *one.outputs) if i >= 0}
        places = {old: new for new, old in enumerate(sorted(used))} | {-1: -1}
        replaced |= {t.buffer for i, t in enumerate(graph.tensors) if i not in used}
        graph.tensors = [graph.tensors[i] for i in sorted(used)]
        for one in lists:
            one.inputs = np.asarray([places[int(i)] for i in one.inputs], np.int32)
            one.outputs = np.asarray([places[int(i)] for i in one.outputs], np.int32)
        for tensor in named:
            tensor.tensorIndex = places[tensor.tensorIndex]
    for index in replaced - {t.buffer for graph in model.subgraphs for t in graph.tensors}:
        model.buffers[index].data = None


def rewrite(content: bytes) -> bytes:
    """Replaces convolutions of a float32 file that XNNPACK is slow at by equal ones.

    Transposed convolutions become plain ones, 2 to 6 times faster, which also quantisers treat as
    any; convolutions of few filters make several pixels at once, 3 times faster. In TensorFlow, and
    in training, they are fastest as they were.
    """
    model = flatbuffer.read(content)
    for graph in model.subgraphs:
        at = _Graph(model, graph)
        operators = []
        for operator in graph.operators:
            kind = model.operatorCodes[operator.opcodeIndex].builtinCode
            made = REWRITES[kind](at, operator) if kind in REWRITES else None
            operators += [operator] if made is None else made
        graph.operators = operators
    _remove_unused(model)
    return flatbuffer.write(model)
