"""The budgets of a target, and the figures of a report that they limit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgekit.report.model import Report


@dataclass(frozen=True, kw_only=True)
class Budget:
    """One budget: ``limit`` is the most of a figure, or the least; None is a missing figure."""

    name: str
    limit: float
    figure: float | None
    at_most: bool = True

    @property
    def kept(self) -> bool:
        """Whether the figure is known and within; one that is not a number is not beyond."""
        if self.figure is None:
            return False
        return not (self.figure > self.limit if self.at_most else self.figure < self.limit)

    @property
    def said(self) -> str:
        """What was expected, such as ``at most 25``."""
        return f"{'at most' if self.at_most else 'at least'} {self.limit:g}"

    @property
    def line(self) -> str:
        """What was expected, and what came."""
        if self.figure is None:
            return f"{self.name}: expected {self.limit:g}, not measured"
        return f"{self.name}: expected {self.said}, got {self.figure:.4g}"


def budgets(report: Report) -> Iterator[Budget]:
    """Yield the budgets that the target sets."""
    set_by = report.target.budget
    own, found = report.latency and report.latency.artifact, report.evaluation
    figures = {
        "latency_ms": own.median_ms if own else None,
        "size_kib": report.artifact.size_bytes / 1024,
        "peak_memory_mib": own.peak_memory_mib if own else None,
        "accuracy_drop_pp": found.drop_pp if found else None,
        "sqnr_db": report.parity_sqnr_db,
    }
    for name, figure in figures.items():
        limit = getattr(set_by, name)
        if limit is not None:
            yield Budget(name=name, limit=limit, figure=figure, at_most=name != "sqnr_db")
