"""What every kind of device keeps to, whatever it is: one suite over all that are shipped."""

from __future__ import annotations

import dataclasses

import pytest
from installed import ready

from edgekit import runtimes
from edgekit.devices import Request, backend_of
from edgekit.devices.declaration import all_devices
from edgekit.devices.emulated import probe
from edgekit.devices.figures import DeviceMeasurement, MemoryUse
from edgekit.devices.known_model import content
from edgekit.errors import ArtifactError, DeviceError, OptionError
from edgekit.report.devices import Benchmark
from edgekit.report.documents import BENCHMARK, read_as, written

DEVICES = [device.name for device in all_devices()]
BASES = {"measured", "counted", "modelled", "estimated", "computed"}
QUICK = Request(min_runs=3, min_seconds=0.0, warmup=1)


@pytest.fixture(params=DEVICES)
def device(request):
    """Return a shipped device that is ready, or skip and say what brings it."""
    return ready(request.param)


@pytest.fixture
def artifact(device, tmp_path):
    """Return a small file in a format that the device takes."""
    if device.kind == "firmware":
        path = tmp_path / "small.onnx"
        probe.make(path)
    else:
        path = tmp_path / "small.tflite"
        path.write_bytes(content(real_ports=device.kind == "browser"))
    return runtimes.describe(path)


def test_a_measurement_says_what_it_is_of_and_how_each_figure_was_come_by(device, artifact):
    found = backend_of(device).measure(device, artifact, QUICK)
    assert isinstance(found, DeviceMeasurement)
    assert (found.device, found.sha256) == (device.name, artifact.sha256)
    assert found.runtime or device.kind == "fake"
    assert set(found.bases.values()) <= BASES
    for name in ("latency", "counts", "operators"):
        assert (name in found.bases) == bool(getattr(found, name)), name
    if dataclasses.replace(found.memory, artifact_kib=0.0) != MemoryUse(artifact_kib=0.0):
        assert "memory" in found.bases
    if found.latency is not None:
        assert found.latency.ms > 0
        assert found.latency.basis == found.bases["latency"]
        assert bool(found.latency.samples_ms) == (found.latency.basis == "measured")
    assert all("\n" not in warning for warning in found.warnings)


def test_a_measurement_can_be_kept_and_read_again(device, artifact):
    found = backend_of(device).measure(device, artifact, QUICK)
    document = Benchmark(edgekit="0", measurements=(found,))
    assert read_as(BENCHMARK, written(document), where="x") == document


def test_a_file_that_is_none_is_refused_in_one_line(device, artifact):
    artifact.path.write_bytes(b"no model" * 64)
    if device.kind == "fake":
        pytest.skip("a fake runs nothing, and so refuses nothing")
    with pytest.raises((ArtifactError, DeviceError, OptionError)) as raised:
        backend_of(device).measure(device, artifact, QUICK)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 1000


def test_what_is_ready_needs_nothing_and_keeps_nothing_wrong(device):
    backend = backend_of(device)
    assert not list(backend.needs(device))
    assert list(backend.check(device)) == []
