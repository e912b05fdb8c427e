"""The agent by itself, as a board would start it."""

from __future__ import annotations

import ast
import base64
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from edgekit import catalog, runtimes
from edgekit.devices import known_model
from edgekit.devices.remote.protocol import agent_files
from edgekit.devices.stored import stored_batches

AGENT = catalog.shipped("devicefarm") / "agent"
SOURCES = sorted(AGENT.glob("*.py"))


def ask(job: dict[str, Any], folder: Path, python: str = sys.executable) -> dict[str, Any]:
    done = subprocess.run(
        [python, str(AGENT / "agent.py")], input=json.dumps(job).encode(), cwd=folder,
        capture_output=True, timeout=300,
        env={"PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(folder)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def job_for(file: Path, *inputs: np.ndarray, batches: int = 1, **changed: Any) -> dict[str, Any]:
    data = file.with_name("inputs.bin")
    data.write_bytes(b"".join(array.tobytes() for array in inputs) * batches)
    told = [{"dtype": array.dtype.name, "shape": array.shape} for array in inputs]
    return {
        "format": runtimes.SUFFIXES[file.suffix], "file": file.name, "data": data.name,
        "inputs": told, "batches": batches, "threads": 1, "warmup": 3, "min_runs": 20,
        "min_seconds": 0.0, "max_runs": 10_000, "limit_s": 200, **changed,
    }  # fmt: skip


def array_of(output: dict[str, Any]) -> np.ndarray:
    raw = base64.b64decode(output["data"])
    return np.frombuffer(raw, output["dtype"]).reshape(output["shape"])


def test_it_measures_a_tflite_file_and_gives_its_outputs(tflite_file: Path) -> None:
    artifact = runtimes.describe(tflite_file)
    name, output = artifact.inputs[0].name, artifact.outputs[0]
    batches = [one for (one,) in stored_batches(artifact, {name: known_model.samples()})]
    job = job_for(tflite_file, np.concatenate(batches))
    job["inputs"][0]["shape"] = batches[0].shape
    run = ask({**job, "batches": len(batches)}, tflite_file.parent)["run"]
    assert (len(run["warmup_ms"]), len(run["samples_ms"])) == (3, 20)
    assert all(one > 0 for one in run["samples_ms"])
    assert run["peak_kib"] >= run["memory_before_kib"] > 1000
    stored = np.concatenate([array_of(one) for (one,) in run["outputs"]])
    np.testing.assert_array_equal(output.scale * stored, known_model.expected())


@pytest.mark.parametrize("kind", ["onnx", "openvino"])
def test_it_resizes_open_dimensions(kind: str, request: pytest.FixtureRequest) -> None:
    file = request.getfixturevalue(f"{kind}_file")
    given = np.arange(12, dtype=np.float32).reshape(3, 4)
    answer = ask(job_for(file, given), file.parent)
    np.testing.assert_array_equal(array_of(answer["run"]["outputs"][0][0]), 2 * given)


def test_runs_go_on_until_time_has_passed_too(tflite_file: Path) -> None:
    stored = np.zeros((1, 4, 4, 16), np.int8)
    job = job_for(tflite_file, stored, min_runs=1, min_seconds=0.5)
    run = ask(job, tflite_file.parent)["run"]
    assert 1 < len(run["samples_ms"]) <= 10_000
    assert sum(run["samples_ms"]) > 100 or len(run["samples_ms"]) == 10_000
    job = job_for(tflite_file, stored, min_runs=1, min_seconds=100.0, max_runs=7)
    assert len(ask(job, tflite_file.parent)["run"]["samples_ms"]) == 7


def test_without_a_file_it_tells_facts(tmp_path: Path, bare_python: Path) -> None:
    here, bare = ask({}, tmp_path), ask({}, tmp_path, str(bare_python))
    assert "ai-edge-litert" in here["runtimes"]
    assert bare["runtimes"] == {}
    assert bare["facts"]["cpu"] == here["facts"]["cpu"]
    assert "run" not in here


@pytest.mark.parametrize(
    ("kind", "package"),
    [("tflite", "ai-edge-litert"), ("onnx", "onnxruntime"), ("openvino", "openvino")],
)
def test_missing_runtimes_are_named(
    kind: str, package: str, tmp_path: Path, bare_python: Path
) -> None:
    job = {"format": kind, "file": "model", "data": "x", "inputs": [], "batches": 1}
    error = ask(job, tmp_path, str(bare_python))["error"]
    assert error["kind"] == "runtime"
    assert error["text"].endswith(f"on the board: {bare_python} -m pip install {package}")


def test_a_broken_file_is_an_answer(tflite_file: Path) -> None:
    tflite_file.write_bytes(tflite_file.read_bytes()[:100])
    job = job_for(tflite_file, np.zeros((1, 4, 4, 16), np.int8))
    error = ask(job, tflite_file.parent)["error"]
    assert error["kind"] == "file"
    assert "cannot open it" in error["text"]
    assert "\n" not in error["text"]


def test_inputs_that_do_not_fit_are_an_answer(tflite_file: Path) -> None:
    job = job_for(tflite_file, np.zeros((1, 4, 4, 16), np.int8))
    assert ask({**job, "batches": 2}, tflite_file.parent)["error"]["kind"] == "job"
    job = job_for(tflite_file, np.zeros((1, 4, 4, 16), np.float32))
    assert "cannot set the inputs of it" in ask(job, tflite_file.parent)["error"]["text"]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_it_is_python_3_9_and_imports_the_standard_library_only(source: Path) -> None:
    tree = ast.parse(source.read_text(), feature_version=(3, 9))
    own = {path.stem for path in SOURCES}
    for node in tree.body:
        if isinstance(node, ast.Import):
            names = {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {str(node.module).partition(".")[0]}
        else:
            continue
        assert names <= sys.stdlib_module_names | own


def test_everything_that_it_needs_is_sent() -> None:
    assert {path.name for path in SOURCES} == {*agent_files(), "keeper.py"}


@pytest.fixture(scope="module")
def board() -> ModuleType:
    spec = importlib.util.spec_from_file_location("agent_board", AGENT / "board.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def raspberry(tmp_path: Path) -> str:
    """The files of a Raspberry Pi that tell what it is."""
    cores = "".join(
        f"processor\t: {i}\nFeatures\t: fp asimd evtstrm\nCPU implementer\t: 0x41\n"
        f"CPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: {part}\nCPU revision\t: 3\n\n"
        for i, part in enumerate(["0xd05"] * 4 + ["0xd0b"] * 2)
    )
    files = {
        "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
        "proc/cpuinfo": cores,
        "proc/meminfo": "MemTotal:        3884288 kB\nMemFree: 1 kB\nMemAvailable:    3000000 kB\n",
        "proc/loadavg": "0.25 0.10 0.05 1/100 1234\n",
        "etc/os-release": 'NAME="x"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
        "sys/class/thermal/thermal_zone0/temp": "48312\n",
        "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
        "sys/class/thermal/thermal_zone1/temp": "broken\n",
        "sys/devices/platform/soc/soc:firmware/get_throttled": "50005\n",
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "ondemand\n",
        "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor": "ondemand\n",
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "600000\n",
        "sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq": "1500000\n",
        "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq": "1800000\n",
    }
    for name, content in files.items():
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return str(tmp_path / "root")


def test_facts_are_read_from_the_systems_files(board: ModuleType, raspberry: str) -> None:
    facts = board.facts(raspberry)
    assert facts["model"] == "Raspberry Pi 4 Model B Rev 1.4"
    assert facts["cpu"] == "4x Cortex-A55, 2x Cortex-A76"
    assert facts["features"] == "fp asimd evtstrm"
    assert facts["governor"] == "ondemand"
    assert facts["frequency_max_mhz"] == 1800
    assert facts["memory_kib"] == 3884288
    assert facts["os"] == "Debian GNU/Linux 12 (bookworm)"
    assert "frequency_min_mhz" not in facts


def test_its_state_is_read_from_the_systems_files(board: ModuleType, raspberry: str) -> None:
    assert board.state(raspberry) == {
        "temperatures": {"cpu-thermal": 48.312},
        "frequency_mhz": 1500,
        "throttled": "0x50005",
        "load": 0.25,
        "memory_available_kib": 3000000,
    }


def test_what_is_not_told_is_left_out(board: ModuleType, tmp_path: Path) -> None:
    assert board.state(str(tmp_path)) == {}
    assert "model" not in board.facts(str(tmp_path))
