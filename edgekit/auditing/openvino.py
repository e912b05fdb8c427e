"""Reads OpenVINO IR, the .xml and what it says of the .bin, with no openvino installed."""

from __future__ import annotations

import heapq
import re
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree.ElementTree import Element

from edgekit.artifact import TensorSpec
from edgekit.auditing import openvino_kinds as kinds
from edgekit.auditing import xml
from edgekit.auditing.names import layer as layer_name
from edgekit.auditing.program import Node, Program, Shape, Value
from edgekit.errors import ArtifactError

_TYPES = {
    "f64": "float64", "fp64": "float64", "f32": "float32", "fp32": "float32", "f16": "float16",
    "fp16": "float16", "bf16": "bfloat16", "boolean": "bool", "bool": "bool", "string": "string",
    "nf4": "float4", "f4e2m1": "float4", "f8e4m3": "float8", "f8e5m2": "float8", "f8e8m0": "float8",
    "bin": "uint1", "u1": "uint1",
}  # fmt: skip
_INTEGER = re.compile(r"([iu])(2|3|4|6|8|16|32|64)")
_OPSET = re.compile(r"opset\d+$")
_BODIES = ("body", "then_body", "else_body")


def read(path: Path) -> Program:
    """Read an OpenVINO IR; constants must lie inside the .bin beside the .xml.

    Raises:
        ArtifactError: the XML is not an IR, is damaged, or the .bin is missing or too short.
    """
    root = xml.parse(path)
    if root.tag != "net" or root.find("layers") is None:
        raise ArtifactError(f"{path}: expected OpenVINO IR (<net> with <layers>), got <{root.tag}>")
    weights = path.with_suffix(".bin")
    size = weights.stat().st_size if weights.is_file() else None
    reader = _Reader(size)
    try:
        reader.graph(root, 0)
        program = reader.program()
    except (ValueError, KeyError, IndexError, TypeError, OverflowError) as error:
        raise ArtifactError(f"{path}: a damaged OpenVINO IR ({error}); export it again") from error
    except ArtifactError as error:
        raise ArtifactError(f"{path}: {error}; export it again") from error
    return program.sized(path.stat().st_size, size or 0)


@dataclass
class _Reader:
    bin_size: int | None
    values: dict[str, Value] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    inputs: dict[str, TensorSpec] = field(default_factory=dict)
    outputs: dict[str, TensorSpec] = field(default_factory=dict)
    graphs: int = 0

    def program(self) -> Program:
        return Program(
            format="openvino",
            values=self.values,
            nodes=tuple(self.nodes),
            inputs=tuple(self.inputs),
            outputs=tuple(self.outputs),
            specs=(tuple(self.inputs.values()), tuple(self.outputs.values())),
            simulated=True,
        )

    def graph(self, net: Element, number: int) -> None:
        """Read one graph: the main one, or a body of a loop or a condition."""
        self.graphs = max(self.graphs, number)
        layers = {_attribute(element, "id"): element for element in net.findall("layers/layer")}
        feeds: dict[str, dict[str, str]] = {name: {} for name in layers}
        for edge in net.findall("edges/edge"):
            source, target = _attribute(edge, "from-layer"), _attribute(edge, "to-layer")
            if source not in layers or target not in layers:
                raise ArtifactError(f"an edge joins layers {source} and {target}, one is missing")
            port = f"{source}:{_attribute(edge, 'from-port')}"
            feeds[target][_attribute(edge, "to-port")] = f"{number}:{port}"
        for name in _ordered(layers, feeds):
            self._layer(layers[name], feeds[name], number)

    def _layer(self, element: Element, feeds: dict[str, str], number: int) -> None:
        kind, name = _attribute(element, "type"), _attribute(element, "name")
        keys = self._outputs(element, number)
        attributes = _data(element)
        inputs = [feeds.get(_attribute(port, "id"), "") for port in element.findall("input/port")]
        if kind == "Const":
            self._constant(attributes, keys, name)
        elif kind == "Parameter":
            if number == 0 and keys:
                self.inputs[keys[0]] = self._spec(element, keys[0], name)
        elif kind == "Result":
            if number == 0 and inputs and inputs[0]:
                self._result(element, inputs[0], name)
        else:
            self.nodes.append(self._node(element, inputs, keys, number))

    def _outputs(self, element: Element, number: int) -> list[str]:
        keys = []
        for port in element.findall("output/port"):
            key = f"{number}:{_attribute(element, 'id')}:{_attribute(port, 'id')}"
            name = _first(port.get("names")) or _attribute(element, "name")
            shape = tuple(_dimension(dim.text) for dim in port.findall("dim"))
            self.values[key] = Value(
                name=name, shape=shape, dtype=_dtype(port.get("precision", ""))
            )
            keys.append(key)
        return keys

    def _constant(self, data: dict[str, str], keys: list[str], name: str) -> None:
        value = self.values[keys[0]]
        offset, size = int(data["offset"]), int(data["size"])
        dtype = _dtype(data.get("element_type", ""))
        if self.bin_size is None:
            raise ArtifactError("its constants need the .bin of the same name, which is missing")
        if offset < 0 or size < 0 or offset + size > self.bin_size:
            raise ArtifactError(
                f"constant {name!r} lies at {offset}+{size}, the .bin has {self.bin_size} bytes"
            )
        held = Value(
            name=name,
            shape=value.shape,
            dtype=dtype,
            stored_bytes=size,
            storage=f"{offset}:{size}",
            place=offset,
        )
        padded = held.bytes == 0 and size == 1  # how OpenVINO stores an empty constant
        if dtype != "string" and held.bytes != size and not padded:
            raise ArtifactError(f"constant {name!r} needs {held.bytes} bytes, it is given {size}")
        self.values[keys[0]] = held

    def _node(self, element: Element, inputs: list[str], keys: list[str], number: int) -> Node:
        kind, data = _attribute(element, "type"), _data(element)
        shapes = [self.values[key].shape if key in self.values else None for key in inputs]
        bodies = []
        for tag in _BODIES:
            for body in element.findall(tag):
                bodies.append(self.graphs + 1)
                self.graph(body, self.graphs + 1)
        role = kinds.role(kind)
        return Node(
            kind=kind,
            layer=layer_name(_attribute(element, "name")),
            role=role,
            inputs=tuple(inputs),
            outputs=tuple(keys),
            graph=number,
            weights=kinds.weights(kind),
            macs=kinds.cost(kind, shapes, result=self._shape(keys), data=data),
            levels=int(data.get("levels", "256")) if role == "quantize" else None,
            bodies=tuple(bodies),
            foreign="" if _OPSET.match(element.get("version", "opset1")) else "custom",
        )

    def _shape(self, keys: list[str]) -> Shape | None:
        return self.values[keys[0]].shape if keys else None

    def _spec(self, element: Element, key: str, name: str) -> TensorSpec:
        port = element.find("output/port")
        value = self.values[key]
        dtype = _data(element).get("element_type")
        return TensorSpec(
            name=(_first(port.get("names")) if port is not None else "") or name,
            shape=value.shape or (),
            dtype=_dtype(dtype) if dtype else value.dtype,
        )

    def _result(self, element: Element, source: str, name: str) -> None:
        value = self.values[source]
        own = _first(element.get("output_names"))
        self.outputs[source] = TensorSpec(
            name=own if own and own != name else value.name,
            shape=value.shape or (),
            dtype=value.dtype,
        )


def _attribute(element: Element, name: str) -> str:
    value = element.get(name)
    if value is None:
        raise ArtifactError(f"<{element.tag}> has no {name!r}")
    return value


def _data(element: Element) -> dict[str, str]:
    found = element.find("data")
    return dict(found.attrib) if found is not None else {}


def _first(names: str | None) -> str:
    """Return the first of a list of names, in which a comma inside a name is escaped."""
    parts = re.split(r"(?<!\\),", names or "")
    return parts[0].strip().replace("\\,", ",")


def _dimension(text: str | None) -> int | None:
    """Read a dimension; an open one is -1, a range (``1..8``) counts as open too."""
    size = int(text) if text and re.fullmatch(r"\s*-?\d{1,18}\s*", text) else -1
    return None if size < 0 else size


def _dtype(text: str) -> str:
    lower = text.lower()
    if match := _INTEGER.fullmatch(lower):
        return f"{'u' if match[1] == 'u' else ''}int{match[2]}"
    return _TYPES.get(lower, lower or "unknown")


def _ordered(layers: dict[str, Element], feeds: dict[str, dict[str, str]]) -> list[str]:
    """Sort layers so that each follows what it reads, else as the file has them.

    Kahn, "Topological sorting of large networks", CACM 5(11), 1962.
    """
    waiting = {name: {key.split(":")[1] for key in feeds[name].values()} for name in layers}
    readers: dict[str, list[str]] = {}
    for name, sources in waiting.items():
        for source in sources:
            readers.setdefault(source, []).append(name)
    open_ = {name: len(sources) for name, sources in waiting.items()}
    position = {name: place for place, name in enumerate(layers)}
    ready = [(position[name], name) for name in layers if not open_[name]]
    order: list[str] = []
    while ready:
        order.append(heapq.heappop(ready)[1])
        for reader in readers.get(order[-1], ()):
            open_[reader] -= 1
            if not open_[reader]:
                heapq.heappush(ready, (position[reader], reader))
    if len(order) < len(layers):
        raise ArtifactError("its layers feed each other in a circle")
    return order
