"""How long the commands take that need no framework, beside an empty Python."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from benchmarks.processes import Cost, edgekit, middle, run, spread
from benchmarks.rows import Row

MOST_SECONDS = 0.25
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("--help",),
    ("targets",),
    ("targets", "show", "tflite-int8"),
)


def rows(repeats: int = 21) -> Iterator[Row]:
    """Yield the medians of many runs, interleaved."""
    own: dict[tuple[str, ...], list[Cost]] = {command: [] for command in COMMANDS}
    empty = []
    for command in COMMANDS:
        run(edgekit(*command))  # leaves bytecode behind, as any earlier use did
    for _ in range(repeats):
        empty.append(run([sys.executable, "-c", "pass"]))
        for command, costs in own.items():
            costs.append(run(edgekit(*command)))
    for command, costs in own.items():
        yield Row(
            what=f"edgekit {' '.join(command)}",
            unit="s",
            edgekit=middle(costs).seconds,
            peer=middle(empty).seconds,
            peer_name="python -c pass",
            bar=MOST_SECONDS,
            bar_on="difference",
            note=f"+{middle(costs).seconds - middle(empty).seconds:.3f} s; {spread(costs)};"
            f" empty Python CPU {middle(empty).cpu_seconds:.2f} s",
        )
