"""Spells out, with operators that ONNX has, what tf2onnx leaves in a file or gets wrong."""

from __future__ import annotations

from typing import Any

import numpy as np

_INT32 = 6  # in onnx.TensorProto
# What ONNX lacks -> the operator that comes near, and on which side of it the constant 1 belongs.
_AROUND_ONE = {"Erfc": ("1 - f", "Erf"), "Expm1": ("f - 1", "Exp"), "Log1p": ("f(1 + x)", "Log")}


def spell_out(graph: Any) -> None:
    """Rewrite a graph in place: erfc, expm1, log1p, searches among boundaries, and Gemm.

    tf2onnx fuses a product and a bias into Gemm whatever the rank; Gemm takes matrices only.
    ONNX Runtime fuses those of two dimensions again.
    """
    made: list[Any] = []
    for node in graph.node:
        if node.op_type in _AROUND_ONE:
            made += _around_one(graph, node)
        elif node.op_type == "Bucketize":
            made += _bucketized(graph, node)
        elif node.op_type == "Gemm":
            made += _product(graph, node)
        else:
            made.append(node)
    del graph.node[:]
    graph.node.extend(made)


def _around_one(graph: Any, node: Any) -> list[Any]:
    form, kind = _AROUND_ONE[node.op_type]
    (value,), (result,) = node.input, node.output
    one = _constant(graph, f"{result}__one", np.array(1, np.float32))
    inner = f"{result}__inner"
    if form == "f(1 + x)":
        return [_node("Add", [value, one], inner), _node(kind, [inner], result)]
    pair = [one, inner] if form == "1 - f" else [inner, one]
    return [_node(kind, [value], inner), _node("Sub", pair, result)]


def _bucketized(graph: Any, node: Any) -> list[Any]:
    """Count the boundaries that a number is not below."""
    bounds = next(list(a.floats) for a in node.attribute if a.name == "boundaries")
    (value,), (result,) = node.input, node.output
    last = _constant(graph, f"{result}__axis", np.array([-1], np.int64))
    held = _constant(graph, f"{result}__boundaries", np.array(bounds, np.float32))
    names = [f"{result}__{part}" for part in ("apart", "reached", "ones")]
    cast = _node("Cast", [names[1]], names[2])
    cast.attribute.extend([_attribute("to", _INT32)])
    count = _node("ReduceSum", [names[2], last], result, node.name)
    count.attribute.extend([_attribute("keepdims", 0)])
    return [
        _node("Unsqueeze", [value, last], names[0]),
        _node("GreaterOrEqual", [names[0], held], names[1]),
        cast,
        count,
    ]


def _product(graph: Any, node: Any) -> list[Any]:
    from onnx import numpy_helper

    options = {a.name: a.f if a.name in ("alpha", "beta") else a.i for a in node.attribute}
    weights = next((item for item in graph.initializer if item.name == node.input[1]), None)
    plain = options.get("alpha", 1) == 1 and options.get("beta", 1) == 1
    if weights is None or not plain or options.get("transA", 0):
        return [node]
    name = weights.name
    if options.get("transB", 0):
        turned = numpy_helper.to_array(weights).T
        name = _constant(graph, f"{node.output[0]}__weights", turned)
    if len(node.input) < 3 or not node.input[2]:
        return [_node("MatMul", [node.input[0], name], node.output[0], node.name)]
    inner = f"{node.output[0]}__product"
    return [
        _node("MatMul", [node.input[0], name], inner, node.name),
        _node("Add", [inner, node.input[2]], node.output[0], f"{node.name}__bias"),
    ]


def _constant(graph: Any, name: str, value: Any) -> str:
    from onnx import numpy_helper

    graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
    return name


def _node(kind: str, inputs: list[str], output: str, name: str = "") -> Any:
    from onnx import helper

    return helper.make_node(kind, inputs, [output], name=name or None)


def _attribute(name: str, value: int) -> Any:
    from onnx import helper

    return helper.make_attribute(name, value)
