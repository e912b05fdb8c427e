"""Matches what ran with the operators of the file.

Operators that TFLite runs itself tell which they are. XNNPACK's have names of its own, and it adds
some (a reshape) and leaves some out (an activation that it fuses). Both are in one order, so that
they are aligned: as many as possible of matching kinds.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from edgekit.auditing import Operator
from edgekit.devices.emulated.lines import Figures
from edgekit.devices.emulated.spans import Span
from edgekit.devices.figures import OperatorCost

NOT_OF_THE_FILE = -1
_ACTIVATION = "Clamp"  # of the operator before it, which the file holds as one with it
_CONVOLUTION = r"Convolution|Fully Connected"

_UNARY = ("TANH", "ELU", "GELU", "EXP", "SQRT", "RSQRT", "LOG")  # with a table; it has no name

# kind of operator in the file -> what XNNPACK's own may begin with, where that is not its name.
_NAMES = {
    "CONV_2D": _CONVOLUTION,
    "DEPTHWISE_CONV_2D": r"Convolution|Depthwise",
    "TRANSPOSE_CONV": r"Deconvolution",
    "FULLY_CONNECTED": r"(Dynamic )?Fully Connected|Batch Matrix Multiply",
    "BATCH_MATMUL": r"Batch Matrix Multiply|(Dynamic )?Fully Connected",
    "AVERAGE_POOL_2D": r"Average Pooling",
    "MAX_POOL_2D": r"Max Pooling",
    "SUB": r"Subtract",
    "MUL": r"Multiply",
    "DIV": r"Divide",
    "MEAN": r"Mean|Global Average Pooling|Reduce",
    "SUM": r"Sum|Global Sum Pooling|Reduce",
    "LOGISTIC": r"Sigmoid",
    "RELU": r"Clamp|ReLU|Max",
    "RELU6": r"Clamp|ReLU",
    "RELU_N1_TO_1": r"Clamp",
    "PRELU": r"PReLU|Parametric ReLU",
    "RESHAPE": r"(Static )?Reshape|Copy",
    "EXPAND_DIMS": r"(Static )?(Expand|Reshape)|Copy",
    "SQUEEZE": r"(Static )?Reshape|Copy",
    "QUANTIZE": r"Convert",
    "DEQUANTIZE": r"Convert",
    "PAD": r"Constant Pad|(Static )?Constant Pad|Pad",
    "PADV2": r"Constant Pad|Pad",
    "CONCATENATION": r"Concatenate|Copy",
    "STRIDED_SLICE": r"(Static )?Slice",
    "RSQRT": r"Reciprocal Square Root",
    "SQUARED_DIFFERENCE": r"Squared Difference",
}


def operator_costs(
    operators: Sequence[Operator], ran: Sequence[Span], total: Figures
) -> tuple[OperatorCost, ...]:
    """Return the instructions of each operator of the file, then of what else ran.

    Indices are those of the file; -1 is what is not of it: an operator that XNNPACK added, and what
    the runtime does outside of all operators. An operator without a number was fused into another,
    or could not be told apart from its neighbours.

    Args:
        operators: Of the file.
        ran: What ran, in order.
        total: Figures of the whole inference.
    """
    layers = {each.index: each.layer for each in operators}
    own = {span.node for span in ran if span.node is not None}
    left = [each for each in operators if each.index not in own]
    theirs = [k for k, span in enumerate(ran) if span.node is None]
    pairs = _aligned(left, [ran[k] for k in theirs])
    whose = {k: span.node for k, span in enumerate(ran) if span.node is not None}
    whose |= {theirs[k]: left[i].index for i, k in pairs}
    found, extra, before = dict[int, int](), list[OperatorCost](), NOT_OF_THE_FILE
    for k, span in enumerate(ran):
        cost = span.figures["instructions"]
        if k in whose:
            before = whose[k]
        if k in whose or (span.name.startswith(_ACTIVATION) and before in found):
            found[before] = found.get(before, 0) + cost
        else:
            extra.append(_extra(span.name, f"after {layers.get(before, 'the input')}", cost))
    rows = [_row(each, found.get(each.index)) for each in operators]
    rest = total["instructions"] - sum(row.instructions or 0 for row in (*rows, *extra))
    if rest > 0:
        extra.append(_extra("runtime", "outside of all operators", rest))
    return (*rows, *extra)


def fits(kind: str, name: str) -> bool:
    """Whether an operator of XNNPACK's, by its name, may be one of a kind in the file."""
    if (pattern := _NAMES.get(kind)) is not None:
        return re.match(pattern, name) is not None
    if kind in _UNARY and name.startswith("Invalid Unary"):
        return True
    plain = re.sub(r"[^a-z0-9]", "", kind.lower().removesuffix("v2"))
    said = re.sub(r"[^a-z0-9]", "", re.sub(r"\(.*", "", name).lower().removeprefix("static "))
    return plain.startswith(said) or said.startswith(plain)


def _aligned(left: Sequence[Operator], theirs: Sequence[Span]) -> list[tuple[int, int]]:
    """Return the longest list of pairs that fit and keep both orders; early ones first."""
    rows, columns = len(left), len(theirs)
    best = [[0] * (columns + 1) for _ in range(rows + 1)]
    good = [[fits(each.kind, span.name) for span in theirs] for each in left]
    for i in range(rows - 1, -1, -1):
        for k in range(columns - 1, -1, -1):
            skipped = max(best[i + 1][k], best[i][k + 1])
            best[i][k] = max(skipped, 1 + best[i + 1][k + 1] if good[i][k] else 0)
    pairs, i, k = [], 0, 0
    while i < rows and k < columns:
        if good[i][k] and best[i][k] == 1 + best[i + 1][k + 1]:
            pairs.append((i, k))
            i, k = i + 1, k + 1
        elif best[i + 1][k] >= best[i][k + 1]:
            i += 1
        else:
            k += 1
    return pairs


def _row(operator: Operator, instructions: int | None) -> OperatorCost:
    return OperatorCost(
        index=operator.index,
        kind=operator.kind,
        layer=operator.layer,
        where="cpu" if instructions is not None else "cpu, not told apart",
        instructions=instructions,
    )


def _extra(kind: str, layer: str, instructions: int) -> OperatorCost:
    return OperatorCost(
        index=NOT_OF_THE_FILE, kind=kind, layer=layer, where="cpu", instructions=instructions
    )
