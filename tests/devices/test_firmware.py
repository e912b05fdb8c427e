"""Firmware, made and run by the real tools."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit import runtimes
from edgekit.artifact import Artifact
from edgekit.devices import Device, DeviceMeasurement, Request, load_device
from edgekit.devices.declaration import Cpu, Memory
from edgekit.devices.firmware import FirmwareBackend, known_file
from edgekit.devices.firmware.tools import Kit

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        bool(Kit(load_device("firmware-m4")).needs()),
        reason="firmware tools are not installed: edgekit devices install firmware-m4",
    ),
]
EVIL = 'x */ _Static_assert(0, "obeyed"); /* \n#error obeyed\n'
ROOT = Path(__file__).resolve().parents[2]


def measured(artifact: Artifact, name: str = "firmware-m4", **memory: int) -> DeviceMeasurement:
    device: Device = dataclasses.replace(load_device(name), memory=Memory(**memory))
    return FirmwareBackend().measure(device, artifact, Request())


def quantized(path: Path, *, name: str = "x") -> Artifact:
    """Write a convolution between quantizing operators, as quantizers of ONNX do."""
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    kept = {
        "ws": np.float32(0.02), "wz": np.int8(0), "s": np.float32(0.05), "z": np.int8(3),
        "os": np.float32(0.1), "w": rng.integers(-127, 128, (8, 3, 3, 3), dtype=np.int8),
        "bs": np.float32(0.001), "bz": np.int32(0),
        "b": rng.integers(-500, 500, 8, dtype=np.int32),
    }  # fmt: skip
    nodes = [
        helper.make_node("QuantizeLinear", [name, "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["dw"]),
        helper.make_node("DequantizeLinear", ["b", "bs", "bz"], ["db"]),
        helper.make_node("Conv", ["d", "dw", "db"], ["c"], name=EVIL, doc_string=EVIL),
        helper.make_node("QuantizeLinear", ["c", "os", "z"], ["qc"]),
        helper.make_node("DequantizeLinear", ["qc", "os", "z"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes, EVIL,
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ("n", 3, 12, 12))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ("n", 8, 10, 10))],
        [numpy_helper.from_array(np.asarray(value), key) for key, value in kept.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return runtimes.describe(path)


@pytest.mark.parametrize("name", ["firmware-m4", "firmware-m7", "firmware-m55"])
def test_every_board_computes_a_known_file(name: str) -> None:
    assert FirmwareBackend().check(load_device(name)) == []


@pytest.mark.parametrize("name", ["firmware-m4", "firmware-m7", "firmware-m55"])
def test_a_quantized_file_computes_in_integers_as_this_host_does(name: str, tmp_path: Path) -> None:
    found = measured(quantized(tmp_path / "q.onnx"), name)
    assert found.agreement is not None
    assert found.agreement.identical_share == 1.0
    assert "fused" in found.facts["numbers"]
    assert found.warnings == found.misfits == ()
    assert found.latency is None
    assert found.counts is not None
    macs = 8 * 10 * 10 * 27
    assert found.counts.loads > 2 * macs
    assert found.memory.flash_kib is not None and found.memory.ram_kib is not None  # noqa: PT018
    buffers = 4 * (3 * 12 * 12 + 8 * 10 * 10)
    assert found.memory.flash_kib > 8 * 27 / 1024
    assert found.memory.ram_kib > buffers / 1024


def test_names_of_the_file_are_not_obeyed(tmp_path: Path) -> None:
    plain = measured(quantized(tmp_path / "q.onnx"))
    evil = measured(quantized(tmp_path / "evil.onnx", name=EVIL))
    assert (evil.counts, evil.memory.flash_kib) == (plain.counts, plain.memory.flash_kib)


PROGRAM = """\
import sys
from edgekit import runtimes
from edgekit.devices import Request, load_device
from edgekit.devices.firmware import FirmwareBackend
artifact = runtimes.describe(sys.argv[2])
found = FirmwareBackend().measure(load_device(sys.argv[1]), artifact, Request())
print(found.counts, found.memory.ram_kib, found.memory.flash_kib)
"""


@pytest.mark.parametrize("name", ["firmware-m4", "firmware-m55"])
def test_three_processes_tell_the_same_figures(name: str, tmp_path: Path) -> None:
    file = quantized(tmp_path / "q.onnx").path
    told = set()
    for number in range(3):
        folder = tmp_path / f"work{'x' * 7 * number}"
        folder.mkdir()
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, name, str(file)], capture_output=True, text=True,
            cwd=folder, timeout=300, check=True,
        )  # fmt: skip
        told.add(done.stdout)
    assert len(told) == 1


def test_a_board_that_is_too_small_is_a_misfit(tmp_path: Path) -> None:
    artifact = quantized(tmp_path / "q.onnx")
    whole = measured(artifact)
    assert whole.memory.ram_kib is not None
    enough = int(whole.memory.ram_kib) + 1
    assert measured(artifact, ram_kib=enough, flash_kib=64).misfits == ()
    said = measured(artifact, ram_kib=enough - 1, flash_kib=1).misfits
    assert [line.split(",")[0].split(" of ")[1] for line in said] == ["RAM", "flash"]


def one_operator(path: Path, kind: str, shape: tuple[Any, ...], *, domain: str = "") -> Artifact:
    from onnx import TensorProto, helper

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in "xy"]
    node = helper.make_node(kind, ["x"], ["y"], domain=domain)
    graph = helper.make_graph([node], "one", ends[:1], ends[1:])
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("com.microsoft", 1)]
    path.write_bytes(
        helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
    )
    return runtimes.describe(path)


@pytest.mark.parametrize(
    ("kind", "shape", "why"),
    [
        ("Relu", (1, 3000, 1000), "MiB of RAM, more than the 16 MiB of the emulated board"),
        ("RandomNormalLike", (1, 10), "RandomNormalLike"),
        ("Relu", (1, "width"), "open dimension"),
    ],
)
def test_what_cannot_become_firmware_is_a_misfit_on_one_line(
    kind: str, shape: tuple[Any, ...], why: str, tmp_path: Path
) -> None:
    (said,) = measured(one_operator(tmp_path / "one.onnx", kind, shape)).misfits
    assert said.startswith("cannot become firmware: ")
    assert why in said
    assert "\n" not in said


def test_a_core_without_floating_point_computes_the_known_file_too(tmp_path: Path) -> None:
    core = Cpu(architecture="armv7m", model="Cortex-M3", emulator="cortex-m3")
    device = dataclasses.replace(load_device("firmware-m4"), name="mine", cpu=core)
    artifact = known_file.write(tmp_path / "known.onnx")
    found = FirmwareBackend().outputs(device, artifact, known_file.samples())
    np.testing.assert_array_equal(found[artifact.outputs[0].name], known_file.expected())
