"""Takes Keras models to edge devices, and proves what it cost."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgekit.api import convert, reconvert
    from edgekit.auditing import audit
    from edgekit.benchmarking import benchmark
    from edgekit.comparing import compare
    from edgekit.comparing.html import html_comparison
    from edgekit.compression import compress
    from edgekit.evaluation import evaluate_artifact as evaluate
    from edgekit.farming import submit
    from edgekit.gating import gate
    from edgekit.history import open_history
    from edgekit.inspecting import inspect
    from edgekit.manifest import verify
    from edgekit.pipeline.options import Options
    from edgekit.reporting import html_report
    from edgekit.training import TrainingOptions

_PUBLIC = {
    "Options": "edgekit.pipeline.options:Options",
    "TrainingOptions": "edgekit.training:TrainingOptions",
    "audit": "edgekit.auditing:audit",
    "benchmark": "edgekit.benchmarking:benchmark",
    "compare": "edgekit.comparing:compare",
    "compress": "edgekit.compression:compress",
    "convert": "edgekit.api:convert",
    "evaluate": "edgekit.evaluation:evaluate_artifact",
    "html_comparison": "edgekit.comparing.html:html_comparison",
    "html_report": "edgekit.reporting:html_report",
    "inspect": "edgekit.inspecting:inspect",
    "open_history": "edgekit.history:open_history",
    "gate": "edgekit.gating:gate",
    "reconvert": "edgekit.api:reconvert",
    "submit": "edgekit.farming:submit",
    "verify": "edgekit.manifest:verify",
}

__all__ = [
    "Options",
    "TrainingOptions",
    "audit",
    "benchmark",
    "compare",
    "compress",
    "convert",
    "evaluate",
    "gate",
    "html_comparison",
    "html_report",
    "inspect",
    "open_history",
    "reconvert",
    "submit",
    "verify",
]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used: importing edgekit costs no framework."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'edgekit' has no attribute {name!r}")
    module, _, attribute = _PUBLIC[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})
