"""Tells in plain values what an object was made of, so that two of them can be told apart."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

DEEPEST = 6


def facts(value: Any, depth: int = 0) -> Any:
    """Return the numbers, texts and arrays that an object holds, as JSON takes them.

    The same in another process. What cannot be told (a file, a socket) counts by its class.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float | np.floating):
        return float(value).hex()
    if isinstance(value, np.ndarray):
        content = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return [str(value.dtype), list(value.shape), content]
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if depth >= DEEPEST:
        return kind
    if isinstance(value, Mapping):
        return {str(k): facts(v, depth + 1) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [facts(v, depth + 1) for v in value]
    if isinstance(value, set | frozenset):
        return sorted(str(facts(v, depth + 1)) for v in value)
    if is_dataclass(value) and not isinstance(value, type):
        return [kind, {f.name: facts(getattr(value, f.name), depth + 1) for f in fields(value)}]
    return [kind, _own(value, depth)]


def _own(value: Any, depth: int) -> Any:
    import keras

    if isinstance(value, keras.Model):
        from edgekit.training.variables import fingerprint

        return fingerprint(value)
    if isinstance(value, keras.Variable):
        return [str(value.dtype), list(value.shape)]
    if callable(value) and hasattr(value, "__qualname__"):
        return value.__qualname__
    if not isinstance(value, keras.callbacks.Callback):
        return None
    return {name: facts(v, depth + 1) for name, v in sorted(vars(value).items())}
