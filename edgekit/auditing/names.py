"""Layer names, as the user knows them, from the names of tensors and nodes."""

from __future__ import annotations

import re

# The last part of a path when it names the operation and not the layer: "dense/BiasAdd".
_OPERATION = re.compile(
    r"([A-Z][A-Za-z0-9]*|batchnorm|(convolution|depthwise|separable_conv2d|conv_transpose)\d*)"
    r"(_\d+)?(_quant)?"
)
_SCALED = re.compile(r"(mul|add|sub)(_\d+)?")
# How the last part of a path begins that says where the weights are.
_WEIGHTED = (
    "Conv", "DepthwiseConv", "MatMul", "BatchMatMul", "convolution", "depthwise", "conv_transpose",
    "einsum", "separable_conv",
)  # fmt: skip
_LONGEST = 1024


def layer(name: str, weights: str = "") -> str:
    """Return the layer that a tensor or node belongs to.

    Of a fused tensor's names (``a;b``) the first that says where weights are counts, those of the
    constant before those of the tensor, else the first of all: fused names also list layers that
    share a constant. ``:0`` and a closing operation, as in ``dense/MatMul``, fall away; a leading
    ``StatefulPartitionedCall`` or slash too. A name longer than 1,024 characters is cut.

    Args:
        name: Of the node or of the tensor that it writes.
        weights: Of the constant that it multiplies by.
    """
    names = f"{weights[:_LONGEST]};{name[:_LONGEST]}".split(";")
    chosen = next((one for one in names if _last(one).startswith(_WEIGHTED)), "")
    path = (chosen or name[:_LONGEST].split(";", 1)[0]).removesuffix(":0").split("/")
    parts = [part for part in path if part]
    while len(parts) > 1 and parts[0] == "StatefulPartitionedCall":
        parts.pop(0)
    if len(parts) > 2 and parts[-2] == "batchnorm" and _SCALED.fullmatch(parts[-1]):
        parts.pop()
    if len(parts) > 1 and _OPERATION.fullmatch(parts[-1]):
        parts.pop()
    return "/".join(parts)


def _last(path: str) -> str:
    return path.removesuffix(":0").rsplit("/", 1)[-1]
