"""Node data for Google's Model Explorer, read by its own package where that is installed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from edgekit.errors import OptionError
from edgekit.inspection import read_graph
from edgekit.report.graph.model_explorer import node_data

# In a process of its own: its reader brings TensorFlow's schema, which can be there but once.
_READ = """
import json, sys
from dataclasses import asdict
from dacite import from_dict
from model_explorer.builtin_tflite_flatbuffer_adapter import BuiltinTfliteFlatbufferAdapter
from model_explorer.node_data_builder import GraphNodeData, ModelNodeData
model, *files = sys.argv[1:]
found = asdict(BuiltinTfliteFlatbufferAdapter().convert(model, {})["graphCollections"][0])
labels = {g["id"]: {n["id"]: n["label"] for n in g["nodes"]} for g in found["graphs"]}
for file in files:
    data = json.load(open(file))
    numbers = {k: from_dict(GraphNodeData, v) for k, v in data.items() if "macs" in file}
    assert json.loads(ModelNodeData(numbers).to_json_string()).keys() == numbers.keys()
    print(json.dumps([[labels[g][n], r["value"]] for g, d in data.items()
                      for n, r in d["results"].items()]))
"""


def test_tflite(tflite_file: Path) -> None:
    graph = read_graph(tflite_file)
    files = node_data(graph)
    assert set(files) == {"precision", "macs"}
    (data,) = json.loads(files["macs"]).values()
    assert data["results"] == {
        str(one.number): {"value": one.macs} for one in graph.operators if one.macs
    }
    assert [stop["stop"] for stop in data["gradient"]] == [0, 0.3, 1]
    (data,) = json.loads(files["precision"]).values()
    assert {key: one["value"] for key, one in data["results"].items()} == {
        str(one.number): one.precision for one in graph.operators
    }


def test_onnx_nodes_are_named_by_their_outputs(onnx_file: Path) -> None:
    data = json.loads(node_data(read_graph(onnx_file))["precision"])
    assert list(data) == ["branches"]
    assert list(data["branches"]["results"]) == ["c", "r", "q", "d", "y"]


def test_openvino_is_refused(openvino_file: Path) -> None:
    with pytest.raises(OptionError, match="reads TFLite and ONNX files, got OpenVINO IR"):
        node_data(read_graph(openvino_file))


def test_its_own_reader_finds_every_node(tflite_file: Path, tmp_path: Path) -> None:
    pytest.importorskip("model_explorer", reason="needs ai-edge-model-explorer")
    graph = read_graph(tflite_file)
    paths = []
    for name, content in node_data(graph).items():
        paths.append(tmp_path / f"{name}.json")
        paths[-1].write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-c", _READ, str(tflite_file), *map(str, paths)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    precision, macs = map(json.loads, done.stdout.splitlines())
    assert precision == [[one.kind.lower(), one.precision] for one in graph.operators]
    assert macs == [[one.kind.lower(), one.macs] for one in graph.operators if one.macs]
