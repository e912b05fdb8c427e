"""What the ONNX operators are: their roles, weights and multiply-accumulates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgekit.auditing import macs
from edgekit.auditing.program import Role, Shape, count

# kind -> (position of the activations, of the weights, of the weights' scales or zero points)
_CONVOLUTIONS = {
    "Conv": (0, 1, None), "FusedConv": (0, 1, None), "ConvInteger": (0, 1, 3),
    "QLinearConv": (0, 3, 4), "DeformConv": (0, 1, None),
}  # fmt: skip
_TRANSPOSED = {"ConvTranspose": (0, 1, None)}
_PRODUCTS = {
    "MatMul": (0, 1, None), "Gemm": (0, 1, None), "MatMulInteger": (0, 1, 3),
    "QLinearMatMul": (0, 3, 4), "FusedMatMul": (0, 1, None), "FusedGemm": (0, 1, None),
    "QGemm": (0, 3, 4), "MatMulIntegerToFloat": (0, 1, 3), "DynamicQuantizeMatMul": (0, 1, 2),
}  # fmt: skip
_RECURRENT = {"LSTM": (1, 2), "GRU": (1, 2), "RNN": (1, 2), "DynamicQuantizeLSTM": (1, 2)}
_PLACES = {**_CONVOLUTIONS, **_TRANSPOSED, **_PRODUCTS}

_MOVES = (
    "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Concat", "Split", "Slice", "Pad",
    "MaxPool", "GlobalMaxPool", "Expand", "Tile", "DepthToSpace", "SpaceToDepth", "Identity",
    "Dropout", "ReduceMax", "ReduceMin", "ReverseSequence", "ScatterND", "ScatterElements",
)  # fmt: skip
_ELEMENTWISE = (
    "Add", "Sub", "Mul", "Div", "Relu", "PRelu", "LeakyRelu", "Clip", "Sigmoid", "Tanh", "Elu",
    "Selu", "Celu", "HardSigmoid", "HardSwish", "Swish", "Gelu", "Mish", "Softplus", "Softsign",
    "Exp", "Abs", "Pow", "Min", "Max", "Neg", "Sqrt", "Floor", "Ceil", "ThresholdedRelu", "Erf",
    "BatchNormalization",
)  # fmt: skip
_CONTROL = (
    "Shape", "Size", "If", "Loop", "Scan", "ConstantOfShape", "Range", "NonZero", "RandomNormal",
    "RandomUniform", "SequenceMap", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Equal",
    "And", "Or", "Not",
)  # fmt: skip
_ROLES: dict[str, Role] = {
    **dict.fromkeys((*_PLACES, *_RECURRENT, "Einsum", "Attention"), "macs"),
    **dict.fromkeys(_MOVES, "move"),
    **dict.fromkeys(_ELEMENTWISE, "elementwise"),
    **dict.fromkeys(_CONTROL, "control"),
    **dict.fromkeys(("Gather", "GatherElements", "GatherND"), "lookup"),
    **dict.fromkeys(
        ("Cast", "CastLike", "DequantizeLinear", "DynamicQuantizeLinear", "BitCast"), "convert"
    ),
    "QuantizeLinear": "quantize",
}


def role(kind: str) -> Role:
    """Return what an operator does to numbers; an unknown one computes."""
    return _ROLES.get(kind, "compute")


def weights(kind: str) -> tuple[int, ...]:
    """Return the positions of the inputs that hold weights when they are constants."""
    if kind in _RECURRENT:
        return _RECURRENT[kind]
    if kind in ("MatMul", "MatMulInteger", "Einsum"):
        return (0, 1)
    if kind in _PLACES:
        return (_PLACES[kind][1],)
    return (0,) if role(kind) == "lookup" else ()


def is_integer(kind: str) -> bool:
    """Tell whether an operator is integer by definition: QLinear..., ...Integer, QGemm."""
    return kind.startswith("QLinear") or kind in ("QGemm", "MatMulInteger", "ConvInteger")


def scales_at(kind: str) -> int | None:
    """Return the position of the weights' scales, where they are an input of the operator."""
    return _PLACES[kind][2] if kind in _PLACES else None


def cost(
    kind: str,
    shapes: Sequence[Shape | None],
    *,
    result: Shape | None,
    attributes: Mapping[str, Any],
) -> int:
    """Count the multiply-accumulates of a node, as ``macs`` defines them.

    Where the activations have no known shape, a matrix product counts one row, and a recurrent
    operator one step.

    Args:
        kind: The operator, without its domain.
        shapes: Shapes of its inputs.
        result: Shape of its first output.
        attributes: Its attributes of type int and string.
    """
    first = shapes[0] if shapes else None
    if role(kind) != "macs" or len(shapes) < 2:
        return 0
    if kind in _PRODUCTS and (first is None or result is None):
        at = _PRODUCTS[kind][1]
        return count(shapes[at]) if at < len(shapes) else 0
    if kind in _RECURRENT:
        held = [shapes[at] for at in _RECURRENT[kind] if at < len(shapes)]
        return macs.recurrent(count(first[:-1]) if first else 1, held)
    if not first:
        return 0
    if kind == "Einsum":
        return macs.einsum(str(attributes.get("equation", "")), shapes)
    if kind == "Attention":
        return macs.attention(shapes[0], shapes[1], value=shapes[2]) if len(shapes) > 2 else 0
    if kind in _PRODUCTS:
        turned = len(first) > 1 and attributes.get("transA", 0)
        return macs.matmul(result, first[-2 if turned else -1])
    at = _PLACES[kind][1]
    kernel = shapes[at] if at < len(shapes) else None
    if kernel is None or len(kernel) < 3:
        return 0
    if kind in _TRANSPOSED:
        return macs.transposed_convolution(first, kernel[2:], channels=kernel[1])
    return macs.convolution(result, kernel[2:], channels=kernel[1])
