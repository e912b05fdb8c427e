"""Reads ONNX graphs: Q/DQ, integer operators, subgraphs and local functions."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from edgekit.artifact import TensorSpec
from edgekit.auditing import onnx_functions as functions
from edgekit.auditing import onnx_kinds as kinds
from edgekit.auditing import onnx_tensors as tensors
from edgekit.auditing.names import layer
from edgekit.auditing.program import Node, Program, Value
from edgekit.errors import ArtifactError
from edgekit.extras import load

_STANDARD = ("", "ai.onnx", "ai.onnx.ml", "ai.onnx.preview.training")
_INT, _STRING = 2, 3  # AttributeProto.AttributeType


def read(path: Path) -> Program:
    """Read an ONNX model; external data must lie in the model's folder, and are not loaded.

    Raises:
        ArtifactError: it is not a whole ONNX model, or names data that it must not or cannot have.
        MissingExtra: onnx is not installed.
    """
    onnx = load("onnx")
    load("onnx.shape_inference")
    from google.protobuf.message import DecodeError

    data = path.read_bytes()
    size = len(data)
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except (DecodeError, RuntimeError, ValueError) as error:
        raise ArtifactError(
            f"{path}: expected an ONNX model, it cannot be parsed: {error}"
        ) from error
    del data
    if model.ir_version < 1 or not model.graph.output or not model.opset_import:
        raise ArtifactError(f"{path}: expected an ONNX model, it has no version, opset or output")
    try:
        return _program(onnx, model, path).sized(size, *_external_sizes(model, path.parent))
    except (ValueError, KeyError, IndexError, TypeError, OverflowError, UnicodeError) as error:
        raise ArtifactError(f"{path}: a damaged ONNX model ({error}); export it again") from error
    except ArtifactError as error:
        raise ArtifactError(f"{path}: {error}; export it again") from error


def _program(onnx: Any, model: Any, path: Path) -> Program:
    model = functions.inlined(onnx, model)
    measured: list[Value] = []
    for name, tensor in functions.tensors(model.graph):
        value = tensors.constant(tensor, path.parent, name=name)
        measured.append(replace(value, place=len(measured)))
        tensor.doc_string = str(len(measured) - 1)
    model = _shaped(onnx, model)
    reader = _Reader(onnx.TensorProto, tuple(measured))
    reader.graph(model.graph, ChainMap())
    ends = [
        tuple(reader.spec(info) for info in infos if f"0:{info.name}" not in reader.fixed)
        for infos in (model.graph.input, model.graph.output)
    ]
    return Program(
        format="onnx",
        values=reader.values,
        nodes=tuple(reader.nodes),
        inputs=tuple(f"0:{spec.name}" for spec in ends[0]),
        outputs=tuple(f"0:{spec.name}" for spec in ends[1]),
        specs=(ends[0], ends[1]),
        simulated=True,
        names=(model.graph.name,),
    )


def _external_sizes(model: Any, folder: Path) -> list[int]:
    """Return the sizes of the files beside the model that hold its constants."""
    places = {
        entry.value
        for _, tensor in functions.tensors(model.graph)
        for entry in tensor.external_data
        if entry.key == "location"
    }
    return [(folder / place).stat().st_size for place in sorted(places)]


def _shaped(onnx: Any, model: Any) -> Any:
    """Add the shapes that follow from the operators; a model that resists stays as it is."""
    try:
        return onnx.shape_inference.infer_shapes(model, data_prop=True)
    except (onnx.shape_inference.InferenceError, RuntimeError, ValueError, TypeError):
        return model


@dataclass
class _Reader:
    """Collects values and nodes; ``measured`` holds constants by the number in ``doc_string``."""

    proto: Any
    measured: tuple[Value, ...]
    values: dict[str, Value] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    fixed: set[str] = field(default_factory=set)
    graphs: int = 0

    def graph(
        self, graph: Any, outer: ChainMap[str, str], *, bound: Mapping[str, str] | None = None
    ) -> int:
        """Read a graph whose nodes may use names of the graphs around it; return its number.

        ``bound`` gives inputs that are the same value in every round the key of that value.
        """
        number, self.graphs = self.graphs, self.graphs + 1
        names = outer.new_child()
        for info in (*graph.input, *graph.value_info, *graph.output):
            spec = self.spec(info)
            known = info.type.tensor_type.HasField("shape")
            key = names[info.name] = f"{number}:{info.name}"
            self.values[key] = Value(
                name=info.name, shape=spec.shape if known else None, dtype=spec.dtype
            )
        names.update(bound or {})
        for tensor in graph.initializer:
            self._keep(tensor, tensor.name, names, number)
        for sparse in graph.sparse_initializer:
            self._keep(sparse.values, sparse.values.name, names, number)
        for node in graph.node:
            self._node(node, names, number)
        return number

    def spec(self, info: Any) -> TensorSpec:
        """Describe an input, output or intermediate value."""
        kind = info.type.tensor_type
        return TensorSpec(
            name=info.name,
            shape=tuple(
                size.dim_value if size.HasField("dim_value") and size.dim_value >= 0 else None
                for size in kind.shape.dim
            ),
            dtype=tensors.dtype(self.proto, kind.elem_type),
        )

    def _keep(self, tensor: Any, name: str, names: ChainMap[str, str], number: int) -> None:
        key = names[name] = f"{number}:{name}"
        self.values[key] = replace(self.measured[int(tensor.doc_string)], name=name, storage=key)
        self.fixed.add(key)

    def _node(self, node: Any, names: ChainMap[str, str], number: int) -> None:
        if node.op_type == "Constant" and node.domain in _STANDARD and node.output:
            self._constant(node, names, number)
            return
        inputs = tuple(names.get(name, f"{number}:{name}") if name else "" for name in node.input)
        outputs = [name for name in node.output if name]
        for name in outputs:
            names[name] = f"{number}:{name}"
        loop = node.op_type == "Loop" and node.domain in _STANDARD
        bodies = [
            self.graph(inner, names, bound=_unchanged(inner, inputs) if loop else None)
            for attribute in node.attribute
            for inner in functions.graphs(attribute)
        ]
        standard = node.domain in _STANDARD
        shapes = [self.values[key].shape if key in self.values else None for key in inputs]
        self._guess(node.op_type, inputs, [names[name] for name in outputs])
        result = self.values.get(names[outputs[0]]) if outputs else None
        self.nodes.append(
            Node(
                kind=node.op_type if standard else f"{node.domain}.{node.op_type}",
                layer=layer(node.name or (outputs[0] if outputs else "")),
                role=kinds.role(node.op_type),
                inputs=inputs,
                outputs=tuple(names[name] for name in outputs),
                graph=number,
                weights=kinds.weights(node.op_type),
                scales_at=kinds.scales_at(node.op_type),
                macs=kinds.cost(
                    node.op_type,
                    shapes,
                    result=result.shape if result else None,
                    attributes=_attributes(node),
                ),
                bodies=tuple(bodies),
                foreign="" if standard else "custom",
            )
        )

    def _guess(self, kind: str, inputs: tuple[str, ...], outputs: list[str]) -> None:
        """Give outputs that shape inference left without a type the one that the kind implies."""
        known = [self.values[key].dtype for key in inputs if key in self.values]
        if kinds.is_integer(kind):
            dtype = next((dtype for dtype in known if dtype in ("uint8", "int8")), "unknown")
        else:
            dtype = known[0] if known and kinds.role(kind) == "move" else "unknown"
        for key in outputs:
            if key not in self.values:
                self.values[key] = Value(name=key.split(":", 1)[1], shape=None, dtype=dtype)

    def _constant(self, node: Any, names: ChainMap[str, str], number: int) -> None:
        name = node.output[0]
        for attribute in node.attribute:
            if attribute.type == functions.TENSOR:
                self._keep(attribute.t, name, names, number)
                return
            listed = (
                ("float32", len(attribute.floats) or attribute.name == "value_float", 4),
                ("int64", len(attribute.ints) or attribute.name == "value_int", 8),
                ("string", len(attribute.strings) or attribute.name == "value_string", 1),
            )
            for dtype, length, width in listed:
                if length:
                    key = names[name] = f"{number}:{name}"
                    self.values[key] = Value(
                        name=name,
                        shape=(int(length),) if attribute.name.endswith("s") else (),
                        dtype=dtype,
                        stored_bytes=int(length) * width,
                        storage=key,
                    )


def _unchanged(body: Any, carried: tuple[str, ...]) -> dict[str, str]:
    """Return the inputs of a loop's body that it hands on as they are, with the outer value's key.

    The body takes (round, condition, carried ...) and gives (condition, carried ..., scanned ...).
    """
    same = {n.output[0]: n.input[0] for n in body.node if n.op_type == "Identity" and n.input}
    ends = zip(body.input[2:], body.output[1:], carried[2:], strict=False)
    return {
        start.name: key
        for start, end, key in ends
        if key and start.name in (end.name, same.get(end.name))
    }


def _attributes(node: Any) -> dict[str, int | str]:
    found: dict[str, int | str] = {a.name: a.i for a in node.attribute if a.type == _INT}
    found.update(
        {a.name: a.s.decode("utf-8", "replace") for a in node.attribute if a.type == _STRING}
    )
    return found
