"""The operators of a file, by kind and precision."""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.auditing import AuditResult


@dataclass(frozen=True, kw_only=True)
class OperatorGroup:
    """Operators of one kind that compute alike: how many, and their multiply-accumulates."""

    kind: str
    precision: str
    count: int
    macs: int

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """What a table shows: kind, precision, count, multiply-accumulates."""
        return self.kind, self.precision, str(self.count), f"{self.macs:,}"


def operator_groups(found: AuditResult) -> list[OperatorGroup]:
    """Return the groups of a file's operators, the costliest first; constants are left out."""
    counted: dict[tuple[str, str], list[int]] = {}
    for operator in found.operators:
        if not operator.precision.startswith("constant"):
            counted.setdefault((operator.kind, operator.precision), []).append(operator.macs)
    ranked = sorted(counted.items(), key=lambda item: (-sum(item[1]), -len(item[1]), item[0]))
    return [
        OperatorGroup(kind=kind, precision=precision, count=len(macs), macs=sum(macs))
        for (kind, precision), macs in ranked
    ]
