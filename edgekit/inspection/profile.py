"""Gives operators of a graph what a measurement says that they cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edgekit.devices.figures import NOT_TOLD, DeviceMeasurement, OperatorCost
from edgekit.errors import OptionError
from edgekit.inspection.graph import Cost, Inspection, Profile, Unit


def with_costs(
    graph: Inspection, measurements: Sequence[DeviceMeasurement], device: str | None = None
) -> Inspection:
    """Return the graph with costs by operator.

    Args:
        graph: Of one file.
        measurements: Of any files on any devices; files are told apart by their digest.
        device: Which to take; if left out the first that tells operators apart.

    Raises:
        OptionError: no measurement is of this file, on this device, or tells operators apart.
    """
    name = Path(graph.path).name
    same = [one for one in measurements if one.sha256 == graph.sha256]
    if not same:
        files = sorted({Path(one.file).name for one in measurements})
        raise OptionError(
            f"{name}: expected a benchmark of this file, got one of {', '.join(files) or 'none'} "
            "with other content; run `edgekit bench` on it again"
        )
    there = [one for one in same if device in (None, one.device)]
    if not there:
        known = ", ".join(sorted({one.device for one in same}))
        raise OptionError(f"{name}: the benchmark has no device {device!r}, it has {known}")
    telling = [one for one in there if _unit(one.operators) is not None]
    if not telling:
        asked = ", ".join(sorted({one.device for one in there}))
        said = [line for one in there for line in one.warnings if line.startswith(NOT_TOLD)]
        why = f" ({said[0].removeprefix(NOT_TOLD)})" if said else ""
        raise OptionError(
            f"{name}: {asked} did not tell what each operator costs{why}; devices that can are "
            "emulated boards such as raspberry-pi-4, NPUs such as ethos-u55-128"
            + (", and this host" if "host" not in asked.split(", ") else "")
        )
    return _with(graph, telling[0])


def _unit(operators: Sequence[OperatorCost]) -> Unit | None:
    """Return the unit in which most is told; time before counts."""
    for unit, told in (
        ("ms", [one.latency_ms for one in operators]),
        ("instructions", [one.instructions for one in operators]),
        ("cycles", [one.cycles for one in operators]),
    ):
        if any(figure is not None for figure in told):
            return unit  # type: ignore[return-value]
    return None


def _with(graph: Inspection, found: DeviceMeasurement) -> Inspection:
    unit = _unit(found.operators) or "ms"
    costs: dict[int, tuple[float, str]] = {}
    elsewhere = 0.0
    known = {operator.index for operator in graph.operators}
    for one in found.operators:
        figure = _figure(one, unit)
        if figure is None:
            continue
        if one.index in known:
            costs[one.index] = (costs.get(one.index, (0.0, ""))[0] + figure, one.where)
        else:
            elsewhere += figure
    whole = sum(figure for figure, _ in costs.values())
    shared = {
        index: Cost(value=figure, share=figure / whole if whole else 0.0, where=where)
        for index, (figure, where) in costs.items()
    }
    basis = found.bases.get("operators") or found.bases.get("latency") or "measured"
    return replace(
        graph,
        operators=tuple(replace(one, cost=shared.get(one.index)) for one in graph.operators),
        profile=Profile(
            device=found.device, unit=unit, basis=basis, total=whole, elsewhere=elsewhere
        ),
    )


def _figure(one: OperatorCost, unit: Unit) -> float | None:
    return {"ms": one.latency_ms, "instructions": one.instructions, "cycles": one.cycles}[unit]
