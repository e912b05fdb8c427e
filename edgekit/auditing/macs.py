"""Multiply-accumulates of each kind of operator, from shapes alone.

One multiply-accumulate is one product added to a sum; biases, activations and requantization are
not counted. Formulas follow Sze, Chen, Yang, Emer, "Efficient Processing of Deep Neural Networks:
A Tutorial and Survey" (Proc. IEEE 105(12), 2017), equation (1): a convolution costs
N*M*E*F * (C/G)*R*S. An open dimension (``None``) counts as 1; an unknown rank gives 0.
"""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.auditing.program import Shape, count


def convolution(result: Shape | None, window: Sequence[int | None], *, channels: int | None) -> int:
    """Count a convolution: every output element sums window * channels products.

    Args:
        result: Shape of the output.
        window: Spatial sizes of the kernel; dilation does not change the cost.
        channels: Input channels that one output sees (input channels / groups; 1 if depthwise).
    """
    return count(result) * count(tuple(window)) * (channels or 1)


def transposed_convolution(
    operand: Shape | None, window: Sequence[int | None], *, channels: int | None
) -> int:
    """Count a transposed convolution: every input element goes into window * channels outputs.

    Args:
        operand: Shape of the input.
        window: Spatial sizes of the kernel.
        channels: Output channels that one input feeds (output channels / groups).
    """
    return count(operand) * count(tuple(window)) * (channels or 1)


def matmul(result: Shape | None, inner: int | None) -> int:
    """Count a matrix product: every output element sums ``inner`` products."""
    return count(result) * (1 if inner is None else inner)


def recurrent(steps: int, matrices: Sequence[Shape | None]) -> int:
    """Count LSTM, GRU and RNN: each step of each sample multiplies every weight once.

    Args:
        steps: Time steps times batch.
        matrices: Shapes of the input, recurrent, projection and peephole weights.
    """
    return steps * sum(count(shape) for shape in matrices)


def attention(query: Shape | None, key: Shape | None, *, value: Shape | None) -> int:
    """Count scaled dot-product attention over [..., length, width]: scores, then weighted sum.

    Vaswani et al., "Attention Is All You Need" (2017), equation (1): L*S*E for the scores and
    L*S*V for the sum, for each of the leading dimensions.
    """
    if query is None or key is None or value is None:
        return 0
    if min(len(query), len(key), len(value)) < 2:
        return 0
    length = key[-2] or 1
    return count(query) * length + count(query[:-1]) * length * (value[-1] or 1)


def einsum(equation: str, operands: Sequence[Shape | None]) -> int:
    """Count an Einstein summation of two operands: the product of all distinct index sizes.

    An equation with an ellipsis, or that does not fit the shapes, counts as 0.
    """
    terms = equation.replace(" ", "").split("->")[0].split(",")
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, operands, strict=False):
        if shape is None or len(term) != len(shape) or not term.isalpha():
            return 0
        for label, size in zip(term, shape, strict=True):
            sizes[label] = max(sizes.get(label, 1), size or 1)
    return count(tuple(sizes.values())) if len(terms) == 2 == len(operands) else 0
