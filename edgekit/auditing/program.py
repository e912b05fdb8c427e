"""The one form that the readers of all formats bring a file into, for the analysis."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from edgekit.artifact import TensorSpec

Shape = tuple[int | None, ...]
Role = Literal["macs", "lookup", "move", "elementwise", "compute", "convert", "quantize", "control"]

BITS = {
    "bool": 8, "string": 8, "int2": 2, "uint2": 2, "int4": 4, "uint4": 4, "int8": 8, "uint8": 8,
    "int16": 16, "uint16": 16, "int32": 32, "uint32": 32, "int64": 64, "uint64": 64,
    "float4": 4, "float8": 8, "float16": 16, "bfloat16": 16, "float32": 32, "float64": 64,
    "complex64": 64, "complex128": 128, "int1": 1, "uint1": 1, "int3": 3, "uint3": 3, "int6": 6,
    "uint6": 6,
}  # fmt: skip
QUANTIZED = frozenset(
    {"int2", "uint2", "int4", "uint4", "int8", "uint8", "int16", "uint16", "uint1", "uint3", "int1"}
)
FLOATS = frozenset({"float4", "float8", "float16", "bfloat16", "float32", "float64"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """What integers stand for: real = scale * (stored - zero point).

    One scale for all, or one for each place along ``axis``; there are as many zero points, or none
    where all are 0.
    """

    scales: tuple[float, ...]
    zero_points: tuple[int, ...] = ()
    axis: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Value:
    """A tensor. ``stored_bytes`` is set for a constant, ``storage`` names its bytes if shared.

    ``scales`` counts the quantization scales that the tensor itself carries, which ``grid`` holds
    where they are plain ones. ``place`` says where a constant is: the offset of its bytes in the
    file (TFLite) or its ``.bin`` (OpenVINO), its number among the constants of the model (ONNX).
    """

    name: str
    shape: Shape | None
    dtype: str
    stored_bytes: int | None = None
    storage: str | None = None
    scales: int = 0
    grid: Grid | None = None
    place: int | None = None

    @property
    def elements(self) -> int:
        """Number of elements; an open dimension counts as 1, an unknown rank as none."""
        return count(self.shape)

    @property
    def bytes(self) -> int:
        """Size in memory, dense."""
        return (self.elements * BITS.get(self.dtype, 0) + 7) // 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """An operator. Inputs and outputs are keys of values; ``""`` is an input left out.

    ``weights`` are the positions of inputs that hold weights when they are constants, and
    ``scales_at`` the position of their scales where those are an input of their own. ``levels``
    is set where a quantize operator stands for a number of steps (FakeQuantize). ``bodies`` are
    the graphs that a control operator runs.
    """

    kind: str
    layer: str
    role: Role
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    graph: int = 0
    weights: tuple[int, ...] = ()
    scales_at: int | None = None
    macs: int = 0
    levels: int | None = None
    bodies: tuple[int, ...] = ()
    foreign: Literal["", "flex", "custom"] = ""


@dataclass(frozen=True, kw_only=True)
class Program:
    """A file: every graph's operators in order of execution, graph 0 being the main one.

    ``simulated`` says that quantization is written as operators around float ones (ONNX Q/DQ,
    OpenVINO FakeQuantize), which runtimes fuse into integer kernels. ``names`` are those of the
    graphs, where the format has some.
    """

    format: Literal["tflite", "openvino", "onnx"]
    values: dict[str, Value]
    nodes: tuple[Node, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    specs: tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]
    simulated: bool
    files: tuple[int, ...] = ()
    names: tuple[str, ...] = ()

    def sized(self, *sizes: int) -> Program:
        """Return the program with the sizes in bytes of the files that it was read from."""
        return replace(self, files=sizes)


def count(shape: Shape | None) -> int:
    """Multiply the dimensions; open ones count as 1, an unknown rank as 0 elements."""
    return 0 if shape is None else math.prod(1 if size is None else size for size in shape)
