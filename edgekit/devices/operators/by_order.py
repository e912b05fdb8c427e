"""Matches what TFLite ran with the operators of the file.

Operators that TFLite runs itself tell which they are. XNNPACK's have names of its own, and it adds
some (a reshape) and leaves some out (an activation that it fuses). Both are in one order, so that
they are aligned: as many as possible of matching kinds.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from edgekit.auditing import Operator
from edgekit.devices.figures import OperatorCost
from edgekit.devices.operators.ran import NOT_OF_THE_FILE, Ran, Unit, not_of_the_file, of_the_file

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


def by_order(
    operators: Sequence[Operator], ran: Sequence[Ran], unit: Unit
) -> tuple[OperatorCost, ...]:
    """Return what each operator of the file takes, then what else ran.

    An operator without a cost was fused into another, or could not be told apart from its
    neighbours.

    Args:
        operators: Of the file's main graph.
        ran: What ran, in order.
        unit: What costs count.
    """
    layers = {each.index: each.layer for each in operators}
    own = {each.node for each in ran if each.node is not None}
    left = [each for each in operators if each.index not in own]
    theirs = [k for k, each in enumerate(ran) if each.node is None]
    pairs = _aligned(left, [ran[k] for k in theirs])
    whose = {k: each.node for k, each in enumerate(ran) if each.node is not None}
    whose |= {theirs[k]: left[i].index for i, k in pairs}
    found, extra, before = dict[int, float](), list[OperatorCost](), NOT_OF_THE_FILE
    for k, each in enumerate(ran):
        if k in whose:
            before = whose[k]
        if k in whose or (each.name.startswith(_ACTIVATION) and before in found):
            found[before] = found.get(before, 0) + each.cost
        else:
            after = f"after {layers.get(before, 'the input')}"
            extra.append(not_of_the_file(each.name, after, each.cost, unit))
    return (*of_the_file(operators, found, unit), *extra)


def fits(kind: str, name: str) -> bool:
    """Whether an operator of XNNPACK's, by its name, may be one of a kind in the file."""
    if (pattern := _NAMES.get(kind)) is not None:
        return re.match(pattern, name) is not None
    if kind in _UNARY and name.startswith("Invalid Unary"):
        return True
    plain = re.sub(r"[^a-z0-9]", "", kind.lower().removesuffix("v2"))
    said = re.sub(r"[^a-z0-9]", "", re.sub(r"\(.*", "", name).lower().removeprefix("static "))
    return plain.startswith(said) or said.startswith(plain)


def _aligned(left: Sequence[Operator], theirs: Sequence[Ran]) -> list[tuple[int, int]]:
    """Return the longest list of pairs that fit and keep both orders; early ones first."""
    rows, columns = len(left), len(theirs)
    best = [[0] * (columns + 1) for _ in range(rows + 1)]
    good = [[fits(each.kind, one.name) for one in theirs] for each in left]
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
