"""What the TFLite operators are: their roles, weights, multiply-accumulates and kernels."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.auditing import macs
from edgekit.auditing.program import Role, Value, count

_CONVOLUTIONS = {"CONV_2D", "DEPTHWISE_CONV_2D", "CONV_3D"}
_TRANSPOSED = {"TRANSPOSE_CONV", "CONV_3D_TRANSPOSE"}
RECURRENT = {
    "LSTM", "UNIDIRECTIONAL_SEQUENCE_LSTM", "BIDIRECTIONAL_SEQUENCE_LSTM", "RNN", "SVDF",
    "UNIDIRECTIONAL_SEQUENCE_RNN", "BIDIRECTIONAL_SEQUENCE_RNN",
}  # fmt: skip
_ROLES: dict[str, Role] = {
    **dict.fromkeys(_CONVOLUTIONS | _TRANSPOSED | RECURRENT, "macs"),
    **dict.fromkeys(("FULLY_CONNECTED", "BATCH_MATMUL"), "macs"),
    **dict.fromkeys(("EMBEDDING_LOOKUP", "GATHER", "GATHER_ND"), "lookup"),
    **dict.fromkeys(("DEQUANTIZE", "QUANTIZE", "CAST", "DENSIFY", "BITCAST"), "convert"),
    **dict.fromkeys(
        (
            "IF", "WHILE", "CALL", "CALL_ONCE", "STABLEHLO_WHILE", "STABLEHLO_CASE",
            "STABLEHLO_COMPOSITE", "VAR_HANDLE", "ASSIGN_VARIABLE", "SHAPE", "RANK",
        ),
        "control",
    ),
    **dict.fromkeys(
        (
            "RESHAPE", "TRANSPOSE", "SQUEEZE", "EXPAND_DIMS", "SLICE", "STRIDED_SLICE", "SPLIT",
            "SPLIT_V", "PACK", "UNPACK", "CONCATENATION", "PAD", "PADV2", "MIRROR_PAD", "TILE",
            "SPACE_TO_DEPTH", "DEPTH_TO_SPACE", "SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND",
            "BROADCAST_TO", "REVERSE_V2", "READ_VARIABLE", "DYNAMIC_UPDATE_SLICE", "DILATE",
            "ZEROS_LIKE", "FILL", "RESIZE_NEAREST_NEIGHBOR",
        ),
        "move",
    ),
}  # fmt: skip

# Kernels of the TFLite reference and optimized resolvers that take int8 activations
# (LiteRT "8-bit quantization specification" and tflite/core/kernels/register.cc).
INT8_KERNELS = frozenset(
    {
        "ABS", "ADD", "ARG_MAX", "ARG_MIN", "AVERAGE_POOL_2D", "BATCH_MATMUL", "BATCH_TO_SPACE_ND",
        "BROADCAST_TO", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D", "DEPTH_TO_SPACE",
        "DYNAMIC_UPDATE_SLICE", "ELU", "EMBEDDING_LOOKUP", "EQUAL", "EXP", "EXPAND_DIMS", "FILL",
        "FULLY_CONNECTED", "GATHER", "GATHER_ND", "GELU", "GREATER", "GREATER_EQUAL", "HARD_SWISH",
        "L2_NORMALIZATION", "LEAKY_RELU", "LESS", "LESS_EQUAL", "LOGISTIC", "LOG_SOFTMAX", "LSTM",
        "MAXIMUM", "MAX_POOL_2D", "MEAN", "MINIMUM", "MIRROR_PAD", "MUL", "NOT_EQUAL", "PACK",
        "PAD", "PADV2", "PRELU", "REDUCE_MAX", "REDUCE_MIN", "RELU", "RELU6", "RELU_0_TO_1",
        "RELU_N1_TO_1", "RESHAPE", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "REVERSE_V2",
        "RSQRT", "SCATTER_ND", "SELECT", "SELECT_V2", "SLICE", "SOFTMAX", "SPACE_TO_BATCH_ND",
        "SPACE_TO_DEPTH", "SPLIT", "SPLIT_V", "SQUARED_DIFFERENCE", "SQUEEZE", "STRIDED_SLICE",
        "SUB", "SUM", "SVDF", "TANH", "TILE", "TOPK_V2", "TRANSPOSE", "TRANSPOSE_CONV",
        "UNIDIRECTIONAL_SEQUENCE_LSTM", "UNPACK",
    }
)  # fmt: skip

# Integer weights of these have a kernel with one scale for each output channel.
PER_CHANNEL_KERNELS = frozenset(_CONVOLUTIONS | _TRANSPOSED | {"FULLY_CONNECTED"})


def role(kind: str) -> Role:
    """Return what an operator does to numbers; an unknown one computes."""
    return _ROLES.get(kind, "compute")


def weights(kind: str, inputs: Sequence[Value | None]) -> tuple[int, ...]:
    """Return the positions of the inputs that hold weights when they are constants."""
    if kind in RECURRENT:
        return tuple(
            index
            for index, value in enumerate(inputs)
            if value and index and value.stored_bytes is not None and len(value.shape or ()) == 2
        )
    if kind == "BATCH_MATMUL":
        return (0, 1)
    if role(kind) == "lookup":
        return (1,) if kind == "EMBEDDING_LOOKUP" else (0,)
    return (1,) if role(kind) == "macs" else ()


def cost(
    kind: str, inputs: Sequence[Value | None], *, result: Value | None, inner_axis: int = -1
) -> int:
    """Count the multiply-accumulates of an operator, as ``macs`` defines them.

    Args:
        kind: The operator's name in the schema.
        inputs: Its inputs in order; ``None`` for one that is left out or has no known rank.
        result: Its first output.
        inner_axis: Axis of the first operand that BATCH_MATMUL sums over.
    """
    shapes = [value.shape if value else None for value in inputs]
    if role(kind) != "macs" or len(shapes) < 2 or result is None or shapes[0] is None:
        return 0
    if kind in RECURRENT:
        held = [
            value.shape
            for value in inputs[1:]
            if value and value.stored_bytes is not None and len(value.shape or ()) == 2
        ]
        return macs.recurrent(count(shapes[0][:-1]), held)
    kernel = shapes[1]
    if kind == "BATCH_MATMUL":
        return macs.matmul(result.shape, shapes[0][inner_axis] if len(shapes[0]) > 1 else 1)
    if kernel is None or len(kernel) < 2 or (kind not in {"FULLY_CONNECTED"} and len(kernel) < 4):
        return 0
    if kind == "FULLY_CONNECTED":
        return macs.matmul(result.shape, kernel[-1])
    if kind in _TRANSPOSED:
        operand = shapes[2] if len(shapes) > 2 else None
        wide = kernel[0] if kind == "TRANSPOSE_CONV" else kernel[3]
        window = kernel[1:3] if kind == "TRANSPOSE_CONV" else kernel[:3]
        return macs.transposed_convolution(operand, window, channels=wide)
    if kind == "CONV_3D":
        return macs.convolution(result.shape, kernel[:3], channels=kernel[3])
    return macs.convolution(
        result.shape, kernel[1:3], channels=1 if kind == "DEPTHWISE_CONV_2D" else kernel[3]
    )
