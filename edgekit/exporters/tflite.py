"""Writes a trace as float TFLite."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

from edgekit.artifact import TensorSpec
from edgekit.errors import ExportError
from edgekit.exporters.tflite_kernels import spread_dilations
from edgekit.formats import tflite
from edgekit.trace import Trace


def export(trace: Trace, *, weights: Literal["float32", "float16"] = "float32") -> bytes:
    """Convert a trace to a TFLite flatbuffer of builtin operators.

    Inputs and outputs carry the Keras names. With ``weights="float16"`` constants are stored in
    half precision and computed with in float32.

    Raises:
        ExportError: an operator has no TFLite builtin; the message names the operators.
    """
    import tensorflow as tf

    definition = trace.graph_def()
    spread_dilations(definition)
    # The same converter by its older door: from_concrete_functions would freeze the graph again.
    # Of its ends it takes names, types and shapes, so that others of the same name will do.
    with tf.Graph().as_default():
        inputs = _placeholders(trace.input_tensors, trace.inputs)
        outputs = _placeholders(trace.output_tensors, trace.outputs)
    converter = tf.compat.v1.lite.TFLiteConverter(definition, inputs, outputs)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if weights == "float16":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    try:
        content = converter.convert()
    except Exception as error:
        raise ExportError(
            f"no TFLite file can be made: {_first_reason(error)}; replace the layers that need it, "
            "or choose a target of another format"
        ) from error
    return named(content, trace)


def _placeholders(names: Sequence[str], specs: Sequence[TensorSpec]) -> list[Any]:
    import tensorflow as tf

    return [
        tf.compat.v1.placeholder(spec.dtype, spec.shape, name=name.removesuffix(":0"))
        for name, spec in zip(names, specs, strict=True)
    ]


def named(content: bytes, trace: Trace) -> bytes:
    """Give a converted file the Keras names of its trace."""
    model = tflite.parse(content)
    placeholders = [name.removesuffix(":0") for name in trace.input_tensors]
    inputs = [trace.inputs[i].name for i in tflite.input_order(model, placeholders)]
    tflite.sign(model, inputs, [spec.name for spec in trace.outputs])
    return tflite.pack(model)


def _first_reason(error: Any) -> str:
    text = str(error)
    if missing := sorted(set(re.findall(r"'tf\.(\w+)' op is neither a custom op", text))):
        return f"TFLite has no operator for {', '.join(missing)}"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if "error:" in line or "Flex ops" in line or "ops:" in line]
    return (telling or lines or [type(error).__name__])[0][:400]
