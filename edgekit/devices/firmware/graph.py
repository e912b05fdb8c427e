"""Prepares ONNX graphs for being written as C; runs where ONNX and ONNX Runtime are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from edgekit.errors import ArtifactError
from edgekit.extras import load

_HEAVY = ("Conv", "ConvTranspose", "Gemm", "MatMul", "FusedConv", "FusedGemm", "FusedMatMul",
          "LSTM", "GRU", "RNN")  # fmt: skip
# What they give has a size that depends on values.
_UNSIZED = ("Compress", "NonMaxSuppression", "NonZero", "Unique")
_QUANTIZING = ("QuantizeLinear", "DequantizeLinear")


def fixed(path: Path) -> Any:
    """Return the model with a batch of 1, all constants inside.

    Raises:
        ArtifactError: another dimension is open, a size depends on values, or there are subgraphs.
    """
    model = load("onnx").load(str(path))
    graph = model.graph
    if any(attribute.HasField("g") for node in graph.node for attribute in node.attribute):
        raise ArtifactError("it holds loops or branches")
    if found := [node.op_type for node in graph.node if node.op_type in _UNSIZED]:
        raise ArtifactError(f"the size of what {found[0]} gives depends on values")
    for value in _fed(graph):
        sizes = value.type.tensor_type.shape.dim
        for place, size in enumerate(sizes):
            if size.HasField("dim_value") and size.dim_value > 0:
                continue
            if place:
                raise ArtifactError(
                    f"input {value.name!r} has an open dimension; fix it in the file"
                )
            size.dim_value = 1
        if not sizes:
            raise ArtifactError(f"input {value.name!r} is a scalar")
    for value in graph.output:
        value.type.tensor_type.ClearField("shape")
    return model


def in_integers(model: Any, place: Path) -> tuple[Any, bool]:
    """Return the model with quantizing operators fused into integer ones, and whether any was.

    ONNX Runtime does that when it loads a file, by rules that keep the result.
    """
    if not any(node.op_type in _QUANTIZING for node in model.graph.node):
        return model, False
    runtime = load("onnxruntime")
    options = _quiet_options(runtime)
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    # As on Arm: without it hosts with x86 processors move int8 to uint8, and fuse less.
    options.add_session_config_entry("session.qdqisint8allowed", "1")
    options.optimized_model_filepath = str(place)
    _session(runtime, model, options)
    fused = load("onnx").load(str(place))
    integer = [node for node in fused.graph.node if node.op_type.startswith("Q")]
    return fused, any(node.op_type not in _QUANTIZING for node in integer)


def tell_shapes(model: Any) -> None:
    """Write type and shape of every tensor into the model: those of one inference.

    Raises:
        ArtifactError: the file does not run.
    """
    onnx, runtime = load("onnx"), load("onnxruntime")
    graph = model.graph
    ends = [value.name for value in graph.output]
    everything = onnx.ModelProto()
    everything.CopyFrom(model)
    names = dict.fromkeys(name for node in graph.node for name in node.output if name)
    del everything.graph.output[:]
    everything.graph.output.extend(onnx.helper.make_empty_tensor_value_info(n) for n in names)
    options = _quiet_options(runtime)
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = _session(runtime, everything, options)
    found = session.run(None, {value.name: _zeros(onnx, value) for value in _fed(graph)})
    told = {
        name: onnx.helper.make_tensor_value_info(
            name, onnx.helper.np_dtype_to_tensor_dtype(value.dtype), value.shape
        )
        for name, value in zip(names, found, strict=True)
    }
    if missing := [name for name in ends if name not in told]:
        raise ArtifactError(f"output {missing[0]!r} is computed by no operator")
    del graph.value_info[:], graph.output[:]
    graph.output.extend(told[name] for name in ends)
    graph.value_info.extend(value for name, value in told.items() if name not in ends)


def is_quantized(model: Any) -> bool:
    """Whether any operator quantizes, or computes in integers of a scale."""
    return any(node.op_type in _QUANTIZING for node in model.graph.node)


def left_in_float(model: Any) -> tuple[str, ...]:
    """Name the operators that multiply in float."""
    return tuple(f"{n.op_type} ({n.name})" for n in model.graph.node if n.op_type in _HEAVY)


def forget_names(model: Any) -> None:
    """Replace every name and text of the file by ours: they become C, and must not be obeyed."""
    graph = model.graph
    names: dict[str, str] = {}

    def ours(name: str) -> str:
        return names.setdefault(name, f"t{len(names)}") if name else ""

    for value in [*graph.input, *graph.output, *graph.value_info, *graph.initializer]:
        value.name, value.doc_string = ours(value.name), ""
        _forget_dimensions(value)
    for number, node in enumerate(graph.node):
        node.input[:], node.output[:] = map(ours, node.input), map(ours, node.output)
        node.name, node.doc_string = f"n{number}", ""
    used = {node.domain for node in graph.node} | {""}
    kept = [opset for opset in model.opset_import if opset.domain in used]
    del model.opset_import[:], model.metadata_props[:], model.functions[:]
    model.opset_import.extend(kept)
    model.producer_name = model.producer_version = model.domain = model.doc_string = ""
    graph.name, graph.doc_string = "net", ""
    for annotated in ("quantization_annotation", "metadata_props"):
        graph.ClearField(annotated)


def _forget_dimensions(value: Any) -> None:
    for size in value.type.tensor_type.shape.dim if hasattr(value, "type") else ():
        size.ClearField("denotation")


def _fed(graph: Any) -> list[Any]:
    constants = {tensor.name for tensor in graph.initializer}
    return [value for value in graph.input if value.name not in constants]


def _zeros(onnx: Any, value: Any) -> Any:
    kind = value.type.tensor_type
    dtype = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)
    if dtype.kind not in "fiub":
        raise ArtifactError(f"input {value.name!r} holds {dtype}, expected numbers")
    return np.zeros([size.dim_value for size in kind.shape.dim], dtype)


def _quiet_options(runtime: Any) -> Any:
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return options


def _session(runtime: Any, model: Any, options: Any) -> Any:
    return runtime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
