"""Three int8 formats in one command, and the three documented scripts one after the other."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import fixture
from benchmarks.convert_speed import convert
from benchmarks.processes import Cost, middle, peer, run, spread
from benchmarks.rows import Row

MOST_TIME = 0.4
TARGETS = ("--target", "openvino-int8", "--target", "onnx-int8")
PEERS = ("tflite_converter", "openvino_nncf", "onnx_qdq")
VARIANTS: dict[str, tuple[str, ...]] = {"": (), " --no-measure": ("--no-measure",)}


def rows(repeats: int = 3) -> Iterator[Row]:
    """Yield the time of each variant beside the sum of the peers', runs interleaved."""
    ours: dict[str, list[Cost]] = {variant: [] for variant in VARIANTS}
    theirs: dict[str, list[Cost]] = {name: [] for name in PEERS}
    with tempfile.TemporaryDirectory(prefix="edgekit-bench-") as place:
        folder = Path(place)
        given = fixture.make(folder)
        run(convert(given, folder / "out", "tflite-int8", *TARGETS))  # neither starts cold
        for name in PEERS:
            run(peer(name, given.model, given.data, folder))
        for _ in range(repeats):
            for variant, options in VARIANTS.items():
                command = convert(given, folder / "out", "tflite-int8", *TARGETS, *options)
                ours[variant].append(run(command))
            for name in PEERS:
                theirs[name].append(run(peer(name, given.model, given.data, folder)))
    each = {name: middle(runs).seconds for name, runs in theirs.items()}
    summed = " + ".join(f"{name} {seconds:.1f}" for name, seconds in each.items())
    for variant, runs in ours.items():
        yield Row(
            what=f"time: three int8 formats{variant}",
            unit="s",
            edgekit=middle(runs).seconds,
            peer=sum(each.values()),
            peer_name="three scripts",
            bar=None if variant else MOST_TIME,
            note=f"{spread(runs)}; {summed}",
        )
