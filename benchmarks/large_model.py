"""The memory that converting a large model takes, beside the documented scripts."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import fixture
from benchmarks.convert_speed import convert
from benchmarks.processes import ProcessFailed, peer, run
from benchmarks.rows import Row

ARCHITECTURE, SAMPLES = "ConvNeXtLarge", 64  # 196 million parameters
PEERS = {
    "tflite-int8": "tflite_converter", "openvino-int8": "openvino_nncf", "onnx-int8": "onnx_qdq"
}  # fmt: skip


def rows() -> Iterator[Row]:
    """Yield the peak memory of each int8 target, all processes, beside that of its script."""
    with tempfile.TemporaryDirectory(prefix="edgekit-bench-") as place:
        folder = Path(place)
        given = fixture.make(folder, SAMPLES, ARCHITECTURE)
        weights_mib = given.model.stat().st_size / 2**20
        for target, script in PEERS.items():
            own = run(convert(given, folder / "out", target, "--no-measure"))
            note = f"{own.seconds:.0f} s; the model file has {weights_mib:.0f} MiB"
            theirs = None
            try:
                other = run(peer(script, given.model, given.data, folder))
                theirs, note = other.peak_mib, f"{note}; the script took {other.seconds:.0f} s"
            except ProcessFailed as error:
                note = f"{note}; the script failed: {error}"
            yield Row(
                what=f"peak memory: {ARCHITECTURE} to {target}", unit="MiB", edgekit=own.peak_mib,
                peer=theirs, peer_name=script, note=note,
            )  # fmt: skip
