"""Dataclasses to plain data that JSON can hold without loss, and strictly back again.

A number that JSON does not have is a string where a number stands: ``"Infinity"``,
``"-Infinity"``, ``"NaN"`` (the words of the Protocol Buffers' JSON mapping).
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import math
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from edgekit.errors import ArtifactError
from edgekit.report.figures import FIGURES

T = TypeVar("T")

_STATED = {key for figures in FIGURES.values() for key in figures}
NOT_FINITE = {"Infinity": math.inf, "-Infinity": -math.inf, "NaN": math.nan}


def to_plain(value: Any) -> Any:
    """Return dicts, lists, strings, numbers, booleans and None.

    Fields stand in the order of their dataclass, computed figures after them; keys of mappings
    are sorted. What has no plain form becomes its text.
    """
    if type(value) in _QUICK:  # nearly everything
        return _QUICK[type(value)](value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        named = [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
        named += [(k, compute(value)) for k, (_, compute) in FIGURES.get(type(value), {}).items()]
        return {name: to_plain(item) for name, item in named}
    if isinstance(value, Mapping):
        texts = {_text(key): item for key, item in value.items()}
        return {key: to_plain(texts[key]) for key in sorted(texts)}
    if isinstance(value, (list, tuple)):
        return _listed(value)
    return _scalar(value)


def _listed(value: Sequence[Any]) -> list[Any]:
    return [to_plain(item) for item in value]


def _unchanged(value: Any) -> Any:
    return value


def _scalar(value: Any) -> Any:
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        value = value.item()  # a numpy scalar
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value if isinstance(value, (bool, int, float)) else _text(value)


def _text(value: object) -> str:
    """Return a text that UTF-8 can hold: half a surrogate pair becomes visible."""
    return str(value).encode("utf-8", "backslashreplace").decode()


_QUICK: dict[type, Callable[[Any], Any]] = {
    type(None): _unchanged, bool: _unchanged, int: _unchanged, float: _scalar, str: _text,
    list: _listed, tuple: _listed,
}  # fmt: skip


def from_plain(plain: Any, kind: type[T], *, where: str) -> T:
    """Build a dataclass from what ``to_plain`` gave; computed figures must be what they compute to.

    Raises:
        ArtifactError: an unknown or missing key, a wrong type, or a figure that contradicts what it
            is computed from; the text opens with ``where`` and names the place.
    """
    revived = _revive(plain, kind, f"{where}: $")
    try:
        built = msgspec.convert(revived, kind, strict=True)
    except msgspec.ValidationError as error:
        raise ArtifactError(f"{where}: {error}") from error
    _compare(plain, to_plain(built), f"{where}: $")
    return built


def _revive(plain: Any, kind: Any, where: str) -> Any:
    """Drop computed figures, refuse unknown keys, and turn words back into floats, by type."""
    origin, arguments, is_dataclass = _parts(kind)
    if is_dataclass and isinstance(plain, dict):
        return _fields(plain, kind, where)
    if kind is float and isinstance(plain, str):
        return NOT_FINITE.get(plain, plain)
    if origin in (typing.Union, types.UnionType):
        one = next((a for a in arguments if a is not types.NoneType), Any)
        return None if plain is None else _revive(plain, one, where)
    if origin is tuple and isinstance(plain, list):
        if arguments == (float, ...):
            return [NOT_FINITE.get(p, p) if isinstance(p, str) else p for p in plain]
        each = arguments[:1] * len(plain) if arguments[-1:] == (...,) else arguments
        if len(each) == len(plain):
            return [
                _revive(p, k, f"{where}[{i}]")
                for i, (p, k) in enumerate(zip(plain, each, strict=True))
            ]
    if isinstance(plain, dict) and len(arguments) == 2:
        return {key: _revive(item, arguments[1], f"{where}.{key}") for key, item in plain.items()}
    return plain


def _fields(plain: dict[str, Any], kind: Any, where: str) -> dict[str, Any]:
    hints = _hints(kind)
    known = [field.name for field in dataclasses.fields(kind)]
    computed = FIGURES.get(kind, {})
    for key in plain:
        if key not in known and key not in computed:
            near = difflib.get_close_matches(key, [*known, *computed], n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ArtifactError(f"{where}: unknown key {key!r}{hint}")
    return {
        key: _revive(item, hints[key], f"{where}.{key}")
        for key, item in plain.items()
        if key not in computed
    }


@functools.cache
def _parts(kind: Any) -> tuple[Any, tuple[Any, ...], bool]:
    """Return origin and arguments of a type, and whether it is a dataclass."""
    is_dataclass = isinstance(kind, type) and dataclasses.is_dataclass(kind)
    return typing.get_origin(kind), typing.get_args(kind), is_dataclass


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _compare(came: Any, computed: Any, where: str) -> None:
    """Refuse a document whose stated figures are not those that its own content gives."""
    if came == computed:  # as a whole: it nearly always is
        return
    if isinstance(computed, dict) and isinstance(came, dict):
        for key, value in computed.items():
            if key in came:
                _compare(came[key], value, f"{where}.{key}")
            elif key in _STATED:
                raise ArtifactError(f"{where}: expected the key {key!r}, it is missing")
    elif isinstance(computed, list) and isinstance(came, list):
        for index, (one, other) in enumerate(zip(came, computed, strict=True)):
            _compare(one, other, f"{where}[{index}]")
    elif not _same(came, computed):
        raise ArtifactError(f"{where}: says {came!r}, the document's content gives {computed!r}")


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)
    return bool(one == other)
