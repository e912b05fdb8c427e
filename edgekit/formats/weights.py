"""The integer weights of a file, with the scales that make real numbers of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.extras import load

_LIMITS = {"int4": (-8, 7), "int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767)}


@dataclass(frozen=True, kw_only=True, eq=False)
class StoredWeights:
    """One constant of two or more axes: real = scale * (stored - zero point).

    ``scales`` and ``zero_points`` have one entry, or one for each place along ``axis``.
    """

    name: str
    dtype: str
    stored: NDArray[Any]
    scales: NDArray[np.float64]
    zero_points: NDArray[np.float64]
    axis: int = 0

    @property
    def limits(self) -> tuple[int, int]:
        """The least and the largest stored number."""
        return _LIMITS[self.dtype]


def integer_weights(path: Path, kind: str) -> Iterator[StoredWeights]:
    """Yield the integer weights of a sound file, in the file's order.

    Constants whose scales are not found beside them, such as those of dynamic ONNX operators, are
    left out.

    Raises:
        MissingExtra: the package that reads the format is not installed.
    """
    yield from _READERS[kind](path)


def _tflite(path: Path) -> Iterator[StoredWeights]:
    schema = load("ai_edge_litert.schema_py_generated")
    types = {schema.TensorType.INT4: "int4", schema.TensorType.INT8: "int8",
             schema.TensorType.UINT8: "uint8", schema.TensorType.INT16: "int16"}  # fmt: skip
    model = schema.Model.GetRootAs(path.read_bytes(), 0)
    graph = model.Subgraphs(0)
    for place in range(graph.TensorsLength()):
        tensor = graph.Tensors(place)
        buffer, quantization = model.Buffers(tensor.Buffer()), tensor.Quantization()
        dtype = types.get(tensor.Type())
        if dtype is None or tensor.ShapeLength() < 2 or quantization is None:
            continue
        if buffer.DataIsNone() or quantization.ScaleIsNone():
            continue
        shape = [tensor.Shape(axis) for axis in range(tensor.ShapeLength())]
        zeros = None if quantization.ZeroPointIsNone() else quantization.ZeroPointAsNumpy()
        stored = _unpacked(buffer.DataAsNumpy(), dtype, int(np.prod(shape)))
        found = _weights(
            tensor.Name().decode(errors="replace"), dtype, stored.reshape(shape),
            quantization.ScaleAsNumpy(), zeros, quantization.QuantizedDimension(),
        )  # fmt: skip
        if found is not None:
            yield found


def _unpacked(data: NDArray[np.uint8], dtype: str, count: int) -> NDArray[Any]:
    """Return the stored numbers; two of four bits lie in a byte, the first in its low half."""
    if dtype != "int4":
        return data.view(dtype)
    halves = np.stack([data & 15, data >> 4], axis=-1).reshape(-1)[:count].astype(np.int8)
    return np.where(halves > 7, halves - 16, halves)


def _openvino(path: Path) -> Iterator[StoredWeights]:
    model = load("openvino").Core().read_model(str(path))
    for node in model.get_ordered_ops():
        if node.get_type_name() != "Multiply":
            continue
        (real, scale), zeros = (node.input_value(at).get_node() for at in (0, 1)), None
        if real.get_type_name() == "Subtract":
            zeros = _numbers(real.input_value(1).get_node())
            real = real.input_value(0).get_node()
        if real.get_type_name() != "Convert" or (scales := _numbers(scale)) is None:
            continue
        held = real.input_value(0).get_node()
        if held.get_type_name() != "Constant":
            continue
        stored = held.data
        if stored.ndim < 2 or str(stored.dtype) not in _LIMITS:
            continue
        axis = next((at for at, size in enumerate(scales.shape) if size > 1), 0)
        name, dtype = _reader_of(node), str(stored.dtype)
        flat = None if zeros is None else zeros.reshape(-1)
        found = _weights(name, dtype, stored, scales.reshape(-1), flat, axis)
        if found is not None:
            yield found


def _reader_of(node: Any) -> str:
    """Return the name of what reads an operation's result: constants have names of no meaning."""
    readers = sorted(
        port.get_node().get_friendly_name() for port in node.output(0).get_target_inputs()
    )
    return str(readers[0] if readers else node.get_friendly_name())


def _numbers(node: Any) -> NDArray[Any] | None:
    """Return a constant, also one that is converted first."""
    if node.get_type_name() == "Convert":
        node = node.input_value(0).get_node()
    return np.asarray(node.data) if node.get_type_name() == "Constant" else None


def _onnx(path: Path) -> Iterator[StoredWeights]:
    onnx = load("onnx")
    graph = onnx.load(str(path)).graph
    held = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type != "DequantizeLinear" or node.input[0] not in held:
            continue
        scale = held.get(node.input[1])
        if scale is None:
            continue
        stored = onnx.numpy_helper.to_array(held[node.input[0]])
        if stored.ndim < 2 or str(stored.dtype) not in _LIMITS:
            continue
        zero = held.get(node.input[2]) if len(node.input) > 2 else None
        axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 1)
        found = _weights(
            node.input[0], str(stored.dtype), stored,
            onnx.numpy_helper.to_array(scale).reshape(-1),
            None if zero is None else onnx.numpy_helper.to_array(zero).reshape(-1), axis,
        )  # fmt: skip
        if found is not None:
            yield found


def _weights(
    name: str, dtype: str, stored: NDArray[Any], scales: NDArray[Any], zeros: Any, axis: int
) -> StoredWeights | None:
    """Return weights whose scales fit; None for scales by blocks, or for no numbers at all."""
    axis %= stored.ndim
    if not stored.size or len(scales) not in (1, stored.shape[axis]):
        return None
    points = np.zeros(len(scales)) if zeros is None or len(zeros) != len(scales) else zeros
    return StoredWeights(
        name=name, dtype=dtype, stored=stored, scales=np.asarray(scales, np.float64),
        zero_points=np.asarray(points, np.float64), axis=axis,
    )  # fmt: skip


_READERS: Mapping[str, Callable[[Path], Iterator[StoredWeights]]] = {
    "tflite": _tflite,
    "openvino": _openvino,
    "onnx": _onnx,
}
