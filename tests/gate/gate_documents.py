"""What one file costs on a device, as small as a gate needs it."""

from __future__ import annotations

from typing import Any

from edgekit.devices.figures import Counts, DeviceMeasurement, Latency, MemoryUse


def measured(
    device: str = "board", file: str = "digits/tflite-int8/model.tflite", *, size: float = 10.0,
    latency: Latency | None = None, instructions: int | None = None, **more: Any,
) -> DeviceMeasurement:  # fmt: skip
    counts = None
    if instructions is not None:
        counts = Counts(instructions=instructions, loads=1, stores=1, load_bytes=1, store_bytes=1,
                        l1_misses=0, l2_misses=0)  # fmt: skip
    return DeviceMeasurement(
        device=device, kind="fake", description="", file=file, format="tflite", sha256="00" * 32,
        memory=MemoryUse(artifact_kib=size), latency=latency, counts=counts, **more,
    )  # fmt: skip


def timed(*samples: float, **more: Any) -> Latency:
    return Latency(ms=sorted(samples)[len(samples) // 2], low_ms=None, high_ms=None,
                   basis="measured", samples_ms=samples, **more)  # fmt: skip


def modelled(ms: float) -> Latency:
    return Latency(ms=ms, low_ms=0.9 * ms, high_ms=1.1 * ms, basis="modelled")
