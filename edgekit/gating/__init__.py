"""Gates: a report held against a policy, and the verdict in every form that CI reads."""

from __future__ import annotations

from edgekit.gating.policy import Defaults, Policy, Rule
from edgekit.gating.result import Check, GateResult
from edgekit.gating.run import gate

__all__ = ["Check", "Defaults", "GateResult", "Policy", "Rule", "gate"]
