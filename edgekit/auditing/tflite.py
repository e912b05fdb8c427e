"""Reads a TFLite flatbuffer, every subgraph of it, with no interpreter and no TensorFlow."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.artifact import TensorSpec
from edgekit.auditing import tflite_kinds as kinds
from edgekit.auditing import tflite_quantized as quantized
from edgekit.auditing.flatbuffer import Budget
from edgekit.auditing.names import layer
from edgekit.auditing.program import Node, Program, Value
from edgekit.errors import ArtifactError
from edgekit.extras import load

_MALFORMED = (
    struct.error, ValueError, TypeError, IndexError, KeyError, OverflowError, AttributeError,
)  # fmt: skip
_UNSIZED = {"string", "resource", "variant"}


def read(path: Path) -> Program:
    """Read a TFLite file; nothing outside the file (and its own folder) is touched.

    Raises:
        ArtifactError: it is not a whole TFLite flatbuffer.
        MissingExtra: ai-edge-litert, which carries the schema, is not installed.
    """
    schema = load("ai_edge_litert.schema_py_generated")
    data = path.read_bytes()
    if len(data) < 8 or data[4:8] != b"TFL3":
        raise ArtifactError(
            f"{path}: expected a TFLite flatbuffer ('TFL3' at byte 4), got {data[4:8]!r}"
        )
    try:
        return _Reader(schema, data, path, Budget.of(len(data))).program()
    except _MALFORMED as error:
        raise ArtifactError(
            f"{path}: a TFLite file that is cut short or damaged ({error}); export it again"
        ) from error
    except ArtifactError as error:
        raise ArtifactError(f"{path}: not a sound TFLite file: {error}; export it again") from error


@dataclass(frozen=True)
class _Reader:
    schema: Any
    data: bytes
    path: Path
    budget: Budget

    def program(self) -> Program:
        model = self.schema.Model.GetRootAs(self.data, 0)
        codes = [self._code(code) for code in self._tables(model, "OperatorCodes")]
        buffers = [self._buffer(buffer) for buffer in self._tables(model, "Buffers")]
        graphs = list(self._tables(model, "Subgraphs"))
        if not graphs:
            raise ArtifactError("it holds no subgraph")
        values: dict[str, Value] = {}
        nodes: list[Node] = []
        for number, graph in enumerate(graphs):
            tensors = list(self._tables(graph, "Tensors"))
            for index, tensor in enumerate(tensors):
                values[f"{number}:{index}"] = self._value(tensor, buffers)
            for op in self._tables(graph, "Operators"):
                nodes.append(self._node(op, codes, values, number))
        inputs = tuple(self._keys(graphs[0], "Inputs", values, 0))
        outputs = tuple(self._keys(graphs[0], "Outputs", values, 0))
        return Program(
            format="tflite",
            values=values,
            nodes=tuple(nodes),
            inputs=inputs,
            outputs=outputs,
            specs=self._specs(model, graphs[0], values, (inputs, outputs)),
            simulated=False,
            names=tuple(self.budget.text(graph.Name()) for graph in graphs),
        ).sized(len(self.data))

    def _tables(self, table: Any, field: str) -> Any:
        return self.budget.tables(getattr(table, f"{field}Length")(), getattr(table, field))

    def _keys(self, table: Any, field: str, values: dict[str, Value], graph: int) -> list[str]:
        numbers = self.budget.numbers(getattr(table, f"{field}Length")(), getattr(table, field))
        keys = [f"{graph}:{number}" if number >= 0 else "" for number in numbers]
        for key in keys:
            if key and key not in values:
                raise ArtifactError(f"it names tensor {key}, which it does not hold")
        return keys

    def _code(self, code: Any) -> tuple[str, str]:
        """Return (kind, '' | 'flex' | 'custom')."""
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        names = {
            value: name
            for name, value in vars(self.schema.BuiltinOperator).items()
            if isinstance(value, int)
        }
        if number == self.schema.BuiltinOperator.CUSTOM:
            name = self.budget.text(code.CustomCode()) or "CUSTOM"
            return name, "flex" if name.startswith("Flex") else "custom"
        return names.get(number, f"BUILTIN_{number}"), "custom" if names.get(
            number
        ) == "DELEGATE" else ""

    def _buffer(self, buffer: Any) -> tuple[int, int]:
        """Return offset and size of a buffer's data, inside the flatbuffer or behind it."""
        offset, size = buffer.Offset(), buffer.Size()
        if offset > 1:
            if offset + size > len(self.data):
                raise ArtifactError(f"a buffer lies at {offset}+{size}, beyond the file's end")
            return int(offset), int(size)
        if buffer.DataIsNone():
            return 0, 0
        held = buffer.DataAsNumpy()
        whole = np.frombuffer(self.data, np.uint8)
        return int(held.ctypes.data - whole.ctypes.data), int(held.size)

    def _value(self, tensor: Any, buffers: list[tuple[int, int]]) -> Value:
        shape = self._shape(tensor)
        dtype = _dtype(self.schema, tensor.Type())
        number = tensor.Buffer()
        if number >= len(buffers):
            raise ArtifactError(f"a tensor names buffer {number} of {len(buffers)}")
        place, size = buffers[number]
        stored, quantization = size or None, tensor.Quantization()
        name = self.budget.text(tensor.Name())
        if tensor.ExternalBuffer():
            raise ArtifactError(
                f"tensor {name!r} lies in another file, which edgekit does not read"
            )
        value = Value(
            name=name,
            shape=shape,
            dtype=dtype,
            stored_bytes=stored,
            storage=f"{number}" if stored else None,
            scales=quantized.scales(self.schema, quantization),
            grid=quantized.grid(quantization, self.budget),
            place=place if stored else None,
        )
        dense = stored and dtype not in _UNSIZED and tensor.Sparsity() is None
        if dense and value.bytes != stored:
            raise ArtifactError(
                f"tensor {name!r} needs {value.bytes} bytes, its buffer has {stored}"
            )
        return value

    def _shape(self, tensor: Any) -> tuple[int | None, ...]:
        shape = self.budget.numbers(tensor.ShapeLength(), tensor.Shape)
        signature = self.budget.numbers(tensor.ShapeSignatureLength(), tensor.ShapeSignature)
        sizes = signature if len(signature) == len(shape) else shape
        return tuple(None if size < 0 else size for size in sizes)

    def _node(
        self, op: Any, codes: list[tuple[str, str]], values: dict[str, Value], graph: int
    ) -> Node:
        if op.OpcodeIndex() >= len(codes):
            raise ArtifactError(f"an operator names code {op.OpcodeIndex()} of {len(codes)}")
        kind, foreign = codes[op.OpcodeIndex()]
        inputs = self._keys(op, "Inputs", values, graph)
        outputs = [key for key in self._keys(op, "Outputs", values, graph) if key]
        operands = [values.get(key) for key in inputs]
        result = values[outputs[0]] if outputs else None
        weights = kinds.weights(kind, operands)
        held = [operands[at] for at in weights if at < len(operands)]
        names = [value.name for value in held if value and value.stored_bytes]
        heavy = kinds.role(kind) == "macs"
        return Node(
            kind=kind,
            layer=layer(result.name, *names[: 1 if heavy else 0]) if result else "",
            role=kinds.role(kind),
            inputs=tuple(inputs),
            outputs=tuple(outputs),
            graph=graph,
            weights=weights,
            macs=kinds.cost(kind, operands, result=result, inner_axis=self._inner_axis(op, kind)),
            bodies=self._bodies(op, kind),
            foreign="flex" if foreign == "flex" else "custom" if foreign else "",
        )

    def _options(self, op: Any, name: str) -> Any:
        table = op.BuiltinOptions2() if name.startswith("Stable") else op.BuiltinOptions()
        if table is None:
            return None
        options = getattr(self.schema, name)()
        options.Init(table.Bytes, table.Pos)
        return options

    def _inner_axis(self, op: Any, kind: str) -> int:
        if kind != "BATCH_MATMUL":
            return -1
        options = self._options(op, "BatchMatMulOptions")
        return -2 if options and options.AdjX() else -1

    def _bodies(self, op: Any, kind: str) -> tuple[int, ...]:
        fields = {
            "WHILE": ("WhileOptions", "CondSubgraphIndex", "BodySubgraphIndex"),
            "IF": ("IfOptions", "ThenSubgraphIndex", "ElseSubgraphIndex"),
            "CALL": ("CallOptions", "Subgraph"),
            "CALL_ONCE": ("CallOnceOptions", "InitSubgraphIndex"),
            "STABLEHLO_WHILE": ("StablehloWhileOptions", "CondSubgraphIndex", "BodySubgraphIndex"),
            "STABLEHLO_COMPOSITE": ("StableHLOCompositeOptions", "DecompositionSubgraphIndex"),
        }.get(kind)
        options = self._options(op, fields[0]) if fields else None
        return (
            tuple(getattr(options, field)() for field in fields[1:]) if fields and options else ()
        )

    def _specs(
        self,
        model: Any,
        graph: Any,
        values: dict[str, Value],
        ends: tuple[tuple[str, ...], tuple[str, ...]],
    ) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
        """Describe inputs and outputs, by the names of the first signature where there is one."""
        names: dict[str, str] = {}
        for signature in self._tables(model, "SignatureDefs"):
            if signature.SubgraphIndex() == 0 and not names:
                for field in ("Inputs", "Outputs"):
                    for entry in self._tables(signature, field):
                        names[f"0:{entry.TensorIndex()}"] = self.budget.text(entry.Name())
        described = [
            tuple(self._spec(graph, key, names.get(key), values) for key in keys if key)
            for keys in ends
        ]
        return described[0], described[1]

    def _spec(self, graph: Any, key: str, name: str | None, values: dict[str, Value]) -> TensorSpec:
        value = values[key]
        quantization = graph.Tensors(int(key.split(":")[1])).Quantization()
        single = value.scales == 1 and not quantization.ZeroPointIsNone()
        return TensorSpec(
            name=name or value.name,
            shape=value.shape or (),
            dtype=value.dtype,
            scale=float(quantization.Scale(0)) if single else None,
            zero_point=int(quantization.ZeroPoint(0)) if single else None,
        )


def _dtype(schema: Any, number: int) -> str:
    for name, value in vars(schema.TensorType).items():
        if value == number and isinstance(value, int):
            text = str(name).lower()
            return "float8" if text.startswith("float8") else text
    raise ArtifactError(f"a tensor has type {number}, which the schema does not know")
