"""Learning from a teacher model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True, eq=False)
class Distillation:
    """What to learn from a teacher."""

    teacher: Any
    temperature: float = 4.0
    weight: float = 0.9
    features: Mapping[str, str] = field(default_factory=dict)
