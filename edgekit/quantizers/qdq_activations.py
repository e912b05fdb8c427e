"""Keeps rectifiers in a QDQ model where the grid behind them does not do their work."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

Ranges = Mapping[str, tuple[float, float]]
_LEVELS = 255
_ROUNDING = ("QuantizeLinear", "DequantizeLinear")


def not_cut_by_grid(model: Any, ranges: Ranges) -> set[str]:
    """Name the nodes ``Relu`` and ``Clip`` whose outputs have a wider range than they give.

    ONNX Runtime's quantizer drops such nodes, since rounding to a range of calibration cuts off
    the same. Not so where the range is shared with other tensors, as at a concatenation.
    """
    from onnx import numpy_helper

    constants = {item.name: item for item in model.graph.initializer}

    def limit(node: Any, place: int, usual: float) -> float:
        name = node.input[place] if len(node.input) > place else ""
        return float(numpy_helper.to_array(constants[name])) if name in constants else usual

    found = set()
    for node in model.graph.node:
        if node.op_type not in ("Relu", "Clip") or node.output[0] not in ranges:
            continue
        low, high = ranges[node.output[0]]
        least = 0.0 if node.op_type == "Relu" else limit(node, 1, -np.inf)
        most = np.inf if node.op_type == "Relu" else limit(node, 2, np.inf)
        step = (high - low) / _LEVELS
        if low < least - step or high > most + step:
            found.add(node.name)
    return found


def unrounded_before(model: Any, names: Collection[str]) -> None:
    """Take the rounding off that was put before some nodes, in place, where nobody else reads it.

    Runtimes round once, behind a rectifier.
    """
    makers = {node.output[0]: node for node in model.graph.node}
    passed = []
    for node in model.graph.node:
        back = makers.get(node.input[0]) if node.name in names else None
        forth = makers.get(back.input[0]) if back is not None else None
        if back is None or forth is None or (forth.op_type, back.op_type) != _ROUNDING:
            continue
        node.input[0] = forth.input[0]
        passed += [back, forth]
    for unused in passed:
        read = {name for node in model.graph.node for name in node.input}
        if unused.output[0] not in read | {output.name for output in model.graph.output}:
            model.graph.node.remove(unused)
