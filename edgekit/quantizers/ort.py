"""Quantizes a float ONNX model with ONNX Runtime's static QDQ, on ranges and biases of ours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.errors import ExportError, QuantizeError, one_line
from edgekit.extras import load
from edgekit.files import scratch
from edgekit.quantizers.qdq_activations import not_cut_by_grid, unrounded_before
from edgekit.quantizers.qdq_memory import Memory
from edgekit.quantizers.rounding import Correction, bias_shift, on_grid

Ranges = Mapping[str, tuple[float, float]]

# Largest stored weight: full range, and the 7 bits in which no 16-bit pair sum can saturate.
FULL_TOP, REDUCED_TOP = 127, 64
_OUTPUT_AXIS = {"Conv": 0, "Gemm": 1, "MatMul": 1}


def fold(model: Any) -> Any:
    """Return the model after ONNX Runtime's basic rewriting: batch norm folded, constants computed.

    Raises:
        MissingExtra: onnxruntime is not installed.
        ExportError: ONNX Runtime cannot read the model.
    """
    onnx, ort = _libraries()
    with scratch() as folder:
        path = folder / "folded.onnx"
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(path)
        options.log_severity_level = 3
        content, providers = model.SerializeToString(), ["CPUExecutionProvider"]
        del model  # as large as what is to come
        try:
            ort.InferenceSession(content, options, providers=providers)
        except Exception as error:
            reason = one_line(error)
            raise ExportError(f"ONNX Runtime cannot read what was made: {reason}") from error
        del content
        return onnx.load(str(path))


def quantize(
    model: Any, ranges: Ranges, *, reduce_range: bool, memory: Memory | None = None
) -> Any:
    """Quantize to int8 weights (per channel) and 8-bit activations in QDQ form.

    Activations are stored unsigned, which is the same grid with zero points 128 higher: ONNX
    Runtime has integer kernels for these on every processor. On x86 it runs what has signed
    activations in float where an activation has several readers, as at residual connections.

    ``model`` is left alone. A node whose activations have no range stays in float.

    Args:
        model: An ``onnx.ModelProto``.
        ranges: Of the activations, by name.
        reduce_range: Whether weights stay within 7 bits.
        memory: Of the same model, quantized before with the same ``reduce_range``.

    Raises:
        QuantizeError: ONNX Runtime refuses.
    """
    _libraries()
    from onnxruntime.quantization import QuantType
    from onnxruntime.quantization.calibrate import CalibrationMethod, TensorData, TensorsData
    from onnxruntime.quantization.registry import QDQRegistry

    memory = memory or Memory()
    copied = type(model)()
    copied.CopyFrom(model)
    data = {name: TensorData(lowest=np.float32(low), highest=np.float32(high))
            for name, (low, high) in ranges.items()}  # fmt: skip
    known = _rangeable(copied, set(ranges))
    uncut = not_cut_by_grid(copied, ranges)
    try:
        quantizer = memory.quantizer()(
            copied,
            per_channel=True,
            reduce_range=reduce_range,
            weight_qType=QuantType.QInt8,
            activation_qType=QuantType.QUInt8,
            tensors_range=TensorsData(CalibrationMethod.MinMax, data),
            nodes_to_quantize=[name for name in known if name not in uncut],
            nodes_to_exclude=[],
            op_types_to_quantize=list(QDQRegistry),
            extra_options={"ActivationSymmetric": False, "WeightSymmetric": True},
        )
        with memory.rounding():
            quantizer.quantize_model()
        unrounded_before(quantizer.model.model, uncut)
        quantizer.model.topological_sort()  # ONNX wants it, ONNX Runtime alone does not
    except Exception as error:
        raise QuantizeError(f"ONNX Runtime refuses: {one_line(error)}") from error
    return quantizer.model.model


def quantize_dynamic(source: Path, destination: Path, *, reduce_range: bool) -> None:
    """Store weights as int8, per channel; activations are quantized anew at every inference.

    Raises:
        QuantizeError: ONNX Runtime refuses.
    """
    _libraries()
    from onnxruntime.quantization import QuantType
    from onnxruntime.quantization import quantize_dynamic as dynamic

    try:
        dynamic(
            source,
            destination,
            per_channel=True,
            reduce_range=reduce_range,
            weight_type=QuantType.QInt8,
        )
    except Exception as error:
        raise QuantizeError(f"ONNX Runtime refuses: {one_line(error)}") from error


def correct(
    model: Any, means: Mapping[str, NDArray[np.float32]], *, reduce_range: bool
) -> list[Correction]:
    """Shift the biases of convolutions and dense layers, in place, for the rounding to come.

    ``means`` holds the mean activation by value name, in the model's layout.
    """
    onnx, _ = _libraries()
    constants = {item.name: item for item in model.graph.initializer}
    consumers: dict[str, list[Any]] = {}
    for node in model.graph.node:
        for name in node.input:
            consumers.setdefault(name, []).append(node)
    done = []
    for node in list(model.graph.node):
        if node.op_type not in _OUTPUT_AXIS or node.input[1] not in constants:
            continue
        holder = _bias_holder(node, constants, consumers)
        mean = means.get(node.input[0])
        if holder is None or mean is None:
            why = (
                "it has no constant bias"
                if holder is None
                else "the mean of its input is not known"
            )
            done.append(Correction(node.name, 0.0, why))
            continue
        lost = _lost(onnx.numpy_helper.to_array(constants[node.input[1]]), node, reduce_range)
        shift = bias_shift(_apply(node, mean, lost), 1 if node.op_type == "Conv" else -1)
        _own_bias(model, holder, constants, shift)
        done.append(Correction(node.name, float(np.abs(shift).max())))
    return done


def _lost(weights: NDArray[np.float32], node: Any, reduce_range: bool) -> NDArray[np.float32]:
    axis = _OUTPUT_AXIS[node.op_type]
    if node.op_type == "Gemm" and _attribute(node, "transB", 0):
        axis = 0
    if node.op_type == "MatMul":
        axis = weights.ndim - 1
    return weights - on_grid(weights, axis, top=REDUCED_TOP if reduce_range else FULL_TOP)


def _apply(node: Any, mean: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[Any]:
    """Run the linear part of a node, by a model of this one node."""
    onnx, ort = _libraries()
    if node.op_type == "Gemm":
        mean = mean.reshape(-1, mean.shape[-1])
    one = onnx.helper.make_node(node.op_type, ["x", "w"], ["y"])
    one.attribute.extend(node.attribute)
    real = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [one],
        "layer",
        [onnx.helper.make_tensor_value_info("x", real, mean.shape)],
        [onnx.helper.make_tensor_value_info("y", real, None)],
        [onnx.numpy_helper.from_array(weights, "w")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)])
    model.ir_version = 9
    content, providers = model.SerializeToString(), ["CPUExecutionProvider"]
    try:
        session = ort.InferenceSession(content, providers=providers)
        return np.asarray(session.run(None, {"x": mean})[0])
    except Exception as error:  # ONNX Runtime's errors have no base but Exception.
        raise QuantizeError(f"ONNX Runtime cannot run {node.name}: {one_line(error)}") from error


def _bias_holder(node: Any, constants: Mapping[str, Any], consumers: Mapping[str, Any]) -> Any:
    """Return (node, input index) of the constant bias of a layer, or None."""
    if node.op_type in ("Conv", "Gemm"):
        if len(node.input) > 2 and node.input[2] in constants:
            return node, 2
        return None
    users = consumers.get(node.output[0], [])
    if len(users) == 1 and users[0].op_type == "Add":
        for index, name in enumerate(users[0].input):
            if name in constants and len(constants[name].dims) == 1:
                return users[0], index
    return None


def _own_bias(
    model: Any, holder: tuple[Any, int], constants: dict[str, Any], shift: NDArray[np.float32]
) -> None:
    onnx, _ = _libraries()
    node, index = holder
    old = onnx.numpy_helper.to_array(constants[node.input[index]])
    name = f"{node.input[index]}__corrected_{len(model.graph.initializer)}"
    new = onnx.numpy_helper.from_array((old + shift).astype(np.float32), name)
    model.graph.initializer.append(new)
    constants[name] = new
    node.input[index] = name


def _rangeable(model: Any, known: set[str]) -> list[str]:
    """Name every node, and return the names of those whose float activations all have ranges."""
    constants = {item.name for item in model.graph.initializer}
    names = []
    for index, node in enumerate(model.graph.node):
        node.name = node.name or f"{node.op_type}_{index}"
        values = [*node.input, *node.output]
        if all(name in known or name in constants or not name for name in values):
            names.append(node.name)
    return names


def _attribute(node: Any, name: str, default: int) -> int:
    return next((a.i for a in node.attribute if a.name == name), default)


def _libraries() -> tuple[Any, Any]:
    return load("onnx"), load("onnxruntime")
