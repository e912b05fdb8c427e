"""Makes the masks of attention small enough for integers: -1e9 leaves no levels for the scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgekit.formats import tflite, tflite_edit

_HUGE = -1e4
# exp(-16) is 1e-7: below what an 8-bit softmax, whose step is 1/256, can show.
_OUT_OF_SIGHT = 16.0


@dataclass(frozen=True)
class _Mask:
    """A mask: the operator that puts it on ``scores``, and where its huge constant is.

    ``holder`` has the constant at ``place`` of its inputs. ``masked`` are the tensors from there to
    the softmax.
    """

    producer: Any
    scores: int
    holder: Any
    place: int
    masked: tuple[int, ...]


def find_masks(model: Any) -> bool:
    """Whether a float model has a softmax over scores that a huge negative number hides."""
    return any(_mask_of(model, op) is not None for op in _softmaxes(model))


def soften_masks(content: bytes, ranges: Mapping[str, tuple[float, float]]) -> bytes:
    """Return a float file whose masks push scores just out of the softmax's sight.

    A hidden score ends 16 below the least one that is seen, by the ranges of the scores; where
    several softmaxes share a mask, by the lowest. The tensors behind a mask get names of their own:
    ranges that were found for the old ones do not fit them.

    Args:
        content: A float TFLite file.
        ranges: By tensor name, at least of the scores.
    """
    model = tflite.parse(content)
    tensors = model.subgraphs[0].tensors
    by_holder: dict[tuple[int, int], list[_Mask]] = {}
    for softmax in _softmaxes(model):
        if (mask := _mask_of(model, softmax)) is not None:
            by_holder.setdefault((id(mask.holder), mask.place), []).append(mask)
    for masks in by_holder.values():
        known = [ranges.get(tensors[mask.scores].name.decode()) for mask in masks]
        floors = [_floor(model, m, *r) for m, r in zip(masks, known, strict=True) if r is not None]
        if len(floors) < len(masks):
            continue
        _replace(model, masks[0].holder, masks[0].place, min(floors))
        for index in {index for mask in masks for index in mask.masked}:
            tensors[index].name = tensors[index].name + b";softened"
    return tflite.pack(model)


def _floor(model: Any, mask: _Mask, low: float, high: float) -> float:
    chosen = "SELECT" in tflite_edit.kind(model, mask.producer)
    return low - _OUT_OF_SIGHT if chosen else low - high - _OUT_OF_SIGHT


def _softmaxes(model: Any) -> list[Any]:
    return [op for op in model.subgraphs[0].operators if tflite_edit.kind(model, op) == "SOFTMAX"]


def _mask_of(model: Any, softmax: Any) -> _Mask | None:
    makers = {int(out): op for op in model.subgraphs[0].operators for out in op.outputs}
    masked = [int(softmax.inputs[0])]
    while (producer := makers.get(masked[-1])) is not None:
        if tflite_edit.kind(model, producer) != "RESHAPE":
            break
        masked.append(int(producer.inputs[0]))
    if producer is None:
        return None
    kind = tflite_edit.kind(model, producer)
    if kind not in ("SELECT", "SELECT_V2", "ADD"):
        return None
    places = (1, 2) if "SELECT" in kind else (0, 1)
    for place, other in (places, places[::-1]):
        scores, put_on = int(producer.inputs[other]), int(producer.inputs[place])
        if _is_huge(model, put_on):
            return _Mask(producer, scores, producer, place, tuple(masked))
        maker = makers.get(put_on)
        if kind == "ADD" and maker is not None and tflite_edit.kind(model, maker) == "MUL":
            for inner in (0, 1):
                if _is_huge(model, maker.inputs[inner]):
                    return _Mask(producer, scores, maker, inner, (*masked, put_on))
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
