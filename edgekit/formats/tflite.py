"""TFLite flatbuffers as editable objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIGNATURE = "serving_default"
_FLOAT32 = 0
# Operators that cut a tensor into parts -> the input that is cut: SPLIT, SPLIT_V, UNPACK.
_CUTS = {49: 1, 102: 0, 88: 0}
_CHOICES = (55, 57, 64, 123)  # MAXIMUM, MINIMUM, SELECT, SELECT_V2


def parse(content: bytes) -> Any:
    """Return the flatbuffer as a mutable ``ModelT``, which holds all of its constants.

    Some writers put constants behind the flatbuffer, and only their place into it.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(content, 0)
    for buffer in model.buffers:
        if buffer.offset > 1:
            held = content[buffer.offset : buffer.offset + buffer.size]
            buffer.data, buffer.offset, buffer.size = np.frombuffer(held, np.uint8), 0, 0
    return model


def pack(model: Any) -> bytes:
    """Serialize a ``ModelT``; the same object gives the same bytes."""
    import flatbuffers

    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def sign(model: Any, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Write the signature of a parsed model anew, with these names in graph order."""
    from ai_edge_litert import schema_py_generated as schema

    graph = model.subgraphs[0]
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = SIGNATURE, 0
    for key, names, indices in (
        ("inputs", inputs, graph.inputs),
        ("outputs", outputs, graph.outputs),
    ):
        entries = []
        for name, index in zip(names, indices, strict=True):
            entry = schema.TensorMapT()
            entry.name, entry.tensorIndex = name, int(index)
            entries.append(entry)
        setattr(signature, key, entries)
    model.signatureDefs = [signature]


def input_order(model: Any, names: Sequence[str]) -> list[int]:
    """Return, for each graph input in file order, its position in ``names`` (tensor names)."""
    graph = model.subgraphs[0]
    found = [graph.tensors[index].name.decode().removesuffix(":0") for index in graph.inputs]
    return [list(names).index(name) for name in found]


def set_ranges(model: Any, ranges: Mapping[str, tuple[float, float]]) -> int:
    """Write ranges into the float tensors of the main graph; return how many took one."""
    from ai_edge_litert import schema_py_generated as schema

    written = 0
    for tensor in model.subgraphs[0].tensors:
        if tensor.type != _FLOAT32 or (found := ranges.get(tensor.name.decode())) is None:
            continue
        quantization = schema.QuantizationParametersT()
        quantization.min = np.array([found[0]], np.float32)
        quantization.max = np.array([found[1]], np.float32)
        tensor.quantization = quantization
        written += 1
    return written


def share_ranges(model: Any) -> None:
    """Give tensors that an integer kernel wants at one scale one range.

    The parts that a tensor is cut into get its own: with others the converter's quantizer leaves
    dead float operators behind. What a choice chooses from and its result get the union: else the
    quantizer narrows an input to the result, also for whoever else reads it.
    """
    graph = model.subgraphs[0]
    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex]
        kind = max(code.builtinCode, code.deprecatedBuiltinCode)
        if kind in _CUTS:
            source = graph.tensors[operator.inputs[_CUTS[kind]]]
            ranged = source.type == _FLOAT32 and source.quantization is not None
            for index in operator.outputs if ranged else ():
                graph.tensors[index].quantization = source.quantization
        elif kind in _CHOICES:
            _unite(graph, [*operator.inputs, *operator.outputs])


def _unite(graph: Any, indices: Sequence[int]) -> None:
    held = [graph.tensors[i] for i in indices if graph.tensors[i].type == _FLOAT32]
    ranged = [t for t in held if t.quantization is not None and t.quantization.min is not None]
    if not ranged:
        return
    low = min(float(tensor.quantization.min[0]) for tensor in ranged)
    high = max(float(tensor.quantization.max[0]) for tensor in ranged)
    for tensor in ranged:
        tensor.quantization.min = np.array([low], np.float32)
        tensor.quantization.max = np.array([high], np.float32)


def ranges(model: Any) -> dict[str, tuple[float, float]]:
    """Return the calibrated ranges that the tensors of the main graph carry, by tensor name."""
    found = {}
    for tensor in model.subgraphs[0].tensors:
        quantization = tensor.quantization
        if quantization is not None and quantization.min is not None and len(quantization.min) == 1:
            found[tensor.name.decode()] = (float(quantization.min[0]), float(quantization.max[0]))
    return found


def constant(model: Any, index: int) -> NDArray[Any] | None:
    """Return a float32 or integer constant of the main graph, or None where there is none."""
    tensor = model.subgraphs[0].tensors[index]
    data = model.buffers[tensor.buffer].data
    if data is None or tensor.type not in _DTYPES:
        return None
    return np.frombuffer(bytes(data), _DTYPES[tensor.type]).reshape(tensor.shape)


def set_constant(model: Any, index: int, value: NDArray[Any]) -> None:
    """Replace a constant of the main graph by one of the same shape and dtype."""
    tensor = model.subgraphs[0].tensors[index]
    buffer = model.buffers[tensor.buffer]
    buffer.data = np.frombuffer(np.ascontiguousarray(value).tobytes(), np.uint8)


_DTYPES = {0: np.float32, 1: np.float16, 2: np.int32, 4: np.int64, 9: np.int8}


def io_names(model: Any) -> tuple[list[str], list[str]]:
    """Return the signature's input and output names in graph order."""
    graph, signature = model.subgraphs[0], model.signatureDefs[0]
    inputs = {int(entry.tensorIndex): entry.name for entry in signature.inputs}
    outputs: dict[int, list[str]] = {}
    for entry in signature.outputs:
        outputs.setdefault(int(entry.tensorIndex), []).append(_text(entry.name))
    return (
        [_text(inputs[int(index)]) for index in graph.inputs],
        [outputs[int(index)].pop(0) for index in graph.outputs],
    )


def input_tensors(model: Any) -> dict[str, str]:
    """Return the names of the main graph's input tensors, each with its name in the signature."""
    graph = model.subgraphs[0]
    return {
        graph.tensors[index].name.decode(): name
        for index, name in zip(graph.inputs, io_names(model)[0], strict=True)
    }


def signature_order(content: bytes, names: Sequence[str]) -> list[int]:
    """Return, for each graph input in file order, its position in ``names`` (signature names)."""
    found, _ = io_names(parse(content))
    return [list(names).index(name) for name in found]


def rename_io(content: bytes, inputs: Sequence[str], outputs: Sequence[str]) -> bytes:
    """Write the signature of a file anew, with these names in graph order."""
    model = parse(content)
    sign(model, inputs, outputs)
    return pack(model)


def has_loops(content: bytes) -> bool:
    """Whether a file has subgraphs beside its main one: the bodies of loops and branches."""
    from ai_edge_litert import schema_py_generated as schema

    return bool(schema.Model.GetRootAs(content, 0).SubgraphsLength() > 1)


def activation_names(model: Any) -> set[str]:
    """Return the names of the main graph's float tensors that are not constants."""
    return {
        tensor.name.decode()
        for tensor in model.subgraphs[0].tensors
        if tensor.type == _FLOAT32 and model.buffers[tensor.buffer].data is None
    }


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name
