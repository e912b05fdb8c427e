"""Lets integers that are moved about before they are read as indices stay integers."""

from __future__ import annotations

from typing import Any

_MOVING = ("Reshape", "ExpandDims", "Squeeze", "Transpose", "Tile", "Identity")


def keep_integers(graph: Any) -> None:
    """Move int32 inputs of a frozen GraphDef as they are, in place, where Keras casts them twice.

    Keras makes every input what its model declares, float32 unless told otherwise, and embeddings
    make it an integer again. What only moves numbers in between does so with integers too.
    """
    import tensorflow as tf

    whole, real = tf.int32.as_datatype_enum, tf.float32.as_datatype_enum
    nodes = {node.name: node for node in graph.node}
    readers: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(_node(name), []).append(node)
    for node in graph.node:
        first = nodes[_node(node.input[0])] if node.input else None
        if node.op != "Cast" or first is None or first.op != "Placeholder":
            continue
        if (node.attr["SrcT"].type, node.attr["DstT"].type) != (whole, real):
            continue
        between = _between(node, readers, whole)
        if between:
            node.attr["DstT"].type = whole
            for other in between:
                other.attr["SrcT" if other.op == "Cast" else "T"].type = whole


def _between(node: Any, readers: dict[str, list[Any]], whole: int) -> list[Any]:
    """Return what reads a node, down to the casts to int32; nothing where others read it too."""
    found, open_ends = [], list(readers.get(node.name, []))
    while open_ends:
        reader = open_ends.pop()
        found.append(reader)
        if reader.op in _MOVING and readers.get(reader.name):
            open_ends += readers[reader.name]
        elif reader.op != "Cast" or reader.attr["DstT"].type != whole:
            return []
    return found


def _node(name: str) -> str:
    return name.removeprefix("^").partition(":")[0]
