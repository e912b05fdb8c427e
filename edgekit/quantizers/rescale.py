"""Writes other activation ranges into a quantized TFLite file, without quantizing it again.

What the converter's quantizer makes of weights does not depend on the ranges of activations, unless
biases are huge; scales and zero points of activations and the integers of biases do, in a way that
can be seen from one file. So one call of the quantizer, whose time grows with the weights, is
enough for many ranges.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.formats import tflite, tflite_edit
from edgekit.formats.tflite_scores import reveal

Range = tuple[float, float]
_INT8 = 9
_LOWEST, _LEVELS = -128, 255
_SAME = 1e-6
_LEAST = float(np.finfo(np.float32).tiny)
# Operators with an integer bias -> the places of input, weights and bias.
_BIASED = {
    "CONV_2D": (0, 1, 2), "DEPTHWISE_CONV_2D": (0, 1, 2), "FULLY_CONNECTED": (0, 1, 2),
    "TRANSPOSE_CONV": (2, 1, 3),
}  # fmt: skip
_CONVERTING = ("QUANTIZE", "DEQUANTIZE")
# Their integer kernels look at nothing but the scales of their inputs and outputs.
_PLAIN = {
    "ADD", "AVERAGE_POOL_2D", "CONCATENATION", "HARD_SWISH", "LEAKY_RELU", "LOGISTIC",
    "MAX_POOL_2D", "MEAN", "MUL", "PAD", "RELU", "RELU6", "RESHAPE", "RESIZE_BILINEAR",
    "RESIZE_NEAREST_NEIGHBOR", "SOFTMAX", "SQUEEZE", "SUB", "TANH", "TRANSPOSE",
}  # fmt: skip
# Of a bias: from here on the quantizer widens the scales of weights, which then depend on ranges.
_MOST_STEPS = 2**30
_ONE_SCALE = {
    "AVERAGE_POOL_2D", "CONCATENATION", "MAX_POOL_2D", "PAD", "RESHAPE", "RESIZE_BILINEAR",
    "RESIZE_NEAREST_NEIGHBOR", "SQUEEZE", "TRANSPOSE",
}  # fmt: skip
_FIXED = {"LOGISTIC", "SOFTMAX", "TANH"}  # their results have the same scale, whatever the range


class NotPlain(Exception):
    """A file holds something that depends on ranges in another way."""


def effective(content: bytes, ranges: Sequence[Mapping[str, Range]]) -> list[dict[int, Range]]:
    """Return the ranges that the quantizer finds in a float file, by tensor index, for each table.

    The tables hold the same tensors.
    """
    model, found = tflite.parse(content), []
    for table in ranges:
        tflite.set_ranges(model, table)
        tflite.share_ranges(model)
        found.append({
            index: (float(tensor.quantization.min[0]), float(tensor.quantization.max[0]))
            for index, tensor in enumerate(model.subgraphs[0].tensors)
            if tensor.quantization is not None
            and tensor.quantization.min is not None
            and len(tensor.quantization.min) == 1
        })  # fmt: skip
    return found


def most_telling(tables: Sequence[Mapping[int, Range]]) -> int:
    """Return which table tells most tensors apart by their grids."""
    return max(range(len(tables)), key=lambda n: len({grid(ends) for ends in tables[n].values()}))


def grid(ends: Range) -> tuple[float, int]:
    """Return scale and zero point of int8 for a range, as the converter chooses them."""
    low, high = min(ends[0], 0.0), max(ends[1], 0.0)
    scale = (high - low) / _LEVELS
    return scale, int(np.clip(np.rint(_LOWEST - low / scale), _LOWEST, 127)) if scale else 0


def biases(model: Any) -> list[NDArray[np.float64] | None]:
    """Return the constant bias of each operator of a float model; None where it has none."""
    return [_bias(model, operator) for operator in model.subgraphs[0].operators]


def _bias(model: Any, operator: Any) -> NDArray[np.float64] | None:
    *_, place = _BIASED.get(tflite_edit.kind(model, operator), (len(operator.inputs),))
    if place >= len(operator.inputs) or operator.inputs[place] < 0:
        return None
    value = tflite.constant(model, operator.inputs[place])
    return None if value is None else value.ravel().astype(np.float64)


@dataclass(frozen=True, eq=False)
class _Biased:
    """Where an operator's quantized input, weights and bias are; ``place`` is its own."""

    place: int
    source: int
    weights: int
    bias: int
    shape: tuple[int, ...]


class Drafts:
    """One quantized file, and which range of a float file each of its scales comes from.

    Args:
        real: The float model that was quantized.
        quantized: What became of it on the first of ``tables``; best the one that ``most_telling``
            says.
        tables: Ranges by tensor index of the float file; those that will be asked for.

    Raises:
        NotPlain: some part of the file does not only depend on scales of activations.
    """

    def __init__(self, real: Any, quantized: bytes, tables: Sequence[Mapping[int, Range]]) -> None:
        self._model = tflite.parse(quantized)
        self._biased: list[_Biased] = []
        aligned: dict[int, set[int]] = {}
        for place, (own, stored) in enumerate(_pairs(real, self._model)):
            self._align(own, stored, aligned)
            self._note_bias(place, stored)
        if self._scaled() - aligned.keys() - {one.bias for one in self._biased}:
            raise NotPlain("a tensor is only converted, or of another type")
        self._sources = self._traced(aligned, tables)
        if any(grid(table[i])[0] < _LEAST for i in self._sources.values() for table in tables):
            raise NotPlain("a range is empty")

    def draft(
        self, table: Mapping[int, Range], real: Sequence[NDArray[np.float64] | None], *,
        shown: bool = False,
    ) -> bytes:  # fmt: skip
        """Return the file on other ranges, with the ``biases`` of a float file.

        ``shown`` adds what softmaxes are given to its outputs (see ``formats.tflite_scores``).

        Raises:
            NotPlain: a bias is huge on these ranges.
        """
        tensors = self._model.subgraphs[0].tensors
        for index, source in self._sources.items():
            scale, point = grid(table[source])
            tensors[index].quantization.scale = np.array([scale], np.float32)
            tensors[index].quantization.zeroPoint = np.array([point], np.int64)
        for one in self._biased:
            value = real[one.place]
            self._set_bias(one, np.zeros(1) if value is None else value)
        return self._shown() if shown else tflite.pack(self._model)

    def _shown(self) -> bytes:
        graph, signatures = self._model.subgraphs[0], self._model.signatureDefs
        outputs = graph.outputs
        try:
            reveal(self._model)
            return tflite.pack(self._model)
        finally:
            graph.outputs, self._model.signatureDefs = outputs, signatures

    def _set_bias(self, one: _Biased, real: NDArray[np.float64]) -> None:
        tensors = self._model.subgraphs[0].tensors
        scales = tensors[one.source].quantization.scale[0] * tensors[one.weights].quantization.scale
        steps = np.broadcast_to(np.rint(real / scales), one.shape)
        if np.abs(steps).max(initial=0) >= _MOST_STEPS:
            raise NotPlain("a bias is huge")
        tensors[one.bias].quantization.scale = np.asarray(scales, np.float32)
        tflite.set_constant(self._model, one.bias, steps.astype(np.int32))

    def _align(self, real: Any, stored: Any, aligned: dict[int, set[int]]) -> None:
        """Note which float tensors stand where the quantized ones do."""
        kind = tflite_edit.kind(self._model, stored)
        for one, other in ((real.inputs, stored.inputs), (real.outputs, stored.outputs)):
            for own, index in zip(one, other, strict=False):
                if index >= 0 and self._is_activation(int(index)):
                    aligned.setdefault(int(index), set()).add(int(own))
                elif index >= 0 and kind == "CONCATENATION":
                    raise NotPlain(f"{kind} of a constant")

    def _note_bias(self, place: int, stored: Any) -> None:
        places = _BIASED.get(tflite_edit.kind(self._model, stored))
        if not places or places[-1] >= len(stored.inputs) or stored.inputs[places[-1]] < 0:
            return
        source, weights, bias = (int(stored.inputs[each]) for each in places)
        value = tflite.constant(self._model, bias)
        if value is None or value.dtype != np.int32 or not self._is_activation(source):
            raise NotPlain("a layer is not in integers")
        if np.abs(value.astype(np.float64)).max(initial=0) >= _MOST_STEPS:
            raise NotPlain("a bias is huge")
        if any(one.bias == bias for one in self._biased):
            raise NotPlain("layers share a bias")
        tflite_edit.own_buffer(self._model, bias)
        self._biased.append(_Biased(
            place=place, source=source, weights=weights, bias=bias, shape=value.shape
        ))  # fmt: skip

    def _is_activation(self, index: int) -> bool:
        tensor = self._model.subgraphs[0].tensors[index]
        scaled = tensor.quantization is not None and tensor.quantization.scale is not None
        plain = tflite.constant(self._model, index) is None
        return tensor.type == _INT8 and plain and scaled and len(tensor.quantization.scale) == 1

    def _scaled(self) -> set[int]:
        """Return every tensor with a scale that an operator reads or makes, but constants."""
        graph = self._model.subgraphs[0]
        used = {int(i) for op in graph.operators for i in (*op.inputs, *op.outputs) if i >= 0}
        return {
            index
            for index in used
            if graph.tensors[index].quantization is not None
            and graph.tensors[index].quantization.scale is not None
            and self._model.buffers[graph.tensors[index].buffer].data is None
        }

    def _traced(
        self, aligned: Mapping[int, set[int]], tables: Sequence[Mapping[int, Range]]
    ) -> dict[int, int]:
        """Return the float tensor whose range each activation's scale comes from.

        Its own, or one of those that it has to share a scale with: the widest of them, over all
        tables. Those of a softmax and the like are left alone.
        """
        known, found = [(i, *grid(ends)) for i, ends in tables[0].items()], dict[int, int]()
        fixed = self._fixed()
        for group in self._on_one_scale(aligned):
            if group & fixed:
                continue
            scale, point = self._grid_of(group)
            own = set[int]().union(*(aligned[index] for index in group if index in aligned))
            near = [
                i for i, s, p in known
                if i in own and abs(s - scale) <= _SAME * scale and abs(p - point) <= 1
            ]  # fmt: skip
            if not near:
                raise NotPlain("a scale comes from no range")
            found |= dict.fromkeys(group, max(near, key=partial(_width, tables)))
        return found

    def _grid_of(self, group: set[int]) -> tuple[float, int]:
        held = [self._model.subgraphs[0].tensors[index].quantization for index in group]
        grids = {(float(one.scale[0]), int(one.zeroPoint[0])) for one in held}
        if len(grids) > 1:
            raise NotPlain("an operator has several scales")
        return grids.pop()

    def _on_one_scale(self, activations: Iterable[int]) -> list[set[int]]:
        """Return the activations by the scale that kernels want them on; most are alone."""
        groups = [{index} for index in activations]
        for operator in self._model.subgraphs[0].operators:
            if tflite_edit.kind(self._model, operator) in _ONE_SCALE:
                ends = {int(i) for i in (*operator.inputs, *operator.outputs)}
                met = [group for group in groups if group & ends]
                groups = [group for group in groups if not group & ends]
                groups += [set[int]().union(*met)] if met else []
        return groups

    def _fixed(self) -> set[int]:
        """Return the tensors that kernels make on the same scale for ever."""
        return {
            int(index)
            for operator in self._model.subgraphs[0].operators
            if tflite_edit.kind(self._model, operator) in _FIXED
            for index in operator.outputs
        }


def _width(tables: Sequence[Mapping[int, Range]], index: int) -> float:
    return sum(table[index][1] - table[index][0] for table in tables)


def _pairs(real: Any, stored: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each operator of a float model with the quantized one: they come in the same order."""
    ours = list(real.subgraphs[0].operators)
    theirs = [
        operator
        for operator in stored.subgraphs[0].operators
        if tflite_edit.kind(stored, operator) not in _CONVERTING
    ]
    kinds = [tflite_edit.kind(real, operator) for operator in ours]
    if kinds != [tflite_edit.kind(stored, operator) for operator in theirs]:
        raise NotPlain("operators were added or left out")
    if others := set(kinds) - _PLAIN - set(_BIASED):
        raise NotPlain(f"it has {min(others)}")
    yield from zip(ours, theirs, strict=True)
