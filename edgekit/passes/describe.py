"""What passes are and which options they have, read from their dataclasses and docstrings."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from edgekit.passes import PASSES, Pass
from edgekit.passes.base import NEEDS, Need

_ENTRY = re.compile(r"^ {4}(\w+): (.*)$")


@dataclass(frozen=True, kw_only=True)
class OptionFacts:
    """One option of a pass: its type in words, the value that it has unless said, what it does."""

    name: str
    type: str
    default: Any
    text: str


@dataclass(frozen=True, kw_only=True)
class PassDescription:
    """A pass in words. ``needs`` are those of its usual options."""

    name: str
    needs: tuple[str, ...]
    summary: str
    text: str
    options: tuple[OptionFacts, ...]


def describe(name: str) -> PassDescription:
    """Describe a pass by its name.

    Raises:
        UnknownName: there is none; the nearest is suggested.
    """
    kind: type[Pass] = PASSES.load(name)
    whole = inspect.cleandoc(kind.__doc__ or "")
    prose, _, arguments = whole.partition("\nArgs:\n")
    lines = _entries(arguments)
    hints = typing.get_type_hints(kind)
    return PassDescription(
        name=name,
        needs=tuple(need for need in NEEDS if need in _usual_needs(kind)),
        summary=_first_sentence(prose),
        text=prose.strip(),
        options=tuple(
            OptionFacts(
                name=field.name,
                type=in_words(hints[field.name]),
                default=_default(field),
                text=lines.get(field.name, ""),
            )
            for field in dataclasses.fields(kind)
        ),
    )


def _usual_needs(kind: type[Pass]) -> frozenset[Need]:
    """Return the needs with usual options; nothing where some option has no usual value."""
    if not isinstance(inspect.getattr_static(kind, "needs"), property):
        return cast("frozenset[Need]", kind.needs)
    fields = dataclasses.fields(kind)
    usual = all(
        dataclasses.MISSING is not f.default or dataclasses.MISSING is not f.default_factory
        for f in fields
    )
    return kind().needs if usual else frozenset()


def in_words(hint: Any) -> str:
    """Return a type as people read it: ``number``, ``"layer" or "global"``, ``list of text``."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return " or ".join(f'"{value}"' for value in arguments)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(in_words(one) for one in arguments if one is not types.NoneType)
    if origin is tuple:
        return f"list of {in_words(arguments[0])}"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"table of {in_words(arguments[1])}"
    words = {bool: "true or false", int: "whole number", float: "number", str: "text"}
    return words.get(hint, getattr(hint, "__name__", str(hint)))


def _entries(arguments: str) -> dict[str, str]:
    """Take the lines of an ``Args:`` section apart, by name."""
    found: dict[str, str] = {}
    name = ""
    for line in arguments.splitlines():
        if (entry := _ENTRY.match(line)) is not None:
            name = entry[1]
            found[name] = entry[2]
        elif name and line.strip():
            found[name] += f" {line.strip()}"
        elif not line.strip():
            name = ""
    return found


def _first_sentence(prose: str) -> str:
    paragraph = " ".join(prose.split("\n\n")[0].split())
    return re.split(r"(?<=[.:]) (?=[A-Z])", paragraph)[0]


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return None if field.default is dataclasses.MISSING else field.default


def markdown(name: str) -> list[str]:
    """Return the table of a pass's options, as ``docs/passes.md`` has it."""
    rows = [
        (f"`{option.name}`", option.type, _shown(option.default), option.text)
        for option in describe(name).options
    ]
    if not rows:
        return ["It has no options."]
    heading = [("option", "type", "default", "what it does"), ("---",) * 4]
    return [f"| {' | '.join(cell.replace('|', ' ') for cell in row)} |" for row in heading + rows]


def _shown(default: Any) -> str:
    return "none" if default is None else f"`{json.dumps(default)}`"
