"""What an artifact lost: scores, paired differences and errors, from predictions alone."""

from __future__ import annotations

from edgekit.accuracy.answers import Answers
from edgekit.accuracy.collect import collect
from edgekit.accuracy.compare import Evaluation, Flips, evaluate
from edgekit.accuracy.layers import LayerError, LayerErrors, compare_layers
from edgekit.accuracy.metrics import METRICS, Metric, metric
from edgekit.accuracy.sqnr import sqnr_db
from edgekit.accuracy.steps import StepErrors, step_errors

__all__ = [
    "METRICS",
    "Answers",
    "Evaluation",
    "Flips",
    "LayerError",
    "LayerErrors",
    "Metric",
    "StepErrors",
    "collect",
    "compare_layers",
    "evaluate",
    "metric",
    "sqnr_db",
    "step_errors",
]
