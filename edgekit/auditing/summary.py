"""Sums up a program as an audit result."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edgekit.auditing import islands, memory, precision
from edgekit.auditing.flow import Flow, analyse, plain
from edgekit.auditing.program import FLOATS, QUANTIZED, Program
from edgekit.auditing.result import AuditResult


def summarize(path: Path, program: Program) -> AuditResult:
    """Compute every fact of an audit from a program."""
    flow = analyse(program)
    operators = precision.operators(flow)
    quantized = islands.quantized(program, operators)
    if not quantized:
        operators = tuple(replace(operator, why="") for operator in operators)
    sizes = memory.activation_sizes(program, flow.stored)
    macs = sum(operator.macs for operator in operators)
    integer = [operator for operator in operators if operator.numbers == "integer"]
    counted = sum(operator.numbers != "none" for operator in operators)
    inputs, outputs = program.specs
    return AuditResult(
        path=str(path),
        format=program.format,
        inputs=inputs,
        outputs=outputs,
        operators=operators,
        flex=_foreign(program, "flex"),
        custom=_foreign(program, "custom"),
        per_channel=sum(operator.per_channel is True for operator in operators),
        per_tensor=sum(operator.per_channel is False for operator in operators),
        weight_bytes=memory.weight_bytes(program),
        activation_bytes=sum(sizes.values()),
        peak_activation_bytes=memory.peak(program, sizes),
        macs=macs,
        integer_mac_share=_share(sum(operator.macs for operator in integer), macs),
        integer_op_share=_share(len(integer), counted),
        integer_weight_share=_weight_share(flow),
        float_islands=islands.find(flow, operators) if quantized else (),
        file_bytes=sum(program.files),
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _foreign(program: Program, what: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(node.kind for node in program.nodes if node.foreign == what))


def _weight_share(flow: Flow) -> float:
    """Return the share of weight elements stored as integers.

    Weights are the constants that carry the model's numbers: all of float or quantized type, and
    biases in int32. Scales, zero points, ranges, shapes and indices are none.
    """
    values = flow.program.values
    biases = {
        n.inputs[0] for n in flow.program.nodes if plain(n.kind) == "DequantizeLinear" and n.inputs
    }
    aside = flow.aside | {
        key
        for node in flow.program.nodes
        if node.scales_at is not None
        for key in node.inputs
        if key in values and len(values[key].shape or ()) <= 1
    }
    seen: dict[str, tuple[str, int]] = {}
    for key, value in values.items():
        if value.stored_bytes is None or key in aside:
            continue
        bias = value.dtype in ("int32", "int64") and (value.scales or key in biases)
        if value.dtype in FLOATS | QUANTIZED or bias:
            seen[value.storage or key] = (value.dtype, value.elements)
    whole = sum(elements for _, elements in seen.values())
    return _share(sum(n for dtype, n in seen.values() if dtype not in FLOATS), whole)
