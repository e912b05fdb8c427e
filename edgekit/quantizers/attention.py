"""Spreads OpenVINO's fused attention into the products that it is made of."""

from __future__ import annotations

from typing import Any

import numpy as np


def spread_attention(model: Any) -> None:
    """Write each ScaledDotProductAttention of an ``openvino.Model`` as two products, in place.

    softmax(q k^T * scale + mask) v (Vaswani et al. 2017, eq. 1). No quantizer enters the fused
    operator. Causal ones and ones with masks of bits are left alone.
    """
    for node in model.get_ordered_ops():
        if node.get_type_name() != "ScaledDotProductAttention":
            continue
        sources = [port.get_source_output() for port in node.inputs()]
        mask = sources[3] if len(sources) > 3 else None
        bits = mask is not None and not mask.get_element_type().is_real()
        if node.get_attributes().get("causal") or bits:
            continue
        _replace(node, sources, mask)


def _replace(node: Any, sources: list[Any], mask: Any) -> None:
    from openvino import opset13 as ops

    query, keys, values = sources[:3]
    scale: Any = sources[4] if len(sources) > 4 else None
    if scale is None:
        width = int(query.get_partial_shape()[-1].get_length())
        scale = ops.constant(np.array(width**-0.5, np.float32))
    scores = ops.matmul(ops.multiply(query, scale), keys, False, True)
    if mask is not None and not _is_zero(mask):
        scores = ops.add(scores, mask)
    spread = ops.matmul(ops.softmax(scores, -1), values, False, False)
    spread.set_friendly_name(node.get_friendly_name())
    node.output(0).replace(spread.output(0))


def _is_zero(port: Any) -> bool:
    source = port.get_node()
    return source.get_type_name() == "Constant" and not np.any(source.data)
