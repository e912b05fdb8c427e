"""Reads a TOML table strictly into a frozen dataclass."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import tomllib
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from edgekit.errors import OptionError

T = TypeVar("T")

SCHEMA = 1


def read(path: Path, kind: type[T]) -> T:
    """Read a TOML file into a frozen dataclass; nothing unknown and nothing of a wrong type passes.

    Raises:
        OptionError: the file is not TOML, has another schema number, an unknown key, a value of a
            wrong type, or misses a required key; the text names file, key and the choices.
    """
    return build(toml(path), kind, where=str(path))


def toml(path: Path) -> dict[str, Any]:
    """Read a TOML file of our schema, without that number.

    Raises:
        OptionError: the file is not TOML, or has another schema number.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise OptionError(
            f"{path}: expected a TOML file: {(error.strerror or str(error)).lower()}"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OptionError(f"{path}: not a readable TOML file: {error}") from error
    if (schema := table.pop("schema", None)) != SCHEMA:
        raise OptionError(f"{path}: expected schema = {SCHEMA}, got {schema!r}")
    return table


def build(table: Mapping[str, Any], kind: type[T], *, where: str) -> T:
    """Turn a table into a frozen dataclass; ``where`` opens every error text.

    Raises:
        OptionError: see ``read``.
    """
    _refuse_unknown(table, kind, where, "")
    try:
        return msgspec.convert(table, kind, strict=True)
    except msgspec.ValidationError as error:
        raise OptionError(f"{where}: {_plain(str(error))}") from error
    except OptionError as error:  # of the dataclass itself
        raise OptionError(f"{where}: {error}") from error


def _refuse_unknown(table: Mapping[str, Any], kind: type[Any], where: str, prefix: str) -> None:
    hints = _hints(typing.cast("Any", kind))
    known = [field.name for field in dataclasses.fields(kind)]
    for key, value in table.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise OptionError(
                f"{where}: unknown key {prefix + key!r}; {hint}known: {', '.join(known)}"
            )
        inside = typing.get_origin(hints[key]) or hints[key]  # a generic dataclass is one, too
        if isinstance(value, dict) and dataclasses.is_dataclass(inside):
            _refuse_unknown(value, typing.cast("type[Any]", inside), where, f"{prefix}{key}.")
        each = next(iter(typing.get_args(hints[key])), None)
        if isinstance(value, list) and dataclasses.is_dataclass(each):
            for number, item in enumerate(value):
                if isinstance(item, dict):
                    inner = f"{prefix}{key}[{number}]."
                    _refuse_unknown(item, typing.cast("type[Any]", each), where, inner)


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _plain(text: str) -> str:
    message, _, place = text.partition(" - at `$")
    key = place.strip("`.")
    return f"{key}: {message}" if key else message
