"""What an audit found in an artifact's own bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgekit.artifact import TensorSpec
from edgekit.shown import shown

Numbers = Literal["integer", "float", "none"]


@dataclass(frozen=True, kw_only=True)
class Operator:
    """One operator of the file.

    ``kind`` is the format's own word (``CONV_2D``, ``Convolution``, ``Conv``). ``precision`` says
    in which numbers it computes: ``"int8"``, ``"int16"``, ``"float32"``, ``"float16"``,
    ``"int8 weights, dynamic"`` (activations are quantized anew at every inference),
    ``"int8 weights, float32"`` (storage only: computes in float), or ``"float32 to int8"`` for a
    conversion. ``numbers`` sums that up; ``"none"`` is a conversion, control flow, or arithmetic on
    shapes and indices, which is neither integer compute nor float. ``why`` says what the file shows
    to keep a float operator of a quantized file in float. ``macs`` counts batch 1 where the batch
    is open, and one iteration of a loop body. ``per_channel`` is ``None`` without integer weights;
    ``weights`` is the type in which they are stored.
    """

    index: int
    kind: str
    layer: str
    precision: str
    numbers: Numbers
    macs: int
    weights: str | None
    per_channel: bool | None
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class FloatIsland:
    """Connected float operators in a file that otherwise computes in integers.

    ``operators`` are their kinds, ``indices`` their places in the audit's list of operators; older
    documents leave these out.
    """

    operators: tuple[str, ...]
    layers: tuple[str, ...]
    why: str
    indices: tuple[int, ...] = ()


@shown("audit")
@dataclass(frozen=True, kw_only=True)
class AuditResult:
    """Facts about an artifact, read from its bytes alone.

    Shares are in [0, 1]: of multiply-accumulates whose operands are both integers in the file
    (0 when there are none to count), of integer among integer and float operators, and of stored
    weight elements that are integers. ``weight_bytes`` counts each stored constant once;
    ``activation_bytes`` is the sum of all computed tensors at the width that they are kept in, and
    ``peak_activation_bytes`` the most that live at once in the file's order of operators; both
    count open dimensions as 1. ``per_channel`` and ``per_tensor`` count integer weight tensors.
    ``gzip_bytes`` is what gzip makes of the file, or files; None where that was not asked, they are
    huge, or constants lie elsewhere.
    """

    path: str
    format: Literal["tflite", "openvino", "onnx"]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    operators: tuple[Operator, ...]
    flex: tuple[str, ...]
    custom: tuple[str, ...]
    per_channel: int
    per_tensor: int
    weight_bytes: int
    activation_bytes: int
    peak_activation_bytes: int
    macs: int
    integer_mac_share: float
    integer_op_share: float
    integer_weight_share: float
    float_islands: tuple[FloatIsland, ...]
    file_bytes: int
    gzip_bytes: int | None = None
