"""What the outputs of a Keras model are called, everywhere: in traces, training and reports."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, eq=False)
class Output:
    """An output of a model: its name here, what Keras calls it, and its tensor."""

    name: str
    called: str
    tensor: Any


def outputs_of(model: Any, result: Any, inputs: Set[str]) -> list[Output]:
    """Flatten what a model gave, under the names that Keras gives its outputs.

    A name that an input or an earlier output has is numbered: formats want them all different.

    Args:
        model: A ``keras.Model``.
        result: What calling it gave, or the symbolic structure of that.
        inputs: Names of its inputs.
    """
    flat = list(leaves(result))
    inner = getattr(model, "_functional", None) or model
    layers = list(getattr(inner, "output_names", None) or [])
    fallback = layers if len(layers) == len(flat) else [f"output_{i}" for i in range(len(flat))]
    called = [key or layer for (key, _), layer in zip(flat, fallback, strict=True)]
    return [
        Output(name=name, called=own, tensor=tensor)
        for name, own, (_, tensor) in zip(different(called, inputs), called, flat, strict=True)
    ]


def different(names: Sequence[str], taken: Set[str]) -> list[str]:
    """Number the names that are taken; each first use of a free name keeps it."""
    reserved, used = {*names, *taken}, set(taken)
    found = []
    for name in names:
        free = name
        if name in used:
            free = next(f"{name}_{i}" for i in itertools.count(1) if f"{name}_{i}" not in reserved)
        reserved.add(free)
        used.add(free)
        found.append(free)
    return found


def leaves(value: Any, key: str | None = None) -> Iterator[tuple[str | None, Any]]:
    """Yield the tensors of a nested result in order, each with its key if it stands in a dict."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from leaves(item, str(name))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from leaves(item, None)
    else:
        yield key, value
