"""How long the float file of a model takes on this host, while passes still change the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgekit import runtimes
from edgekit.bench import measure
from edgekit.files import scratch
from edgekit.pipeline.floats import write_fast
from edgekit.trace import freeze, signature

# Of timing a file in a conversion, and at least 50 runs: slow files are timed for longer.
LEAST_SECONDS = 0.2


def host_latency_ms(model: Any, kind: str, shapes: Mapping[str, tuple[int, ...]]) -> float:
    """Return the median milliseconds of one inference, on one thread.

    Args:
        model: A Keras model; Keras computes with TensorFlow.
        kind: The format of the file that is timed.
        shapes: Whole shapes of inputs that the model leaves open.

    Raises:
        ExportError: the model cannot be written.
    """
    with scratch() as folder:
        path = write_fast(freeze(model, signature(model, shapes)), kind, folder)
        return measure(runtimes.describe(path), min_seconds=LEAST_SECONDS).median_ms
