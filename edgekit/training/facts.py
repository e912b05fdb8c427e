"""Tells in plain values what an object was made of, so that two of them can be told apart."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from edgekit.training.variables import fingerprint

DEEPEST = 5


def facts(value: Any, depth: int = 0) -> Any:
    """Return the numbers, texts and arrays that an object holds, as JSON takes them.

    The same in another process. Goes through containers, dataclasses and the attributes of Keras
    callbacks; whatever else counts by its class, or by its name if it is a function.
    """
    import keras

    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float | np.floating):
        return float(value).hex()
    if isinstance(value, np.ndarray):
        content = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return [str(value.dtype), list(value.shape), content]
    if isinstance(value, keras.Model):
        return fingerprint(value)
    if depth < DEEPEST and (parts := _parts(value)) is not None:
        return [type(value).__qualname__, [[name, facts(p, depth + 1)] for name, p in parts]]
    return getattr(value, "__qualname__", type(value).__qualname__)


def _parts(value: Any) -> list[tuple[str, Any]] | None:
    import keras

    if isinstance(value, Mapping):
        return [(str(name), part) for name, part in value.items()]
    if isinstance(value, list | tuple):
        return [("", part) for part in value]
    if isinstance(value, set | frozenset):
        return [("", part) for part in sorted(map(str, value))]
    if is_dataclass(value) and not isinstance(value, type):
        return [(f.name, getattr(value, f.name, None)) for f in fields(value)]
    if isinstance(value, keras.callbacks.Callback):
        return [(n, p) for n, p in sorted(vars(value).items()) if n not in ("_model", "params")]
    return None
