"""Figures that a document states beside what they are computed from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from edgekit.accuracy import LayerErrors
from edgekit.bench import Measurement
from edgekit.report.model import ArtifactFacts, Latency, Report

Figure = tuple[type[Any] | object, Callable[[Any], Any]]


def compression_ratio(artifact: ArtifactFacts) -> float | None:
    """Return how many times smaller the artifact is than the float file of its format."""
    if not artifact.size_bytes:
        return None
    return artifact.float_size_bytes / artifact.size_bytes


def speedup(latency: Latency) -> float | None:
    """Return how many times faster than the float file, by medians; below 1 is slower."""
    if latency.float_baseline is None or latency.artifact.median_ms <= 0:
        return None
    return latency.float_baseline.median_ms / latency.artifact.median_ms


def _worst(layers: LayerErrors) -> str | None:
    return layers.worst.name if layers.worst else None


def _worst_drop(layers: LayerErrors) -> str | None:
    return layers.worst_drop.name if layers.worst_drop else None


# What a dataclass says in a document beyond its fields: name -> (type, how it is computed).
FIGURES: Mapping[type[Any], Mapping[str, Figure]] = {
    Report: {"verdict": (Literal["pass", "fail"], lambda report: report.verdict)},
    ArtifactFacts: {
        "size_kib": (float, lambda facts: facts.size_bytes / 1024),
        "float_size_kib": (float, lambda facts: facts.float_size_bytes / 1024),
        "compression_ratio": (float | None, compression_ratio),
    },
    Measurement: {
        "median_ms": (float, lambda taken: taken.median_ms),
        "p90_ms": (float, lambda taken: taken.p90_ms),
        "p99_ms": (float, lambda taken: taken.p99_ms),
        "model_memory_mib": (float, lambda taken: taken.model_memory_mib),
    },
    Latency: {"speedup_over_float": (float | None, speedup)},
    LayerErrors: {
        "worst_layer": (str | None, _worst),
        "worst_drop_layer": (str | None, _worst_drop),
    },
}
