from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import psutil
import pytest

from edgekit import spawn
from edgekit.artifact import Artifact, TensorSpec
from edgekit.bench import Measurement, measure, process, worker
from edgekit.bench.host import host_facts, load_average, peak_memory_mib
from edgekit.bench.job import Job
from edgekit.bench.worker import random_input
from edgekit.errors import ArtifactError, DataError, MissingExtra, OptionError
from edgekit.runtimes import describe

FAST = {"warmup": 2, "min_runs": 12, "min_seconds": 0.0}
RESNET = "mlperf_tiny_models/image_classification/trained_models/pretrainedResnet"


def write_openvino(folder: Path) -> Artifact:
    openvino = pytest.importorskip("openvino")
    from openvino import opset13 as ops

    x = ops.parameter([1, 4], np.float32, name="x")
    y = ops.relu(ops.matmul(x, ops.constant(np.ones((4, 3), np.float32)), False, False))
    x.output(0).set_names({"x"})
    y.output(0).set_names({"y"})
    openvino.save_model(openvino.Model([y], [x], "m"), str(folder / "model.xml"))
    return describe(folder / "model.xml")


@pytest.mark.parametrize(
    "name", [f"{RESNET}.tflite", f"{RESNET}_quant.tflite", "mnist10k_lstm/trained_lstm_int8.tflite"]
)
def test_a_real_file_is_timed_run_by_run(assets, name):
    found = measure(describe(assets / name), **FAST)
    assert len(found.samples_ms) == 12
    assert len(found.warmup_ms) == 2
    assert min(found.samples_ms) > 0
    assert found.load_ms > 0
    assert found.memory_before_mib <= found.peak_memory_mib
    assert set(found.host.versions) <= {"ai-edge-litert", "tflite-runtime"}
    assert found.host.cores >= 1


def test_the_memory_is_the_childs_own_not_its_parents(assets):
    held = np.ones(60_000_000)
    found = measure(describe(assets / f"{RESNET}.tflite"), **FAST)
    assert found.peak_memory_mib < held.nbytes / 2**20 < peak_memory_mib()


def test_openvino_and_a_given_sample(tmp_path):
    artifact = write_openvino(tmp_path)
    found = measure(artifact, threads=2, sample={"x": np.ones((1, 4))}, **FAST)
    assert found.threads == 2
    assert "openvino" in found.host.versions
    with pytest.raises(DataError, match="expected inputs"):
        measure(artifact, sample={"z": np.ones((1, 4))}, **FAST)


class Clock:
    """A runner whose inferences each take 10 ms of a clock that only it moves."""

    now = 0

    def repeat(self, loop):
        return loop(self.invoke)

    def invoke(self):
        self.now += 10_000_000

    def perf_counter_ns(self):
        return self.now


@pytest.mark.parametrize(
    ("runs", "seconds", "count"), [(5, 0, 5), (5, 0.2, 20), (50, 0.2, 50), (0, 0, 0), (1, 1e6, 300)]
)
def test_it_runs_as_often_and_as_long_as_it_was_told(runs, seconds, count, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(worker, "time", clock)
    monkeypatch.setattr(worker, "MAX_RUNS", 300)
    assert worker.timed(clock, runs=runs, seconds=seconds) == (10.0,) * count


@pytest.mark.parametrize(
    "options", [{"threads": 0}, {"warmup": -1}, {"min_runs": 0}, {"min_seconds": float("nan")}]
)
def test_numbers_out_of_range_are_refused(options, tmp_path):
    artifact = Artifact(path=tmp_path / "no.tflite", format="tflite", inputs=(), outputs=())
    with pytest.raises(OptionError, match="threads >= 1"):
        measure(artifact, **options)


def test_a_file_that_cannot_be_opened_gives_its_own_words(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(b"\x00" * 100)
    artifact = Artifact(path=path, format="tflite", inputs=(), outputs=())
    with pytest.raises(ArtifactError, match="TFL3") as caught:
        measure(artifact, **FAST)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("start", "text"),
    [
        ("import os; os.kill(os.getpid(), 11)", "signal 11"),
        ("import sys; sys.exit('out of everything')", "exit 1.*out of everything"),
        ("print('chatter')", "no figures"),
        ("pass", "no figures"),
    ],
)
def test_a_child_that_dies_or_babbles_is_an_error(start, text, monkeypatch, tmp_path):
    monkeypatch.setattr(spawn, "_START", start)
    artifact = Artifact(path=tmp_path / "m.tflite", format="tflite", inputs=(), outputs=())
    with pytest.raises(ArtifactError, match=text):
        measure(artifact, **FAST)


def test_chatter_on_stdout_does_not_reach_the_answer(monkeypatch, assets):
    chatty = "import os; from edgekit.bench import worker\n"
    chatty += "real = worker.open_runner\n"
    chatty += (
        "worker.open_runner = lambda *a, **k: (os.write(1, b'INFO: hello'), real(*a, **k))[1]\n"
    )
    start = spawn._START.replace("import importlib", chatty + "import importlib")
    assert "INFO: hello" in start
    monkeypatch.setattr(spawn, "_START", start)
    assert measure(describe(assets / f"{RESNET}.tflite"), **FAST).samples_ms


def test_a_child_that_hangs_is_ended(monkeypatch, tmp_path):
    monkeypatch.setattr(spawn, "_START", "import time; time.sleep(60)")
    monkeypatch.setattr(process, "TIMEOUT_S", 0.5)
    artifact = Artifact(path=tmp_path / "m.tflite", format="tflite", inputs=(), outputs=())
    with pytest.raises(ArtifactError, match=r"no figures after 0\.5 s"):
        measure(artifact, warmup=0, min_runs=1, min_seconds=0)


def test_a_process_that_was_never_asked_is_gone_afterwards():
    with process.Waiting("tflite") as waiting:
        number = waiting.process.pid
        assert psutil.pid_exists(number)
    assert not psutil.pid_exists(number)


def test_a_waiting_process_times_a_file(assets):
    with process.Waiting("tflite") as waiting:
        found = measure(describe(assets / f"{RESNET}.tflite"), within=waiting, **FAST)
    assert len(found.samples_ms) >= FAST["min_runs"]


def test_a_missing_runtime_is_told_before_a_process_starts(monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    artifact = Artifact(path=tmp_path / "m.xml", format="openvino", inputs=(), outputs=())
    with pytest.raises(MissingExtra, match="openvino"):
        measure(artifact)


def test_random_inputs_fit_what_is_stored():
    def drawn(dtype, shape=(1, 500), **more):
        spec = TensorSpec(name="x", shape=shape, dtype=dtype, **more)
        return random_input(spec, np.random.default_rng(0))

    int8 = drawn("int8", scale=0.1, zero_point=3)
    assert int8.dtype == np.int8
    assert int8.min() < -120
    assert int8.max() > 120
    assert set(drawn("int32").ravel()) == {0, 1}
    assert drawn("bool").dtype == bool
    assert drawn("float16").dtype == np.float16
    assert drawn("float32", (None, 3)).shape == (1, 3)
    assert drawn("float32", ()).shape == ()


def test_a_job_survives_the_pipe(tmp_path):
    spec = TensorSpec(name="x", shape=(None, 2), dtype="float32")
    artifact = Artifact(path=tmp_path / "ü.tflite", format="tflite", inputs=(spec,), outputs=())
    job = Job(
        artifact=artifact, threads=1, warmup=0, min_runs=1, min_seconds=0.5, sample=tmp_path / "s"
    )
    assert Job.decode(job.encode()) == job


def test_a_measurement_survives_the_pipe():
    host = host_facts({"a": "1"}, load_before=load_average(), load_after=None)
    found = Measurement(
        samples_ms=(1.0, 2.0), warmup_ms=(), load_ms=1.0, threads=1, memory_before_mib=1.0,
        peak_memory_mib=2.0, host=host, notes=("n",),
    )  # fmt: skip
    assert msgspec.json.decode(msgspec.json.encode(found), type=Measurement) == found
    assert host.cpu
    assert host.differences(host) == ()
