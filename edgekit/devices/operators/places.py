"""The index of each operator by the name that the file has for it."""

from __future__ import annotations

from pathlib import Path

from edgekit.auditing import AuditResult, xml
from edgekit.auditing.program import Program
from edgekit.extras import load


def places_in_onnx(audited: AuditResult) -> dict[str, int]:
    """Return the index of each node that has a name."""
    graph = load("onnx").load(str(Path(audited.path)), load_external_data=False).graph
    kinds = {each.index: each.kind for each in audited.operators}
    return {
        node.name: index
        for index, node in enumerate(graph.node)
        if node.name and kinds.get(index) == node.op_type
    }


def places_in_openvino(path: str | Path, program: Program) -> dict[str, int]:
    """Return the index of each layer of the main graph."""
    layers = xml.parse(Path(path)).findall("layers/layer")
    names = {layer.get("id", ""): layer.get("name", "") for layer in layers}
    return {
        names[node.outputs[0].split(":")[1]]: place
        for place, node in enumerate(program.nodes)
        if node.graph == 0 and node.outputs
    }
