"""Documents to keep."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edgekit.devices.figures import (
    Counts,
    DeviceAccuracy,
    DeviceMeasurement,
    Latency,
    MemoryUse,
)
from edgekit.report.devices import Benchmark, DeviceFailure
from edgekit.report.documents import REPORT, read_file_as
from edgekit.report.model import Report
from edgekit.target import Target

_GOLDEN = Path(__file__).parents[1] / "report" / "golden" / "report-1.json"
EVIL = "<b>e&vil</b>\"'</script><script>alert(1)</script>\x1b[2J\n%s"


def a_report(
    model: str = "resnet8", target: str = "tflite-int8", *, scale: float = 1.0, passes: bool = True
) -> Report:
    """Return a report whose latencies are the golden one's times ``scale``."""
    golden = read_file_as(REPORT, _GOLDEN)
    assert golden.latency is not None
    taken = golden.latency.artifact
    taken = replace(taken, samples_ms=tuple(scale * one for one in taken.samples_ms))
    return replace(
        golden, source=replace(golden.source, name=model), target=Target.load(target),
        latency=replace(golden.latency, artifact=taken), broken_promises=(),
        missed_budgets=() if passes else ("latency_ms is 9, expected at most 1",),
    )  # fmt: skip


def a_benchmark(file: str = "nowhere/kws.tflite", *, latency_ms: float = 2.0) -> Benchmark:
    """Return one file on two devices, and a third that failed."""
    host = DeviceMeasurement(
        device="host", kind="host", description="this host", file=file, format="tflite",
        sha256="ef" * 32, memory=MemoryUse(artifact_kib=12.0, peak_kib=5000.0),
        latency=Latency(ms=latency_ms, low_ms=None, high_ms=None, basis="measured"),
        accuracy=DeviceAccuracy(data="test.npz", samples=10, available=10, host="litert",
                                metric="top1", device_score=0.9, host_score=0.95, drop_pp=5.0),
    )  # fmt: skip
    board = replace(
        host, device="raspberry-pi-4", kind="emulated", accuracy=None,
        latency=Latency(ms=3 * latency_ms, low_ms=None, high_ms=None, basis="modelled"),
        counts=Counts(instructions=75751, loads=1, stores=1, load_bytes=1, store_bytes=1),
    )  # fmt: skip
    lost = DeviceFailure(device="pixel", file=file, error="pixel: not there any more")
    return Benchmark(measurements=(host, board), failures=(lost,), budget={"instructions": 70000.0})
