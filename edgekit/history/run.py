"""What a history can tell of a run without opening its document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

HOST = "host"
"""The device that a conversion measures on: the machine that it runs on."""

Kind = Literal["conversion", "benchmark"]
Verdict = Literal["pass", "fail"]
VERDICTS: tuple[Verdict, ...] = ("pass", "fail")


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A figure that is kept of runs: what it is called, and its unit."""

    title: str
    unit: str


DROP = "accuracy_drop_pp"
METRICS: Mapping[str, Metric] = {
    "latency_ms": Metric(title="latency", unit="ms"),
    "size_kib": Metric(title="size", unit="KiB"),
    "model_memory_mib": Metric(title="memory of the model", unit="MiB"),
    "peak_memory_mib": Metric(title="memory of the process", unit="MiB"),
    "ram_kib": Metric(title="RAM", unit="KiB"),
    "arena_kib": Metric(title="arena", unit="KiB"),
    "score": Metric(title="score", unit=""),
    DROP: Metric(title="drop", unit="pp"),
    "parity_sqnr_db": Metric(title="SQNR", unit="dB"),
    "instructions": Metric(title="instructions", unit=""),
    "cycles": Metric(title="cycles", unit=""),
}
"""By the names of ``edgekit.comparing.metrics``."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a run took place, as far as that is known: machine, Git commit and branch."""

    host: str | None = None
    commit: str | None = None
    branch: str | None = None


@dataclass(frozen=True, kw_only=True)
class Row:
    """One file on one device: what it is, and its figures; None where they are not known.

    A conversion's ``device`` is ``host``, and its figures are against the source model; a
    benchmark's score and drop are the device's, against this host's. ``latency_ms`` is the median
    where it was timed; ``latency_basis`` says how it was come by. ``drop_unit`` is what the drop is
    in: ``pp``, or ``%`` of the source model's error for metrics such as ``mse``.
    """

    kind: Kind
    model: str
    source_sha256: str | None
    artifact_sha256: str | None
    target: str
    device: str
    edgekit: str
    verdict: Verdict
    metric: str | None = None
    score: float | None = None
    accuracy_drop_pp: float | None = None
    drop_unit: str | None = None
    parity_sqnr_db: float | None = None
    latency_ms: float | None = None
    latency_basis: str | None = None
    size_kib: float | None = None
    model_memory_mib: float | None = None
    peak_memory_mib: float | None = None
    ram_kib: float | None = None
    arena_kib: float | None = None
    instructions: int | None = None
    cycles: int | None = None


@dataclass(frozen=True, kw_only=True)
class Run(Row):
    """A row with its number, when it was kept (UTC), where it took place, and its document.

    ``document`` is the SHA-256 of the document's content: rows of one benchmark share one.
    """

    id: int
    time: datetime
    host: str | None
    commit: str | None
    branch: str | None
    document: str


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which runs: those that fit all that is given. ``commit`` may be its beginning."""

    kind: Kind | None = None
    model: str | None = None
    target: str | None = None
    device: str | None = None
    verdict: Verdict | None = None
    since: datetime | None = None
    branch: str | None = None
    commit: str | None = None


@dataclass(frozen=True, kw_only=True, order=True)
class Series:
    """What may be compared over time: one model, target and device; of this host, one machine.

    ``unit`` is that of the figure: scores that drop and errors that grow are apart.
    """

    model: str
    target: str
    device: str
    kind: Kind
    machine: str = ""
    unit: str = ""

    @property
    def title(self) -> str:
        """What a plot of it is headed."""
        where = f"{self.device} ({self.machine})" if self.machine else self.device
        what = "" if self.kind == "conversion" else ", benchmark"
        return f"{self.model}, {self.target}, {where}{what}"


@dataclass(frozen=True, kw_only=True)
class Point:
    """A figure of a run in a trend."""

    run: int
    time: datetime
    value: float
    verdict: Verdict


def scale_of(values: Sequence[float]) -> tuple[float, float]:
    """Return the ends of the scale: as the values have them, wider where these are all alike."""
    low, high = min(values), max(values)
    if high - low > 1e-9 * max(abs(low), abs(high)):
        return low, high
    around = 0.05 * abs(low) or 1.0
    return low - around, high + around
