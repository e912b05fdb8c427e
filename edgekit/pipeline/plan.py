"""Which passes a model goes through: a recipe, and what the user set in it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from edgekit.errors import OptionError, UnknownName
from edgekit.passes import PASSES, Pass, passes_of
from edgekit.passes.base import Need
from edgekit.recipe import Recipe, step
from edgekit.target import Target

Settings = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """The passes of a recipe, ready to run, in order."""

    recipe: Recipe
    passes: tuple[Pass, ...]

    @cached_property
    def needs(self) -> frozenset[Need]:
        """What some pass needs."""
        return frozenset(need for each in self.passes for need in each.needs)

    def first(self, need: Need) -> str:
        """Name the first pass that needs something."""
        return next(each.name for each in self.passes if need in each.needs)

    @property
    def known_by_content(self) -> bool:
        """Whether every pass is edgekit's own: the code of others may change unseen."""
        return all(type(each).__module__.partition(".")[0] == "edgekit" for each in self.passes)

    def objections(self, target: Target | None) -> list[str]:
        """Say what every pass has against a target, and against the others."""
        return [
            f"recipe {self.recipe.name!r}: {said}"
            for each in self.passes
            for said in each.objections(target, self.passes)
        ]

    def groups(self, targets: Sequence[Target]) -> list[tuple[Target, ...]]:
        """Return targets by the model that they share, in order.

        One for all that train: it costs much, and what the narrowest grid was trained for, wider
        ones hold as well. Else one for each grid of weights and kind of activations: rounding to a
        narrower one than needed is what the others would lose by.
        """
        if "training" in self.needs:
            return [tuple(targets)]
        found: dict[tuple[bool, bool, int | None], list[Target]] = {}
        for target in targets:
            stored = target.quantization
            grid = stored.weights == "int4", stored.reduce_range, stored.activation_bits
            found.setdefault(grid, []).append(target)
        return [tuple(group) for group in found.values()]

    def target_of(self, targets: Sequence[Target]) -> Target | None:
        """Choose the target that the passes work for, of those that share one model.

        One with a reduced range of weights, whose grid is the narrowest; else the first that no
        pass objects to; else the first.
        """
        narrow = [target for target in targets if target.quantization.reduce_range]
        fit = (target for target in (*narrow, *targets) if not self.objections(target))
        return next(fit, targets[0] if targets else None)


def plan(recipe: Any, settings: Settings) -> Plan:
    """Return the passes that a recipe stands for.

    Args:
        recipe: The name of a shipped recipe, the path of a TOML file, a ``Recipe``, a ``Pass``, or
            several of those.
        settings: Values by ``pass.option``, which replace those of the recipe.

    Raises:
        UnknownName: there is no such recipe, pass or option; the nearest is suggested.
        OptionError: the recipe or a setting cannot be taken.
    """
    given = [recipe] if isinstance(recipe, Pass) else recipe
    if isinstance(given, (str, Path, Recipe)):
        found = given if isinstance(given, Recipe) else Recipe.load(str(given))
        changed = replace(found, passes=_with(found.passes, settings))
        passes = passes_of(changed.passes, where=f"recipe {found.name!r}")
        return _refuse_empty(Plan(recipe=found, passes=passes))
    made = tuple(given) if isinstance(given, Sequence) else (given,)
    if wrong := [each for each in made if not isinstance(each, Pass)]:
        raise OptionError(
            f"recipe: expected a name, a TOML file, a Recipe, or passes, got {wrong[0]!r}"
        )
    if settings:
        raise OptionError("settings change a recipe; passes from Python hold their own options")
    return _refuse_empty(Plan(recipe=recipe_of(made), passes=made))


def recipe_of(passes: Sequence[Pass]) -> Recipe:
    """Write passes down as a recipe; only options that are not as usual."""
    names = "+".join(each.name for each in passes)
    steps = tuple({"name": each.name, **_unusual(each)} for each in passes)
    return Recipe(name=names, description="passes from Python", passes=steps)


def as_recipe(recipe: Any) -> Recipe | None:
    """Return what ``plan`` takes as a recipe, as plain data; None stays."""
    if recipe is None or isinstance(recipe, Recipe):
        return recipe
    return plan(recipe, {}).recipe


def options_of(each: Pass) -> dict[str, Any]:
    """Return every option of a pass with its value."""
    return {field.name: getattr(each, field.name) for field in dataclasses.fields(each)}


def _unusual(each: Pass) -> dict[str, Any]:
    fields = {field.name: field for field in dataclasses.fields(each)}
    return {
        name: value for name, value in options_of(each).items() if value != _usual(fields[name])
    }


def _usual(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def _with(steps: Sequence[Mapping[str, Any]], settings: Settings) -> tuple[dict[str, Any], ...]:
    """Return steps in which the settings replace what stood there, in every step of that name."""
    names, changed = [step(table)[0] for table in steps], [dict(table) for table in steps]
    for name, option, value in _taken_apart(settings, names):
        for place, own in enumerate(names):
            if own == name:
                changed[place][option] = value
    return tuple(changed)


def _taken_apart(settings: Settings, names: Sequence[str]) -> Iterator[tuple[str, str, Any]]:
    for key, value in settings.items():
        name, dot, option = key.rpartition(".")
        if not dot:
            raise OptionError(f"--set {key}: expected PASS.OPTION=VALUE, such as qat.bits=4")
        if name not in names:
            raise UnknownName("pass of this recipe", name, names)
        known = [field.name for field in dataclasses.fields(PASSES.load(name))]
        plain = option.replace("-", "_")
        if plain not in known:
            raise UnknownName(f"option of {name}", option, known)
        yield name, plain, value


def _refuse_empty(found: Plan) -> Plan:
    if not found.passes:
        raise OptionError(f"recipe {found.recipe.name!r}: expected at least one pass, got none")
    return found
