"""Emulated boards, with the real runtime in the real emulator."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from exactness import demand_one_result
from installed import ready

from edgekit import runtimes
from edgekit.devices import Request, backend_of, load_device
from edgekit.devices.declaration import all_devices
from edgekit.devices.emulated import EmulatedBackend, probe
from edgekit.devices.emulated.tools import Kit
from edgekit.errors import ArtifactError, DeviceError, OptionError

BOARDS = [device.name for device in all_devices() if device.kind == "emulated"]


@pytest.fixture
def board(request):
    """Return a device that is ready, or skip."""
    return ready(getattr(request, "param", "raspberry-pi-4"))


@pytest.fixture
def artifact(tmp_path):
    path = tmp_path / "probe.tflite"
    probe.make(path)
    return runtimes.describe(path)


def test_boards_are_shipped_and_taken():
    assert {"raspberry-pi-3", "raspberry-pi-4", "raspberry-pi-5", "cortex-a55"} <= set(BOARDS)
    for name in BOARDS:
        assert isinstance(backend_of(load_device(name)), EmulatedBackend)


def test_what_has_to_be_brought_is_told_before(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGEKIT_DEVICES", str(tmp_path))
    device = load_device("raspberry-pi-4")
    needs = EmulatedBackend().needs(device)
    assert {each.source for each in needs} == {"apt", "pypi", "built here"}
    assert 40 < sum(each.size_mb for each in needs) < 80
    assert EmulatedBackend().state(device).readiness == "needs install"
    with pytest.raises(DeviceError, match="not installed"):
        Kit(device).tools()


def test_the_processor_that_computes_wrongly_is_refused():
    device = load_device("raspberry-pi-4")
    wrong = dataclasses.replace(device, cpu=dataclasses.replace(device.cpu, emulator="max"))
    with pytest.raises(OptionError, match="int8 wrongly"):
        EmulatedBackend().needs(wrong)


@pytest.mark.parametrize("board", BOARDS, indirect=True)
def test_a_board_computes_what_is_known(board):
    assert EmulatedBackend().check(board) == []


@pytest.mark.parametrize("board", ["raspberry-pi-4", "x86-haswell"], indirect=True)
def test_counts_of_three_processes_are_identical(board, artifact, tmp_path, monkeypatch):
    demand_one_result(board, artifact, tmp_path, monkeypatch)


def test_a_measurement_tells_how_each_figure_was_come_by(board, artifact):
    found = EmulatedBackend().measure(board, artifact, Request())
    assert found.latency is not None
    assert found.latency.basis == found.bases["latency"] == "modelled"
    assert found.bases == {
        "counts": "counted",
        "operators": "counted",
        "memory": "computed",
        "latency": "modelled",
    }
    assert found.operators[0].kind == "FULLY_CONNECTED"
    assert found.operators[0].instructions > 0
    assert sum(o.instructions or 0 for o in found.operators) == found.counts.instructions
    assert sum(found.counts.classes.values()) == found.counts.instructions
    assert found.agreement.identical_share == 1.0
    (warning,) = found.warnings
    assert warning.startswith("the modelled latency is a guess: ")
    assert found.facts["cpu part"].startswith("0xd08")


def test_kernels_are_those_of_the_processor(board, artifact):
    newer = load_device("raspberry-pi-5")
    without = EmulatedBackend().measure(board, artifact, Request(operators=False))
    dotted = EmulatedBackend().measure(newer, artifact, Request(operators=False))
    assert "dot_product" not in without.counts.classes
    assert dotted.counts.classes["dot_product"] > 0
    assert without.operators == ()


def test_the_users_samples_are_what_is_compared(board, artifact):
    rows = np.zeros((7, probe.WIDTH), np.float32)
    found = EmulatedBackend().measure(board, artifact, Request(samples={"in": rows}))
    assert found.agreement.samples == 7


def test_counts_do_not_depend_on_how_many_samples_there_are(board, artifact):
    rows = np.arange(3 * probe.WIDTH).reshape(3, -1).astype(np.float32) / 2
    one, three = (
        EmulatedBackend().measure(board, artifact, Request(samples={"in": rows[:n]}))
        for n in (1, 3)
    )
    assert one.counts == three.counts


def test_a_file_that_the_runtime_refuses_is_named(board, artifact):
    content = bytearray(artifact.path.read_bytes())
    artifact.path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ArtifactError, match=r"probe\.tflite"):
        EmulatedBackend().measure(board, artifact, Request())


def test_other_formats_are_refused(artifact):
    other = dataclasses.replace(artifact, format="onnx")
    with pytest.raises(ArtifactError, match="armv7 takes tflite files, got onnx"):
        EmulatedBackend().measure(load_device("armv7"), other, Request())


def test_a_device_that_computes_wrongly_is_caught(board, artifact, monkeypatch):
    # qemu's own default processor: its int8 kernels give garbage, which is why it is refused.
    wrong = dataclasses.replace(board.cpu, emulator="max")
    monkeypatch.setattr(
        "edgekit.devices.emulated.backend.declared", lambda device: (wrong, board.runtime)
    )
    found = EmulatedBackend().check(board)
    if not found:
        pytest.skip("this qemu computes int8 correctly on its default processor")
    assert "computes wrongly" in found[0]


def test_names_of_several_lines_are_told_apart(board, tmp_path):
    from ai_edge_litert import schema_py_generated as schema

    from edgekit.devices.emulated.inference import computed
    from edgekit.devices.emulated.tools import declared
    from edgekit.formats import tflite, tflite_edit

    names = ["one\ndone", "x" * 600, "one\\x0adone"]
    model = tflite_edit.blank()
    first, second, made = (tflite_edit.tensor(model, n, (1, 4), "float32") for n in names)
    options = schema.SubOptionsT()
    model.subgraphs[0].operators = [
        tflite_edit.operator(model, "SUB", [first, second], [made], options)
    ]
    model.subgraphs[0].inputs, model.subgraphs[0].outputs = [first, second], [made]
    tflite.sign(model, names[:2], names[2:])
    path = tmp_path / "named.tflite"
    path.write_bytes(tflite.pack(model))
    artifact = runtimes.describe(path)
    samples = {names[0]: np.full((1, 4), 3.0, np.float32), names[1]: np.ones((1, 4), np.float32)}
    cpu, _ = declared(board)
    found = computed(cpu, Kit(board).tools(), artifact, samples)
    np.testing.assert_array_equal(found[names[2]], np.full((1, 4), 2.0))


def test_a_runtime_that_cannot_be_loaded_is_not_the_files_fault(board, artifact, tmp_path):
    from edgekit.devices.emulated.inference import computed
    from edgekit.devices.emulated.tools import declared

    broken = tmp_path / "libLiteRt.so"
    broken.write_bytes(b"not a library")
    tools = Kit(board).tools()
    room = {**tools.program.room, broken.name: broken}
    tools = dataclasses.replace(tools, program=dataclasses.replace(tools.program, room=room))
    samples = {"in": np.zeros((1, probe.WIDTH), np.float32)}
    with pytest.raises(DeviceError, match=r"does not work: .*install --again"):
        computed(declared(board)[0], tools, artifact, samples)
