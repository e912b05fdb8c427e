"""Audits artifacts: what an exported file really is, read from its own bytes."""

from edgekit.audit.promises import broken_promises
from edgekit.audit.read import audit
from edgekit.audit.result import AuditResult, FloatIsland, Operator

__all__ = ["AuditResult", "FloatIsland", "Operator", "audit", "broken_promises"]
