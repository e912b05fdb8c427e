"""A host with tflite-runtime alone: it runs TFLite files, and cannot read what is in them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import edgekit
from edgekit import runtimes
from edgekit.devices import backend_of, known_model, load_device
from edgekit.devices.emulated import probe
from edgekit.devices.weights import weights_kib
from edgekit.errors import MissingExtra


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "known.tflite"
    path.write_bytes(known_model.content())
    return path


@pytest.fixture
def _no_schema(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert.schema_py_generated", None)


def test_weights_are_told_where_they_can_be(file: Path) -> None:
    assert weights_kib(runtimes.describe(file)) == pytest.approx((16 * 16 + 16 * 4) / 1024)


@pytest.mark.usefixtures("_no_schema")
def test_without_the_schema_weights_are_not_known(file: Path) -> None:
    assert weights_kib(runtimes.describe(file)) is None
    (found,) = edgekit.benchmark(file, warmup=0, min_runs=1, min_seconds=0.0).measurements
    assert found.latency is not None
    assert found.memory.weights_kib is None


@pytest.mark.usefixtures("_no_schema")
def test_what_needs_the_schema_says_so_on_one_line(tmp_path: Path) -> None:
    with pytest.raises(MissingExtra, match="ai-edge-litert is not installed"):
        known_model.content()
    with pytest.raises(MissingExtra, match="ai-edge-litert is not installed"):
        probe.make(tmp_path / "probe.tflite")
    device = load_device("ethos-u55-128")
    with pytest.raises(MissingExtra, match="ai-edge-litert is not installed"):
        backend_of(device).check(device)
