"""Bytes of weights and activations."""

from __future__ import annotations

from collections.abc import Container

from edgekit.auditing.program import BITS, FLOATS, Node, Program, Value

_DEPTH = 32


def weight_bytes(program: Program) -> int:
    """Sum the stored constants, each shared one once."""
    held = {
        value.storage or key: value.stored_bytes
        for key, value in program.values.items()
        if value.stored_bytes is not None
    }
    return sum(held.values())


def activation_sizes(program: Program, constants: Container[str]) -> dict[str, int]:
    """Return the bytes of every computed tensor, at the width that it is kept in.

    ``constants`` are stored, or follow from stored ones alone, and count as weights.

    Where quantization is simulated, a float tensor that is only read by quantizers is kept in
    their width, and a quantizer's own output is the same tensor and costs nothing again.
    """
    widths = _widths(program)
    sizes = {key: _value(program, key).bytes for key in program.inputs}
    for node in program.nodes:
        for key in node.outputs:
            value = _value(program, key)
            if key not in constants:
                bits = widths.get(key, BITS.get(value.dtype, 0))
                sizes[key] = (value.elements * bits + 7) // 8
    return sizes


def peak(program: Program, sizes: dict[str, int]) -> int:
    """Return the most bytes alive at once, running operators in the file's order.

    A control operator costs the dearer of its bodies on top of what is alive around it.
    """
    graphs: dict[int, list[Node]] = {}
    for node in program.nodes:
        graphs.setdefault(node.graph, []).append(node)
    known: dict[int, int] = {}

    def of(graph: int, depth: int) -> int:
        if graph not in known:
            known[graph] = 0  # a body that runs itself adds nothing
            ends = (program.inputs, program.outputs) if graph == 0 else ((), ())
            inner = [
                max((of(body, depth + 1) for body in node.bodies), default=0)
                if depth < _DEPTH
                else 0
                for node in graphs.get(graph, [])
            ]
            known[graph] = _peak(graphs.get(graph, []), sizes, ends, inner)
        return known[graph]

    return of(0, 0)


def _peak(
    nodes: list[Node],
    sizes: dict[str, int],
    ends: tuple[tuple[str, ...], tuple[str, ...]],
    inner: list[int],
) -> int:
    last = {key: at for at, node in enumerate(nodes) for key in (*node.inputs, *node.outputs)}
    last.update(dict.fromkeys(ends[1], len(nodes)))
    alive = sum(sizes.get(key, 0) for key in ends[0])
    live, most = set(ends[0]), alive
    for at, node in enumerate(nodes):
        for key in node.outputs:
            if key not in live:
                live.add(key)
                alive += sizes.get(key, 0)
        most = max(most, alive + inner[at])
        for key in {*node.inputs, *node.outputs}:
            if key in live and last[key] == at:
                live.discard(key)
                alive -= sizes.get(key, 0)
    return most


def _widths(program: Program) -> dict[str, int]:
    if not program.simulated:
        return {}
    readers: dict[str, list[Node]] = {}
    for node in program.nodes:
        for key in node.inputs:
            readers.setdefault(key, []).append(node)
    widths: dict[str, int] = {}
    for node in program.nodes:
        if node.role == "quantize" or node.kind == "DequantizeLinear":
            widths.update(dict.fromkeys(node.outputs, 0))
    for key, using in readers.items():
        if all(reader.role == "quantize" for reader in using) and key not in widths:
            bits = [_bits(program, reader) for reader in using]
            if _value(program, key).dtype in FLOATS:
                widths[key] = max(bits)
    return widths


def _bits(program: Program, node: Node) -> int:
    if node.levels:
        return 8 if node.levels <= 256 else 16
    return BITS.get(_value(program, node.outputs[0]).dtype, 32) if node.outputs else 32


def _value(program: Program, key: str) -> Value:
    return program.values.get(key) or Value(name=key, shape=None, dtype="unknown")
