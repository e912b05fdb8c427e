"""What is compared and gated: records of figures, whatever document they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from edgekit.accuracy import Evaluation
from edgekit.comparing.metrics import METRICS, Better
from edgekit.report.devices import Benchmark
from edgekit.report.model import Report

Basis = Literal["scored", "measured", "counted", "modelled", "estimated", "computed"]
"""scored: on labelled samples. measured: timed or read off a process, so that noise is in it. The
others are the same in every run; see ``edgekit.devices.figures``."""

HOST = "host"


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Raw samples in ms, and what must be alike for two of them to be compared.

    ``rounds`` and ``session`` as in ``edgekit.devices.figures.Latency``. ``facts`` are those of
    the place by name, such as ``cpu``.
    """

    samples_ms: tuple[float, ...]
    threads: int
    facts: Mapping[str, str]
    rounds: tuple[int, ...] = ()
    session: str = ""


@dataclass(frozen=True, kw_only=True)
class Scored:
    """An evaluation, where its data are from, and their SHA-256 if known."""

    evaluation: Evaluation
    data: str | None
    data_sha256: str | None
    source_sha256: str


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure of a record; what it needs to be compared by statistics comes along.

    ``low`` and ``high`` bound it at 95 % where that is known. ``missing`` says why there is no
    value. ``own_unit`` is said where its unit is another than its metric's.
    """

    value: float | None
    basis: Basis
    better: Better = "lower"
    low: float | None = None
    high: float | None = None
    timing: Timing | None = None
    scored: Scored | None = None
    missing: str = ""
    own_unit: str = ""

    def unit_as(self, metric: str) -> str:
        """Return its unit as a figure of this metric."""
        return self.own_unit or METRICS[metric].unit


@dataclass(frozen=True, kw_only=True)
class Record:
    """What is known of one artifact in one place.

    ``facts`` are what is no figure, by kind (``operators``, ``precision``, ``environment``,
    ``identity``) and name. ``failed`` says why figures are missing that a device should have told.
    """

    model: str
    target: str
    device: str
    figures: Mapping[str, Figure]
    facts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    failed: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """Model, target and device."""
        return self.model, self.target, self.device


@dataclass(frozen=True, kw_only=True)
class Source:
    """A document that records are from; of a benchmark, the files that the pattern ``only`` fits.

    An empty pattern fits all.
    """

    document: Report | Benchmark
    only: str = ""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One side of a comparison: where it was read from, its records, and the documents of those."""

    name: str
    records: tuple[Record, ...]
    sources: tuple[Source, ...] = ()
