"""What an artifact lost: scores, paired differences and errors, from predictions alone."""

from __future__ import annotations

from edgekit.evaluate.collect import collect
from edgekit.evaluate.compare import Evaluation, Flips, evaluate
from edgekit.evaluate.layers import LayerError, LayerErrors, compare_layers
from edgekit.evaluate.metrics import METRICS, Metric, metric
from edgekit.evaluate.sqnr import sqnr_db

__all__ = [
    "METRICS",
    "Evaluation",
    "Flips",
    "LayerError",
    "LayerErrors",
    "Metric",
    "collect",
    "compare_layers",
    "evaluate",
    "metric",
    "sqnr_db",
]
