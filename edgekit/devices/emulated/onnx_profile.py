"""What each node of an ONNX file costs, from ONNX Runtime's profile.

Between the two looks at the clock of a node the profiler writes down its shapes, which takes some
28,000 instructions: about that is taken off each node.
"""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.devices.emulated.lines import Figures, Node, added
from edgekit.devices.emulated.looks import between
from edgekit.devices.operators.onnx_events import outermost, read_profile
from edgekit.devices.operators.ran import Ran


def nodes_of(profile: bytes, profiled_from: int) -> list[Node]:
    """Return the nodes of the inference, in order; those in bodies of loops belong to these.

    Args:
        profile: What the runtime wrote, JSON.
        profiled_from: How many looks at the clock it counts before the inference.

    Raises:
        DeviceError: it is not such a profile.
    """
    return [
        Node(kind=each.kind, name=each.name, start=each.ts - profiled_from,
             end=each.end - profiled_from)
        for each in outermost(read_profile(profile).nodes, profiled_from + 1)
    ]  # fmt: skip


def costs(nodes: Sequence[Node], ticks: Sequence[Figures], total: Figures) -> list[Ran]:
    """Return the nodes with the instructions of each, less what the profiler takes.

    That is the mean of what the profiled inference took more, and no more than the least node took.

    Raises:
        DeviceError: nodes and looks at the clock do not fit together.
    """
    spent = [between(node, ticks) for node in nodes]
    if not spent:
        return []
    more = added(ticks)["instructions"] - total["instructions"]
    looking = min(max(more, 0) // len(spent), *spent)
    return [
        Ran(name=node.name, kind=node.kind, cost=cost - looking)
        for node, cost in zip(nodes, spent, strict=True)
    ]
