"""Documents and policies in files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from edgekit.devices.figures import DeviceMeasurement
from edgekit.report.devices import Benchmark
from edgekit.report.plain import to_plain


@pytest.fixture
def document(tmp_path: Path) -> Any:
    """Write a document of devices; return its path."""

    def write(name: str, *measurements: DeviceMeasurement, **more: Any) -> Path:
        path = tmp_path / name
        found = Benchmark(measurements=measurements, **more)
        path.write_bytes(msgspec.json.encode(to_plain(found)))
        return path

    return write


@pytest.fixture
def policy(tmp_path: Path) -> Any:
    """Write a policy; return its path."""

    def write(text: str) -> Path:
        path = tmp_path / "edgekit-gate.toml"
        path.write_text(f"schema = 1\n{text}", encoding="utf-8")
        return path

    return write
