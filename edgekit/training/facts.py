"""Tells in plain values what an object was made of, so that two of them can be told apart."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import FunctionType
from typing import Any

import numpy as np

from edgekit.training.variables import fingerprint

DEEPEST = 5
MOST = 2_000


def facts(value: Any) -> Any:
    """Return the numbers, texts and arrays that an object holds, as JSON takes them.

    The same in another process. Goes through dataclasses, containers, the attributes of objects,
    and what functions and classes made inside of functions refer to; what lies too deep, and what
    cannot be told (a file, a socket), counts by its class.
    """
    return _Teller().tell(value, 0)


class _Teller:
    def __init__(self) -> None:
        self._seen: dict[int, int] = {}

    def tell(self, value: Any, depth: int) -> Any:
        if value is None or isinstance(value, bool | int | str):
            return value
        if isinstance(value, float | np.floating):
            return float(value).hex()
        if isinstance(value, np.ndarray):
            content = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
            return [str(value.dtype), list(value.shape), content]
        if id(value) in self._seen:
            return f"see {self._seen[id(value)]}"
        if depth >= DEEPEST or len(self._seen) >= MOST:
            return type(value).__qualname__
        self._seen[id(value)] = len(self._seen)
        return self._parts(value, depth + 1)

    def _parts(self, value: Any, depth: int) -> Any:
        import keras

        if isinstance(value, keras.Model):
            return fingerprint(value)
        if isinstance(value, keras.Layer | keras.Variable):
            return [type(value).__qualname__, str(getattr(value, "dtype", ""))]
        if isinstance(value, Mapping):
            return {str(k): self.tell(v, depth) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [self.tell(v, depth) for v in value]
        if isinstance(value, set | frozenset):
            return sorted(str(v) for v in value)
        if isinstance(value, FunctionType):
            return [value.__qualname__, *self._closure(value, depth)]
        return [type(value).__qualname__, self._own(value, depth), self._class(value, depth)]

    def _own(self, value: Any, depth: int) -> Any:
        if is_dataclass(value) and not isinstance(value, type):
            return {f.name: self.tell(getattr(value, f.name, None), depth) for f in fields(value)}
        own = getattr(value, "__dict__", None)
        if isinstance(value, type) or not isinstance(own, dict):
            return None
        return {name: self.tell(v, depth) for name, v in sorted(own.items())}

    def _class(self, value: Any, depth: int) -> Any:
        """What the methods of a class that was made inside of a function refer to."""
        if "<locals>" not in type(value).__qualname__:
            return None
        methods = (m for m in vars(type(value)).values() if isinstance(m, FunctionType))
        return [part for method in methods for part in self._closure(method, depth)]

    def _closure(self, function: FunctionType, depth: int) -> list[Any]:
        cells = function.__closure__ or ()
        return [self.tell(c.cell_contents, depth) for c in cells if not isinstance(
            c.cell_contents, type)]  # fmt: skip
