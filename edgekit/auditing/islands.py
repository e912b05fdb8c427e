"""Float islands: connected float operators in a file that computes in integers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from edgekit.auditing.flow import Flow
from edgekit.auditing.program import Program
from edgekit.auditing.result import FloatIsland, Operator
from edgekit.auditing.tflite_kinds import INT8_KERNELS


def quantized(program: Program, operators: Sequence[Operator]) -> bool:
    """Tell whether anything computes in integers whose ranges are fixed in the file."""
    return any(_is_static_integer(program, operator) for operator in operators)


def find(flow: Flow, operators: Sequence[Operator]) -> tuple[FloatIsland, ...]:
    """Group the float operators by the tensors that connect them, in the file's order.

    Of use for quantized files only: in a float one all is sea. Operators that only move float
    numbers between a float input or output and the first or last quantizer are none.
    """
    groups = _connected(flow, [op for op in operators if op.numbers == "float"])
    return tuple(
        _island(flow.program, group) for group in groups if not _is_shore(flow.program, group)
    )


def _is_shore(program: Program, group: list[Operator]) -> bool:
    nodes = [program.nodes[operator.index] for operator in group]
    ends = {*program.inputs, *program.outputs}
    touches = any(not ends.isdisjoint((*node.inputs, *node.outputs)) for node in nodes)
    return touches and all(node.role == "move" and not node.foreign for node in nodes)


def _is_static_integer(program: Program, operator: Operator) -> bool:
    computes = program.nodes[operator.index].role in ("macs", "compute", "elementwise")
    return computes and operator.numbers == "integer" and "dynamic" not in operator.precision


def _connected(flow: Flow, floats: list[Operator]) -> list[list[Operator]]:
    parent = {operator.index: operator.index for operator in floats}

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    program = flow.program
    first: dict[str, int] = {}
    for operator in floats:
        node = program.nodes[operator.index]
        computed = [key for key in node.inputs if key and key not in program.inputs]
        for key in (*computed, *node.outputs):
            if key not in flow.stored:
                parent[root(operator.index)] = root(first.setdefault(key, operator.index))
    groups: dict[int, list[Operator]] = {}
    for operator in floats:
        groups.setdefault(root(operator.index), []).append(operator)
    return list(groups.values())


def _island(program: Program, group: list[Operator]) -> FloatIsland:
    kinds = tuple(Counter(operator.kind for operator in group))
    why = _kernels(kinds) if program.format == "tflite" else _said(group)
    return FloatIsland(
        operators=tuple(operator.kind for operator in group),
        layers=tuple(dict.fromkeys(operator.layer for operator in group)),
        why=why,
        indices=tuple(operator.index for operator in group),
    )


def _kernels(kinds: Sequence[str]) -> str:
    without = [kind for kind in kinds if kind not in INT8_KERNELS]
    if without:
        return f"TFLite has no int8 kernel for {', '.join(without)}"
    return (
        f"{', '.join(kinds)}: int8 kernels exist; the file does not say why they were not used "
        "(no range, or left out by the quantizer)"
    )


def _said(group: list[Operator]) -> str:
    reasons: dict[str, list[str]] = {}
    for operator in group:
        reasons.setdefault(operator.why or "the file does not say why", []).append(operator.kind)
    return "; ".join(f"{', '.join(dict.fromkeys(kinds))}: {why}" for why, kinds in reasons.items())
