"""What lies between two looks at the clock."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.devices.emulated.lines import Figures, Node, added
from edgekit.errors import DeviceError


def between(node: Node, ticks: Sequence[Figures]) -> int:
    """Return the instructions between a node's looks at the clock.

    Raises:
        DeviceError: there are no such looks.
    """
    if not 0 < node.start <= node.end <= len(ticks):
        raise DeviceError(
            f"{node.name} lies between looks {node.start} and {node.end} of {len(ticks)}"
        )
    return added(ticks[node.start : node.end])["instructions"]
