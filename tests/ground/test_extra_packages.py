from __future__ import annotations

import importlib.util
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from edgekit.errors import MissingExtra
from edgekit.extras import NEEDS, distribution_of, load, require_makers, runtime_of

PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


@pytest.mark.parametrize("kind", NEEDS)
def test_the_project_declares_what_a_format_needs(kind: str) -> None:
    project = tomllib.loads(PROJECT.read_text())["project"]
    need, extras = NEEDS[kind], project["optional-dependencies"]
    lines = project["dependencies"] if need.extra is None else extras[need.extra]
    declared = {Requirement(line).name for line in lines}
    assert {distribution_of(package) for package in (*need.make, need.run[0])} <= declared


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("nncf", "nncf is not installed: pip install 'edgekit-ml[openvino]'"),
        ("onnx.helper", "onnx is not installed: pip install 'edgekit-ml[onnx]'"),
        ("ai_edge_litert.interpreter", "ai-edge-litert is not installed: pip install"),
    ],
)
def test_a_package_that_cannot_be_imported_names_its_extra(module, text, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra) as raised:
        load(module)
    assert text in str(raised.value)


def test_what_is_asked_for_is_not_imported(monkeypatch) -> None:
    monkeypatch.delitem(sys.modules, "tf2onnx", raising=False)
    require_makers("onnx")
    assert "tf2onnx" not in sys.modules


def test_any_runtime_of_a_format_will_do(monkeypatch) -> None:
    there = {"tflite_runtime"}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name if name in there else None)
    assert runtime_of("tflite") == "tflite_runtime"
    require_makers("tflite")
    with pytest.raises(MissingExtra, match="onnxruntime"):
        runtime_of("onnx")
    with pytest.raises(MissingExtra, match="openvino"):
        require_makers("openvino")
