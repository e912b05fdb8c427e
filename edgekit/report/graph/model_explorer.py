"""Node data that Google's Model Explorer lays over its own picture of a file.

The form is that of ``model_explorer.node_data_builder`` in ai-edge-model-explorer: for each graph
by its name a result for each node. One file holds one figure a node, so there is a file a figure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from edgekit.errors import OptionError
from edgekit.inspection import Inspection, OperatorFacts
from edgekit.report.text import visible

_COLD, _WARM, _HOT = "#ffffff", "#ffd28a", "#e0503a"
_NUMBERS = {"integer": "#d7e6f7", "float": "#f3ddc0", "none": "#e5e7eb"}
_UNNAMED = "main"  # what Model Explorer calls a TFLite graph without a name
Result = dict[str, Any]


def node_data(graph: Inspection) -> dict[str, bytes]:
    """Return the files, by what they show: ``precision``, ``macs``, and ``cost`` if it is known.

    Operators that only prepare constants are left out. Nodes of TFLite files are named by their
    number, as Model Explorer does; those of ONNX files by the tensors that they write.

    Raises:
        OptionError: the file is in OpenVINO's format, which Model Explorer does not read.
    """
    if graph.format == "openvino":
        raise OptionError(
            f"{graph.path}: Model Explorer reads TFLite and ONNX files, got OpenVINO IR; "
            "see --html for a picture"
        )
    files = {
        "precision": _file(graph, "precision (edgekit)", _precision, gradient=False),
        "macs": _file(graph, "multiply-accumulates (edgekit)", _macs),
    }
    if (profile := graph.profile) is not None:
        name = f"{profile.unit} on {visible(profile.device)} ({profile.basis}, edgekit)"
        files["cost"] = _file(graph, name, _cost)
    return files


def _precision(one: OperatorFacts) -> Result | None:
    if one.prepares:
        return None
    return {"value": one.precision, "bgColor": _NUMBERS[one.numbers], "textColor": "#1a1d21"}


def _macs(one: OperatorFacts) -> Result | None:
    return {"value": one.macs} if one.macs else None


def _cost(one: OperatorFacts) -> Result | None:
    return {"value": one.cost.value} if one.cost else None


def _file(
    graph: Inspection, name: str, told: Callable[[OperatorFacts], Result | None], *,
    gradient: bool = True,
) -> bytes:  # fmt: skip
    stops = [(0, _COLD), (0.3, _WARM), (1, _HOT)]
    colours = [{"stop": stop, "bgColor": colour} for stop, colour in stops] if gradient else []
    graphs: dict[str, Any] = {}
    for number, results in _results(graph, told).items():
        if not results:
            continue
        named = graph.graphs[number] or _UNNAMED
        graphs[named] = {"name": name, "results": results} | (
            {"gradient": colours} if colours else {}
        )
    return msgspec.json.format(msgspec.json.encode(graphs), indent=2) + b"\n"


def _results(
    graph: Inspection, told: Callable[[OperatorFacts], Result | None]
) -> Mapping[int, dict[str, Result]]:
    found: dict[int, dict[str, Result]] = {0: {}}
    for one in graph.operators:
        if (result := told(one)) is not None:
            found.setdefault(one.graph, {}).update(dict.fromkeys(_keys(graph, one), result))
    return found


def _keys(graph: Inspection, one: OperatorFacts) -> Iterable[str]:
    if graph.format == "tflite":
        return [str(one.number)]
    return [graph.tensor(key).name for key in one.outputs if key]
