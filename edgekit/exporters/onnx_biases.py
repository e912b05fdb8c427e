"""Moves what follows a one-dimensional convolution into or next to it, where ONNX fuses it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np

_RECTIFIERS = ("Relu", "Clip")


def gather_biases(model: Any) -> Any:
    """Return the model with biases and rectifiers in front of the Squeeze behind a convolution.

    tf2onnx writes a one-dimensional convolution as Unsqueeze, Conv, Squeeze, Add, Relu. Runtimes
    fuse, and quantizers know, Conv with a bias and Relu right behind it. The function is the same.
    ``model`` is changed in place.
    """
    graph = model.graph
    readers: dict[str, list[Any]] = defaultdict(list)
    for node in graph.node:
        for name in node.input:
            readers[name].append(node)
    ends = {output.name for output in graph.output}
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for conv in [node for node in graph.node if node.op_type == "Conv" and len(node.input) == 2]:
        squeeze = _only(conv, readers, ends)
        if squeeze is None or squeeze.op_type != "Squeeze":
            continue
        add = _only(squeeze, readers, ends)
        bias = _bias(add, squeeze.output[0], constants)
        weights = constants.get(conv.input[1])
        if bias is None or weights is None or weights.dims[0] != bias.size:
            continue
        _take_in(graph, conv, squeeze, add, bias)
        readers[add.output[0]] = readers.pop(add.output[0], [])
        after = _only(squeeze, readers, ends)
        if after is not None and after.op_type in _RECTIFIERS:
            _swap(conv, squeeze, after)
    return model


def _only(node: Any, readers: Mapping[str, list[Any]], ends: set[str]) -> Any:
    name = node.output[0]
    found = readers.get(name, [])
    return found[0] if len(found) == 1 and name not in ends else None


def _bias(add: Any, source: str, constants: Mapping[str, Any]) -> Any:
    """Return a constant that is added to the channels of (batch, channels, width), if it is one."""
    from onnx import numpy_helper

    if add is None or add.op_type != "Add":
        return None
    others = [name for name in add.input if name != source]
    if len(others) != 1 or others[0] not in constants:
        return None
    value = numpy_helper.to_array(constants[others[0]])
    is_column = value.ndim in (2, 3) and value.shape[-1] == 1 and value.size == value.shape[-2]
    return np.ascontiguousarray(value.reshape(-1)) if is_column else None


def _take_in(graph: Any, conv: Any, squeeze: Any, add: Any, bias: Any) -> None:
    from onnx import numpy_helper

    name = f"{conv.output[0]}__bias"
    graph.initializer.append(numpy_helper.from_array(bias, name))
    conv.input.append(name)
    squeeze.output[0] = add.output[0]
    graph.node.remove(add)


def _swap(conv: Any, squeeze: Any, after: Any) -> None:
    """Put a rectifier between a convolution and its Squeeze; the two change places in the list."""
    result, between = after.output[0], f"{conv.output[0]}__rectified"
    after.input[0], after.output[0] = conv.output[0], between
    squeeze.input[0], squeeze.output[0] = between, result
    held = type(squeeze)()
    held.CopyFrom(squeeze)
    squeeze.CopyFrom(after)
    after.CopyFrom(held)
