"""What a comparison found, as data: for tables, JSON and pictures alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgekit.comparing.subject import Basis
from edgekit.shown import shown
from edgekit.version import VERSION

SCHEMA = 1
Verdict = Literal["better", "worse", "same", "cannot tell"]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One figure of one artifact in one place, before and after.

    ``change`` is after less before, in ``unit``, within ``low`` to ``high``; ``share`` is it over
    before. ``verdict`` is ``same`` where the figures are equal, or the whole interval means
    nothing; ``cannot tell`` comes with its ``reason``. ``method`` says which statistics were used.
    """

    model: str
    target: str
    device: str
    metric: str
    unit: str
    better: Literal["lower", "higher", ""]
    basis: Basis
    before: float | None
    after: float | None
    change: float | None
    low: float | None
    high: float | None
    share: float | None
    verdict: Verdict
    method: str
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Change:
    """A fact that is no figure, before and after; empty where there was none."""

    model: str
    target: str
    device: str
    kind: str
    name: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One subject against the first one. ``unmatched`` says what only one of them holds."""

    name: str
    differences: tuple[Difference, ...]
    changes: tuple[Change, ...] = ()
    unmatched: tuple[str, ...] = ()


@shown("comparison")
@dataclass(frozen=True, kw_only=True)
class ComparisonResult:
    """All subjects against the first one, which is named by ``before``."""

    schema: int = SCHEMA
    edgekit: str = VERSION
    before: str
    after: tuple[Compared, ...]

    @property
    def differences(self) -> tuple[Difference, ...]:
        """The differences of all subjects, in order."""
        return tuple(one for compared in self.after for one in compared.differences)
