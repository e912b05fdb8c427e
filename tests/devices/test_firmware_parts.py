"""What firmware is made of, with nothing installed."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.devices import load_device
from edgekit.devices.declaration import Cpu, Device, Runtime
from edgekit.devices.firmware import FirmwareBackend, graph, known_file, tools
from edgekit.devices.firmware.machines import MACHINES, declared
from edgekit.devices.readiness import see
from edgekit.errors import ArtifactError, OptionError

EVIL = 'x */ system("id"); /* \n#include "/etc/passwd" ??/'


def a_model(*, shape: tuple[Any, ...] = (1, 4), name: str = "x", kind: str = "Relu") -> Any:
    from onnx import TensorProto, helper

    node = helper.make_node(kind, [name], [f"y{name}"], name=EVIL, doc_string=EVIL)
    ends = [
        helper.make_tensor_value_info(end, TensorProto.FLOAT, shape) for end in (name, f"y{name}")
    ]
    inner = helper.make_graph([node], EVIL, ends[:1], ends[1:], doc_string=EVIL)
    return helper.make_model(
        inner, opset_imports=[helper.make_opsetid("", 13)], producer_name=EVIL, doc_string=EVIL,
        ir_version=8,
    )  # fmt: skip


def written(path: Path, model: Any) -> Path:
    path.write_bytes(model.SerializeToString())
    return path


def test_the_known_file_computes_what_it_says_here(tmp_path: Path) -> None:
    from edgekit.devices.agreement import here

    artifact = known_file.write(tmp_path / "known.onnx")
    found = here(artifact, known_file.samples())[artifact.outputs[0].name]
    np.testing.assert_array_equal(found, known_file.expected())


def test_no_name_of_the_file_is_left(tmp_path: Path) -> None:
    model = graph.fixed(written(tmp_path / "evil.onnx", a_model(name=EVIL)))
    graph.tell_shapes(model)
    graph.forget_names(model)
    content = model.SerializeToString()
    assert b"system" not in content
    assert b"passwd" not in content
    assert [value.name for value in (*model.graph.input, *model.graph.output)] == ["t0", "t1"]


@pytest.mark.parametrize("batch", [None, "batch", 0])
def test_an_open_batch_becomes_one(batch: Any, tmp_path: Path) -> None:
    model = graph.fixed(written(tmp_path / "open.onnx", a_model(shape=(batch, 4))))
    graph.tell_shapes(model)
    sizes = [
        [size.dim_value for size in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    ]
    assert sizes == [[1, 4], [1, 4]]


@pytest.mark.parametrize(
    ("shape", "said"), [((1, "width"), "an open dimension"), ((), "is a scalar")]
)
def test_what_has_no_size_is_refused(shape: tuple[Any, ...], said: str, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=said):
        graph.fixed(written(tmp_path / "open.onnx", a_model(shape=shape)))


def changed(**changes: Any) -> Device:
    return dataclasses.replace(load_device("firmware-m4"), name="mine", **changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cpu": None}, "needs cpu.emulator, one of cortex-m3, .*; got none"),
        ({"cpu": Cpu(architecture="armv7m", model="M9", emulator="max")}, "got max"),
        ({"runtime": None}, "expected runtime emx-onnx-cgen, got none"),
        ({"runtime": Runtime(name="tvm")}, "got tvm"),
    ],
)
def test_what_cannot_be_emulated_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        declared(changed(**changes))


def test_files_of_another_format_are_refused(tmp_path: Path, monkeypatch: Any) -> None:
    from edgekit import runtimes
    from edgekit.devices import Request, known_model

    monkeypatch.setattr(tools.Kit, "needs", lambda kit: [])
    path = tmp_path / "known.tflite"
    path.write_bytes(known_model.content())
    with pytest.raises(ArtifactError, match="takes ONNX files, got tflite"):
        FirmwareBackend().measure(load_device("firmware-m4"), runtimes.describe(path), Request())


def test_what_is_not_installed_is_named(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("EDGEKIT_DEVICES", str(tmp_path))
    seen = see(load_device("firmware-m4"), ["onnx"])
    assert seen.state.readiness == "needs install"
    assert "gcc-arm-none-eabi" in seen.state.why
    assert seen.lacking["onnx"].count("edgekit devices install firmware-m4") == 1
    sources = {fetch.source for fetch in FirmwareBackend().needs(load_device("firmware-m4"))}
    assert sources == {"apt", "pypi", "built here"}


def test_the_plugin_compiles_without_a_warning(tmp_path: Path) -> None:
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-ffreestanding"]
    subprocess.run(
        ["gcc", *flags, str(tools.sources() / "count.c"), "-o", "count.so"],
        cwd=tmp_path, check=True, timeout=120,
    )  # fmt: skip


def test_every_shipped_firmware_device_names_a_machine() -> None:
    for name in ("firmware-m4", "firmware-m7", "firmware-m55"):
        cpu, machine = declared(load_device(name))
        assert machine is MACHINES[cpu.emulator]
