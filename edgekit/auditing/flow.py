"""What is known of each value of a program: constant, quantized, about to be quantized."""

from __future__ import annotations

from dataclasses import dataclass, field

from edgekit.auditing.program import FLOATS, QUANTIZED, Node, Program, Value

QUANTIZERS = frozenset({"QuantizeLinear", "DequantizeLinear", "FakeQuantize"})


def plain(kind: str) -> str:
    """Return an operator's kind without the domain."""
    return kind.rsplit(".", 1)[-1]


@dataclass(frozen=True, slots=True)
class Stored:
    """The constant that a value comes from: how it is stored, and with how many scales."""

    dtype: str
    elements: int
    scales: int
    quantized_later: bool = False
    keys: tuple[str, ...] = ()


@dataclass
class Flow:
    """What is known of each value after walking the program once forward and once back.

    ``stored``: values that come from constants alone. ``aside``: constants that only prepare other
    ones (scales, zero points, shapes). ``quantized``: float values that stand for integers.
    ``dynamic``: values quantized at run time. ``settled``: values that every reader quantizes.
    ``accumulators``: sums of integer products that are not quantized yet.
    """

    program: Program
    stored: dict[str, Stored] = field(default_factory=dict)
    aside: set[str] = field(default_factory=set)
    quantized: dict[str, str] = field(default_factory=dict)
    dynamic: set[str] = field(default_factory=set)
    settled: set[str] = field(default_factory=set)
    accumulators: dict[str, str] = field(default_factory=dict)

    def value(self, key: str) -> Value:
        """Return a value; one that nothing describes has no shape and no type."""
        return self.program.values.get(key) or Value(name=key, shape=None, dtype="unknown")


def analyse(program: Program) -> Flow:
    """Work out what is known of each value of a program."""
    flow = Flow(program)
    _find_constants(flow)
    _find_quantized(flow)
    if program.simulated:
        _find_settled(flow)
    return flow


def _find_constants(flow: Flow) -> None:
    """Follow constants through the operators that only prepare them (scale, reshape, convert)."""
    for key, value in flow.program.values.items():
        if value.stored_bytes is not None:
            flow.stored[key] = Stored(value.dtype, value.elements, value.scales, keys=(key,))
    for node in flow.program.nodes:
        found = [flow.stored.get(key) for key in node.inputs if key]
        sources = [stored for stored in found if stored is not None]
        if sources and plain(node.kind) in QUANTIZERS:
            flow.aside.update(key for stored in found[1:] if stored for key in stored.keys)
        if not found or len(sources) < len(found) or node.bodies or node.role == "control":
            continue
        main = max(sources, key=lambda stored: stored.elements)
        others = [stored for stored in sources if stored is not main]
        flow.aside.update(key for stored in others for key in stored.keys)
        scales = max((s.elements for s in others if s.dtype in FLOATS), default=0)
        merged = Stored(
            dtype=main.dtype,
            elements=main.elements,
            scales=max(main.scales, scales),
            quantized_later=main.quantized_later or node.role == "quantize",
            keys=main.keys,
        )
        flow.stored.update(dict.fromkeys(node.outputs, merged))


def _find_quantized(flow: Flow) -> None:
    """Mark float values that stand for integers: behind a quantizer, through moves alone."""
    for node in flow.program.nodes if flow.program.simulated else ():
        if all(key in flow.stored for key in node.outputs):
            continue
        kind = _step(flow, node)
        if kind is None and node.role == "move":
            states = {flow.quantized.get(key) for key in data_of(flow, node)}
            kind = states.pop() if len(states) == 1 else None
        if kind is not None:
            flow.quantized.update(dict.fromkeys(node.outputs, kind))
        if node.kind == "DynamicQuantizeLinear" or _looks_up_integers(flow, node):
            flow.dynamic.update(node.outputs)


def _looks_up_integers(flow: Flow, node: Node) -> bool:
    """Whether values are rows of a stored integer table: no range was fixed for them either."""
    held = weight_of(flow, node) if node.role == "lookup" else None
    return held is not None and held.dtype in QUANTIZED


def _step(flow: Flow, node: Node) -> str | None:
    """Return the integer type that a quantizing operator stands for."""
    if node.role == "quantize" and node.levels:
        return f"int{_bits(node.levels)}"
    if plain(node.kind) == "QuantizeLinear" and node.outputs:
        return signed(flow.value(node.outputs[0]).dtype)
    if plain(node.kind) == "DequantizeLinear" and node.inputs:
        return flow.quantized.get(node.inputs[0]) or signed(flow.value(node.inputs[0]).dtype)
    return None


def _bits(levels: int) -> int:
    return next((bits for bits in (2, 4, 8, 16) if levels <= 2**bits), 32)


def signed(dtype: str) -> str | None:
    """Return the signed type of the same width, or ``None`` for what is not quantized."""
    return dtype.removeprefix("u") if dtype in QUANTIZED else None


def _find_settled(flow: Flow) -> None:
    """Mark values that every reader quantizes before it computes with them."""
    readers: dict[str, list[Node]] = {}
    for node in flow.program.nodes:
        for key in node.inputs:
            readers.setdefault(key, []).append(node)
    ends = set(flow.program.outputs)
    for node in reversed(flow.program.nodes):
        for key in node.outputs:
            using = readers.get(key, [])
            if key not in ends and using and all(_settles(flow, reader) for reader in using):
                flow.settled.add(key)


def _settles(flow: Flow, reader: Node) -> bool:
    if reader.role == "quantize":
        return True
    through = reader.role in ("move", "elementwise")
    return through and all(key in flow.settled for key in reader.outputs)


def data_of(flow: Flow, node: Node) -> list[str]:
    """Return the computed inputs that carry numbers, not shapes or indices."""
    carried = FLOATS | QUANTIZED | {"unknown"}
    return [
        key
        for key in node.inputs
        if key and key not in flow.stored and flow.value(key).dtype in carried
    ]


def weight_of(flow: Flow, node: Node) -> Stored | None:
    """Return the largest constant among the weights of an operator."""
    found = [
        flow.stored[node.inputs[at]]
        for at in node.weights
        if at < len(node.inputs) and node.inputs[at] in flow.stored
    ]
    carried = [stored for stored in found if stored.dtype in FLOATS | QUANTIZED]
    return max(carried, key=lambda stored: stored.elements, default=None)


def per_channel(flow: Flow, node: Node, *, weight: Stored) -> bool:
    """Tell whether weights have more than one scale, or only one channel to have one for."""
    scales = weight.scales
    if node.scales_at is not None and node.scales_at < len(node.inputs):
        scales = max(scales, flow.value(node.inputs[node.scales_at]).elements)
    shape = flow.value(node.outputs[0]).shape if node.outputs else None
    channels_first = flow.program.simulated and "Conv" in node.kind
    axis = 1 if channels_first else -1
    return scales > 1 or (shape is not None and len(shape) > 1 and shape[axis] == 1)
