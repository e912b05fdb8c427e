"""What the OpenVINO operators are: their roles, weights and multiply-accumulates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgekit.auditing import macs
from edgekit.auditing.program import Role, Shape, count

# kind -> (position of W, position of R)
_RECURRENT = {
    "LSTMSequence": (4, 5), "LSTMCell": (3, 4), "GRUSequence": (3, 4), "RNNSequence": (3, 4),
    "GRUCell": (2, 3), "RNNCell": (2, 3), "AUGRUSequence": (3, 4), "AUGRUCell": (2, 3),
}  # fmt: skip
# kind -> axes of the kernel: where the window starts, and the channels of one sum
_CONVOLUTIONS = {"Convolution": (2, 1), "GroupConvolution": (3, 2), "BinaryConvolution": (2, 1)}
_TRANSPOSED = {"ConvolutionBackpropData": (2, 1), "GroupConvolutionBackpropData": (3, 2)}
_OTHER_MACS = {"MatMul", "Einsum", "ScaledDotProductAttention", "DeformableConvolution"}

_MOVES = (
    "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Concat", "Split", "VariadicSplit", "Slice",
    "StridedSlice", "Pad", "MaxPool", "Tile", "Broadcast", "ReverseSequence", "Reverse",
    "ShuffleChannels", "DepthToSpace", "SpaceToDepth", "BatchToSpace", "SpaceToBatch",
    "ReduceMax", "ReduceMin", "Identity", "Flatten", "Roll", "ScatterUpdate",
)  # fmt: skip
_ELEMENTWISE = (
    "Add", "Subtract", "Multiply", "Divide", "Relu", "PRelu", "Clamp", "Sigmoid", "Tanh", "TanH",
    "Swish", "HSwish", "HSigmoid", "HardSigmoid", "Elu", "Selu", "Gelu", "Mish", "SoftPlus",
    "SoftSign", "Exp", "Abs", "Power", "Minimum", "Maximum", "Negative", "Sqrt", "Floor",
    "Ceiling", "SquaredDifference", "LeakyRelu",
)  # fmt: skip
_CONTROL = (
    "ShapeOf", "If", "Loop", "TensorIterator", "Assign", "ReadValue", "Range", "NonZero", "Less",
    "LessEqual", "Greater", "GreaterEqual", "Equal", "NotEqual", "LogicalAnd", "LogicalOr",
    "LogicalNot", "RandomUniform",
)  # fmt: skip
_ROLES: dict[str, Role] = {
    **dict.fromkeys(
        [
            kind.lower()
            for kind in (*_RECURRENT, *_CONVOLUTIONS, *_TRANSPOSED, *_OTHER_MACS)
        ],
        "macs",
    ),
    **dict.fromkeys([kind.lower() for kind in _MOVES], "move"),
    **dict.fromkeys([kind.lower() for kind in _ELEMENTWISE], "elementwise"),
    **dict.fromkeys([kind.lower() for kind in _CONTROL], "control"),
    **dict.fromkeys(("gather", "gathernd", "gatherelements", "embeddingbagoffsets"), "lookup"),
    **dict.fromkeys(("convert", "convertlike"), "convert"),
    **dict.fromkeys(("fakequantize", "fakeconvert"), "quantize"),
}  # fmt: skip


def role(kind: str) -> Role:
    """Return what an operator does to numbers; an unknown one computes."""
    return _ROLES.get(kind.lower(), "compute")


def weights(kind: str) -> tuple[int, ...]:
    """Return the positions of the inputs that hold weights when they are constants."""
    if kind in _RECURRENT:
        return _RECURRENT[kind]
    if kind in ("MatMul", "Einsum"):
        return (0, 1)
    if kind == "DeformableConvolution":
        return (2,)
    if role(kind) == "lookup":
        return (0,)
    return (1,) if kind in _CONVOLUTIONS or kind in _TRANSPOSED else ()


def cost(
    kind: str,
    shapes: Sequence[Shape | None],
    *,
    result: Shape | None,
    data: Mapping[str, str],
) -> int:
    """Count the multiply-accumulates of a layer from its ports, as ``macs`` defines them.

    Args:
        kind: The layer's type.
        shapes: Shapes of its inputs.
        result: Shape of its first output.
        data: The layer's attributes.
    """
    first = shapes[0] if shapes else None
    if role(kind) != "macs" or first is None or len(shapes) < 2 or not first:
        return 0
    if kind in _RECURRENT:
        held = [shapes[at] for at in _RECURRENT[kind] if at < len(shapes)]
        return macs.recurrent(count(first[:-1]), held)
    if kind == "MatMul":
        axis = -2 if data.get("transpose_a", "").lower() in ("true", "1") else -1
        return macs.matmul(result, first[axis] if len(first) > 1 else first[0])
    if kind == "Einsum":
        return macs.einsum(data.get("equation", ""), shapes)
    if kind == "ScaledDotProductAttention":
        return macs.attention(shapes[0], shapes[1], value=shapes[2]) if len(shapes) > 2 else 0
    kernel = shapes[2 if kind == "DeformableConvolution" and len(shapes) > 2 else 1]
    window, channels = {**_CONVOLUTIONS, **_TRANSPOSED}.get(kind, (2, 1))
    if kernel is None or len(kernel) <= window:
        return 0
    if kind in _TRANSPOSED:
        return macs.transposed_convolution(first, kernel[window:], channels=kernel[channels])
    return macs.convolution(result, kernel[window:], channels=kernel[channels])
