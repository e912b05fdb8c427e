"""A policy: what a report must be for a gate to pass it, as ``edgekit-gate.toml`` declares it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from edgekit import table
from edgekit.comparing.metrics import METRICS
from edgekit.errors import OptionError, UnknownName

Means = Literal["fail", "undecided", "warn", "ignore"]
"""fail: exit code 3. undecided: exit code 4. warn: said, and passed. ignore: passed."""

Prove = Literal["worse", "kept"]


@dataclass(frozen=True, kw_only=True)
class Defaults:
    """What holds for rules that do not say otherwise; see ``Rule``."""

    missing: Means = "fail"
    cannot_tell: Means = "warn"
    no_baseline: Means = "warn"
    prove: Prove = "worse"
    run_to_run: float | None = None


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A limit on one figure of the artifacts and places that the patterns select.

    ``limit`` is the most of a figure that is better when lower, the least of one that is better
    when higher. ``max_regression`` is how far it may be worse than the baseline's, in its unit;
    ``max_regression_share`` as a share of the baseline's. ``better`` says which way the figure is
    better; a report that says otherwise has no such figure. ``prove``: with ``worse``, a figure
    beyond its limit fails where noise cannot explain it, and a figure within passes; with ``kept``,
    it passes only where noise cannot explain that it is within. ``missing`` says what it means that
    no selected artifact has the figure, ``cannot_tell`` that noise could explain it,
    ``no_baseline`` that there is nothing to compare with. ``run_to_run`` is that of
    ``edgekit.compare``.
    """

    metric: str
    name: str = ""
    model: str = "*"
    target: str = "*"
    device: str = "*"
    better: Literal["lower", "higher"] | None = None
    limit: float | None = None
    max_regression: float | None = None
    max_regression_share: float | None = None
    prove: Prove | None = None
    missing: Means | None = None
    cannot_tell: Means | None = None
    no_baseline: Means | None = None
    run_to_run: float | None = None


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Rules, all of which count."""

    rules: tuple[Rule, ...]
    defaults: Defaults = Defaults()

    @classmethod
    def load(cls, path: str | Path) -> Policy:
        """Read a TOML file strictly.

        Raises:
            OptionError: it cannot be read, has an unknown key, a wrong type, or a rule that cannot
                be kept or checked; the text names file, rule and the choices.
        """
        if not Path(path).is_file():
            raise OptionError(
                f"{path}: expected a policy, found no such file; `edgekit gate --init` writes one"
            )
        return parse(table.toml(Path(path)), where=str(path))


def parse(plain: dict[str, Any], *, where: str) -> Policy:
    """Return the policy of a TOML table without its ``schema``; ``where`` opens every error text.

    Raises:
        OptionError: see ``Policy.load``.
    """
    for key in plain:
        if key not in ("defaults", "rules"):
            raise OptionError(f"{where}: unknown key {key!r}; known: defaults, rules")
    rules, defaults = plain.get("rules", []), plain.get("defaults", {})
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        raise OptionError(f"{where}: rules: expected [[rules]], each a table")
    if not isinstance(defaults, dict):
        raise OptionError(f"{where}: defaults: expected [defaults], a table")
    policy = Policy(
        rules=tuple(
            table.build(rule, Rule, where=f"{where}: rule {at}") for at, rule in enumerate(rules, 1)
        ),
        defaults=table.build(defaults, Defaults, where=f"{where}: defaults"),
    )
    check(policy, where=where)
    return policy


def check(policy: Policy, *, where: str) -> None:
    """Refuse a policy that could not be kept, or that checks nothing.

    Raises:
        OptionError: it has no rule, or one that contradicts itself.
    """
    if not policy.rules:
        raise OptionError(f"{where}: expected at least one [[rules]]; see `edgekit gate --init`")
    for at, rule in enumerate(policy.rules, 1):
        if rule.metric not in METRICS:
            raise OptionError(f"{where}: rule {at}: {UnknownName('metric', rule.metric, METRICS)}")
        for said in _contradictions(rule):
            raise OptionError(f"{where}: rule {at} ({rule.metric}): {said}")
    if not _is_share(policy.defaults.run_to_run):
        raise OptionError(f"{where}: defaults: run_to_run is a share in [0, 1]")


def _contradictions(rule: Rule) -> Iterator[str]:
    limits = rule.limit, rule.max_regression, rule.max_regression_share
    if all(limit is None for limit in limits):
        yield "expected limit, max_regression or max_regression_share, got none"
    if any(limit is not None and not math.isfinite(limit) for limit in limits):
        yield "a limit is a finite number"
    if any(limit is not None and limit < 0 for limit in limits[1:]):
        yield "a regression is 0 or more: how much worse than the baseline the figure may be"
    if rule.max_regression is not None and rule.max_regression_share is not None:
        yield "expected max_regression or max_regression_share, got both; write two rules"
    known = METRICS[rule.metric].better
    if known and rule.better not in (None, known):
        yield f"better = {rule.better!r}, but this figure is better when {known}"
    if not _is_share(rule.run_to_run):
        yield "run_to_run is a share in [0, 1]"


def _is_share(value: float | None) -> bool:
    return value is None or 0 <= value <= 1
