"""Files that take turns are measured alike, round by round."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import msgspec
import pytest

from edgekit import runtimes
from edgekit.bench import measure_in_turns, preemption
from edgekit.benchmarking import benchmark
from edgekit.comparing.run import compare
from edgekit.cpu import cpu_facts
from edgekit.devices.known_model import content
from edgekit.errors import ArtifactError, DeviceError, OptionError
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
