"""Writes a trace as float ONNX."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from edgekit.errors import ExportError, one_line
from edgekit.exporters.onnx_conversion import converted
from edgekit.exporters.onnx_spelling import spell_out
from edgekit.extras import load
from edgekit.formats import exact_names
from edgekit.trace import Trace

OPSET = 18
# The smallest normal float32. ONNX Runtime folds a Pad by exactly 0 into the MaxPool behind it,
# which pads with minus infinity: wrong wherever activations are negative.
_ALMOST_ZERO = 2.0**-126


def export(trace: Trace, *, keep_transposes: bool = False) -> Any:
    """Convert a trace to an ``onnx.ModelProto`` whose inputs and outputs carry the Keras names.

    tf2onnx moves transposes about to be rid of them, and gets some wrong where a picture has
    shrunk to one pixel; ``keep_transposes`` leaves that to ONNX Runtime.

    Raises:
        MissingExtra: the extra ``onnx`` is not installed.
        ExportError: an operator has no ONNX form.
    """
    onnx, _ = load("onnx"), load("tf2onnx")
    try:
        model = converted(trace, OPSET, keep_transposes=keep_transposes)
    except Exception as error:
        raise ExportError(
            f"no ONNX file can be made: {one_line(error)}; replace the layers that need it, or "
            "choose a target of another format"
        ) from error
    names = dict(zip(trace.input_tensors, (spec.name for spec in trace.inputs), strict=True))
    names |= dict(zip(trace.output_tensors, (spec.name for spec in trace.outputs), strict=True))
    _rename(model.graph, names)
    spell_out(model.graph)
    _keep_padding_apart(model.graph)
    if exact_names.look_decorated(names.values()):
        exact_names.mark_onnx(model)
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        reason = one_line(error)
        if missing := re.findall(r"No Op registered for (\w+)", reason):
            reason = f"ONNX has no operator for {missing[0]}"
        raise ExportError(
            f"no valid ONNX file can be made: {reason}; replace the layers that need it, or "
            "choose a target of another format"
        ) from error
    return model


def in_half_precision(source: Path, destination: Path) -> None:
    """Write a float ONNX file again in float16; inputs and outputs stay float32.

    Raises:
        MissingExtra: the extra ``onnx`` is not installed.
        ExportError: the model holds values that half precision cannot.
    """
    onnx, float16 = load("onnx"), load("onnxruntime.transformers.float16")
    try:
        model = float16.convert_float_to_float16(onnx.load(str(source)), keep_io_types=True)
    except Exception as error:
        raise ExportError(
            f"no float16 ONNX file can be made: {one_line(error)}; choose onnx-fp32 or onnx-int8"
        ) from error
    onnx.save(model, str(destination))


def _rename(graph: Any, names: dict[str, str]) -> None:
    """Rename values everywhere; a value that already holds a wanted name steps aside."""
    taken = set(names.values()) - set(names)
    moved = dict(names)
    for node in graph.node:
        for value in (*node.input, *node.output):
            if value in taken:
                moved.setdefault(value, f"{value}__inner")
    for initializer in graph.initializer:
        if initializer.name in taken:
            moved.setdefault(initializer.name, f"{initializer.name}__inner")
    for values in (graph.input, graph.output, graph.value_info, graph.initializer):
        for value in values:
            value.name = moved.get(value.name, value.name)
    for node in graph.node:
        node.input[:] = [moved.get(name, name) for name in node.input]
        node.output[:] = [moved.get(name, name) for name in node.output]


def _keep_padding_apart(graph: Any) -> None:
    """Make sure that no optimizer folds a zero padding into the max pooling behind it."""
    import numpy as np
    import onnx

    consumers: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            consumers.setdefault(name, []).append(node)
    for node in graph.node:
        if node.op_type != "Pad" or not _reaches_max_pool(node.output[0], consumers):
            continue
        while len(node.input) < 3:
            node.input.append("")
        name = f"{node.output[0]}__value"
        node.input[2] = name
        graph.initializer.append(
            onnx.numpy_helper.from_array(np.array(_ALMOST_ZERO, np.float32), name)
        )


def _reaches_max_pool(value: str, consumers: dict[str, list[Any]]) -> bool:
    for node in consumers.get(value, []):
        if node.op_type == "MaxPool":
            return True
        if node.op_type in ("Transpose", "Identity") and _reaches_max_pool(
            node.output[0], consumers
        ):
            return True
    return False
