"""How long ``edgekit gate`` takes on 1,000 rules, and that it imports no framework."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from benchmarks.processes import edgekit, middle, run, spread
from benchmarks.rows import Row
from edgekit.devices.figures import Counts, DeviceMeasurement, Latency, MemoryUse
from edgekit.report.devices import Benchmark
from edgekit.report.plain import to_plain

RULES = 1000
MOST_SECONDS = 0.5
_FRAMEWORKS = ("tensorflow", "keras", "onnxruntime", "openvino", "ai_edge_litert")


def rows(repeats: int = 11) -> Iterator[Row]:
    """Yield the median of whole processes: 1,000 rules over 50 devices, with a baseline."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write(folder)
        report, policy, main = (str(folder / n) for n in ("new.json", "policy.toml", "main.json"))
        command = edgekit("gate", report, "--policy", policy, "--baseline", main)
        run(command)
        costs = [run(command) for _ in range(repeats)]
        held = imported(command[1:])
    yield Row(
        what=f"edgekit gate, {RULES:,} rules", unit="s", edgekit=middle(costs).seconds,
        bar=MOST_SECONDS, bar_on="figure", note=spread(costs),
        problem=f"imports {', '.join(held)}" if held else "",
    )  # fmt: skip


def imported(arguments: list[str]) -> list[str]:
    """Return the frameworks that the command imports."""
    listed = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments], capture_output=True, text=True,
        timeout=300, check=False, env=os.environ,
    )  # fmt: skip
    names = {
        line.rpartition("|")[2].strip().partition(".")[0] for line in listed.stderr.split("\n")
    }
    return sorted(names.intersection(_FRAMEWORKS))


def write(folder: Path) -> None:
    """Write a policy of 1,000 rules, a document of 50 devices, and an earlier one."""
    for name, factor in (("main.json", 1.0), ("new.json", 1.001)):
        found = Benchmark(measurements=tuple(measured(at, factor) for at in range(50)))
        (folder / name).write_bytes(msgspec.json.encode(to_plain(found)))
    lines = ["schema = 1"]
    for at in range(RULES):
        metric = ("latency_ms", "instructions", "size_kib", "arena_kib")[at % 4]
        lines += ["[[rules]]", f'name = "rule {at}"', f'metric = "{metric}"',
                  f'device = "board-{at // 4 % 50}"', "limit = 1e12",
                  "max_regression_share = 0.05"]  # fmt: skip
    (folder / "policy.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def measured(at: int, factor: float) -> DeviceMeasurement:
    """Return one of the devices; every second one was timed."""
    samples = tuple(factor * (1 + (at * 37 + one * 7919) % 101 / 1000) for one in range(100))
    latency = Latency(ms=sorted(samples)[50], low_ms=None, high_ms=None,
                      basis="measured" if at % 2 else "modelled",
                      samples_ms=samples if at % 2 else ())  # fmt: skip
    counts = Counts(instructions=int(1e6 * factor), loads=1, stores=1, load_bytes=4, store_bytes=4,
                    l1_misses=0, l2_misses=0)  # fmt: skip
    return DeviceMeasurement(
        device=f"board-{at}", kind="fake", description="", file="digits/tflite-int8/model.tflite",
        format="tflite", sha256="00" * 32, memory=MemoryUse(artifact_kib=12.0, arena_kib=8.0),
        latency=latency, counts=counts,
    )  # fmt: skip
