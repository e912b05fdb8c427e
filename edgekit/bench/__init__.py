"""Latency and memory of an artifact on this host."""

from __future__ import annotations

from edgekit.bench.host import HostFacts
from edgekit.bench.measurement import Measurement
from edgekit.bench.process import Waiting, measure
from edgekit.bench.statistics import compare_latency, slower_than
from edgekit.bench.turns import MOST_ROUNDS, InTurns, measure_in_turns

__all__ = [
    "MOST_ROUNDS",
    "HostFacts",
    "InTurns",
    "Measurement",
    "Waiting",
    "compare_latency",
    "measure",
    "measure_in_turns",
    "slower_than",
]
