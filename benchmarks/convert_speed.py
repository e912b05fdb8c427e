"""Whole processes: ``edgekit convert`` to tflite-int8, and TensorFlow's converter on the same.

Beside the same int8 file, edgekit's time holds: five range estimators and bias correction tried
and compared on held-back samples, the audit, the lint, the float file's parity, and (unless
``--no-measure``) latency and memory of both files in processes of their own.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import fixture
from benchmarks.processes import Cost, edgekit, middle, peer, run, spread
from benchmarks.rows import Row

MOST_TIME = 0.6
MOST_MEMORY = 1.2
VARIANTS: dict[str, tuple[str, ...]] = {
    "": (),
    " --no-measure": ("--no-measure",),
    " --no-measure --estimator min-max": ("--no-measure", "--estimator", "min-max"),
}


def rows(repeats: int = 3) -> Iterator[Row]:
    """Yield time and memory of each variant, beside the peer's, runs interleaved."""
    with tempfile.TemporaryDirectory(prefix="edgekit-bench-") as place:
        folder = Path(place)
        ours, theirs = costs(folder, fixture.make(folder), repeats)
    other = middle(theirs)
    for variant, runs in ours.items():
        own = middle(runs)
        note = f"{spread(runs)}; peer {spread(theirs)}"
        facts: Any = {"peer_name": "TFLiteConverter", "note": note}
        bars = (MOST_TIME, MOST_MEMORY) if not variant else (None, None)
        yield Row(what=f"time: convert tflite-int8{variant}", unit="s", edgekit=own.seconds,
                  peer=other.seconds, bar=bars[0], **facts)  # fmt: skip
        yield Row(what=f"peak memory: convert tflite-int8{variant}", unit="MiB",
                  edgekit=own.peak_mib, peer=other.peak_mib, bar=bars[1], **facts)  # fmt: skip


def costs(
    folder: Path, given: fixture.Fixture, repeats: int
) -> tuple[dict[str, list[Cost]], list[Cost]]:
    """Run every variant and the peer, one after the other, several times."""
    ours: dict[str, list[Cost]] = {variant: [] for variant in VARIANTS}
    theirs = []
    run(peer("tflite_converter", given.model, given.data, folder))  # neither starts cold
    run(convert(given, folder / "out", "tflite-int8"))
    for _ in range(repeats):
        for variant, options in VARIANTS.items():
            ours[variant].append(run(convert(given, folder / "out", "tflite-int8", *options)))
        theirs.append(run(peer("tflite_converter", given.model, given.data, folder)))
    return ours, theirs


def convert(given: fixture.Fixture, out: Path, target: str, *options: str) -> list[str]:
    """Return the command line that converts the fixture without the cache."""
    return edgekit(
        "convert", str(given.model), "--target", target, "--calibration", str(given.data),
        "--output", str(out), "--quiet", "--no-cache", *options,
    )  # fmt: skip
