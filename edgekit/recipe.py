"""Recipes: which passes a model goes through, in which order, as ``recipes/*.toml`` declare it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from edgekit import catalog, table
from edgekit.errors import OptionError


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """An ordered list of passes with their options.

    Each of ``passes`` is a table with the ``name`` of a pass, and its options.
    """

    name: str
    description: str
    passes: tuple[Mapping[str, Any], ...]

    def __post_init__(self) -> None:
        """Refuse a step without a name."""
        for number, step in enumerate(self.passes, 1):
            if not isinstance(step.get("name"), str):
                raise OptionError(f"recipe {self.name!r}: step {number}: expected a name, got none")

    @classmethod
    def load(cls, name_or_path: str) -> Self:
        """Load a shipped recipe by name, or a TOML file by path.

        Raises:
            UnknownName: no recipe has that name; the nearest is suggested.
            OptionError: the file contradicts itself or is no recipe.
        """
        path = catalog.locate("recipes", name_or_path)
        return table.read(path, cls)


def step(table: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the name of a step's pass, and its options."""
    options = dict(table)
    return str(options.pop("name")), options
