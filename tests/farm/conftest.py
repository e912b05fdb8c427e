"""A lab of fake devices, and files to measure on them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgekit.devices.emulated import probe


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Leases and quarantines of this test alone."""
    monkeypatch.setenv("EDGEKIT_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def lab(tmp_path: Path) -> Callable[..., Path]:
    """Return what declares a fake device, and gives the folder of all."""
    folder = tmp_path / "lab"
    folder.mkdir()

    def declare(name: str, *labels: str, **script: Any) -> Path:
        if "outcomes" in script:
            script.setdefault("journal", str(tmp_path / f"{name}.outcomes"))
        (folder / f"{name}.toml").write_text(
            f'schema = 1\nname = "{name}"\nkind = "fake"\ndescription = "for a test"\n'
            f"labels = {json.dumps(list(labels))}\n[script]\n"
            + "".join(f"{key} = {json.dumps(value)}\n" for key, value in script.items())
        )
        return folder

    return declare


@pytest.fixture
def files(tmp_path: Path) -> Callable[[int], list[str]]:
    """Return what makes so many small TFLite files."""

    def make(count: int) -> list[str]:
        first = tmp_path / "file-0.tflite"
        probe.make(first)
        for number in range(1, count):
            (tmp_path / f"file-{number}.tflite").write_bytes(first.read_bytes())
        return [f"file-{number}.tflite" for number in range(count)]

    return make


@pytest.fixture
def plan(tmp_path: Path) -> Callable[..., Path]:
    """Return what writes a plan."""

    def write(**keys: Any) -> Path:
        path = tmp_path / "plan.toml"
        tables = {key: value for key, value in keys.items() if isinstance(value, dict)}
        lines = ["schema = 1", 'inventory = ["lab"]']
        lines += [f"{k} = {json.dumps(v)}" for k, v in keys.items() if k not in tables]
        for name, table in tables.items():
            lines += [f"[{name}]", *(f"{key} = {json.dumps(v)}" for key, v in table.items())]
        path.write_text("\n".join(lines) + "\n")
        return path

    return write
