"""Audits artifacts: what an exported file really is, read from its own bytes."""

from edgekit.auditing.promises import broken_promises
from edgekit.auditing.read import audit, audit_with_edges
from edgekit.auditing.result import AuditResult, FloatIsland, Operator

__all__ = [
    "AuditResult",
    "FloatIsland",
    "Operator",
    "audit",
    "audit_with_edges",
    "broken_promises",
]
