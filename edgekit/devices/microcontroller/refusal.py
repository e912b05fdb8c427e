"""Says on one line why TensorFlow Lite Micro does not take a file, in the file's own names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from edgekit.auditing import AuditResult, Operator
from edgekit.devices.microcontroller.job import Answer

_NODE = re.compile(r"Node (\S+) \(number (\d+)\) failed to (prepare|invoke)")
_LISTED = 4


def refusals(answer: Answer, audited: AuditResult) -> list[str]:
    """Return misfits; none if the file was taken."""
    if not answer.refusal:
        return []
    if answer.unsupported:
        return [_without_kernel(kind, audited) for kind in answer.unsupported]
    told = _explained(answer.refusal, audited).rstrip(".")
    return [f"TensorFlow Lite Micro refuses the file: {told}{_advice(audited)}"]


def _without_kernel(kind: str, audited: AuditResult) -> str:
    layers = [one.layer for one in audited.operators if one.kind == kind]
    return (
        f"TensorFlow Lite Micro {'' if _is_builtin(kind) else 'as shipped '}has no kernel for"
        f" {kind} (layers {_listed(layers)}); replace those layers, or let the application compute"
        " them"
    )


def _is_builtin(kind: str) -> bool:
    return kind == kind.upper()


def _explained(lines: Sequence[str], audited: AuditResult) -> str:
    for place, line in enumerate(lines):
        if match := _NODE.search(line):
            number, verb = int(match[2]), match[3]
            why = lines[place - 1] if place else "no reason given"
            return f"{_operator(match[1], number, audited)} fails to {verb}: {why}"
    return lines[-1]


def _operator(kind: str, number: int, audited: AuditResult) -> str:
    if number < len(audited.operators) and audited.operators[number].kind == kind:
        return f"{kind} of layer {audited.operators[number].layer!r}"
    return f"{kind} (number {number})"


def _advice(audited: AuditResult) -> str:
    dynamic = [one for one in audited.operators if "dynamic" in one.precision]
    half = [one for one in audited.operators if _is_half(one)]
    if dynamic:
        return f". It has no dynamic-range kernels (layers {_named(dynamic)}); use tflite-int8"
    if half:
        return f". It has no float16 kernels (layers {_named(half)}); use tflite-int8 or -fp32"
    return ""


def _is_half(operator: Operator) -> bool:
    return "float16" in (operator.weights or "") or "float16" in operator.precision


def _named(operators: Sequence[Operator]) -> str:
    return _listed([operator.layer for operator in operators])


def _listed(layers: Sequence[str]) -> str:
    names = list(dict.fromkeys(layer or "without a name" for layer in layers))
    rest = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {rest} more" if rest > 0 else "")
