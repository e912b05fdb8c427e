"""The same conversion again, with nothing changed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import fixture
from benchmarks.processes import edgekit, middle, run, spread
from benchmarks.rows import Row

MOST_SECONDS = 1.0
COMMANDS: dict[str, tuple[str, ...]] = {
    "tflite-int8": (),
    "three int8 formats": ("--target", "openvino-int8", "--target", "onnx-int8"),
}


def rows(repeats: int = 5) -> Iterator[Row]:
    """Yield the time of a second run beside the first's."""
    with tempfile.TemporaryDirectory(prefix="edgekit-bench-") as place:
        folder = Path(place)
        given = fixture.make(folder)
        env = {"EDGEKIT_CACHE": str(folder / "cache")}
        for name, more in COMMANDS.items():
            command = edgekit(
                "convert", str(given.model), "--target", "tflite-int8", *more, "--calibration",
                str(given.data), "--output", str(folder / "out"), "--quiet",
            )  # fmt: skip
            first = run(command, env=env)
            again = [run(command, env=env) for _ in range(repeats)]
            yield Row(
                what=f"time: second run, {name}",
                unit="s",
                edgekit=middle(again).seconds,
                peer=first.seconds,
                peer_name="first run",
                bar=MOST_SECONDS,
                bar_on="figure",
                note=spread(again),
            )
