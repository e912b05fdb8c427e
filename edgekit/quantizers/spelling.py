"""Spells float TFLite operators that have no integer kernel with others that have one."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgekit.formats import tflite, tflite_edit

_INT32 = 2
_RELU6 = 3  # in the schema's ActivationFunctionType
_VALID = 1  # in its Padding


def respell(content: bytes, *, wide: bool = False) -> bytes:
    """Return a float file that computes the same with operators that quantizers know.

    SQUARE(x) becomes MUL(x, x), NEG(x) becomes MUL(x, -1), and DIV(a, b) becomes
    MUL(a, DIV(1, b)): a function of one number, which ``tables`` can write down. For ``wide``
    (16-bit) activations, which no table can, DIV stays, and SQUARED_DIFFERENCE and HARD_SWISH
    are spelled out. SPLIT with a part that nobody reads, which the converter's quantizer leaves in
    float, becomes a SLICE for each part that is read. AVERAGE_POOL_2D over the whole map becomes
    MEAN, whose result may have a scale of its own: means are a fraction of the values that they
    are of, and steps as coarse as those lose several bits.
    """
    spellings = _WIDE_SPELLINGS if wide else _SPELLINGS
    model = tflite.parse(content)
    graph = model.subgraphs[0]
    made: list[Any] = []
    for operator in graph.operators:
        spell = spellings.get(tflite_edit.kind(model, operator))
        made += spell(model, operator) if spell and _is_real(graph, operator) else [operator]
    if all(one is other for one, other in zip(made, graph.operators, strict=False)):
        return content
    graph.operators = made
    tflite_edit.drop_unused_codes(model)
    return tflite.pack(model)


def _is_real(graph: Any, operator: Any) -> bool:
    return bool(graph.tensors[operator.outputs[0]].type == 0)


def respell_lookups(content: bytes) -> bytes:
    """Return a float file in which EMBEDDING_LOOKUP reads tables, where GATHER did.

    litert-quantizer stores the tables of the former as integers, those of the latter not.
    """
    model = tflite.parse(content)
    graph = model.subgraphs[0]
    made: list[Any] = []
    for operator in graph.operators:
        is_lookup = tflite_edit.kind(model, operator) == "GATHER" and _is_table(model, operator)
        made += _lookup(model, operator) if is_lookup else [operator]
    if len(made) == len(graph.operators):
        return content
    graph.operators = made
    tflite_edit.drop_unused_codes(model)
    return tflite.pack(model)


def _is_table(model: Any, operator: Any) -> bool:
    table = tflite.constant(model, operator.inputs[0])
    index = model.subgraphs[0].tensors[operator.inputs[1]]
    options = operator.builtinOptions
    plain = options is None or (options.axis == 0 and not options.batchDims)
    return (
        table is not None
        and table.dtype == np.float32
        and table.ndim == 2
        and (plain and index.type == _INT32)
    )


def _lookup(model: Any, operator: Any) -> list[Any]:
    tensors = model.subgraphs[0].tensors
    table, index = operator.inputs
    result = tensors[operator.outputs[0]]
    name, count = result.name.decode(), int(np.prod(tensors[index].shape, initial=1))
    flat = tflite_edit.tensor(model, f"{name};flat", [count], "int32")
    width = int(tensors[table].shape[1])
    rows = tflite_edit.tensor(model, f"{name};rows", [count, width], "float32")
    return [
        _reshape(model, index, flat, [count]),
        tflite_edit.operator(model, "EMBEDDING_LOOKUP", [flat, table], [rows]),
        _reshape(model, rows, int(operator.outputs[0]), [int(size) for size in result.shape]),
    ]


def _reshape(model: Any, source: int, result: int, shape: list[int]) -> Any:
    options = _options("ReshapeOptionsT")
    options.newShape = np.array(shape, np.int32)
    name = f"{model.subgraphs[0].tensors[result].name.decode()};shape"
    wanted = tflite_edit.tensor(model, name, [len(shape)], "int32", value=np.array(shape, np.int32))
    return tflite_edit.operator(model, "RESHAPE", [source, wanted], [result], options)


def _split(model: Any, operator: Any) -> list[Any]:
    graph = model.subgraphs[0]
    read = {int(index) for other in graph.operators for index in other.inputs}
    read.update(int(index) for index in graph.outputs)
    axis = tflite.constant(model, operator.inputs[0])
    if axis is None or read.issuperset(int(index) for index in operator.outputs):
        return [operator]
    source, made = int(operator.inputs[1]), []
    for number, output in enumerate(operator.outputs):
        shape = [int(size) for size in graph.tensors[output].shape]
        begin = [0] * len(shape)
        begin[int(axis.ravel()[0])] = number * shape[int(axis.ravel()[0])]
        if int(output) in read:
            made.append(_slice(model, source, int(output), (begin, shape)))
    return made


def _slice(model: Any, source: int, output: int, place: tuple[list[int], list[int]]) -> Any:
    name = model.subgraphs[0].tensors[output].name.decode()
    begin, size = (
        tflite_edit.tensor(model, f"{name};{what}", [len(value)], "int32", value=np.array(value))
        for what, value in zip(("begin", "size"), place, strict=True)
    )
    options = _options("SliceOptionsT")
    return tflite_edit.operator(model, "SLICE", [source, begin, size], [output], options)


def _pool(model: Any, operator: Any) -> list[Any]:
    tensors, options = model.subgraphs[0].tensors, operator.builtinOptions
    (source,) = operator.inputs
    window = [options.filterHeight, options.filterWidth]
    whole = [int(size) for size in tensors[source].shape[1:3]]
    if window != whole or options.padding != _VALID or options.fusedActivationFunction:
        return [operator]
    name = f"{tensors[operator.outputs[0]].name.decode()};axes"
    axes = tflite_edit.tensor(model, name, [2], "int32", value=np.array([1, 2]))
    reducer = _options("ReducerOptionsT")
    reducer.keepDims = True
    return [tflite_edit.operator(model, "MEAN", [source, axes], list(operator.outputs), reducer)]


def _square(model: Any, operator: Any) -> list[Any]:
    (value,) = operator.inputs
    return [_multiply(model, [value, value], operator.outputs)]


def _negate(model: Any, operator: Any) -> list[Any]:
    minus = _scalar(model, operator, -1.0)
    return [_multiply(model, [operator.inputs[0], minus], operator.outputs)]


def _difference(model: Any, operator: Any) -> list[Any]:
    tensors = model.subgraphs[0].tensors
    result = tensors[operator.outputs[0]]
    shape, name = list(result.shape), f"{result.name.decode()};difference"
    between = tflite_edit.tensor(model, name, shape, "float32")
    inputs = list(operator.inputs)
    subtract = tflite_edit.operator(model, "SUB", inputs, [between], _options("SubOptionsT"))
    return [subtract, _multiply(model, [between, between], operator.outputs)]


def _hard_swish(model: Any, operator: Any) -> list[Any]:
    """Write x * relu6(x + 3) / 6 (Howard et al. 2019, section 5.2)."""
    (value,), result = operator.inputs, model.subgraphs[0].tensors[operator.outputs[0]]
    shape, name = list(result.shape), result.name.decode()
    gate = tflite_edit.tensor(model, f"{name};gate", shape, "float32")
    share = tflite_edit.tensor(model, f"{name};share", shape, "float32")
    three, sixth = _scalar(model, operator, 3.0), _scalar(model, operator, 1 / 6)
    add = _options("AddOptionsT")
    add.fusedActivationFunction = _RELU6
    return [
        tflite_edit.operator(model, "ADD", [value, three], [gate], add),
        _multiply(model, [gate, sixth], [share]),
        _multiply(model, [value, share], operator.outputs),
    ]


def _divide(model: Any, operator: Any) -> list[Any]:
    above, below = operator.inputs
    if tflite.constant(model, above) is not None or tflite.constant(model, below) is not None:
        return [operator]
    graph = model.subgraphs[0]
    place = graph.tensors[below]
    name = f"{graph.tensors[operator.outputs[0]].name.decode()};reciprocal"
    inverse = tflite_edit.tensor(model, name, list(place.shape), "float32")
    one = _scalar(model, operator, 1.0)
    divide = tflite_edit.operator(model, "DIV", [one, below], [inverse], _options("DivOptionsT"))
    return [divide, _multiply(model, [above, inverse], operator.outputs)]


def _scalar(model: Any, operator: Any, value: float) -> int:
    owner = model.subgraphs[0].tensors[operator.outputs[0]].name.decode()
    array = np.array(value, np.float32)
    return tflite_edit.tensor(model, f"{owner};{value:g}", [], "float32", value=array)


def _multiply(model: Any, inputs: list[int], outputs: Any) -> Any:
    return tflite_edit.operator(model, "MUL", inputs, list(outputs), _options("MulOptionsT"))


def _options(name: str) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    return getattr(schema, name)()


_WIDE_SPELLINGS = {
    "SQUARE": _square,
    "NEG": _negate,
    "SQUARED_DIFFERENCE": _difference,
    "HARD_SWISH": _hard_swish,
    "SPLIT": _split,
}
_SPELLINGS = {
    "SQUARE": _square,
    "NEG": _negate,
    "DIV": _divide,
    "SPLIT": _split,
    "AVERAGE_POOL_2D": _pool,
}
