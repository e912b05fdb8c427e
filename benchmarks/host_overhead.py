"""What `edgekit bench FILE -d host` adds to the runtime's own time, beside a bare loop."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks import models
from benchmarks.processes import ROOT, TIMEOUT_S, environment
from benchmarks.rows import Row

MOST = 1.02
WARMUP, RUNS = 50, 400
MOBILENET = "MobileNetV2-0.35 at 96x96, int8"
TINY = "one int8 convolution, 16 channels at 4x4"


def rows(repeats: int = 12) -> Iterator[Row]:
    """Yield the median of all inferences of both, from processes that took turns."""
    with tempfile.TemporaryDirectory(prefix="edgekit-bench-") as place:
        for name, path in _files(Path(place)).items():
            runs = RUNS if name == MOBILENET else 20 * RUNS
            ours, bare, ratios = list[float](), list[float](), list[float]()
            for turn in range(repeats):
                pair = _pair(path, runs, swapped=turn % 2 == 1)
                ours += pair[0]
                bare += pair[1]
                ratios.append(median(pair[0]) / median(pair[1]))
            yield Row(
                what=f"host: median inference, {name}",
                unit="us",
                edgekit=1e3 * median(ours),
                peer=1e3 * median(bare),
                peer_name="bare loop",
                bar=MOST,
                note=f"{min(ratios):.3f} to {max(ratios):.3f} in {repeats} pairs of processes,"
                f" median {median(ratios):.4f}",
            )


def _pair(path: Path, runs: int, *, swapped: bool) -> tuple[list[float], list[float]]:
    """Return milliseconds of single inferences: edgekit's and the bare loop's."""
    if swapped:
        bare = _bare(path, runs)
        return _ours(path, runs), bare
    return _ours(path, runs), _bare(path, runs)


def _ours(path: Path, runs: int) -> list[float]:
    import edgekit

    (found,) = edgekit.benchmark(
        path, "host", warmup=WARMUP, min_runs=runs, min_seconds=0.0
    ).measurements
    return list(found.latency.samples_ms) if found.latency else []


def _bare(path: Path, runs: int) -> list[float]:
    command = [
        sys.executable,
        "-m",
        "benchmarks.peers.bare_loop",
        str(path),
        str(WARMUP),
        str(runs),
    ]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, timeout=TIMEOUT_S, check=True
    )
    return [taken / 1e6 for taken in json.loads(done.stdout)]


def _files(folder: Path) -> dict[str, Path]:
    import edgekit
    from edgekit.devices import known_model

    tiny = folder / "tiny.tflite"
    tiny.write_bytes(known_model.content())
    model = models.build("MobileNetV2", alpha=0.35, input_shape=(96, 96, 3), classes=10)
    made = edgekit.convert(
        model, "tflite-int8", calibration=models.pictures(model, 32, seed=1), out=folder / "out",
        options=edgekit.Options(measure=False),
    )  # fmt: skip
    return {MOBILENET: made.artifacts[0].path, TINY: tiny}
