"""Reads the graph of any exported file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from edgekit.artifact import Artifact
from edgekit.auditing.constants import Constants
from edgekit.auditing.flow import Flow, analyse
from edgekit.auditing.program import Grid, Program, Value
from edgekit.auditing.read import read_program
from edgekit.auditing.result import AuditResult, Operator
from edgekit.errors import ArtifactError
from edgekit.inspection.graph import Inspection, OperatorFacts, TensorFacts
from edgekit.inspection.grids import grids, summed_up


def read_graph(path: str | Path) -> Inspection:
    """Return the graph of a file, from its own bytes; nothing in it is run.

    Takes what ``edgekit.audit`` takes, also files that edgekit did not make.

    Raises:
        ArtifactError: there is no such file, or it is not a whole, sound file of its format.
        MissingExtra: the package that carries the format's schema is not installed.
    """
    file, program, found = read_program(path)
    flow = analyse(program)
    return Inspection(
        path=str(file),
        sha256=_digest(file, found),
        format=found.format,
        file_bytes=found.file_bytes,
        macs=found.macs,
        integer_mac_share=found.integer_mac_share,
        weight_bytes=found.weight_bytes,
        graphs=_names(program),
        inputs=program.inputs,
        outputs=program.outputs,
        operators=_operators(flow, found),
        tensors=_tensors(program, grids(flow, Constants(file, program))),
    )


def _digest(file: Path, found: AuditResult) -> str:
    given = Artifact(path=file, format=found.format, inputs=(), outputs=())
    try:
        return given.sha256
    except OSError as error:
        raise ArtifactError(f"{file}: cannot be read: {error.strerror or error}") from error


def _names(program: Program) -> tuple[str, ...]:
    """Return a name for each graph; bodies of formats that do not name them have none."""
    count = 1 + max((node.graph for node in program.nodes), default=0)
    named = program.names[:count] if program.format == "tflite" else program.names[:1]
    return (*named, *("" for _ in range(max(count, len(program.names)) - len(named))))


def _operators(flow: Flow, found: AuditResult) -> tuple[OperatorFacts, ...]:
    reasons = {index: island.why for island in found.float_islands for index in island.indices}
    counted: Counter[int] = Counter()
    listed = []
    for operator in found.operators:
        graph = flow.program.nodes[operator.index].graph
        listed.append(_operator(flow, operator, counted[graph], reasons.get(operator.index)))
        counted[graph] += 1
    return tuple(listed)


def _operator(flow: Flow, operator: Operator, number: int, island: str | None) -> OperatorFacts:
    """Return what is known of an operator; ``island`` is why it is in a float island, if it is."""
    node = flow.program.nodes[operator.index]
    held = {key for name in node.inputs if name in flow.stored for key in flow.stored[name].keys}
    return OperatorFacts(
        index=operator.index,
        graph=node.graph,
        number=number,
        kind=operator.kind,
        layer=operator.layer,
        precision=operator.precision,
        numbers=operator.numbers,
        macs=operator.macs,
        weights=operator.weights,
        weight_bytes=sum(flow.value(key).stored_bytes or 0 for key in held),
        inputs=node.inputs,
        outputs=node.outputs,
        reads=tuple(key for key in node.inputs if key and key not in flow.stored),
        bodies=node.bodies,
        prepares=bool(node.outputs) and all(key in flow.stored for key in node.outputs),
        island=island is not None,
        why="" if island is None else operator.why or island,
    )


def _tensors(program: Program, found: Mapping[str, Grid]) -> dict[str, TensorFacts]:
    levels = {key: node.levels for node in program.nodes if node.levels for key in node.outputs}
    return {
        key: _tensor(value, found.get(key), levels.get(key))
        for key, value in program.values.items()
    }


def _tensor(value: Value, grid: Grid | None, levels: int | None) -> TensorFacts:
    return TensorFacts(
        name=value.name,
        shape=value.shape,
        dtype=value.dtype,
        bytes=value.bytes,
        constant=value.stored_bytes is not None,
        grid=summed_up(grid, value, levels) if grid and grid.scales else None,
    )
