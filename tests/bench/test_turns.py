"""Files that take turns are measured alike, round by round."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edgekit import runtimes
from edgekit.bench import measure_in_turns, preemption, turns
from edgekit.bench.process import kept
from edgekit.benchmarking import benchmark
from edgekit.comparing.run import compare
from edgekit.cpu import cpu_facts
from edgekit.devices.known_model import content
from edgekit.errors import ArtifactError, DataError, DeviceError, OptionError
from edgekit.report.plain import to_plain


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Return two files that take equally long."""
    made = []
    for name in ("old", "new"):
        path = tmp_path / f"{name}.tflite"
        path.write_bytes(content(real_ports=True))
        made.append(path)
    return made


def test_every_round_has_as_many_samples_of_each_file(files):
    artifacts = [runtimes.describe(path) for path in files]
    found = measure_in_turns(artifacts, rounds=3, min_runs=10)
    assert found.rounds == (4, 4, 4)
    assert [len(one.samples_ms) for one in found.measurements] == [12, 12]
    assert min(found.measurements[0].samples_ms) > 0
    assert found.session
    assert {one.host.cores for one in found.measurements} == {cpu_facts().cores}


def test_a_document_of_files_in_turns_compares_round_by_round(files, tmp_path):
    found = benchmark(files, "host", rounds=10, min_runs=20, min_seconds=0.0)
    assert len({one.latency.session for one in found.measurements if one.latency}) == 1
    path = tmp_path / "t.json"
    path.write_bytes(msgspec.json.encode(to_plain(found)))
    compared = compare(f"{path}#old.tflite", f"{path}#new.tflite")
    (latency,) = [one for one in compared.differences if one.metric == "latency_ms"]
    assert "10 rounds in turns" in latency.method


def test_files_in_turns_are_timed_on_the_samples_that_are_given(files, tmp_path, monkeypatch):
    (spec,) = runtimes.describe(files[0]).inputs
    rows = np.random.default_rng(1).uniform(-1, 1, (9, *spec.shape[1:])).astype(np.float32)
    np.savez(tmp_path / "data.npz", x=rows)
    seen = []

    def watched(stack, sample):
        seen.append(sample)
        return kept(stack, sample)

    monkeypatch.setattr(turns, "kept", watched)
    benchmark(files, "host", data=tmp_path / "data.npz", rounds=2, min_runs=2, min_seconds=0.0)
    assert [sample[spec.name].shape for sample in seen] == [(1, *spec.shape[1:])] * 2
    assert any((seen[0][spec.name] == row).all() for row in rows)


def test_a_sample_that_does_not_fit_is_refused_in_turns(files):
    artifact = runtimes.describe(files[0])
    samples = [{artifact.inputs[0].name: np.zeros((1, 3), np.float32)}]
    with pytest.raises(DataError, match="expected"):
        measure_in_turns([artifact], rounds=1, samples=samples)


@pytest.mark.parametrize("rounds", [0, 201])
def test_a_number_of_rounds_that_cannot_be_is_no_fault_of_a_device(files, rounds):
    with pytest.raises(OptionError, match=f"rounds: expected 1 to 200, got {rounds}") as raised:
        benchmark(files, "host", rounds=rounds)
    assert raised.value.benchmark is None


@pytest.mark.parametrize("given", [{"rounds": 0}, {"rounds": 201}, {"min_runs": 0}, {"warmup": -1}])
def test_numbers_that_mean_nothing_are_refused(files, given):
    with pytest.raises(OptionError, match="expected rounds in"):
        measure_in_turns([runtimes.describe(files[0])], **given)


def test_a_file_that_vanishes_is_told_in_one_line(files):
    artifact = runtimes.describe(files[0])
    files[0].unlink()
    with pytest.raises(ArtifactError, match="measuring it failed") as raised:
        measure_in_turns([artifact], rounds=1)
    assert "\n" not in str(raised.value)


def test_a_device_that_fails_in_turns_fails_every_file(files, monkeypatch):
    def gone(*args, **kwargs):
        raise ArtifactError("the process died")

    monkeypatch.setattr("edgekit.devices.host.measure_in_turns", gone)
    with pytest.raises(DeviceError) as raised:
        benchmark(files, "host", rounds=2)
    assert len(raised.value.benchmark.failures) == 2


def test_an_interrupted_sample_is_taken_again_but_not_for_ever(monkeypatch):
    interruptions, samples = (
        iter([0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5]),
        iter([9.0, 1.0] + [8.0] * 9),
    )
    monkeypatch.setattr(preemption, "_interruptions", lambda: next(interruptions))
    assert preemption.uninterrupted(lambda: next(samples)) == 1.0
    assert preemption.uninterrupted(lambda: next(samples)) == 8.0
    assert len(list(samples)) == 5


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which processors are ours")
def test_processors_are_ours_and_as_many_as_asked_for():
    ours = os.sched_getaffinity(0)
    assert set(preemption.some_processors(1, random.Random(0))) < ours | {-1}
    assert preemption.some_processors(len(ours) + 1, random.Random(0)) == ()
