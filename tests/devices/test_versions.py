"""Which runtime ran, and which was declared."""

from __future__ import annotations

from pathlib import Path

import pytest

import edgekit
from edgekit.devices import Device, known_model
from edgekit.devices.declaration import Runtime
from edgekit.devices.versions import other_version

RAN = {"tflite-micro": "2.1"}


def device(name: str, version: str = "") -> Device:
    runtime = Runtime(name=name, version=version)
    return Device(name="mine", kind="microcontroller", description="", runtime=runtime)


@pytest.mark.parametrize(
    ("name", "version", "said"),
    [
        ("tflite-micro", "", ()),
        ("tflite-micro", "2.1", ()),
        ("tflite-micro", "2.0", ("expected tflite-micro 2.0, as declared; tflite-micro 2.1 ran",)),
        ("openvino", "", ("expected openvino, as declared; tflite-micro 2.1 ran",)),
    ],
)
def test_another_runtime_than_declared_is_told(
    name: str, version: str, said: tuple[str, ...]
) -> None:
    assert other_version(device(name, version), RAN) == said


def test_this_host_says_so_too(tmp_path: Path) -> None:
    path = tmp_path / "known.tflite"
    path.write_bytes(known_model.content())
    own = Device(
        name="here",
        kind="host",
        description="",
        runtime=Runtime(name="ai-edge-litert", version="1"),
    )
    (found,) = edgekit.benchmark(path, own, warmup=0, min_runs=1, min_seconds=0.0).measurements
    assert any("expected ai-edge-litert 1, as declared" in line for line in found.warnings)
    assert found.runtime["ai-edge-litert"] not in ("", "1")
