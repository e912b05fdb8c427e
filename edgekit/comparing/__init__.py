"""Compares what is known of artifacts: figures, facts, and how sure a difference is."""

from __future__ import annotations

from edgekit.comparing.result import Change, Compared, ComparisonResult, Difference
from edgekit.comparing.run import compare

__all__ = ["Change", "Compared", "ComparisonResult", "Difference", "compare"]
