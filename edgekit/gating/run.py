"""The function behind ``edgekit gate``: a report held against a policy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from edgekit.comparing.match import match
from edgekit.comparing.of_history import read_before
from edgekit.comparing.read import read_subject
from edgekit.comparing.subject import Record, Subject
from edgekit.gating import policy as policies
from edgekit.gating.checks import Estimates, Settled, absent, check_limit, check_regression
from edgekit.gating.policy import Policy, Rule
from edgekit.gating.result import Check, GateResult

Counterparts = dict[tuple[str, str, str], Record]


def gate(report: Any, policy: str | Path | Policy, *, baseline: Any = None) -> GateResult:
    """Hold every figure that the policy's rules select against their limits.

    Nothing is raised for a gate that fails: ``verdict`` and ``exit_code`` of the result say so.

    Args:
        report: What ``edgekit.compare`` takes: a path, or what ``convert`` or ``benchmark`` gave;
            also several paths.
        policy: A TOML file, or a ``Policy``.
        baseline: What regressions are measured against, in the forms of ``report``; also
            ``history:DB``: of each figure's record the latest passing run that is not ``report``
            itself, with ``?branch=NAME`` at the end one of that Git branch.

    Raises:
        OptionError: the policy cannot be used.
        ArtifactError: report or baseline cannot be read.
        DestinationError, MissingExtra: the history cannot be opened.
    """
    if isinstance(policy, Policy):
        policies.check(policy, where="policy")
        chosen, name = policy, "policy"
    else:
        chosen, name = Policy.load(policy), str(policy)
    subject = read_subject(report)
    against = None if baseline is None else read_before(baseline, subject)
    counterparts = {} if against is None else _counterparts(against, subject)
    estimates: Estimates = {}
    rules = [Settled.of(rule, chosen.defaults, at) for at, rule in enumerate(chosen.rules, 1)]
    return GateResult(
        report=subject.name, policy=name, baseline=None if against is None else against.name,
        checks=tuple(
            check
            for one in rules
            for check in _of_rule(one, subject.records, counterparts, estimates)
        ),
    )  # fmt: skip


def _counterparts(baseline: Subject, subject: Subject) -> Counterparts:
    return {after.key: before for before, after in match(baseline, subject).pairs}


def _of_rule(
    settled: Settled, records: Sequence[Record], counterparts: Counterparts, estimates: Estimates
) -> Iterator[Check]:
    """Check every selected record that has the figure.

    A figure that one place of an artifact lacks and another has is missing on neither, unless
    measuring there failed or a pattern names just that place. A rule that selects nothing has no
    figure at all.
    """
    rule = settled.rule
    selected = [record for record in records if _selects(rule, record)]
    if not selected:
        nothing = Record(model=rule.model, target=rule.target, device=rule.device, figures={})
        yield absent(settled, nothing, _kind(rule), "missing", "nothing in the report matches")
    having = {record.key[:2] for record in selected if rule.metric in record.figures}
    told: set[tuple[str, str]] = set()
    for record in selected:
        if rule.metric in record.figures:
            yield from _of_figure(settled, record, counterparts.get(record.key), estimates)
        elif record.failed:
            yield absent(settled, record, _kind(rule), "missing", record.failed)
        elif record.key[:2] not in having | told:
            told.add(record.key[:2])
            yield absent(settled, record, _kind(rule), "missing", "the report does not tell it")


def _of_figure(
    settled: Settled, record: Record, before: Record | None, estimates: Estimates
) -> Iterator[Check]:
    rule = settled.rule
    better = settled.direction(record.figures[rule.metric])
    if rule.better not in (None, better):
        why = f"that of the report is better when {better}"
        yield absent(settled, record, _kind(rule), "missing", why)
        return
    if rule.limit is not None:
        yield check_limit(settled, record, record.figures[rule.metric])
    if rule.max_regression is not None or rule.max_regression_share is not None:
        yield check_regression(settled, record, before, estimates)


def _kind(rule: Rule) -> Any:
    return "regression" if rule.limit is None else "limit"


def _selects(rule: Rule, record: Record) -> bool:
    return (
        _fits(record.model, rule.model)
        and _fits(record.target, rule.target)
        and _fits(record.device, rule.device)
    )


def _fits(name: str, pattern: str) -> bool:
    return pattern in ("*", name) or fnmatchcase(name, pattern)
