"""What each layer of an OpenVINO file costs, from the counters of OpenVINO's CPU plugin.

The plugin runs a graph of its own making: it fuses layers, and adds some that reorder or convert. A
node that it kept has the file's name for it. It looks at the clock before and after each node, and
nowhere else. The runner looks twice before the inference begins: what lies between is what looking
takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgekit.auditing import xml
from edgekit.auditing.program import Program
from edgekit.devices.emulated.lines import Figures, Node
from edgekit.devices.emulated.nodes import between
from edgekit.errors import DeviceError

_IDLE = 2  # looks before the inference


def costs(
    nodes: Sequence[Node], ticks: Sequence[Figures], total: Figures
) -> list[tuple[Node, int]]:
    """Return the nodes in order and the instructions of each, less what looking takes.

    Nodes in bodies of loops and branches belong to these.

    Raises:
        DeviceError: nodes and looks at the clock do not fit together, one to one.
    """
    found, at = list[tuple[Node, int]](), _IDLE
    for node in sorted(nodes, key=lambda each: (each.start, -each.end)):
        if _IDLE < node.start < node.end <= at:
            continue
        if node.start != at + 1 or node.end <= node.start:
            looks = f"looks {node.start} and {node.end}"
            raise _unfit(f"{node.name} lies between {looks}, expected it from {at + 1} on")
        found.append((node, max(between(node, ticks) - between(_idle(), ticks), 0)))
        at = node.end
    if at != len(ticks):
        raise _unfit(f"{len(ticks) - at} looks are left over")
    if (whole := sum(cost for _, cost in found)) > total["instructions"]:
        raise _unfit(f"{whole} instructions are more than the inference takes")
    return found


def places_of(path: str | Path, program: Program) -> dict[str, int]:
    """Return the index of each layer of the main graph by its name in the file."""
    layers = xml.parse(Path(path)).findall("layers/layer")
    names = {layer.get("id", ""): layer.get("name", "") for layer in layers}
    return {
        names[node.outputs[0].split(":")[1]]: place
        for place, node in enumerate(program.nodes)
        if node.graph == 0 and node.outputs
    }


def _idle() -> Node:
    return Node(kind="", name="nothing", start=1, end=_IDLE)


def _unfit(what: str) -> DeviceError:
    return DeviceError(f"the plugin's counters do not fit its looks at the clock: {what}")
