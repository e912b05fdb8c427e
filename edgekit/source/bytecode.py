"""Reads what marshalled Python code says of itself, without running or unmarshalling it.

Code of another Python is refused by ``marshal``, or taken, and crashes when it runs. Here the bytes
are only walked. The layout is that of CPython's ``marshal.c``.
"""

from __future__ import annotations

import base64
import binascii
import dis
import keyword
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_WITH_REFERENCE = 0x80
_BYTES = {"N": 0, "T": 0, "F": 0, "S": 0, ".": 0, "i": 4, "I": 8, "g": 8, "y": 16}
_LONG_TEXTS, _SHORT_TEXTS = frozenset("stuaA"), frozenset("zZ")
_LONG_LISTS, _DEEPEST = frozenset("([<>"), 200


@dataclass(frozen=True, kw_only=True)
class _Layout:
    """How a code object lies: integers, objects, the line number, objects; the name among them."""

    pythons: str
    integers: int
    before: int = 8
    after: int = 1
    name: int = 7


_LAYOUTS = (
    _Layout(pythons="3.11 or later", integers=5, after=2, name=6),
    _Layout(pythons="3.8 to 3.10", integers=6),
    _Layout(pythons="3.7 or earlier", integers=5),
)


@dataclass(frozen=True, kw_only=True)
class Code:
    """A function's own name (``<lambda>`` if it has none), and which Pythons wrote such code."""

    name: str
    pythons: str
    instructions: bytes

    @property
    def runs_here(self) -> bool:
        """Whether this Python could have written it: it knows and spaces every instruction so."""
        used = self.instructions[::2]
        if self.pythons != _LAYOUTS[0].pythons or not set(used) <= set(dis.opmap.values()):
            return False
        expected = dict(_spacing(_sample.__code__.co_code[::2]))
        own = all(expected.get(code, after) == after for code, after in _spacing(used))
        return own and dis.opmap["RESUME"] in used


def read_code(text: Any) -> Code | None:
    """Read base64 of a marshalled function; None if it is nothing of the kind."""
    try:
        data = base64.b64decode(text)
    except (binascii.Error, TypeError, ValueError):
        return None
    for layout in _LAYOUTS:
        walk = _Walk(data=data, layout=layout)
        try:
            parts = walk.item(0)
        except (IndexError, ValueError, TypeError):
            continue
        if walk.place == len(data) and isinstance(parts, list) and parts:
            name, code = parts[layout.name], parts[0]
            if isinstance(name, bytes) and isinstance(code, bytes):
                text = name.decode("utf-8", "replace")
                return Code(name=text, pythons=layout.pythons, instructions=code)
    return None


def _sample(x: Any, y: Any) -> Any:
    return y(x.a, k=x[0]).b(1) + x * 2 < sum(x)


def _spacing(operations: bytes) -> Iterator[tuple[int, int]]:
    """Yield each operation with the number of empty places behind it, which Pythons differ in."""
    for match in re.finditer(rb"([^\0])(\0*)", operations, re.DOTALL):
        yield match[1][0], len(match[2])


def carried(item: Mapping[str, Any]) -> Code | None:
    """Return the code that a ``Lambda`` layer's or a lambda's configuration carries."""
    config = item.get("config")
    if not isinstance(config, dict):
        return None
    if item["class_name"] == "__lambda__":
        return read_code(config.get("code"))
    function = config.get("function")
    if isinstance(function, list) and function:  # Keras 2: code, defaults, closure
        return read_code(function[0])
    if isinstance(function, dict) and function.get("class_name") == "__lambda__":
        return carried(function)
    return None


def names_for(item: Mapping[str, Any], layer: str) -> list[str]:
    """Return the names that a function of the user's may have to stand in for a lambda.

    They are that of the lambda's own function, unless it has none, and that of its layer, made an
    identifier: ``lambda_`` for ``lambda``.
    """
    code = carried(item)
    own = [code.name] if code and code.name.isidentifier() else []
    plain = re.sub(r"\W|^(?=\d)", "_", layer)
    return [*own, f"{plain}_" if keyword.iskeyword(plain) else plain]


@dataclass(kw_only=True)
class _Walk:
    """A place in marshalled bytes. Of texts it returns the bytes, of code its parts."""

    data: bytes
    layout: _Layout
    place: int = 0
    known: list[Any] = field(default_factory=list)

    def item(self, depth: int) -> Any:
        """Walk over one object.

        Raises:
            IndexError, ValueError: the bytes are not what this layout says.
        """
        if depth > _DEEPEST:
            raise ValueError("too deep")
        mark = self._take(1)[0]
        kind = chr(mark & ~_WITH_REFERENCE)
        if kind == "r":
            return self.known[self._number()]
        slot = len(self.known)
        if mark & _WITH_REFERENCE:
            self.known.append(None)
        found = self._code(depth) if kind == "c" else self._plain(kind, depth)
        if mark & _WITH_REFERENCE:
            self.known[slot] = found
        return found

    def _plain(self, kind: str, depth: int) -> bytes | None:
        if kind in _BYTES:
            self._take(_BYTES[kind])
        elif kind in _LONG_TEXTS:
            return self._take(self._number())
        elif kind in _SHORT_TEXTS:
            return self._take(self._take(1)[0])
        elif kind in _LONG_LISTS:
            self._items(self._number(), depth)
        elif kind == ")":
            self._items(self._take(1)[0], depth)
        elif kind == ":":
            self._items(3, depth)
        elif kind == "l":
            self._take(2 * abs(self._number()))
        else:  # no constant of a function
            raise ValueError(kind)
        return None

    def _code(self, depth: int) -> list[Any]:
        self._take(4 * self.layout.integers)
        parts = self._items(self.layout.before, depth)
        self._take(4)
        return parts + self._items(self.layout.after, depth)

    def _items(self, count: int, depth: int) -> list[Any]:
        if not 0 <= count <= len(self.data) - self.place:
            raise ValueError(count)
        return [self.item(depth + 1) for _ in range(count)]

    def _number(self) -> int:
        return int.from_bytes(self._take(4), "little", signed=True)

    def _take(self, count: int) -> bytes:
        if not 0 <= count <= len(self.data) - self.place:
            raise IndexError(count)
        self.place += count
        return self.data[self.place - count : self.place]
