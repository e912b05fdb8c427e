"""Which numbers each operator computes in, from how quantization is written in the file."""

from __future__ import annotations

from edgekit.auditing.flow import Flow, Stored, data_of, per_channel, signed, weight_of
from edgekit.auditing.program import FLOATS, QUANTIZED, Node
from edgekit.auditing.result import Numbers, Operator


def operators(flow: Flow) -> tuple[Operator, ...]:
    """Say for every operator of a program in which numbers it computes."""
    return tuple(_operator(flow, index, node) for index, node in enumerate(flow.program.nodes))


def _operator(flow: Flow, index: int, node: Node) -> Operator:
    weight = weight_of(flow, node)
    text, numbers, why = judge(flow, node, weight=weight)
    integer_weight = weight is not None and (weight.dtype in QUANTIZED)
    return Operator(
        index=index,
        kind=node.kind,
        layer=node.layer,
        precision=text,
        numbers=numbers,
        macs=node.macs,
        weights=weight.dtype if weight else None,
        per_channel=per_channel(flow, node, weight=weight) if weight and integer_weight else None,
        inputs=tuple(flow.value(key).dtype if key else "" for key in node.inputs),
        outputs=tuple(flow.value(key).dtype for key in node.outputs),
        why=why,
    )


def judge(flow: Flow, node: Node, *, weight: Stored | None) -> tuple[str, Numbers, str]:
    """Return precision, numbers, and why an operator stayed in float."""
    outputs = [flow.value(key).dtype for key in node.outputs]
    first = flow.value(node.inputs[0]).dtype if node.inputs else "nothing"
    last = outputs[0] if outputs else "nothing"
    if node.outputs and all(key in flow.stored for key in node.outputs):
        return f"constant, {first} to {last}", "none", ""
    if node.role in ("convert", "quantize"):
        kind = flow.quantized.get(node.outputs[0]) if node.levels and node.outputs else None
        return f"{first} to {kind or last}", "none", ""
    data = data_of(flow, node)
    carried = [flow.value(key).dtype for key in data]
    carried += [dtype for dtype in outputs if dtype in FLOATS | QUANTIZED]
    if node.role == "control" or not (carried or "unknown" in outputs):
        return last, "none", ""
    if set(carried) <= {"unknown"}:
        return "unknown", "float", "the file does not tell its types"
    typed = any(flow.value(key).dtype in QUANTIZED for key in data) or not flow.program.simulated
    return _typed(flow, node, weight, carried) if typed else _simulated(flow, node, weight, carried)


def _typed(
    flow: Flow, node: Node, weight: Stored | None, carried: list[str]
) -> tuple[str, Numbers, str]:
    """Judge an operator by the types of its own tensors."""
    stored = weight.dtype if weight else None
    if any(key in flow.dynamic for key in node.inputs):
        return f"{stored or 'int8'} weights, dynamic", "integer", ""
    real = next((dtype for dtype in carried if dtype in FLOATS), None)
    direct = any(
        node.inputs[at] in flow.stored and flow.value(node.inputs[at]).dtype in QUANTIZED
        for at in node.weights
        if at < len(node.inputs)
    )
    if real is None and (stored is None or stored in QUANTIZED):
        narrow = f", {stored} weights" if stored in ("int4", "int2", "uint4") else ""
        return carried[0] + narrow, "integer", ""
    if real is None:
        return f"{stored} weights, {carried[0]}", "float", f"its weights are {stored}"
    if stored in QUANTIZED:
        how = "dynamic" if direct and node.role == "macs" else real
        return f"{stored} weights, {how}", "float", "only its weights are integers"
    if stored not in (None, real):
        return f"{stored} weights, {real}", "float", f"its weights are {stored}"
    return real, "float", ""


def _simulated(
    flow: Flow, node: Node, weight: Stored | None, carried: list[str]
) -> tuple[str, Numbers, str]:
    """Judge a float operator by the quantizers around it.

    A multiply-accumulate counts as integer when what it reads is quantized; what follows it up to
    the next quantizer (bias, activation) is computed in the same kernel and counts with it. Any
    other operator needs quantized inputs, and, unless it only moves numbers, quantized outputs.
    """
    real = next((dtype for dtype in carried if dtype in FLOATS), "unknown")
    if node.role == "macs":
        return _simulated_macs(flow, node, weight, real)
    data = data_of(flow, node)
    quantized = [flow.quantized.get(key) for key in data]
    sums = [flow.accumulators.get(key) for key in data]
    moves, settled = node.role in ("move", "lookup"), flow.settled.issuperset(node.outputs)
    if quantized and all(quantized) and (moves or settled):
        return str(quantized[0]), "integer", ""
    fused = moves or node.role == "elementwise"
    ready = [one or other for one, other in zip(quantized, sums, strict=True)]
    bias = node.kind == "Add" and len(data) == 1
    if fused and any(sums) and all(ready) and (bias or settled):
        flow.accumulators.update(dict.fromkeys(node.outputs, str(ready[0])))
        return str(ready[0]), "integer", ""
    if moves and (kept := _stored_only(weight, real)):
        return kept
    said = "output" if quantized and all(quantized) else "input"
    return real, "float", f"its {said} is not quantized"


def _simulated_macs(
    flow: Flow, node: Node, weight: Stored | None, real: str
) -> tuple[str, Numbers, str]:
    states = [flow.quantized.get(key) for key in data_of(flow, node)]
    whole = bool(states) and all(states)
    integer = weight is None or weight.dtype in QUANTIZED or weight.quantized_later
    if whole and integer:
        kind = str(states[0])
        flow.accumulators.update(dict.fromkeys(node.outputs, kind))
        stored = signed(weight.dtype) if weight else None
        narrow = f", {stored} weights" if stored in ("int4", "int2") else ""
        return kind + narrow, "integer", ""
    kept = _stored_only(weight, real)
    if whole:
        return kept or (real, "float", f"its weights are {weight.dtype if weight else real}")
    if kept is not None:
        return kept
    return real, "float", "its input is not quantized"


def _stored_only(weight: Stored | None, real: str) -> tuple[str, Numbers, str] | None:
    if weight is None or weight.dtype == real:
        return None
    stored = signed(weight.dtype) or weight.dtype
    if weight.dtype in QUANTIZED:
        return f"{stored} weights, {real}", "float", "only its weights are integers"
    return f"{stored} weights, {real}", "float", f"its weights are {stored}"
