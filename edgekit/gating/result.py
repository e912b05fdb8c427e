"""What a gate found, as data; every written verdict is a view of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from edgekit.shown import shown
from edgekit.version import VERSION

SCHEMA = 1
Outcome = Literal["kept", "missed", "cannot tell", "missing", "no baseline"]
Verdict = Literal["pass", "warn", "fail", "undecided"]
Overall = Literal["pass", "fail", "cannot tell"]

EXIT_CODES: dict[Overall, int] = {"pass": 0, "fail": 3, "cannot tell": 4}


@dataclass(frozen=True, kw_only=True)
class Check:
    """One rule on one figure.

    ``limit`` is what the figure may be at the worst: for a regression the baseline's figure and the
    room that the rule gives. ``margin`` is how far the figure is from there, positive where it is
    kept. ``outcome`` is what was found, ``verdict`` what the policy makes of that; ``pass`` is also
    what the policy ignores. ``text`` says it in one sentence.
    """

    rule: str
    metric: str
    model: str
    target: str
    device: str
    kind: Literal["limit", "regression"]
    unit: str
    better: Literal["lower", "higher", ""]
    figure: float | None = None
    baseline: float | None = None
    limit: float | None = None
    margin: float | None = None
    outcome: Outcome
    verdict: Verdict
    text: str
    method: str = ""


@shown("gate")
@dataclass(frozen=True, kw_only=True)
class GateResult:
    """All checks of a gate, and what follows from them.

    Exit code 3 if a check failed, else 4 if one is undecided, else 0. ``sentence`` says by how much
    the model got worse, or that it did not.
    """

    schema: int = SCHEMA
    edgekit: str = VERSION
    report: str
    policy: str
    baseline: str | None = None
    checks: tuple[Check, ...]
    verdict: Overall = field(init=False)
    exit_code: int = field(init=False)
    sentence: str = field(init=False)

    def __post_init__(self) -> None:
        verdict = _overall(self.checks)
        object.__setattr__(self, "verdict", verdict)
        object.__setattr__(self, "exit_code", EXIT_CODES[verdict])
        object.__setattr__(self, "sentence", _sentence(verdict, self.ranked))

    @property
    def ranked(self) -> tuple[Check, ...]:
        """The checks, the gravest first: failed ones by how far they are beyond their limit."""
        order = ("fail", "undecided", "warn", "pass")
        return tuple(sorted(self.checks, key=lambda one: (order.index(one.verdict), -_beyond(one))))


def _overall(checks: tuple[Check, ...]) -> Overall:
    found = {check.verdict for check in checks}
    if "fail" in found:
        return "fail"
    return "cannot tell" if "undecided" in found else "pass"


def _sentence(verdict: Overall, ranked: tuple[Check, ...]) -> str:
    """Say the gravest check, and how many there are like it."""
    if verdict == "pass":
        warned = sum(check.verdict == "warn" for check in ranked)
        said = f"Passed: {_count(len(ranked), 'check')}"
        return f"{said}, {_count(warned, 'warning')}." if warned else f"{said}."
    alike = sum(check.verdict == ranked[0].verdict for check in ranked)
    more = f" ({alike - 1} more like it)" if alike > 1 else ""
    opening = "Failed" if verdict == "fail" else "Cannot tell"
    return f"{opening}: {ranked[0].text}{more}"


def _beyond(check: Check) -> float:
    """Return by which share of its limit a figure misses it; a regression counts before a limit."""
    if check.outcome != "missed" or check.margin is None or check.limit is None:
        return -1.0
    share = -check.margin / max(abs(check.limit), 1e-9)
    usable = min(share, 1e6) if math.isfinite(share) else 1e6
    return usable + (1e6 if check.kind == "regression" else 0.0)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"
