"""Graphs without their large constants, of which TensorFlow makes many copies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

FED_BYTES = 1 << 20
_ALIGNMENT = 64  # of what TensorFlow takes without a copy


def lift(graph: Any) -> dict[str, NDArray[Any]]:
    """Turn the large constants of a GraphDef into placeholders, in place.

    Returns their values by tensor name. Constants in the bodies of functions stay.
    """
    import tensorflow as tf

    values = {
        f"{node.name}:0": _aligned(tf.make_ndarray(node.attr["value"].tensor))
        for node in _large_constants(graph)
    }
    hollow(graph)
    return values


def hollow(graph: Any) -> None:
    """Turn the large constants of a GraphDef into placeholders, in place, and drop their values."""
    for node in _large_constants(graph):
        node.op = "Placeholder"
        node.attr["shape"].shape.CopyFrom(node.attr["value"].tensor.tensor_shape)
        del node.attr["value"]


def put_back(graph: Any, values: Mapping[str, NDArray[Any]]) -> None:
    """Turn placeholders into the constants that ``lift`` took out, in place."""
    import tensorflow as tf

    for node in graph.node:
        value = values.get(f"{node.name}:0")
        if value is not None:
            del node.attr["shape"]
            node.op = "Const"
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))


def _large_constants(graph: Any) -> list[Any]:
    return [
        node
        for node in graph.node
        if node.op == "Const" and len(node.attr["value"].tensor.tensor_content) >= FED_BYTES
    ]


def _aligned(value: NDArray[Any]) -> NDArray[Any]:
    held = np.empty(value.nbytes + _ALIGNMENT, np.uint8)
    start = -held.ctypes.data % _ALIGNMENT
    moved = held[start : start + value.nbytes].view(value.dtype).reshape(value.shape)
    moved[...] = value
    return moved
