"""Makes the masks of attention small enough for integers: -1e9 leaves no levels for the scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edgekit.formats import tflite, tflite_edit

_HUGE = -1e4
# exp(-16) is 1e-7: below what an 8-bit softmax, whose step is 1/256, can show.
_OUT_OF_SIGHT = 16.0


def find_masks(content: bytes) -> bool:
    """Whether a float file has a softmax over scores that a huge negative number hides."""
    model = tflite.parse(content)
    return any(_mask_of(model, op) is not None for op in _softmaxes(model))


def soften_masks(content: bytes, ranges: Mapping[str, tuple[float, float]]) -> bytes:
    """Return a float file whose masks push scores just out of the softmax's sight.

    A hidden score ends 16 below the least one that is seen, by the ranges of the scores. The tensor
    behind a mask gets a name of its own: ranges that were found for the old one do not fit it.

    Args:
        content: A float TFLite file.
        ranges: By tensor name, at least of the scores.
    """
    model = tflite.parse(content)
    tensors = model.subgraphs[0].tensors
    for softmax in _softmaxes(model):
        found = _mask_of(model, softmax)
        if found is None:
            continue
        producer, scores, holder, place = found
        low, high = ranges.get(tensors[scores].name.decode(), (None, None))
        if low is None or high is None:
            continue
        kind = tflite_edit.kind(model, producer)
        floor = low - _OUT_OF_SIGHT if "SELECT" in kind else low - high - _OUT_OF_SIGHT
        _replace(model, holder, place, floor)
        for index in {int(producer.outputs[0]), int(holder.outputs[0])}:
            tensors[index].name = tensors[index].name + b";softened"
    return tflite.pack(model)


def _softmaxes(model: Any) -> list[Any]:
    return [op for op in model.subgraphs[0].operators if tflite_edit.kind(model, op) == "SOFTMAX"]


def _mask_of(model: Any, softmax: Any) -> tuple[Any, int, Any, int] | None:
    """Return (what puts the mask on, its scores, what holds the huge constant, where in that)."""
    makers = {int(out): op for op in model.subgraphs[0].operators for out in op.outputs}
    producer = makers.get(int(softmax.inputs[0]))
    while producer is not None and tflite_edit.kind(model, producer) == "RESHAPE":
        producer = makers.get(int(producer.inputs[0]))
    if producer is None:
        return None
    kind = tflite_edit.kind(model, producer)
    if kind not in ("SELECT", "SELECT_V2", "ADD"):
        return None
    places = (1, 2) if "SELECT" in kind else (0, 1)
    for place, other in (places, places[::-1]):
        scores = int(producer.inputs[other])
        if _is_huge(model, producer.inputs[place]):
            return producer, scores, producer, place
        maker = makers.get(int(producer.inputs[place]))
        if kind == "ADD" and maker is not None and tflite_edit.kind(model, maker) == "MUL":
            for inner in (0, 1):
                if _is_huge(model, maker.inputs[inner]):
                    return producer, scores, maker, inner
    return None


def _is_huge(model: Any, index: int) -> bool:
    value = tflite.constant(model, index)
    return value is not None and value.dtype == np.float32 and bool(value.min() <= _HUGE)


def _replace(model: Any, holder: Any, place: int, floor: float) -> None:
    """Give an operator a constant of its own that is nowhere less than ``floor``."""
    old = tflite.constant(model, holder.inputs[place])
    if old is None:
        return
    name = f"{model.subgraphs[0].tensors[holder.inputs[place]].name.decode()};softened"
    shape = list(old.shape)
    value = np.maximum(old, np.float32(floor))
    holder.inputs = np.array(holder.inputs)
    holder.inputs[place] = tflite_edit.tensor(model, name, shape, "float32", value=value)
