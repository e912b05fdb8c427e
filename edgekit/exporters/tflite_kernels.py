"""Writes dilated transposed convolutions with kernels that have zeros in between."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_KIND = "Conv2DBackpropInput"


def spread_dilations(graph: Any) -> None:
    """Let no transposed convolution of a frozen GraphDef be dilated, in place.

    A kernel of size k at dilation d is one of size (k - 1) d + 1 whose new entries are zero: the
    same sums, in an operator that TFLite has. Kernels that are no constants stay as they are.
    """
    import tensorflow as tf

    nodes = {node.name: node for node in graph.node}
    for node in [node for node in graph.node if node.op == _KIND]:
        rates = list(node.attr["dilations"].list.i) or [1, 1, 1, 1]
        held = _constant(nodes, node.input[1])
        if node.attr["data_format"].s != b"NHWC" or rates[1:3] == [1, 1] or held is None:
            continue
        spread = tf.make_tensor_proto(spread_kernel(held, rates[1], rates[2]))
        made = graph.node.add(op="Const", name=f"{node.name}/spread_kernel")
        made.attr["dtype"].type = spread.dtype
        made.attr["value"].tensor.CopyFrom(spread)
        node.input[1] = made.name
        node.attr["dilations"].list.i[:] = [1, 1, 1, 1]


def spread_kernel(kernel: NDArray[Any], rows: int, columns: int) -> NDArray[Any]:
    """Put zeros between the rows and columns of a kernel (height, width, out, in)."""
    height, width, *others = kernel.shape
    spread = np.zeros(((height - 1) * rows + 1, (width - 1) * columns + 1, *others), kernel.dtype)
    spread[::rows, ::columns] = kernel
    return spread


def _constant(nodes: dict[str, Any], name: str) -> NDArray[Any] | None:
    """Return a constant, also one that was given another axis: so come those of one dimension."""
    import tensorflow as tf

    node = nodes.get(name.partition(":")[0])
    if node is None:
        return None
    if node.op == "Const":
        return np.asarray(tf.make_ndarray(node.attr["value"].tensor))
    inner = _constant(nodes, node.input[0]) if node.op in ("Identity", "ExpandDims") else None
    if inner is None or node.op == "Identity":
        return inner
    axis = _constant(nodes, node.input[1])
    return None if axis is None else np.expand_dims(inner, int(axis))
