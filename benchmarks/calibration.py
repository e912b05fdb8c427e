"""Ranges of every activation of MobileNetV2-0.35-96, and the memory that collecting them takes.

Each tool runs in a process of its own and times its collection alone: imports, loading and
exporting come before.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks import fixture
from benchmarks.processes import ROOT, TIMEOUT_S, environment, last_error
from benchmarks.rows import Row

SAMPLES = 1000
FEW, MANY = 100, 10_000
MOST_OF_LITERT, MOST_OF_NNCF, MOST_GROWTH = 0.3, 1.0, 1.05
EXTRA = {
    "edgekit-ranges": "min-max",
    "edgekit-means": "min-max and mean maps",
    "edgekit-every": "min-max of every tensor of the trace, before fusion",
    "edgekit-all": "five estimators and mean maps, as convert collects",
}
PAIRS = (
    ("edgekit-ranges", "litert", MOST_OF_LITERT),
    ("edgekit-ranges", "nncf-ranges", MOST_OF_NNCF),
    ("edgekit-means", "nncf-means", MOST_OF_NNCF),
    ("edgekit-all", "litert", None),
    ("edgekit-every", "litert", None),
)
PEER_NAMES = {
    "litert": "litert-quantizer calibrate",
    "nncf-ranges": "NNCF, ranges only",
    "nncf-means": "NNCF, with bias correction's means",
}


def rows(repeats: int = 3, samples: int = SAMPLES) -> Iterator[Row]:
    """Yield seconds beside each peer's, runs interleaved; then the peak memory of few and many."""
    with tempfile.TemporaryDirectory(prefix="edgekit-bench-") as place:
        folder = Path(place)
        fixture.make(folder, 1)
        ways = dict.fromkeys(way for pair in PAIRS for way in pair[:2])
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        counts: dict[str, int] = {}
        for _ in range(repeats):
            for way in ways:
                found = collected(way, folder, samples)
                seconds[way].append(found["seconds"])
                counts[way] = int(found["tensors"])
        for own, other, bar in PAIRS:
            yield Row(
                what=f"ranges over {samples} samples: {EXTRA[own]}",
                unit="s",
                edgekit=median(seconds[own]),
                peer=median(seconds[other]),
                peer_name=PEER_NAMES[other],
                bar=bar,
                note=f"{counts[own]} tensors, peer {counts[other]}; {_span(seconds[own])},"
                f" peer {_span(seconds[other])}",
            )
        yield growth(folder, FEW, MANY)


def growth(folder: Path, few: int, many: int) -> Row:
    """Return the peak memory of collecting over many samples beside that over few."""
    small, large = (collected("edgekit-all", folder, count) for count in (few, many))
    return Row(
        what=f"peak memory: {many} samples beside {few}",
        unit="MiB",
        edgekit=large["peak_mib"],
        peer=small["peak_mib"],
        peer_name=f"edgekit, {few}",
        bar=MOST_GROWTH,
        note=f"{large['grown_mib']:.0f} MiB while collecting, with {few}: {small['grown_mib']:.0f}",
    )


def collected(way: str, folder: Path, samples: int) -> dict[str, float]:
    """Collect in a process of its own; return seconds, tensors, peak_mib and grown_mib.

    Raises:
        RuntimeError: the process failed.
    """
    command = [sys.executable, "-m", "benchmarks.collecting", way, str(folder), str(samples)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, timeout=TIMEOUT_S, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{way}: {last_error(done.stderr.decode(errors='replace'))}")
    facts: dict[str, float] = json.loads((folder / f"{way}.json").read_text(encoding="utf-8"))
    return facts


def _span(seconds: list[float]) -> str:
    return f"{min(seconds):.1f} to {max(seconds):.1f} s"
