"""Files on devices: this host, a fake one, and what goes wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import edgekit
from edgekit.cli import main
from edgekit.devices import load_device
from edgekit.devices.declaration import Device, all_devices
from edgekit.devices.figures import DeviceMeasurement, Latency, MemoryUse, OperatorCost
from edgekit.errors import BudgetMissed, DeviceError, OptionError, UnknownName
from edgekit.report.devices import Benchmark, missed_budgets

FAST = {"warmup": 1, "min_runs": 12, "min_seconds": 0.0}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """y = 2 x, as ONNX."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    shape = [1, 4]
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "two"], ["y"])],
        "double",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(np.float32(2.0), "two")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path = tmp_path / "double.onnx"
    onnx.save(model, path)
    return path


def fake(**script: object) -> Device:
    return Device(name="pretended", kind="fake", description="for a test", script=script)


def test_this_host_measures_and_tells_on_what(file: Path) -> None:
    (found,) = edgekit.benchmark(file, **FAST).measurements
    assert found.latency is not None
    assert len(found.latency.samples_ms) == 12
    assert found.latency.low_ms <= found.latency.ms <= found.latency.high_ms
    assert (found.latency.basis, found.bases["latency"]) == ("measured", "measured")
    assert found.facts["cpu"]
    assert found.memory.artifact_kib == file.stat().st_size / 1024


def test_a_figure_beyond_its_budget_is_told_with_what_was_found(file: Path) -> None:
    with pytest.raises(BudgetMissed, match=r"double.onnx: latency_ms is .*expected at most 1e-06"):
        edgekit.benchmark(file, budget={"latency_ms": 1e-6}, **FAST)
    edgekit.benchmark(file, budget={"latency_ms": 1e6}, **FAST)


def test_a_budget_that_no_device_can_answer_is_missed(file: Path) -> None:
    with pytest.raises(BudgetMissed, match=r"double.onnx: flash_kib: .* got no figure") as caught:
        edgekit.benchmark(file, fake(), budget={"flash_kib": 10})
    assert len(caught.value.benchmark.measurements) == 1


def test_a_budgets_name_is_corrected() -> None:
    with pytest.raises(UnknownName, match="did you mean 'latency_ms'"):
        edgekit.benchmark("model.onnx", budget={"latency": 1})


def test_a_device_that_fails_does_not_lose_what_others_found(file: Path) -> None:
    lost = fake(outcomes=["lost"], journal=str(file.with_name("journal")))
    with pytest.raises(DeviceError, match="pretended: lost") as caught:
        edgekit.benchmark(file, ["fake", lost])
    found = caught.value.benchmark
    assert [one.device for one in found.measurements] == ["fake"]
    assert [failure.device for failure in found.failures] == ["pretended"]


def test_outcomes_are_counted_across_measurements(file: Path, tmp_path: Path) -> None:
    device = fake(outcomes=["ok", "failed"], journal=str(tmp_path / "journal"))
    edgekit.benchmark(file, device)
    with pytest.raises(DeviceError, match="failed"):
        edgekit.benchmark(file, device)
    edgekit.benchmark(file, device)


def test_nothing_is_measured_while_a_device_is_away(file: Path) -> None:
    journal = file.with_name("journal")
    ready = fake(outcomes=["ok"], journal=str(journal))
    with pytest.raises(DeviceError, match="unreachable: its script says so; see `edgekit devices"):
        edgekit.benchmark(file, [ready, replace(fake(unreachable=True), name="away")])
    assert not journal.exists()


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ({"latencyms": 1.0}, "did you mean 'latency_ms'"),
        ({"outcomes": ["lost"]}, "pretended: script: outcomes need journal"),
        (
            {"outcomes": ["gone"], "journal": "x"},
            "expected ok, lost, failed, dies, hangs, got 'gone'",
        ),
    ],
)
def test_a_script_is_read_strictly(file: Path, script: dict[str, object], text: str) -> None:
    with pytest.raises(OptionError, match=text):
        edgekit.benchmark(file, fake(**script))


@pytest.mark.parametrize("device", all_devices(), ids=lambda device: device.name)
def test_shipped_devices_are_what_their_files_are_called(device: Device) -> None:
    assert load_device(device.name) == device
    assert device.description
    assert len(device.description) < 100


def test_a_device_of_ones_own_takes_six_lines(file: Path, tmp_path: Path) -> None:
    own = tmp_path / "mine.toml"
    own.write_text(
        'schema = 1\nname = "mine"\nkind = "fake"\ndescription = "x"\n[script]\nlatency_ms = 1e3\n'
    )
    (found,) = edgekit.benchmark(file, str(own)).measurements
    assert found.latency is not None
    assert found.latency.ms == pytest.approx(1e3 * file.stat().st_size / 2**20)


def told(device: str, file: str, *, arena_kib: float | None, misfits: tuple[str, ...] = ()):
    return DeviceMeasurement(
        device=device, kind="fake", description="", file=file, format="tflite", sha256=file,
        memory=MemoryUse(artifact_kib=1.0, arena_kib=arena_kib), misfits=misfits,
    )  # fmt: skip


def test_each_file_needs_a_figure_and_a_device_that_it_fits() -> None:
    found = Benchmark(
        measurements=(
            told("board", "a", arena_kib=5.0),
            told("host", "a", arena_kib=None),
            told("small", "a", arena_kib=None, misfits=("does not fit",)),
            told("host", "b", arena_kib=None),
        ),
        budget={"arena_kib": 10.0},
    )
    lines = missed_budgets(found)
    assert lines == [
        "small: a: arena_kib: expected at most 10, got no figure",
        "host: b: arena_kib: expected at most 10, got no figure",
    ]


def on_npu(*where: str) -> DeviceMeasurement:
    placed = tuple(
        OperatorCost(index=at, kind="ADD", layer="x", where=unit) for at, unit in enumerate(where)
    )
    used = any("npu" in unit for unit in where)
    return replace(
        told("npu", "a", arena_kib=None), npu_share=0.5, operators=placed,
        cycles=500 if used else None,
        latency=Latency(ms=2.0, low_ms=None, high_ms=None, basis="estimated") if used else None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("where", "most", "said"),
    [
        (("npu", "none"), 3.0, []),
        (("npu", "cpu"), 3.0, ["npu: a: latency_ms is 2 without the operators on the CPU,"
                               " expected at most 3, cannot tell"]),
        (("cpu+npu",), 3.0, ["npu: a: latency_ms is 2 without"]),
        (("cpu",), 3.0, ["npu: a: latency_ms: expected at most 3, cannot tell"]),
        (("npu", "cpu"), 1.0, ["npu: a: latency_ms is at least 2, expected at most 1"]),
    ],
)  # fmt: skip
def test_an_estimate_without_the_operators_on_the_cpu_keeps_no_budget(
    where: tuple[str, ...], most: float, said: list[str]
) -> None:
    host = replace(
        told("host", "a", arena_kib=None),
        latency=Latency(ms=0.1, low_ms=0.1, high_ms=0.1, basis="measured"),
    )
    found = Benchmark(measurements=(on_npu(*where), host), budget={"latency_ms": most})
    lines = missed_budgets(found)
    assert len(lines) == len(said)
    assert all(line.startswith(start) for line, start in zip(lines, said, strict=True))


def test_an_output_that_cannot_be_written_is_told_before_anything_is_measured(
    file: Path, tmp_path: Path
) -> None:
    code, said = run("bench", str(file), "-d", "fake", "-q", "-o", str(tmp_path))
    assert (code, "expected a file in a folder" in said, "computed" in said) == (1, True, False)


@pytest.mark.parametrize(
    "wrong",
    [
        'runtime = { name = "x", version = "5.1/../x" }',
        'cpu = { architecture = "aarch64", model = "x", line_bytes = 48 }',
        'cpu = { architecture = "aarch64", model = "x", cores = 0 }',
        "cost = { threads = 0 }",
    ],
)
def test_what_no_device_is_cannot_be_declared(wrong: str, tmp_path: Path) -> None:
    own = tmp_path / "mine.toml"
    own.write_text(f'schema = 1\nname = "mine"\nkind = "fake"\ndescription = "x"\n{wrong}\n')
    with pytest.raises(OptionError, match="expected"):
        load_device(str(own))


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, list(arguments))
    return done.exit_code, done.output


def test_the_command_prints_a_table_and_writes_the_report(file: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    code, said = run("bench", str(file), "-d", "fake", "-q", "-o", str(report))
    assert code == 0, said
    assert "computed" in said
    assert max(map(len, said.splitlines())) <= 80
    plain = json.loads(report.read_text())
    assert plain["measurements"][0]["device"] == "fake"
    assert json.loads(run("bench", str(file), "-d", "fake", "--json")[1]) == plain


def test_the_command_exits_with_3_beyond_a_budget_and_prints_all_the_same(file: Path) -> None:
    code, said = run("bench", str(file), "-d", "fake", "-q", "--budget", "size_kib=0.01")
    assert code == 3
    assert "computed" in said
    assert said.splitlines()[-1].startswith("Error: fake: double.onnx: size_kib is")


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("bench", "{file}", "-d", "raspbery-pi-4"), 1, "no device 'raspbery-pi-4'; did you mean"),
        (("bench", "{file}", "--budget", "latency_ms"), 2, "expected NAME=NUMBER"),
        (("bench", "gone.tflite"), 1, "no such file"),
        (("devices", "show", "nothing"), 1, "no device"),
        (("devices", "install", "fake"), 0, "ready: fake"),
        (("devices", "check", "fake", "host"), 0, "fake: ok"),
        (("devices",), 0, "host"),
        (("devices", "show", "fake"), 0, "script.latency_ms = 10.0"),
    ],
)
def test_commands_answer_in_words(
    arguments: tuple[str, ...], code: int, text: str, file: Path
) -> None:
    came, said = run(*(argument.format(file=file) for argument in arguments))
    assert (came, text in said) == (code, True), said
    assert max(map(len, said.splitlines())) <= 80 or came
