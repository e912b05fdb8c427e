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
    """A figure that is kept of every run: what it is, its unit, and which way is better."""

    title: str
    unit: str
    lower_is_better: bool | None = True


METRICS: Mapping[str, Metric] = {
    "latency_ms": Metric(title="latency", unit="ms"),
    "size_kib": Metric(title="size", unit="KiB"),
    "memory_kib": Metric(title="memory", unit="KiB"),
    "score": Metric(title="score", unit="", lower_is_better=None),
    "drop_pp": Metric(title="drop", unit="pp"),
    "sqnr_db": Metric(title="SQNR", unit="dB", lower_is_better=False),
    "instructions": Metric(title="instructions", unit=""),
    "cycles": Metric(title="cycles", unit=""),
}


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
    where it was timed; ``latency_basis`` says how it was come by. ``memory_kib`` is what the model
    adds to the process for conversions, else the device's RAM, arena or process, whichever it
    tells first. ``drop_pp`` is in per cent for errors such as ``mse``.
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
    drop_pp: float | None = None
    sqnr_db: float | None = None
    latency_ms: float | None = None
    latency_basis: str | None = None
    size_kib: float | None = None
    memory_kib: float | None = None
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
    """What may be compared over time: one model, target and device; of this host, one machine."""

    model: str
    target: str
    device: str
    kind: Kind
    machine: str = ""

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
